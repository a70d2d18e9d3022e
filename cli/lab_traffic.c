#include "cli/lab_traffic.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/lab_replay.h"
#include "cli/say.h"
#include "cli/traffic_result.h"
#include "common/clock.h"
#include "daemon/lab.h"
#include "topo/topo.h"
#include "traffic/text.h"

static volatile sig_atomic_t stop_asked;

static void on_signal(int signal) {
    (void)signal;
    stop_asked = 1;
}

bool lab_traffic_stopped(void) {
    return stop_asked != 0;
}

static void catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

uint64_t lab_traffic_new_seed(void) {
    /* Short enough to type again. */
    return (uint64_t)(clock_real_ns() / NS_PER_MS + getpid()) % 1000000;
}

/* --- one run --- */

#define TITLE_SIZE 96

/* Several at once are told apart by their titles. */
struct show {
    const char *title; /* or NULL */
    unsigned int lines;
    bool tail; /* it was said that the tail is waited for */
};

/* On a terminal the heading comes again now and then; in a pipe there are no lines at all. */
static void show_second(const struct traffic_progress *progress, void *context) {
    struct show *show = context;
    char line[TRAFFIC_LINE_SIZE];
    if (!isatty(STDERR_FILENO)) {
        return;
    }
    const char *title = show->title == NULL ? "" : show->title;
    const char *between = show->title == NULL ? "" : ": ";
    if (traffic_text_is_tail(progress)) {
        if (!show->tail) {
            fprintf(stderr, "%s%swaiting for the tail\n", title, between);
        }
        show->tail = true;
        return;
    }
    if (show->title == NULL && show->lines++ % 20 == 0) {
        fprintf(stderr, "%s\n", traffic_text_heading(progress));
    }
    fprintf(stderr, "%s%s%s\n", title, between, traffic_text_progress(progress, line));
}

/* How many addresses of each IP version a host of the lab has, as the lab's worker says. */
static uint32_t count_addresses(const char *prefix) {
    char *text = lab_status(prefix, NULL);
    json_t *status = text == NULL ? NULL : json_loads(text, 0, NULL);
    json_int_t count = json_integer_value(json_object_get(status, "addresses"));
    json_decref(status);
    free(text);
    return count < 1 ? 1 : count > TOPO_ADDRESSES_MAX ? TOPO_ADDRESSES_MAX : (uint32_t)count;
}

/* A host of the lab as an end of a run; close_host() takes it back. */
static int open_host(const char *prefix, unsigned number, uint32_t addresses, struct traffic_host *host,
                     struct error *error) {
    *host = (struct traffic_host){.netns_fd = -1, .address_count = addresses};
    host->netns_fd = topo_namespace_open(prefix, number, error);
    if (host->netns_fd == -ENOENT) {
        return error_set(error, -ENOENT,
                         "this lab has no host ns%u; 'nsmon start --hosts %u' makes one with it", number,
                         number);
    }
    struct ip_address *own[2] = {calloc(addresses, sizeof **own), calloc(addresses, sizeof **own)};
    host->addresses[0] = own[0];
    host->addresses[1] = own[1];
    if (host->netns_fd < 0) {
        return host->netns_fd;
    }
    if (own[0] == NULL || own[1] == NULL) {
        return error_set(error, -ENOMEM, "no memory for %u addresses", addresses);
    }
    for (uint32_t i = 0; i < addresses; i++) {
        topo_host_address(number, i, &own[0][i], &own[1][i]);
    }
    return 0;
}

static void close_host(struct traffic_host *host) {
    if (host->netns_fd >= 0) {
        close(host->netns_fd);
    }
    free((void *)host->addresses[0]);
    free((void *)host->addresses[1]);
}

static int drive(struct lab_run *run, const struct traffic_host hosts[2], struct show *show,
                 struct error *error) {
    struct identity identity;
    int code = privilege_find_user(&identity, error);
    struct traffic_settings traffic = {.plan = &run->plan,
                                       .tuning = run->settings->tuning,
                                       .client = hosts[0],
                                       .server = hosts[1],
                                       .identity = &identity,
                                       .stop = &stop_asked,
                                       .on_interval = show_second,
                                       .context = show};
    struct traffic_load load = traffic_plan_load(&run->plan);
    say_step("%s: ns%u to ns%u, %zu flow%s in %.0f s, about %.0f packets/s and %.1f Mbit/s (seed %" PRIu64
             ")",
             run->settings->profile, run->settings->from, run->settings->to, run->plan.count,
             traffic_text_plural((int64_t)run->plan.count), (double)run->plan.duration_ns / 1e9,
             load.mean_pps, load.mean_bps / 1e6, run->plan.seed);
    return code == 0 ? traffic_run(&traffic, &run->result, error) : code;
}

