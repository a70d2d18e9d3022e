/* nsmon status: what runs, and whether exports arrive. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/drawing.h"
#include "cli/lab_options.h"
#include "cli/parse.h"
#include "cli/say.h"
#include "common/clock.h"
#include "daemon/collect.h"

static const char help[] =
    "Usage: nsmon status [--prefix NAME] [--format text|json] [--watch [SECONDS]]\n\n"
    "Shows what runs, lab and collector: the session, the topology with what goes over each link\n"
    "now, each exporter and what it sent, losses, captures, the switch's ports.  Needs no root.\n\n"
    "Example:  nsmon status --format json\n\n"
    "  --prefix NAME        the lab of this prefix, or the collector of this name\n"
    "  --format text|json   (default text)\n"
    "  --watch [SECONDS]    again every second, or every so many, until Ctrl-C\n"
    "  -h, --help           this text\n";

enum { OPTION_FORMAT = LAB_OPTION_END, OPTION_WATCH };

struct wish {
    char prefix[6];
    bool json;
    int64_t every_s; /* 0: once */
};

/* The number of --watch stands behind it or is a word of its own. */
static int take_watch(int argc, char *argv[], struct wish *wish, struct error *error) {
    const char *text = optarg;
    if (text == NULL && optind < argc && strspn(argv[optind], "0123456789") > 0) {
        text = argv[optind++];
    }
    wish->every_s = 1;
    return text == NULL ? 0 : parse_number("--watch", text, 1, 3600, &wish->every_s, error);
}

static int parse(int argc, char *argv[], struct wish *wish, struct error *error) {
    static const struct option options[] = {{"prefix", required_argument, NULL, LAB_OPTION_PREFIX},
                                            {"format", required_argument, NULL, OPTION_FORMAT},
                                            {"watch", optional_argument, NULL, OPTION_WATCH},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        int code = 0;
        if (option == 'h') {
            fputs(help, stdout);
            return 1;
        }
        if (option == LAB_OPTION_PREFIX) {
            code = parse_prefix(optarg, wish->prefix, error);
        } else if (option == OPTION_FORMAT) {
            wish->json = strcmp(optarg, "json") == 0;
            if (!wish->json && strcmp(optarg, "text") != 0) {
                code = error_set(error, -EINVAL, "--format takes text or json, not '%s'", optarg);
            }
        } else if (option == OPTION_WATCH) {
            code = take_watch(argc, argv, wish, error);
        } else {
            code = say_bad_option(argv, option, error);
        }
        if (code != 0) {
            return code;
        }
    }
    return optind < argc ? say_extra_argument(argv[optind], error) : 0;
}

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "-";
}

static int64_t number_of(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

/* How long ago 'at_ns' was, as "3.2 s"; "never" for 0. */
static const char *ago(int64_t at_ns, char text[24]) {
    if (at_ns == 0) {
        return "never";
    }
    double seconds = (double)(clock_real_ns() - at_ns) / 1e9;
    snprintf(text, 24, "%.*f s", seconds < 99.95 ? 1 : 0, seconds);
    return text;
}

static void show_exporters(const json_t *status) {
    size_t i;
    json_t *exporter;
    char when[24];
    printf("\n%-8s %-15s %-11s %9s %9s %5s %8s %7s\n", "exporter", "agent", "dialect", "datagrams", "records",
           "lost", "restarts", "ago");
    json_array_foreach(json_object_get(status, "exporters"), i, exporter) {
        printf("%-8s %-15s %-11s %9" PRId64 " %9" PRId64 " %5" PRId64 " %8" PRId64 " %7s\n",
               text_of(exporter, "protocol"), text_of(exporter, "agent"), text_of(exporter, "dialect"),
               number_of(exporter, "datagrams"), number_of(exporter, "records"), number_of(exporter, "lost"),
               number_of(exporter, "restarts"), ago(number_of(exporter, "last_ns"), when));
    }
    json_array_foreach(json_object_get(status, "exporters"), i, exporter) {
        if (number_of(exporter, "malformed") > 0) {
            printf("WARNING: %" PRId64 " malformed from %s of %s\n", number_of(exporter, "malformed"),
                   text_of(exporter, "protocol"), text_of(exporter, "agent"));
        }
    }
    if (json_array_size(json_object_get(status, "exporters")) == 0) {
        puts("  no export has arrived yet");
    }
}

/* True if the terminal, or whatever reads this, was said to know UTF-8: locale(7). */
static bool speaks_utf8(void) {
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i]);
        if (value != NULL && value[0] != '\0') {
            const char *code = strrchr(value, '.');
            return code != NULL && (strcasecmp(code, ".UTF-8") == 0 || strcasecmp(code, ".utf8") == 0);
        }
    }
    return false;
}

