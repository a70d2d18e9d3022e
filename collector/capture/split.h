/* Where on its way a datagram of nsmon's own endpoints spent its time: the captures at the taps see when it
 * passed, the receiving endpoint tells afterwards when it came, and both keep the same sample of datagrams
 * (common/stamps.h).
 *
 * Usage: split_create() -> split_frame() by the thread that captures -> split_begin(), split_take() and
 * split_end() by the one that hears of a finished run -> split_write() -> split_destroy().  Any thread may
 * call any of them at any time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "collector/decode/packet.h"
#include "collector/store/store.h"
#include "common/stamps.h"

/* Runs that are looked after at the same time; of more than that those are forgotten that were seen first. */
#define SPLIT_RUNS 8

struct split;

/* Returns NULL when memory is out. */
struct split *split_create(void);
void split_destroy(struct split *split);

/* Looks at the frame 'packet', of which 'captured' bytes stand at 'bytes', and notes it if it is a datagram
 * of nsmon's endpoints that was at 'place' at 'at_ns'. */
void split_frame(struct split *split, enum stamp_place place, const struct packet *packet,
                 const uint8_t *bytes, size_t captured, int64_t at_ns);

/* The run that calls itself 'number' on the wire is over and has the id 'run_id' in the database; its
 * receiver kept one in 2^'shift' datagrams. */
void split_begin(struct split *split, uint64_t number, int64_t run_id, unsigned int shift);

/* When the datagram 'stamp' of the run 'number' was received; only that of its times is read. */
void split_take(struct split *split, uint64_t number, const struct stamp *stamp);

/* No more of the run 'run_id' will be taken. */
void split_end(struct split *split, int64_t run_id);

/* Appends what is known of the runs that ended before 'before_ns' (monotonic) to 'appender' and forgets them;
 * the captures are to have been read up to there.  A datagram that not everybody saw has no time there. */
void split_write(struct split *split, struct store_appender *appender, int64_t before_ns);
