/* nsmon collect: the collector alone, for any exporter. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/collect_config.h"
#include "cli/collect_options.h"
#include "cli/command.h"
#include "cli/say.h"
#include "common/clock.h"
#include "common/log.h"
#include "daemon/collect.h"

static const char help[] =
    "Usage: nsmon collect [OPTION...]\n\n"
    "Collects sFlow, NetFlow and IPFIX of any exporter into a new session, until Ctrl-C.  Any\n"
    "protocol may come on any port.  Needs no root; what root starts goes on without it.\n\n"
    "Example:  nsmon collect --listen 'udp/*:2055' --allow 192.0.2.0/24 --sampling 192.0.2.1=1000\n\n"
    "  --listen udp/ADDRESS:PORT   where exports come: an IPv4 address, one of IPv6 in brackets,\n"
    "                       or * for all.  May be repeated (default 127.0.0.1, ports 6343, 2055,\n"
    "                       4739 and 9995)\n"
    "  --allow NETWORK      drop what comes from elsewhere; may be repeated (default: take all)\n"
    "  --sampling RATE      1-in-RATE, of exporters that do not say theirs\n"
    "  --sampling NETWORK=RATE     of these exporters, whatever they say; may be repeated\n"
    "  --dialect [NETWORK=]NAME    openvswitch or generic, instead of recognising it\n"
    "  --keep-unknown       keep elements that have no column of their own, as JSON\n"
    "  --db FILE            database (default ~/.local/share/nsmon/nsmon.db; /var/lib/nsmon for root)\n"
    "  --label TEXT         a name for the session\n"
    "  --name NAME          of a second collector beside another: 1 to 5 of a-z and 0-9\n"
    "  --duration TIME      end after that time, such as 90, 10m or 2h\n"
    "  --config FILE        YAML with fields of these names; read again on SIGHUP\n"
    "  -h, --help           this text\n";

enum { OPTION_CONFIG = 256, OPTION_FIELD, FIELDS_MAX = 16, PROGRESS_TICKS = 2 };

/* What the user typed; kept, since it is applied again when the file is read again. */
struct arguments {
    const char *config;
    struct {
        const struct collect_field *field;
        const char *value;
    } * given;
    size_t given_count;
    uint64_t ticks;
    uint64_t last_datagrams;
};

/* The options of the fields' table, --config and --help. */
static void make_options(struct option options[FIELDS_MAX]) {
    size_t count = 0;
    for (size_t i = 0; i < collect_field_count; i++) {
        const struct collect_field *field = &collect_fields[i];
        options[count++] = (struct option){field->name, field->flag ? no_argument : required_argument, NULL,
                                           OPTION_FIELD + (int)i};
    }
    options[count++] = (struct option){"config", required_argument, NULL, OPTION_CONFIG};
    options[count++] = (struct option){"help", no_argument, NULL, 'h'};
    options[count] = (struct option){NULL, 0, NULL, 0};
}

static int parse(int argc, char *argv[], struct arguments *arguments, struct error *error) {
    struct option options[FIELDS_MAX];
    int option;
    make_options(options);
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return 1;
        }
        if (option == '?' || option == ':') {
            return say_bad_option(argv, option, error);
        }
        if (option == OPTION_CONFIG) {
            arguments->config = optarg;
            continue;
        }
        arguments->given[arguments->given_count].field = &collect_fields[option - OPTION_FIELD];
        arguments->given[arguments->given_count++].value = optarg != NULL ? optarg : "true";
    }
    return optind < argc ? say_extra_argument(argv[optind], error) : 0;
}

/* The options alone, to find what is wrong in them. */
static int take_options(const struct arguments *arguments, struct collect_settings *settings,
                        struct error *error) {
    int code = 0;
    for (size_t i = 0; code == 0 && i < arguments->given_count; i++) {
        code = arguments->given[i].field->take(settings, arguments->given[i].value, error);
        if (code != 0) {
            error_prefix(error, code, "--%s", arguments->given[i].field->name);
        }
    }
    return code;
}

/* The file, and then the options, which stand above it; lists grow by both. */
static int make_settings(struct collect_settings *settings, void *context, struct error *error) {
    const struct arguments *arguments = context;
    *settings = (struct collect_settings){0};
    int code = arguments->config != NULL ? collect_config_read(arguments->config, settings, error) : 0;
    code = code == 0 ? take_options(arguments, settings, error) : code;
    collect_settings_complete(settings);
    return code;
}

/* --- words --- */

/* One line; the service manager's journal takes the level from its beginning, and has its own time. */
static void log_line(enum log_level level, const char *message, void *context) {
    static const char *const names[] = {"error", "warning", "info", "debug"};
    static const int priorities[] = {3, 4, 6, 7};
    (void)context;
    char now[CLOCK_TEXT_SIZE];
    if (getenv("JOURNAL_STREAM") != NULL) {
        fprintf(stderr, "<%d>%s\n", priorities[level], message);
    } else {
        fprintf(stderr, "%s%s %s: %s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "",
                clock_format(clock_real_ns(), now), names[level], message);
    }
}

static void say_ready(const struct intake *intake, const char *database, void *context) {
    (void)context;
    char text[COLLECT_LISTEN_SIZE];
    say_step("session %" PRId64 " in %s", store_session_id(intake->store), database);
    for (size_t i = 0; i < intake->listener_count; i++) {
        struct listen_counts counts = listener_counts(intake->listeners[i]);
        fprintf(stderr, "    listening on %s, receive buffer %" PRIu64 " KiB\n",
                collect_listen_format(&counts.address, counts.port, text), counts.buffer_bytes / 1024);
    }
}

