#include "traffic/client_launch.h"

#include <errno.h>
#include <linux/net_tstamp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/flow_key.h"
#include "traffic/client.h"
#include "traffic/egress.h"
#include "traffic/keeper.h"

/* After a send that failed when the moment had come. */
#define RETRY_NS (2 * NS_PER_MS)
/* And ahead of it, as long as there is half of the time to it, but not less: */
#define RETRY_LEAST_NS (50 * NS_PER_US)
/* How often two clocks are compared, unless both were read within so short a time. */
#define TRIES    4
#define TIGHT_NS NS_PER_US

/* How far the clock 'id' is ahead of the monotonic one.  Of some tries the shortest is believed: whoever is
 * interrupted between two clocks sees a distance that there is not. */
static int64_t read_ahead(clockid_t id) {
    int64_t ahead_ns = 0, shortest_ns = INT64_MAX;
    for (int i = 0; i < TRIES && shortest_ns > TIGHT_NS; i++) {
        struct timespec other;
        int64_t before_ns = clock_monotonic_ns();
        clock_gettime(id, &other);
        int64_t took_ns = clock_monotonic_ns() - before_ns;
        if (took_ns < shortest_ns) {
            shortest_ns = took_ns;
            ahead_ns = clock_from_timespec(other) - (before_ns + took_ns / 2);
        }
    }
    return ahead_ns;
}

int64_t client_launch_sent(const struct client_flow *flow, unsigned int ahead) {
    const struct client_launches *launches = &flow->client->launches;
    return launches->times_ns[ahead] + launches->real_ns;
}

uint64_t client_launch_time(const struct client_flow *flow, unsigned int ahead) {
    const struct client_launches *launches = &flow->client->launches;
    return (uint64_t)(launches->times_ns[ahead] + launches->clock_ns);
}

/* Tells the socket 'fd' to take launch times of 'clock', with the help of 'keeper' for a clock that needs
 * CAP_NET_ADMIN.  Returns 0 or a negative errno: -EPERM, or -ENOPROTOOPT of a kernel before 4.19. */
static int set_clock(int fd, clockid_t clock, int keeper) {
    const struct sock_txtime txtime = {.clockid = clock};
    if (setsockopt(fd, SOL_SOCKET, SO_TXTIME, &txtime, sizeof txtime) == 0) {
        return 0;
    }
    return errno == EPERM && clock == CLOCK_TAI ? traffic_keeper_ask_launch(keeper, fd) : -errno;
}

/* Looking for flows that may have launch times. */
struct search {
    struct egress egress;
    clockid_t tried; /* 0: none; what set_clock() says to any socket is 'code' */
    int code;
    uint32_t link; /* by which one that has them leaves */
};

static int try_clock(struct search *search, clockid_t clock, int keeper) {
    if (search->tried != clock) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        fd = fd < 0 ? socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0) : fd;
        search->tried = clock;
        search->code = fd < 0 ? -errno : set_clock(fd, clock, keeper);
        if (fd >= 0) {
            close(fd);
        }
    }
    return search->code;
}

/* Says in 'error' why 'flow' can't have launch times: the kernel's 'code', or the way, by the link 'link'. */
static int explain(const struct client_flow *flow, const struct egress *egress, uint32_t link, int code,
                   struct error *error) {
    char peer[IP_TEXT_SIZE], text[EGRESS_TEXT_SIZE];
    struct sockaddr_storage name;
    struct ip_address address;
    uint16_t port;
    client_peer(flow, &name);
    ip_address_from_sockaddr(&name, &address, &port);
    ip_address_format(&address, peer);
    if (code != 0) {
        return error_set(error, -EOPNOTSUPP,
                         "no launch times for datagrams to %s: the kernel does not take them (SO_TXTIME): %s",
                         peer, strerror(-code));
    }
    return error_set(error, -EOPNOTSUPP,
                     "no launch times for datagrams to %s: they leave by %s; give that link the qdisc fq "
                     "(tc-fq(8)), or don't ask for --txtime on",
                     peer, egress_describe(egress, link, text));
}

/* Finds out whether 'flow' may have launch times, and gives it what it needs for them.  Returns as
 * client_launch_find(). */
static int find_one(struct client_flow *flow, struct search *search, struct error *error) {
    struct client *client = flow->client;
    const struct traffic_flow *plan = flow->plan;
    enum traffic_txtime wanted = client->job->tuning.txtime;
    struct qdisc_launch how = {.clock = CLOCK_MONOTONIC};
    uint32_t link = 0;
    size_t six = plan->family == 6;
    if (client->job->sender->addresses[six] == NULL || client->job->receiver->addresses[six] == NULL) {
        return 0; /* it has no way at all, and fails for that */
    }
    const struct egress_way way = {.source = client_source(flow),
                                   .destination = &client->job->receiver->addresses[six][plan->destination],
                                   .source_port = plan->sport,
                                   .destination_port =
                                       (uint16_t)(client->job->first_port + plan->dport - TRAFFIC_FIRST_PORT),
                                   .dscp = plan->group == NULL ? 0 : plan->group->dscp};
    bool kept = wanted == TRAFFIC_TXTIME_BLIND || egress_keeps(&search->egress, &way, &how, &link);
    int code = kept ? try_clock(search, how.clock, client->job->keeper) : 0;
    if (!kept || code != 0) {
        return wanted == TRAFFIC_TXTIME_ON ? explain(flow, &search->egress, link, code, error) : 0;
    }
    if (client->launches.of == NULL &&
        (client->launches.of = calloc(client->job->plan->count, sizeof *client->launches.of)) == NULL) {
        return error_set(error, -ENOMEM, "no memory for launch times");
    }
    search->link = link;
    flow->launch = &client->launches.of[plan->number];
    *flow->launch = (struct client_launch){.how = how, .moment_ns = plan->start_ns};
    return 0;
}

