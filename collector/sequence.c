#include "collector/sequence.h"

#include <string.h>

#define GAP_MAX    (UINT32_C(1) << 24) /* a larger jump is a restart, not loss */
#define BEFORE_MAX 64 /* so far below the first number seen, a datagram is late and no restart */

static void begin(struct sequence *sequence, uint32_t start, uint32_t units) {
    memset(sequence, 0, sizeof *sequence);
    sequence->started = true;
    sequence->first = start;
    sequence->next = start + units;
}

static void keep_hole(struct sequence *sequence, uint32_t start, uint32_t units) {
    if (units != 0) {
        sequence->holes[sequence->hole_at] = (struct sequence_hole){start, units};
        sequence->hole_at = (sequence->hole_at + 1) % SEQUENCE_HOLES;
    }
}

/* Takes the 'units' from 'start' on out of a hole that has them all.  False if none has. */
static bool fill_hole(struct sequence *sequence, uint32_t start, uint32_t units) {
    for (int i = 0; i < SEQUENCE_HOLES; i++) {
        struct sequence_hole *hole = &sequence->holes[i];
        uint32_t before = start - hole->start;
        if (units == 0 || before >= hole->units || hole->units - before < units) {
            continue;
        }
        uint32_t after = hole->units - before - units;
        hole->units = before;
        keep_hole(sequence, start + units, after);
        return true;
    }
    return false;
}

enum sequence_verdict sequence_note(struct sequence *sequence, uint32_t start, uint32_t units,
                                    bool uptime_back, struct sequence_counts *counts) {
    if (!sequence->started) {
        begin(sequence, start, units);
        return SEQUENCE_EXPECTED;
    }
    uint32_t ahead = start - sequence->next;
    if (ahead < GAP_MAX && !uptime_back) {
        keep_hole(sequence, sequence->next, ahead);
        counts->lost += ahead;
        sequence->next = start + units;
        return ahead == 0 ? SEQUENCE_EXPECTED : SEQUENCE_GAP;
    }
    if (fill_hole(sequence, start, units)) {
        counts->lost -= units;
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

void sequence_unsure(struct sequence *sequence) {
    sequence->started = false;
}
