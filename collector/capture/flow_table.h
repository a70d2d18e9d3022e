/* Counts frames by flow and second, in so much memory and no more. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/flow_key.h"

/* The frames of one flow within one second. */
struct flow_count {
    struct flow_key key;
    int64_t bucket_ns; /* the second's beginning */
    uint64_t packets;
    uint64_t bytes;
    double square_sum; /* of the frame sizes */
    int64_t first_ns, last_ns;
};

/* Takes a count that is complete. */
typedef void flow_count_fn(const struct flow_count *count, void *context);

struct flow_table;

/* A table that hands complete counts to 'emit'.  Returns NULL when memory is out. */
struct flow_table *flow_table_create(flow_count_fn *emit, void *context);
void flow_table_destroy(struct flow_table *table);

/* Counts a frame of 'bytes' bytes at 'at_ns'.
 *
 * A flow has one open second.  A frame of a later one closes it; one of an earlier one (clocks step, files
 * are out of order) is emitted as a count of its own, so that sums stay right.  A table that is three
 * quarters full emits everything and starts empty: that costs rows, not frames. */
void flow_table_add(struct flow_table *table, const struct flow_key *key, int64_t at_ns, uint32_t bytes);

/* Emits the seconds that ended before 'before_ns'; INT64_MAX emits all. */
void flow_table_flush(struct flow_table *table, int64_t before_ns);
