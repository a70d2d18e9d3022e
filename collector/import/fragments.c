#include "collector/import/fragments.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"

#define DATAGRAMS 64 /* that are put together at once; the oldest goes */
#define BYTES_MAX 65536
#define UNIT      8 /* fragments begin at multiples of it */

/* Where a fragment belongs, and what it is of. */
struct place {
    struct ip_address src, dst;
    uint32_t id;
    size_t offset; /* in the datagram */
    bool last;
    const uint8_t *bytes;
    size_t size;
};

struct pending {
    struct ip_address src, dst;
    uint32_t id;
    uint64_t begun;                    /* order of beginning; 0: free */
    size_t whole;                      /* size, once the last fragment has come; 0 before */
    size_t units;                      /* received */
    uint8_t has[BYTES_MAX / UNIT / 8]; /* a bit a unit */
    uint8_t bytes[BYTES_MAX];
};

struct fragments {
    uint64_t clock;
    struct fragment_counts counts;
    struct pending pending[DATAGRAMS];
};

struct fragments *fragments_create(void) {
    return calloc(1, sizeof(struct fragments));
}

void fragments_destroy(struct fragments *fragments) {
    free(fragments);
}

/* IPv4: identification, flags and offset stand in the header. */
static bool place_ipv4(const struct packet *packet, struct cursor cursor, struct place *place) {
    cursor_skip(&cursor, packet->l3_offset);
    size_t header = (size_t)(cursor_u8(&cursor) & 0x0f) * 4;
    cursor_skip(&cursor, 1);
    size_t total = cursor_u16(&cursor);
    place->id = cursor_u16(&cursor);
    uint16_t word = cursor_u16(&cursor);
    cursor_skip(&cursor, header - 8);
    place->offset = (size_t)(word & 0x1fff) * UNIT;
    place->last = (word & 0x2000) == 0;
    place->size = total > header ? total - header : 0;
    place->bytes = cursor_bytes(&cursor, place->size);
    return place->bytes != NULL && packet->key.protocol == PROTOCOL_UDP;
}

/* IPv6: they stand in the fragment header, which is taken to be the last one before the data. */
static bool place_ipv6(const struct packet *packet, struct cursor cursor, struct place *place) {
    size_t header = packet->l4_offset - packet->l3_offset;
    if (header < 48 || packet->ip_bytes < header) {
        return false;
    }
    cursor_skip(&cursor, packet->l4_offset - 8);
    uint8_t next = cursor_u8(&cursor);
    cursor_skip(&cursor, 1);
    uint16_t word = cursor_u16(&cursor);
    place->id = cursor_u32(&cursor);
    place->offset = word & 0xfff8;
    place->last = (word & 1) == 0;
    place->size = packet->ip_bytes - header;
    place->bytes = cursor_bytes(&cursor, place->size);
    return place->bytes != NULL && next == PROTOCOL_UDP;
}

/* The datagram that the fragment is of, begun if need be in place of the oldest. */
static struct pending *find_pending(struct fragments *fragments, const struct place *place) {
    struct pending *oldest = &fragments->pending[0];
    for (size_t i = 0; i < DATAGRAMS; i++) {
        struct pending *pending = &fragments->pending[i];
        if (pending->begun != 0 && pending->id == place->id && ip_address_equal(&pending->src, &place->src) &&
            ip_address_equal(&pending->dst, &place->dst)) {
            return pending;
        }
        oldest = pending->begun < oldest->begun ? pending : oldest;
    }
    oldest->src = place->src;
    oldest->dst = place->dst;
    oldest->id = place->id;
    oldest->begun = ++fragments->clock;
    oldest->whole = oldest->units = 0;
    memset(oldest->has, 0, sizeof oldest->has);
    return oldest;
}

static void fill(struct pending *pending, const struct place *place) {
    memcpy(pending->bytes + place->offset, place->bytes, place->size);
    for (size_t unit = place->offset / UNIT; unit * UNIT < place->offset + place->size; unit++) {
        uint8_t bit = (uint8_t)(1U << unit % 8);
        pending->units += (pending->has[unit / 8] & bit) == 0;
        pending->has[unit / 8] |= bit;
    }
    if (place->last) {
        pending->whole = place->offset + place->size;
    }
}

const uint8_t *fragments_take(struct fragments *fragments, const struct packet *packet, const uint8_t *bytes,
                              size_t size, size_t *whole) {
    const struct flow_key *key = &packet->key;
    struct place place = {.src = ip_address_make(key->family, key->src),
                          .dst = ip_address_make(key->family, key->dst)};
    struct cursor cursor = cursor_over(bytes, size);
    bool good = key->family == 6 ? place_ipv6(packet, cursor, &place) : place_ipv4(packet, cursor, &place);
    bool odd = !place.last && place.size % UNIT != 0;
    if (!good || odd || place.size == 0 || place.offset + place.size > BYTES_MAX) {
        return NULL;
    }
    fragments->counts.fragments++;
    struct pending *pending = find_pending(fragments, &place);
    fill(pending, &place);
    if (pending->whole == 0 || pending->units != (pending->whole + UNIT - 1) / UNIT) {
        return NULL;
    }
    pending->begun = 0;
    fragments->counts.datagrams++;
    *whole = pending->whole;
    return pending->bytes;
}

struct fragment_counts fragments_counts(const struct fragments *fragments) {
    return fragments->counts;
}
