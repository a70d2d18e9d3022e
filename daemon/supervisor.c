#include "daemon/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/background.h"
#include "daemon/describe.h"
#include "daemon/link.h"
#include "daemon/privileged.h"
#include "daemon/remains.h"
#include "daemon/site.h"
#include "daemon/worker.h"

#define READY_ANSWER_MS  5000
#define WORKER_START_MS  15000
#define WORKER_FINISH_NS (30 * NS_PER_S)
/* From the stations' last frame to its being sampled, exported and read; and from a flush to the last
 * datagram. */
#define SETTLE_NS (100 * NS_PER_MS)

/* So many runs of traffic are told of the lab's end, and have so long to hand over their counts. */
enum { TRAFFIC_MAX = 64 };
#define TRAFFIC_END_NS (1500 * NS_PER_MS)

struct supervisor {
    const struct supervisor_settings *settings;
    struct site *site; /* NULL: nothing is built */
    struct identity identity;
    int report_fd;  /* of whoever is told what happens: the starting command's pipe, then a stopping one's
                       socket */
    bool building;  /* not up yet */
    bool finishing; /* the counts that are read now are the last */
    int socket_fd;
    int signal_fd;
    int link_fd;
    pid_t worker;
    int worker_status; /* of waitpid(), -1: it did not end by itself */
    struct privileged opened;
    int traffic_fds[TRAFFIC_MAX]; /* a connection for each run of traffic */
    size_t traffic_count;
    char session_tag[32];
};

static void report(struct supervisor *s, char kind, const char *text) {
    if (s->report_fd >= 0) {
        char line[1024];
        int length = snprintf(line, sizeof line, "%c %.1000s\n", kind, text);
        if (length > 0 && write(s->report_fd, line, (size_t)length) < 0) {
            close(s->report_fd);
            s->report_fd = -1;
        }
    }
}

/* Until the lab is up somebody waits for it; when he has gone, by Ctrl-C say, it is not wanted any more. */
static int still_wanted(const struct supervisor *s, struct error *error) {
    struct pollfd polled = {.fd = s->report_fd, .events = 0};
    bool gone = s->report_fd < 0 || (poll(&polled, 1, 0) > 0 && (polled.revents & (POLLERR | POLLHUP)) != 0);
    return gone ? error_set(error, -ECANCELED, "whoever started the lab has gone") : 0;
}

/* Tells that the lab is up, and waits to hear that somebody has learnt it. */
static int tell_ready(struct supervisor *s, struct error *error) {
    char byte;
    report(s, 'r', s->site->view.switch_text);
    struct pollfd polled = {.fd = s->report_fd, .events = POLLIN};
    if (s->report_fd < 0 || poll(&polled, 1, READY_ANSWER_MS) <= 0 ||
        recv(s->report_fd, &byte, 1, MSG_DONTWAIT) != 1) {
        return error_set(error, -ECANCELED, "whoever started the lab has gone");
    }
    return 0;
}

/* A log_sink_fn: to the log, and to whoever follows. */
static void on_log(enum log_level level, const char *message, void *context) {
    char text[1024];
    (void)level;
    snprintf(text, sizeof text, "note: %.1000s", message);
    dprintf(STDERR_FILENO, "%s\n", text);
    report(context, 's', text);
}

static int on_topo_step(const char *step, void *context) {
    struct supervisor *s = context;
    report(s, 'd', step);
    return s->building ? still_wanted(s, NULL) : 0;
}

/* --- the worker --- */

static int run_worker(struct supervisor *s, int link_fd, const char *description) {
    struct worker_settings worker = {
        .lab = &s->settings->lab,
        .database = s->settings->database,
        .brokered = s->settings->brokered,
        .pcap_dir = s->settings->pcap_dir,
        .settings = description,
        .identity = s->identity,
        .link_fd = link_fd,
        .control_fd = s->opened.control_fd,
        .kind = s->site->kind->name,
        .truth_rule = describe_truth_rule(&s->settings->lab, s->site->kind->truth_rule),
        .capture_count = s->site->view.point_count,
    };
    const struct site_view view = s->site->view;
    worker.switch_text = view.switch_text;
    worker.bridge = view.bridge;
    worker.interfaces = view.interfaces;
    worker.interface_count = view.interface_count;
    worker.ipfix_sampling = view.ipfix_sampling;
    memcpy(worker.export_fds, s->opened.export_fds, sizeof worker.export_fds);
    for (size_t i = 0; i < view.point_count; i++) {
        worker.captures[i] = s->opened.captures[i];
        worker.capture_fds[i] = s->opened.capture_fds[i];
        worker.ports[i] = view.points[i].port;
        memcpy(worker.capture_names[i], view.points[i].name, sizeof worker.capture_names[i]);
    }
    /* Root's descriptors are not the worker's. */
    close(s->link_fd);
    close(s->socket_fd);
    close(s->signal_fd);
    close(s->settings->lock_fd);
    if (s->report_fd >= 0) {
        close(s->report_fd);
    }
    s->site->kind->release(s->site);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    return worker_main(&worker);
}

