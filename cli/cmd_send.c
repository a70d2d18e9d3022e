/* nsmon send: traffic to a host where 'nsmon recv' runs, counted at both ends. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/parse.h"
#include "cli/remote_show.h"
#include "cli/say.h"
#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/keeper.h"
#include "traffic/remote/message.h"
#include "traffic/remote/report.h"
#include "traffic/remote/send.h"
#include "traffic/text.h"

static const char help[] =
    "Usage: nsmon send HOST [OPTION...]\n\n"
    "Sends UDP or TCP streams to HOST, where 'nsmon recv' runs, and says what became of them:\n"
    "loss, duplicates, reordering, one-way delay and jitter, to the datagram.  Needs no root.\n\n"
    "  nsmon send HOST --udp --rate 10mbit --duration 10\n\n"
    "      --udp            UDP (the default)\n"
    "      --tcp            TCP\n"
    "      --rate R         of each stream: 10mbit of payload, 1000pps, or 0, as fast as it goes\n"
    "                       (default: 1mbit for UDP, 0 for TCP)\n"
    "      --total-rate R   the same of all streams of one direction together\n"
    "      --length L       UDP: bytes of payload of a datagram, 32 to 65507 (default 1400)\n"
    "      --duration TIME  such as 10, 500ms or 2m (default 10; at most, with --bytes or --packets)\n"
    "      --bytes N        send so many bytes of payload a stream, such as 500k, 10m or 1g\n"
    "      --packets N      UDP: send so many datagrams a stream\n"
    "      --streams N      so many streams in each direction (default 1)\n"
    "      --threads N      of each sender and receiver, 1 to 4; streams are shared out (default 1)\n"
    "      --gso N|off      UDP as fast as it goes: hand N datagrams to the kernel as one, 2 to 64\n"
    "                       (default: as many as suit the length)\n"
    "      --txtime MODE    UDP with a rate: auto, give datagrams launch times where the link's qdisc\n"
    "                       keeps them (the default); on, or fail; off, never\n"
    "      --reverse        from HOST to here\n"
    "      --both           in both directions at once\n"
    "  -4, --ipv4           IPv4 only\n"
    "  -6, --ipv6           IPv6 only\n"
    "      --port N         TCP port of the control connection (default 7699)\n"
    "      --source-port N  of the first stream, 10000 to 29999, the others have the next\n"
    "                       (default: another one each time)\n"
    "      --format FORMAT  text (the default) or json\n"
    "  -o, --output FILE    write to FILE, not to standard output\n"
    "  -h, --help           this text\n";

enum {
    OPTION_UDP = 256,
    OPTION_TCP,
    OPTION_RATE,
    OPTION_TOTAL_RATE,
    OPTION_LENGTH,
    OPTION_DURATION,
    OPTION_BYTES,
    OPTION_PACKETS,
    OPTION_STREAMS,
    OPTION_GSO,
    OPTION_THREADS,
    OPTION_TXTIME,
    OPTION_REVERSE,
    OPTION_BOTH,
    OPTION_PORT,
    OPTION_SOURCE_PORT,
    OPTION_FORMAT,
};

static const struct option options[] = {{"udp", no_argument, NULL, OPTION_UDP},
                                        {"tcp", no_argument, NULL, OPTION_TCP},
                                        {"rate", required_argument, NULL, OPTION_RATE},
                                        {"total-rate", required_argument, NULL, OPTION_TOTAL_RATE},
                                        {"length", required_argument, NULL, OPTION_LENGTH},
                                        {"duration", required_argument, NULL, OPTION_DURATION},
                                        {"bytes", required_argument, NULL, OPTION_BYTES},
                                        {"packets", required_argument, NULL, OPTION_PACKETS},
                                        {"streams", required_argument, NULL, OPTION_STREAMS},
                                        {"threads", required_argument, NULL, OPTION_THREADS},
                                        {"gso", required_argument, NULL, OPTION_GSO},
                                        {"txtime", required_argument, NULL, OPTION_TXTIME},
                                        {"reverse", no_argument, NULL, OPTION_REVERSE},
                                        {"both", no_argument, NULL, OPTION_BOTH},
                                        {"ipv4", no_argument, NULL, '4'},
                                        {"ipv6", no_argument, NULL, '6'},
                                        {"port", required_argument, NULL, OPTION_PORT},
                                        {"source-port", required_argument, NULL, OPTION_SOURCE_PORT},
                                        {"format", required_argument, NULL, OPTION_FORMAT},
                                        {"output", required_argument, NULL, 'o'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};

/* Of a run that --bytes or --packets end and no --duration limits. */
#define DURATION_COUNTED (3600 * NS_PER_S)
#define DURATION_DEFAULT (10 * NS_PER_S)
#define LENGTH_DEFAULT   1400

