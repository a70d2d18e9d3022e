/* sFlow's forms that few captures have, and NetFlow v1 and v7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "../golden/fake_store.h"
#include "collector/collector.h"
#include "collector/decode/json_text.h"
#include "collector/decode/netflow5.h"
#include "collector/decode/sflow5.h"

struct maker {
    uint8_t bytes[2048];
    size_t size;
};

static void put(struct maker *maker, uint64_t value, size_t size) {
    assert_true(maker->size + size <= sizeof maker->bytes);
    for (size_t i = 0; i < size; i++) {
        maker->bytes[maker->size++] = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
}

/* 32-bit words. */
static void put_words(struct maker *maker, const uint32_t *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        put(maker, words[i], 4);
    }
}

#define PUT(maker, ...)                                                                                      \
    put_words(maker, (const uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static struct collector *collect(const struct maker *maker) {
    struct collector_settings settings = {0};
    fake_store_reset();
    struct collector *collector = collector_create(&settings, NULL);
    struct datagram datagram = {.bytes = maker->bytes,
                                .size = maker->size,
                                .recv_ns = 1,
                                .src = {4, {192, 0, 2, 1}},
                                .dst = {4, {192, 0, 2, 2}},
                                .src_port = 1,
                                .dst_port = 6343};
    assert_true(collector_datagram(collector, &datagram));
    return collector;
}

static const struct row *only(enum row_kind kind) {
    const struct fake_rows *rows = fake_store_rows();
    const struct row *found = NULL;
    assert_int_equal(fake_store_count(kind), 1);
    for (size_t i = 0; i < rows->count; i++) {
        found = rows->rows[i].kind == kind ? &rows->rows[i] : found;
    }
    return found;
}

static void stop(struct collector *collector) {
    collector_destroy(collector);
    fake_store_reset();
}

static void begin(struct maker *maker) {
    maker->size = 0;
    PUT(maker, 5, 1, 0xc0000201, 0, 1, 1000, 1);
}

static void expanded_sample_without_header_takes_the_sampled_fields(void **state) {
    (void)state;
    struct maker maker;
    begin(&maker);
    PUT(&maker, 3, 11 * 4 + 8 + 24 + 8 + 32);
    PUT(&maker, 9, 0xffffffff, 7, 100, 5000, 2, 0, 3, 1, 256, 2);
    PUT(&maker, 2, 24, 1518, 0x02000000, 0x00010000, 0x02000000, 0x00020000, 0x0800);
    PUT(&maker, 3, 32, 1500, 17, 0x0a000001, 0x0a000002, 53, 5353, 0, 0xb8);
    struct collector *collector = collect(&maker);
    const struct sflow_sample_row *row = &only(ROW_SFLOW_SAMPLE)->sflow_sample;
    char text[FLOW_KEY_TEXT_SIZE];
    assert_string_equal(flow_key_format(&row->key, text), "udp 10.0.0.1:53 > 10.0.0.2:5353");
    assert_int_equal(row->frame_bytes - row->stripped, 1514);
    assert_int_equal(row->sampling_rate, 100);
    assert_int_equal(row->source_id, INT64_C(0x7fffffff00000007));
    assert_int_equal(row->input_kind, INTERFACE_INDEX);
    assert_int_equal(row->input, 3);
    assert_int_equal(row->output_kind, INTERFACE_DISCARDED);
    assert_int_equal(row->output, 256);
    assert_int_equal(row->tos, 0xb8);
    assert_int_equal(row->src_mac[5], 1);
    assert_true(row->has_macs);
    stop(collector);
}

static void discarded_packets_are_samples_of_rate_1(void **state) {
    (void)state;
    struct maker maker;
    begin(&maker);
    PUT(&maker, 5, 8 * 4, 1, 0, 3, 0, 3, 4, 263, 0);
    struct collector *collector = collect(&maker);
    const struct sflow_sample_row *row = &only(ROW_SFLOW_SAMPLE)->sflow_sample;
    assert_int_equal(row->sampling_rate, 1);
    assert_int_equal(row->output_kind, INTERFACE_DISCARDED);
    assert_int_equal(row->output, 263);
    assert_false(row->has_key);
    stop(collector);
}

static void unknown_records_and_samples_are_counted_and_stepped_over(void **state) {
    (void)state;
    struct sflow5_header header = {.agent = {4, {0}}, .sample_count = 2};
    struct sflow5_sink sink = {0};
    struct sflow5_counts counts;
    struct maker maker;
    begin(&maker);
    PUT(&maker, 77, 4, 0);
    PUT(&maker, 1, 8 * 4 + 12, 1, 1, 2, 3, 0, 1, 1, 1, 0x12345, 4, 0);
    sflow5_decode(maker.bytes, maker.size, &header, &sink, &counts);
    assert_int_equal(counts.unknown_samples, 1);
    assert_int_equal(counts.unknown_records, 1);
    assert_int_equal(counts.flow_samples, 1);
    assert_int_equal(counts.malformed, 0);
}

static void counters_that_are_not_kept_are_null(void **state) {
    (void)state;
    struct maker maker;
    begin(&maker);
    PUT(&maker, 2, 3 * 4 + 96 + 8 + 8 + 8 + 12, 1, 4, 3);
    PUT(&maker, 1, 88, 4, 6, 0, 100000000, 1, 3, 0, 500, 5, 0xffffffff, 0xffffffff, 0, 0, 0xffffffff,
        0xffffffff, 0xffffffff, 6, 0, 0, 0, 0, 0);
    PUT(&maker, 1005, 8, 2, 0x70340000);
    PUT(&maker, 1004, 12, 0, 0x1234, 9);
    struct collector *collector = collect(&maker);
    const struct counter_sample_row *row = &only(ROW_COUNTER_SAMPLE)->counter_sample;
    assert_int_equal(row->ifindex, 4);
    assert_string_equal(row->if_name, "p4");
    assert_int_equal(row->of_port, 9);
    assert_int_equal(row->datapath, 0x1234);
    assert_int_equal(row->in_octets, 500);
    assert_true(row->in_multicast == STORE_NULL);
    assert_true(row->out_octets == STORE_NULL);
    assert_int_equal(row->out_unicast, 6);
    assert_string_equal(only(ROW_INTERFACE)->interface.name, "p4");
    assert_string_equal(fake_store_exporter("sflow5")->dialect, "generic");
    collector_tick(collector, 2);
    assert_string_equal(fake_store_exporter("sflow5")->dialect, "openvswitch");
    stop(collector);
}

/* Every record of the tables, out of 'byte's: whole ones become JSON, cut ones leave nothing. */
static void check_json(uint32_t format, bool counters) {
    uint8_t body[512] = {0};
    char buffer[4096];
    bool whole = false;
    for (size_t size = 0; size <= sizeof body && !whole; size += 4) {
        struct json_text json = json_text_begin(buffer, sizeof buffer);
        struct sflow5_record record = {format, {body, size}};
        int result = sflow5_record_json(&record, counters, &json);
        assert_true(result == 0 || (result == -EBADMSG && json.length == 0));
        whole = result == 0;
    }
    assert_true(whole);
    assert_true(buffer[strlen(buffer) - 1] == '}');
    struct json_text small = json_text_begin(buffer, 8);
    struct sflow5_record record = {format, {body, sizeof body}};
    assert_int_equal(sflow5_record_json(&record, counters, &small), -ENOSPC);
    assert_int_equal(small.length, 0);
}

static void every_known_record_becomes_json_or_nothing(void **state) {
    (void)state;
    size_t known = 0;
    for (uint32_t format = 0; format < 4096; format++) {
        for (int counters = 0; counters < 2; counters++) {
            if (sflow5_record_known(format, counters)) {
                check_json(format, counters);
                known++;
            }
        }
    }
    assert_int_equal(known, 45);
}

static void gateway_and_adapters_are_written_whole(void **state) {
    (void)state;
    char buffer[512];
    struct maker maker = {.size = 0};
    PUT(&maker, 1, 0x0a000001, 65001, 1, 2, 2, 2, 2, 7, 8, 1, 1, 9, 1, 65536, 100);
    struct json_text json = json_text_begin(buffer, sizeof buffer);
    struct sflow5_record gateway = {1003, {maker.bytes, maker.size}};
    assert_int_equal(sflow5_record_json(&gateway, false, &json), 0);
    assert_string_equal(buffer,
                        "\"gateway\":{\"next_hop\":\"10.0.0.1\",\"as\":65001,\"src_as\":1,\"src_peer_as\":2,"
                        "\"dst_path\":[[7,8],[9]],\"communities\":[65536],\"local_pref\":100}");
    maker.size = 0;
    PUT(&maker, 1, 3, 1, 0x02000000, 0x00010000);
    json = json_text_begin(buffer, sizeof buffer);
    struct sflow5_record adapters = {2001, {maker.bytes, maker.size}};
    assert_int_equal(sflow5_record_json(&adapters, true, &json), 0);
    assert_string_equal(buffer, "\"adapters\":{\"list\":[{\"ifindex\":3,\"macs\":[\"02:00:00:00:00:01\"]}]}");
}

static void netflow_1_and_7_have_their_own_layouts(void **state) {
    (void)state;
    struct maker maker = {.size = 0};
    PUT(&maker, 0x00010001, 5000, 1700000000, 0);
    PUT(&maker, 0x0a000001, 0x0a000002, 0, 0x00010002, 3, 300, 1000, 2000, 0x00500051, 0x00000610, 0x12000000,
        0, 0);
    struct collector *collector = collect(&maker);
    const struct flow_record_row *row = &only(ROW_FLOW_RECORD)->flow_record;
    char text[FLOW_KEY_TEXT_SIZE];
    assert_string_equal(flow_key_format(&row->key, text), "tcp 10.0.0.1:80 > 10.0.0.2:81");
    assert_int_equal(row->tos, 0x10);
    assert_int_equal(row->tcp_flags, 0x12);
    assert_int_equal(row->end_ns - row->start_ns, 1000000000);
    assert_string_equal(fake_store_exporter("netflow1")->dialect, "generic");
    stop(collector);
    maker.size = 0;
    PUT(&maker, 0x00070001, 5000, 1700000000, 0, 9, 0);
    PUT(&maker, 0x0a000001, 0x0a000002, 0, 0x00010002, 3, 300, 1000, 2000, 0x00500051, 0x00120610, 0x00010002,
        0, 0);
    collector = collect(&maker);
    row = &only(ROW_FLOW_RECORD)->flow_record;
    assert_string_equal(flow_key_format(&row->key, text), "tcp 10.0.0.1:80 > 10.0.0.2:81");
    assert_int_equal(row->src_as, 1);
    assert_int_equal(row->dst_as, 2);
    assert_int_equal(row->tcp_flags, 0x12);
    stop(collector);
}

static void in_a_capture_only_what_adds_up_is_an_export(void **state) {
    (void)state;
    static const uint8_t query[] = {0,   5, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1,
                                    'a', 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(protocol_recognise(query, sizeof query, true), EXPORT_NONE);
    assert_int_equal(protocol_recognise(query, sizeof query, false), EXPORT_NETFLOW5);
    struct maker maker;
    begin(&maker);
    PUT(&maker, 77, 4, 0);
    assert_int_equal(protocol_recognise(maker.bytes, maker.size, true), EXPORT_SFLOW5);
    assert_int_equal(protocol_recognise(maker.bytes, maker.size - 1, true), EXPORT_NONE);
    maker.size = 0;
    PUT(&maker, 0x000a0014, 0, 0, 0, 0x01000004);
    assert_int_equal(protocol_recognise(maker.bytes, maker.size, true), EXPORT_IPFIX);
    maker.bytes[19] = 8;
    assert_int_equal(protocol_recognise(maker.bytes, maker.size, true), EXPORT_NONE);
    maker.size = 0;
    PUT(&maker, 0x00090001, 0, 0, 0, 0, 0x01000004);
    assert_int_equal(protocol_recognise(maker.bytes, maker.size, true), EXPORT_NETFLOW9);
    assert_int_equal(protocol_by_name("netflow9"), EXPORT_NETFLOW9);
    assert_int_equal(protocol_by_name("snmp"), EXPORT_NONE);
}

/* Gives 'collector' a datagram of one sample: 'kind' 1 of flows, 2 of counters. */
static void give_sample(struct collector *collector, uint32_t datagram_number, uint32_t kind,
                        uint32_t number) {
    struct maker maker = {.size = 0};
    PUT(&maker, 5, 1, 0xc0000201, 0, datagram_number, 1000 + datagram_number, 1);
    if (kind == 1) {
        PUT(&maker, 1, 32, number, 7, 64, 0, 0, 1, 2, 0);
    } else {
        PUT(&maker, 2, 12, number, 7, 0);
    }
    struct datagram datagram = {.bytes = maker.bytes,
                                .size = maker.size,
                                .recv_ns = datagram_number,
                                .src = {4, {192, 0, 2, 1}},
                                .dst = {4, {192, 0, 2, 2}},
                                .src_port = 1,
                                .dst_port = 6343};
    assert_true(collector_datagram(collector, &datagram));
}

static void keep(const struct collector_exporter *exporter, void *context) {
    *(struct collector_exporter *)context = *exporter;
}

static void check_lost(struct collector *collector, int64_t datagrams, int64_t samples, int64_t counters,
                       int64_t dropped) {
    struct collector_exporter exporter = {0};
    collector_each_exporter(collector, keep, &exporter);
    assert_int_equal(exporter.lost, datagrams);
    assert_int_equal(exporter.lost_samples, samples);
    assert_int_equal(exporter.lost_counters, counters);
    assert_int_equal(exporter.dropped_samples, dropped);
}

static void lost_samples_are_told_apart_from_lost_datagrams(void **state) {
    (void)state;
    struct collector_settings settings = {0};
    fake_store_reset();
    struct collector *collector = collector_create(&settings, NULL);
    give_sample(collector, 1, 1, 100);
    give_sample(collector, 2, 1, 101);
    give_sample(collector, 3, 2, 100); /* counters have numbers of their own */
    check_lost(collector, 0, 0, 0, 0);
    give_sample(collector, 4, 1, 105); /* no datagram is missing: the agent lost three */
    check_lost(collector, 0, 3, 0, 3);
    give_sample(collector, 6, 1, 107); /* one datagram is, with one sample */
    check_lost(collector, 1, 4, 0, 3);
    give_sample(collector, 5, 1, 106); /* it comes late */
    check_lost(collector, 0, 3, 0, 3);
    give_sample(collector, 7, 2, 103);
    check_lost(collector, 0, 3, 2, 5);
    give_sample(collector, 1, 1, 1); /* the agent begins anew */
    give_sample(collector, 2, 2, 1);
    check_lost(collector, 0, 3, 2, 5);
    stop(collector);
}

static void counters_without_a_column_that_are_not_kept_are_null(void **state) {
    (void)state;
    struct maker maker = {.size = 0};
    char buffer[512];
    PUT(&maker, 5, 0xffffffff, 0xffffffff, 1, 0xffffffff, 3, 4);
    struct json_text json = json_text_begin(buffer, sizeof buffer);
    struct sflow5_record vlan = {5, {maker.bytes, maker.size}};
    assert_int_equal(sflow5_record_json(&vlan, true, &json), 0);
    assert_string_equal(buffer, "\"vlan\":{\"vlan\":5,\"octets\":null,\"unicast\":1,\"multicast\":null,"
                                "\"broadcast\":3,\"discards\":4}");
}

static void interface_of_undefined_kind_is_null(void **state) {
    (void)state;
    struct maker maker;
    begin(&maker);
    PUT(&maker, 1, 32, 1, 7, 64, 0, 0, 0xc0000005, 0x40000100, 0);
    struct collector *collector = collect(&maker);
    const struct sflow_sample_row *row = &only(ROW_SFLOW_SAMPLE)->sflow_sample;
    assert_true(row->input_kind == STORE_NULL && row->input == STORE_NULL);
    assert_int_equal(row->output_kind, INTERFACE_DISCARDED);
    assert_int_equal(row->output, 256);
    stop(collector);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expanded_sample_without_header_takes_the_sampled_fields),
        cmocka_unit_test(discarded_packets_are_samples_of_rate_1),
        cmocka_unit_test(unknown_records_and_samples_are_counted_and_stepped_over),
        cmocka_unit_test(counters_that_are_not_kept_are_null),
        cmocka_unit_test(every_known_record_becomes_json_or_nothing),
        cmocka_unit_test(gateway_and_adapters_are_written_whole),
        cmocka_unit_test(lost_samples_are_told_apart_from_lost_datagrams),
        cmocka_unit_test(counters_without_a_column_that_are_not_kept_are_null),
        cmocka_unit_test(interface_of_undefined_kind_is_null),
        cmocka_unit_test(netflow_1_and_7_have_their_own_layouts),
        cmocka_unit_test(in_a_capture_only_what_adds_up_is_an_export),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
