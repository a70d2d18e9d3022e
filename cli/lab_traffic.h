/* Traffic through a running lab: from ns1 to ns2, shown as it goes, and handed to the lab's worker. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct lab_traffic {
    char prefix[6];
    const char *profile;
    int64_t duration_ns; /* 0: the profile's own */
    double scale;        /* 0: 1 */
    uint64_t seed;
    bool per_flow; /* print every flow at the end */
    bool json;     /* print the result as JSON on standard output */
    bool quiet;    /* print the summary on standard error */
};

/* A seed that no run before had, so that several runs at once have flows of their own. */
uint64_t lab_traffic_new_seed(void);

/* Runs it.  Returns 0, also when it was stopped by Ctrl-C, or a negative errno with 'error' filled. */
int lab_traffic_run(const struct lab_traffic *settings, struct error *error);
