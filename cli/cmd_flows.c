/* nsmon flows: the records, filtered and summed up. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/parse.h"
#include "cli/say.h"
#include "common/clock.h"
#include "reports/flows/filter.h"
#include "reports/flows/flows.h"

static int run(int argc, char *argv[]);

const struct command command_flows = {"flows", "list, filter and sum up flow records", run};

enum {
    OPTION_BY = 600,
    OPTION_SORT,
    OPTION_LIMIT,
    OPTION_FROM,
    OPTION_TO,
    OPTION_SOURCE,
    OPTION_DIRECTION,
    OPTION_RAW,
};

#define TOP_NONE SIZE_MAX

static void print_help(void) {
    fputs("Usage: nsmon flows [OPTION...] [FILTER]\n\n"
          "Lists flow records, sampled packets and truth as they lie in the database, or sums them\n"
          "up by any keys.  Different sources are never added to each other.\n\n"
          "FILTER is as for tcpdump: host, net, port, portrange, proto, tcp, udp, icmp, icmp6, sctp,\n"
          "arp, ip and ip6 with src and dst, and, or, not and parentheses; and beyond that src as N,\n"
          "in if N, out if N, vlan, tos N, flags SA, icmp-type N, exporter ADDRESS, bytes > 10k and\n"
          "packets >= 10.  \"and\" and \"or\" have equal precedence, from left to right.\n\n"
          "      --by KEYS        one row for each: flow, proto, srcip, dstip, srcport, dstport, icmp,\n"
          "                       srcnet/24, dstnet/24/64, srcas, dstas, inif, outif, srcmac, dstmac,\n"
          "                       vlan, tos, ttl, flags, nexthop, exporter, direction, rate, session\n"
          "      --top N          the N largest\n"
          "      --sort WHAT      bytes, packets, flows or time (a list: time; else bytes)\n"
          "      --limit N        the first N rows\n"
          "      --from TIME      rows that end at TIME or later: '2026-11-22 10:33', 10:33:16Z behind\n"
          "      --to TIME        the date for UTC, -10m, now; and rows that end before TIME\n"
          "      --source SOURCE  sflow, netflow, ipfix, ipfix-flow, truth, netflow9, sflow@ADDRESS;\n"
          "                       repeat it for several (all that exporters said, without the truth)\n"
          "      --direction WAY  once (the default: no egress records of Open vSwitch, which exports\n"
          "                       each packet at ingress and at egress), ingress, egress or all\n"
          "      --raw            do not multiply by the sampling rate\n"
          "      --db FILE        the database (default: /var/lib/nsmon/nsmon.db and\n"
          "                       ~/.local/share/nsmon/nsmon.db, whichever has the newest session)\n"
          "      --session WHICH  a session's id or label, 'latest' (the default) or 'all'\n"
          "      --prefix NAME    the latest session of the lab NAME\n"
          "      --format FORMAT  text (the default), json or csv\n"
          "  -o, --output FILE    write to FILE, not to standard output\n"
          "  -h, --help           this text\n\n"
          "Examples:\n"
          "  nsmon flows --by srcip,dstport --top 10 'src net 10.0.0.0/8 and tcp'\n"
          "  nsmon flows --source netflow9 --from -10m 'host 2001:db8::1 and not port 53'\n",
          stdout);
}

/* What getopt_long() gave beyond the options that all readers share.  Returns 0; 1 if it is none of these; or
 * -EINVAL with 'error' filled. */
static int take_option(int option, const char *argument, struct flows_request *request, bool *sorted,
                       struct error *error) {
    static const char *const sorts[] = {[READ_SORT_TIME] = "time",
                                        [READ_SORT_BYTES] = "bytes",
                                        [READ_SORT_PACKETS] = "packets",
                                        [READ_SORT_FLOWS] = "flows"};
    static const char *const directions[] = {[READ_DIRECTION_ONCE] = "once",
                                             [READ_DIRECTION_INGRESS] = "ingress",
                                             [READ_DIRECTION_EGRESS] = "egress",
                                             [READ_DIRECTION_ALL] = "all"};
    struct read_flow_query *query = &request->query;
    switch (option) {
    case OPTION_BY:
        return flows_parse_keys(argument, query, error);
    case OPTION_SOURCE:
        return flows_parse_source(argument, query, error);
    case OPTION_FROM:
        return flows_parse_time("--from", argument, clock_real_ns(), &query->from_ns, error);
    case OPTION_TO:
        return flows_parse_time("--to", argument, clock_real_ns(), &query->to_ns, error);
    case OPTION_LIMIT:
        return parse_number("--limit", argument, 0, INT64_MAX, &query->limit, error);
    case OPTION_RAW:
        query->raw = true;
        return 0;
    case OPTION_SORT:
        *sorted = true;
        for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++) {
            if (strcmp(argument, sorts[i]) == 0) {
                query->sort = (enum read_sort)i;
                return 0;
            }
        }
        return error_set(error, -EINVAL, "--sort takes bytes, packets, flows or time, not '%s'", argument);
    case OPTION_DIRECTION:
        for (size_t i = 0; i < sizeof directions / sizeof *directions; i++) {
            if (strcmp(argument, directions[i]) == 0) {
                query->direction = (enum read_direction)i;
                return 0;
            }
        }
        return error_set(error, -EINVAL, "--direction takes once, ingress, egress or all, not '%s'",
                         argument);
    default:
        return 1;
    }
}

