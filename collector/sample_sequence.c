#include "collector/sample_sequence.h"

#include <stdlib.h>

#include <xxhash.h>

#define BUCKETS  16384
#define WAYS     4
#define GAP_MAX  (1 << 20) /* a larger jump is a source that began anew */
#define LATE_MAX 4096

struct slot {
    uint64_t hash; /* of the source; 0: free */
    int64_t datagrams_lost;
    uint32_t used; /* when, for the least recently used to go */
    uint32_t next; /* expected */
    uint32_t restarts;
    uint32_t missing; /* and not come late yet */
};

struct sample_numbers {
    uint32_t clock;
    struct slot slots[BUCKETS][WAYS];
};

struct sample_numbers *sample_numbers_create(void) {
    return calloc(1, sizeof(struct sample_numbers));
}

void sample_numbers_destroy(struct sample_numbers *numbers) {
    free(numbers);
}

/* The slot of 'hash', made of the one that was not used for longest; it is zero but for the hash then. */
static struct slot *find_slot(struct sample_numbers *numbers, uint64_t hash) {
    struct slot *slots = numbers->slots[hash % BUCKETS];
    struct slot *oldest = &slots[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (slots[i].hash == hash) {
            return &slots[i];
        }
        if (slots[i].hash == 0 || (oldest->hash != 0 && (int32_t)(slots[i].used - oldest->used) < 0)) {
            oldest = &slots[i];
        }
    }
    *oldest = (struct slot){.hash = hash};
    return oldest;
}

int64_t sample_numbers_note(struct sample_numbers *numbers, const struct sample_source *source,
                            uint32_t sequence, int64_t datagrams_lost, int64_t restarts, bool *dropped) {
    uint64_t words[3] = {(uint64_t)source->exporter_id, (uint64_t)source->type << 32 | source->index,
                         source->kind};
    uint64_t hash = XXH3_64bits(words, sizeof words) | 1;
    struct slot *slot = find_slot(numbers, hash);
    bool is_new = slot->used == 0 || slot->restarts != (uint32_t)restarts;
    uint32_t ahead = sequence - slot->next;
    uint32_t behind = slot->next - sequence;
    *dropped = slot->datagrams_lost == datagrams_lost;
    numbers->clock += numbers->clock == UINT32_MAX ? 2 : 1; /* 0 is a slot that was never used */
    slot->used = numbers->clock;
    slot->restarts = (uint32_t)restarts;
    if (!is_new && behind != 0 && behind <= LATE_MAX && slot->missing != 0) {
        slot->missing--;
        return -1;
    }
    bool gap = !is_new && ahead <= GAP_MAX;
    slot->missing = gap ? slot->missing + ahead : 0;
    slot->next = sequence + 1;
    slot->datagrams_lost = datagrams_lost;
    return gap ? ahead : 0;
}
