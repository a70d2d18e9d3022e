#include "traffic/sequence.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int traffic_sequence_init(struct traffic_sequence *sequence, uint64_t packets) {
    *sequence = (struct traffic_sequence){.window = 64};
    while (sequence->window < packets && sequence->window < TRAFFIC_SEQUENCE_WINDOW) {
        sequence->window *= 2;
    }
    sequence->bits = calloc(sequence->window / 64, sizeof *sequence->bits);
    return sequence->bits == NULL ? -ENOMEM : 0;
}

void traffic_sequence_free(struct traffic_sequence *sequence) {
    free(sequence->bits);
    sequence->bits = NULL;
}

/* Sets the bit of 'number' and returns what it was. */
static bool set_bit(struct traffic_sequence *sequence, uint64_t number) {
    uint64_t place = number & (sequence->window - 1);
    uint64_t bit = UINT64_C(1) << (place & 63);
    bool was = (sequence->bits[place / 64] & bit) != 0;
    sequence->bits[place / 64] |= bit;
    return was;
}

static void clear_bit(struct traffic_sequence *sequence, uint64_t number) {
    uint64_t place = number & (sequence->window - 1);
    sequence->bits[place / 64] &= ~(UINT64_C(1) << (place & 63));
}

/* Moves the window on, so that 'number' is its newest place, and remembers what was skipped. */
static void advance(struct traffic_sequence *sequence, uint64_t number) {
    if (number > sequence->next) {
        size_t place = sequence->gap_count++ % TRAFFIC_SEQUENCE_GAPS;
        sequence->gaps[place].first = sequence->next;
        sequence->gaps[place].arrival = sequence->unique;
    }
    if (number - sequence->next >= sequence->window) {
        memset(sequence->bits, 0, sequence->window / 64 * sizeof *sequence->bits);
    } else {
        for (uint64_t n = sequence->next; n <= number; n++) {
            clear_bit(sequence, n);
        }
    }
    sequence->next = number + 1;
}

/* The extent of the reordered 'number': how many arrivals ago the first larger number came (RFC 4737, 4.2.2).
 * That one made the gap in which 'number' lies; when the gap is forgotten, the oldest known one gives a lower
 * bound. */
static uint64_t extent_of(const struct traffic_sequence *sequence, uint64_t number) {
    size_t known = sequence->gap_count < TRAFFIC_SEQUENCE_GAPS ? sequence->gap_count : TRAFFIC_SEQUENCE_GAPS;
    uint64_t arrival = sequence->unique;
    for (size_t i = 1; i <= known; i++) {
        size_t place = (sequence->gap_count - i) % TRAFFIC_SEQUENCE_GAPS;
        arrival = sequence->gaps[place].arrival;
        if (sequence->gaps[place].first <= number) {
            break;
        }
    }
    return sequence->unique - arrival;
}

enum traffic_arrival traffic_sequence_note(struct traffic_sequence *sequence, uint64_t number) {
    if (number >= sequence->next) {
        advance(sequence, number);
        set_bit(sequence, number);
        sequence->unique++;
        return TRAFFIC_ARRIVAL_NEW;
    }
    if (sequence->next - number > sequence->window) {
        sequence->late++;
        return TRAFFIC_ARRIVAL_LATE;
    }
    if (set_bit(sequence, number)) {
        sequence->duplicated++;
        return TRAFFIC_ARRIVAL_DUPLICATE;
    }
    uint64_t extent = extent_of(sequence, number);
    sequence->extent = extent > sequence->extent ? extent : sequence->extent;
    sequence->reordered++;
    sequence->unique++;
    return TRAFFIC_ARRIVAL_REORDERED;
}
