/* nsmon start: builds the lab and returns when all is up. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/lab_options.h"
#include "cli/say.h"
#include "common/log.h"

static const char help[] =
    "Usage: sudo nsmon start [OPTION...]\n\n"
    "Builds two namespaces joined by an Open vSwitch bridge, starts the collector and the\n"
    "captures, and points the bridge's exporters at the collector.\n\n"
    "Example:  sudo nsmon start --sampling 64\n\n";

static const char help_end[] =
    "  --dry-run                     print the commands that would make the network by\n"
    "                                hand, and change nothing (needs no root)\n"
    "  -v, --verbose                 show every step\n"
    "  -h, --help                    this text\n";

enum { OPTION_DRY_RUN = LAB_OPTION_END };

struct start_wish {
    struct lab_settings settings;
    bool verbose, dry_run;
};

static int parse(int argc, char *argv[], struct start_wish *wish, struct error *error) {
    static const struct option options[] = {LAB_LONG_OPTIONS,
                                            {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, ":vh", options, NULL)) != -1) {
        int code = 0;
        if (option == 'h') {
            printf("%s%s%s", help, lab_options_help, help_end);
            return 1;
        }
        if (option == 'v') {
            wish->verbose = true;
        } else if (option == OPTION_DRY_RUN) {
            wish->dry_run = true;
        } else {
            code = lab_option_take(option, optarg, &wish->settings, error);
        }
        if (code != 0) {
            return code > 0 ? say_bad_option(argv, option, error) : code;
        }
    }
    if (optind < argc) {
        return say_extra_argument(argv[optind], error);
    }
    return lab_options_check(&wish->settings, error);
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

static void print_line(const char *line, void *context) {
    (void)context;
    puts(line);
}

static int show_recipe(const struct lab_settings *settings) {
    struct error error = {0};
    if (lab_recipe(settings, print_line, NULL, &error) != 0) {
        return say_failed(&error);
    }
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int run(int argc, char *argv[]) {
    struct start_wish wish = {.settings = lab_settings_default()};
    struct error error = {0};
    log_set_sink(LOG_LEVEL_WARNING, say_warning, NULL);
    int code = parse(argc, argv, &wish, &error);
    int status = code > 0       ? EXIT_DONE
                 : code < 0     ? say_usage("start", &error)
                 : wish.dry_run ? show_recipe(&wish.settings)
                                : start(&wish.settings, wish.verbose);
    lab_options_free(&wish.settings);
    return status;
}

const struct command command_start = {"start", "build the lab and start measuring (root)", run};
