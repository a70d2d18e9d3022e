/* What the relay does to frames, without sockets and clocks: in by one end at a moment, out by the other when
 * it is time.
 *
 * A frame is first chosen or not, for duplication and for reordering; one that is to be overtaken is held
 * back until 'reorder_gap' later frames of its own flow have passed, or for RELAY_HOLD_NS when none come;
 * then it waits for the delay.  A copy follows its original at once.  Behind that order is kept, so that what
 * is not reordered on purpose is not reordered at all. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "topo/relay/relay.h"

#define RELAY_HOLD_NS (INT64_C(300) * 1000000)
/* Frames held back at a time; another one that was chosen is not held. */
#define RELAY_HELD_MAX 1024
/* What waits for its moment; the kernel gives the memory when it is used. */
#define RELAY_ROOM_BYTES ((size_t)64 << 20)

struct relay_queue;

/* Makes a queue that counts in 'counts'.  Returns NULL when there is no memory. */
struct relay_queue *relay_queue_make(const struct relay_settings *settings, struct relay_counts *counts);

/* Takes NULL. */
void relay_queue_free(struct relay_queue *queue);

/* Takes in the frame of 'length' bytes, at most settings->frame_bytes, that arrived at 'at_ns' (monotonic,
 * not before that of the frame before it). */
void relay_queue_put(struct relay_queue *queue, const uint8_t *frame, size_t length, int64_t at_ns);

/* When there is something to do next, or INT64_MAX. */
int64_t relay_queue_next(const struct relay_queue *queue);

/* Puts up to 'max' frames that are due at 'now_ns' into 'frames', in order, and returns how many; they stay
 * where they are until relay_queue_drop() or the next relay_queue_put(). */
size_t relay_queue_due(struct relay_queue *queue, int64_t now_ns, struct iovec *frames, size_t max);

/* Forgets the first 'count' frames. */
void relay_queue_drop(struct relay_queue *queue, size_t count);
