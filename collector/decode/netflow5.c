#include "collector/decode/netflow5.h"

#include <errno.h>

#include "common/clock.h"
#include "common/cursor.h"

struct layout {
    size_t header_size, record_size;
};

static const struct layout *layout_of(uint16_t version) {
    static const struct layout v1 = {16, 52}, v5 = {24, 48}, v7 = {24, 52};
    switch (version) {
    case 1:
        return &v1;
    case 5:
        return &v5;
    case 7:
        return &v7;
    default:
        return NULL;
    }
}

int netflow5_read_header(const uint8_t *bytes, size_t size, struct export_header *header) {
    struct cursor cursor = cursor_over(bytes, size);
    *header = (struct export_header){.version = cursor_u16(&cursor), .count = cursor_u16(&cursor)};
    if (!cursor.failed && layout_of(header->version) == NULL) {
        return -EPROTONOSUPPORT;
    }
    header->has_uptime = true;
    header->uptime_ms = cursor_u32(&cursor);
    int64_t seconds = cursor_u32(&cursor);
    int64_t nanoseconds = cursor_u32(&cursor);
    header->export_ns = seconds * NS_PER_S + (nanoseconds < NS_PER_S ? nanoseconds : 0);
    if (header->version != 1) {
        header->sequence = cursor_u32(&cursor);
    }
    if (header->version == 5) {
        header->domain = cursor_u16(&cursor);
        header->sampling = cursor_u16(&cursor);
    }
    return cursor.failed ? -EBADMSG : 0;
}

/* The first 36 bytes, the same in all versions. */
static void read_common(struct cursor *cursor, struct flow_record *record) {
    static const enum flow_field numbers[] = {FLOW_PACKETS, FLOW_OCTETS, FLOW_START_UPTIME_MS,
                                              FLOW_END_UPTIME_MS};
    struct ip_address *const addresses[] = {&record->src, &record->dst, &record->next_hop};
    for (size_t i = 0; i < 3; i++) {
        uint8_t bytes[4];
        cursor_copy(cursor, bytes, sizeof bytes);
        *addresses[i] = ip_address_make(4, bytes);
    }
    flow_record_set(record, FLOW_INPUT, cursor_u16(cursor));
    flow_record_set(record, FLOW_OUTPUT, cursor_u16(cursor));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        flow_record_set(record, numbers[i], cursor_u32(cursor));
    }
    flow_record_set(record, FLOW_SPORT, cursor_u16(cursor));
    flow_record_set(record, FLOW_DPORT, cursor_u16(cursor));
}

static void read_v1(struct cursor *cursor, struct flow_record *record) {
    cursor_skip(cursor, 2);
    flow_record_set(record, FLOW_PROTOCOL, cursor_u8(cursor));
    flow_record_set(record, FLOW_TOS, cursor_u8(cursor));
    flow_record_set(record, FLOW_TCP_FLAGS, cursor_u8(cursor));
    cursor_skip(cursor, 11);
}

/* v7 has a byte of flags where v5 pads, and the router that was bypassed at its end. */
static void read_v5(struct cursor *cursor, struct flow_record *record) {
    cursor_skip(cursor, 1);
    flow_record_set(record, FLOW_TCP_FLAGS, cursor_u8(cursor));
    flow_record_set(record, FLOW_PROTOCOL, cursor_u8(cursor));
    flow_record_set(record, FLOW_TOS, cursor_u8(cursor));
    flow_record_set(record, FLOW_SRC_AS, cursor_u16(cursor));
    flow_record_set(record, FLOW_DST_AS, cursor_u16(cursor));
    flow_record_set(record, FLOW_SRC_MASK, cursor_u8(cursor));
    flow_record_set(record, FLOW_DST_MASK, cursor_u8(cursor));
    cursor_skip(cursor, record->header->version == 7 ? 6 : 2);
}

size_t netflow5_decode(const uint8_t *bytes, size_t size, const struct export_header *header,
                       flow_record_fn *emit, void *context, bool *malformed) {
    const struct layout *layout = layout_of(header->version);
    struct cursor cursor = cursor_over(bytes, size);
    cursor_skip(&cursor, layout->header_size);
    size_t whole = cursor_left(&cursor) / layout->record_size;
    *malformed = whole != header->count || header->count == 0;
    size_t count = whole < header->count ? whole : header->count;
    struct flow_record record;
    for (size_t i = 0; i < count; i++) {
        flow_record_clear(&record, header, NULL);
        record.bytes = (struct slice){cursor.at, layout->record_size};
        read_common(&cursor, &record);
        if (header->version == 1) {
            read_v1(&cursor, &record);
        } else {
            read_v5(&cursor, &record);
        }
        emit(&record, context);
    }
    return count;
}
