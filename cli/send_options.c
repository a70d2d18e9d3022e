#include "cli/send_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/parse.h"
#include "cli/say.h"
#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/plan/empirical.h"
#include "traffic/text.h"
#include "traffic/traffic.h"
#include "traffic/wire.h"

static const char help[] =
    "Usage: nsmon send HOST [OPTION...]\n\n"
    "Sends UDP or TCP streams to HOST, where 'nsmon recv' runs, and says what became of them:\n"
    "loss, duplicates, reordering, one-way delay and jitter, to the datagram.  Needs no root.\n\n"
    "  nsmon send HOST --udp --rate 10mbit --duration 10\n"
    "  nsmon send HOST --udp --response 500 --rate 0\n\n"
    "What is sent:\n"
    "      --udp            UDP (the default)\n"
    "      --tcp            TCP\n"
    "      --rate R         of each stream: 10mbit of payload, 1000pps, or 0, as fast as it goes\n"
    "                       (default: 1mbit for UDP, 0 for TCP and for requests)\n"
    "      --total-rate R   the same of all streams of one direction together\n"
    "      --length L       UDP: bytes of payload of a datagram, 32 to 65507, or two such as 64..1400\n"
    "                       (default 1400; of a request, also of TCP, 64)\n"
    "      --response L     each datagram is a request that gets a response of L bytes; with TCP one\n"
    "                       request at a time.  As fast as it goes: the next when the response came\n"
    "      --duration TIME  such as 10, 500ms or 2m (default 10; at most, with --bytes or --packets)\n"
    "      --bytes N        send so many bytes of payload a stream, such as 500k, 10m or 1g\n"
    "      --packets N      UDP and requests: send so many a stream\n"
    "      --streams N      so many streams in each direction (default 1)\n"
    "      --reverse        from HOST to here\n"
    "      --both           in both directions at once\n\n"
    "Its shape:\n"
    "      --gaps LAW       the time between datagrams or requests: constant (the default), uniform,\n"
    "                       exponential, normal, pareto or lognormal, of the mean that the rate says\n"
    "      --gap-shape X    of normal and log-normal ones the deviation as a share of the mean (0.5),\n"
    "                       of Pareto ones the alpha (1.5)\n"
    "      --gap-histogram FILE  as in FILE, see nsmon-scenario(5); the rate is the file's or --rate\n"
    "      --lengths LAW    UDP: sizes of such a distribution, within --length MIN..MAX\n"
    "      --length-mean N  their mean (default: the middle of the range)\n"
    "      --length-shape X as --gap-shape\n"
    "      --length-histogram FILE  as in FILE\n"
    "      --burst N        datagrams come in bursts of N, the rate stays the mean\n"
    "      --burst-gap TIME between those of a burst (default 0)\n"
    "      --seed N         the same seed makes the same gaps and lengths (default: another one)\n\n"
    "How it is sent:\n"
    "      --dscp N         differentiated services code point, 0 to 63\n"
    "      --ttl N          time to live, or hop limit, 1 to 255\n"
    "      --flow-label N   of IPv6, 1 to 1048575\n"
    "      --congestion NAME  TCP: congestion control, such as reno\n"
    "      --mss N          TCP: largest segment, 88 to 65495\n"
    "      --nagle          TCP: let small pieces wait for each other\n"
    "      --threads N      of each sender and receiver, 1 to 4; streams are shared out (default 1)\n"
    "      --gso N|off      UDP as fast as it goes: hand N datagrams to the kernel as one, 2 to 64\n"
    "                       (default: as many as suit the length)\n"
    "      --txtime MODE    UDP with a rate: auto, give datagrams launch times where the link's qdisc\n"
    "                       keeps them (the default); on, or fail; off, never\n"
    "  -4, --ipv4           IPv4 only\n"
    "  -6, --ipv6           IPv6 only\n"
    "      --port N         TCP port of the control connection (default 7699)\n"
    "      --source-port N  of the first stream, 10000 to 29999, the others have the next\n"
    "                       (default: another one each time)\n\n"
    "      --format FORMAT  text (the default) or json\n"
    "  -o, --output FILE    write to FILE, not to standard output\n"
    "  -h, --help           this text\n";

