#include "collector_testing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "../golden/fake_store.h"

void testing_ipfix(struct maker *maker, uint32_t sequence, uint32_t domain) {
    maker->size = 0;
    maker_put(maker, 10, 2);
    maker_put(maker, 0, 2);
    maker_put(maker, 1700000000, 4);
    maker_put(maker, sequence, 4);
    maker_put(maker, domain, 4);
}

void testing_template(struct maker *maker) {
    static const uint16_t fields[][2] = {{8, 4}, {12, 4}, {2, 4}, {1, 4}};
    size_t set = maker_set(maker, 2);
    maker_put(maker, 256, 2);
    maker_put(maker, 4, 2);
    for (size_t i = 0; i < 4; i++) {
        maker_put(maker, fields[i][0], 2);
        maker_put(maker, fields[i][1], 2);
    }
    maker_end(maker, set);
}

void testing_record(struct maker *maker, uint32_t packets) {
    size_t set = maker_set(maker, 256);
    maker_put(maker, 0x0a000001, 4);
    maker_put(maker, 0x0a000002, 4);
    maker_put(maker, packets, 4);
    maker_put(maker, packets * 100, 4);
    maker_end(maker, set);
}

void testing_netflow5(struct maker *maker, uint16_t count, uint32_t sequence, uint32_t uptime_ms) {
    maker->size = 0;
    maker_put(maker, 5, 2);
    maker_put(maker, count, 2);
    maker_put(maker, uptime_ms, 4);
    maker_put(maker, 1700000000, 4);
    maker_put(maker, 0, 4);
    maker_put(maker, sequence, 4);
    maker_put(maker, 0, 4);
    for (uint16_t i = 0; i < count; i++) {
        maker_put(maker, 0x0a000001, 4);
        maker_put(maker, 0x0a000002 + i, 4);
        maker_put(maker, 0, 4);
        maker_put(maker, 0x00010002, 4);
        maker_put(maker, 3, 4);
        maker_put(maker, 300, 4);
        maker_put(maker, uptime_ms - 2000, 4);
        maker_put(maker, uptime_ms - 1000, 4);
        maker_put(maker, 0x13881389, 4);
        maker_put(maker, 0x00001100, 4);
        maker_put(maker, 0, 8);
    }
}

struct collector *testing_start(struct collector_settings settings) {
    fake_store_reset();
    struct collector *collector = collector_create(&settings, NULL);
    assert_non_null(collector);
    return collector;
}

void testing_give(struct collector *collector, const struct maker *maker, uint16_t port, int64_t recv_ns) {
    struct datagram datagram = {.bytes = maker->bytes,
                                .size = maker->size,
                                .recv_ns = recv_ns,
                                .src = {4, {192, 0, 2, 1}},
                                .dst = {4, {192, 0, 2, 2}},
                                .src_port = port,
                                .dst_port = 4739};
    collector_datagram(collector, &datagram);
}

static void keep_newest(const struct collector_exporter *exporter, void *context) {
    struct collector_exporter *newest = context;
    if (newest->row == NULL) {
        *newest = *exporter;
    }
}

struct collector_exporter testing_newest(struct collector *collector) {
    struct collector_exporter newest = {0};
    collector_each_exporter(collector, keep_newest, &newest);
    assert_non_null(newest.row);
    return newest;
}

void testing_stop(struct collector *collector) {
    collector_destroy(collector);
    fake_store_reset();
}
