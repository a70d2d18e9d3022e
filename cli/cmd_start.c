/* nsmon start: builds the lab and returns when all is up. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/lab_options.h"
#include "cli/say.h"

static const char help[] =
    "Usage: sudo nsmon start [OPTION...]\n\n"
    "Builds two namespaces joined by an Open vSwitch bridge, starts the collector and the\n"
    "captures, and points the bridge's exporters at the collector.\n\n"
    "Example:  sudo nsmon start --sampling 64\n\n";

static int parse(int argc, char *argv[], struct lab_settings *settings, bool *verbose, struct error *error) {
    static const struct option options[] = {LAB_LONG_OPTIONS,
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, ":vh", options, NULL)) != -1) {
        int code = 0;
        if (option == 'h') {
            printf("%s%s  -v, --verbose                 show every step\n  -h, --help                    "
                   "this text\n",
                   help, lab_options_help);
            return 1;
        }
        if (option == 'v') {
            *verbose = true;
        } else {
            code = lab_option_take(option, optarg, settings, error);
        }
        if (code != 0) {
            return code > 0 ? say_bad_option(argv, option, error) : code;
        }
    }
    if (optind < argc) {
        return say_extra_argument(argv[optind], error);
    }
    return lab_options_check(settings, error);
}

static int start(const struct lab_settings *settings, bool verbose) {
    struct lab_info info = {0};
    struct error error = {0};
    if (lab_start(settings, say_progress, &verbose, &info, &error) != 0) {
        return say_failed(&error);
    }
    const char *prefix = settings->prefix[0] != '\0' ? " --prefix " : "";
    say_step("the lab is up: %s", info.description);
    fprintf(stderr,
            "    session %lld in %s\n"
            "    next: sudo nsmon traffic%s%s; nsmon status%s%s; sudo nsmon stop%s%s; nsmon report\n",
            (long long)info.session_id, info.database, prefix, settings->prefix, prefix, settings->prefix,
            prefix, settings->prefix);
    return EXIT_DONE;
}

static int run(int argc, char *argv[]) {
    struct lab_settings settings = lab_settings_default();
    struct error error = {0};
    bool verbose = false;
    int code = parse(argc, argv, &settings, &verbose, &error);
    int status = code == 0 ? start(&settings, verbose) : code > 0 ? EXIT_DONE : say_usage("start", &error);
    lab_options_free(&settings);
    return status;
}

const struct command command_start = {"start", "build the lab and start measuring (root)", run};
