/* The delays of one flow: smallest, largest, quantiles and jitter in at most 8 KiB.
 *
 * Those of a small flow are kept one by one, so that ten thousand of them take little; of a larger one in
 * bins, coarser than common/histogram.h, which there is one of for a run: a quantile is known to within 1 %.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TRAFFIC_DELAY_SUB_BITS 6
#define TRAFFIC_DELAY_BINS     ((size_t)(37 - TRAFFIC_DELAY_SUB_BITS + 1) << TRAFFIC_DELAY_SUB_BITS)
/* Of a flow of up to so many datagrams each delay is kept. */
#define TRAFFIC_DELAY_VALUES 1024

struct traffic_delay {
    uint64_t count;
    int64_t min, max; /* exact; 0 when empty */
    int64_t last;
    double jitter;   /* RFC 3550, 6.4.1: J += (|D(i) - D(i-1)| - J) / 16, in order of arrival */
    uint32_t *bins;  /* NULL when each value is kept */
    int64_t *values; /* 'capacity' of them, or NULL */
    size_t capacity;
};

/* Prepares for 'most' delays.  Returns 0 or -ENOMEM. */
int traffic_delay_init(struct traffic_delay *delay, uint64_t most);

/* Frees what 'delay' holds.  Takes a zeroed one. */
void traffic_delay_free(struct traffic_delay *delay);

/* Adds one delay of 'ns', which may be negative when the clock was set.  Not more than were prepared for. */
void traffic_delay_add(struct traffic_delay *delay, int64_t ns);

/* The smallest delay that at least the share 'quantile' (0 to 1) of all do not exceed; 0 when empty.  May
 * sort what 'delay' holds. */
int64_t traffic_delay_quantile(struct traffic_delay *delay, double quantile);
