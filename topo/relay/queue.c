#include "topo/relay/queue.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "topo/relay/classify.h"
#include "topo/relay/jitter.h"
#include "topo/relay/random.h"

/* In front of each frame in the ring.  A length of 0 says that the ring goes on at its beginning. */
struct record {
    int64_t due_ns;
    size_t length;
};

/* A frame that is held back; its bytes are in the slot of the same number. */
struct held {
    uint64_t flow;
    int64_t until_ns;
    int64_t due_ns; /* by its own arrival */
    size_t length;
    enum relay_class class;
    uint32_t slot;
    uint32_t passed; /* later frames of its flow */
    bool twice;      /* it was chosen for duplication, too */
};

struct relay_queue {
    struct relay_settings settings;
    struct relay_counts *counts;
    struct relay_random random;
    struct relay_jitter jitter;
    uint64_t seen[RELAY_CLASS_COUNT];
    int64_t last_due_ns;

    uint8_t *ring; /* RELAY_ROOM_BYTES, mapped */
    size_t head;   /* where the first record is */
    size_t tail;   /* where the next one goes */
    size_t frames; /* in the ring */

    struct held held[RELAY_HELD_MAX]; /* in order of arrival */
    size_t held_count;
    uint32_t free_slots[RELAY_HELD_MAX];
    uint8_t *slots;
};

static void add(_Atomic uint64_t *count, uint64_t value) {
    atomic_fetch_add_explicit(count, value, memory_order_relaxed);
}

static void add_sum(struct relay_sum *sum, size_t length) {
    add(&sum->packets, 1);
    add(&sum->bytes, length);
}

struct relay_queue *relay_queue_make(const struct relay_settings *settings, struct relay_counts *counts) {
    struct relay_queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL) {
        return NULL;
    }
    queue->settings = *settings;
    queue->counts = counts;
    queue->jitter.jitter_ns = settings->jitter_ns;
    relay_random_init(&queue->random, settings->seed);
    queue->slots = calloc(RELAY_HELD_MAX, settings->frame_bytes);
    queue->ring = mmap(NULL, RELAY_ROOM_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (queue->slots == NULL || queue->ring == MAP_FAILED) {
        queue->ring = queue->ring == MAP_FAILED ? NULL : queue->ring;
        relay_queue_free(queue);
        return NULL;
    }
    for (uint32_t i = 0; i < RELAY_HELD_MAX; i++) {
        queue->free_slots[i] = i;
    }
    return queue;
}

void relay_queue_free(struct relay_queue *queue) {
    if (queue == NULL) {
        return;
    }
    if (queue->ring != NULL) {
        munmap(queue->ring, RELAY_ROOM_BYTES);
    }
    free(queue->slots);
    free(queue);
}

/* --- the ring --- */

/* A record and its frame, so that the next record is aligned. */
static size_t record_bytes(size_t length) {
    const size_t grain = _Alignof(struct record);
    return sizeof(struct record) + (length + grain - 1) / grain * grain;
}

static struct record *record_at(const struct relay_queue *queue, size_t at) {
    return (struct record *)(void *)(queue->ring + at);
}

/* Where 'size' bytes fit, or RELAY_ROOM_BYTES.  There is always room behind the last record for one more
 * record without a frame. */
static size_t find_room(struct relay_queue *queue, size_t size) {
    size_t end = RELAY_ROOM_BYTES - sizeof(struct record);
    if (queue->frames == 0) {
        queue->head = queue->tail = 0;
    }
    if (queue->tail >= queue->head && queue->tail + size <= end) {
        return queue->tail;
    }
    if (queue->tail >= queue->head && size < queue->head) {
        record_at(queue, queue->tail)->length = 0;
        return 0;
    }
    return queue->tail < queue->head && queue->tail + size < queue->head ? queue->tail : RELAY_ROOM_BYTES;
}

/* Appends a frame that is due at 'due_ns', or no earlier than the one before it.  False if there is no room.
 */
static bool append(struct relay_queue *queue, const uint8_t *frame, size_t length, int64_t due_ns) {
    size_t size = record_bytes(length);
    size_t at = find_room(queue, size);
    if (at == RELAY_ROOM_BYTES) {
        add(&queue->counts->no_room, 1);
        return false;
    }
    queue->last_due_ns = due_ns > queue->last_due_ns ? due_ns : queue->last_due_ns;
    struct record *record = record_at(queue, at);
    *record = (struct record){.due_ns = queue->last_due_ns, .length = length};
    memcpy(record + 1, frame, length);
    queue->tail = at + size;
    queue->frames++;
    add(&queue->counts->queued, 1);
    return true;
}

/* The first record at or behind 'at'. */
static size_t skip_end(const struct relay_queue *queue, size_t at) {
    return record_at(queue, at)->length == 0 ? 0 : at;
}

