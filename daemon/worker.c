#include "daemon/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/control.h"
#include "daemon/database.h"
#include "daemon/intake.h"
#include "daemon/link.h"
#include "daemon/privileged.h"
#include "daemon/rates.h"
#include "daemon/site.h"
#include "daemon/stages.h"
#include "daemon/status.h"
#include "topo/openflow.h"

struct worker {
    const struct worker_settings *settings;
    struct event_base *base;
    struct store *store;
    struct store_appender *appender; /* of the event loop's thread */
    struct intake intake;
    struct split *split;
    struct capture_thread *captures;
    struct control_server *control;
    struct event *tick_event;
    struct event *link_event;
    struct stages stages;
    struct rates rates;
    struct collector_domain domains[TOPO_SETS_MAX];
    int64_t started_ns;
    int64_t window_start_ns;
    const char *end_state; /* of the session: "stopped", or "failed" when the supervisor has gone */
    bool told_to_finish;
};

static void log_to_stderr(enum log_level level, const char *message, void *context) {
    static const char *const names[] = {"error", "warning", "info", "debug"};
    (void)context;
    char now[CLOCK_TEXT_SIZE];
    dprintf(STDERR_FILENO, "%s %s: %s\n", clock_format(clock_real_ns(), now), names[level], message);
}

/* What the captures have metered so far, for the rates of now. */
static void take_captures(struct worker *worker) {
    for (size_t i = 0; i < worker->settings->capture_count; i++) {
        struct capture_counts out = capture_counts(worker->settings->captures[i], TRUTH_OUT);
        struct capture_counts in = capture_counts(worker->settings->captures[i], TRUTH_IN);
        struct rates_reading reading = {.at_ns = clock_monotonic_ns(),
                                        .to_switch = {.frames = out.processed, .bytes = out.bytes},
                                        .to_station = {.frames = in.processed, .bytes = in.bytes}};
        rates_take(&worker->rates, RATES_CAPTURE + i, &reading);
    }
}

/* Of an attached bridge the supervisor tells every row itself. */
static void write_stages(struct worker *worker) {
    if (strcmp(worker->settings->kind, "lab") == 0) {
        stages_write(&worker->stages, (unsigned)worker->settings->capture_count, worker->appender);
    }
}

static void tick(struct worker *worker) {
    take_captures(worker);
    write_stages(worker);
    intake_tick(&worker->intake, clock_real_ns());
}

static void on_tick(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    tick(context);
}

/* --- the supervisor's messages --- */

static void set_window(struct worker *worker, int64_t start_ns, int64_t end_ns) {
    struct window_row *row = &store_append(worker->appender, ROW_SESSION_WINDOW)->window;
    *row = (struct window_row){.start_ns = start_ns, .end_ns = end_ns};
    store_flush(worker->appender);
}

static void take_port(struct worker *worker, const struct link_message *message) {
    if (message->host >= 1 && message->host <= STAGES_PORTS_MAX) {
        worker->stages.ports[message->host] = message->port;
        worker->stages.known[message->host] = true;
        const struct topo_port_stats *port = &message->port;
        struct rates_reading reading = {.at_ns = clock_monotonic_ns(),
                                        .to_switch = {.frames = port->rx_packets, .bytes = port->rx_bytes},
                                        .to_station = {.frames = port->tx_packets, .bytes = port->tx_bytes}};
        rates_take(&worker->rates, RATES_PORT + message->host - 1, &reading);
    }
}

/* What the store has no column for is cut, and a count that makes no sense is none: the supervisor is
 * trusted, the message is checked all the same. */
static void take_count(struct worker *worker, const struct topo_count *count) {
    struct stage_row *row = &store_append(worker->appender, ROW_STAGE)->stage;
    snprintf(row->stage, sizeof row->stage, "%.*s", (int)sizeof count->stage - 1, count->stage);
    snprintf(row->direction, sizeof row->direction, "%.*s", (int)sizeof count->direction - 1,
             count->direction);
    snprintf(row->source, sizeof row->source, "%.*s", (int)sizeof count->source - 1, count->source);
    row->packets = count->packets < 0 ? STORE_NULL : count->packets;
    row->bytes = count->bytes < 0 ? STORE_NULL : count->bytes;
}

static void end_loop(struct worker *worker, const char *state) {
    worker->end_state = state;
    event_base_loopbreak(worker->base);
}

