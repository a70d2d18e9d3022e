#include "collector/held.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#define BUCKETS 4096

struct entry {
    struct entry *newer, *older; /* of all */
    struct entry *next, **link;  /* of the bucket, the newest first */
    uint64_t address;
    uint16_t id;
    struct held_set set;
    uint8_t bytes[];
};

struct held_sets {
    size_t max_bytes;
    int64_t max_ns;
    struct held_counts counts;
    struct entry *newest, *oldest;
    struct entry *buckets[BUCKETS];
};

struct held_sets *held_create(size_t max_bytes, int64_t max_ns) {
    struct held_sets *held = calloc(1, sizeof *held);
    if (held != NULL) {
        held->max_bytes = max_bytes;
        held->max_ns = max_ns;
    }
    return held;
}

static size_t cost(const struct entry *entry) {
    return sizeof *entry + entry->set.bytes.size;
}

/* Takes 'entry' out of all lists; it is the caller's then. */
static void take_out(struct held_sets *held, struct entry *entry) {
    *entry->link = entry->next;
    if (entry->next != NULL) {
        entry->next->link = entry->link;
    }
    *(entry->newer != NULL ? &entry->newer->older : &held->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &held->oldest) = entry->newer;
    held->counts.sets--;
    held->counts.bytes -= cost(entry);
}

/* What is freed is in no list any more, which the analyzer does not see. */
static void drop_oldest(struct held_sets *held) {
    struct entry *entry = held->oldest;
    take_out(held, entry); /* NOLINT(clang-analyzer-unix.Malloc) */
    free(entry);
}

void held_destroy(struct held_sets *held) {
    while (held != NULL && held->oldest != NULL) {
        drop_oldest(held);
    }
    free(held);
}

static struct entry **bucket_of(struct held_sets *held, uint64_t address, uint16_t id) {
    return &held->buckets[XXH3_64bits_withSeed(&address, sizeof address, id) % BUCKETS];
}

void held_keep(struct held_sets *held, uint64_t address, uint16_t id, const struct held_set *set) {
    size_t bytes = sizeof(struct entry) + set->bytes.size;
    struct entry *entry = bytes > held->max_bytes ? NULL : malloc(bytes);
    if (entry == NULL) {
        held->counts.evicted++;
        return;
    }
    while (held->oldest != NULL && held->counts.bytes + bytes > held->max_bytes) {
        drop_oldest(held);
        held->counts.evicted++;
    }
    struct entry **bucket = bucket_of(held, address, id);
    *entry = (struct entry){
        .older = held->newest, .next = *bucket, .link = bucket, .address = address, .id = id, .set = *set};
    memcpy(entry->bytes, set->bytes.bytes, set->bytes.size);
    entry->set.bytes.bytes = entry->bytes;
    if (entry->next != NULL) {
        entry->next->link = &entry->next;
    }
    *bucket = entry;
    *(held->newest != NULL ? &held->newest->newer : &held->oldest) = entry;
    held->newest = entry;
    held->counts.sets++;
    held->counts.bytes += bytes;
}

/* The entry whose 'next' is at 'next'. */
static struct entry *entry_of_next(struct entry **next) {
    return (struct entry *)(void *)((char *)next - offsetof(struct entry, next));
}

void held_release(struct held_sets *held, uint64_t address, uint16_t id, held_fn *release, void *context) {
    struct entry *entry = *bucket_of(held, address, id);
    struct entry *before;
    while (entry != NULL && entry->next != NULL) { /* the bucket has the newest first */
        entry = entry->next;
    }
    for (; entry != NULL; entry = before) {
        before = entry->link == bucket_of(held, address, id) ? NULL : entry_of_next(entry->link);
        if (entry->address == address && entry->id == id && release(&entry->set, context)) {
            take_out(held, entry);
            free(entry);
        }
    }
}

void held_expire(struct held_sets *held, int64_t now_ns) {
    while (held->oldest != NULL) {
        int64_t recv_ns = held->oldest->set.recv_ns; /* NOLINT(clang-analyzer-unix.Malloc) */
        if (now_ns - recv_ns <= held->max_ns) {
            return;
        }
        drop_oldest(held);
        held->counts.expired++;
    }
}

struct held_counts held_counts(const struct held_sets *held) {
    return held->counts;
}
