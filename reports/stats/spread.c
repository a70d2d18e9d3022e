#include "reports/stats/spread.h"

#include <math.h>
#include <stdlib.h>

#include <gsl/gsl_cdf.h>

static int compare(const void *a, const void *b) {
    const double *x = a;
    const double *y = b;
    return (*x > *y) - (*x < *y);
}

/* Puts the numbers in front.  Returns how many there are. */
static size_t drop_nans(double values[], size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isnan(values[i])) {
            values[kept++] = values[i];
        }
    }
    return kept;
}

struct stats_spread stats_spread_of(double values[], size_t count) {
    size_t n = drop_nans(values, count);
    struct stats_spread spread = {
        .count = n, .median = NAN, .least = NAN, .greatest = NAN, .interval = {NAN, NAN}};
    if (n == 0) {
        return spread;
    }
    qsort(values, n, sizeof *values, compare);
    spread.median = n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
    spread.least = values[0];
    spread.greatest = values[n - 1];
    size_t rank = 0;
    while (rank < n / 2 && gsl_cdf_binomial_P((unsigned int)rank, 0.5, (unsigned int)n) <= 0.025) {
        rank++;
    }
    if (rank > 0) {
        spread.interval = (struct stats_interval){values[rank - 1], values[n - rank]};
    }
    return spread;
}