struct settings {
    struct remote_send send;
    const char *rate;
    bool total;
    const char *output; /* NULL: standard output */
    bool json;
};

static volatile sig_atomic_t stop_asked;

static void on_signal(int number) {
    (void)number;
    stop_asked = 1;
}

static int take_streams(int option, const char *argument, struct remote_streams *streams,
                        struct error *error) {
    enum traffic_txtime txtime = TRAFFIC_TXTIME_AUTO;
    int code = 0;
    switch (option) {
    case OPTION_UDP:
        streams->protocol = PROTOCOL_UDP;
        return 0;
    case OPTION_TCP:
        streams->protocol = PROTOCOL_TCP;
        return 0;
    case OPTION_LENGTH:
        return parse_number("--length", argument, 32, 65507, &streams->length, error);
    case OPTION_DURATION:
        return parse_duration("--duration", argument, &streams->duration_ns, error);
    case OPTION_BYTES:
        return parse_bytes("--bytes", argument, REMOTE_COUNT_MAX, &streams->bytes, error);
    case OPTION_PACKETS:
        return parse_number("--packets", argument, 1, REMOTE_COUNT_MAX, &streams->packets, error);
    case OPTION_STREAMS:
        return parse_number("--streams", argument, 1, REMOTE_STREAMS_MAX, &streams->count, error);
    case OPTION_SOURCE_PORT:
        return parse_number("--source-port", argument, TRAFFIC_SOURCE_FIRST, TRAFFIC_SOURCE_END - 1,
                            &streams->source_port, error);
    case OPTION_THREADS:
        return parse_number("--threads", argument, 1, TRAFFIC_SERVER_PORTS, &streams->threads, error);
    case OPTION_GSO:
        streams->gso = 1;
        return strcmp(argument, "off") == 0
                   ? 0
                   : parse_number("--gso", argument, 2, TRAFFIC_GSO_MAX, &streams->gso, error);
    case OPTION_TXTIME:
        code = traffic_text_read_txtime(argument, &txtime, error);
        streams->txtime = txtime;
        return code;
    case OPTION_REVERSE:
    case OPTION_BOTH:
        streams->direction = option == OPTION_BOTH ? REMOTE_BOTH : REMOTE_REVERSE;
        return 0;
    default:
        return 1;
    }
}

static int take(int option, const char *argument, struct settings *settings, struct error *error) {
    int64_t number = 0;
    int code = take_streams(option, argument, &settings->send.streams, error);
    if (code <= 0) {
        return code;
    }
    switch (option) {
    case OPTION_RATE:
    case OPTION_TOTAL_RATE:
        if (settings->rate != NULL) {
            return error_set(error, -EINVAL, "--rate and --total-rate can't both be given");
        }
        settings->rate = argument;
        settings->total = option == OPTION_TOTAL_RATE;
        return 0;
    case '4':
    case '6':
        settings->send.family = option - '0';
        return 0;
    case OPTION_PORT:
        code = parse_number("--port", argument, 1, UINT16_MAX, &number, error);
        settings->send.port = (uint16_t)number;
        return code;
    case OPTION_FORMAT:
        settings->json = strcmp(argument, "json") == 0;
        return settings->json || strcmp(argument, "text") == 0
                   ? 0
                   : error_set(error, -EINVAL, "--format takes text or json, not '%s'", argument);
    default:
        settings->output = argument;
        return 0;
    }
}

/* Fills in what was not given and what follows from the rest. */
static int complete(struct settings *settings, struct error *error) {
    struct remote_streams *streams = &settings->send.streams;
    bool udp = streams->protocol == PROTOCOL_UDP;
    bool counted = streams->bytes != 0 || streams->packets != 0;
    if (streams->duration_ns == 0) {
        streams->duration_ns = counted ? DURATION_COUNTED : DURATION_DEFAULT;
    }
    const char *rate = settings->rate == NULL ? udp ? "1mbit" : "0" : settings->rate;
    int64_t piece = udp ? streams->length : TRAFFIC_SEGMENT_BYTES;
    int64_t gap_ns = 0;
    int code = parse_gap(settings->total ? "--total-rate" : "--rate", rate, piece, &gap_ns, error);
    streams->gap_ns = settings->total ? gap_ns * streams->count : gap_ns;
    if (code == 0) {
        struct remote_streams probe = *streams;
        probe.family = 4;
        code = remote_streams_check(&probe, error);
    }
    return code;
}

