/* A capture file's way through a running lab: played, shown, and handed to the lab's worker. */
#pragma once

#include <signal.h>
#include <stdio.h>

#include "cli/lab_traffic.h"

/* Plays what 'settings' say, with the hosts filled in, and writes its result to 'out'; 'title' is NULL for a
 * replay by itself.  Ends early when '*stop' is not 0.  Returns 0 or a negative errno with 'error' filled. */
int lab_replay_run(const struct lab_traffic *settings, const volatile sig_atomic_t *stop, const char *title,
                   FILE *out, struct error *error);
