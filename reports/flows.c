/* The flows of a report: an array, and a hash table from their ids to it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/internal.h"

void report_note(struct report_notes *notes, const char *format, ...) {
    if (notes->count == REPORT_NOTES_MAX) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(notes->notes[notes->count].text, sizeof notes->notes[0].text, format, arguments);
    va_end(arguments);
    notes->count++;
}

void report_flows_init(struct report_flows *flows, size_t sources, size_t entries) {
    memset(flows, 0, sizeof *flows);
    flows->sources = sources;
    flows->entries = entries;
}

void report_flows_free(struct report_flows *flows) {
    for (size_t i = 0; i < flows->count; i++) {
        free(flows->flows[i].estimates);
        free(flows->flows[i].came_to);
    }
    free(flows->flows);
    free(flows->index);
    memset(flows, 0, sizeof *flows);
}

void report_free(struct report *report) {
    if (report == NULL) {
        return;
    }
    report_flows_free(&report->flows);
    free(report->series.bins);
    report->series.bins = NULL;
    report->series.count = 0;
}

/* Where 'id' stands in the index, or would. */
static size_t find_slot(const struct report_flows *flows, int64_t id) {
    uint64_t hash = (uint64_t)id * UINT64_C(0x9e3779b97f4a7c15);
    size_t slot = (size_t)(hash >> 32) & (flows->index_size - 1);
    while (flows->index[slot] != 0 && flows->flows[flows->index[slot] - 1].id != id) {
        slot = (slot + 1) & (flows->index_size - 1);
    }
    return slot;
}

/* Makes room for one more flow.  The index is kept at most half full. */
static int flows_grow(struct report_flows *flows) {
    if (flows->count < flows->capacity) {
        return 0;
    }
    size_t capacity = flows->capacity == 0 ? 256 : flows->capacity * 2;
    struct report_flow *grown = reallocarray(flows->flows, capacity, sizeof *grown);
    if (grown == NULL) {
        return -ENOMEM;
    }
    flows->flows = grown;
    size_t *index = calloc(capacity * 2, sizeof *index);
    if (index == NULL) {
        return -ENOMEM;
    }
    free(flows->index);
    flows->index = index;
    flows->index_size = capacity * 2;
    flows->capacity = capacity;
    for (size_t i = 0; i < flows->count; i++) {
        flows->index[find_slot(flows, flows->flows[i].id)] = i + 1;
    }
    return 0;
}

struct report_flow *report_flow_get(struct report *report, struct reader *reader, int64_t id,
                                    struct error *error) {
    struct report_flows *flows = &report->flows;
    if (flows_grow(flows) != 0) {
        error_set(error, -ENOMEM, "comparing session %lld: out of memory at %zu flows",
                  (long long)report->session.id, flows->count);
        return NULL;
    }
    size_t slot = find_slot(flows, id);
    if (flows->index[slot] != 0) {
        return &flows->flows[flows->index[slot] - 1];
    }
    struct report_flow flow = {
        .id = id, .first_ns = READ_NULL, .last_ns = READ_NULL, .entry = READ_NULL, .estimates = NULL};
    if (reader_flow(reader, id, &flow.key, error) != 0) {
        return NULL;
    }
    flow.estimates = calloc(flows->sources + 1, sizeof *flow.estimates);
    flow.came_to = calloc(flows->entries + 1, sizeof *flow.came_to);
    if (flow.estimates == NULL || flow.came_to == NULL) {
        free(flow.estimates);
        free(flow.came_to);
        error_set(error, -ENOMEM, "comparing session %lld: out of memory at %zu flows",
                  (long long)report->session.id, flows->count);
        return NULL;
    }
    for (size_t i = 0; i < flows->sources; i++) {
        flow.estimates[i].first_recv_ns = READ_NULL;
    }
    flows->flows[flows->count] = flow;
    flows->index[slot] = ++flows->count;
    return &flows->flows[flows->count - 1];
}

struct report_flow *report_flow_find(struct report_flows *flows, int64_t id) {
    if (flows->index_size == 0) {
        return NULL;
    }
    size_t position = flows->index[find_slot(flows, id)];
    return position == 0 ? NULL : &flows->flows[position - 1];
}

static int by_size(const void *left, const void *right) {
    const struct report_flow *a = left;
    const struct report_flow *b = right;
    if (a->packets != b->packets) {
        return a->packets > b->packets ? -1 : 1;
    }
    if (a->bytes != b->bytes) {
        return a->bytes > b->bytes ? -1 : 1;
    }
    return memcmp(&a->key, &b->key, sizeof a->key);
}

void report_flows_sort(struct report_flows *flows) {
    if (flows->count > 1) {
        qsort(flows->flows, flows->count, sizeof *flows->flows, by_size);
    }
}
