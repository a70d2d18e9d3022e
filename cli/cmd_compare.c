/* nsmon compare: sources against the truth and each other. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/say.h"
#include "reports/compare.h"

static int run(int argc, char *argv[]);

const struct command command_compare = {"compare", "hold sources against the truth and each other", run};

#define OPTION_CHECK 600

static void print_help(void) {
    fputs("Usage: nsmon compare [OPTION...] [SOURCE [vs] SOURCE...]\n\n"
          "Holds what exporters said against what was really there, flow by flow: estimate,\n"
          "truth, interval, and whether sampling theory allows the difference.\n\n"
          "SOURCE is sflow, netflow, ipfix or ipfix-flow (IPFIX of OpenFlow rules), or one\n"
          "protocol of them (netflow5, netflow9), or either with its agent (sflow@10.0.0.1).\n"
          "Without any, all that the session has.\n\n",
          stdout);
    fputs(read_options_help, stdout);
    fputs("      --check          exit with status 1 unless every source is as good as theory says\n\n"
          "Examples:\n"
          "  nsmon compare sflow netflow\n"
          "  nsmon compare sflow vs ipfix --session latest --format json -o compare.json\n",
          stdout);
}

/* Takes the sources out of what follows the options; "vs" between two of them is a word for people. */
static int take_names(int argc, char *argv[], const char *names[], size_t *count, struct error *error) {
    *count = 0;
    for (int i = optind; i < argc; i++) {
        if (strcmp(argv[i], "vs") == 0) {
            if (i == optind || i + 1 == argc) {
                return error_set(error, -EINVAL,
                                 "a source is missing %s 'vs': write 'nsmon compare sflow vs netflow'",
                                 i == optind ? "before" : "after");
            }
            continue;
        }
        if (!report_source_name(argv[i], NULL)) {
            return error_set(
                error, -EINVAL,
                "'%s' is no source: name sflow, netflow, ipfix, ipfix-flow, netflow9, or sflow@ADDRESS",
                argv[i]);
        }
        for (size_t j = 0; j < *count; j++) {
            if (strcmp(names[j], argv[i]) == 0) {
                return error_set(error, -EINVAL, "'%s' is named twice: name each source once", argv[i]);
            }
        }
        if (*count == REPORT_SOURCES_MAX) {
            return error_set(error, -EINVAL, "more than %d sources: leave some out", REPORT_SOURCES_MAX);
        }
        names[(*count)++] = argv[i];
    }
    return 0;
}

static int run(int argc, char *argv[]) {
    static const struct option options_table[] = {
        READ_LONG_OPTIONS, {"check", no_argument, NULL, OPTION_CHECK}, {NULL, 0, NULL, 0}};
    struct read_options options;
    struct error error;
    bool check = false;
    read_options_init(&options);
    int option;
    while ((option = getopt_long(argc, argv, READ_SHORT_OPTIONS, options_table, NULL)) != -1) {
        int rc = read_option_take(option, optarg, &options, &error);
        if (rc > 0 && option == OPTION_CHECK) {
            check = true;
        } else if (rc > 0) {
            rc = say_bad_option(argv, option, &error);
        }
        if (rc < 0) {
            return say_usage("compare", &error);
        }
    }
    if (options.help) {
        print_help();
        return EXIT_DONE;
    }
    const char *names[REPORT_SOURCES_MAX];
    size_t count;
    if (take_names(argc, argv, names, &count, &error) != 0) {
        return say_usage("compare", &error);
    }
    enum report_answer ok = REPORT_UNKNOWN;
    int status = read_and_report(&options, names, count, false, &ok);
    return status == EXIT_DONE && check && ok != REPORT_YES ? EXIT_FAILED : status;
}