/* Forks the worker and closes here what is its own from now on. */
static int start_worker(struct supervisor *s, struct error *error) {
    int ends[2];
    int code = link_open(ends);
    char *description = s->site->kind->describe(s->site, s->opened.ports);
    if (code != 0 || description == NULL) {
        free(description);
        return error_set(error, code != 0 ? code : -ENOMEM, "could not prepare the worker");
    }
    s->link_fd = ends[0];
    s->worker = fork();
    if (s->worker == 0) {
        _exit(run_worker(s, ends[1], description));
    }
    code = s->worker < 0 ? error_set(error, -errno, "could not start the worker: %s", strerror(errno)) : 0;
    free(description);
    close(ends[1]);
    privileged_close(&s->opened);
    return code;
}

static int await_worker(struct supervisor *s, struct error *error) {
    struct link_message message;
    int code = link_receive(s->link_fd, &message, WORKER_START_MS);
    if (code != 0) {
        return error_set(error, code, "the worker did not start: %s", strerror(-code));
    }
    if (message.kind != LINK_READY) {
        return error_set(error, -EIO, "%s", message.text);
    }
    char text[LAB_PATH_SIZE + 32];
    snprintf(text, sizeof text, "%lld %s", (long long)message.session_id, s->settings->database);
    report(s, 'i', text);
    return 0;
}

static void tell_worker(struct supervisor *s, enum link_kind kind, int64_t at_ns) {
    struct link_message message = {.kind = kind, .at_ns = at_ns};
    link_send(s->link_fd, &message);
}

static void tell_port(unsigned host, const struct topo_port_stats *stats, void *context) {
    struct supervisor *s = context;
    struct link_message message = {.kind = LINK_PORT, .host = host, .port = *stats};
    link_offer(s->link_fd, &message);
}

static void tell_count(const struct topo_count *count, void *context) {
    struct supervisor *s = context;
    struct link_message message = {.kind = LINK_COUNT, .count = *count};
    if (s->finishing) {
        link_send(s->link_fd, &message); /* none comes after it that would say as much */
    } else {
        link_offer(s->link_fd, &message);
    }
}

static void tell_counts(struct supervisor *s) {
    struct error error = {.text = ""};
    s->site->kind->each_port(s->site, tell_port, s);
    if (s->site->kind->each_count(s->site, tell_count, s, &error) != 0 && s->finishing) {
        char text[sizeof error.text + 32];
        snprintf(text, sizeof text, "the ledger is incomplete: %s", error.text);
        report(s, 's', text);
    }
}

/* --- the lab's life --- */

static int build(struct supervisor *s, struct error *error) {
    const struct supervisor_settings *settings = s->settings;
    const struct site_kind *kind = settings->lab.attach_bridge != NULL ? &site_attach : &site_lab;
    struct site_order order = {
        .lab = &settings->lab,
        .run_dir = settings->dir.path,
        .tag = s->session_tag,
        .progress = on_topo_step,
        .progress_context = s,
    };
    report(s, 's', kind->building);
    int code = kind->build(&order, &s->site, error);
    for (size_t i = 0; code == 0 && kind->remark(s->site, i) != NULL; i++) {
        report(s, 's', kind->remark(s->site, i));
    }
    if (code == 0) {
        report(s, 's', "starting collector and captures");
        code = privileged_open(&s->opened, &s->site->view, &settings->lab, settings->dir.control,
                               settings->pcap_dir, error);
    }
    code = code == 0 ? privileged_listen(settings->dir.supervisor, 0600, &s->socket_fd, error) : code;
    code = code == 0 ? start_worker(s, error) : code;
    code = code == 0 ? await_worker(s, error) : code;
    if (code == 0) {
        report(s, 's', kind->exporting);
        code = kind->export_to(s->site, s->opened.ports, error);
    }
    if (code == 0) {
        tell_worker(s, LINK_WINDOW_START, clock_real_ns());
        code = kind->links_up(s->site, error);
    }
    return code == 0 ? tell_ready(s, error) : code;
}

