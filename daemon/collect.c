#include "daemon/collect.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/privilege.h"
#include "daemon/collect_sockets.h"
#include "daemon/control.h"
#include "daemon/database.h"
#include "daemon/keeper.h"
#include "daemon/notify.h"
#include "daemon/privileged.h"
#include "daemon/run_dir.h"
#include "daemon/status.h"

/* Templates of exporters that were silent for longer are not taken for good any more. */
#define TEMPLATE_LIFE_NS (INT64_C(24) * 3600 * NS_PER_S)
#define STATUS_TICKS     10 /* how often the service manager gets a line for people */

enum collect_signal { ON_INTERRUPT, ON_TERMINATE, ON_HANG_UP, SIGNALS };
static const int signal_numbers[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

struct collect {
    struct collect_settings settings;
    const char *description;
    const struct collect_hooks *hooks;
    struct identity identity;
    char database[4096];
    bool brokered;
    struct run_dir dir;
    int lock_fd, control_fd;
    int fds[INTAKE_LISTENERS_MAX]; /* bound, until the intake has them */
    struct notify notify;
    bool on_terminal;
    pid_t keeper; /* who started this process to work for it */
    struct event_base *base;
    struct store *store;
    struct store_appender *appender;
    struct intake intake;
    struct collect_sockets sockets;
    struct control_server *control;
    struct event *signals[SIGNALS];
    struct event *tick_event, *duration_event, *watchdog_event;
    int64_t started_ns, started_monotonic_ns;
    uint64_t ticks;
};

/* --- while it runs --- */

static void on_end(evutil_socket_t number, short what, void *context) {
    (void)number;
    (void)what;
    struct collect *collect = context;
    event_base_loopbreak(collect->base);
}

static void apply(struct collect *collect) {
    const struct collect_settings *settings = &collect->settings;
    memcpy(collect->intake.allow, settings->allow, sizeof settings->allow);
    collect->intake.allow_count = settings->allow_count;
    if (collector_set_overrides(collect->intake.collector, settings->overrides, settings->override_count,
                                settings->sampling_rate) != 0) {
        log_error("could not change rates and dialects: out of memory");
    }
}

/* Takes what can change out of 'wanted', and says what can't. */
static void take_settings(struct collect *collect, struct collect_settings *wanted) {
    const struct collect_settings *now = &collect->settings;
    if (strcmp(wanted->label, now->label) != 0 || strcmp(wanted->database, now->database) != 0 ||
        strcmp(wanted->name, now->name) != 0 || wanted->keep_unknown != now->keep_unknown ||
        wanted->duration_ns != now->duration_ns) {
        log_warning("db, label, name, keep-unknown and duration stay as they were until the next start");
    }
    memcpy(wanted->label, now->label, sizeof wanted->label);
    memcpy(wanted->database, now->database, sizeof wanted->database);
    memcpy(wanted->name, now->name, sizeof wanted->name);
    wanted->keep_unknown = now->keep_unknown;
    wanted->duration_ns = now->duration_ns;
    collect->settings = *wanted;
}

static void reload(struct collect *collect) {
    struct error error = {0};
    struct collect_settings *wanted = calloc(1, sizeof *wanted);
    notify_send(&collect->notify, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_monotonic_ns() / NS_PER_US);
    int code = -ENOMEM;
    if (wanted == NULL) {
        error_set(&error, code, "out of memory");
    } else {
        code = collect->hooks->reload(wanted, collect->hooks->context, &error);
    }
    if (wanted != NULL && code == 0) {
        take_settings(collect, wanted);
        size_t failed = collect_sockets_change(&collect->sockets, &collect->intake, &collect->settings);
        apply(collect);
        log_info("settings read again: %zu sockets, %zu could not be opened", collect->intake.listener_count,
                 failed);
    } else {
        log_error("all stays as it was: %s", error.text);
    }
    free(wanted);
    notify_send(&collect->notify, "READY=1");
}

/* A terminal that is closed sends SIGHUP too. */
static void on_hang_up(evutil_socket_t number, short what, void *context) {
    struct collect *collect = context;
    if (collect->on_terminal && isatty(STDERR_FILENO) == 0) {
        on_end(number, what, context);
    } else {
        reload(collect);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct collect *collect = context;
    intake_tick(&collect->intake, clock_real_ns());
    collect->hooks->progress(&collect->intake, clock_monotonic_ns() - collect->started_monotonic_ns,
                             collect->hooks->context);
    if (collect->ticks++ % STATUS_TICKS == 0) {
        struct collector_totals totals = collector_totals(collect->intake.collector);
        notify_send(&collect->notify, "STATUS=%zu exporters, %" PRIu64 " datagrams, %" PRIu64 " not exports",
                    totals.exporters, totals.datagrams, totals.unrecognised);
    }
}

static void on_watchdog(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    const struct collect *collect = context;
    notify_send(&collect->notify, "WATCHDOG=1");
}

static char *give_status(void *context) {
    struct collect *collect = context;
    struct status_source source = {
        .kind = "collect",
        .label = collect->settings.label[0] != '\0' ? collect->settings.label : NULL,
        .prefix = collect->settings.name,
        .database = collect->database,
        .user = collect->identity.name,
        .intake = &collect->intake,
        .started_ns = collect->started_ns,
    };
    return status_json(&source);
}

/* --- its start --- */

/* Who it is to run as: root's stand-in, or whoever runs it. */
static int find_identity(struct collect *collect, struct error *error) {
    if (geteuid() == 0) {
        return privilege_find_user(&collect->identity, error);
    }
    const struct passwd *passwd = getpwuid(geteuid());
    collect->identity.uid = geteuid();
    collect->identity.gid = getegid();
    if (passwd != NULL) {
        snprintf(collect->identity.name, sizeof collect->identity.name, "%s", passwd->pw_name);
    } else {
        snprintf(collect->identity.name, sizeof collect->identity.name, "%u", (unsigned)geteuid());
    }
    return 0;
}

static int take_run_dir(struct collect *collect, struct error *error) {
    int code = run_dir_of_collector(collect->settings.name, &collect->dir, error);
    int lock_fd = code == 0 ? run_dir_lock(&collect->dir, error) : code;
    if (lock_fd == -EALREADY) {
        return error_set(
            error, lock_fd,
            "a collector%s%s is running already ('nsmon status' shows it); --name NAME starts another",
            collect->settings.name[0] != '\0' ? " " : "", collect->settings.name);
    }
    if (lock_fd < 0) {
        return lock_fd;
    }
    collect->lock_fd = lock_fd;
    code = run_dir_make(&collect->dir, error);
    return code == 0 ? privileged_listen(collect->dir.control, 0666, &collect->control_fd, error) : code;
}

static int open_sockets(struct collect *collect, struct error *error) {
    for (size_t i = 0; i < collect->settings.listen_count; i++) {
        int fd = collect_socket_open(&collect->settings.listen[i], error);
        if (fd < 0) {
            return fd;
        }
        collect->fds[i] = fd;
    }
    return 0;
}

static int open_all(struct collect *collect, struct error *error) {
    const char *database = collect->settings.database;
    const char *label = collect->settings.label;
    int code = find_identity(collect, error);
    code = code == 0 ? database_locate(database[0] != '\0' ? database : NULL, collect->database,
                                       sizeof collect->database, error)
                     : code;
    code = code == 0 ? take_run_dir(collect, error) : code;
    code = code == 0 ? open_sockets(collect, error) : code;
    return code == 0 ? database_check(collect->database, &collect->identity, label[0] != '\0' ? label : NULL,
                                      &collect->brokered, error)
                     : code;
}

static int open_store(struct collect *collect, struct error *error) {
    struct session_settings session = {
        .label = collect->settings.label[0] != '\0' ? collect->settings.label : NULL,
        .kind = "collect",
        .prefix = collect->settings.name,
        .truth_rule = "offered",
        .settings = collect->description,
        .started_ns = collect->started_ns,
    };
    collect->store = store_open(collect->database, &session, error);
    if (collect->store == NULL) {
        return -EIO;
    }
    collect->appender = store_appender_create(collect->store);
    return collect->appender == NULL ? error_set(error, -ENOMEM, "out of memory") : 0;
}

static void load_template(const struct template_row *row, void *context) {
    collector_load_template(context, row);
}

static int start_intake(struct collect *collect, struct error *error) {
    struct collector_settings settings = {
        .store = collect->store,
        .appender = collect->appender,
        .keep_unknown = collect->settings.keep_unknown,
    };
    collect->intake = (struct intake){
        .base = collect->base,
        .store = collect->store,
        .appender = collect->appender,
        .collector = collector_create(&settings, error),
    };
    if (collect->intake.collector == NULL) {
        return -ENOMEM;
    }
    apply(collect);
    int64_t loaded = store_carry_templates(collect->store, collect->started_ns - TEMPLATE_LIFE_NS,
                                           load_template, collect->intake.collector, error);
    if (loaded < 0) {
        return (int)loaded;
    }
    if (loaded > 0) {
        log_info("%" PRId64 " templates are known from before", loaded);
    }
    int code = 0;
    for (size_t i = 0; code == 0 && i < collect->settings.listen_count; i++) {
        collect->sockets.asked[i] = collect->settings.listen[i];
        code = intake_listen(&collect->intake, collect->fds[i], error);
        collect->fds[i] = -1;
    }
    return code;
}

static struct timeval timeval_of(int64_t ns) {
    return (struct timeval){.tv_sec = ns / NS_PER_S, .tv_usec = ns % NS_PER_S / NS_PER_US};
}

/* A timer on 'base', periodic or not; none for an interval of 0.  Returns false when memory is out. */
static bool add_timer(struct event_base *base, struct event **event, int64_t interval_ns, short flags,
                      event_callback_fn call, void *context) {
    struct timeval interval = timeval_of(interval_ns);
    if (interval_ns == 0) {
        return true;
    }
    *event = event_new(base, -1, flags, call, context);
    return *event != NULL && event_add(*event, &interval) == 0;
}

static int start_events(struct collect *collect, struct error *error) {
    struct event_base *base = collect->base;
    bool good = true;
    for (size_t i = 0; good && i < SIGNALS; i++) {
        collect->signals[i] =
            evsignal_new(base, signal_numbers[i], i == ON_HANG_UP ? on_hang_up : on_end, collect);
        good = collect->signals[i] != NULL && event_add(collect->signals[i], NULL) == 0;
    }
    good = good && add_timer(base, &collect->tick_event, NS_PER_S, EV_PERSIST, on_tick, collect);
    good =
        good && add_timer(base, &collect->duration_event, collect->settings.duration_ns, 0, on_end, collect);
    good = good && add_timer(base, &collect->watchdog_event, collect->notify.watchdog_ns / 2, EV_PERSIST,
                             on_watchdog, collect);
    collect->control =
        good ? control_server_create(base, collect->control_fd, collect->store, NULL, give_status, collect)
             : NULL;
    return collect->control != NULL ? 0 : error_set(error, -ENOMEM, "could not set up the event loop");
}

static int start(struct collect *collect, struct error *error) {
    collect->started_ns = clock_real_ns();
    collect->started_monotonic_ns = clock_monotonic_ns();
    collect->base = event_base_new();
    int code = collect->base == NULL ? error_set(error, -ENOMEM, "could not make an event loop") : 0;
    code = code == 0 ? open_store(collect, error) : code;
    code = code == 0 ? start_intake(collect, error) : code;
    return code == 0 ? start_events(collect, error) : code;
}

/* --- its end --- */

static void free_event(struct event *event) {
    if (event != NULL) {
        event_free(event);
    }
}

/* Reads what is under way, writes everything, closes the session in 'state'.  Takes what start() has made,
 * however far it came. */
static int finish(struct collect *collect, const char *state, struct error *error) {
    intake_finish(&collect->intake);
    if (collect->intake.collector != NULL && strcmp(state, "stopped") == 0) {
        collect->hooks->summary(&collect->intake, collect->database, collect->hooks->context);
    }
    control_server_destroy(collect->control);
    intake_close(&collect->intake);
    free_event(collect->tick_event);
    free_event(collect->duration_event);
    free_event(collect->watchdog_event);
    for (size_t i = 0; i < SIGNALS; i++) {
        free_event(collect->signals[i]);
    }
    store_appender_destroy(collect->appender);
    if (collect->base != NULL) {
        event_base_free(collect->base);
    }
    return store_close(collect->store, state, clock_real_ns(), error);
}

static int work(struct collect *collect, struct error *error) {
    int code = start(collect, error);
    if (code != 0) {
        finish(collect, "failed", NULL);
        return code;
    }
    notify_send(&collect->notify, "READY=1\nMAINPID=%d", (int)getpid());
    collect->hooks->ready(&collect->intake, collect->database, collect->hooks->context);
    event_base_dispatch(collect->base);
    notify_send(&collect->notify, "STOPPING=1");
    return finish(collect, "stopped", error);
}

/* In the child of a keeper, or in an ordinary user's own process. */
static int work_unprivileged(struct collect *collect, bool kept, struct error *error) {
    signal(SIGPIPE, SIG_IGN);
    int code = kept ? database_drop_root(collect->database, &collect->identity, collect->brokered, error)
                    : privilege_drop(&collect->identity, error);
    if (code == 0 && kept) {
        keeper_watch(collect->keeper);
    }
    return code == 0 ? work(collect, error) : code;
}

static void close_all(struct collect *collect) {
    for (size_t i = 0; i < INTAKE_LISTENERS_MAX; i++) {
        if (collect->fds[i] >= 0) {
            close(collect->fds[i]);
        }
    }
    if (collect->control_fd >= 0) {
        close(collect->control_fd);
    }
    notify_close(&collect->notify);
}

int collect_run(const struct collect_settings *settings, const char *description,
                const struct collect_hooks *hooks, struct error *error) {
    struct collect *collect = calloc(1, sizeof *collect);
    if (collect == NULL) {
        error_set(error, -ENOMEM, "could not start: out of memory");
        return EXIT_FAILURE;
    }
    collect->settings = *settings;
    collect->description = description;
    collect->hooks = hooks;
    collect->lock_fd = collect->control_fd = -1;
    collect->on_terminal = isatty(STDERR_FILENO) != 0;
    collect->notify = notify_open();
    collect->keeper = getpid();
    for (size_t i = 0; i < INTAKE_LISTENERS_MAX; i++) {
        collect->fds[i] = -1;
    }
    int code = open_all(collect, error);
    bool kept = code == 0 && geteuid() == 0;
    pid_t child = kept ? keeper_fork(error) : 0;
    int status = EXIT_FAILURE;
    if (code == 0 && child == 0) {
        status = work_unprivileged(collect, kept, error) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    close_all(collect); /* before waiting: a socket is closed when all have closed it */
    if (child > 0) {
        status = keeper_wait(child);
    }
    if (collect->lock_fd >= 0 && (child != 0 || !kept)) {
        run_dir_remove(&collect->dir);
        close(collect->lock_fd);
    }
    free(collect);
    return status;
}

char *collect_status(const char *name, size_t which, bool *more) {
    struct run_dir dir;
    *more = run_dir_find_collector(name, which, &dir);
    int fd = *more && dir.control[0] != '\0' ? control_connect(dir.control) : -ENOENT;
    if (fd < 0) {
        return NULL;
    }
    char *text = control_status(fd, NULL);
    close(fd);
    return text;
}
