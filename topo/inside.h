/* The processes that live in a network namespace, and whose they are. */
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include "topo/lab.h"

enum inside_kind {
    INSIDE_SWITCH, /* a daemon of a private switch, known by its name and its pidfile in RUN_DIR/ovs */
    INSIDE_HELPER, /* a part of nsmon, "nsmon-…" */
    INSIDE_FOREIGN,
};

struct inside_process {
    pid_t pid;
    enum inside_kind kind;
    char name[16];
    char run_dir[LAB_RUN_DIR_SIZE]; /* of a switch's daemon */
};

typedef void inside_fn(const struct inside_process *process, void *context);

/* Hands 'emit' each process whose network namespace is 'netns', as fstat(2) shows that. */
void inside_each(const struct stat *netns, inside_fn *emit, void *context);

typedef void inside_netns_fn(int netns_fd, const struct stat *netns, void *context);

/* Hands 'emit' the network namespace of each process that lives in this process's pid namespace, once or more
 * often, this process's own left out.  The descriptor is closed afterwards. */
void inside_each_netns(inside_netns_fn *emit, void *context);

/* Ends 'process', kindly at first.  Returns 0, also if it has gone, or -ETIMEDOUT with 'error' filled. */
int inside_end(const struct inside_process *process, struct error *error);

/* Logs, as a warning, each foreign process in the namespace 'netns_fd', called 'name' ("" when it has lost
 * its name): why it stays and what it keeps alive. */
void inside_warn_of_foreign(int netns_fd, const char *name);
