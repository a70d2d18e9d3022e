#include "collector/capture/split.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/cursor.h"
#include "common/greeting.h"

#define UDP_HEADER_BYTES 8

struct run {
    uint64_t number; /* as on the wire */
    uint64_t order;  /* of its first frame, among all runs; 0: an empty place */
    int64_t run_id;  /* in the database; 0 before it is known */
    int64_t ended_ns;
    struct stamps stamps;
};

struct split {
    pthread_mutex_t lock;
    uint64_t seen; /* runs so far */
    struct run runs[SPLIT_RUNS];
};

struct split *split_create(void) {
    struct split *split = calloc(1, sizeof *split);
    if (split != NULL) {
        pthread_mutex_init(&split->lock, NULL);
    }
    return split;
}

static void forget(struct run *run) {
    free(run->stamps.slots);
    *run = (struct run){0};
}

void split_destroy(struct split *split) {
    if (split != NULL) {
        for (size_t i = 0; i < SPLIT_RUNS; i++) {
            forget(&split->runs[i]);
        }
        pthread_mutex_destroy(&split->lock);
        free(split);
    }
}

static struct run *find(struct split *split, uint64_t number) {
    for (size_t i = 0; i < SPLIT_RUNS; i++) {
        if (split->runs[i].order != 0 && split->runs[i].number == number) {
            return &split->runs[i];
        }
    }
    return NULL;
}

/* A place for the run 'number': an empty one, or that of the oldest that nobody has told of.  Returns NULL
 * when there is none or memory is out. */
static struct run *make(struct split *split, uint64_t number) {
    struct run *place = NULL;
    for (size_t i = 0; i < SPLIT_RUNS; i++) {
        struct run *run = &split->runs[i];
        if (run->run_id == 0 && (place == NULL || run->order < place->order)) {
            place = run;
        }
    }
    if (place == NULL) {
        return NULL;
    }
    forget(place);
    struct stamp *slots = calloc(STAMPS_SLOTS, sizeof *slots);
    if (slots != NULL) {
        *place = (struct run){.number = number, .order = ++split->seen, .stamps = {.slots = slots}};
    }
    return slots == NULL ? NULL : place;
}

void split_frame(struct split *split, enum stamp_place place, const struct packet *packet,
                 const uint8_t *bytes, size_t captured, int64_t at_ns) {
    size_t skip = (size_t)packet->l4_offset + UDP_HEADER_BYTES;
    if (packet->key.protocol != PROTOCOL_UDP || packet->l4_offset == 0 || packet->later_fragment ||
        captured < skip + GREETING_SIZE) {
        return;
    }
    struct cursor cursor = cursor_over(bytes + skip, GREETING_SIZE);
    if (cursor_u32(&cursor) != GREETING_MAGIC) {
        return;
    }
    uint64_t number = cursor_u64(&cursor);
    uint32_t flow = cursor_u32(&cursor);
    uint64_t sequence = cursor_u64(&cursor);
    int64_t sent_ns = (int64_t)cursor_u64(&cursor);
    if (flow == GREETING_FLOW) {
        return;
    }
    pthread_mutex_lock(&split->lock);
    struct run *run = find(split, number);
    run = run != NULL ? run : make(split, number);
    if (run != NULL) {
        stamps_note(&run->stamps, place, flow, sequence, sent_ns, at_ns);
    }
    pthread_mutex_unlock(&split->lock);
}

void split_begin(struct split *split, uint64_t number, int64_t run_id, unsigned int shift) {
    pthread_mutex_lock(&split->lock);
    struct run *run = find(split, number);
    run = run != NULL ? run : make(split, number);
    if (run != NULL) {
        run->run_id = run_id;
        stamps_thin(&run->stamps, shift);
    }
    pthread_mutex_unlock(&split->lock);
}

void split_take(struct split *split, uint64_t number, const struct stamp *stamp) {
    pthread_mutex_lock(&split->lock);
    struct run *run = find(split, number);
    if (run != NULL && run->run_id != 0) {
        stamps_note(&run->stamps, STAMP_RECEIVED, stamp->flow, stamp->sequence, stamp->sent_ns,
                    stamp->at_ns[STAMP_RECEIVED]);
    }
    pthread_mutex_unlock(&split->lock);
}

void split_end(struct split *split, int64_t run_id) {
    pthread_mutex_lock(&split->lock);
    for (size_t i = 0; i < SPLIT_RUNS; i++) {
        if (split->runs[i].order != 0 && split->runs[i].run_id == run_id) {
            split->runs[i].ended_ns = clock_monotonic_ns();
        }
    }
    pthread_mutex_unlock(&split->lock);
}

static void write_run(const struct run *run, struct store_appender *appender) {
    for (size_t i = 0; i < STAMPS_SLOTS; i++) {
        const struct stamp *stamp = &run->stamps.slots[i];
        const int64_t *at = stamp->at_ns;
        if (stamp->used != 0) {
            struct traffic_stamp_row *row = &store_append(appender, ROW_TRAFFIC_STAMP)->traffic_stamp;
            *row = (struct traffic_stamp_row){
                .run_id = run->run_id,
                .number = stamp->flow,
                .sequence = (int64_t)stamp->sequence,
                .sent_ns = stamp->sent_ns,
                .tap_out_ns = at[STAMP_TAP_OUT] == 0 ? STORE_NULL : at[STAMP_TAP_OUT],
                .tap_in_ns = at[STAMP_TAP_IN] == 0 ? STORE_NULL : at[STAMP_TAP_IN],
                .received_ns = at[STAMP_RECEIVED] == 0 ? STORE_NULL : at[STAMP_RECEIVED],
            };
        }
    }
}

void split_write(struct split *split, struct store_appender *appender, int64_t before_ns) {
    for (size_t i = 0; i < SPLIT_RUNS; i++) {
        struct run *run = &split->runs[i];
        struct run over = {0};
        pthread_mutex_lock(&split->lock);
        if (run->order != 0 && run->ended_ns != 0 && run->ended_ns < before_ns) {
            over = *run;
            *run = (struct run){0};
        }
        pthread_mutex_unlock(&split->lock);
        if (over.order != 0) {
            write_run(&over, appender);
            forget(&over);
        }
    }
}
