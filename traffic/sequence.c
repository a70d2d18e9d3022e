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

size_t traffic_losses_bin(uint64_t length) {
    size_t bin = length <= 1 ? 0 : 64U - (size_t)__builtin_clzll(length - 1);
    return bin < TRAFFIC_LOSS_BINS ? bin : TRAFFIC_LOSS_BINS - 1;
}

/* Ends the present row of losses. */
static void end_row(struct traffic_losses *losses) {
    if (losses->run == 0) {
        return;
    }
    losses->bins[traffic_losses_bin(losses->run)]++;
    losses->bursts++;
    losses->longest = losses->run > losses->longest ? losses->run : losses->longest;
    losses->run = 0;
}

/* Goes on by one number, which came or was lost. */
static void count_loss(struct traffic_losses *losses, bool came) {
    if (!came) {
        losses->run++;
    } else if (losses->run > 0) {
        end_row(losses);
    }
}

static bool has_bit(const struct traffic_sequence *sequence, uint64_t number) {
    uint64_t place = number & (sequence->window - 1);
    return (sequence->bits[place / 64] >> (place & 63) & 1) != 0;
}

/* Makes place for 'number': the one that had it leaves the window. */
static void push_out(struct traffic_sequence *sequence, uint64_t number) {
    uint64_t place = number & (sequence->window - 1);
    if (number >= sequence->window) {
        count_loss(&sequence->losses, has_bit(sequence, number));
    }
    sequence->bits[place / 64] &= ~(UINT64_C(1) << (place & 63));
}

/* Moves the window on, so that 'number' is its newest place, and remembers what was skipped. */
static void advance(struct traffic_sequence *sequence, uint64_t number) {
    if (number > sequence->next) {
        size_t place = sequence->gap_count++ % TRAFFIC_SEQUENCE_GAPS;
        sequence->gaps[place].first = sequence->next;
        sequence->gaps[place].arrival = sequence->unique;
    }
    /* A leap over the whole window leaves it empty: what lies between was lost, and need not be gone through.
     */
    uint64_t skipped = number - sequence->next;
    uint64_t steps = skipped < sequence->window ? skipped + 1 : sequence->window;
    for (uint64_t i = 0; i < steps; i++) {
        push_out(sequence, sequence->next + i);
    }
    if (skipped >= sequence->window) {
        uint64_t oldest = number + 1 - sequence->window;
        sequence->losses.run += oldest - sequence->next;
    }
    sequence->next = number + 1;
}

struct traffic_losses traffic_sequence_losses(const struct traffic_sequence *sequence, uint64_t sent) {
    struct traffic_losses losses = sequence->losses;
    uint64_t oldest = sequence->next > sequence->window ? sequence->next - sequence->window : 0;
    for (uint64_t number = oldest; number < sequence->next; number++) {
        count_loss(&losses, has_bit(sequence, number));
    }
    losses.run += sent > sequence->next ? sent - sequence->next : 0;
    end_row(&losses);
    return losses;
}

uint64_t traffic_losses_bin_most(size_t bin) {
    return bin < TRAFFIC_LOSS_BINS - 1 ? UINT64_C(1) << bin : UINT64_MAX;
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
