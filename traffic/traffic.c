#include "traffic/traffic.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "traffic/endpoint.h"
#include "traffic/result.h"
#include "traffic/wire.h"

/* How long an endpoint may take to be ready; how long the client may go on after the end of its plan, and the
 * server after the client, before they are ended; and how long one that has reported everything may take to
 * exit.  On a long way both get so many round trips more, as long as that is. */
#define READY_NS          (10 * NS_PER_S)
#define CLIENT_NS         (TRAFFIC_CLIENT_MORE_NS + 5 * NS_PER_S)
#define SERVER_NS         (TRAFFIC_TAIL_NS + 2 * NS_PER_S)
#define EXIT_NS           (2 * NS_PER_S)
#define ROUND_TRIPS       (TRAFFIC_CLIENT_ROUND_TRIPS + 1)
#define ROUND_TRIP_MAX_NS (5 * NS_PER_S)
/* How long nothing may come, beyond the longest delay, before what has not come is lost; and after a stop,
 * for which somebody waits. */
#define QUIET_NS      (1500 * NS_PER_MS)
#define STOP_QUIET_NS (400 * NS_PER_MS)
/* From the word to the first packet. */
#define LEAD_NS (20 * NS_PER_MS)
/* How often the caller's 'stop' is looked at. */
#define LOOK_NS (50 * NS_PER_MS)

/* One direction: the server on one host, the client on the other. */
struct pair {
    struct traffic_board board;
    struct traffic_endpoint server, client;
};

struct run {
    const struct traffic_settings *settings;
    struct traffic_result *result;
    struct error *error;
    struct pair pairs[2];           /* forward, reverse */
    struct traffic_board responses; /* to forward flows */
    uint64_t number;                /* of the first on the wire; the second has the next */
    size_t pair_count;              /* 1 if no flow is reverse */
    int64_t start_ns;               /* monotonic; 0 before */
    int64_t interval_end_ns;        /* monotonic: when the present interval is over */
    struct traffic_progress progress;
    bool died; /* an endpoint ended before it should */
};

static void get_boards(const struct run *run, const struct traffic_board *boards[TRAFFIC_SIDES]) {
    boards[TRAFFIC_SIDE_FORWARD] = &run->pairs[0].board;
    boards[TRAFFIC_SIDE_REVERSE] = &run->pairs[1].board;
    boards[TRAFFIC_SIDE_RESPONSES] = &run->responses;
}

static bool wants_stop(const struct run *run) {
    return run->settings->stop != NULL && *run->settings->stop != 0;
}

/* Closes the present interval and tells the caller. */
static void end_interval(struct run *run, int64_t now_ns, bool last) {
    struct traffic_progress *progress = &run->progress;
    const struct traffic_board *boards[TRAFFIC_SIDES];
    get_boards(run, boards);
    traffic_result_snapshot(boards, TRAFFIC_SIDES, progress, clock_real_ns());
    progress->elapsed_ns = now_ns - run->start_ns;
    traffic_result_interval_delays(run->result, boards, TRAFFIC_SIDES, &progress->last);
    traffic_tcp_note(&run->result->tcp, boards, progress->last.start_ns, progress->last.end_ns,
                     &progress->last.tcp);
    traffic_result_add_interval(run->result, &progress->last);
    traffic_classes_note(&run->result->classes, run->settings->plan, boards, run->result->started_ns,
                         progress->last.end_ns, last);
    if (run->settings->on_interval != NULL) {
        run->settings->on_interval(progress, run->settings->context);
    }
}

