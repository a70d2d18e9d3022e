/* nsmon run: start, traffic, stop and compare in one command, once or several times. */
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
#include "cli/run_repeats.h"
#include "cli/run_scenario.h"
#include "cli/say.h"
#include "common/log.h"

static const char help[] =
    "Usage: sudo nsmon run [SCENARIO|FILE|PROFILE] [OPTION...]\n"
    "       sudo nsmon run --replay FILE [OPTION...]\n"
    "       nsmon run --list | --print SCENARIO | --check FILE\n\n"
    "Builds the lab, drives traffic through it, flushes the exporters, takes the lab down and\n"
    "prints how far each exporter was from the truth.  What the lab and the traffic are like\n"
    "says a scenario: a file (nsmon-scenario(5)), or one that comes with nsmon (mixed).\n"
    "Options stand above what it says.\n\n"
    "Example:  sudo nsmon run mixed --duration 20 --sampling 64\n"
    "          nsmon run --print ddos > mine.yaml; sudo nsmon run mine.yaml\n\n"
    "  --list                        the scenarios that come with nsmon\n"
    "  --print SCENARIO              the file of one of them, to start from\n"
    "  --check FILE                  look whether it is in order, and run nothing\n"
    "  --repetitions N               run it N times, sessions LABEL-1, LABEL-2 ..., and show\n"
    "                                how far the figures scatter (default: the scenario's)\n"
    "  --replay FILE                 the traffic is this capture, with its timing\n"
    "  --speed X                     X times as fast; 0: as fast as it goes (default 1)\n"
    "  --duration SECONDS            of the traffic (default: the scenario's)\n"
    "  --scale X                     X times the packets\n"
    "  --seed N                      the same seed makes the same flows (default: a new one)\n"
    "  --format text|json|csv|html   of the comparison (default text)\n"
    "  -o, --output FILE             write it there instead of to standard output\n"
    "  --top N                       list the N largest flows (default 5; 20 in html)\n"
    "  -v, --verbose                 show every step\n"
    "  -h, --help                    this text\n";

#define SCENARIO_DEFAULT "mixed"
#define SPEED_MAX        1000.0

enum {
    OPTION_LIST = LAB_OPTION_END,
    OPTION_PRINT,
    OPTION_CHECK,
    OPTION_REPETITIONS,
    OPTION_REPLAY,
    OPTION_SPEED,
    OPTION_DURATION,
    OPTION_SCALE,
    OPTION_SEED
};

struct run_settings {
    struct lab_settings lab;
    struct read_options read;
    const char *name;   /* of what is to be run ... */
    const char *replay; /* ... or a capture file in its place; NULL: none */
    double speed;       /* of replays; the scenario's without 'has_speed' */
    bool has_speed;
    struct scenario *scenario;
    bool list, check, verbose;
    const char *print;
    unsigned repetitions; /* 0: the scenario's */
    int64_t duration_ns;  /* 0: the scenario's */
    double scale;         /* 0: the scenario's */
    uint64_t seed;
    bool has_seed;
    bool misread; /* there is no such scenario, or something is wrong in it */
};

static const struct option options[] = {LAB_LONG_OPTIONS,
                                        {"list", no_argument, NULL, OPTION_LIST},
                                        {"print", required_argument, NULL, OPTION_PRINT},
                                        {"check", required_argument, NULL, OPTION_CHECK},
                                        {"repetitions", required_argument, NULL, OPTION_REPETITIONS},
                                        {"replay", required_argument, NULL, OPTION_REPLAY},
                                        {"speed", required_argument, NULL, OPTION_SPEED},
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
    case OPTION_LIST:
        settings->list = true;
        return 0;
    case OPTION_PRINT:
        settings->print = argument;
        return 0;
    case OPTION_CHECK:
        settings->check = true;
        settings->name = argument;
        return 0;
    case OPTION_REPETITIONS:
        code = parse_number("--repetitions", argument, 1, SCENARIO_REPETITIONS_MAX, &number, error);
        settings->repetitions = (unsigned)number;
        return code;
    case OPTION_REPLAY:
        settings->replay = argument;
        return 0;
    case OPTION_SPEED:
        settings->has_speed = true;
        return parse_speed("--speed", argument, SPEED_MAX, &settings->speed, error);
    case OPTION_DURATION:
        return parse_duration("--duration", argument, &settings->duration_ns, error);
    case OPTION_SCALE:
        return parse_factor("--scale", argument, 1000, &settings->scale, error);
    case OPTION_SEED:
        code = parse_number("--seed", argument, 0, INT64_MAX, &number, error);
        settings->seed = (uint64_t)number;
        settings->has_seed = true;
        return code;
    case 'v':
        settings->verbose = true;
        return 0;
    default:
        code = lab_option_take(option, argument, &settings->lab, error);
        return code > 0 ? read_option_take(option, argument, &settings->read, error) : code;
    }
}