static int parse(int argc, char *argv[], struct settings *settings, struct error *error) {
    int option;
    while ((option = getopt_long(argc, argv, ":ho:46", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return 1;
        }
        if (option == '?' || option == ':') {
            return say_bad_option(argv, option, error);
        }
        int code = take(option, optarg, settings, error);
        if (code != 0) {
            return code;
        }
    }
    if (optind >= argc) {
        return error_set(error, -EINVAL, "give the host to send to");
    }
    settings->send.host = argv[optind++];
    return optind < argc ? say_extra_argument(argv[optind], error) : complete(settings, error);
}

/* Gives up root: what comes off the network is not for it. */
static int drop_root(struct traffic_keeper *keeper, struct error *error) {
    struct identity identity;
    if (geteuid() != 0) {
        return 0;
    }
    int code = privilege_find_user(&identity, error);
    code = code != 0 ? code : traffic_keeper_start(keeper, &identity, error);
    return code != 0 ? code : privilege_drop(&identity, error);
}

static int write_out(const struct settings *settings, const struct remote_outcome *outcome,
                     const char *problem, FILE *out, struct error *error) {
    int code = 0;
    if (settings->json) {
        json_t *json = remote_report_json(outcome, problem);
        code =
            json == NULL || json_dumpf(json, out, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) != 0 ? -EIO : 0;
        fputc('\n', out);
        json_decref(json);
    } else if (outcome->ran) {
        remote_show_outcome(outcome, problem, out);
    }
    if (fflush(out) != 0 || ferror(out) || code != 0) {
        return error_set(error, -EIO, "writing '%s': %s",
                         settings->output == NULL ? "standard output" : settings->output, strerror(errno));
    }
    return 0;
}

static int test(const struct settings *settings, FILE *out) {
    struct remote_outcome outcome = {.streams = settings->send.streams};
    struct traffic_keeper keeper = {0};
    struct remote_show show = {0};
    struct error error = {""}, unwritten = {""};
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int code = drop_root(&keeper, &error);
    struct remote_send send = settings->send;
    send.keeper = keeper.ask;
    send.stop = &stop_asked;
    send.on_interval = remote_show_second;
    send.context = &show;
    code = code != 0 ? code : remote_send(&send, &outcome, &error);
    int written = write_out(settings, &outcome, code == 0 ? "" : error.text, out, &unwritten);
    traffic_result_free(&outcome.result);
    traffic_keeper_end(&keeper);
    if (code != 0) {
        return say_failed(&error);
    }
    return written == 0 ? EXIT_DONE : say_failed(&unwritten);
}

/* Whoever reads JSON gets some when the command line makes no sense, too, whatever of it was understood. */
static void refuse_in_json(int argc, char *argv[], struct settings *settings, const struct error *error) {
    struct remote_outcome outcome = {.streams = settings->send.streams};
    bool json = false;
    for (int i = 1; i < argc; i++) {
        json = json || strcmp(argv[i], "--format=json") == 0 ||
               (strcmp(argv[i], "json") == 0 && strcmp(argv[i - 1], "--format") == 0);
    }
    if (json && settings->output == NULL) {
        settings->json = true;
        write_out(settings, &outcome, error->text, stdout, NULL);
    }
}

static int run(int argc, char *argv[]) {
    struct settings settings = {
        .send.streams = {.protocol = PROTOCOL_UDP,
                         .direction = REMOTE_FORWARD,
                         .count = 1,
                         .length = LENGTH_DEFAULT,
                         .source_port =
                             TRAFFIC_SOURCE_FIRST +
                             (clock_real_ns() / NS_PER_MS + (int64_t)getpid() * 97) % TRAFFIC_SOURCE_PORTS}};
    struct error error = {""};
    int code = parse(argc, argv, &settings, &error);
    if (code > 0) {
        return EXIT_DONE;
    }
    if (code < 0) {
        refuse_in_json(argc, argv, &settings, &error);
        return say_usage("send", &error);
    }
    FILE *out =
        settings.output == NULL || strcmp(settings.output, "-") == 0 ? stdout : fopen(settings.output, "we");
    if (out == NULL) {
        error_set(&error, -errno, "writing '%s': %s: give another file with -o", settings.output,
                  strerror(errno));
        return say_failed(&error);
    }
    code = test(&settings, out);
    if (out != stdout && fclose(out) != 0 && code == EXIT_DONE) {
        error_set(&error, -errno, "writing '%s': %s: is the disk full?", settings.output, strerror(errno));
        code = say_failed(&error);
    }
    return code;
}

const struct command command_send = {"send", "send traffic to a host where 'recv' runs", run};
