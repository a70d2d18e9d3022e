/* nsmon traffic: drives a profile of flows from one host of a lab to another. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/lab_options.h"
#include "cli/lab_traffic.h"
#include "cli/parse.h"
#include "cli/say.h"
#include "traffic/profile.h"

static const char help[] =
    "Usage: sudo nsmon traffic [PROFILE] [OPTION...]\n\n"
    "Drives TCP and UDP flows from one host of a running lab to another, counts them at both\n"
    "ends, and hands the counts to the session.  They are spread over all addresses that the hosts\n"
    "have.  Ctrl-C stops it early and keeps what was counted.\n\n"
    "Example:  sudo nsmon traffic mixed --duration 20\n\n"
    "  --list               the profiles\n"
    "  --duration SECONDS   (default: the profile's own)\n"
    "  --scale X            X times the packets\n"
    "  --seed N             the same seed makes the same flows (default: a new one)\n"
    "  --flows N            N flows in all, in the profile's proportions\n"
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
    OPTION_FLOWS,
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
                                        {"from", required_argument, NULL, OPTION_FROM},
                                        {"to", required_argument, NULL, OPTION_TO},
                                        {"list-flows", no_argument, NULL, OPTION_LIST_FLOWS},
                                        {"format", required_argument, NULL, OPTION_FORMAT},
                                        {"prefix", required_argument, NULL, LAB_OPTION_PREFIX},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};

static int list_profiles(void) {
    size_t count;
    const struct traffic_profile *profiles = traffic_profiles(&count);
    for (size_t i = 0; i < count; i++) {
        printf("%-19s %s\n", profiles[i].name, profiles[i].summary);
    }
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

static int parse(int argc, char *argv[], struct lab_traffic *settings, struct error *error) {
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
        int code = take(option, optarg, settings, error);
        if (code != 0) {
            return code;
        }
    }
    if (optind < argc) {
        settings->profile = argv[optind++];
        if (traffic_profile_find(settings->profile) == NULL) {
            return error_set(error, -EINVAL, "there is no profile '%s'; --list shows them",
                             settings->profile);
        }
    }
    return optind < argc ? say_extra_argument(argv[optind], error) : 0;
}

static int run(int argc, char *argv[]) {
    struct lab_traffic settings = {.profile = TRAFFIC_PROFILE_DEFAULT, .seed = lab_traffic_new_seed()};
    struct error error = {0};
    int code = parse(argc, argv, &settings, &error);
    if (code != 0) {
        return code > 0 ? EXIT_DONE : say_usage("traffic", &error);
    }
    if (geteuid() != 0) {
        error_set(&error, -EPERM,
                  "nsmon traffic needs root to enter the lab's namespaces: run 'sudo nsmon traffic'");
        return say_failed(&error);
    }
    return lab_traffic_run(&settings, &error) == 0 ? EXIT_DONE : say_failed(&error);
}

const struct command command_traffic = {"traffic", "drive traffic through the lab (root)", run};
