/* nsmon traffic: drives a profile of flows from one host of a lab to another. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/lab_options.h"
#include "cli/lab_traffic.h"
#include "cli/parse.h"
#include "cli/say.h"
#include "common/flow_key.h"
#include "traffic/plan/profile.h"
#include "traffic/replay/replay.h"
#include "traffic/text.h"

static const char help[] =
    "Usage: sudo nsmon traffic [PROFILE] [OPTION...]\n"
    "       sudo nsmon traffic --replay FILE [OPTION...]\n\n"
    "Drives TCP and UDP flows from one host of a running lab to another, counts them at both\n"
    "ends, and hands the counts to the session.  They are spread over all addresses that the hosts\n"
    "have.  Ctrl-C stops it early and keeps what was counted.\n\n"
    "With --replay it plays a capture file instead, frame by frame and with its timing.\n\n"
    "Example:  sudo nsmon traffic mixed --duration 20\n"
    "          sudo nsmon traffic --replay mine.pcap --speed 2\n\n"
    "  --list               the profiles\n"
    "  --duration SECONDS   (default: the profile's own)\n"
    "  --scale X            X times the packets\n"
    "  --seed N             the same seed makes the same flows (default: a new one)\n"
    "  --flows N            N flows in all, in the profile's proportions\n"
    "  --threads N          spread the flows over N threads at both ends, 1 to 4 (default 1)\n"
    "  --spin PERCENT|off   of a processor, to send on time (default 75)\n"
    "  --txtime auto|on|off give datagrams launch times: where the link's qdisc keeps them (the\n"
    "                       default), or fail, or never\n"
    "  --replay FILE        play this capture, pcap or pcapng; - is standard input\n"
    "  --speed X            X times as fast; 0: as fast as it goes (default 1)\n"
    "  --loop N             N times in a row (default 1)\n"
    "  --from HOST          where they come from (default ns1)\n"
    "  --to HOST            where they go to (default ns2)\n"
    "  --list-flows         print every flow at the end\n"
    "  --format text|json   of the result (default text)\n"
    "  --prefix NAME        the lab that was started with this prefix\n"
    "  -h, --help           this text\n";

enum {
    OPTION_LIST = LAB_OPTION_END,
    OPTION_DURATION,
    OPTION_SCALE,
    OPTION_SEED,
    OPTION_THREADS,
    OPTION_SPIN,
    OPTION_TXTIME,
    OPTION_FLOWS,
    OPTION_REPLAY,
    OPTION_SPEED,
    OPTION_LOOP,
    OPTION_FROM,
    OPTION_TO,
    OPTION_LIST_FLOWS,
    OPTION_FORMAT
};

static const struct option options[] = {{"list", no_argument, NULL, OPTION_LIST},
                                        {"duration", required_argument, NULL, OPTION_DURATION},
                                        {"scale", required_argument, NULL, OPTION_SCALE},
                                        {"seed", required_argument, NULL, OPTION_SEED},
                                        {"flows", required_argument, NULL, OPTION_FLOWS},
                                        {"threads", required_argument, NULL, OPTION_THREADS},
                                        {"spin", required_argument, NULL, OPTION_SPIN},
                                        {"txtime", required_argument, NULL, OPTION_TXTIME},
                                        {"replay", required_argument, NULL, OPTION_REPLAY},
                                        {"speed", required_argument, NULL, OPTION_SPEED},
                                        {"loop", required_argument, NULL, OPTION_LOOP},
                                        {"from", required_argument, NULL, OPTION_FROM},
                                        {"to", required_argument, NULL, OPTION_TO},
                                        {"list-flows", no_argument, NULL, OPTION_LIST_FLOWS},
                                        {"format", required_argument, NULL, OPTION_FORMAT},
                                        {"prefix", required_argument, NULL, LAB_OPTION_PREFIX},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};

/* Of what flows the profile is made up: one line, as a scenario's 'groups' would have them. */
static void show_groups(const struct traffic_profile *profile) {
    size_t flows[2][2] = {{0, 0}, {0, 0}};
    for (size_t i = 0; i < profile->group_count; i++) {
        const struct traffic_group *group = &profile->groups[i];
        flows[group->protocol == PROTOCOL_TCP][group->family == 6] +=
            (size_t)group->count * (group->both_ways != 0 ? 2U : 1U);
    }
    printf("%-19s %.0f s, %zu group%s; flows: UDP %zu IPv4, %zu IPv6; TCP %zu IPv4, %zu IPv6\n", "",
           (double)profile->duration_ns / 1e9, profile->group_count, profile->group_count == 1 ? "" : "s",
           flows[0][0], flows[0][1], flows[1][0], flows[1][1]);
}

static int list_profiles(void) {
    size_t count;
    const struct traffic_profile *profiles = traffic_profiles(&count);
    for (size_t i = 0; i < count; i++) {
        printf("%-19s %s\n", profiles[i].name, profiles[i].summary);
        show_groups(&profiles[i]);
    }
    printf("\nEach is what a scenario has under 'traffic': '- {profile: %s}', or groups of your own in its "
           "place;\n"
           "see nsmon-scenario(5).\n",
           TRAFFIC_PROFILE_DEFAULT);
    return 1;
}

