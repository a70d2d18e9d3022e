#include "export_maker.h"

#include <stdlib.h>

void maker_put(struct maker *maker, uint64_t value, size_t size) {
    if (maker->size + size > sizeof maker->bytes) {
        abort();
    }
    for (size_t i = 0; i < size; i++) {
        size_t left = size - 1 - i;
        maker->bytes[maker->size++] = (uint8_t)(left < 8 ? value >> (8 * left) : 0);
    }
}

void maker_patch(struct maker *maker, size_t at, size_t value) {
    maker->bytes[at] = (uint8_t)(value >> 8);
    maker->bytes[at + 1] = (uint8_t)value;
}

void maker_ipfix(struct maker *maker, uint32_t sequence) {
    maker->size = 0;
    maker_put(maker, 10, 2);
    maker_put(maker, 16, 2);
    maker_put(maker, 1700000000, 4);
    maker_put(maker, sequence, 4);
    maker_put(maker, 7, 4);
}

void maker_netflow9(struct maker *maker, uint32_t sequence, uint32_t uptime_ms) {
    maker->size = 0;
    maker_put(maker, 9, 2);
    maker_put(maker, 1, 2);
    maker_put(maker, uptime_ms, 4);
    maker_put(maker, 1700000000, 4);
    maker_put(maker, sequence, 4);
    maker_put(maker, 7, 4);
}

size_t maker_set(struct maker *maker, uint16_t id) {
    maker_put(maker, id, 2);
    maker_put(maker, 0, 2);
    return maker->size - 2;
}

void maker_end(struct maker *maker, size_t set) {
    maker_patch(maker, set, maker->size - set + 2);
    if (maker->bytes[1] == 10) {
        maker_patch(maker, 2, maker->size);
    }
}

void maker_template(struct maker *maker, uint16_t id, const struct maker_field *fields, size_t count,
                    size_t scopes) {
    bool ipfix = maker->bytes[1] == 10;
    size_t set = maker_set(maker, (uint16_t)((ipfix ? 2 : 0) + (scopes != 0)));
    maker_put(maker, id, 2);
    if (scopes != 0 && !ipfix) {
        maker_put(maker, scopes * 4, 2);
        maker_put(maker, (count - scopes) * 4, 2);
    } else {
        maker_put(maker, count, 2);
        maker_put(maker, scopes, scopes != 0 ? 2 : 0);
    }
    for (size_t i = 0; i < count; i++) {
        maker_put(maker, fields[i].id, 2);
        maker_put(maker, fields[i].size, 2);
        maker_put(maker, fields[i].enterprise, (fields[i].id & 0x8000) != 0 && ipfix ? 4 : 0);
    }
    maker_end(maker, set);
}

void maker_give(const struct maker *maker, struct collector *collector) {
    struct datagram datagram = {.bytes = maker->bytes,
                                .size = maker->size,
                                .recv_ns = 1700000000000000000,
                                .src = {4, {192, 0, 2, 1}},
                                .dst = {4, {192, 0, 2, 2}},
                                .src_port = 1,
                                .dst_port = 4739};
    collector_datagram(collector, &datagram);
}
