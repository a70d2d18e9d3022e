/* Where a lab keeps what it needs while it runs, /run/nsmon/default or /run/nsmon/PREFIX; and a collector,
 * collect or collect-NAME in /run/nsmon or a folder of its user's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

#define RUN_DIR_SIZE 64 /* sockets' names have 108 bytes at most */

struct run_dir {
    char root[RUN_DIR_SIZE]; /* the folder that it lies in */
    char path[RUN_DIR_SIZE];
    char control[RUN_DIR_SIZE + 16];    /* the worker's socket: status for all, results of traffic for root */
    char supervisor[RUN_DIR_SIZE + 24]; /* the supervisor's socket: stop; root's alone */
    char log[RUN_DIR_SIZE + 16];
    char database[RUN_DIR_SIZE + 16]; /* a note of which database it writes to, for whoever cleans up */
};

/* The names for 'prefix'; makes nothing. */
struct run_dir run_dir_of(const char *prefix);

/* The names for the collector 'name' ("" for the one without) of this process's user: in /run/nsmon for root,
 * in the folder that the service manager made (RUNTIME_DIRECTORY), else in nsmon in XDG_RUNTIME_DIR, else in
 * /tmp/nsmon-UID.  Makes nothing.  Returns 0, or -ENAMETOOLONG with 'error' filled. */
int run_dir_of_collector(const char *name, struct run_dir *dir, struct error *error);

/* Where a collector 'name' may run that this user can ask: 'which' counts from 0.  Returns false when there
 * are no more.  'control' is "" for a place that is not to be asked. */
bool run_dir_find_collector(const char *name, size_t which, struct run_dir *dir);

/* Makes the folder.  Returns 0 or a negative errno with 'error' filled. */
int run_dir_make(const struct run_dir *dir, struct error *error);

/* Takes the lock that the lab's supervisor holds as long as it lives.  Returns a descriptor to keep open
 * (children inherit it with the process), -EALREADY when somebody holds it, or another negative errno, with
 * 'error' filled. */
int run_dir_lock(const struct run_dir *dir, struct error *error);

/* Removes the sockets, the log and the folder, if it is then empty. */
void run_dir_remove(const struct run_dir *dir);
