#include "collector/sequence.h"

#include <string.h>

#define GAP_MAX    (UINT32_C(1) << 24) /* a larger jump is a restart, not loss */
#define BEFORE_MAX 64 /* so far below the first number seen, a datagram is late and no restart */

/* The doubt stays: data from before may still be decoded. */
static void begin(struct sequence *sequence, uint32_t start, uint32_t units) {
    memset(sequence->holes, 0, sizeof sequence->holes);
    sequence->hole_at = 0;
    sequence->unsure = false;
    sequence->started = true;
    sequence->first = start;
    sequence->next = start + units;
}

static void keep_hole(struct sequence *sequence, uint32_t start, uint32_t units, bool doubtful) {
    if (units != 0) {
        sequence->holes[sequence->hole_at] = (struct sequence_hole){start, units, doubtful};
        sequence->hole_at = (sequence->hole_at + 1) % SEQUENCE_HOLES;
    }
}

/* Takes 'units' that came late back from what is doubted, or from the losses that were made of it. */
static void take_back_doubt(struct sequence *sequence, int64_t units, struct sequence_counts *counts) {
    int64_t lost = units < sequence->doubt_lost ? units : sequence->doubt_lost;
    sequence->doubt_lost -= lost;
    counts->lost -= lost;
    sequence->doubt -= units - lost;
}

/* Makes loss of the doubt that is more than what was not understood can explain. */
static void doubt_to_loss(struct sequence *sequence, struct sequence_counts *counts) {
    int64_t certain = sequence->doubt - sequence->undecided_max;
    if (certain > 0) {
        sequence->doubt -= certain;
        sequence->doubt_lost += certain;
        counts->lost += certain;
    }
}

/* Takes the 'units' from 'start' on out of a hole that has them all.  False if none has. */
static bool fill_hole(struct sequence *sequence, uint32_t start, uint32_t units,
                      struct sequence_counts *counts) {
    for (int i = 0; i < SEQUENCE_HOLES; i++) {
        struct sequence_hole *hole = &sequence->holes[i];
        uint32_t before = start - hole->start;
        if (units == 0 || before >= hole->units || hole->units - before < units) {
            continue;
        }
        uint32_t after = hole->units - before - units;
        bool doubtful = hole->doubtful;
        hole->units = before;
        keep_hole(sequence, start + units, after, doubtful);
        if (doubtful) {
            take_back_doubt(sequence, units, counts);
        } else {
            counts->lost -= units;
        }
        return true;
    }
    return false;
}

/* Takes a datagram at or beyond the number that was expected. */
static enum sequence_verdict go_on(struct sequence *sequence, uint32_t start, uint32_t units,
                                   struct sequence_counts *counts) {
    uint32_t ahead = start - sequence->next;
    bool doubtful = sequence->unsure;
    keep_hole(sequence, sequence->next, ahead, doubtful);
    sequence->next = start + units;
    sequence->unsure = false;
    if (doubtful) {
        sequence->doubt += ahead;
        doubt_to_loss(sequence, counts);
        return SEQUENCE_EXPECTED;
    }
    counts->lost += ahead;
    return ahead == 0 ? SEQUENCE_EXPECTED : SEQUENCE_GAP;
}

enum sequence_verdict sequence_note(struct sequence *sequence, uint32_t start, uint32_t units,
                                    bool uptime_back, struct sequence_counts *counts) {
    if (!sequence->started) {
        begin(sequence, start, units);
        return SEQUENCE_EXPECTED;
    }
    uint32_t ahead = start - sequence->next;
    if (ahead < GAP_MAX && !uptime_back) {
        return go_on(sequence, start, units, counts);
    }
    if (fill_hole(sequence, start, units, counts)) {
        counts->reordered++;
        return SEQUENCE_LATE;
    }
    uint32_t behind = sequence->next - start;
    if (units == 0 && behind <= BEFORE_MAX) {
        return SEQUENCE_LATE; /* a message of templates only, overtaken by data */
    }
    if (sequence->first - start - 1 < BEFORE_MAX && !uptime_back) {
        counts->reordered++;
        return SEQUENCE_LATE;
    }
    begin(sequence, start, units);
    counts->restarts++;
    return SEQUENCE_RESTART;
}

void sequence_unsure(struct sequence *sequence, uint32_t most) {
    sequence->unsure = true;
    sequence->undecided_max += most;
}

void sequence_settle(struct sequence *sequence, uint32_t most, uint32_t units,
                     struct sequence_counts *counts) {
    sequence->undecided_max -= most;
    sequence->doubt -= units;
    doubt_to_loss(sequence, counts);
}
