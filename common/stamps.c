#include "common/stamps.h"

#define SLOT_MASK (STAMPS_SLOTS - 1)
/* A sample is never thinner: sequence numbers of a week at line rate. */
#define SHIFT_MAX 31U

/* The finaliser of MurmurHash3 over both numbers: every bit depends on every bit. */
static uint64_t hash_of(uint32_t flow, uint64_t sequence) {
    uint64_t hash = sequence ^ ((uint64_t)flow << 40 | (uint64_t)flow << 13);
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}

/* The upper half says whether it is in the sample, the lower half where. */
static bool hash_belongs(uint64_t hash, unsigned int shift) {
    return ((hash >> 32) & ((UINT64_C(1) << shift) - 1)) == 0;
}

bool stamps_belongs(uint32_t flow, uint64_t sequence, unsigned int shift) {
    return hash_belongs(hash_of(flow, sequence), shift);
}

/* The slot of the datagram, or the empty one where it would be. */
static struct stamp *find(const struct stamps *stamps, uint64_t hash, uint32_t flow, uint64_t sequence) {
    size_t place = hash & SLOT_MASK;
    while (stamps->slots[place].used != 0 &&
           (stamps->slots[place].sequence != sequence || stamps->slots[place].flow != flow)) {
        place = (place + 1) & SLOT_MASK;
    }
    return &stamps->slots[place];
}

/* Takes every stamp out and puts those back that belong to the sample, beginning behind an empty slot: so
 * none is looked for beyond a gap that was made before it. */
static void settle(struct stamps *stamps) {
    size_t first = 0;
    while (stamps->slots[first].used != 0) {
        first++;
    }
    stamps->count = 0;
    for (size_t i = 1; i < STAMPS_SLOTS; i++) {
        struct stamp *slot = &stamps->slots[(first + i) & SLOT_MASK];
        const struct stamp stamp = *slot;
        if (stamp.used == 0) {
            continue;
        }
        *slot = (struct stamp){0};
        uint64_t hash = hash_of(stamp.flow, stamp.sequence);
        if (hash_belongs(hash, stamps->shift)) {
            *find(stamps, hash, stamp.flow, stamp.sequence) = stamp;
            stamps->count++;
        }
    }
}

void stamps_thin(struct stamps *stamps, unsigned int shift) {
    if (shift > stamps->shift) {
        stamps->shift = shift < SHIFT_MAX ? shift : SHIFT_MAX;
        settle(stamps);
    }
}

void stamps_note(struct stamps *stamps, enum stamp_place place, uint32_t flow, uint64_t sequence,
                 int64_t sent_ns, int64_t at_ns) {
    uint64_t hash = hash_of(flow, sequence);
    if (!hash_belongs(hash, stamps->shift)) {
        return;
    }
    struct stamp *stamp = find(stamps, hash, flow, sequence);
    while (stamp->used == 0 && stamps->count >= STAMPS_MAX) {
        if (stamps->shift >= SHIFT_MAX) {
            return;
        }
        stamps_thin(stamps, stamps->shift + 1);
        if (!hash_belongs(hash, stamps->shift)) {
            return;
        }
        stamp = find(stamps, hash, flow, sequence);
    }
    if (stamp->used == 0) {
        *stamp = (struct stamp){.sequence = sequence, .flow = flow, .used = 1, .sent_ns = sent_ns};
        stamps->count++;
    }
    /* Two datagrams with the same number but another time of sending are not the same: a forgery. */
    if (stamp->at_ns[place] == 0 && stamp->sent_ns == sent_ns) {
        stamp->at_ns[place] = at_ns;
    }
}
