#include "traffic/replay/replay.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "traffic/replay/internal.h"
#include "traffic/result.h"

#define READY_NS (15 * NS_PER_S)
#define EXIT_NS  (12 * NS_PER_S) /* nft may take its time */
#define STOP_NS  (5 * NS_PER_S)
#define LEAD_NS  (20 * NS_PER_MS)
#define LOOK_NS  (20 * NS_PER_MS)
/* The last frame has arrived when for so long none has, but that is not waited for longer than the tail of
 * any other traffic. */
#define SILENCE_NS (500 * NS_PER_MS)
/* A longer replay puts all that follows into its last interval: that bounds the memory. */
#define INTERVALS_NS (86400 * NS_PER_S)

struct replay {
    const struct replay_settings *settings;
    struct replay_result *result;
    struct error *error;
    struct replay_board *board;
    struct traffic_plan plan; /* of no flows: what an endpoint wants to have */
    struct traffic_endpoint sender;
    struct replay_part sender_part;
    struct traffic_endpoint quiet[REPLAY_HOSTS_MAX];
    struct replay_part quiet_parts[REPLAY_HOSTS_MAX];
    int64_t received_packets, received_bytes; /* at the receiver's tap before it began */
    int64_t start_ns, interval_end_ns;        /* monotonic; 0 before */
    int64_t file_size;                        /* 0: not known */
    struct replay_progress progress;
};

