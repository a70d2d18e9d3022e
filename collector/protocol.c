#include "collector/protocol.h"

#include <string.h>

#include "collector/decode/ipfix.h"
#include "common/cursor.h"

static const char *const names[] = {
    [EXPORT_NONE] = "none",         [EXPORT_SFLOW5] = "sflow5",     [EXPORT_NETFLOW1] = "netflow1",
    [EXPORT_NETFLOW5] = "netflow5", [EXPORT_NETFLOW7] = "netflow7", [EXPORT_NETFLOW9] = "netflow9",
    [EXPORT_IPFIX] = "ipfix",
};

/* True if 'count' records of 'record_size' fill the datagram behind its header, as NetFlow v1, v5 and v7 do.
 */
static bool records_fit(size_t size, size_t header_size, size_t record_size, uint16_t count) {
    return count != 0 && size == header_size + count * record_size;
}

/* True if sets follow each other to the end of the message of 'length' bytes at 'bytes'. */
static bool sets_fit(const uint8_t *bytes, size_t length, size_t header_size) {
    struct cursor cursor = cursor_over(bytes, length);
    cursor_skip(&cursor, header_size);
    while (cursor_left(&cursor) >= 4) {
        uint16_t id = cursor_u16(&cursor);
        uint16_t size = cursor_u16(&cursor);
        if (size < 4 || (id > 3 && id < 256)) {
            return false;
        }
        cursor_skip(&cursor, size - 4U);
    }
    return !cursor.failed;
}

static bool sflow_fits(const uint8_t *bytes, size_t size) {
    struct cursor cursor = cursor_over(bytes, size);
    cursor_skip(&cursor, 4);
    cursor_skip(&cursor, cursor_u32(&cursor) == 2 ? 16 : 4);
    cursor_skip(&cursor, 12);
    uint32_t samples = cursor_u32(&cursor);
    for (uint32_t i = 0; i < samples && !cursor.failed; i++) {
        cursor_skip(&cursor, 4);
        cursor_skip(&cursor, cursor_u32(&cursor));
    }
    return !cursor.failed && samples != 0;
}

static enum export_protocol recognise_sflow(const uint8_t *bytes, size_t size, bool strict) {
    struct cursor cursor = cursor_over(bytes, size);
    uint32_t version = cursor_u32(&cursor);
    uint32_t address = cursor_u32(&cursor);
    if (version != 5 || (address != 1 && address != 2) || (strict && !sflow_fits(bytes, size))) {
        return EXPORT_NONE;
    }
    return EXPORT_SFLOW5;
}

enum export_protocol protocol_recognise(const uint8_t *bytes, size_t size, bool strict) {
    struct cursor cursor = cursor_over(bytes, size);
    uint16_t version = cursor_u16(&cursor);
    uint16_t count = cursor_u16(&cursor);
    if (cursor.failed) {
        return EXPORT_NONE;
    }
    switch (version) {
    case 0:
        return recognise_sflow(bytes, size, strict);
    case 1:
        return size >= 16 && (!strict || records_fit(size, 16, 52, count)) ? EXPORT_NETFLOW1 : EXPORT_NONE;
    case 5:
        return size >= 24 && (!strict || records_fit(size, 24, 48, count)) ? EXPORT_NETFLOW5 : EXPORT_NONE;
    case 7:
        return size >= 24 && (!strict || records_fit(size, 24, 52, count)) ? EXPORT_NETFLOW7 : EXPORT_NONE;
    case 9:
        return size >= NETFLOW9_HEADER_SIZE && (!strict || sets_fit(bytes, size, NETFLOW9_HEADER_SIZE))
                   ? EXPORT_NETFLOW9
                   : EXPORT_NONE;
    case 10:
        return size >= IPFIX_HEADER_SIZE && (!strict || (count >= IPFIX_HEADER_SIZE && count <= size &&
                                                         sets_fit(bytes, count, IPFIX_HEADER_SIZE)))
                   ? EXPORT_IPFIX
                   : EXPORT_NONE;
    default:
        return EXPORT_NONE;
    }
}

const char *protocol_name(enum export_protocol protocol) {
    return names[protocol];
}

enum export_protocol protocol_by_name(const char *name) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum export_protocol)i;
        }
    }
    return EXPORT_NONE;
}