static int plan_and_drive(struct lab_run *run, const struct traffic_profile *profile, struct show *show,
                          struct error *error) {
    const struct lab_traffic *settings = run->settings;
    uint32_t addresses = count_addresses(settings->prefix);
    struct traffic_plan_settings planned = {.duration_ns = settings->duration_ns,
                                            .scale = settings->scale,
                                            .flows = settings->flows,
                                            .seed = settings->seed,
                                            .client_addresses = addresses,
                                            .server_addresses = addresses};
    struct traffic_host hosts[2] = {{.netns_fd = -1}, {.netns_fd = -1}};
    int code = traffic_plan_make(&run->plan, profile, &planned, error);
    code = code == 0 ? open_host(settings->prefix, settings->from, addresses, &hosts[0], error) : code;
    code = code == 0 ? open_host(settings->prefix, settings->to, addresses, &hosts[1], error) : code;
    code = code == 0 ? drive(run, hosts, show, error) : code;
    close_host(&hosts[0]);
    close_host(&hosts[1]);
    return code;
}

void lab_traffic_show_nothing(const struct lab_traffic *settings, const char *error, FILE *out) {
    char name[STORE_NAME_SIZE];
    const char *profile =
        settings->replay == NULL ? settings->profile : lab_replay_name(settings->replay, name);
    json_t *json = traffic_result_begin(profile, NULL, error);
    if (error[0] == '\0') {
        json_object_set_new(json, "stopped", json_true());
    }
    if (settings->replay == NULL) {
        json_object_set_new(json, "flows", json_array());
    }
    traffic_result_write(json, out);
}

/* Plans and drives 'settings' and shows what came of it; '*shown' says whether anything did. */
static int run_profile(const struct lab_traffic *settings, const char *title, FILE *out, bool *shown,
                       struct error *error) {
    const struct traffic_profile *profile =
        settings->shape != NULL ? settings->shape : traffic_profile_find(settings->profile);
    if (profile == NULL) {
        return error_set(error, -EINVAL, "there is no profile '%s'; 'nsmon traffic --list' shows them",
                         settings->profile);
    }
    struct lab_run run = {.settings = settings};
    struct show show = {.title = title};
    int code = plan_and_drive(&run, profile, &show, error);
    if (run.result.flow_count > 0) {
        int handed = traffic_result_hand_over(&run);
        if (handed != 0 && code == 0) {
            code = error_set(error, handed, "the result was not taken into the lab's session: %s",
                             strerror(-handed));
        }
        traffic_result_show(&run, title, code == 0 ? "" : error->text, out);
        *shown = true;
    }
    traffic_result_free(&run.result);
    traffic_plan_free(&run.plan);
    return code;
}

static int run_in_lab(const struct lab_traffic *settings, const char *title, FILE *out, bool *shown,
                      struct error *error) {
    if (settings->from == settings->to) {
        return error_set(error, -EINVAL, "traffic from ns%u to itself does not cross the switch",
                         settings->to);
    }
    int lab_fd = lab_join(settings->prefix, error);
    if (lab_fd < 0) {
        return lab_fd;
    }
    int code = settings->replay != NULL ? lab_replay_run(settings, &stop_asked, title, out, shown, error)
                                        : run_profile(settings, title, out, shown, error);
    close(lab_fd);
    return code;
}

/* Runs 'wanted' and writes its result to 'out'; 'title' is NULL for a run by itself. */
static int run_one(const struct lab_traffic *wanted, const char *title, FILE *out, struct error *error) {
    struct lab_traffic settings = *wanted;
    bool shown = false;
    settings.from = settings.from == 0 ? 1 : settings.from;
    settings.to = settings.to == 0 ? 2 : settings.to;
    int code = run_in_lab(&settings, title, out, &shown, error);
    if (settings.json && !shown) {
        lab_traffic_show_nothing(&settings, code == 0 ? "" : error->text, out);
    }
    return code;
}

int lab_traffic_run(const struct lab_traffic *settings, struct error *error) {
    catch_signals();
    return run_one(settings, NULL, settings->quiet ? stderr : stdout, error);
}

/* --- several at once --- */

/* What a child leaves behind, in memory that it shares with its parent. */
struct outcome {
    int code;
    struct error error;
};

struct child {
    pid_t pid;
    int pipe; /* what it has to say at its end */
};

static void wait_until(int64_t moment_ns) {
    int64_t left;
    while (stop_asked == 0 && (left = moment_ns - clock_monotonic_ns()) > 0) {
        clock_sleep_ns(left < 50 * NS_PER_MS ? left : 50 * NS_PER_MS);
    }
}

/* The child's life.  It ends well when its parent dies. */
static void live(const struct lab_traffic *settings, int64_t begin_ns, int pipe_fd, struct outcome *outcome) {
    char title[TITLE_SIZE];
    snprintf(title, sizeof title, "%.64s ns%u>ns%u",
             settings->replay != NULL ? settings->replay : settings->profile,
             settings->from == 0 ? 1 : settings->from, settings->to == 0 ? 2 : settings->to);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    FILE *out = fdopen(pipe_fd, "w");
    if (out == NULL) {
        outcome->code = error_set(&outcome->error, -ENOMEM, "no memory for a run of traffic");
        _exit(1);
    }
    wait_until(begin_ns + settings->start_ns);
    if (stop_asked == 0) {
        outcome->code = run_one(settings, title, out, &outcome->error);
    } else if (settings->json) {
        lab_traffic_show_nothing(settings, "", out);
    }
    fflush(out);
    _exit(0);
}

