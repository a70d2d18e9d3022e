/* nsmon detach: ends a session on a bridge, and puts its exporters back. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/lab_options.h"
#include "cli/parse.h"
#include "cli/say.h"

static const char help[] =
    "Usage: sudo nsmon detach [--prefix NAME] [-v]\n\n"
    "Ends the session that 'nsmon attach' began: has the exporters send what they hold, and\n"
    "puts them back as they were.  What a crash or a reboot left is put back as well.\n\n"
    "Example:  sudo nsmon detach && nsmon compare\n\n"
    "  --prefix NAME   the session that was begun with this prefix\n"
    "  -v, --verbose   show every step\n"
    "  -h, --help      this text\n";

static int parse(int argc, char *argv[], char prefix[6], bool *verbose, struct error *error) {
    static const struct option options[] = {{"prefix", required_argument, NULL, LAB_OPTION_PREFIX},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, ":vh", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return 1;
        }
        if (option == 'v') {
            *verbose = true;
        } else if (option != LAB_OPTION_PREFIX) {
            return say_bad_option(argv, option, error);
        } else if (parse_prefix(optarg, prefix, error) != 0) {
            return -EINVAL;
        }
    }
    return optind < argc ? say_extra_argument(argv[optind], error) : 0;
}

static int run(int argc, char *argv[]) {
    char prefix[6] = "";
    bool verbose = false;
    struct error error = {0};
    int code = parse(argc, argv, prefix, &verbose, &error);
    if (code != 0) {
        return code > 0 ? EXIT_DONE : say_usage("detach", &error);
    }
    code = lab_detach(prefix, say_progress, &verbose, &error);
    if (code == -ENOENT) {
        fprintf(stderr, "nsmon: %s\n", error.text);
        return EXIT_DONE; /* what was asked for is so */
    }
    if (code != 0) {
        return say_failed(&error);
    }
    say_step("detached: the exporters are as they were");
    return EXIT_DONE;
}

const struct command command_detach = {"detach", "end that, put the exporters back (root)", run};
