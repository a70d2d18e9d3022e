/* The truth meter: frames of one observation point in, truth rows out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/capture/split.h"
#include "collector/decode/packet.h"
#include "collector/store/store.h"

/* What is metered where. */
struct meter_point {
    int64_t capture_id;
    enum truth_direction direction;
};

struct meter_counts {
    uint64_t frames;
    uint64_t bytes;
    uint64_t malformed; /* frames whose headers could not be read as a whole */
};

struct meter;

/* A meter that appends its rows to 'appender'.  Returns NULL when memory is out. */
struct meter *meter_create(const struct meter_point *point, struct store_appender *appender);
void meter_destroy(struct meter *meter);

/* Lets 'split' see each datagram of nsmon's own endpoints; with a 'mac', of six bytes, of those that come to
 * a station only what is for it, so that a flooded copy is not taken for the datagram. */
void meter_split(struct meter *meter, struct split *split, const uint8_t *mac);

/* Meters the frame of which 'captured' bytes stand at 'bytes' and which has 'wire' bytes (without FCS). */
void meter_frame(struct meter *meter, enum packet_link link, const uint8_t *bytes, size_t captured,
                 size_t wire, int64_t at_ns);

/* Writes the seconds that ended before 'before_ns'; INT64_MAX writes all. */
void meter_flush(struct meter *meter, int64_t before_ns);

struct meter_counts meter_counts(const struct meter *meter);
