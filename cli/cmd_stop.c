/* nsmon stop: flushes, ends the session and takes the lab down. */
#include <errno.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/lab_options.h"
#include "cli/parse.h"
#include "cli/say.h"
#include "common/log.h"

static const char help[] =
    "Usage: sudo nsmon stop [--prefix NAME | --all] [-v]\n\n"
    "Flushes the exporters' caches, ends the session and takes the lab down.  What a crashed\n"
    "lab left behind is taken down as well; nothing else is touched.  On a session of\n"
    "'nsmon attach' it does what 'nsmon detach' does.\n\n"
    "Example:  sudo nsmon stop && nsmon report\n\n"
    "  --prefix NAME   the lab that was started with this prefix\n"
    "  --all           every lab, and what crashed labs left behind, even where /run/nsmon\n"
    "                  was removed: it is found by the tags that all of it carries\n"
    "  -v, --verbose   show every step\n"
    "  -h, --help      this text\n";

struct arguments {
    char prefix[6];
    bool all;
    bool verbose;
};

static int parse(int argc, char *argv[], struct arguments *arguments, struct error *error) {
    static const struct option options[] = {{"prefix", required_argument, NULL, LAB_OPTION_PREFIX},
                                            {"all", no_argument, NULL, 'a'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;
    bool named = false;
    while ((option = getopt_long(argc, argv, ":vh", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return 1;
        }
        if (option == 'v') {
            arguments->verbose = true;
        } else if (option == 'a') {
            arguments->all = true;
        } else if (option != LAB_OPTION_PREFIX) {
            return say_bad_option(argv, option, error);
        } else if (parse_prefix(optarg, arguments->prefix, error) != 0) {
            return -EINVAL;
        } else {
            named = true;
        }
    }
    if (named && arguments->all) {
        return error_set(error, -EINVAL, "--all stops the labs of all prefixes: leave out --prefix");
    }
    return optind < argc ? say_extra_argument(argv[optind], error) : 0;
}

static int stop_all(bool verbose) {
    struct error error = {0};
    struct lab_stopped stopped;
    if (lab_stop_all(say_progress, &verbose, &stopped, &error) != 0) {
        return say_failed(&error);
    }
    if (stopped.bridges_unseen) {
        error_set(
            &error, -ENOTCONN,
            "%u lab%s stopped, %u other thing%s removed; but the system's Open vSwitch does not answer, so "
            "its bridges could not be looked at: run this again when it does",
            stopped.labs, stopped.labs == 1 ? "" : "s", stopped.remains, stopped.remains == 1 ? "" : "s");
        return say_failed(&error);
    }
    if (stopped.labs + stopped.remains == 0) {
        say_step("there was nothing to stop, and nothing of nsmon's is left");
    } else {
        say_step("nothing of nsmon's is left: %u lab%s stopped, %u other thing%s removed", stopped.labs,
                 stopped.labs == 1 ? "" : "s", stopped.remains, stopped.remains == 1 ? "" : "s");
    }
    return EXIT_DONE;
}

static int run(int argc, char *argv[]) {
    struct arguments arguments = {.prefix = ""};
    struct error error = {0};
    int code = parse(argc, argv, &arguments, &error);
    if (code != 0) {
        return code > 0 ? EXIT_DONE : say_usage("stop", &error);
    }
    log_set_sink(LOG_LEVEL_WARNING, say_warning, NULL);
    if (arguments.all) {
        return stop_all(arguments.verbose);
    }
    code = lab_stop(arguments.prefix, say_progress, &arguments.verbose, &error);
    if (code == -ENOENT) {
        fprintf(stderr, "nsmon: %s\n", error.text);
        return EXIT_DONE; /* what was asked for is so */
    }
    if (code != 0) {
        return say_failed(&error);
    }
    say_step("the lab is down");
    return EXIT_DONE;
}

const struct command command_stop = {"stop", "flush, end the session, take the lab down (root)", run};