enum {
    OPTION_UDP = 256,
    OPTION_TCP,
    OPTION_RATE,
    OPTION_TOTAL_RATE,
    OPTION_LENGTH,
    OPTION_RESPONSE,
    OPTION_DURATION,
    OPTION_BYTES,
    OPTION_PACKETS,
    OPTION_STREAMS,
    OPTION_REVERSE,
    OPTION_BOTH,
    OPTION_GAPS,
    OPTION_GAP_SHAPE,
    OPTION_GAP_HISTOGRAM,
    OPTION_LENGTHS,
    OPTION_LENGTH_MEAN,
    OPTION_LENGTH_SHAPE,
    OPTION_LENGTH_HISTOGRAM,
    OPTION_BURST,
    OPTION_BURST_GAP,
    OPTION_SEED,
    OPTION_DSCP,
    OPTION_TTL,
    OPTION_FLOW_LABEL,
    OPTION_CONGESTION,
    OPTION_MSS,
    OPTION_NAGLE,
    OPTION_GSO,
    OPTION_THREADS,
    OPTION_TXTIME,
    OPTION_PORT,
    OPTION_SOURCE_PORT,
    OPTION_FORMAT,
};

static const struct option options[] = {
    {"udp", no_argument, NULL, OPTION_UDP},
    {"tcp", no_argument, NULL, OPTION_TCP},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"total-rate", required_argument, NULL, OPTION_TOTAL_RATE},
    {"length", required_argument, NULL, OPTION_LENGTH},
    {"response", required_argument, NULL, OPTION_RESPONSE},
    {"duration", required_argument, NULL, OPTION_DURATION},
    {"bytes", required_argument, NULL, OPTION_BYTES},
    {"packets", required_argument, NULL, OPTION_PACKETS},
    {"streams", required_argument, NULL, OPTION_STREAMS},
    {"reverse", no_argument, NULL, OPTION_REVERSE},
    {"both", no_argument, NULL, OPTION_BOTH},
    {"gaps", required_argument, NULL, OPTION_GAPS},
    {"gap-shape", required_argument, NULL, OPTION_GAP_SHAPE},
    {"gap-histogram", required_argument, NULL, OPTION_GAP_HISTOGRAM},
    {"lengths", required_argument, NULL, OPTION_LENGTHS},
    {"length-mean", required_argument, NULL, OPTION_LENGTH_MEAN},
    {"length-shape", required_argument, NULL, OPTION_LENGTH_SHAPE},
    {"length-histogram", required_argument, NULL, OPTION_LENGTH_HISTOGRAM},
    {"burst", required_argument, NULL, OPTION_BURST},
    {"burst-gap", required_argument, NULL, OPTION_BURST_GAP},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"dscp", required_argument, NULL, OPTION_DSCP},
    {"ttl", required_argument, NULL, OPTION_TTL},
    {"flow-label", required_argument, NULL, OPTION_FLOW_LABEL},
    {"congestion", required_argument, NULL, OPTION_CONGESTION},
    {"mss", required_argument, NULL, OPTION_MSS},
    {"nagle", no_argument, NULL, OPTION_NAGLE},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"gso", required_argument, NULL, OPTION_GSO},
    {"txtime", required_argument, NULL, OPTION_TXTIME},
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
#define REQUEST_DEFAULT  64
#define LENGTH_MAX       65507

struct send_settings send_options_default(void) {
    int64_t now_ns = clock_real_ns();
    return (struct send_settings){
        .send.streams = {.protocol = PROTOCOL_UDP,
                         .direction = REMOTE_FORWARD,
                         .count = 1,
                         .length = LENGTH_DEFAULT,
                         .seed = (now_ns / NS_PER_MS + getpid()) % 1000000,
                         .source_port = TRAFFIC_SOURCE_FIRST + (now_ns / NS_PER_MS + (int64_t)getpid() * 97) %
                                                                   TRAFFIC_SOURCE_PORTS}};
}

/* "1400" or "64..1400". */
static int take_length(const char *argument, struct send_settings *settings, struct error *error) {
    struct remote_streams *streams = &settings->send.streams;
    const char *dots = strstr(argument, "..");
    char low[16];
    settings->length_given = true;
    if (dots == NULL) {
        return parse_number("--length", argument, TRAFFIC_DATAGRAM_SIZE, LENGTH_MAX, &streams->length, error);
    }
    snprintf(low, sizeof low, "%.*s", (int)(dots - argument), argument);
    int code = parse_number("--length", low, TRAFFIC_DATAGRAM_SIZE, LENGTH_MAX, &streams->length_min, error);
    return code != 0 ? code
                     : parse_number("--length", dots + 2, TRAFFIC_DATAGRAM_SIZE, LENGTH_MAX, &streams->length,
                                    error);
}

