#include "traffic/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/flow_key.h"

/* Turns taken before the event loop looks at its sockets again. */
#define TURNS_A_ROUND 256
/* What the ends of the flows may take beyond the plan, and after a stop. */
#define GRACE_NS (3 * NS_PER_S)
#define STOP_NS  NS_PER_S
/* The flow number of the turn that ends the run. */
#define DEADLINE UINT32_MAX

static struct traffic_sent *sent_of(const struct client_flow *flow) {
    return &flow->client->job->board->sent[flow->plan->number];
}

int client_open(struct client_flow *flow, int type) {
    const struct traffic_job *job = flow->client->job;
    size_t which = flow->plan->family == 6;
    if (job->client[which].family == 0 || job->server[which].family == 0) {
        client_end(flow, TRAFFIC_FLOW_FAILED, TRAFFIC_PROBLEM_ADDRESS, EAFNOSUPPORT);
        return -1;
    }
    flow->fd = socket(which == 1 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (flow->fd < 0) {
        client_end(flow, TRAFFIC_FLOW_FAILED, TRAFFIC_PROBLEM_SOCKET, errno);
        return -1;
    }
    struct sockaddr_storage name;
    socklen_t size = ip_address_to_sockaddr(&job->client[which], flow->plan->sport, &name);
    int one = 1;
    /* Another run may use the port towards another port of its server. */
    if (setsockopt(flow->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(flow->fd, (const struct sockaddr *)&name, size) != 0) {
        client_end(flow, TRAFFIC_FLOW_FAILED, TRAFFIC_PROBLEM_BIND, errno);
        return -1;
    }
    return 0;
}

socklen_t client_peer(const struct client_flow *flow, struct sockaddr_storage *name) {
    const struct traffic_job *job = flow->client->job;
    uint16_t port = (uint16_t)(job->first_port + flow->plan->dport - TRAFFIC_FIRST_PORT);
    return ip_address_to_sockaddr(&job->server[flow->plan->family == 6], port, name);
}

void client_end(struct client_flow *flow, enum traffic_flow_state state, enum traffic_problem problem,
                int code) {
    struct client *client = flow->client;
    struct traffic_sent *sent = sent_of(flow);
    if (sent->state == TRAFFIC_FLOW_ACTIVE) {
        traffic_board_add(&client->job->board->live->active, -1);
    }
    traffic_board_add(&client->job->board->live->finished, 1);
    sent->state = (int)state;
    sent->problem = (int)problem;
    sent->problem_errno = code;
    if (flow->event != NULL) {
        event_free(flow->event);
        flow->event = NULL;
    }
    if (flow->fd >= 0) {
        close(flow->fd);
        flow->fd = -1;
    }
    if (--client->left == 0) {
        event_base_loopbreak(client->base);
    }
}

int64_t client_moment(const struct client_flow *flow, uint64_t piece) {
    return flow->client->start_ns + flow->plan->start_ns + flow->plan->gap_ns * (int64_t)piece;
}

uint64_t client_due(const struct client_flow *flow, uint64_t done, uint64_t all, int64_t now_ns) {
    int64_t behind = now_ns - client_moment(flow, done);
    uint64_t due = behind <= 0 || flow->plan->gap_ns < 1 ? 1 : 1 + (uint64_t)(behind / flow->plan->gap_ns);
    due = due < all - done ? due : all - done;
    due = due < 1 ? 1 : due;
    return due < CLIENT_BATCH ? due : CLIENT_BATCH;
}

static bool has_ended(const struct client_flow *flow) {
    return sent_of(flow)->state > (int)TRAFFIC_FLOW_ACTIVE;
}

/* Sets the timer to the next turn.  It is waited for by edges, and each setting is one, so it need not be
 * read. */
static void arm(const struct client *client) {
    const struct traffic_turn *next = traffic_pacer_next(&client->pacer);
    if (next != NULL) {
        struct itimerspec when = {.it_value = clock_to_timespec(next->at_ns)};
        timerfd_settime(client->timer, TFD_TIMER_ABSTIME, &when, NULL);
    }
}

/* Lets 'flow' send and gives it its next turn. */
static void take_turn(struct client_flow *flow, int64_t now_ns) {
    struct client *client = flow->client;
    if (has_ended(flow) || client->stopping) {
        return;
    }
    if (sent_of(flow)->state == TRAFFIC_FLOW_WAITING) {
        sent_of(flow)->state = TRAFFIC_FLOW_ACTIVE;
        traffic_board_add(&client->job->board->live->active, 1);
    }
    bool tcp = flow->plan->protocol == PROTOCOL_TCP;
    int64_t next = tcp ? client_tcp_turn(flow, now_ns) : client_udp_turn(flow, now_ns);
    if (next != 0) {
        traffic_pacer_push(&client->pacer, next, flow->plan->number);
    }
}

void client_take_turn(struct client_flow *flow) {
    take_turn(flow, clock_monotonic_ns());
    arm(flow->client);
}

/* Ends every flow that has not ended: the time is over. */
static void end_all(struct client *client) {
    for (size_t i = 0; i < client->job->plan->count; i++) {
        struct client_flow *flow = &client->flows[i];
        if (has_ended(flow)) {
            continue;
        }
        bool all_sent = flow->plan->protocol == PROTOCOL_TCP && flow->done == flow->plan->bytes;
        if (client->stopping) {
            client_end(flow, TRAFFIC_FLOW_STOPPED, TRAFFIC_PROBLEM_NONE, 0);
        } else {
            client_end(flow, TRAFFIC_FLOW_FAILED, all_sent ? TRAFFIC_PROBLEM_CLOSE : TRAFFIC_PROBLEM_TIME,
                       flow->last_errno);
        }
    }
}

static void on_timer(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct client *client = context;
    for (int i = 0; i < TURNS_A_ROUND; i++) {
        const struct traffic_turn *next = traffic_pacer_next(&client->pacer);
        int64_t now_ns = clock_monotonic_ns();
        if (next == NULL || next->at_ns > now_ns) {
            break;
        }
        uint32_t number = traffic_pacer_pop(&client->pacer).flow;
        if (number == DEADLINE) {
            end_all(client);
            return;
        }
        take_turn(&client->flows[number], now_ns);
    }
    arm(client);
}

static void go(struct client *client, int64_t start_ns) {
    const struct traffic_plan *plan = client->job->plan;
    client->start_ns = start_ns;
    for (size_t i = 0; i < plan->count; i++) {
        traffic_pacer_push(&client->pacer, client_moment(&client->flows[i], 0), (uint32_t)i);
    }
    traffic_pacer_push(&client->pacer, start_ns + plan->duration_ns + GRACE_NS, DEADLINE);
    arm(client);
}

/* Lets nothing more be sent; TCP flows close and wait a little for the server to do so too. */
static void stop(struct client *client) {
    client->stopping = true;
    client->pacer.count = 0;
    for (size_t i = 0; i < client->job->plan->count; i++) {
        struct client_flow *flow = &client->flows[i];
        if (has_ended(flow)) {
            continue;
        }
        if (flow->plan->protocol == PROTOCOL_TCP && flow->fd >= 0) {
            client_tcp_stop(flow);
        } else {
            client_end(flow, TRAFFIC_FLOW_STOPPED, TRAFFIC_PROBLEM_NONE, 0);
        }
    }
    traffic_pacer_push(&client->pacer, clock_monotonic_ns() + STOP_NS, DEADLINE);
    arm(client);
}

static void on_channel(evutil_socket_t fd, short what, void *context) {
    (void)what;
    struct client *client = context;
    struct traffic_message message;
    int got = traffic_endpoint_receive(fd, &message);
    if (got < 0) {
        event_base_loopbreak(client->base);
    } else if (got > 0 && message.type == TRAFFIC_GO && client->start_ns == 0) {
        go(client, message.start_ns);
    } else if (got > 0 && message.type == TRAFFIC_STOP && !client->stopping) {
        stop(client);
    }
}

static int make_flows(struct client *client, struct error *error) {
    const struct traffic_plan *plan = client->job->plan;
    client->left = plan->count;
    client->flows = calloc(plan->count, sizeof *client->flows);
    if (client->flows == NULL || traffic_pacer_init(&client->pacer, plan->count + 1) != 0 ||
        traffic_delay_init(&client->late) != 0) {
        return error_set(error, -ENOMEM, "no memory to send %zu flows", plan->count);
    }
    for (size_t i = 0; i < plan->count; i++) {
        client->flows[i] = (struct client_flow){.client = client, .plan = &plan->flows[i], .fd = -1};
    }
    return 0;
}

static int make_events(struct client *client, struct error *error) {
    client->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (client->timer < 0) {
        return error_set(error, -errno, "could not make a timer for the traffic client: %s", strerror(errno));
    }
    client->base = event_base_new();
    if (client->base != NULL) {
        client->timer_event =
            event_new(client->base, client->timer, EV_READ | EV_PERSIST | EV_ET, on_timer, client);
        client->channel_event =
            event_new(client->base, client->job->channel, EV_READ | EV_PERSIST, on_channel, client);
    }
    if (client->timer_event == NULL || client->channel_event == NULL ||
        event_add(client->timer_event, NULL) != 0 || event_add(client->channel_event, NULL) != 0) {
        return error_set(error, -ENOMEM, "no memory for the event loop of the traffic client");
    }
    return 0;
}

static void free_client(struct client *client) {
    if (client->timer_event != NULL) {
        event_free(client->timer_event);
    }
    if (client->channel_event != NULL) {
        event_free(client->channel_event);
    }
    if (client->base != NULL) {
        event_base_free(client->base);
    }
    if (client->timer >= 0) {
        close(client->timer);
    }
    traffic_pacer_free(&client->pacer);
    traffic_delay_free(&client->late);
    free(client->flows);
}

int traffic_client_main(const struct traffic_job *job, struct error *error) {
    struct client client = {.job = job, .timer = -1};
    int failure = make_flows(&client, error);
    failure = failure != 0 ? failure : traffic_endpoint_settle(job, error);
    failure = failure != 0 ? failure : make_events(&client, error);
    if (failure == 0) {
        client_greet_server(job);
        prctl(PR_SET_TIMERSLACK, 1);
        traffic_endpoint_report(job, TRAFFIC_READY, 0);
        event_base_dispatch(client.base);
        job->board->live->late_p50 = traffic_delay_quantile(&client.late, 0.5);
        job->board->live->late_p99 = traffic_delay_quantile(&client.late, 0.99);
        job->board->live->late_max = client.late.max;
        traffic_endpoint_report(job, TRAFFIC_DONE, 0);
    }
    free_client(&client);
    return failure;
}