/* Waits a little for messages of the endpoints and takes them in; ends intervals that are over. */
static void step(struct run *run) {
    struct pollfd channels[4];
    nfds_t count = 0;
    for (size_t i = 0; i < run->pair_count; i++) {
        const struct pair *pair = &run->pairs[i];
        channels[count++] =
            (struct pollfd){.fd = pair->server.gone ? -1 : pair->server.channel, .events = POLLIN};
        channels[count++] =
            (struct pollfd){.fd = pair->client.gone ? -1 : pair->client.channel, .events = POLLIN};
    }
    int64_t wait_ns = LOOK_NS;
    if (run->start_ns != 0) {
        int64_t left = run->interval_end_ns - clock_monotonic_ns();
        wait_ns = left < wait_ns ? left : wait_ns;
    }
    struct timespec timeout = clock_to_timespec(wait_ns < 0 ? 0 : wait_ns);
    ppoll(channels, count, &timeout, NULL);
    for (size_t i = 0; i < run->pair_count; i++) {
        traffic_endpoint_listen(&run->pairs[i].server);
        traffic_endpoint_listen(&run->pairs[i].client);
    }
    int64_t now_ns = clock_monotonic_ns();
    if (run->start_ns != 0 && now_ns >= run->interval_end_ns) {
        end_interval(run, now_ns, false);
        /* Whoever was kept from looking for some seconds gets one long interval. */
        while (run->interval_end_ns <= now_ns) {
            run->interval_end_ns += NS_PER_S;
        }
    }
}

/* Writes why 'endpoint' ended before it should.  Returns -ECHILD. */
static int explain_death(struct run *run, struct traffic_endpoint *endpoint) {
    run->died = true;
    traffic_endpoint_end(endpoint, EXIT_NS);
    if (WIFSIGNALED(endpoint->status)) {
        return error_set(run->error, -ECHILD, "the traffic %s was ended by signal %d (%s)", endpoint->name,
                         WTERMSIG(endpoint->status), strsignal(WTERMSIG(endpoint->status)));
    }
    return error_set(run->error, -ECHILD, "the traffic %s ended before its time", endpoint->name);
}

/* An endpoint that is gone before it has reported everything, or NULL. */
static struct traffic_endpoint *find_dead(struct run *run) {
    for (size_t i = 0; i < run->pair_count; i++) {
        struct pair *pair = &run->pairs[i];
        if (pair->client.gone && !pair->client.done) {
            return &pair->client;
        }
        if (pair->server.gone && !pair->server.done) {
            return &pair->server;
        }
    }
    return NULL;
}

/* Starts one endpoint and waits until it is ready. */
static int start(struct run *run, struct traffic_endpoint *endpoint, const char *name,
                 traffic_endpoint_fn *main, const struct traffic_job *job) {
    int failure = traffic_endpoint_start(endpoint, name, main, job, run->error);
    if (failure != 0) {
        return failure;
    }
    int64_t deadline = clock_monotonic_ns() + READY_NS;
    while (!endpoint->ready && find_dead(run) == NULL) {
        if (clock_monotonic_ns() > deadline) {
            return error_set(run->error, -ETIMEDOUT, "the traffic %s was not ready within %d s", name,
                             (int)(READY_NS / NS_PER_S));
        }
        step(run);
    }
    if (endpoint->failure.type == TRAFFIC_FAILED) {
        return error_set(run->error, endpoint->failure.code < 0 ? endpoint->failure.code : -EIO, "%s",
                         endpoint->failure.text);
    }
    struct traffic_endpoint *dead = find_dead(run);
    return dead == NULL ? 0 : explain_death(run, dead);
}

/* Starts the two ends of the direction 'which', the server first. */
static int start_pair(struct run *run, size_t which, uint64_t number) {
    const struct traffic_settings *settings = run->settings;
    struct pair *pair = &run->pairs[which];
    struct traffic_job job = {.plan = settings->plan,
                              .run = number,
                              .reverse = (uint8_t)which,
                              .board = &pair->board,
                              .responses = which == 0 ? &run->responses : NULL,
                              .tuning = settings->tuning,
                              .sender = which == 0 ? &settings->client : &settings->server,
                              .receiver = which == 0 ? &settings->server : &settings->client,
                              .identity = settings->identity};
    job.netns_fd = job.receiver->netns_fd;
    int failure = start(run, &pair->server, "server", traffic_server_main, &job);
    if (failure == 0) {
        job.netns_fd = job.sender->netns_fd;
        job.first_port = pair->server.port;
        failure = start(run, &pair->client, "client", traffic_client_main, &job);
    }
    return failure;
}

