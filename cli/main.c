/* nsmon: finds the subcommand in a table and runs it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

static const struct command *const commands[] = {
    &command_run,      &command_start,  &command_traffic, &command_status,  &command_stop,   &command_compare,
    &command_report,   &command_attach, &command_detach,  &command_collect, &command_import, &command_flows,
    &command_sessions, &command_doctor, &command_send,    &command_recv,
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out) {
    fputs("nsmon tells how wrong your flow monitoring is: it compares what sFlow, NetFlow and\n"
          "IPFIX say with every frame that was really there.\n\n"
          "Usage: nsmon COMMAND [OPTION...]\n\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++) {
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    fputs("\nExample, from nothing to an answer in half a minute:\n"
          "  sudo nsmon run --duration 20\n"
          "  nsmon report --format html -o report.html\n\n"
          "'nsmon COMMAND --help' tells more; so does 'man nsmon'.\n",
          out);
}

int main(int argc, char *argv[]) {
    signal(SIGCHLD, SIG_DFL); /* a caller that ignores it would have us never learn how a child ended */
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return EXIT_DONE;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("nsmon " NSMON_VERSION);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i]->name) == 0) {
            return commands[i]->run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "nsmon: there is no command '%s' (see 'nsmon --help')\n", name);
    return EXIT_USAGE;
}
