#include "cli/lab_replay.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/say.h"
#include "cli/traffic_result.h"
#include "common/clock.h"
#include "daemon/control.h"
#include "daemon/lab.h"
#include "daemon/run_dir.h"
#include "topo/topo.h"
#include "traffic/json.h"
#include "traffic/replay/text.h"

#define SUMMARY_SIZE 2048

struct run {
    const struct lab_traffic *settings;
    const char *title; /* or NULL */
    char name[STORE_NAME_SIZE];
    unsigned lines;
    struct identity identity; /* whom the replay runs as */
    struct replay_settings replay;
    struct replay_result result;
};

static void show_second(const struct replay_progress *progress, void *context) {
    struct run *run = context;
    char line[REPLAY_LINE_SIZE];
    if (!isatty(STDERR_FILENO)) {
        return;
    }
    if (run->title == NULL && run->lines++ % 20 == 0) {
        fprintf(stderr, "%s\n", replay_text_heading());
    }
    fprintf(stderr, "%s%s%s\n", run->title == NULL ? "" : run->title, run->title == NULL ? "" : ": ",
            replay_text_progress(progress, line));
}

/* --- the lab's hosts --- */

static void name_tap(struct replay_host *host, const char *prefix, unsigned number) {
    snprintf(host->tap, sizeof host->tap, "%s%stap%u", prefix, prefix[0] == '\0' ? "" : "-", number);
}

/* All hosts of the lab: the first that is not there is behind the last. */
static int open_hosts(struct run *run, struct error *error) {
    struct replay_settings *replay = &run->replay;
    const struct lab_traffic *settings = run->settings;
    bool found = false;
    for (unsigned number = 1; number <= TOPO_HOSTS_MAX; number++) {
        struct error why = {.text = ""};
        int fd = topo_namespace_open(settings->prefix, number, &why);
        if (fd == -ENOENT && number > settings->from && number > settings->to) {
            break;
        }
        if (fd < 0) {
            return error_set(error, fd, "%s", why.text);
        }
        struct replay_host *host =
            number == settings->from ? &replay->sender : &replay->others[replay->other_count];
        host->netns_fd = fd;
        name_tap(host, settings->prefix, number);
        if (number == settings->to) {
            replay->receiver = replay->other_count;
            found = true;
        }
        replay->other_count += number != settings->from;
    }
    return found ? 0 : error_set(error, -ENOENT, "this lab has no host ns%u", settings->to);
}

static void close_all(struct run *run) {
    struct replay_settings *replay = &run->replay;
    for (size_t i = 0; i < replay->other_count; i++) {
        close(replay->others[i].netns_fd);
    }
    if (replay->sender.netns_fd >= 0) {
        close(replay->sender.netns_fd);
    }
    if (replay->file_fd >= 0) {
        close(replay->file_fd);
    }
}

/* --- the result --- */

static json_t *number_or_null(int64_t value) {
    return value == TRAFFIC_NONE ? json_null() : json_integer(value);
}

static json_t *describe(const struct run *run) {
    const struct replay_result *result = &run->result;
    return json_pack(
        "{s:s, s:f, s:i, s:i, s:i, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "file",
        run->settings->replay, "speed", run->replay.speed, "loops", (int)run->replay.loops, "from",
        (int)run->settings->from, "to", (int)run->settings->to, "stopped", result->traffic.stopped, "passes",
        (json_int_t)result->passes, "file_ns", (json_int_t)result->file_ns, "mtu", (json_int_t)result->mtu,
        "too_long", (json_int_t)result->fates[REPLAY_LONG], "longest_bytes", (json_int_t)result->longest,
        "too_short", (json_int_t)result->fates[REPLAY_SHORT], "foreign",
        (json_int_t)result->fates[REPLAY_FOREIGN], "refused", (json_int_t)result->refused, "padded",
        (json_int_t)result->padded, "late_p50_ns", number_or_null(result->traffic.late_p50_ns), "late_p99_ns",
        number_or_null(result->traffic.late_p99_ns), "late_max_ns",
        number_or_null(result->traffic.late_max_ns));
}

/* What a run of flows has, as far as a replay has it: what was lost, say, nobody knows. */
static json_t *run_as_json(const struct run *run, const char *error) {
    static const char *const kept[] = {"intervals", "cpu", "late"};
    static const char *const sums[] = {"sent_packets", "sent_bytes", "received_packets", "received_bytes"};
    const struct traffic_result *traffic = &run->result.traffic;
    json_t *json = traffic_result_begin(run->name, traffic, error);
    json_t *parts = json_object();
    traffic_json_add(parts, traffic, false);
    json_object_set_new(json_object_get(parts, "late"), "packets", json_null());
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        json_object_set(json, kept[i], json_object_get(parts, kept[i]));
    }
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        json_object_set(json, sums[i], json_object_get(json_object_get(parts, "sum"), sums[i]));
    }
    json_object_set_new(json, "settings", describe(run));
    json_decref(parts);
    return json;
}

