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

struct traffic_sequence {
    uint64_t next;   /* the next expected number */
    uint64_t unique; /* numbers that came, each once */
    uint64_t duplicated;
    uint64_t reordered;
    uint64_t late;
    uint64_t extent; /* the largest of a reordered datagram */
    uint64_t window; /* numbers that 'bits' remembers, a power of two */
    uint64_t *bits;
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
