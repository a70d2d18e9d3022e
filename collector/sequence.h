/* Sequence numbers: what was lost, came late, or began anew.
 *
 * A datagram covers 'units' numbers from 'start' on; what a unit is, a datagram or a record, is the
 * protocol's affair. The numbers are 32 bits wide and wrap. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SEQUENCE_HOLES 16 /* gaps that a late datagram can still fill */

struct sequence_hole {
    uint32_t start, units;
    bool doubtful; /* it may hold units of a datagram that was received but not understood */
};

/* Zero-initialise. */
struct sequence {
    bool started;
    uint32_t first; /* since the start or the last restart */
    uint32_t next;
    uint32_t hole_at; /* the oldest hole, overwritten next */
    struct sequence_hole holes[SEQUENCE_HOLES];
    bool unsure;           /* how many units the last datagram covered is not known */
    int64_t doubt;         /* units that were lost or stood in datagrams not understood */
    int64_t undecided_max; /* the most that can have stood in these */
    int64_t doubt_lost;    /* of the doubt beyond that, what was added to the losses */
};

struct sequence_counts {
    int64_t lost; /* units; a late datagram takes its own back */
    int64_t reordered;
    int64_t restarts;
};

enum sequence_verdict { SEQUENCE_EXPECTED, SEQUENCE_GAP, SEQUENCE_LATE, SEQUENCE_RESTART };

/* Takes note of a datagram that covers 'units' numbers from 'start'; 'uptime_back' says that the exporter's
 * uptime went back since the one before.  Adds to 'counts'.  A number that was there before, or one far away,
 * is a restart: duplicates are to be held back by the caller, who has the bytes to compare. */
enum sequence_verdict sequence_note(struct sequence *sequence, uint32_t start, uint32_t units,
                                    bool uptime_back, struct sequence_counts *counts);

/* Says that the last datagram covered more units than were said of it, nobody knows how many, but at most
 * 'most'. What the numbers jump by from it to the next is loss only where it is more than all such datagrams
 * can have held. */
void sequence_unsure(struct sequence *sequence, uint32_t most);

/* Says that what was unsure by 'most' was 'units' after all: data whose template came later.  What that shows
 * to be loss is added to 'counts'. */
void sequence_settle(struct sequence *sequence, uint32_t most, uint32_t units,
                     struct sequence_counts *counts);
