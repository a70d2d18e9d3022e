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

/* How long an endpoint may take to be ready; how long the client may go on after the end of its plan, and the
 * server after the client, before they are ended; and how long one that has reported everything may take to
 * exit. */
#define READY_NS  (10 * NS_PER_S)
#define CLIENT_NS (5 * NS_PER_S)
#define SERVER_NS (7 * NS_PER_S)
#define EXIT_NS   (2 * NS_PER_S)
/* From the word to the first packet. */
#define LEAD_NS (20 * NS_PER_MS)
/* How often the caller's 'stop' is looked at. */
#define LOOK_NS (50 * NS_PER_MS)

struct run {
    const struct traffic_settings *settings;
    struct traffic_result *result;
    struct error *error;
    struct traffic_board board;
    struct traffic_endpoint server, client;
    int64_t start_ns;        /* monotonic; 0 before */
    int64_t interval_end_ns; /* monotonic: when the present interval is over */
    struct traffic_progress progress;
    bool died; /* an endpoint ended before it should */
};

static bool wants_stop(const struct run *run) {
    return run->settings->stop != NULL && *run->settings->stop != 0;
}

/* Closes the present interval and tells the caller. */
static void end_interval(struct run *run, int64_t now_ns) {
    struct traffic_progress *progress = &run->progress;
    const struct traffic_live *live = run->board.live;
    traffic_result_snapshot(&run->board, progress, clock_real_ns());
    progress->elapsed_ns = now_ns - run->start_ns;
    progress->missing = traffic_board_get(&live->missing);
    progress->active = (size_t)traffic_board_get(&live->active);
    progress->finished = (size_t)traffic_board_get(&live->finished);
    traffic_result_add_interval(run->result, &progress->last);
    if (run->settings->on_interval != NULL) {
        run->settings->on_interval(progress, run->settings->context);
    }
}

