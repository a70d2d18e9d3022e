#include "traffic/wire.h"

#include "common/cursor.h"
#include "common/greeting.h"

#define DATAGRAM_MAGIC GREETING_MAGIC
#define PREAMBLE_MAGIC UINT32_C(0x6e736d74) /* nsmt */

/* Writes 'value' as 'size' bytes, big endian, and returns what is behind them. */
static uint8_t *put(uint8_t *to, uint64_t value, size_t size) {
    for (size_t i = size; i > 0; i--) {
        to[i - 1] = (uint8_t)value;
        value >>= 8;
    }
    return to + size;
}

void traffic_datagram_write(const struct traffic_datagram *datagram, uint8_t to[TRAFFIC_DATAGRAM_SIZE]) {
    to = put(to, DATAGRAM_MAGIC, 4);
    to = put(to, datagram->run, 8);
    to = put(to, datagram->flow, 4);
    to = put(to, datagram->sequence, 8);
    put(to, (uint64_t)datagram->sent_ns, 8);
}

bool traffic_datagram_read(const uint8_t *from, size_t size, struct traffic_datagram *datagram) {
    struct cursor cursor = cursor_over(from, size);
    uint32_t magic = cursor_u32(&cursor);
    datagram->run = cursor_u64(&cursor);
    datagram->flow = cursor_u32(&cursor);
    datagram->sequence = cursor_u64(&cursor);
    datagram->sent_ns = (int64_t)cursor_u64(&cursor);
    return !cursor.failed && magic == DATAGRAM_MAGIC;
}

void traffic_response_write(const struct traffic_response *response, uint8_t to[TRAFFIC_RESPONSE_SIZE]) {
    traffic_datagram_write(&response->datagram, to);
    uint8_t *rest = put(to + TRAFFIC_DATAGRAM_SIZE, response->request, 8);
    put(rest, (uint64_t)response->request_ns, 8);
}

bool traffic_response_read(const uint8_t *from, size_t size, struct traffic_response *response) {
    bool good = traffic_datagram_read(from, size, &response->datagram);
    struct cursor cursor = cursor_over(from, size);
    cursor_skip(&cursor, TRAFFIC_DATAGRAM_SIZE);
    response->request = cursor_u64(&cursor);
    response->request_ns = (int64_t)cursor_u64(&cursor);
    return good && !cursor.failed;
}

void traffic_preamble_write(const struct traffic_preamble *preamble, uint8_t to[TRAFFIC_PREAMBLE_SIZE]) {
    to = put(to, PREAMBLE_MAGIC, 4);
    to = put(to, preamble->run, 8);
    to = put(to, preamble->flow, 4);
    put(to, preamble->bytes, 8);
}

bool traffic_preamble_read(const uint8_t *from, size_t size, struct traffic_preamble *preamble) {
    struct cursor cursor = cursor_over(from, size);
    uint32_t magic = cursor_u32(&cursor);
    preamble->run = cursor_u64(&cursor);
    preamble->flow = cursor_u32(&cursor);
    preamble->bytes = cursor_u64(&cursor);
    return !cursor.failed && magic == PREAMBLE_MAGIC;
}
