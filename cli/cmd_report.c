/* nsmon report: the whole story of a session. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/say.h"

static int run(int argc, char *argv[]);

const struct command command_report = {"report",
                                       "tell the whole story of a session, as text, json, csv or html", run};

static void print_help(void) {
    fputs("Usage: nsmon report [OPTION...]\n\n"
          "Tells the whole story of a session: the verdict, each source against the truth, the\n"
          "largest flows, the ledger of what was lost where, exporters and captures.  html is one\n"
          "file that needs no network.\n\n",
          stdout);
    fputs(read_options_help, stdout);
    fputs("\nExamples:\n"
          "  nsmon report --format html -o report.html\n"
          "  nsmon report --session 3 --format json | jq .verdict\n",
          stdout);
}

static int run(int argc, char *argv[]) {
    static const struct option options_table[] = {READ_LONG_OPTIONS, {NULL, 0, NULL, 0}};
    struct read_options options;
    struct error error;
    read_options_init(&options);
    int option;
    while ((option = getopt_long(argc, argv, READ_SHORT_OPTIONS, options_table, NULL)) != -1) {
        int rc = read_option_take(option, optarg, &options, &error);
        if (rc > 0) {
            rc = say_bad_option(argv, option, &error);
        }
        if (rc < 0) {
            return say_usage("report", &error);
        }
    }
    if (options.help) {
        print_help();
        return EXIT_DONE;
    }
    if (optind < argc) {
        say_extra_argument(argv[optind], &error);
        return say_usage("report", &error);
    }
    return read_and_report(&options, NULL, 0, true, NULL);
}
