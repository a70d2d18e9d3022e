/* What chance allows: exact expectations under independent sampling with probability 1/rate. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "reports/stats/interval.h"

/* The probability that stats_packets_interval() of a flow of 'packets' holds 'packets', exactly, from the
 * binomial distribution.  Not 0.95: at 1-in-64 it is 0.84 for 11 packets and 0.985 for 12. */
double stats_coverage(uint64_t packets, double rate);

/* The probability that at least one of 'packets' is sampled: 1 - q^m. */
double stats_seen(uint64_t packets, double rate);

/* The range that holds the count of successes of 'count' independent trials with the probabilities 'p' in the
 * share 'level' (0.99) of all cases: the two quantiles of the Poisson-binomial distribution, exact to 4,096
 * trials and by the normal distribution above.  Returns 0 or -ENOMEM. */
int stats_poisson_binomial_range(const double *p, size_t count, double level, struct stats_interval *range);

/* The range of the chi-squared distribution of 'freedom' degrees (at least 1) that holds the share 'level'.
 */
struct stats_interval stats_chi_squared_range(double freedom, double level);

/* Is the sampler what it says? */
struct stats_rate_test {
    double effective_rate;          /* X / n; INFINITY without samples */
    struct stats_interval interval; /* of the effective rate, 95 %, by the score interval of the proportion */
    double z;                       /* (n - Xp) / sqrt(Xpq); 0 at R = 1 when n = X, else infinite */
    double p_value;                 /* two-sided, exact binomial: twice the smaller tail, at most 1 */
};

/* Holds 'samples' out of 'packets' against the configured 'rate'. */
struct stats_rate_test stats_test_rate(uint64_t samples, uint64_t packets, double rate);

/* The packets of a flow of 'packets' that pass, on average, until it is first sampled, given that it is:
 * 1/p - m q^m / (1 - q^m). */
double stats_detection_packets(uint64_t packets, double rate);

/* Sorts 'values'. */
void stats_sort(double *values, size_t count);

/* The smallest of the sorted 'values' that at least the share 'quantile' of all does not exceed; NAN for
 * none. */
double stats_quantile(const double *values, size_t count, double quantile);