static void show_drawing(const json_t *status) {
    const char *no_colour = getenv("NO_COLOR");
    const struct drawing_style style = {
        .colour = isatty(STDOUT_FILENO) && (no_colour == NULL || no_colour[0] == '\0'),
        .utf8 = speaks_utf8(),
    };
    char *drawing = drawing_make(status, &style);
    if (drawing != NULL && drawing[0] != '\0') {
        printf("\n%sf/s: frames; over the last two seconds, at the station and at the switch's port\n",
               drawing);
    }
    free(drawing);
}

static void show_captures(const json_t *status) {
    size_t i;
    json_t *capture;
    printf("\n%-16s %12s %12s %12s %10s\n", "tap", "frames out", "frames in", "bytes out", "dropped");
    json_array_foreach(json_object_get(status, "captures"), i, capture) {
        printf("%-16s %12" PRId64 " %12" PRId64 " %12" PRId64 " %10" PRId64 "\n",
               text_of(capture, "interface"), number_of(capture, "frames_out"),
               number_of(capture, "frames_in"), number_of(capture, "bytes_out"),
               number_of(capture, "dropped"));
    }
    json_t *port;
    printf("\n%-16s %12s %12s %14s %14s\n", "switch port", "rx frames", "tx frames", "socket drops",
           "socket buffer");
    json_array_foreach(json_object_get(status, "ports"), i, port) {
        json_t *drops = json_object_get(port, "socket_drops");
        char drops_text[24] = "unknown";
        if (json_is_integer(drops)) {
            snprintf(drops_text, sizeof drops_text, "%" PRId64, (int64_t)json_integer_value(drops));
        }
        char buffer_text[24] = "unknown";
        if (json_is_integer(json_object_get(port, "socket_buffer_bytes"))) {
            snprintf(buffer_text, sizeof buffer_text, "%" PRId64, number_of(port, "socket_buffer_bytes"));
        }
        printf("%-16s %12" PRId64 " %12" PRId64 " %14s %14s\n", text_of(port, "name"),
               number_of(port, "rx_packets"), number_of(port, "tx_packets"), drops_text, buffer_text);
    }
}

/* Exporters whose data can't be read, since their templates have not come. */
static void show_blind(const json_t *status) {
    size_t i;
    json_t *exporter;
    json_array_foreach(json_object_get(status, "exporters"), i, exporter) {
        int64_t since_ns = number_of(exporter, "blind_since_ns");
        if (since_ns != 0) {
            printf("WARNING: %s of %s, domain %" PRId64 ": for %.0f s no template for its data (%" PRId64
                   " sets); most exporters repeat theirs within 30 minutes\n",
                   text_of(exporter, "protocol"), text_of(exporter, "agent"), number_of(exporter, "domain"),
                   (double)(clock_real_ns() - since_ns) / 1e9, number_of(exporter, "unknown_templates"));
        }
    }
}

static void show_sockets(const json_t *collector) {
    size_t i;
    json_t *socket;
    printf("\n%-30s %12s %14s %14s\n", "socket", "datagrams", "kernel drops", "buffer bytes");
    json_array_foreach(json_object_get(collector, "sockets"), i, socket) {
        char name[64];
        const char *address = text_of(socket, "address");
        snprintf(name, sizeof name, strchr(address, ':') != NULL ? "udp/[%s]:%" PRId64 : "udp/%s:%" PRId64,
                 address, number_of(socket, "port"));
        printf("%-30s %12" PRId64 " %14" PRId64 " %14" PRId64 "\n", name, number_of(socket, "datagrams"),
               number_of(socket, "kernel_drops"), number_of(socket, "buffer_bytes"));
    }
}

static void show_collector(const json_t *collector) {
    printf("\ncollector: %" PRId64 " datagrams, %" PRId64 " lost in the kernel, %" PRId64
           " no export, %" PRId64 " not allowed,\n           %" PRId64 " rows lost for a slow database\n",
           number_of(collector, "datagrams"), number_of(collector, "kernel_drops"),
           number_of(collector, "unrecognised"), number_of(collector, "refused"),
           number_of(collector, "queue_drops"));
    if (json_is_string(json_object_get(collector, "write_error"))) {
        printf("WARNING: %s\n", text_of(collector, "write_error"));
    }
}