static int start_all(struct run *run) {
    if (getrandom(&run->number, sizeof run->number, 0) != (ssize_t)sizeof run->number) {
        run->number = (uint64_t)clock_real_ns();
    }
    int failure = 0;
    for (size_t i = 0; i < run->pair_count && failure == 0; i++) {
        failure = start_pair(run, i, run->number + i);
    }
    return failure;
}

/* What 'round_trips' take, as the clients' greetings say, of whom not everything is believed. */
static int64_t way_ns(const struct run *run, int64_t round_trips) {
    int64_t most = 0;
    for (size_t i = 0; i < run->pair_count; i++) {
        int64_t own = traffic_board_get(&run->pairs[i].board.live->round_trip_ns);
        most = own > most ? own : most;
    }
    return round_trips * (most < ROUND_TRIP_MAX_NS ? most : ROUND_TRIP_MAX_NS);
}

static bool clients_done(const struct run *run) {
    return run->pairs[0].client.done && (run->pair_count < 2 || run->pairs[1].client.done);
}

static bool servers_done(const struct run *run) {
    return run->pairs[0].server.done && (run->pair_count < 2 || run->pairs[1].server.done);
}

/* Lets the clients run to their end, or until they are to stop. */
static int run_clients(struct run *run) {
    int64_t grace_ns = CLIENT_NS + way_ns(run, ROUND_TRIPS);
    int64_t deadline = run->start_ns + run->settings->plan->duration_ns + grace_ns;
    struct traffic_endpoint *dead;
    while (!clients_done(run)) {
        step(run);
        if (wants_stop(run) && !run->result->stopped) {
            run->result->stopped = true;
            for (size_t i = 0; i < run->pair_count; i++) {
                traffic_endpoint_tell(&run->pairs[i].client, TRAFFIC_STOP, 0);
            }
            deadline = clock_monotonic_ns() + grace_ns;
        }
        if ((dead = find_dead(run)) != NULL) {
            return explain_death(run, dead);
        }
        if (clock_monotonic_ns() > deadline) {
            run->died = true;
            return error_set(run->error, -ETIMEDOUT, "the traffic client did not come to its end");
        }
    }
    return 0;
}

/* Lets the servers wait for what is still on the way. */
static int run_servers(struct run *run) {
    run->progress.draining = true;
    for (size_t i = 0; i < run->pair_count; i++) {
        traffic_endpoint_tell(&run->pairs[i].server, TRAFFIC_FINISH,
                              run->result->stopped ? STOP_QUIET_NS : QUIET_NS);
    }
    int64_t deadline = clock_monotonic_ns() + SERVER_NS;
    bool gone = false;
    while (!servers_done(run) && !gone && clock_monotonic_ns() < deadline) {
        step(run);
        gone = true;
        for (size_t i = 0; i < run->pair_count; i++) {
            gone = gone && (run->pairs[i].server.gone || run->pairs[i].server.done);
        }
    }
    if (servers_done(run)) {
        return 0;
    }
    for (size_t i = 0; i < run->pair_count; i++) {
        if (run->pairs[i].server.gone && !run->pairs[i].server.done) {
            return explain_death(run, &run->pairs[i].server);
        }
    }
    run->died = true;
    return error_set(run->error, -ETIMEDOUT, "the traffic server did not come to its end");
}