static void on_link(evutil_socket_t fd, short what, void *context) {
    (void)what;
    struct worker *worker = context;
    struct link_message message;
    int code;
    while ((code = link_receive(fd, &message, 0)) == 0) {
        switch (message.kind) {
        case LINK_WINDOW_START:
            worker->window_start_ns = message.at_ns;
            set_window(worker, message.at_ns, STORE_NULL);
            break;
        case LINK_WINDOW_END:
            set_window(worker, STORE_NULL, message.at_ns);
            break;
        case LINK_PORT:
            take_port(worker, &message);
            break;
        case LINK_COUNT:
            take_count(worker, &message.count);
            break;
        case LINK_FINISH:
            worker->told_to_finish = true;
            end_loop(worker, "stopped");
            return;
        default:
            log_warning("the supervisor sent a message of kind %d, which is not for a worker",
                        (int)message.kind);
            break;
        }
    }
    if (code != -ETIMEDOUT) {
        log_error("the supervisor has gone: ending the session");
        end_loop(worker, "failed");
    }
}

/* --- life --- */

static char *give_status(void *context) {
    struct worker *worker = context;
    struct status_source source = {
        .kind = worker->settings->kind,
        .label = worker->settings->lab->label,
        .prefix = worker->settings->lab->prefix,
        .database = worker->settings->database,
        .user = worker->settings->identity.name,
        .intake = &worker->intake,
        .worker = worker->settings,
        .stages = &worker->stages,
        .rates = &worker->rates,
        .started_ns = worker->started_ns,
        .window_start_ns = worker->window_start_ns,
    };
    return status_json(&source);
}

static int open_store(struct worker *worker, struct error *error) {
    const struct worker_settings *settings = worker->settings;
    struct session_settings session = {
        .label = settings->lab->label,
        .kind = settings->kind,
        .prefix = settings->lab->prefix,
        .truth_rule = settings->truth_rule,
        .settings = settings->settings,
        .started_ns = worker->started_ns,
    };
    worker->store = store_open(settings->database, &session, error);
    if (worker->store == NULL) {
        return error_prefix(error, -EIO, "as user %s", settings->identity.name);
    }
    worker->appender = store_appender_create(worker->store);
    return worker->appender == NULL ? error_set(error, -ENOMEM, "out of memory") : 0;
}

/* What single rules of the bridge sample, into worker->domains.  Returns how many. */
static size_t find_domains(struct worker *worker) {
    struct topo_sample samples[TOPO_SETS_MAX];
    struct topo_openflow_place where;
    size_t count = 0;
    if (topo_openflow_samples(&worker->settings->lab->openflow, samples, &count, &where, NULL) != 0) {
        return 0; /* such rules are refused long before */
    }
    for (size_t i = 0; i < count; i++) {
        worker->domains[i] =
            (struct collector_domain){.domain = samples[i].domain, .sampling_rate = samples[i].rate};
    }
    return count;
}

static int start_listeners(struct worker *worker, struct error *error) {
    struct collector_settings settings = {
        .domains = worker->domains,
        .domain_count = find_domains(worker),
        .store = worker->store,
        .appender = worker->appender,
        .sampling_rate = worker->settings->ipfix_sampling,
        .dialect = "openvswitch",
    };
    worker->intake = (struct intake){
        .base = worker->base,
        .store = worker->store,
        .appender = worker->appender,
        .collector = collector_create(&settings, error),
    };
    int code = worker->intake.collector == NULL ? -ENOMEM : 0;
    for (size_t i = 0; code == 0 && i < SOCKET_COUNT; i++) {
        if (worker->settings->export_fds[i] >= 0) {
            code = intake_listen(&worker->intake, worker->settings->export_fds[i], error);
        }
    }
    return code;
}

static int start_captures(struct worker *worker, struct error *error) {
    const struct worker_settings *settings = worker->settings;
    for (size_t i = 0; settings->pcap_dir[0] != '\0' && i < settings->capture_count; i++) {
        char path[PRIVILEGED_PATH_SIZE];
        privileged_capture_path(settings->pcap_dir, settings->capture_names[i], path);
        int code = capture_write_file(settings->captures[i], path, settings->capture_fds[i], error);
        if (code != 0) {
            return error_prefix(error, code, "as user %s", settings->identity.name);
        }
    }
    worker->split = split_create();
    worker->captures =
        capture_start(settings->captures, settings->capture_count, worker->store, worker->split, error);
    return worker->captures == NULL ? -EIO : 0;
}

