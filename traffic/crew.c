#include "traffic/crew.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "traffic/crew_sum.h"

/* How often the boards are added up, and how often their bins, which are many. */
#define SUM_MS       10
#define BINS_EACH_NS (200 * NS_PER_MS)

struct member {
    pthread_t thread;
    bool started;
    traffic_crew_fn *work;
    void *context;
    struct traffic_job job;
    /* Of which 'sent' and 'received' are the endpoint's: of what clients send, and of the responses to it. */
    struct traffic_board board, responses;
    int channel; /* our end; -1: none */
    bool ready, done, ended;
    uint16_t port;
    int failure;
    struct error error;
};

struct crew {
    const struct traffic_job *job;
    bool server;
    struct member members[TRAFFIC_SERVER_PORTS];
    unsigned int count;
    bool ready; /* and told so */
    int64_t bins_ns;
};

static void *run_member(void *context) {
    struct member *member = context;
    member->failure = member->work(&member->job, member->context, &member->error);
    close(member->job.channel);
    return NULL;
}

/* Makes a board for one thread that shares the flows of 'whole'. */
static int open_board(struct traffic_board *board, const struct traffic_board *whole, struct error *error) {
    int failure = traffic_board_open(board, whole->flow_count, error);
    if (failure == 0) {
        board->sent = whole->sent;
        board->received = whole->received;
    }
    return failure;
}

static int start(struct crew *crew, unsigned int number, traffic_crew_fn *work, void *context,
                 struct error *error) {
    struct member *member = &crew->members[number];
    *member = (struct member){.work = work, .context = context, .channel = -1, .job = *crew->job};
    int failure = open_board(&member->board, crew->job->board, error);
    if (failure == 0 && crew->job->responses != NULL) {
        failure = open_board(&member->responses, crew->job->responses, error);
        member->job.responses = &member->responses;
    }
    if (failure != 0) {
        return failure;
    }
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return error_set(error, -errno, "could not start a thread of traffic: no socket pair: %s",
                         strerror(errno));
    }
    member->channel = pair[0];
    member->job.channel = pair[1];
    member->job.board = &member->board;
    member->job.thread = number;
    member->job.threads = crew->count;
    failure = pthread_create(&member->thread, NULL, run_member, member);
    if (failure != 0) {
        close(pair[1]);
        return error_set(error, -failure, "could not start a thread of traffic: %s", strerror(failure));
    }
    member->started = true;
    return 0;
}

/* Adds up what the threads have on their boards: those of the responses, or the others. */
static void sum_boards(struct crew *crew, bool responses, bool with_bins, bool last) {
    const struct traffic_board *boards[TRAFFIC_SERVER_PORTS];
    const struct traffic_board *whole = responses ? crew->job->responses : crew->job->board;
    /* Who receives one sends the other. */
    bool receives = crew->server != responses;
    for (unsigned int i = 0; i < crew->count; i++) {
        boards[i] = responses ? &crew->members[i].responses : &crew->members[i].board;
    }
    crew_sum_live(whole, boards, crew->count, receives, last);
    if (receives && with_bins) {
        crew_sum_bins(whole, boards, crew->count,
                      crew->job->plan->class_count > 1 ? crew->job->plan->class_count : 0);
    }
    if (receives && last) {
        crew_sum_stamps(whole, boards, crew->count);
    }
}

static void sum(struct crew *crew, bool last) {
    int64_t now_ns = clock_monotonic_ns();
    bool with_bins = last || now_ns - crew->bins_ns >= BINS_EACH_NS;
    sum_boards(crew, false, with_bins, last);
    if (crew->job->responses != NULL) {
        sum_boards(crew, true, with_bins, last);
    }
    crew->bins_ns = with_bins ? now_ns : crew->bins_ns;
}

/* Hands on a message from the parent, or that it is gone.  Every server thread proves the address by its own
 * sockets. */
static void hand_on(struct crew *crew) {
    struct traffic_message message;
    int got = traffic_endpoint_receive(crew->job->channel, &message);
    for (unsigned int i = 0; i < crew->count; i++) {
        struct member *member = &crew->members[i];
        if (got > 0) {
            (void)send(member->channel, &message, sizeof message, MSG_NOSIGNAL);
        } else if (got < 0) {
            (void)shutdown(member->channel, SHUT_RDWR);
        }
    }
}

static void listen_to(struct member *member) {
    struct traffic_message message;
    int got = traffic_endpoint_receive(member->channel, &message);
    if (got < 0) {
        member->ended = true;
    } else if (got > 0 && message.type == TRAFFIC_READY) {
        member->ready = true;
        member->port = message.port;
    } else if (got > 0 && message.type == TRAFFIC_DONE) {
        member->done = true;
    }
}

/* Waits a little and takes in what was said.  Returns false when no thread is left. */
static bool step(struct crew *crew) {
    struct pollfd channels[TRAFFIC_SERVER_PORTS + 1] = {{.fd = crew->job->channel, .events = POLLIN}};
    unsigned int ready = 0, ended = 0;
    for (unsigned int i = 0; i < crew->count; i++) {
        const struct member *member = &crew->members[i];
        channels[i + 1] = (struct pollfd){.fd = member->ended ? -1 : member->channel, .events = POLLIN};
    }
    (void)poll(channels, crew->count + 1, SUM_MS);
    if (channels[0].revents != 0) {
        hand_on(crew);
    }
    for (unsigned int i = 0; i < crew->count; i++) {
        if (channels[i + 1].revents != 0) {
            listen_to(&crew->members[i]);
        }
        ready += crew->members[i].ready;
        ended += crew->members[i].ended;
    }
    if (ready == crew->count && !crew->ready) {
        crew->ready = true;
        traffic_endpoint_report(crew->job, TRAFFIC_READY, crew->members[0].port);
    }
    sum(crew, false);
    return ended < crew->count && (ended == 0 || crew->ready);
}

/* Ends all threads.  Returns 0 or what the first of them failed with. */
static int end(struct crew *crew, struct error *error) {
    int failure = 0;
    for (unsigned int i = 0; i < crew->count; i++) {
        struct member *member = &crew->members[i];
        if (member->channel >= 0) {
            (void)shutdown(member->channel, SHUT_RDWR);
        }
        if (member->started) {
            pthread_join(member->thread, NULL);
        }
        if (member->channel >= 0) {
            close(member->channel);
        }
        if (member->failure != 0 && failure == 0) {
            failure = error_set(error, member->failure, "%s", member->error.text);
        }
    }
    return failure;
}

int traffic_crew_run(const struct traffic_job *job, bool server, traffic_crew_fn *work, void *context,
                     struct error *error) {
    unsigned int threads = job->tuning.threads;
    if (threads < 2) {
        return work(job, context, error);
    }
    struct crew crew = {.job = job,
                        .server = server,
                        .count = threads < TRAFFIC_SERVER_PORTS ? threads : TRAFFIC_SERVER_PORTS};
    int failure = 0;
    for (unsigned int i = 0; i < crew.count; i++) {
        crew.members[i].channel = -1;
    }
    for (unsigned int i = 0; i < crew.count && failure == 0; i++) {
        failure = start(&crew, i, work, context, error);
    }
    while (failure == 0 && step(&crew)) {
    }
    int ended = end(&crew, error);
    failure = failure != 0 ? failure : ended;
    if (failure == 0) {
        sum(&crew, true);
        traffic_endpoint_report(job, TRAFFIC_DONE, 0);
    }
    for (unsigned int i = 0; i < crew.count; i++) {
        traffic_board_close(&crew.members[i].board);
        traffic_board_close(&crew.members[i].responses);
    }
    return failure;
}