/* Keeps this thread on one processor, the same for all who send by the link 'link'.  The qdisc's timer is set
 * by whoever looked into the queue last, and what it lets go leaves by his processor, which on virtual links
 * is a way of its own (net/core/dev.c, enqueue_to_backlog()): of two datagrams the second might be the first.
 */
static void stay(uint32_t link) {
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) {
        return;
    }
    unsigned int left = link % (unsigned int)CPU_COUNT(&allowed);
    for (unsigned int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &allowed) && left-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(i, &one);
            (void)sched_setaffinity(0, sizeof one, &one);
            return;
        }
    }
}

int client_launch_keep(const struct traffic_job *job, struct traffic_keeper *keeper, struct error *error) {
    struct egress egress;
    enum traffic_txtime wanted = job->tuning.txtime;
    bool may_launch = wanted == TRAFFIC_TXTIME_AUTO || wanted == TRAFFIC_TXTIME_ON;
    bool needed = job->responses != NULL && job->plan->response_count > 0;
    if ((!may_launch && !needed) || job->keeper > 0 || job->identity == NULL) {
        return 0;
    }
    if (egress_open(&egress) == 0) {
        for (size_t i = 0; i < egress.qdiscs.count; i++) {
            needed =
                needed || (egress.qdiscs.items[i].keeps && egress.qdiscs.items[i].launch.clock == CLOCK_TAI);
        }
    }
    egress_close(&egress);
    return needed ? traffic_keeper_start(keeper, job->identity, error) : 0;
}

int client_launch_find(struct client *client, struct error *error) {
    const struct traffic_job *job = client->job;
    enum traffic_txtime wanted = job->tuning.txtime;
    struct search search = {.tried = 0};
    if (wanted == TRAFFIC_TXTIME_OFF) {
        return 0;
    }
    int failure = egress_open(&search.egress);
    if (failure != 0) {
        error_set(error, failure, "no memory to look at the links that datagrams leave by");
    }
    bool some = wanted != TRAFFIC_TXTIME_AUTO || search.egress.possible;
    bool fast = false;
    for (size_t i = 0; i < job->plan->count && some && failure == 0; i++) {
        const struct traffic_flow *plan = &job->plan->flows[i];
        bool ours = traffic_job_has(job, plan, plan->sport);
        fast = fast || (ours && plan->fast != 0);
        /* How long a response takes is reckoned from a send time that is no promise. */
        if (ours && plan->protocol == PROTOCOL_UDP && plan->fast == 0 && plan->response == 0) {
            failure = find_one(&client->flows[i], &search, error);
        }
    }
    egress_close(&search.egress);
    if (client->launches.of != NULL && !fast) {
        stay(search.link);
    }
    return failure;
}

void client_launch_free(struct client *client) {
    free(client->launches.of);
}

void client_launch_open(struct client_flow *flow) {
    const struct client *client = flow->client;
    clockid_t own = 0;
    clockid_t *clock = flow->port == NULL ? &own : &flow->port->clock;
    if (flow->launch != NULL && *clock == 0 &&
        set_clock(flow->fd, flow->launch->how.clock, client->job->keeper) == 0) {
        *clock = flow->launch->how.clock;
    }
    /* A socket has one clock for all. */
    if (flow->launch != NULL && *clock != flow->launch->how.clock) {
        flow->launch = NULL;
    }
    if (flow->plan->fast == 0) {
        client->job->board->live->pacing |= flow->launch != NULL     ? TRAFFIC_PACING_TXTIME
                                            : client->pace.share > 0 ? TRAFFIC_PACING_SPIN
                                                                     : TRAFFIC_PACING_SLEEP;
    }
}

/* How many datagrams of 'flow' one turn hands over at most. */
static unsigned int most_of(const struct client_flow *flow) {
    unsigned int most = CLIENT_LAUNCH_BYTES / flow->plan->payload_max;
    most = most < 1 ? 1 : most < CLIENT_LAUNCHES ? most : CLIENT_LAUNCHES;
    return flow->gso > 1 && flow->gso < most ? flow->gso : most;
}

/* Chooses the datagrams that are handed over at 'now_ns', and their times.  Returns how many there are; of
 * 'due' of them the moment is over. */