/* Waits a little for messages of the endpoints and takes them in; ends intervals that are over. */
static void step(struct run *run) {
    struct pollfd channels[2] = {
        {.fd = run->server.gone ? -1 : run->server.channel, .events = POLLIN},
        {.fd = run->client.gone ? -1 : run->client.channel, .events = POLLIN},
    };
    int64_t wait_ns = LOOK_NS;
    if (run->start_ns != 0) {
        int64_t left = run->interval_end_ns - clock_monotonic_ns();
        wait_ns = left < wait_ns ? left : wait_ns;
    }
    struct timespec timeout = clock_to_timespec(wait_ns < 0 ? 0 : wait_ns);
    ppoll(channels, 2, &timeout, NULL);
    traffic_endpoint_listen(&run->server);
    traffic_endpoint_listen(&run->client);
    int64_t now_ns = clock_monotonic_ns();
    if (run->start_ns != 0 && now_ns >= run->interval_end_ns) {
        end_interval(run, now_ns);
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

/* Starts one endpoint and waits until it is ready. */
static int start(struct run *run, struct traffic_endpoint *endpoint, const char *name,
                 traffic_endpoint_fn *main, const struct traffic_job *job) {
    int failure = traffic_endpoint_start(endpoint, name, main, job, run->error);
    if (failure != 0) {
        return failure;
    }
    int64_t deadline = clock_monotonic_ns() + READY_NS;
    while (!endpoint->ready && !endpoint->gone && !run->server.gone) {
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
    if (endpoint->ready) {
        return 0;
    }
    return explain_death(run, endpoint->gone ? endpoint : &run->server);
}

static int start_both(struct run *run) {
    const struct traffic_settings *settings = run->settings;
    struct traffic_job job = {.plan = settings->plan,
                              .board = &run->board,
                              .client = {settings->client_address[0], settings->client_address[1]},
                              .server = {settings->server_address[0], settings->server_address[1]},
                              .netns_fd = settings->server_netns_fd,
                              .identity = settings->identity};
    if (getrandom(&job.run, sizeof job.run, 0) != (ssize_t)sizeof job.run) {
        job.run = (uint64_t)clock_real_ns();
    }
    int failure = start(run, &run->server, "server", traffic_server_main, &job);
    if (failure == 0) {
        job.netns_fd = settings->client_netns_fd;
        job.first_port = run->server.port;
        failure = start(run, &run->client, "client", traffic_client_main, &job);
    }
    return failure;
}

/* Lets the client run to its end, or until it is to stop. */
static int run_client(struct run *run) {
    int64_t deadline = run->start_ns + run->settings->plan->duration_ns + CLIENT_NS;
    while (!run->client.done && !run->client.gone && !run->server.gone && !run->server.done) {
        step(run);
        if (wants_stop(run) && !run->result->stopped) {
            run->result->stopped = true;
            traffic_endpoint_tell(&run->client, TRAFFIC_STOP, 0);
            deadline = clock_monotonic_ns() + CLIENT_NS;
        }
        if (clock_monotonic_ns() > deadline) {
            run->died = true;
            return error_set(run->error, -ETIMEDOUT, "the traffic client did not come to its end");
        }
    }
    if (run->client.done) {
        return 0;
    }
    return explain_death(run, run->client.gone ? &run->client : &run->server);
}

/* Lets the server wait for what is still on the way. */
static int run_server(struct run *run) {
    run->progress.draining = true;
    traffic_endpoint_tell(&run->server, TRAFFIC_FINISH, 0);
    int64_t deadline = clock_monotonic_ns() + SERVER_NS;
    while (!run->server.done && !run->server.gone && clock_monotonic_ns() < deadline) {
        step(run);
    }
    if (run->server.done) {
        return 0;
    }
    if (run->server.gone) {
        return explain_death(run, &run->server);
    }
    run->died = true;
    return error_set(run->error, -ETIMEDOUT, "the traffic server did not come to its end");
}

static int drive(struct run *run) {
    int failure = start_both(run);
    if (failure != 0) {
        return failure;
    }
    run->start_ns = clock_monotonic_ns() + LEAD_NS;
    run->result->started_ns = clock_real_ns() + LEAD_NS;
    run->interval_end_ns = run->start_ns + NS_PER_S;
    run->progress.sum.start_ns = run->result->started_ns;
    run->progress.last.end_ns = run->result->started_ns;
    run->progress.flows = run->settings->plan->count;
    run->progress.duration_ns = run->settings->plan->duration_ns;
    traffic_endpoint_tell(&run->client, TRAFFIC_GO, run->start_ns);
    failure = run_client(run);
    if (!run->server.gone) {
        int tail = run_server(run);
        failure = failure != 0 ? failure : tail;
    }
    return failure;
}

/* Ends both processes and writes down what they counted. */
static void conclude(struct run *run) {
    bool server_done = run->server.done;
    traffic_endpoint_end(&run->client, run->client.done ? EXIT_NS : 0);
    traffic_endpoint_end(&run->server, server_done ? EXIT_NS : 0);
    run->result->client_cpu_ns = run->client.cpu_ns;
    run->result->server_cpu_ns = run->server.cpu_ns;
    if (run->start_ns == 0) {
        return;
    }
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns > run->start_ns) {
        end_interval(run, now_ns);
    }
    run->result->ended_ns = run->progress.sum.end_ns;
    run->result->sum = run->progress.sum;
    traffic_result_fill(run->result, run->settings, &run->board, run->server.port, server_done);
}

int traffic_run(const struct traffic_settings *settings, struct traffic_result *result, struct error *error) {
    struct run run = {.settings = settings,
                      .result = result,
                      .error = error,
                      .server = {.channel = -1},
                      .client = {.channel = -1}};
    int failure = traffic_result_open(result, settings->plan, error);
    failure = failure != 0 ? failure : traffic_board_open(&run.board, settings->plan->count, error);
    if (failure == 0) {
        failure = drive(&run);
        conclude(&run);
    }
    traffic_board_close(&run.board);
    return failure;
}
