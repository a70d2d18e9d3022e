/* Random values of mean 1 for gaps: made once for a flow, drawn packet by packet without memory. */
#pragma once

#include <stdint.h>

#include "traffic/profile.h"

/* What a group that says nothing gets: the coefficient of variation of normal and log-normal gaps, and the
 * alpha of Pareto ones. */
#define TRAFFIC_GAP_CV_DEFAULT    0.5
#define TRAFFIC_GAP_ALPHA_DEFAULT 1.5
/* Pareto gaps are at most so many times the smallest: of an unbounded one with a small alpha no run would be
 * long enough. */
#define TRAFFIC_GAP_PARETO_RANGE 1000.0

/* The distribution of 'kind', an enum traffic_gaps; 'shape' is the alpha of Pareto, above 0, or the
 * coefficient of variation of normal and log-normal, 0 for the default.
 *
 * Its mean is 1.  A normal value below 0 is 0, which a coefficient up to 0.5 makes seldom and by little. */
struct traffic_distribution traffic_distribution_make(unsigned int kind, double shape);

/* The value that belongs to the random 'number', of which all bits count: the same for the same number. */
double traffic_distribution_draw(const struct traffic_distribution *distribution, uint64_t number);

/* Its standard deviation, which is that to its mean, too. */
double traffic_distribution_deviation(unsigned int kind, double shape);
