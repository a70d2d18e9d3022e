/* How much goes over each link now: rates out of counts that only grow. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/worker.h"

/* Rates are those between the newest reading and this many before it. */
#define RATES_INTERVALS 2
/* A newest reading older than this tells nothing of now. */
#define RATES_STALE_NS INT64_C(5000000000)

/* Where is counted: the captures, and the ports, each from 0. */
enum { RATES_CAPTURE = 0, RATES_PORT = SITE_POINTS_MAX, RATES_POINTS = 2 * SITE_POINTS_MAX };

/* Frames and their bytes (layer 2 without FCS), so far. */
struct rates_count {
    uint64_t frames, bytes;
};

struct rates_reading {
    int64_t at_ns;
    struct rates_count to_switch, to_station;
};

/* Zero-initialise. */
struct rates {
    struct {
        struct rates_reading readings[RATES_INTERVALS + 1]; /* the oldest first */
        size_t count;
    } points[RATES_POINTS];
};

/* Takes a reading of 'point'.  Readings of one point come in the order of their times; a count that is less
 * than the one before begins anew, and so does the point. */
void rates_take(struct rates *rates, size_t point, const struct rates_reading *reading);

struct rate {
    double frames_per_s, bits_per_s;
};

/* Sets the rates of 'point' at the moment 'now_ns'.  Returns false when they are not known. */
bool rates_of(const struct rates *rates, size_t point, int64_t now_ns, struct rate *to_switch,
              struct rate *to_station);
