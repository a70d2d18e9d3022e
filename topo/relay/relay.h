/* A cable that delays, duplicates and reorders: a process between two links of its own network namespace.
 *
 *     ovs-tap2 ═══ veth ═══ in2 [relay] out2 ═══ veth ═══ tap2
 *
 * Frames from the first link to the second are impaired; those of the other way pass straight.  The process
 * is a child of the caller's that has given up root and all descriptors but its own; it ends with its caller
 * and with the caller's end of its channel. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "topo/relay/classify.h"

/* Its name in /proc, by which whoever clears away after a crash knows it. */
#define RELAY_PROCESS_NAME "nsmon-relay"

struct relay_settings {
    double duplicate; /* as struct topo_impairment */
    uint32_t duplicate_every;
    double reorder;
    uint32_t reorder_every;
    uint32_t reorder_gap; /* 1 at least */
    int64_t delay_ns;
    int64_t jitter_ns;
    uint64_t seed;
    bool limited;       /* a queue stands behind, which may refuse frames */
    size_t frame_bytes; /* the longest frame, tags included */
};

struct relay_sum {
    _Atomic uint64_t packets, bytes;
};

/* What it counts, in memory that it shares with its caller.  Bytes are layer 2 without FCS. */
struct relay_counts {
    /* The impaired way: in + duplicated = out + no_room + rate_dropped + failed + queued. */
    struct relay_sum in, out;
    struct relay_sum delayed;                       /* of 'in', all where a delay is set */
    struct relay_sum duplicated[RELAY_CLASS_COUNT]; /* copies */
    struct relay_sum reordered[RELAY_CLASS_COUNT];  /* held back, and overtaken by one frame at least */
    _Atomic uint64_t not_overtaken;                 /* held back in vain: none of their flow came in time */
    /* Refused by the queue behind: the rate limit.  The last class is of what is never impaired otherwise. */
    struct relay_sum rate_dropped[RELAY_CLASS_COUNT + 1];
    _Atomic uint64_t no_room;         /* dropped for lack of memory, or longer than a frame can be */
    _Atomic uint64_t failed;          /* refused by the link, which was down */
    _Atomic uint64_t queued;          /* waiting now */
    _Atomic uint64_t in_socket_drops; /* not in 'in': the socket's buffer was full */
    /* The way back. */
    _Atomic uint64_t back_in, back_out, back_failed, back_socket_drops;
};

struct relay {
    pid_t pid;   /* 0: none */
    int channel; /* the caller's end; -1: none */
    struct relay_counts *counts;
};

/* A relay that is none. */
struct relay relay_none(void);

/* Opens its sockets at the links 'in' and 'out' of the network namespace 'netns_fd' and starts it there;
 * returns when it runs.  The links may still be down.  Returns 0, or a negative errno with 'error' filled and
 * nothing left. */
int relay_start(struct relay *relay, const struct relay_settings *settings, int netns_fd, const char *in,
                const char *out, struct error *error);

/* True if it was started and has ended by itself: no frame passes any more.  Only for the process that
 * started it. */
bool relay_gone(const struct relay *relay);

/* Ends it and waits for its end, if it is this process's child. */
void relay_stop(struct relay *relay);

/* Closes the channel, by which it ends, too, unless others hold it, and gives the shared memory back. */
void relay_release(struct relay *relay);