/* Forgets the runs of traffic that have ended: their connections are closed. */
static void forget_ended_traffic(struct supervisor *s) {
    size_t kept = 0;
    for (size_t i = 0; i < s->traffic_count; i++) {
        char byte;
        if (recv(s->traffic_fds[i], &byte, 1, MSG_DONTWAIT) == 0) {
            close(s->traffic_fds[i]);
        } else {
            s->traffic_fds[kept++] = s->traffic_fds[i];
        }
    }
    s->traffic_count = kept;
}

/* Has the runs of traffic end, and gives them the time to hand over what they counted. */
static void end_traffic(struct supervisor *s) {
    forget_ended_traffic(s);
    if (s->traffic_count == 0) {
        return;
    }
    report(s, 's', "ending the traffic that still runs");
    for (size_t i = 0; i < s->traffic_count; i++) {
        send(s->traffic_fds[i], SUPERVISOR_STOP, sizeof SUPERVISOR_STOP, MSG_NOSIGNAL);
    }
    int64_t deadline_ns = clock_monotonic_ns() + TRAFFIC_END_NS;
    while (s->traffic_count > 0 && clock_monotonic_ns() < deadline_ns) {
        clock_sleep_ns(10 * NS_PER_MS);
        forget_ended_traffic(s);
    }
}

/* Ends the measurement: no more frames, caches flushed, counts read, the worker's books closed. */
static int finish_measuring(struct supervisor *s, struct error *error) {
    struct error first = {0};
    end_traffic(s);
    int code = s->site->kind->quiesce(s->site, &first);
    clock_sleep_ns(SETTLE_NS);
    int64_t wait_ns = 0;
    report(s, 's', "flushing the exporters' caches");
    int flushed = s->site->kind->flush(s->site, &wait_ns, code == 0 ? &first : NULL);
    code = code == 0 ? flushed : code;
    clock_sleep_ns(wait_ns + SETTLE_NS);
    s->finishing = true;
    tell_counts(s);
    tell_worker(s, LINK_WINDOW_END, clock_real_ns());
    tell_worker(s, LINK_FINISH, 0);
    report(s, 's', "writing what was measured");
    struct link_message message;
    int finished;
    int64_t deadline_ns = clock_monotonic_ns() + WORKER_FINISH_NS;
    do {
        int64_t left_ns = deadline_ns - clock_monotonic_ns();
        finished =
            left_ns > 0 ? link_receive(s->link_fd, &message, (int)(left_ns / NS_PER_MS) + 1) : -ETIMEDOUT;
    } while (finished == 0 && message.kind != LINK_FINISHED);
    if (finished != 0) {
        return error_set(error, finished, "the worker did not close the session: %s", strerror(-finished));
    }
    if (message.text[0] != '\0') {
        return error_set(error, -EIO, "%s", message.text);
    }
    return code == 0 ? 0 : error_set(error, code, "%s", first.text);
}

static void end_worker(struct supervisor *s) {
    if (s->worker > 0) {
        if (s->link_fd >= 0) {
            close(s->link_fd); /* a worker that still runs ends at this */
            s->link_fd = -1;
        }
        for (int i = 0; i < 300; i++) {
            if (waitpid(s->worker, &s->worker_status, WNOHANG) != 0) {
                s->worker = 0;
                return;
            }
            clock_sleep_ns(10 * NS_PER_MS);
        }
        kill(s->worker, SIGKILL);
        waitpid(s->worker, NULL, 0);
        s->worker_status = -1;
        s->worker = 0;
    }
}

static int take_down(struct supervisor *s, struct error *error) {
    end_worker(s);
    privileged_close(&s->opened);
    int code = 0;
    if (s->site != NULL) {
        report(s, 's', s->site->kind->leaving);
        code = s->site->kind->take_down(s->site, error);
        s->site->kind->release(s->site);
        s->site = NULL;
    }
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
    return code;
}

