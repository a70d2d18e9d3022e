/* What 'nsmon run' is to run: a file, a scenario that comes with nsmon, or a profile of traffic. */
#pragma once

#include "common/error.h"
#include "scenario/scenario.h"

/* Reads what 'name' means: a file where it holds a "/" or ends in ".yaml" or ".yml"; else a scenario that
 * comes with nsmon, or a profile, run as 'nsmon start' and 'nsmon traffic' would; else a file all the same.
 *
 * Returns 0 and '*scenario', to be freed; -EINVAL with 'error' filled if there is no such thing or the file
 * is wrong; or another negative errno. */
int run_scenario_find(const char *name, struct scenario **scenario, struct error *error);

/* Makes '*scenario', to be freed, of nothing but a replay of the capture file 'path'.  Returns as
 * run_scenario_find(). */
int run_scenario_of_replay(const char *path, struct scenario **scenario, struct error *error);

/* Prints the scenarios that come with nsmon, a line each. */
void run_scenario_list(void);

/* Prints the file of the one called 'name'.  Returns 0, or -EINVAL with 'error' filled. */
int run_scenario_print(const char *name, struct error *error);

/* Prints that 'scenario' is in order, and what it is. */
void run_scenario_describe(const char *name, const struct scenario *scenario);
