/* nsmon run: start, traffic, stop and compare in one command. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/lab_options.h"
#include "cli/lab_traffic.h"
#include "cli/options.h"
#include "cli/parse.h"
#include "cli/say.h"
#include "traffic/profile.h"

static const char help[] =
    "Usage: sudo nsmon run [PROFILE] [OPTION...]\n\n"
    "Builds the lab, drives traffic through it, flushes the exporters, takes the lab down and\n"
    "prints how far each exporter was from the truth.\n\n"
    "Example:  sudo nsmon run mixed --duration 20 --sampling 64\n\n"
    "  --duration SECONDS            of the traffic (default: the profile's own)\n"
    "  --scale X                     X times the packets\n"
    "  --seed N                      the same seed makes the same flows (default: a new one)\n"
    "  --format text|json|csv|html   of the comparison (default text)\n"
    "  -o, --output FILE             write it there instead of to standard output\n"
    "  --top N                       list the N largest flows (default 5; 20 in html)\n"
    "  -v, --verbose                 show every step\n"
    "  -h, --help                    this text\n";

enum { OPTION_DURATION = LAB_OPTION_END, OPTION_SCALE, OPTION_SEED };

struct run_settings {
    struct lab_settings lab;
    struct lab_traffic traffic;
    struct read_options read;
    bool verbose;
};

static const struct option options[] = {LAB_LONG_OPTIONS,
                                        {"duration", required_argument, NULL, OPTION_DURATION},
                                        {"scale", required_argument, NULL, OPTION_SCALE},
                                        {"seed", required_argument, NULL, OPTION_SEED},
                                        {"format", required_argument, NULL, READ_OPTION_FORMAT},
                                        {"top", required_argument, NULL, READ_OPTION_TOP},
                                        {"output", required_argument, NULL, 'o'},
                                        {"verbose", no_argument, NULL, 'v'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};

static int take(int option, const char *argument, struct run_settings *settings, struct error *error) {
    int64_t number = 0;
    int code;
    switch (option) {
    case OPTION_DURATION:
        return parse_duration("--duration", argument, &settings->traffic.duration_ns, error);
    case OPTION_SCALE:
        return parse_factor("--scale", argument, 1000, &settings->traffic.scale, error);
    case OPTION_SEED:
        code = parse_number("--seed", argument, 0, INT64_MAX, &number, error);
        settings->traffic.seed = (uint64_t)number;
        return code;
    case 'v':
        settings->verbose = true;
        return 0;
    default:
        code = lab_option_take(option, argument, &settings->lab, error);
        return code > 0 ? read_option_take(option, argument, &settings->read, error) : code;
    }
}

static int parse(int argc, char *argv[], struct run_settings *settings, struct error *error) {
    int option;
    while ((option = getopt_long(argc, argv, ":o:vh", options, NULL)) != -1) {
        if (option == 'h') {
            printf("%s%s", help, lab_options_help);
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
    if (optind < argc) {
        settings->traffic.profile = argv[optind++];
        if (traffic_profile_find(settings->traffic.profile) == NULL) {
            return error_set(error, -EINVAL, "there is no profile '%s'; 'nsmon traffic --list' shows them",
                             settings->traffic.profile);
        }
    }
    memcpy(settings->traffic.prefix, settings->lab.prefix, sizeof settings->traffic.prefix);
    return optind < argc ? say_extra_argument(argv[optind], error) : lab_options_check(&settings->lab, error);
}

/* The traffic's own words go to standard error: standard output is for the comparison. */
static int measure(struct run_settings *settings, struct lab_info *info, struct error *error) {
    int code = lab_start(&settings->lab, say_progress, &settings->verbose, info, error);
    if (code != 0) {
        return code;
    }
    say_step("the lab is up: %s", info->description);
    struct error traffic_error = {0};
    int driven = lab_traffic_run(&settings->traffic, &traffic_error);
    code = lab_stop(settings->lab.prefix, say_progress, &settings->verbose, error);
    return driven != 0 ? error_set(error, driven, "%s", traffic_error.text) : code;
}

static int run(int argc, char *argv[]) {
    struct run_settings settings = {
        .lab = lab_settings_default(),
        .traffic = {.profile = TRAFFIC_PROFILE_DEFAULT, .seed = lab_traffic_new_seed(), .quiet = true}};
    struct lab_info info = {0};
    struct error error = {0};
    read_options_init(&settings.read);
    int code = parse(argc, argv, &settings, &error);
    if (code != 0) {
        return code > 0 ? EXIT_DONE : say_usage("run", &error);
    }
    if (geteuid() != 0) {
        error_set(&error, -EPERM, "nsmon run needs root for namespaces and captures: run 'sudo nsmon run'");
        return say_failed(&error);
    }
    if (read_output_check(&settings.read, &error) != 0) {
        return say_failed(&error);
    }
    if (measure(&settings, &info, &error) != 0) {
        return say_failed(&error);
    }
    char session[24];
    enum report_answer ok;
    snprintf(session, sizeof session, "%" PRId64, info.session_id);
    settings.read.session = session;
    settings.read.database = info.database;
    return read_and_report(&settings.read, NULL, 0, false, &ok);
}

const struct command command_run = {"run", "start, traffic, stop and compare in one (root)", run};