/* Takes a connection to the supervisor's socket.  Returns true if it wants the lab's end. */
static bool take_connection(struct supervisor *s) {
    char word[16] = "";
    int fd = accept4(s->socket_fd, NULL, NULL, SOCK_CLOEXEC);
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    if (fd < 0 || poll(&polled, 1, 1000) <= 0 || recv(fd, word, sizeof word - 1, MSG_DONTWAIT) <= 0) {
        close(fd);
        return false;
    }
    if (strcmp(word, SUPERVISOR_STOP) == 0) {
        s->report_fd = fd;
        return true;
    }
    if (strcmp(word, SUPERVISOR_TRAFFIC) == 0 && s->traffic_count < TRAFFIC_MAX) {
        s->traffic_fds[s->traffic_count++] = fd;
    } else {
        close(fd);
    }
    return false;
}

/* Serves until somebody wants an end.  Returns 0 when that is so, or -EPIPE when the worker has died. */
static int serve(struct supervisor *s) {
    int64_t next_ns = clock_monotonic_ns();
    for (;;) {
        int64_t now_ns = clock_monotonic_ns();
        if (now_ns >= next_ns) {
            tell_counts(s);
            forget_ended_traffic(s);
            next_ns = now_ns + NS_PER_S;
        }
        struct pollfd polls[3] = {{.fd = s->socket_fd, .events = POLLIN},
                                  {.fd = s->signal_fd, .events = POLLIN},
                                  {.fd = s->link_fd, .events = POLLIN}};
        if (poll(polls, 3, 1000) <= 0) {
            continue;
        }
        if (polls[0].revents != 0 && take_connection(s)) {
            return 0;
        }
        struct link_message message;
        if (polls[2].revents != 0 && link_receive(s->link_fd, &message, 0) != -ETIMEDOUT) {
            return -EPIPE; /* it has nothing to say unasked */
        }
        if (polls[1].revents != 0) {
            struct signalfd_siginfo info;
            if (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info && info.ssi_signo != SIGCHLD) {
                return 0;
            }
        }
    }
}

static const char *how_worker_ended(const struct supervisor *s, char text[64]) {
    int status = s->worker_status;
    if (status != -1 && WIFSIGNALED(status)) {
        snprintf(text, 64, "by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else if (status != -1 && WIFEXITED(status)) {
        snprintf(text, 64, "with status %d", WEXITSTATUS(status));
    } else {
        snprintf(text, 64, "or did not answer any more");
    }
    return text;
}

static int finish(struct supervisor *s, int served, struct error *error) {
    int code = served == 0 ? finish_measuring(s, error) : served;
    if (served != 0) {
        end_worker(s);
        char how[64];
        error_set(error, served, REMAINS_LAST_WORDS ", %s; see %s", how_worker_ended(s, how),
                  s->settings->dir.log);
    }
    struct error down_error = {0};
    int down = take_down(s, &down_error);
    if (code != 0) {
        dprintf(STDERR_FILENO, "%s\n", error->text);
        remains_close_sessions(&s->settings->dir, s->settings->lab.prefix);
    }
    if (down != 0) {
        dprintf(STDERR_FILENO, "%s\n", down_error.text);
    }
    /* The folder goes while the lock is still held, so that nobody starts in between; it stays for its log
     * when nobody is told, and for its record when something is left. */
    if (down == 0 && served == 0) {
        run_dir_remove(&s->settings->dir);
    }
    if (code != 0 || down != 0) {
        report(s, 'f', code != 0 ? error->text : down_error.text);
        return EXIT_FAILURE;
    }
    report(s, 'e', "");
    return EXIT_SUCCESS;
}

int supervisor_main(const struct supervisor_settings *settings) {
    struct supervisor s = {.settings = settings,
                           .report_fd = settings->report_fd,
                           .socket_fd = -1,
                           .link_fd = -1,
                           .opened = privileged_none()};
    s.signal_fd = background_begin(settings->dir.log, settings->report_fd, settings->lock_fd);
    log_set_sink(LOG_LEVEL_WARNING, on_log, &s);
    snprintf(s.session_tag, sizeof s.session_tag, "%llx-%x", (unsigned long long)clock_real_ns(),
             (unsigned int)getpid());
    struct error error = {0};
    int code = privilege_find_user(&s.identity, &error);
    s.building = true;
    code = code == 0 ? build(&s, &error) : code;
    s.building = false;
    if (code != 0) {
        struct error ignored;
        take_down(&s, &ignored);
        run_dir_remove(&settings->dir);
        report(&s, 'f', error.text);
        return EXIT_FAILURE;
    }
    if (s.report_fd >= 0) {
        close(s.report_fd);
        s.report_fd = -1;
    }
    return finish(&s, serve(&s), &error);
}
