/* A bounded sample of nsmon's own datagrams with the times at which they passed several places.
 *
 * Which datagrams are in a sample depends on their numbers alone: whoever sees the same run keeps the same
 * ones, without a word to the others, and their stamps are put together afterwards.  As long as there is
 * room every datagram is in it; each time the room is full one in twice as many stays (P. Gibbons,
 * "Distinct Sampling for Highly-Accurate Answers", 2001). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stamp_place {
    STAMP_TAP_OUT,  /* where it left the sender's link */
    STAMP_TAP_IN,   /* where it came to the receiver's link */
    STAMP_RECEIVED, /* the receiving socket */
    STAMP_PLACES,
};

/* One datagram.  What is 0 was not seen. */
struct stamp {
    uint64_t sequence;
    uint32_t flow; /* its number within the run */
    uint32_t used; /* 0: an empty slot */
    int64_t sent_ns;
    int64_t at_ns[STAMP_PLACES];
};

/* Slots of a sample, a power of two, of which half at most are used. */
#define STAMPS_SLOTS ((size_t)1 << 15)
#define STAMPS_MAX   (STAMPS_SLOTS / 2)

struct stamps {
    struct stamp *slots; /* STAMPS_SLOTS of them, all zero at the beginning; the caller's */
    size_t count;
    unsigned int shift; /* one in 2^shift datagrams is in the sample */
};

/* Notes that the datagram 'sequence' of 'flow', sent at 'sent_ns', was at 'place' at 'at_ns', if it belongs
 * to the sample and was not there before: of a duplicate the first counts.  Allocates nothing; once in a long
 * while, when the room is full, it looks at all slots. */
void stamps_note(struct stamps *stamps, enum stamp_place place, uint32_t flow, uint64_t sequence,
                 int64_t sent_ns, int64_t at_ns);

/* Makes the sample one in 2^'shift', unless it is of fewer already: that of somebody else who had less room.
 */
void stamps_thin(struct stamps *stamps, unsigned int shift);

/* True if the datagram belongs to a sample of one in 2^'shift'. */
bool stamps_belongs(uint32_t flow, uint64_t sequence, unsigned int shift);