static int take_law(const char *option, const char *argument, int64_t *law, struct error *error) {
    for (unsigned int i = 0; i < TRAFFIC_LAW_HISTOGRAM; i++) {
        if (strcmp(argument, traffic_law_name(i)) == 0) {
            *law = i;
            return 0;
        }
    }
    return error_set(error, -EINVAL,
                     "%s takes constant, uniform, exponential, normal, pareto or lognormal, not '%s'", option,
                     argument);
}

static int take_shape(const char *option, const char *argument, int64_t *shape, struct error *error) {
    double value = 0;
    int code = parse_factor(option, argument, 10, &value, error);
    *shape = (int64_t)(value * REMOTE_MILLIONTHS + 0.5);
    return code;
}

static int take_histogram(const char *path, enum traffic_empirical_unit unit, int64_t *law,
                          struct traffic_empirical **histogram, struct error *error) {
    if (*histogram != NULL) {
        return error_set(error, -EINVAL, "a histogram can't be given twice: '%s'", path);
    }
    int code = traffic_empirical_read(path, unit, histogram, error);
    if (code == 0 && (*histogram)->count > REMOTE_HISTOGRAM_BINS) {
        return error_set(error, -EINVAL, "the histogram '%s' has more than %d bins", path,
                         REMOTE_HISTOGRAM_BINS);
    }
    *law = TRAFFIC_LAW_HISTOGRAM;
    return code;
}

/* Those that say what is sent.  Returns 1 for another. */
static int take_streams(int option, const char *argument, struct send_settings *settings,
                        struct error *error) {
    struct remote_streams *streams = &settings->send.streams;
    switch (option) {
    case OPTION_UDP:
    case OPTION_TCP:
        streams->protocol = option == OPTION_UDP ? PROTOCOL_UDP : PROTOCOL_TCP;
        return 0;
    case OPTION_LENGTH:
        return take_length(argument, settings, error);
    case OPTION_RESPONSE:
        return parse_number("--response", argument, 1, TRAFFIC_RESPONSE_MAX, &streams->response, error);
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
    case OPTION_REVERSE:
    case OPTION_BOTH:
        streams->direction = option == OPTION_BOTH ? REMOTE_BOTH : REMOTE_REVERSE;
        return 0;
    default:
        return 1;
    }
}

/* Its shape.  Returns 1 for another option. */
static int take_pattern(int option, const char *argument, struct send_settings *settings,
                        struct error *error) {
    struct remote_streams *streams = &settings->send.streams;
    switch (option) {
    case OPTION_GAPS:
        return take_law("--gaps", argument, &streams->gap_law, error);
    case OPTION_GAP_SHAPE:
        return take_shape("--gap-shape", argument, &streams->gap_shape, error);
    case OPTION_GAP_HISTOGRAM:
        return take_histogram(argument, TRAFFIC_EMPIRICAL_TIME, &streams->gap_law, &streams->gap_histogram,
                              error);
    case OPTION_LENGTHS:
        settings->lengths_given = true;
        return take_law("--lengths", argument, &streams->length_law, error);
    case OPTION_LENGTH_MEAN:
        return parse_number("--length-mean", argument, TRAFFIC_DATAGRAM_SIZE, LENGTH_MAX,
                            &streams->length_mean, error);
    case OPTION_LENGTH_SHAPE:
        return take_shape("--length-shape", argument, &streams->length_shape, error);
    case OPTION_LENGTH_HISTOGRAM:
        return take_histogram(argument, TRAFFIC_EMPIRICAL_COUNT, &streams->length_law,
                              &streams->length_histogram, error);
    case OPTION_BURST:
        return parse_number("--burst", argument, 2, 100000, &streams->burst, error);
    case OPTION_BURST_GAP:
        return parse_duration("--burst-gap", argument, &streams->burst_gap_ns, error);
    case OPTION_SEED:
        return parse_number("--seed", argument, 0, INT64_MAX, &streams->seed, error);
    default:
        return 1;
    }
}

