/* Scenarios: everything of a run of the lab, in one file.  nsmon-scenario(5) describes the file; table.c is
 * the table of its fields.
 *
 * Usage: scenario_read() or scenario_shipped_read() -> look -> scenario_free(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"
#include "daemon/lab.h"
#include "traffic/plan/profile.h"

#define SCENARIO_SIZE_MAX        ((size_t)256 * 1024) /* of a file */
#define SCENARIO_RUNS_MAX        16
#define SCENARIO_GROUPS_MAX      128 /* of all runs together */
#define SCENARIO_HISTOGRAMS_MAX  64  /* of all groups together */
#define SCENARIO_REPETITIONS_MAX 100

/* One run of traffic from one host to another.  What is 0 is the profile's own, or what the scenario says. */
struct scenario_run {
    const char *profile;          /* its name */
    struct traffic_profile shape; /* with groups of its own, else with none */
    unsigned from, to;            /* hosts */
    int64_t start_ns, duration_ns;
    double scale;
    size_t flows;
    const char *replay; /* a capture file that is played instead, as it is written; NULL: none */
    char *replay_path;  /* where it is */
    double speed;       /* of a replay: times its own; 0: as fast as it goes */
    unsigned loops;     /* and how often; 0: once */
};

struct scenario {
    const char *name, *summary, *description; /* "" for none; the name is the file's if it says none */
    struct lab_settings lab;
    struct scenario_run runs[SCENARIO_RUNS_MAX];
    size_t run_count;
    int64_t duration_ns; /* 0: the profiles' own */
    double scale;        /* 0: 1 */
    uint64_t seed;
    bool has_seed;
    unsigned repetitions; /* at least 1 */

    /* The reader's own. */
    struct traffic_group groups[SCENARIO_GROUPS_MAX];
    size_t group_count;
    struct traffic_empirical *histograms[SCENARIO_HISTOGRAMS_MAX]; /* that the groups draw from */
    size_t histogram_count;
    uint32_t sampling;
    const char *rules_file;
    char own_name[64];
    struct config file; /* whose nodes hold every text above */
};

/* Reads and checks the file 'path' and puts it into '*scenario'.
 *
 * Returns 0; -EINVAL with 'error' filled, "FILE:LINE:COLUMN: found ..., expected ...", when something is
 * wrong with what it says; another negative errno when it can't be read. */
int scenario_read(const char *path, struct scenario **scenario, struct error *error);

/* The same for the 'size' bytes at 'bytes', called 'path' in messages. */
int scenario_parse(const char *path, const void *bytes, size_t size, struct scenario **scenario,
                   struct error *error);

/* Frees 'scenario'.  Takes NULL. */
void scenario_free(struct scenario *scenario);

/* The whole text of the file. */
const char *scenario_text(const struct scenario *scenario);

/* A scenario that comes with nsmon. */
struct scenario_shipped {
    const char *name;
    const char *text; /* of its file */
};

/* All of them, '*count'. */
const struct scenario_shipped *scenario_shipped(size_t *count);

/* The one called 'name', or NULL. */
const struct scenario_shipped *scenario_shipped_find(const char *name);