/* What the receiver's tap has taken in, as a process in its namespace sees it.  Leaves what can't be read. */
static void count_received(const struct replay *replay, int64_t *packets, int64_t *bytes) {
    const struct replay_settings *settings = replay->settings;
    const struct replay_host *host = &settings->others[settings->receiver];
    char path[64];
    char line[512];
    snprintf(path, sizeof path, "/proc/%ld/net/dev", (long)replay->quiet[settings->receiver].pid);
    FILE *file = fopen(path, "re");
    size_t length = strlen(host->tap);
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *name = line + strspn(line, " ");
        long long counted[2];
        if (strncmp(name, host->tap, length) == 0 && name[length] == ':' &&
            sscanf(name + length + 1, "%lld %lld", &counted[0], &counted[1]) == 2) {
            *bytes = counted[0];
            *packets = counted[1];
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

static bool wants_stop(const struct replay *replay) {
    return replay->settings->stop != NULL && *replay->settings->stop != 0;
}

static void snapshot(struct replay *replay) {
    struct replay_progress *progress = &replay->progress;
    const struct replay_board *board = replay->board;
    const struct traffic_interval before = progress->sum;
    struct traffic_interval *sum = &progress->sum;
    int64_t packets = replay->received_packets + before.received_packets;
    int64_t bytes = replay->received_bytes + before.received_bytes;
    count_received(replay, &packets, &bytes);
    sum->end_ns = clock_real_ns();
    sum->received_packets = packets - replay->received_packets;
    sum->received_bytes = bytes - replay->received_bytes;
    sum->sent_packets = traffic_board_get(&board->sent_frames);
    sum->sent_bytes = traffic_board_get(&board->sent_bytes);
    progress->last =
        (struct traffic_interval){.start_ns = progress->last.end_ns,
                                  .end_ns = sum->end_ns,
                                  .sent_packets = sum->sent_packets - before.sent_packets,
                                  .sent_bytes = sum->sent_bytes - before.sent_bytes,
                                  .received_packets = sum->received_packets - before.received_packets,
                                  .received_bytes = sum->received_bytes - before.received_bytes,
                                  .owd_p50_ns = TRAFFIC_NONE,
                                  .owd_p99_ns = TRAFFIC_NONE,
                                  .owd_max_ns = TRAFFIC_NONE};
    double pass =
        replay->file_size > 0 ? (double)traffic_board_get(&board->position) / (double)replay->file_size : -1;
    progress->done = pass < 0 ? -1
                              : ((double)traffic_board_get(&board->pass) + (pass < 1 ? pass : 1)) /
                                    (double)replay->settings->loops;
}

static void end_interval(struct replay *replay, int64_t now_ns) {
    snapshot(replay);
    replay->progress.elapsed_ns = now_ns - replay->start_ns;
    traffic_result_add_interval(&replay->result->traffic, &replay->progress.last);
    if (replay->settings->on_interval != NULL) {
        replay->settings->on_interval(&replay->progress, replay->settings->context);
    }
}

/* Waits a little for the processes' messages; ends intervals that are over. */
static void step(struct replay *replay) {
    struct pollfd channel = {.fd = replay->sender.gone ? -1 : replay->sender.channel, .events = POLLIN};
    struct timespec timeout = clock_to_timespec(LOOK_NS);
    ppoll(&channel, 1, &timeout, NULL);
    traffic_endpoint_listen(&replay->sender);
    for (size_t i = 0; i < replay->settings->other_count; i++) {
        if (replay->quiet[i].pid > 0) {
            traffic_endpoint_listen(&replay->quiet[i]);
        }
    }
    int64_t now_ns = clock_monotonic_ns();
    if (replay->start_ns != 0 && now_ns >= replay->interval_end_ns) {
        end_interval(replay, now_ns);
        while (replay->interval_end_ns <= now_ns) {
            replay->interval_end_ns += NS_PER_S;
        }
    }
}

/* Starts one process and waits until it is ready. */
static int start(struct replay *replay, struct traffic_endpoint *endpoint, const char *name,
                 traffic_endpoint_fn *main, struct traffic_job *job) {
    job->plan = &replay->plan;
    int code = traffic_endpoint_start(endpoint, name, main, job, replay->error);
    int64_t deadline = clock_monotonic_ns() + READY_NS;
    while (code == 0 && !endpoint->ready) {
        if (endpoint->failure.type == TRAFFIC_FAILED) {
            code = error_set(replay->error, endpoint->failure.code < 0 ? endpoint->failure.code : -EIO, "%s",
                             endpoint->failure.text);
        } else if (endpoint->gone || clock_monotonic_ns() > deadline) {
            code =
                error_set(replay->error, -ECHILD, "the %s ended before it was ready, or took too long", name);
        } else {
            step(replay);
        }
    }
    return code;
}

static int start_all(struct replay *replay) {
    const struct replay_settings *settings = replay->settings;
    struct replay_board *board = replay->board;
    struct traffic_job job = {.netns_fd = settings->sender.netns_fd,
                              .identity = settings->identity,
                              .keeper = settings->file_fd,
                              .context = &replay->sender_part};
    replay->sender_part =
        (struct replay_part){.settings = settings, .board = board, .host = &settings->sender};
    int code = start(replay, &replay->sender, "replay", replay_sender_main, &job);
    for (size_t i = 0; code == 0 && i < settings->other_count; i++) {
        struct replay_part *part = &replay->quiet_parts[i];
        *part = (struct replay_part){.settings = settings,
                                     .board = board,
                                     .host = &settings->others[i],
                                     .quieted = board->way.source,
                                     .address = i == settings->receiver ? board->way.destination : NULL};
        struct traffic_job quiet = {.netns_fd = part->host->netns_fd, .context = part};
        code = start(replay, &replay->quiet[i], "guard of a silent host", replay_quiet_main, &quiet);
    }
    return code;
}

/* Lets the sender run to its end, or until it is to stop. */
static int run_sender(struct replay *replay) {
    struct traffic_result *result = &replay->result->traffic;
    int64_t deadline = INT64_MAX;
    while (!replay->sender.done && !replay->sender.gone && clock_monotonic_ns() < deadline) {
        step(replay);
        if (wants_stop(replay) && !result->stopped) {
            result->stopped = true;
            traffic_endpoint_tell(&replay->sender, TRAFFIC_STOP, 0);
            deadline = clock_monotonic_ns() + STOP_NS;
        }
    }
    if (replay->sender.done) {
        const struct replay_board *board = replay->board;
        return board->code == 0 ? 0
                                : error_set(replay->error, board->code < 0 ? board->code : -EIO, "%.*s",
                                            (int)sizeof board->text - 1, board->text);
    }
    return error_set(replay->error, -ECHILD, "the replay ended before its time");
}

/* Waits until no more frames come in. */
static void wait_for_tail(struct replay *replay) {
    int64_t begin_ns = clock_monotonic_ns();
    int64_t last_ns = begin_ns;
    int64_t before = -1;
    replay->progress.draining = true;
    while (clock_monotonic_ns() - last_ns < SILENCE_NS && clock_monotonic_ns() - begin_ns < TRAFFIC_TAIL_NS) {
        int64_t packets = before;
        int64_t bytes = 0;
        count_received(replay, &packets, &bytes);
        if (packets != before) {
            before = packets;
            last_ns = clock_monotonic_ns();
        }
        step(replay);
    }
}

static int drive(struct replay *replay) {
    int code = start_all(replay);
    if (code != 0) {
        return code;
    }
    struct traffic_result *result = &replay->result->traffic;
    count_received(replay, &replay->received_packets, &replay->received_bytes);
    replay->start_ns = clock_monotonic_ns() + LEAD_NS;
    result->started_ns = clock_real_ns() + LEAD_NS;
    replay->interval_end_ns = replay->start_ns + NS_PER_S;
    replay->progress.sum.start_ns = result->started_ns;
    replay->progress.last.end_ns = result->started_ns;
    traffic_endpoint_tell(&replay->sender, TRAFFIC_GO, replay->start_ns);
    code = run_sender(replay);
    result->ended_ns = clock_real_ns();
    wait_for_tail(replay);
    return code;
}

static void conclude(struct replay *replay) {
    struct replay_result *result = replay->result;
    const struct replay_board *board = replay->board;
    int64_t now_ns = clock_monotonic_ns();
    if (replay->start_ns != 0 && now_ns > replay->start_ns) {
        end_interval(replay, now_ns);
    }
    for (size_t i = 0; i < replay->settings->other_count; i++) {
        traffic_endpoint_tell(&replay->quiet[i], TRAFFIC_FINISH, 0);
    }
    traffic_endpoint_end(&replay->sender, replay->sender.done ? STOP_NS : 0);
    for (size_t i = 0; i < replay->settings->other_count; i++) {
        traffic_endpoint_end(&replay->quiet[i], EXIT_NS);
    }
    result->traffic.sum = replay->progress.sum;
    result->traffic.client_cpu_ns = replay->sender.cpu_ns;
    result->traffic.late_p50_ns = board->late_p50;
    result->traffic.late_p99_ns = board->late_p99;
    result->traffic.late_max_ns = board->late_max;
    for (size_t i = 0; i < REPLAY_FATES; i++) {
        result->fates[i] = traffic_board_get(&board->fates[i]);
    }
    result->longest = traffic_board_get(&board->longest);
    result->padded = traffic_board_get(&board->padded);
    result->refused = traffic_board_get(&board->refused);
    result->passes = traffic_board_get(&board->pass) + 1;
    result->file_ns = traffic_board_get(&board->position_ns);
    result->mtu = board->way.mtu;
}

static int check(struct replay *replay) {
    const struct replay_settings *settings = replay->settings;
    struct stat status;
    if (settings->other_count > REPLAY_HOSTS_MAX || settings->receiver >= settings->other_count) {
        return error_set(replay->error, -EINVAL, "a replay needs a host that it goes to");
    }
    if (fstat(settings->file_fd, &status) == 0 && S_ISREG(status.st_mode)) {
        replay->file_size = (int64_t)status.st_size;
    } else if (settings->loops > 1) {
        return error_set(replay->error, -ESPIPE, "'%s' is no file and can't be played more than once",
                         settings->path);
    }
    return 0;
}

int replay_run(const struct replay_settings *settings, struct replay_result *result, struct error *error) {
    struct replay replay = {.settings = settings,
                            .result = result,
                            .error = error,
                            .plan = {.duration_ns = INTERVALS_NS},
                            .sender = {.channel = -1}};
    *result = (struct replay_result){0};
    for (size_t i = 0; i < REPLAY_HOSTS_MAX; i++) {
        replay.quiet[i].channel = -1;
    }
    int code = check(&replay);
    code = code == 0 ? traffic_result_open(&result->traffic, &replay.plan, error) : code;
    if (code != 0) {
        return code;
    }
    replay.board =
        mmap(NULL, sizeof *replay.board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (replay.board == MAP_FAILED) {
        return error_set(error, -ENOMEM, "no memory for a replay");
    }
    replay.board->late_p50 = replay.board->late_p99 = replay.board->late_max = TRAFFIC_NONE;
    code = drive(&replay);
    conclude(&replay);
    munmap(replay.board, sizeof *replay.board);
    return code;
}

void replay_result_free(struct replay_result *result) {
    traffic_result_free(&result->traffic);
}
