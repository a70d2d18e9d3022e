/* A capture file's way through a running lab: played, shown, and handed to the lab's worker. */
#pragma once

#include <signal.h>
#include <stdio.h>

#include "cli/lab_traffic.h"
#include "collector/store/rows.h"

/* Plays what 'settings' say, with the hosts filled in, and writes its result to 'out'; 'title' is NULL for a
 * replay by itself.  Ends early when '*stop' is not 0.  '*shown' becomes true if there was a result.  Returns
 * 0 or a negative errno with 'error' filled. */
int lab_replay_run(const struct lab_traffic *settings, const volatile sig_atomic_t *stop, const char *title,
                   FILE *out, bool *shown, struct error *error);

/* What a replay of the file 'path' is called, in the database and elsewhere.  Returns 'name'. */
const char *lab_replay_name(const char *path, char name[STORE_NAME_SIZE]);
