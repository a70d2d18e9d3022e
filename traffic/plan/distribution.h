/* Random values for gaps and sizes: made once for a flow, drawn packet by packet without memory. */
#pragma once

#include <stdint.h>

#include "traffic/plan/profile.h"

/* What a group that says nothing gets: the coefficient of variation of normal and log-normal values, and the
 * alpha of Pareto ones. */
#define TRAFFIC_CV_DEFAULT    0.5
#define TRAFFIC_ALPHA_DEFAULT 1.5
/* Pareto gaps are at most so many times the smallest: of an unbounded one with a small alpha no run would be
 * long enough. */
#define TRAFFIC_GAP_PARETO_RANGE 1000.0

/* The distribution of 'law', an enum traffic_law; 'shape' is the alpha of Pareto, above 0, or the coefficient
 * of variation of normal and log-normal, 0 for the default; 'histogram' is that of TRAFFIC_LAW_HISTOGRAM,
 * else NULL, and outlives it.
 *
 * Its mean is 1.  A normal value below 0 is 0, which a coefficient up to 0.5 makes seldom and by little. */
struct traffic_distribution traffic_distribution_make(unsigned int law, double shape,
                                                      const struct traffic_empirical *histogram);

/* The value that belongs to the random 'number', of which all bits count: the same for the same number. */
double traffic_distribution_draw(const struct traffic_distribution *distribution, uint64_t number);

/* Likewise a value from 'low' to 'high', above 0: uniform and Pareto ones are distributed over this range; a
 * histogram's are as they stand; the others have the mean 'mean'.  What lies outside is drawn again, up to 32
 * times, and is then the nearer end. */
double traffic_distribution_within(const struct traffic_distribution *distribution, double mean, double low,
                                   double high, uint64_t number);

/* About the mean of such values: that of a few thousand of them, the same ones each time. */
double traffic_distribution_mean_within(const struct traffic_distribution *distribution, double mean,
                                        double low, double high);

/* The standard deviation of 'distribution', which is that to its mean, too. */
double traffic_distribution_deviation(const struct traffic_distribution *distribution);