static int check_replay(const struct run_settings *settings, struct error *error) {
    if (settings->replay != NULL && settings->name != NULL) {
        return error_set(error, -EINVAL, "--replay FILE takes the place of a scenario: '%s' is one too many",
                         settings->name);
    }
    if (settings->replay != NULL &&
        (settings->duration_ns != 0 || settings->scale > 0 || settings->has_seed)) {
        return error_set(
            error, -EINVAL,
            "--replay plays what is in the file: --duration, --scale and --seed don't go with it");
    }
    return 0;
}

static int parse(int argc, char *argv[], struct run_settings *settings, struct error *error) {
    int option;
    optind = 0; /* from the beginning: it may have been read before */
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
    if (optind < argc && !settings->check) {
        settings->name = argv[optind++];
    }
    return optind < argc ? say_extra_argument(argv[optind], error) : check_replay(settings, error);
}

/* Options may have made the lab smaller than the scenario's traffic needs. */
static int check_fit(const struct run_settings *settings, struct error *error) {
    unsigned hosts = settings->lab.hosts != 0 ? settings->lab.hosts : 2;
    bool replays = false;
    for (size_t i = 0; i < settings->scenario->run_count; i++) {
        const struct scenario_run *run = &settings->scenario->runs[i];
        if (run->from > hosts || run->to > hosts) {
            return error_set(error, -EINVAL,
                             "--hosts %u is too few: the scenario has traffic from ns%u to ns%u", hosts,
                             run->from, run->to);
        }
        replays = replays || run->replay != NULL;
    }
    if (settings->has_speed && !replays) {
        return error_set(error, -EINVAL, "--speed is of replays, and there is none in this scenario");
    }
    if (settings->repetitions > 1 && settings->read.format == REPORT_HTML) {
        return error_set(error, -EINVAL,
                         "--format html shows one session: take text, json or csv for repetitions, and "
                         "'nsmon report --session LABEL-1 --format html' for one of them");
    }
    return lab_options_check(&settings->lab, error);
}

/* Reads the arguments, then what they name, then the arguments again, which stand above that. */
static int prepare(int argc, char *argv[], struct run_settings *settings, struct error *error) {
    int code = parse(argc, argv, settings, error);
    lab_options_free(&settings->lab);
    if (code != 0 || settings->list || settings->print != NULL) {
        return code;
    }
    if (settings->name == NULL && settings->replay == NULL) {
        settings->name = SCENARIO_DEFAULT;
    }
    code = settings->replay != NULL ? run_scenario_of_replay(settings->replay, &settings->scenario, error)
                                    : run_scenario_find(settings->name, &settings->scenario, error);
    if (code != 0) {
        settings->misread = code == -EINVAL || code == -EFBIG;
        return code;
    }
    settings->lab = settings->scenario->lab;
    settings->scenario->lab.openflow.text = NULL; /* is the settings' now */
    code = parse(argc, argv, settings, error);
    if (settings->repetitions == 0) {
        settings->repetitions = settings->scenario->repetitions;
    }
    return code == 0 ? check_fit(settings, error) : code;
}

/* Fills 'runs' with the scenario's traffic for its repetition 'number', from 0. */
static size_t plan_runs(const struct run_settings *settings, unsigned number,
                        struct lab_traffic runs[SCENARIO_RUNS_MAX]) {
    const struct scenario *scenario = settings->scenario;
    /* Times within the scenario keep their share of its duration. */
    double stretch = settings->duration_ns != 0 && scenario->duration_ns != 0
                         ? (double)settings->duration_ns / (double)scenario->duration_ns
                         : 1;
    for (size_t i = 0; i < scenario->run_count; i++) {
        const struct scenario_run *run = &scenario->runs[i];
        double scale = settings->scale != 0 ? settings->scale : scenario->scale != 0 ? scenario->scale : 1;
        int64_t duration_ns = settings->duration_ns != 0 ? settings->duration_ns : scenario->duration_ns;
        if (run->duration_ns != 0) {
            duration_ns = (int64_t)((double)run->duration_ns * stretch);
        }
        runs[i] = (struct lab_traffic){
            .profile = run->profile,
            .shape = run->shape.group_count > 0 ? &run->shape : NULL,
            .replay = run->replay_path,
            .speed = settings->has_speed ? settings->speed : run->speed,
            .loops = run->loops,
            .from = run->from,
            .to = run->to,
            .start_ns = (int64_t)((double)run->start_ns * stretch),
            .duration_ns = duration_ns,
            .scale = scale * (run->scale != 0 ? run->scale : 1),
            .flows = run->flows,
            .seed = settings->seed + (uint64_t)number * SCENARIO_RUNS_MAX + i,
            .quiet = true,
        };
        memcpy(runs[i].prefix, settings->lab.prefix, sizeof runs[i].prefix);
    }
    return scenario->run_count;
}