static int drive(struct run *run) {
    int failure = start_all(run);
    if (failure != 0) {
        return failure;
    }
    run->start_ns = clock_monotonic_ns() + LEAD_NS;
    run->result->started_ns = clock_real_ns() + LEAD_NS;
    run->interval_end_ns = run->start_ns + NS_PER_S;
    run->progress.sum.start_ns = run->result->started_ns;
    run->progress.last.end_ns = run->result->started_ns;
    run->progress.flows = run->settings->plan->count - run->settings->plan->response_count;
    run->progress.tcp_flows = run->result->tcp.flow_count;
    run->progress.duration_ns = run->settings->plan->duration_ns;
    for (size_t i = 0; i < run->pair_count; i++) {
        traffic_endpoint_tell(&run->pairs[i].client, TRAFFIC_GO, run->start_ns);
    }
    failure = run_clients(run);
    int tail = run_servers(run);
    return failure != 0 ? failure : tail;
}

/* Ends all processes and writes down what they counted. */
static void conclude(struct run *run) {
    const struct traffic_board *boards[TRAFFIC_SIDES];
    uint16_t ports[TRAFFIC_SIDES] = {0};
    bool tails_seen[TRAFFIC_SIDES] = {false};
    get_boards(run, boards);
    tails_seen[TRAFFIC_SIDE_RESPONSES] = run->pairs[0].server.done && run->pairs[0].client.done;
    for (size_t i = 0; i < run->pair_count; i++) {
        struct pair *pair = &run->pairs[i];
        ports[i] = pair->server.port;
        /* Who died may have sent more than he wrote down. */
        tails_seen[i] = pair->server.done && pair->client.done;
        traffic_endpoint_end(&pair->client, pair->client.done ? EXIT_NS : 0);
        traffic_endpoint_end(&pair->server, pair->server.done ? EXIT_NS : 0);
        run->result->client_cpu_ns += pair->client.cpu_ns;
        run->result->server_cpu_ns += pair->server.cpu_ns;
        traffic_result_add_stamps(run->result, i, run->number + i, &pair->board);
    }
    ports[TRAFFIC_SIDE_RESPONSES] = ports[TRAFFIC_SIDE_FORWARD];
    if (run->settings->plan->response_count > 0) {
        traffic_result_add_stamps(run->result, TRAFFIC_SIDE_RESPONSES, run->number + TRAFFIC_RESPONSE_RUN,
                                  &run->responses);
    }
    if (run->start_ns == 0) {
        return;
    }
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns > run->start_ns) {
        end_interval(run, now_ns, true);
    }
    run->result->ended_ns = run->progress.sum.end_ns;
    run->result->sum = run->progress.sum;
    traffic_result_fill(run->result, run->settings, boards, ports, tails_seen);
}

static int check_hosts(const struct traffic_settings *settings, struct error *error) {
    const struct traffic_plan *plan = settings->plan;
    if (settings->client.address_count >= plan->client_addresses &&
        settings->server.address_count >= plan->server_addresses) {
        return 0;
    }
    return error_set(error, -EINVAL,
                     "the plan is for %u and %u addresses, but the hosts have %zu and %zu: make it anew",
                     plan->client_addresses, plan->server_addresses, settings->client.address_count,
                     settings->server.address_count);
}

int traffic_run(const struct traffic_settings *settings, struct traffic_result *result, struct error *error) {
    struct run run = {.settings = settings,
                      .result = result,
                      .error = error,
                      .pair_count = settings->plan->reverse_count > 0 ? 2 : 1};
    int failure = traffic_result_open(result, settings->plan, error);
    failure = failure != 0 ? failure : check_hosts(settings, error);
    for (size_t i = 0; i < 2; i++) {
        run.pairs[i].server.channel = run.pairs[i].client.channel = -1;
    }
    for (size_t i = 0; i < 2 && failure == 0; i++) {
        failure = traffic_board_open(&run.pairs[i].board, settings->plan->count, error);
    }
    failure = failure != 0 ? failure : traffic_board_open(&run.responses, settings->plan->count, error);
    if (failure == 0) {
        failure = drive(&run);
        conclude(&run);
    }
    for (size_t i = 0; i < 2; i++) {
        traffic_board_close(&run.pairs[i].board);
    }
    traffic_board_close(&run.responses);
    return failure;
}
