/* One subcommand of nsmon: its entry in the table, and what its file exports. */
#pragma once

/* Exit statuses of every command. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct command {
    const char *name;
    const char *summary; /* one line for "nsmon --help" */
    int (*run)(int argc, char *argv[]);
};

extern const struct command command_attach;
extern const struct command command_collect;
extern const struct command command_compare;
extern const struct command command_doctor;
extern const struct command command_detach;
extern const struct command command_flows;
extern const struct command command_import;
extern const struct command command_recv;
extern const struct command command_report;
extern const struct command command_run;
extern const struct command command_send;
extern const struct command command_sessions;
extern const struct command command_start;
extern const struct command command_status;
extern const struct command command_stop;
extern const struct command command_traffic;