static void show(const struct run *run, const char *error, FILE *out) {
    char text[SUMMARY_SIZE];
    if (run->settings->json) {
        traffic_result_write(run_as_json(run, error), out);
    } else {
        fprintf(out, "%s%s%s", run->title == NULL ? "" : run->title, run->title == NULL ? "" : ": ",
                replay_text_summary(&run->result, text, sizeof text));
    }
}

static int send_rows(int fd, const struct run *run) {
    const struct traffic_result *traffic = &run->result.traffic;
    struct control_request request = {.kind = CONTROL_TRAFFIC_RUN};
    json_t *settings = describe(run);
    char *text = json_dumps(settings, JSON_COMPACT | JSON_REAL_PRECISION(9));
    memcpy(request.run.profile, run->name, sizeof run->name);
    request.run.started_ns = traffic->started_ns;
    request.run.ended_ns = traffic->ended_ns;
    traffic_result_fill_run(traffic, true, &request.run);
    request.run.send_batch_max = request.run.receive_batch_max = request.run.receive_cpu_ns = STORE_NULL;
    request.run.late_packets = STORE_NULL;
    snprintf(request.run.settings, sizeof request.run.settings, "%s", text == NULL ? "{}" : text);
    free(text);
    json_decref(settings);
    int code = control_send(fd, &request);
    for (size_t i = 0; code == 0 && i < traffic->interval_count; i++) {
        struct control_request row = {.kind = CONTROL_TRAFFIC_INTERVAL,
                                      .interval =
                                          traffic_result_interval(&traffic->intervals[i], STORE_NULL)};
        code = control_send(fd, &row);
    }
    return code;
}

static int hand_over(const struct run *run, struct error *error) {
    struct run_dir dir = run_dir_of(run->settings->prefix);
    int fd = control_connect(dir.control);
    int code = fd < 0 ? fd : send_rows(fd, run);
    code = code == 0 ? control_end(fd) : code;
    if (fd >= 0) {
        close(fd);
    }
    return code == 0 ? 0
                     : error_set(error, code, "the result was not taken into the lab's session: %s",
                                 strerror(-code));
}

/* --- the run --- */

const char *lab_replay_name(const char *path, char name[STORE_NAME_SIZE]) {
    const char *slash = strrchr(path, '/');
    snprintf(name, STORE_NAME_SIZE, "replay:%.*s", STORE_NAME_SIZE - 8, slash == NULL ? path : slash + 1);
    return name;
}

static int open_file(struct run *run, struct error *error) {
    const char *path = run->settings->replay;
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
    run->replay.file_fd = fd;
    if (fd < 0) {
        return error_set(error, -errno, "could not open '%s': %s", path, strerror(errno));
    }
    lab_replay_name(path, run->name);
    return 0;
}

static int drive(struct run *run, struct error *error) {
    int code = privilege_find_user(&run->identity, error);
    run->replay.identity = &run->identity;
    if (code != 0) {
        return code;
    }
    char pace[48] = "as fast as it goes";
    if (run->replay.speed > 0) {
        snprintf(pace, sizeof pace, "at %g times its speed", run->replay.speed);
    }
    say_step("%s: ns%u to ns%u, %s", run->name, run->settings->from, run->settings->to,
             run->replay.speed == 1.0 ? "with its own timing" : pace);
    return replay_run(&run->replay, &run->result, error);
}

int lab_replay_run(const struct lab_traffic *settings, const volatile sig_atomic_t *stop, const char *title,
                   FILE *out, bool *shown, struct error *error) {
    struct run run = {.settings = settings,
                      .title = title,
                      .replay = {.file_fd = -1,
                                 .path = settings->replay,
                                 .speed = settings->speed,
                                 .loops = settings->loops == 0 ? 1 : settings->loops,
                                 .sender = {.netns_fd = -1},
                                 .stop = stop,
                                 .on_interval = show_second}};
    run.replay.context = &run;
    int code = open_file(&run, error);
    code = code == 0 ? open_hosts(&run, error) : code;
    code = code == 0 ? drive(&run, error) : code;
    if (run.result.traffic.started_ns != 0) {
        int handed = hand_over(&run, code == 0 ? error : NULL);
        code = code == 0 ? handed : code;
        show(&run, code == 0 ? "" : error->text, out);
        *shown = true;
    }
    close_all(&run);
    replay_result_free(&run.result);
    return code;
}