static int take(int option, const char *argument, struct lab_traffic *settings, struct error *error) {
    int64_t number = 0;
    int code = 0;
    switch (option) {
    case OPTION_DURATION:
        return parse_duration("--duration", argument, &settings->duration_ns, error);
    case OPTION_SCALE:
        return parse_factor("--scale", argument, 1000, &settings->scale, error);
    case OPTION_SEED:
        code = parse_number("--seed", argument, 0, INT64_MAX, &number, error);
        settings->seed = (uint64_t)number;
        return code;
    case OPTION_FLOWS:
        code = parse_number("--flows", argument, 1, (int64_t)TRAFFIC_MAX_FLOWS, &number, error);
        settings->flows = (size_t)number;
        return code;
    case OPTION_THREADS:
        code = parse_number("--threads", argument, 1, TRAFFIC_SERVER_PORTS, &number, error);
        settings->tuning.threads = (unsigned int)number;
        return code;
    case OPTION_SPIN:
        number = -1;
        code = strcmp(argument, "off") == 0 ? 0 : parse_number("--spin", argument, 1, 100, &number, error);
        settings->tuning.spin = (int)number;
        return code;
    case OPTION_TXTIME:
        return traffic_text_read_txtime(argument, &settings->tuning.txtime, error);
    case OPTION_REPLAY:
        settings->replay = argument;
        return 0;
    case OPTION_SPEED:
        return parse_speed("--speed", argument, REPLAY_SPEED_MAX, &settings->speed, error);
    case OPTION_LOOP:
        code = parse_number("--loop", argument, 1, REPLAY_LOOPS_MAX, &number, error);
        settings->loops = (unsigned)number;
        return code;
    case OPTION_FROM:
        return parse_host("--from", argument, &settings->from, error);
    case OPTION_TO:
        return parse_host("--to", argument, &settings->to, error);
    case OPTION_LIST_FLOWS:
        settings->per_flow = true;
        return 0;
    case OPTION_FORMAT:
        settings->json = strcmp(argument, "json") == 0;
        return settings->json || strcmp(argument, "text") == 0
                   ? 0
                   : error_set(error, -EINVAL, "--format takes text or json, not '%s'", argument);
    default:
        return parse_prefix(argument, settings->prefix, error);
    }
}

/* What says how flows are made means nothing to a replay, and the other way round. */
static int check_replay(const struct lab_traffic *settings, bool flows, bool pace, struct error *error) {
    if (settings->replay == NULL && pace) {
        return error_set(error, -EINVAL, "--speed and --loop are for --replay FILE");
    }
    if (settings->replay != NULL && flows) {
        return error_set(
            error, -EINVAL,
            "--replay plays what is in the file: a profile, --duration, --scale, --seed, --flows, "
            "--threads, --spin, --txtime and --list-flows don't go with it");
    }
    return 0;
}

static int parse(int argc, char *argv[], struct lab_traffic *settings, struct error *error) {
    bool flows = false;
    bool pace = false;
    int option;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return 1;
        }
        if (option == OPTION_LIST) {
            return list_profiles();
        }
        if (option == '?' || option == ':') {
            return say_bad_option(argv, option, error);
        }
        flows = flows || (option >= OPTION_DURATION && option <= OPTION_FLOWS) || option == OPTION_LIST_FLOWS;
        pace = pace || option == OPTION_SPEED || option == OPTION_LOOP;
        int code = take(option, optarg, settings, error);
        if (code != 0) {
            return code;
        }
    }
    if (optind < argc) {
        settings->profile = argv[optind++];
        flows = true;
        if (traffic_profile_find(settings->profile) == NULL) {
            return error_set(error, -EINVAL, "there is no profile '%s'; --list shows them",
                             settings->profile);
        }
    }
    return optind < argc ? say_extra_argument(argv[optind], error)
                         : check_replay(settings, flows, pace, error);
}

/* Whoever reads JSON gets some when there is no run, too: what of the command line was understood, and why.
 */
static void refuse_in_json(int argc, char *argv[], const struct lab_traffic *settings,
                           const struct error *error) {
    bool json = settings->json;
    for (int i = 1; i < argc; i++) {
        json = json || strcmp(argv[i], "--format=json") == 0 ||
               (strcmp(argv[i], "json") == 0 && strcmp(argv[i - 1], "--format") == 0);
    }
    if (json) {
        lab_traffic_show_nothing(settings, error->text, stdout);
    }
}

static int run(int argc, char *argv[]) {
    struct lab_traffic settings = {
        .profile = TRAFFIC_PROFILE_DEFAULT, .speed = 1, .seed = lab_traffic_new_seed()};
    struct error error = {0};
    int code = parse(argc, argv, &settings, &error);
    if (code > 0) {
        return EXIT_DONE;
    }
    if (code < 0) {
        refuse_in_json(argc, argv, &settings, &error);
        return say_usage("traffic", &error);
    }
    if (geteuid() != 0) {
        error_set(&error, -EPERM,
                  "nsmon traffic needs root to enter the lab's namespaces: run 'sudo nsmon traffic'");
        refuse_in_json(argc, argv, &settings, &error);
        return say_failed(&error);
    }
    code = lab_traffic_run(&settings, &error);
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && code == 0) {
        code = error_set(&error, -EIO, "writing standard output: %s: is the disk full?", strerror(errno));
    }
    return code == 0 ? EXIT_DONE : say_failed(&error);
}

const struct command command_traffic = {"traffic", "drive traffic through the lab (root)", run};