void relay_queue_drop(struct relay_queue *queue, size_t count) {
    for (size_t i = 0; i < count && queue->frames > 0; i++) {
        size_t at = skip_end(queue, queue->head);
        queue->head = at + record_bytes(record_at(queue, at)->length);
        queue->frames--;
        atomic_fetch_sub_explicit(&queue->counts->queued, 1, memory_order_relaxed);
    }
}

/* --- holding back --- */

static uint8_t *slot_of(const struct relay_queue *queue, uint32_t slot) {
    return queue->slots + slot * queue->settings.frame_bytes;
}

/* Appends a frame 'as' it was chosen to be. */
static void append_chosen(struct relay_queue *queue, const uint8_t *frame, const struct held *as) {
    if (append(queue, frame, as->length, as->due_ns) && as->twice &&
        append(queue, frame, as->length, as->due_ns)) {
        add_sum(&queue->counts->duplicated[as->class], as->length);
    }
}

static bool hold(struct relay_queue *queue, const uint8_t *frame, const struct held *wanted) {
    if (queue->held_count == RELAY_HELD_MAX) {
        return false;
    }
    struct held *held = &queue->held[queue->held_count];
    *held = *wanted;
    held->slot = queue->free_slots[queue->held_count++];
    memcpy(slot_of(queue, held->slot), frame, held->length);
    add(&queue->counts->queued, 1);
    return true;
}

static void release(struct relay_queue *queue, size_t index) {
    struct held held = queue->held[index];
    queue->held_count--;
    memmove(&queue->held[index], &queue->held[index + 1],
            (queue->held_count - index) * sizeof queue->held[0]);
    queue->free_slots[queue->held_count] = held.slot;
    atomic_fetch_sub_explicit(&queue->counts->queued, 1, memory_order_relaxed);
    if (held.passed > 0) {
        add_sum(&queue->counts->reordered[held.class], held.length);
    } else {
        add(&queue->counts->not_overtaken, 1);
    }
    append_chosen(queue, slot_of(queue, held.slot), &held);
}

/* A frame of 'flow' has passed those that are held back. */
static void note_passing(struct relay_queue *queue, uint64_t flow) {
    for (size_t i = 0; i < queue->held_count;) {
        struct held *held = &queue->held[i];
        if (held->flow == flow && ++held->passed >= queue->settings.reorder_gap) {
            release(queue, i);
        } else {
            i++;
        }
    }
}

static void release_late(struct relay_queue *queue, int64_t now_ns) {
    while (queue->held_count > 0 && queue->held[0].until_ns <= now_ns) {
        release(queue, 0);
    }
}

/* --- the two ends --- */

static bool chosen(struct relay_queue *queue, uint64_t number, uint32_t every, double chance) {
    return (every != 0 && number % every == 0) || relay_random_hit(&queue->random, chance);
}

void relay_queue_put(struct relay_queue *queue, const uint8_t *frame, size_t length, int64_t at_ns) {
    const struct relay_settings *settings = &queue->settings;
    struct relay_counts *counts = queue->counts;
    add_sum(&counts->in, length);
    release_late(queue, at_ns);
    if (settings->delay_ns > 0) {
        add_sum(&counts->delayed, length);
    }
    struct held wanted = {
        .length = length,
        .until_ns = at_ns + RELAY_HOLD_NS,
        .due_ns = at_ns + settings->delay_ns + relay_jitter_at(&queue->jitter, &queue->random, at_ns),
    };
    wanted.class = relay_classify(frame, length, &wanted.flow);
    if (wanted.class == RELAY_PASSES) {
        (void)append(queue, frame, length, wanted.due_ns);
        return;
    }
    uint64_t number = ++queue->seen[wanted.class];
    wanted.twice = chosen(queue, number, settings->duplicate_every, settings->duplicate);
    if (chosen(queue, number, settings->reorder_every, settings->reorder) && hold(queue, frame, &wanted)) {
        return;
    }
    append_chosen(queue, frame, &wanted);
    note_passing(queue, wanted.flow);
}

int64_t relay_queue_next(const struct relay_queue *queue) {
    int64_t next_ns = INT64_MAX;
    if (queue->frames > 0) {
        next_ns = record_at(queue, skip_end(queue, queue->head))->due_ns;
    }
    if (queue->held_count > 0 && queue->held[0].until_ns < next_ns) {
        next_ns = queue->held[0].until_ns;
    }
    return next_ns;
}

size_t relay_queue_due(struct relay_queue *queue, int64_t now_ns, struct iovec *frames, size_t max) {
    size_t count = 0;
    release_late(queue, now_ns); /* which may move the head of an empty ring */
    size_t at = queue->head;
    while (count < max && count < queue->frames) {
        at = skip_end(queue, at);
        struct record *record = record_at(queue, at);
        if (record->due_ns > now_ns) {
            break;
        }
        frames[count++] = (struct iovec){.iov_base = record + 1, .iov_len = record->length};
        at += record_bytes(record->length);
    }
    return count;
}