/* Reads all options.  Returns 0, or -EINVAL with 'error' filled. */
static int take_options(int argc, char *argv[], struct read_options *options, struct flows_request *request,
                        struct error *error) {
    static const struct option options_table[] = {READ_LONG_OPTIONS,
                                                  {"by", required_argument, NULL, OPTION_BY},
                                                  {"sort", required_argument, NULL, OPTION_SORT},
                                                  {"limit", required_argument, NULL, OPTION_LIMIT},
                                                  {"from", required_argument, NULL, OPTION_FROM},
                                                  {"to", required_argument, NULL, OPTION_TO},
                                                  {"source", required_argument, NULL, OPTION_SOURCE},
                                                  {"direction", required_argument, NULL, OPTION_DIRECTION},
                                                  {"raw", no_argument, NULL, OPTION_RAW},
                                                  {NULL, 0, NULL, 0}};
    bool sorted = false;
    int option;
    while ((option = getopt_long(argc, argv, READ_SHORT_OPTIONS, options_table, NULL)) != -1) {
        int rc = read_option_take(option, optarg, options, error);
        rc = rc > 0 ? take_option(option, optarg, request, &sorted, error) : rc;
        rc = rc > 0 ? say_bad_option(argv, option, error) : rc;
        if (rc == 0 && options->format == REPORT_HTML) {
            rc = error_set(error, -EINVAL, "--format takes text, json or csv here, not 'html'");
        }
        if (rc < 0) {
            return rc;
        }
    }
    if (!sorted) {
        request->query.sort =
            request->query.grouped || options->top != TOP_NONE ? READ_SORT_BYTES : READ_SORT_TIME;
    }
    if (options->top != TOP_NONE &&
        (request->query.limit < 0 || (int64_t)options->top < request->query.limit)) {
        request->query.limit = (int64_t)options->top;
    }
    request->format = options->format == REPORT_JSON  ? FLOWS_JSON
                      : options->format == REPORT_CSV ? FLOWS_CSV
                                                      : FLOWS_TEXT;
    return 0;
}

/* The rest of the command line with blanks between, to be freed; NULL when memory is out. */
static char *join_words(int count, char *words[]) {
    size_t size = 1;
    for (int i = 0; i < count; i++) {
        size += strlen(words[i]) + 1;
    }
    char *text = calloc(1, size);
    char *at = text;
    for (int i = 0; text != NULL && i < count; i++) {
        at = stpcpy(at, i > 0 ? " " : "");
        at = stpcpy(at, words[i]);
    }
    return text;
}

/* True in 'context' if an exporter's IPFIX is Open vSwitch's. */
static int find_openvswitch(const struct read_exporter *exporter, void *context) {
    bool *found = context;
    *found |= strcmp(exporter->protocol, "ipfix") == 0 && strcmp(exporter->dialect, "openvswitch") == 0;
    return 0;
}

/* Says what a text for people leaves out without being asked to. */
static void say_left_out(struct reader *reader, const struct flows_request *request,
                         const struct flows_totals *totals) {
    bool ipfix = false;
    bool found = false;
    for (size_t i = 0; i < totals->count; i++) {
        ipfix |= strcmp(totals->of[i].source, "ipfix") == 0;
    }
    if (ipfix && request->format == FLOWS_TEXT && request->query.direction == READ_DIRECTION_ONCE &&
        request->session.id != READ_NULL &&
        reader_each_exporter(reader, request->session.id, find_openvswitch, &found, NULL) == 0 && found) {
        say_step("of Open vSwitch's IPFIX the ingress alone: it exports each packet twice (--direction all)");
    }
}

static int read_and_write(const struct read_options *options, struct flows_request *request) {
    struct error error = {""};
    bool all = options->session != NULL && strcmp(options->session, "all") == 0;
    struct reader *reader = reader_open_session(options->database, all ? NULL : options->session,
                                                options->prefix, &request->session, &error);
    if (reader == NULL) {
        return say_failed(&error);
    }
    if (all) {
        request->session.id = READ_NULL;
    }
    request->query.session_id = request->session.id;
    FILE *out = read_output_open(options, &error);
    if (out == NULL) {
        reader_close(reader);
        return say_failed(&error);
    }
    struct flows_totals totals;
    read_output_begin(out);
    int rc = flows_write(reader, request, out, &totals, &error);
    int close_rc = read_output_close(options, out, rc == 0 ? &error : NULL);
    if (rc == 0 && close_rc == 0) {
        say_left_out(reader, request, &totals);
    }
    reader_close(reader);
    return rc == 0 && close_rc == 0 ? EXIT_DONE : say_failed(&error);
}

static int run(int argc, char *argv[]) {
    struct error error = {""};
    struct read_options options;
    struct flows_request request = {
        .query = {.from_ns = READ_NULL, .to_ns = READ_NULL, .limit = -1, .direction = READ_DIRECTION_ONCE}};
    read_options_init(&options);
    options.top = TOP_NONE;
    if (take_options(argc, argv, &options, &request, &error) != 0) {
        return say_usage("flows", &error);
    }
    if (options.help) {
        print_help();
        return EXIT_DONE;
    }
    int status = EXIT_FAILED;
    char *text = join_words(argc - optind, argv + optind);
    struct read_filter *filter = calloc(1, sizeof *filter);
    if (text == NULL || filter == NULL) {
        error_set(&error, -ENOMEM, "reading the filter: out of memory");
        status = say_failed(&error);
    } else if (filter_parse(text, filter, &error) != 0) {
        status = say_usage("flows", &error);
    } else {
        request.filter_text = text;
        request.query.filter = filter;
        status = read_and_write(&options, &request);
    }
    free(filter);
    free(text);
    return status;
}