/* Both keys of each bridge port, from whoever made it; an exporter may say the same later. */
static void write_interfaces(struct worker *worker) {
    for (size_t i = 0; i < worker->settings->interface_count; i++) {
        const struct site_interface *interface = &worker->settings->interfaces[i];
        struct interface_row *row = &store_append(worker->appender, ROW_INTERFACE)->interface;
        snprintf(row->name, sizeof row->name, "%s", interface->name);
        row->ifindex = interface->ifindex != 0 ? interface->ifindex : STORE_NULL;
        row->of_port = interface->of_port != 0 ? interface->of_port : STORE_NULL;
        row->datapath = STORE_NULL;
    }
}

static int start_events(struct worker *worker, struct error *error) {
    struct timeval second = {.tv_sec = 1};
    worker->tick_event = event_new(worker->base, -1, EV_PERSIST, on_tick, worker);
    worker->link_event =
        event_new(worker->base, worker->settings->link_fd, EV_READ | EV_PERSIST, on_link, worker);
    worker->control = control_server_create(worker->base, worker->settings->control_fd, worker->store,
                                            worker->split, give_status, worker);
    if (worker->tick_event == NULL || worker->link_event == NULL || worker->control == NULL ||
        event_add(worker->tick_event, &second) != 0 || event_add(worker->link_event, NULL) != 0) {
        return error_set(error, -ENOMEM, "could not set up the worker's event loop");
    }
    return 0;
}

static int start(struct worker *worker, struct error *error) {
    worker->base = event_base_new();
    int code = worker->base == NULL ? error_set(error, -ENOMEM, "could not make an event loop") : 0;
    code = code == 0 ? open_store(worker, error) : code;
    code = code == 0 ? start_listeners(worker, error) : code;
    code = code == 0 ? start_captures(worker, error) : code;
    code = code == 0 ? start_events(worker, error) : code;
    if (code == 0) {
        write_interfaces(worker);
    }
    return code;
}

/* Reads what is still under way, writes everything, closes the session.  Takes what start() has made, however
 * far it came. */
static int finish(struct worker *worker, struct error *error) {
    bool file_failed = false;
    capture_stop(worker->captures);
    if (worker->intake.collector != NULL) {
        write_stages(worker);
        intake_finish(&worker->intake);
    }
    control_server_destroy(worker->control);
    split_destroy(worker->split);
    intake_close(&worker->intake);
    if (worker->tick_event != NULL) {
        event_free(worker->tick_event);
    }
    if (worker->link_event != NULL) {
        event_free(worker->link_event);
    }
    store_appender_destroy(worker->appender);
    for (size_t i = 0; i < worker->settings->capture_count; i++) {
        file_failed = file_failed || capture_file_failed(worker->settings->captures[i]);
        capture_close(worker->settings->captures[i]);
    }
    if (worker->base != NULL) {
        event_base_free(worker->base);
    }
    int code = store_close(worker->store, worker->end_state, clock_real_ns(), error);
    if (code == 0 && file_failed) {
        code = error_set(error, -EIO,
                         "the capture files in '%s' could not be written to their end: is the disk full?",
                         worker->settings->pcap_dir);
    }
    return code;
}

static void say(struct worker *worker, enum link_kind kind, const char *text) {
    struct link_message message = {.kind = kind};
    if (worker->store != NULL && kind == LINK_READY) {
        message.session_id = store_session_id(worker->store);
    }
    snprintf(message.text, sizeof message.text, "%s", text);
    link_send(worker->settings->link_fd, &message);
}

int worker_main(const struct worker_settings *settings) {
    struct worker worker = {.settings = settings, .started_ns = clock_real_ns(), .end_state = "failed"};
    struct error error = {0};
    prctl(PR_SET_NAME, "nsmon-worker");
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* a terminal's Ctrl-C is the supervisor's affair */
    log_set_sink(LOG_LEVEL_INFO, log_to_stderr, NULL);
    int code = database_drop_root(settings->database, &settings->identity, settings->brokered, &error);
    code = code == 0 ? start(&worker, &error) : code;
    if (code != 0) {
        say(&worker, LINK_FAILED, error.text);
        finish(&worker, NULL);
        return EXIT_FAILURE;
    }
    say(&worker, LINK_READY, "");
    event_base_dispatch(worker.base);
    code = finish(&worker, &error);
    if (worker.told_to_finish) {
        struct link_message message = {.kind = LINK_FINISHED};
        snprintf(message.text, sizeof message.text, "%s", code == 0 ? "" : error.text);
        link_send(settings->link_fd, &message);
    }
    return code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