static void say_progress_line(const struct intake *intake, int64_t elapsed_ns, void *context) {
    struct arguments *arguments = context;
    if (isatty(STDERR_FILENO) == 0 || ++arguments->ticks % PROGRESS_TICKS != 0) {
        return;
    }
    struct collector_totals totals = collector_totals(intake->collector);
    struct listen_counts counts = intake_counts(intake);
    fprintf(stderr,
            "\r%" PRId64 " s: %" PRIu64 " datagrams (%" PRIu64 "/s) of %zu exporters, %" PRIu64
            " no export, %" PRIu64 " lost in the kernel\033[K",
            elapsed_ns / NS_PER_S, totals.datagrams,
            (totals.datagrams - arguments->last_datagrams) / PROGRESS_TICKS, totals.exporters,
            totals.unrecognised, counts.kernel_drops);
    arguments->last_datagrams = totals.datagrams;
}

/* The summary shows so many, those that spoke last first. */
enum { SUMMARY_EXPORTERS = 24 };

static void say_exporter(const struct collector_exporter *exporter, void *context) {
    size_t *said = context;
    if ((*said)++ >= SUMMARY_EXPORTERS) {
        return;
    }
    char agent[IP_TEXT_SIZE];
    char rate[24] = "unknown";
    const struct exporter_row *row = exporter->row;
    if (row->sampling_rate != STORE_NULL) {
        snprintf(rate, sizeof rate, "%" PRId64, row->sampling_rate);
    }
    fprintf(stderr,
            "%-9s %-24s %10" PRId64 " %10" PRIu64 " %10" PRIu64 " %7" PRId64 " %9" PRIu64 " %9s  %s\n",
            row->protocol, ip_address_format(&row->agent, agent), row->domain, exporter->datagrams,
            exporter->records, exporter->lost, exporter->malformed, rate, row->dialect);
}

static void say_summary(const struct intake *intake, const char *database, void *context) {
    (void)context;
    struct collector_totals totals = collector_totals(intake->collector);
    struct listen_counts counts = intake_counts(intake);
    if (isatty(STDERR_FILENO)) {
        fputs("\r\033[K", stderr);
    }
    say_step("session %" PRId64 " in %s has ended", store_session_id(intake->store), database);
    if (totals.exporters > 0) {
        fprintf(stderr, "%-9s %-24s %10s %10s %10s %7s %9s %9s  %s\n", "exporter", "agent", "domain",
                "datagrams", "records", "lost", "malformed", "rate", "dialect");
        size_t said = 0;
        collector_each_exporter(intake->collector, say_exporter, &said);
        if (said > SUMMARY_EXPORTERS) {
            fprintf(stderr, "... and %zu more: nsmon report\n", said - SUMMARY_EXPORTERS);
        }
    }
    fprintf(stderr,
            "%" PRIu64 " datagrams, %" PRIu64 " no export, %" PRIu64
            " malformed beyond knowing whose, %" PRIu64 " not allowed, %" PRIu64 " lost in the kernel\n",
            counts.datagrams, totals.unrecognised, totals.malformed, intake->refused, counts.kernel_drops);
    if (counts.kernel_drops > 0) {
        fprintf(stderr,
                "nsmon: the receive buffer of %" PRIu64
                " KiB was too small: raise net.core.rmem_max, or start as root\n",
                counts.buffer_bytes / 1024);
    }
    uint64_t rows = store_dropped_rows(intake->store);
    if (rows > 0) {
        fprintf(stderr, "nsmon: %" PRIu64 " rows could not be written in time\n", rows);
    }
}

static int collect(struct arguments *arguments, struct collect_settings *settings) {
    const struct collect_hooks hooks = {
        .ready = say_ready,
        .progress = say_progress_line,
        .summary = say_summary,
        .reload = make_settings,
        .context = arguments,
    };
    struct error error = {0};
    if (make_settings(settings, arguments, &error) != 0) {
        return say_failed(&error);
    }
    char *description = collect_settings_describe(settings);
    log_set_sink(LOG_LEVEL_INFO, log_line, NULL);
    int status = collect_run(settings, description != NULL ? description : "{}", &hooks, &error);
    free(description);
    return status == EXIT_SUCCESS ? EXIT_DONE : error.text[0] != '\0' ? say_failed(&error) : EXIT_FAILED;
}

static int run(int argc, char *argv[]) {
    struct arguments arguments = {.given = calloc((size_t)argc, sizeof *arguments.given)};
    struct collect_settings *settings = calloc(1, sizeof *settings);
    struct error error = {0};
    int status = EXIT_FAILED;
    if (arguments.given == NULL || settings == NULL) {
        error_set(&error, -ENOMEM, "could not start: out of memory");
        status = say_failed(&error);
    } else {
        int code = parse(argc, argv, &arguments, &error);
        code = code == 0 ? take_options(&arguments, settings, &error) : code;
        status = code == 0  ? collect(&arguments, settings)
                 : code > 0 ? EXIT_DONE
                            : say_usage("collect", &error);
    }
    free(arguments.given);
    free(settings);
    return status;
}

const struct command command_collect = {"collect", "collect the exports of any exporter", run};