static unsigned int choose(struct client_flow *flow, int64_t now_ns, unsigned int *due) {
    struct client_launches *launches = &flow->client->launches;
    const struct traffic_plan *plan = flow->client->job->plan;
    uint64_t left = flow->plan->packets - flow->done;
    unsigned int most = left < most_of(flow) ? (unsigned int)left : most_of(flow);
    int64_t guard_ns = flow->launch->how.guard_ns;
    int64_t first_ns = client_moment(flow, flow->done);
    int64_t moment_ns = first_ns, time_ns = first_ns;
    unsigned int count = 0;
    *due = 0;
    do {
        /* Whoever is late leaves at once, and nobody overtakes him. */
        int64_t soonest_ns = moment_ns < now_ns + guard_ns ? clock_monotonic_ns() + guard_ns : moment_ns;
        time_ns = soonest_ns > time_ns ? soonest_ns : time_ns;
        launches->moments_ns[count] = moment_ns;
        launches->times_ns[count] = time_ns;
        *due += moment_ns <= now_ns;
        if (++count == most || *due == CLIENT_BATCH) {
            break;
        }
        moment_ns += traffic_plan_gap(plan, flow->plan, flow->done + count - 1);
        /* What goes as one has one time; two bursts are not made one. */
    } while ((flow->gso > 1 ? moment_ns == first_ns : moment_ns <= now_ns + CLIENT_LAUNCH_MOST_NS) &&
             !client_udp_beyond(flow, moment_ns));
    return count;
}

/* Counts the first 'taken' datagrams that were chosen. */
static void count_sent(struct client_flow *flow, unsigned int taken, unsigned int due) {
    const struct client_launches *launches = &flow->client->launches;
    struct traffic_live *live = flow->client->job->board->live;
    due = due < taken ? due : taken;
    live->late_packets += due > 1 && flow->plan->gap_ns > 0 ? due - 1 : 0;
    int64_t alike = 0;
    for (unsigned int i = 0; i < taken; i++) {
        alike = i > 0 && launches->times_ns[i] == launches->times_ns[i - 1] ? alike + 1 : 1;
        live->send_batch_max = alike > live->send_batch_max ? alike : live->send_batch_max;
        client_udp_count(flow, launches->times_ns[i] - launches->moments_ns[i]);
    }
}

/* The moment of the datagram number 'piece', which must not be below that of the call before. */
static int64_t moment_before(struct client_flow *flow, uint64_t piece) {
    struct client_launch *launch = flow->launch;
    while (launch->piece < piece) {
        launch->moment_ns += traffic_plan_gap(flow->client->job->plan, flow->plan, launch->piece++);
    }
    return flow->client->start_ns + launch->moment_ns;
}

/* When 'flow' has its next turn, after one at 'now_ns' of which the moment of 'due' datagrams was over. */
static int64_t next_turn(struct client_flow *flow, int64_t now_ns, unsigned int due) {
    struct client_launch *launch = flow->launch;
    int64_t moment_ns = client_moment(flow, flow->done);
    unsigned int most = most_of(flow);
    launch->early_ns = 0;
    if (moment_ns <= now_ns && due >= CLIENT_BATCH) {
        return now_ns + flow->plan->gap_ns; /* as in client_udp_turn(): it catches up by a batch a gap */
    }
    int64_t least_ns = moment_ns - CLIENT_LAUNCH_MOST_NS;
    int64_t turn_ns = moment_ns - CLIENT_LAUNCH_LEAST_NS;
    if (flow->done >= most) {
        int64_t gone_ns = moment_before(flow, flow->done - most);
        least_ns = gone_ns > least_ns ? gone_ns : least_ns;
        turn_ns = gone_ns > turn_ns ? gone_ns : turn_ns;
    }
    launch->early_ns = turn_ns - least_ns;
    return turn_ns;
}

int64_t client_launch_turn(struct client_flow *flow, int64_t now_ns) {
    struct client_launches *launches = &flow->client->launches;
    const struct qdisc_launch *how = &flow->launch->how;
    unsigned int due;
    launches->real_ns = read_ahead(CLOCK_REALTIME);
    launches->clock_ns = how->shift_ns + (how->clock == CLOCK_MONOTONIC ? 0 : read_ahead(how->clock));
    unsigned int count = choose(flow, now_ns, &due);
    int taken = flow->gso > 1 ? client_send_together(flow, count) : client_send_each(flow, count);
    if (taken < 0) {
        /* As in client_udp_turn(); but there is room as soon as a datagram of the socket has left. */
        int64_t left_ns = launches->moments_ns[0] - now_ns;
        flow->last_errno = errno;
        flow->launch->early_ns = 0;
        return now_ns + (left_ns <= 0 ? RETRY_NS : left_ns < RETRY_LEAST_NS ? RETRY_LEAST_NS : left_ns / 2);
    }
    count_sent(flow, (unsigned int)taken, due);
    if (flow->done == flow->plan->packets || client_udp_beyond(flow, client_moment(flow, flow->done))) {
        return client_udp_finish(flow, now_ns);
    }
    return next_turn(flow, now_ns, due);
}
