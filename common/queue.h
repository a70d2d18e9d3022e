/* A bounded queue of pointers between threads.  What is handed over is a whole batch, so the lock is taken
 * once a batch and never once a packet. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;

/* A queue of at most 'capacity' items, or NULL when memory is out. */
struct queue *queue_create(size_t capacity);

/* Frees 'queue', not its items.  Takes NULL. */
void queue_destroy(struct queue *queue);

/* Appends 'item' (not NULL).  A full queue gives false at once, or with 'wait' holds the caller until there
 * is room.  A closed queue gives false. */
bool queue_push(struct queue *queue, void *item, bool wait);

/* Takes the oldest item.  Waits for one until 'timeout_ns' have passed (negative: for ever).  Returns NULL at
 * the timeout, or when the queue is closed and empty. */
void *queue_pop(struct queue *queue, int64_t timeout_ns);

/* Lets no more in; what is there can still be taken. */
void queue_close(struct queue *queue);

/* True once the queue is closed and everything was taken. */
bool queue_drained(struct queue *queue);
