/* How good a source is, over many flows: sums that grow flow by flow, and what follows from them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reports/stats/interval.h"

/* One flow as a source gives it, beside the truth. */
struct stats_flow {
    double truth; /* packets or bytes, above 0 */
    double estimate;
    double samples; /* sampled packets of it */
    uint64_t truth_packets;
    double rate;
    bool within; /* the truth lies in the interval */
};

struct stats_accuracy {
    uint64_t flows;
    double truth;
    double error, absolute_error, relative_error, square_error; /* sums */
    double extra; /* what was said of flows that the truth lacks */
    uint64_t covered;
    double *coverage; /* expected, of each flow; NULL where coverage is not asked */
    size_t coverage_capacity;
    uint64_t seen;
    double expected_seen, seen_variance;
    uint64_t tested; /* flows with an expected STATS_TESTED_SAMPLES or more */
    double chi_squared;
    double samples, expected_samples, samples_variance;
};

#define STATS_TESTED_SAMPLES 5.0

/* The level of every range that says whether chance allows a figure. */
#define STATS_RANGE_LEVEL 0.99

/* Three tests at that level fail now and then, by chance alone: one that fails counts only outside this one.
 */
#define STATS_WIDE_LEVEL 0.999

/* Empty sums, with room for the coverage of 'flows' flows (0: none is asked).  Returns 0 or -ENOMEM. */
int stats_accuracy_init(struct stats_accuracy *accuracy, size_t flows);
void stats_accuracy_free(struct stats_accuracy *accuracy);

void stats_accuracy_add(struct stats_accuracy *accuracy, const struct stats_flow *flow);

/* Adds what a source says of a flow that the truth lacks: it is error through and through, and belongs to no
 * mean over the flows of the truth. */
void stats_accuracy_add_extra(struct stats_accuracy *accuracy, double estimate);

/* What follows from the sums.  NAN where there is nothing to say it of. */
struct stats_summary {
    double bias;           /* sum (x^ - x) / sum x, the flows that the truth lacks with x = 0 */
    double weighted_error; /* sum |x^ - x| / sum x, likewise; 0 if and only if all is exact */
    double are, aae, rmse; /* over the flows of the truth alone */
    double coverage, expected_coverage;
    struct stats_interval coverage_range;
    uint64_t seen, missed;
    double expected_seen;
    struct stats_interval seen_range; /* mean +- 2.58 standard deviations */
    uint64_t tested;
    double chi_squared;
    struct stats_interval chi_squared_range;
    double samples, expected_samples;
    double samples_z;                             /* (sum n - sum Xp) / sqrt(sum Xpq) */
    bool coverage_ok, chi_squared_ok, samples_ok; /* true where there is nothing to test */
    unsigned int failed;                          /* how many of the three are not */
    bool plausible;                               /* at most one failed, and none at STATS_WIDE_LEVEL */
};

/* Returns 0 or -ENOMEM. */
int stats_accuracy_summary(const struct stats_accuracy *accuracy, struct stats_summary *summary);
