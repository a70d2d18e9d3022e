/* How far two hosts' clocks are apart: from messages that go there and back, of which those that took least
 * time are believed (RFC 5905, 8 and 10: offset, delay, clock filter). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One exchange; times are of the two hosts' real clocks, nanoseconds since the epoch. */
struct remote_exchange {
    int64_t asked_ns;    /* here */
    int64_t heard_ns;    /* there */
    int64_t answered_ns; /* there */
    int64_t back_ns;     /* here */
};

/* The best of several exchanges that were close together. */
struct remote_reading {
    size_t count;
    int64_t at_ns;         /* here, of the best one */
    int64_t offset_ns;     /* the other clock less ours */
    int64_t round_trip_ns; /* of the best one: the offset is known to within half of it */
};

/* Takes 'exchange' into 'reading'; one that makes no sense is left out. */
void remote_reading_add(struct remote_reading *reading, const struct remote_exchange *exchange);

/* What is known of two clocks over a run. */
struct remote_clocks {
    bool same; /* one clock: nothing to be estimated */
    struct remote_reading before, after;
};

/* The other clock less ours, at our time 'at_ns': on the line through both readings; 0 for one clock. */
int64_t remote_clocks_offset(const struct remote_clocks *clocks, int64_t at_ns);

/* By how much remote_clocks_offset() in the middle of the run may be wrong for any datagram of the run: half
 * the longer of the two round trips, plus half of what the clocks drifted apart from reading to reading. */
int64_t remote_clocks_uncertainty(const struct remote_clocks *clocks);

/* How fast the other clock gains on ours, in parts in a thousand million (ns/s); 0 if that can't be told. */
int64_t remote_clocks_drift(const struct remote_clocks *clocks);

/* A number that two processes get alike from 'nonce' if the kernel under them is the same one: it hides the
 * boot id (/proc/sys/kernel/random/boot_id) that it is made of.  A time namespace shifts the monotonic and
 * boot clocks only (time_namespaces(7)), and stamps are of the real clock, so the same kernel is the same
 * clock.  Returns 0 if there is no boot id. */
uint64_t remote_clock_identity(uint64_t nonce);