/* The traffic's own words go to standard error: standard output is for the comparison. */
static int measure(const struct run_settings *settings, const struct lab_settings *lab, unsigned number,
                   struct lab_info *info, struct error *error) {
    struct lab_traffic runs[SCENARIO_RUNS_MAX];
    bool verbose = settings->verbose;
    size_t count = plan_runs(settings, number, runs);
    int code = lab_start(lab, say_progress, &verbose, info, error);
    if (code != 0) {
        return code;
    }
    say_step("the lab is up: %s", info->description);
    struct error traffic_error = {0};
    int driven = lab_traffic_run_all(runs, count, &traffic_error);
    code = lab_stop(lab->prefix, say_progress, &verbose, error);
    return driven != 0 ? error_set(error, driven, "%s", traffic_error.text) : code;
}

static int run_once(const struct run_settings *settings, struct error *error) {
    struct lab_info info = {0};
    char session[24];
    enum report_answer ok;
    if (measure(settings, &settings->lab, 0, &info, error) != 0) {
        return say_failed(error);
    }
    snprintf(session, sizeof session, "%" PRId64, info.session_id);
    struct read_options read = settings->read;
    read.session = session;
    read.database = info.database;
    return read_and_report(&read, NULL, 0, false, &ok);
}

/* Each repetition is a session of its own.  What was measured before one failed, or before somebody stopped
 * it, is compared all the same. */
static int run_repeatedly(const struct run_settings *settings, struct error *error) {
    int64_t ids[SCENARIO_REPETITIONS_MAX];
    char label[96];
    struct lab_info info = {0};
    const char *base = settings->lab.label != NULL ? settings->lab.label : settings->scenario->name;
    unsigned first = run_repeats_first(settings->lab.database, base);
    size_t count = 0;
    int code = 0;
    while (code == 0 && count < settings->repetitions && !lab_traffic_stopped()) {
        struct lab_settings lab = settings->lab;
        snprintf(label, sizeof label, "%s-%u", base, first + (unsigned)count);
        lab.label = label;
        say_step("repetition %zu of %u: %s", count + 1, settings->repetitions, label);
        code = measure(settings, &lab, (unsigned)count, &info, error);
        ids[count] = info.session_id;
        count += code == 0;
    }
    int status = code == 0 ? EXIT_DONE : say_failed(error);
    if (count == 0) {
        return status;
    }
    struct read_options read = settings->read;
    read.database = info.database;
    int reported = run_repeats_report(&read, ids, count);
    return status == EXIT_DONE ? reported : status;
}

/* What needs neither root nor a lab.  Returns an exit status. */
static int show(const struct run_settings *settings, struct error *error) {
    if (settings->list) {
        run_scenario_list();
    } else if (settings->print != NULL) {
        return run_scenario_print(settings->print, error) == 0 ? EXIT_DONE : say_usage("run", error);
    } else {
        run_scenario_describe(settings->name, settings->scenario);
    }
    return EXIT_DONE;
}

static int execute(struct run_settings *settings, struct error *error) {
    if (settings->list || settings->print != NULL || settings->check) {
        return show(settings, error);
    }
    if (geteuid() != 0) {
        error_set(error, -EPERM, "nsmon run needs root for namespaces and captures: run 'sudo nsmon run'");
        return say_failed(error);
    }
    if (read_output_check(&settings->read, error) != 0) {
        return say_failed(error);
    }
    if (!settings->has_seed) {
        settings->has_seed = settings->scenario->has_seed;
        settings->seed = settings->has_seed ? settings->scenario->seed : lab_traffic_new_seed();
    }
    return settings->repetitions > 1 ? run_repeatedly(settings, error) : run_once(settings, error);
}

static int run(int argc, char *argv[]) {
    struct run_settings settings = {.lab = lab_settings_default()};
    struct error error = {0};
    read_options_init(&settings.read);
    log_set_sink(LOG_LEVEL_WARNING, say_warning, NULL);
    int code = prepare(argc, argv, &settings, &error);
    int status = EXIT_DONE;
    if (code == 0) {
        status = execute(&settings, &error);
    } else if (settings.misread) {
        say_failed(&error);
        status = EXIT_USAGE;
    } else if (code < 0) {
        status = code == -EINVAL ? say_usage("run", &error) : say_failed(&error);
    }
    lab_options_free(&settings.lab);
    scenario_free(settings.scenario);
    return status;
}

const struct command command_run = {"run", "start, traffic, stop and compare in one (root)", run};
