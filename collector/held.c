#include "collector/held.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#define BUCKETS 4096

struct held_set {
    struct held_set *newer, *older; /* of all */
    struct held_set *next, **link;  /* of the bucket, the newest first */
    uint64_t owner;
    uint16_t id;
    int64_t recv_ns;
    struct export_header header;
    size_t size;
    uint8_t bytes[];
};

struct held_sets {
    size_t max_bytes;
    int64_t max_ns;
    struct held_counts counts;
    struct held_set *newest, *oldest;
    struct held_set *buckets[BUCKETS];
};

struct held_sets *held_create(size_t max_bytes, int64_t max_ns) {
    struct held_sets *held = calloc(1, sizeof *held);
    if (held != NULL) {
        held->max_bytes = max_bytes;
        held->max_ns = max_ns;
    }
    return held;
}

static size_t cost(const struct held_set *set) {
    return sizeof *set + set->size;
}

/* Takes 'set' out of all lists; it is the caller's then. */
static void take_out(struct held_sets *held, struct held_set *set) {
    *set->link = set->next;
    if (set->next != NULL) {
        set->next->link = set->link;
    }
    *(set->newer != NULL ? &set->newer->older : &held->newest) = set->older;
    *(set->older != NULL ? &set->older->newer : &held->oldest) = set->newer;
    held->counts.sets--;
    held->counts.bytes -= cost(set);
}

/* What is freed is in no list any more, which the analyzer does not see. */
static void drop_oldest(struct held_sets *held) {
    struct held_set *set = held->oldest;
    take_out(held, set); /* NOLINT(clang-analyzer-unix.Malloc) */
    free(set);
}

void held_destroy(struct held_sets *held) {
    while (held != NULL && held->oldest != NULL) {
        drop_oldest(held);
    }
    free(held);
}

static struct held_set **bucket_of(struct held_sets *held, uint64_t owner, uint16_t id) {
    return &held->buckets[XXH3_64bits_withSeed(&owner, sizeof owner, id) % BUCKETS];
}

void held_keep(struct held_sets *held, uint64_t owner, uint16_t id, struct slice set,
               const struct export_header *header, int64_t recv_ns) {
    size_t bytes = sizeof(struct held_set) + set.size;
    struct held_set *kept = bytes > held->max_bytes ? NULL : malloc(bytes);
    if (kept == NULL) {
        held->counts.evicted++;
        return;
    }
    while (held->oldest != NULL && held->counts.bytes + bytes > held->max_bytes) {
        drop_oldest(held);
        held->counts.evicted++;
    }
    struct held_set **bucket = bucket_of(held, owner, id);
    *kept = (struct held_set){.older = held->newest,
                              .next = *bucket,
                              .link = bucket,
                              .owner = owner,
                              .id = id,
                              .recv_ns = recv_ns,
                              .header = *header,
                              .size = set.size};
    memcpy(kept->bytes, set.bytes, set.size);
    if (kept->next != NULL) {
        kept->next->link = &kept->next;
    }
    *bucket = kept;
    *(held->newest != NULL ? &held->newest->newer : &held->oldest) = kept;
    held->newest = kept;
    held->counts.sets++;
    held->counts.bytes += bytes;
}

void held_release(struct held_sets *held, uint64_t owner, uint16_t id, held_fn *release, void *context) {
    struct held_set *turned = NULL; /* the bucket has the newest first: turn them round */
    for (struct held_set *set = *bucket_of(held, owner, id); set != NULL;) {
        struct held_set *next = set->next;
        if (set->owner == owner && set->id == id) {
            take_out(held, set);
            set->next = turned;
            turned = set;
        }
        set = next;
    }
    while (turned != NULL) {
        struct held_set *set = turned;
        turned = set->next;
        release((struct slice){set->bytes, set->size}, &set->header, set->recv_ns, context);
        free(set);
    }
}

void held_expire(struct held_sets *held, int64_t now_ns) {
    while (held->oldest != NULL) {
        int64_t recv_ns = held->oldest->recv_ns; /* NOLINT(clang-analyzer-unix.Malloc) */
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
