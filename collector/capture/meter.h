/* The truth meter: frames of one observation point in, truth rows out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Meters the frame of which 'captured' bytes stand at 'bytes' and which has 'wire' bytes (without FCS). */
void meter_frame(struct meter *meter, enum packet_link link, const uint8_t *bytes, size_t captured,
                 size_t wire, int64_t at_ns);

/* Writes the seconds that ended before 'before_ns'; INT64_MAX writes all. */
void meter_flush(struct meter *meter, int64_t before_ns);

struct meter_counts meter_counts(const struct meter *meter);
