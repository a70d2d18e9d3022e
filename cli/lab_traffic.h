/* Traffic through a running lab: from one host to another, shown as it goes, and handed to the lab's worker.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "traffic/plan/profile.h"
#include "traffic/traffic.h"

struct lab_traffic {
    const char *profile;                 /* its name */
    const struct traffic_profile *shape; /* what it is; NULL: the one of that name that nsmon knows */
    const char
        *replay;       /* a capture file that is played instead; NULL: none.  Of what follows it has hosts, */
    double speed;      /* start, JSON and quiet; and times the file's own pace, 0 as fast as it goes, */
    unsigned loops;    /* and how often it is played; 0 is 1 */
    unsigned from, to; /* hosts; 0: 1 and 2 */
    char prefix[6];
    bool per_flow;       /* print every flow at the end */
    bool json;           /* print the result as JSON on standard output */
    bool quiet;          /* print the summary on standard error */
    int64_t start_ns;    /* of several runs: after their common beginning */
    int64_t duration_ns; /* 0: the profile's own */
    double scale;        /* 0: 1 */
    size_t flows;        /* in all; 0: the profile's own */
    uint64_t seed;
    struct traffic_tuning tuning;
};

/* A seed that no run before had, so that several runs at once have flows of their own. */
uint64_t lab_traffic_new_seed(void);

/* What is printed of a run as JSON that never began: 'error' is why, "" if it was stopped before. */
void lab_traffic_show_nothing(const struct lab_traffic *settings, const char *error, FILE *out);

/* Runs it.  Returns 0, also when it was stopped by Ctrl-C, or a negative errno with 'error' filled. */
int lab_traffic_run(const struct lab_traffic *settings, struct error *error);

/* True once somebody has asked this process to stop, by Ctrl-C say: then nothing more is to be begun. */
bool lab_traffic_stopped(void);

/* Runs 'count' of them at the same time, each in a process of its own, and reports each.  They end together
 * when they are stopped.  Returns 0, or the first failure with 'error' filled, after which the others still
 * came to their end. */
int lab_traffic_run_all(const struct lab_traffic *runs, size_t count, struct error *error);
