/* How far a figure scatters over repeated runs. */
#pragma once

#include <stddef.h>

#include "reports/stats/interval.h"

/* Fewer values can't bound their median at 95 %: both ends would have to lie outside of all of them. */
#define STATS_SPREAD_MIN 6

struct stats_spread {
    size_t count;                   /* of the values that are numbers */
    double median, least, greatest; /* NAN without any */
    struct stats_interval interval; /* of the median, 95 %; NAN for fewer than STATS_SPREAD_MIN */
};

/* Sums up the 'count' 'values', which are sorted by it; NANs among them are left out.
 *
 * The interval is that of the order statistics, which asks nothing of the distribution: the widest pair whose
 * binomial tails, B(n, 1/2), hold at most 2.5 % each. */
struct stats_spread stats_spread_of(double values[], size_t count);
