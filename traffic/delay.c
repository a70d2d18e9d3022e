#include "traffic/delay.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define SUB_COUNT ((int64_t)1 << TRAFFIC_DELAY_SUB_BITS)

int traffic_delay_init(struct traffic_delay *delay, uint64_t most) {
    *delay = (struct traffic_delay){0};
    if (most <= TRAFFIC_DELAY_VALUES) {
        delay->capacity = most < 1 ? 1 : (size_t)most;
        delay->values = calloc(delay->capacity, sizeof *delay->values);
    } else {
        delay->bins = calloc(TRAFFIC_DELAY_BINS, sizeof *delay->bins);
    }
    return delay->bins == NULL && delay->values == NULL ? -ENOMEM : 0;
}

void traffic_delay_free(struct traffic_delay *delay) {
    free(delay->bins);
    free(delay->values);
    delay->bins = NULL;
    delay->values = NULL;
}

/* As in common/histogram.c: values below SUB_COUNT have a bin each, above it each octave has SUB_COUNT bins.
 */
static size_t bin_of(int64_t ns) {
    if (ns < SUB_COUNT) {
        return ns < 0 ? 0 : (size_t)ns;
    }
    unsigned int shift = 63U - (unsigned int)__builtin_clzll((unsigned long long)ns) - TRAFFIC_DELAY_SUB_BITS;
    size_t bin = ((size_t)(shift + 1) << TRAFFIC_DELAY_SUB_BITS) + (size_t)((ns >> shift) - SUB_COUNT);
    return bin < TRAFFIC_DELAY_BINS ? bin : TRAFFIC_DELAY_BINS - 1;
}

/* The middle of bin 'bin'. */
static int64_t bin_middle(size_t bin) {
    size_t octave = bin >> TRAFFIC_DELAY_SUB_BITS;
    int64_t rest = (int64_t)(bin & (size_t)(SUB_COUNT - 1));
    if (octave == 0) {
        return rest;
    }
    int64_t width = (int64_t)1 << (octave - 1);
    return (SUB_COUNT + rest) * width + width / 2;
}

void traffic_delay_add(struct traffic_delay *delay, int64_t ns) {
    if (delay->count == 0) {
        delay->min = ns;
        delay->max = ns;
    } else {
        delay->jitter += (fabs((double)ns - (double)delay->last) - delay->jitter) / 16;
    }
    if (delay->bins != NULL) {
        delay->bins[bin_of(ns)]++;
    } else if (delay->count < delay->capacity) {
        delay->values[delay->count] = ns;
    }
    delay->count++;
    delay->last = ns;
    delay->min = ns < delay->min ? ns : delay->min;
    delay->max = ns > delay->max ? ns : delay->max;
}

static int compare(const void *a, const void *b) {
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

int64_t traffic_delay_quantile(struct traffic_delay *delay, double quantile) {
    if (delay->count == 0) {
        return 0;
    }
    uint64_t rank = (uint64_t)ceil(quantile * (double)delay->count);
    if (rank <= 1) {
        return delay->min;
    }
    if (delay->values != NULL) {
        size_t kept = delay->count < delay->capacity ? (size_t)delay->count : delay->capacity;
        qsort(delay->values, kept, sizeof *delay->values, compare);
        return delay->values[rank <= kept ? rank - 1 : kept - 1];
    }
    uint64_t seen = 0;
    size_t bin = 0;
    while (rank < delay->count && bin < TRAFFIC_DELAY_BINS && (seen += delay->bins[bin]) < rank) {
        bin++;
    }
    int64_t middle = rank >= delay->count ? delay->max : bin_middle(bin);
    middle = middle < delay->min ? delay->min : middle;
    return middle > delay->max ? delay->max : middle;
}