static int start_child(struct child *child, const struct lab_traffic *settings, int64_t begin_ns,
                       struct outcome *outcome, struct error *error) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return error_set(error, -errno, "could not start a run of traffic: %s", strerror(errno));
    }
    child->pid = fork();
    if (child->pid == 0) {
        close(ends[0]);
        live(settings, begin_ns, ends[1], outcome);
    }
    int code = child->pid < 0 ? -errno : 0;
    close(ends[1]);
    if (code != 0) {
        close(ends[0]);
        return error_set(error, code, "could not start a run of traffic: %s", strerror(-code));
    }
    child->pipe = ends[0];
    return 0;
}

static void stop_all(const struct child *children, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (children[i].pid > 0) {
            kill(children[i].pid, SIGTERM);
        }
    }
}

/* Writes what 'child' says until it has ended; a signal to stop is handed on to all 'count' 'children'. */
static void follow(struct child *child, const struct child *children, size_t count, FILE *out) {
    char text[4096];
    ssize_t size = 1;
    bool told = false;
    while (size > 0) {
        if (stop_asked != 0 && !told) {
            stop_all(children, count);
            told = true;
        }
        struct pollfd end = {.fd = child->pipe, .events = POLLIN};
        if (poll(&end, 1, 100) > 0) {
            size = read(child->pipe, text, sizeof text);
            fwrite(text, 1, size > 0 ? (size_t)size : 0, out);
        }
    }
    close(child->pipe);
}

/* Waits for 'child', which was 'killed' or ended by itself.  Returns how it went, with 'error' filled. */
static int reap(struct child *child, const struct outcome *outcome, bool *killed, struct error *error) {
    int status = 0;
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
    }
    child->pid = 0;
    *killed = !WIFEXITED(status);
    if (*killed) {
        return error_set(error, -ECHILD, "a run of traffic was ended by signal %d", WTERMSIG(status));
    }
    return outcome->code == 0 ? 0 : error_set(error, outcome->code, "%s", outcome->error.text);
}

/* Follows and reaps the run number 'i' of 'count'.  Its JSON is written when it is known to be whole: whoever
 * was killed while he wrote leaves some that is not. */
static int finish(size_t i, const struct lab_traffic *runs, struct child *children, size_t count,
                  const struct outcome *outcomes, FILE *out, struct error *error) {
    char *text = NULL;
    size_t size = 0;
    FILE *held = runs[0].json ? open_memstream(&text, &size) : NULL;
    follow(&children[i], children, count, held == NULL ? out : held);
    bool killed = false;
    int code = reap(&children[i], &outcomes[i], &killed, error);
    if (held != NULL) {
        bool whole = fclose(held) == 0 && !killed && size > 0;
        fputs(i == 0 ? "[\n" : ",\n", out);
        if (whole) {
            fwrite(text, 1, size, out);
        } else {
            lab_traffic_show_nothing(&runs[i], code == 0 ? "no memory for the result" : error->text, out);
        }
        free(text);
    }
    return code;
}

static int run_children(const struct lab_traffic *runs, size_t count, struct child *children,
                        struct outcome *outcomes, struct error *error) {
    int64_t begin_ns = clock_monotonic_ns();
    FILE *out = runs[0].quiet ? stderr : stdout;
    size_t started = 0;
    int code = 0;
    fflush(NULL);
    while (code == 0 && started < count) {
        code = start_child(&children[started], &runs[started], begin_ns, &outcomes[started], error);
        started += code == 0;
    }
    for (size_t i = 0; i < started; i++) {
        struct error own = {0};
        int ended = finish(i, runs, children, started, outcomes, out, &own);
        code = code != 0 || ended == 0 ? code : error_set(error, ended, "%s", own.text);
    }
    if (runs[0].json) {
        fputs(started == 0 ? "[]\n" : "]\n", out);
    }
    return code;
}

int lab_traffic_run_all(const struct lab_traffic *runs, size_t count, struct error *error) {
    if (count == 0) {
        return 0;
    }
    if (count == 1 && runs[0].start_ns == 0) {
        return lab_traffic_run(&runs[0], error);
    }
    catch_signals();
    size_t size = count * sizeof(struct outcome);
    struct child *children = calloc(count, sizeof *children);
    struct outcome *outcomes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int code = 0;
    if (children == NULL || outcomes == MAP_FAILED) {
        code = error_set(error, -ENOMEM, "no memory for %zu runs of traffic", count);
    } else {
        code = run_children(runs, count, children, outcomes, error);
    }
    if (outcomes != MAP_FAILED) {
        munmap(outcomes, size);
    }
    free(children);
    return code;
}
