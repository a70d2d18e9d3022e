/* A log-linear histogram of nanoseconds with three significant digits: each power of two is cut into 1,024
 * equal bins, so a value is known to within 0.1 %.  One a thread; merge them afterwards. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_SUB_BITS 10
/* Values to 2^37 ns (137 s); larger ones are counted in the last bin and in max. */
#define HISTOGRAM_BINS ((size_t)(37 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

struct histogram {
    uint64_t count;
    int64_t min; /* exact; INT64_MAX when empty */
    int64_t max; /* exact; INT64_MIN when empty */
    double sum;
    uint64_t negative; /* values below zero: counted in bin 0 */
    uint32_t *bins;    /* HISTOGRAM_BINS of them */
};

/* Returns 0 or -ENOMEM. */
int histogram_init(struct histogram *histogram);
void histogram_free(struct histogram *histogram);

void histogram_add(struct histogram *histogram, int64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The smallest value that at least the share 'quantile' (0 to 1) of all values does not exceed, to three
 * digits; 0 when the histogram is empty. */
int64_t histogram_quantile(const struct histogram *histogram, double quantile);

/* The bin in which 'value' is counted. */
size_t histogram_bin(int64_t value);

/* The lower bound and the width of bin 'bin'. */
int64_t histogram_bin_low(size_t bin);
int64_t histogram_bin_width(size_t bin);
