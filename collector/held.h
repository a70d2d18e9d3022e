/* Data sets that wait for their template, bounded in number, bytes and time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <stdbool.h>

#include "collector/decode/flow_record.h"
#include "collector/decode/template.h"

struct held_sets;

struct held_counts {
    size_t sets, bytes; /* waiting now */
    uint64_t expired;   /* waited too long */
    uint64_t evicted;   /* made room for others */
};

/* Room for 'max_bytes' in all; a set waits no longer than 'max_ns'.  NULL when memory is out. */
struct held_sets *held_create(size_t max_bytes, int64_t max_ns);

/* Takes NULL. */
void held_destroy(struct held_sets *held);

/* A data set that waits. */
struct held_set {
    int64_t exporter_id; /* whose it is */
    int64_t recv_ns;
    struct export_header header; /* of its message */
    struct slice bytes;
};

/* Keeps a copy of 'set', data of template 'id' of an exporter at the address 'address'.  The oldest sets go
 * where it needs room; one that can't be kept at all counts as evicted. */
void held_keep(struct held_sets *held, uint64_t address, uint16_t id, const struct held_set *set);

/* Returns true if the set was decoded, or is not to wait any longer. */
typedef bool held_fn(const struct held_set *set, void *context);

/* Hands every set that waits for template 'id' of an exporter at 'address' to 'release', the oldest first,
 * and forgets those for which it returns true. */
void held_release(struct held_sets *held, uint64_t address, uint16_t id, held_fn *release, void *context);

/* Forgets what has waited too long at 'now_ns'. */
void held_expire(struct held_sets *held, int64_t now_ns);

struct held_counts held_counts(const struct held_sets *held);
