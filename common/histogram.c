#include "common/histogram.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define SUB_COUNT ((int64_t)1 << HISTOGRAM_SUB_BITS)

int histogram_init(struct histogram *histogram) {
    *histogram = (struct histogram){.min = INT64_MAX, .max = INT64_MIN};
    histogram->bins = calloc(HISTOGRAM_BINS, sizeof *histogram->bins);
    return histogram->bins == NULL ? -ENOMEM : 0;
}

void histogram_free(struct histogram *histogram) {
    free(histogram->bins);
    histogram->bins = NULL;
}

/* Values below 2 * SUB_COUNT have a bin each; above, the octave is the position of the highest bit and the
 * bin its next HISTOGRAM_SUB_BITS bits. */
size_t histogram_bin(int64_t value) {
    if (value < 0) {
        return 0;
    }
    if (value < SUB_COUNT) {
        return (size_t)value;
    }
    unsigned int high = 63U - (unsigned int)__builtin_clzll((unsigned long long)value);
    unsigned int shift = high - HISTOGRAM_SUB_BITS;
    size_t bin = ((size_t)(shift + 1) << HISTOGRAM_SUB_BITS) + (size_t)((value >> shift) - SUB_COUNT);
    return bin < HISTOGRAM_BINS ? bin : HISTOGRAM_BINS - 1;
}

int64_t histogram_bin_low(size_t bin) {
    size_t octave = bin >> HISTOGRAM_SUB_BITS;
    int64_t rest = (int64_t)(bin & (size_t)(SUB_COUNT - 1));
    return octave == 0 ? rest : (SUB_COUNT + rest) << (octave - 1);
}

int64_t histogram_bin_width(size_t bin) {
    size_t octave = bin >> HISTOGRAM_SUB_BITS;
    return octave == 0 ? 1 : (int64_t)1 << (octave - 1);
}

void histogram_add(struct histogram *histogram, int64_t value) {
    histogram->count++;
    histogram->sum += (double)value;
    histogram->min = value < histogram->min ? value : histogram->min;
    histogram->max = value > histogram->max ? value : histogram->max;
    histogram->negative += value < 0;
    histogram->bins[histogram_bin(value)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from) {
    into->count += from->count;
    into->sum += from->sum;
    into->negative += from->negative;
    into->min = from->min < into->min ? from->min : into->min;
    into->max = from->max > into->max ? from->max : into->max;
    for (size_t i = 0; i < HISTOGRAM_BINS; i++) {
        into->bins[i] += from->bins[i];
    }
}

int64_t histogram_quantile(const struct histogram *histogram, double quantile) {
    if (histogram->count == 0) {
        return 0;
    }
    uint64_t rank = (uint64_t)ceil(quantile * (double)histogram->count);
    rank = rank < 1 ? 1 : rank;
    if (rank >= histogram->count) {
        return histogram->max;
    }
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BINS; i++) {
        seen += histogram->bins[i];
        if (seen >= rank) {
            int64_t middle = histogram_bin_low(i) + histogram_bin_width(i) / 2;
            middle = middle < histogram->min ? histogram->min : middle;
            return middle > histogram->max ? histogram->max : middle;
        }
    }
    return histogram->max;
}
