/* A run class by class: the flows of a group of its profile are a class, and what is told of all flows
 * together is told of each class, too, in so much memory and no more. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/histogram.h"
#include "traffic/board.h"
#include "traffic/plan/profile.h"

/* Intervals that are kept of each class: of a longer run they are of several seconds. */
#define TRAFFIC_CLASS_INTERVALS 4096

struct traffic_interval;

struct traffic_classes {
    size_t count;                       /* of classes; 0: nothing is kept */
    struct traffic_interval *intervals; /* 'interval_count' times 'count': by time, then by class */
    size_t interval_count;
    int64_t least_ns;                          /* how long an interval is at least, but for the last */
    struct traffic_interval *sums;             /* 'count': all that was in intervals */
    struct histogram owd[TRAFFIC_CLASSES_MAX]; /* one-way delay; no bins when there is one class alone */
};

/* Prepares for runs of 'plan'.  Returns 0 or -ENOMEM; what is there is to be freed in either case. */
int traffic_classes_open(struct traffic_classes *classes, const struct traffic_plan *plan);
void traffic_classes_free(struct traffic_classes *classes);

/* Ends an interval at 'now_ns' (since the epoch) with what the boards of the two directions say, unless it is
 * too short yet and not the 'last'; it began at 'start_ns' if it is the first. */
void traffic_classes_note(struct traffic_classes *classes, const struct traffic_plan *plan,
                          const struct traffic_board *const boards[], int64_t start_ns, int64_t now_ns,
                          bool last);

/* Adds the delays of one direction, at the run's end. */
void traffic_classes_add_delays(struct traffic_classes *classes, const struct traffic_board *board);