/* What sockets and endpoints are told.  Returns 1 for another option. */
static int take_manner(int option, const char *argument, struct remote_streams *streams,
                       struct error *error) {
    enum traffic_txtime txtime = TRAFFIC_TXTIME_AUTO;
    int code = 0;
    switch (option) {
    case OPTION_DSCP:
        return parse_number("--dscp", argument, 0, 63, &streams->dscp, error);
    case OPTION_TTL:
        return parse_number("--ttl", argument, 1, 255, &streams->ttl, error);
    case OPTION_FLOW_LABEL:
        return parse_number("--flow-label", argument, 1, 0xfffff, &streams->flow_label, error);
    case OPTION_CONGESTION:
        if (strlen(argument) >= sizeof streams->congestion) {
            return error_set(error, -EINVAL, "--congestion takes a name of up to %zu letters, not '%s'",
                             sizeof streams->congestion - 1, argument);
        }
        memcpy(streams->congestion, argument, strlen(argument) + 1);
        return 0;
    case OPTION_MSS:
        return parse_number("--mss", argument, 88, 65495, &streams->mss, error);
    case OPTION_NAGLE:
        streams->nagle = 1;
        return 0;
    case OPTION_THREADS:
        return parse_number("--threads", argument, 1, TRAFFIC_SERVER_PORTS, &streams->threads, error);
    case OPTION_TXTIME:
        code = traffic_text_read_txtime(argument, &txtime, error);
        streams->txtime = txtime;
        return code;
    case OPTION_GSO:
        streams->gso = 1;
        return strcmp(argument, "off") == 0
                   ? 0
                   : parse_number("--gso", argument, 2, TRAFFIC_GSO_MAX, &streams->gso, error);
    default:
        return 1;
    }
}

static int take(int option, const char *argument, struct send_settings *settings, struct error *error) {
    int64_t number = 0;
    int code = take_streams(option, argument, settings, error);
    code = code == 1 ? take_pattern(option, argument, settings, error) : code;
    code = code == 1 ? take_manner(option, argument, &settings->send.streams, error) : code;
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

/* The lengths of datagrams or requests, as far as they were not given. */
static int complete_length(struct send_settings *settings, struct error *error) {
    struct remote_streams *streams = &settings->send.streams;
    const struct traffic_empirical *histogram = streams->length_histogram;
    if (!settings->length_given && streams->response > 0) {
        streams->length = REQUEST_DEFAULT;
    }
    if (!settings->length_given && histogram != NULL) {
        streams->length_min = histogram->bins[0].low;
        streams->length = histogram->bins[histogram->count - 1].high;
    }
    if (streams->length_min > 0 && streams->length_law == TRAFFIC_LAW_CONSTANT) {
        if (settings->lengths_given) {
            return error_set(error, -EINVAL,
                             "constant lengths are one number, not a range: give --length 1400");
        }
        streams->length_law = TRAFFIC_LAW_UNIFORM;
    }
    return streams->length_law != TRAFFIC_LAW_CONSTANT && streams->length_min == 0
               ? error_set(error, -EINVAL, "give the range of the lengths, such as --length 64..1400")
               : 0;
}

/* Fills in what was not given and what follows from the rest. */
static int complete(struct send_settings *settings, struct error *error) {
    struct remote_streams *streams = &settings->send.streams;
    bool slow = streams->protocol == PROTOCOL_UDP && streams->response == 0;
    bool counted = streams->bytes != 0 || streams->packets != 0;
    if (streams->duration_ns == 0) {
        streams->duration_ns = counted ? DURATION_COUNTED : DURATION_DEFAULT;
    }
    int code = complete_length(settings, error);
    if (code != 0) {
        return code;
    }
    struct remote_streams probe = *streams;
    probe.family = settings->send.family == 0 ? streams->flow_label > 0 ? 6 : 4 : settings->send.family;
    int64_t gap_ns = streams->gap_histogram != NULL ? (int64_t)(streams->gap_histogram->mean + 0.5) : 0;
    if (settings->rate != NULL || gap_ns == 0) {
        const char *rate = settings->rate == NULL ? slow ? "1mbit" : "0" : settings->rate;
        code = parse_gap(settings->total ? "--total-rate" : "--rate", rate, remote_streams_piece(&probe),
                         &gap_ns, error);
    }
    streams->gap_ns = probe.gap_ns = settings->total ? gap_ns * streams->count : gap_ns;
    return code == 0 ? remote_streams_check(&probe, error) : code;
}

int send_options_parse(int argc, char *argv[], struct send_settings *settings, struct error *error) {
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