static void show_text(const json_t *status) {
    const json_t *collector = json_object_get(status, "collector");
    bool lab = strcmp(text_of(status, "kind"), "collect") != 0; /* or a bridge that it is attached to */
    bool labelled = json_is_string(json_object_get(status, "label"));
    char when[CLOCK_TEXT_SIZE];
    printf("%-8s %s%ssession %" PRId64 "%s%s in %s\n", text_of(status, "kind"),
           lab ? text_of(status, "bridge") : "", lab ? ", " : "", number_of(status, "session"),
           labelled ? " " : "", labelled ? text_of(status, "label") : "", text_of(status, "database"));
    printf("since    %s, %.0f s\n", clock_format(number_of(status, "started_ns"), when),
           (double)(clock_real_ns() - number_of(status, "started_ns")) / 1e9);
    if (lab) {
        printf("switch   %s\n", text_of(status, "switch"));
        show_drawing(status);
    }
    show_exporters(status);
    if (lab) {
        show_captures(status);
    }
    show_sockets(collector);
    show_collector(collector);
    show_blind(status);
}

/* Shows one state and frees it.  Returns false when it is no JSON. */
static bool show(char *text, bool json) {
    json_t *status = json_loads(text, 0, NULL);
    if (json) {
        puts(text);
    } else if (status != NULL) {
        show_text(status);
    }
    json_decref(status);
    free(text);
    return status != NULL;
}

/* Shows all that runs, once.  Returns an exit status; '*shown' says how many there were. */
static int show_all(const struct wish *wish, size_t *shown) {
    struct error error = {0};
    char *text = lab_status(wish->prefix, &error);
    bool silent = text == NULL && lab_present(wish->prefix);
    bool good = !silent;
    bool more = true;
    *shown = 0;
    for (size_t which = 0; more; which++) {
        if (text != NULL) {
            if ((*shown)++ > 0 && !wish->json) {
                putchar('\n');
            }
            good = show(text, wish->json) && good;
        }
        text = collect_status(wish->prefix, which, &more);
    }
    if (silent) {
        say_failed(&error);
    } else if (*shown == 0 && wish->json) {
        puts("{\"running\": false}");
    } else if (*shown == 0) {
        fprintf(stderr, "nsmon: %s; and no collector ('nsmon collect')\n", error.text);
    }
    return good ? EXIT_DONE : EXIT_FAILED;
}

#define SILENCE_LIMIT_NS (10 * NS_PER_S)

static volatile sig_atomic_t ended;

static void on_signal(int number) {
    (void)number;
    ended = 1;
}

/* Shows it again and again, in one place on a terminal, until a signal or until nothing runs any more. */
static int watch(const struct wish *wish) {
    const struct sigaction action = {.sa_handler = on_signal};
    bool in_place = isatty(STDOUT_FILENO) && !wish->json;
    size_t shown = 1;
    int status = EXIT_DONE;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    static char buffer[1 << 16]; /* a picture is written at once, so that it does not flicker */
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    /* While it starts or stops a lab is silent for a while. */
    int64_t answered_ns = clock_monotonic_ns();
    bool going = true;
    while (ended == 0 && going) {
        fputs(in_place ? "\033[H\033[J" : "", stdout);
        status = show_all(wish, &shown);
        fputs(in_place || wish->json ? "" : "\n", stdout);
        if (fflush(stdout) != 0) {
            return EXIT_FAILED;
        }
        int64_t now_ns = clock_monotonic_ns();
        answered_ns = status == EXIT_DONE ? now_ns : answered_ns;
        going = status == EXIT_DONE ? shown > 0 : now_ns - answered_ns < SILENCE_LIMIT_NS;
        struct timespec pause = clock_to_timespec(wish->every_s * NS_PER_S);
        if (ended == 0 && going) {
            nanosleep(&pause, NULL);
        }
    }
    return status;
}

static int run(int argc, char *argv[]) {
    struct wish wish = {.prefix = ""};
    struct error error = {0};
    size_t shown = 0;
    int code = parse(argc, argv, &wish, &error);
    if (code != 0) {
        return code > 0 ? EXIT_DONE : say_usage("status", &error);
    }
    return wish.every_s > 0 ? watch(&wish) : show_all(&wish, &shown);
}

const struct command command_status = {"status", "what runs, and whether exports arrive", run};
