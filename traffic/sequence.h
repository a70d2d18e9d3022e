/* Which sequence numbers of one flow have come: a window of them, so that what was sent is what came once
 * plus what was lost, to the datagram.
 *
 * RFC 4737: a datagram is reordered if its number is below the next expected one, which is one more than the
 * largest that has come; duplicates are counted on their own. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A flow of up to so many datagrams is remembered whole; of a longer one the latest so many. */
#define TRAFFIC_SEQUENCE_WINDOW ((uint64_t)65536)

/* So many of the latest gaps are remembered for the extent of a reordering. */
#define TRAFFIC_SEQUENCE_GAPS 32

enum traffic_arrival {
    TRAFFIC_ARRIVAL_NEW,       /* in order */
    TRAFFIC_ARRIVAL_REORDERED, /* new, but one with a larger number came before it */
    TRAFFIC_ARRIVAL_DUPLICATE,
    TRAFFIC_ARRIVAL_LATE, /* below the window: new or duplicate can't be told, so it stays lost */
};

/* Losses in a row are counted by their number: 1, 2, 3 and 4, 5 to 8, and so on by powers of two; the last
 * bin takes all that are longer. */
#define TRAFFIC_LOSS_BINS 24

/* The losses of a flow, as far as they are certain: of numbers that the window has left behind. */
struct traffic_losses {
    uint64_t bursts;  /* rows of losses */
    uint64_t longest; /* datagrams of the longest */
    uint64_t bins[TRAFFIC_LOSS_BINS];
    uint64_t run; /* datagrams of the row that has not ended yet */
};

struct traffic_sequence {
    uint64_t next;   /* the next expected number */
    uint64_t unique; /* numbers that came, each once */
    uint64_t duplicated;
    uint64_t reordered;
    uint64_t late;
    uint64_t extent; /* the largest of a reordered datagram */
    uint64_t window; /* numbers that 'bits' remembers, a power of two */
    uint64_t *bits;
    struct traffic_losses losses;
    size_t gap_count;
    struct {
        uint64_t first;   /* the first number that was skipped */
        uint64_t arrival; /* how many had come before the datagram that skipped it */
    } gaps[TRAFFIC_SEQUENCE_GAPS];
};

/* Prepares for a flow of 'packets' datagrams.  Returns 0 or -ENOMEM. */
int traffic_sequence_init(struct traffic_sequence *sequence, uint64_t packets);

/* Frees what 'sequence' holds.  Takes a zeroed one. */
void traffic_sequence_free(struct traffic_sequence *sequence);

/* Takes note of the arrival of 'number'. */
enum traffic_arrival traffic_sequence_note(struct traffic_sequence *sequence, uint64_t number);

/* The losses of the whole flow, of which the numbers below 'sent' were sent, if nothing more comes: what the
 * window still holds is gone through, too.  'sequence' stays as it is. */
struct traffic_losses traffic_sequence_losses(const struct traffic_sequence *sequence, uint64_t sent);

/* The bin that counts a row of 'length' losses: 0 for 1, 1 for 2, 2 for 3 and 4, 3 for 5 to 8. */
size_t traffic_losses_bin(uint64_t length);

/* The largest number of losses in a row that the bin 'bin' counts. */
uint64_t traffic_losses_bin_most(size_t bin);
