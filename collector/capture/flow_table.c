#include "collector/capture/flow_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

/* 4 MiB a table. */
enum { SLOTS = 1 << 15, FULL = SLOTS / 4 * 3 };

struct flow_table {
    flow_count_fn *emit;
    void *context;
    size_t used;               /* slots with a key */
    bool taken[SLOTS];         /* which they are */
    struct flow_count slots[]; /* SLOTS of them, probed linearly */
};

struct flow_table *flow_table_create(flow_count_fn *emit, void *context) {
    struct flow_table *table = calloc(1, sizeof *table + SLOTS * sizeof table->slots[0]);
    if (table != NULL) {
        table->emit = emit;
        table->context = context;
    }
    return table;
}

void flow_table_destroy(struct flow_table *table) {
    free(table);
}

static void emit_slot(struct flow_table *table, struct flow_count *slot) {
    if (slot->packets != 0) {
        table->emit(slot, table->context);
        slot->packets = 0;
    }
}

static void start_second(struct flow_count *slot, int64_t bucket_ns, int64_t at_ns) {
    slot->bucket_ns = bucket_ns;
    slot->packets = 0;
    slot->bytes = 0;
    slot->square_sum = 0;
    slot->first_ns = at_ns;
    slot->last_ns = at_ns;
}

static void count_frame(struct flow_count *slot, int64_t at_ns, uint32_t bytes) {
    slot->packets++;
    slot->bytes += bytes;
    slot->square_sum += (double)bytes * (double)bytes;
    slot->first_ns = at_ns < slot->first_ns ? at_ns : slot->first_ns;
    slot->last_ns = at_ns > slot->last_ns ? at_ns : slot->last_ns;
}

/* The slot of 'key', or the free one that it would take.  A slot keeps its key when its second has been
 * emitted (packets 0), so that probing finds what stands behind it. */
static size_t find_slot(const struct flow_table *table, const struct flow_key *key) {
    size_t index = flow_key_hash(key) % SLOTS;
    while (table->taken[index] && !flow_key_equal(&table->slots[index].key, key)) {
        index = (index + 1) % SLOTS;
    }
    return index;
}

static void empty(struct flow_table *table) {
    flow_table_flush(table, INT64_MAX);
    memset(table->taken, 0, sizeof table->taken);
    table->used = 0;
}

void flow_table_add(struct flow_table *table, const struct flow_key *key, int64_t at_ns, uint32_t bytes) {
    int64_t bucket_ns = at_ns - at_ns % NS_PER_S;
    size_t index = find_slot(table, key);
    if (!table->taken[index] && table->used >= FULL) {
        empty(table);
        index = find_slot(table, key);
    }
    struct flow_count *slot = &table->slots[index];
    if (!table->taken[index]) {
        table->taken[index] = true;
        slot->key = *key;
        table->used++;
        start_second(slot, bucket_ns, at_ns);
    } else if (slot->packets == 0 || bucket_ns > slot->bucket_ns) {
        emit_slot(table, slot);
        start_second(slot, bucket_ns, at_ns);
    } else if (bucket_ns < slot->bucket_ns) {
        struct flow_count early = {.key = *key};
        start_second(&early, bucket_ns, at_ns);
        count_frame(&early, at_ns, bytes);
        table->emit(&early, table->context);
        return;
    }
    count_frame(slot, at_ns, bytes);
}

void flow_table_flush(struct flow_table *table, int64_t before_ns) {
    for (size_t i = 0; i < SLOTS; i++) {
        struct flow_count *slot = &table->slots[i];
        if (table->taken[i] && slot->packets != 0 && slot->bucket_ns <= before_ns - NS_PER_S) {
            emit_slot(table, slot);
        }
    }
}
