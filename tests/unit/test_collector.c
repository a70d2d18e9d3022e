/* The collector's parts: sequence, templates and what waits for them, exporters, dialects, times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../golden/fake_store.h"
#include "collector/collector.h"
#include "collector/decode/ipfix.h"
#include "collector/decode/json_text.h"
#include "collector/decode/netflow5.h"
#include "collector/sequence.h"
#include "common/clock.h"

/* A datagram that is put together from numbers. */
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

static void patch16(struct maker *maker, size_t at, size_t value) {
    maker->bytes[at] = (uint8_t)(value >> 8);
    maker->bytes[at + 1] = (uint8_t)value;
}

static void begin_ipfix(struct maker *maker, uint32_t sequence, uint32_t domain) {
    maker->size = 0;
    put(maker, 10, 2);
    put(maker, 0, 2);
    put(maker, 1700000000, 4);
    put(maker, sequence, 4);
    put(maker, domain, 4);
}

static size_t begin_set(struct maker *maker, uint16_t id) {
    put(maker, id, 2);
    put(maker, 0, 2);
    return maker->size - 2;
}

static void end_set(struct maker *maker, size_t at) {
    patch16(maker, at, maker->size - at + 2);
    patch16(maker, 2, maker->size);
}

/* Template 256: source, destination, packets, bytes. */
static void put_template(struct maker *maker) {
    static const uint16_t fields[][2] = {{8, 4}, {12, 4}, {2, 4}, {1, 4}};
    size_t set = begin_set(maker, 2);
    put(maker, 256, 2);
    put(maker, 4, 2);
    for (size_t i = 0; i < 4; i++) {
        put(maker, fields[i][0], 2);
        put(maker, fields[i][1], 2);
    }
    end_set(maker, set);
}

static void put_record(struct maker *maker, uint32_t packets) {
    size_t set = begin_set(maker, 256);
    put(maker, 0x0a000001, 4);
    put(maker, 0x0a000002, 4);
    put(maker, packets, 4);
    put(maker, packets * 100, 4);
    end_set(maker, set);
}

static void begin_netflow5(struct maker *maker, uint16_t count, uint32_t sequence, uint32_t uptime_ms) {
    maker->size = 0;
    put(maker, 5, 2);
    put(maker, count, 2);
    put(maker, uptime_ms, 4);
    put(maker, 1700000000, 4);
    put(maker, 0, 4);
    put(maker, sequence, 4);
    put(maker, 0, 4);
    for (uint16_t i = 0; i < count; i++) {
        put(maker, 0x0a000001, 4);
        put(maker, 0x0a000002 + i, 4);
        put(maker, 0, 4);
        put(maker, 0x00010002, 4);
        put(maker, 3, 4);
        put(maker, 300, 4);
        put(maker, uptime_ms - 2000, 4);
        put(maker, uptime_ms - 1000, 4);
        put(maker, 0x13881389, 4);
        put(maker, 0x00001100, 4);
        put(maker, 0, 8);
    }
}

static struct collector *start(struct collector_settings settings) {
    fake_store_reset();
    struct collector *collector = collector_create(&settings, NULL);
    assert_non_null(collector);
    return collector;
}

static void give(struct collector *collector, const struct maker *maker, uint16_t port, int64_t recv_ns) {
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

static struct collector_exporter newest_of(struct collector *collector) {
    struct collector_exporter newest = {0};
    collector_each_exporter(collector, keep_newest, &newest);
    assert_non_null(newest.row);
    return newest;
}

static void stop(struct collector *collector) {
    collector_destroy(collector);
    fake_store_reset();
}

static void gap_is_lost_until_the_late_datagram_fills_it(void **state) {
    (void)state;
    struct sequence sequence = {0};
    struct sequence_counts counts = {0};
    assert_int_equal(sequence_note(&sequence, UINT32_MAX - 1, 2, false, &counts), SEQUENCE_EXPECTED);
    assert_int_equal(sequence_note(&sequence, 0, 2, false, &counts), SEQUENCE_EXPECTED);
    assert_int_equal(sequence_note(&sequence, 8, 2, false, &counts), SEQUENCE_GAP);
    assert_int_equal(counts.lost, 6);
    assert_int_equal(sequence_note(&sequence, 4, 2, false, &counts), SEQUENCE_LATE);
    assert_int_equal(counts.lost, 4);
    assert_int_equal(sequence_note(&sequence, 6, 2, false, &counts), SEQUENCE_LATE);
    assert_int_equal(sequence_note(&sequence, 2, 2, false, &counts), SEQUENCE_LATE);
    assert_int_equal(counts.lost, 0);
    assert_int_equal(counts.reordered, 3);
    assert_int_equal(counts.restarts, 0);
    assert_int_equal(sequence_note(&sequence, 10, 2, false, &counts), SEQUENCE_EXPECTED);
}

static void beginning_anew_is_a_restart_and_no_loss(void **state) {
    (void)state;
    struct sequence sequence = {0};
    struct sequence_counts counts = {0};
    sequence_note(&sequence, 1, 1, false, &counts);
    sequence_note(&sequence, 2, 1, false, &counts);
    assert_int_equal(sequence_note(&sequence, 1, 1, false, &counts), SEQUENCE_RESTART);
    assert_int_equal(sequence_note(&sequence, 2, 1, false, &counts), SEQUENCE_EXPECTED);
    assert_int_equal(sequence_note(&sequence, 5, 1, true, &counts), SEQUENCE_RESTART);
    assert_int_equal(sequence_note(&sequence, 0x40000000, 1, false, &counts), SEQUENCE_RESTART);
    assert_int_equal(counts.lost, 0);
    assert_int_equal(counts.restarts, 3);
}

static void ipfix_data_before_template_is_held_and_decoded(void **state) {
    (void)state;
    struct collector *collector = start((struct collector_settings){0});
    struct maker maker;
    begin_ipfix(&maker, 0, 7);
    put_record(&maker, 11);
    give(collector, &maker, 1, 1000);
    begin_ipfix(&maker, 1, 7);
    put_record(&maker, 22);
    give(collector, &maker, 1, 2000);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 0);
    assert_int_equal(newest_of(collector).unknown_templates, 2);
    assert_int_equal(newest_of(collector).blind_since_ns, 1000);
    begin_ipfix(&maker, 2, 7);
    put_template(&maker);
    give(collector, &maker, 1, 3000);
    const struct fake_rows *rows = fake_store_rows();
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 2);
    int64_t packets = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].kind == ROW_FLOW_RECORD) {
            assert_int_equal(rows->rows[i].flow_record.recv_ns, packets == 0 ? 1000 : 2000);
            packets += rows->rows[i].flow_record.packets;
        }
    }
    assert_int_equal(packets, 33);
    assert_int_equal(newest_of(collector).unknown_templates, 0);
    assert_int_equal(newest_of(collector).held, 2);
    assert_int_equal(newest_of(collector).lost, 0);
    assert_int_equal(newest_of(collector).blind_since_ns, 0);
    assert_int_equal(collector_totals(collector).held.bytes, 0);
    stop(collector);
}

static void held_data_is_bounded_in_bytes_and_time(void **state) {
    (void)state;
    struct collector *collector =
        start((struct collector_settings){.max_held_bytes = 1000, .max_held_ns = 60 * NS_PER_S});
    struct maker maker;
    for (uint32_t i = 0; i < 100; i++) {
        begin_ipfix(&maker, i, 7);
        put_record(&maker, i);
        give(collector, &maker, 1, NS_PER_S);
        assert_true(collector_totals(collector).held.bytes <= 1000);
    }
    struct held_counts held = collector_totals(collector).held;
    assert_true(held.sets > 0);
    assert_int_equal(held.evicted, 100 - held.sets);
    collector_tick(collector, 62 * NS_PER_S);
    assert_int_equal(collector_totals(collector).held.sets, 0);
    stop(collector);
}

static void template_of_another_domain_is_not_used(void **state) {
    (void)state;
    struct collector *collector = start((struct collector_settings){0});
    struct maker maker;
    begin_ipfix(&maker, 0, 7);
    put_template(&maker);
    give(collector, &maker, 1, 1000);
    begin_ipfix(&maker, 0, 8);
    put_record(&maker, 1);
    give(collector, &maker, 1, 1000);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 0);
    stop(collector);
}

static void template_from_another_port_of_the_address_is_used_if_the_data_fits(void **state) {
    (void)state;
    struct collector *collector = start((struct collector_settings){0});
    struct maker maker;
    begin_ipfix(&maker, 0, 7);
    put_record(&maker, 1); /* before its template, which then comes from another port */
    give(collector, &maker, 2, 1000);
    begin_ipfix(&maker, 0, 7);
    put_template(&maker);
    give(collector, &maker, 1, 1001);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 1);
    begin_ipfix(&maker, 1, 7);
    put_record(&maker, 1);
    give(collector, &maker, 2, 1002);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 2);
    begin_ipfix(&maker, 5, 7);
    size_t set = begin_set(&maker, 256); /* 13 bytes of a template that only has the id in common */
    put(&maker, 0x0102030405060708, 8);
    put(&maker, 0x0102030405, 5);
    end_set(&maker, set);
    give(collector, &maker, 3, 1003);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 2);
    assert_int_equal(newest_of(collector).unknown_templates, 1);
    stop(collector);
}

static void exporter_is_followed_to_another_port_and_keeps_its_templates(void **state) {
    (void)state;
    struct collector *collector = start((struct collector_settings){0});
    struct maker maker;
    begin_ipfix(&maker, 5, 7);
    put_template(&maker);
    put_record(&maker, 1);
    give(collector, &maker, 1, 1000);
    for (uint32_t i = 6; i < 20; i++) {
        begin_ipfix(&maker, i, 7);
        put_record(&maker, 1);
        give(collector, &maker, (uint16_t)(1 + i % 3), 1000 + i);
    }
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 15);
    assert_int_equal(collector_totals(collector).exporters, 1);
    assert_int_equal(newest_of(collector).lost, 0);
    assert_int_equal(newest_of(collector).restarts, 0);
    stop(collector);
}

static void several_messages_in_a_datagram_are_one_datagram(void **state) {
    (void)state;
    struct collector *collector = start((struct collector_settings){0});
    struct maker maker;
    struct maker whole = {.size = 0};
    for (uint32_t i = 0; i < 3; i++) {
        begin_ipfix(&maker, i, 7);
        if (i == 0) {
            put_template(&maker);
        }
        put_record(&maker, 1 + i);
        memcpy(whole.bytes + whole.size, maker.bytes, maker.size);
        whole.size += maker.size;
    }
    give(collector, &whole, 1, 1000);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 3);
    assert_int_equal(newest_of(collector).datagrams, 1);
    assert_int_equal(newest_of(collector).bytes, whole.size);
    give(collector, &whole, 1, 1001);
    assert_int_equal(newest_of(collector).duplicated, 1);
    assert_int_equal(newest_of(collector).datagrams, 1);
    stop(collector);
    collector = start((struct collector_settings){0});
    put(&whole, 0, 2); /* padding */
    give(collector, &whole, 1, 1002);
    assert_int_equal(newest_of(collector).malformed, 0);
    put(&whole, 0x1234, 2); /* something that is none */
    whole.bytes[7]++;
    give(collector, &whole, 1, 1003);
    assert_int_equal(newest_of(collector).malformed, 1);
    stop(collector);
}

static void records_of_unknown_templates_are_no_loss_and_loss_beside_them_is(void **state) {
    (void)state;
    struct collector *collector = start((struct collector_settings){0});
    struct maker maker;
    begin_ipfix(&maker, 0, 7);
    put_record(&maker, 1); /* blind: one record in 16 bytes */
    give(collector, &maker, 1, 1000);
    begin_ipfix(&maker, 1, 7);
    put_record(&maker, 1);
    give(collector, &maker, 1, 1001);
    assert_int_equal(newest_of(collector).lost, 0);
    begin_ipfix(&maker, 4, 7); /* two are missing, or stood in what can't be read */
    put_record(&maker, 1);
    give(collector, &maker, 1, 1002);
    assert_int_equal(newest_of(collector).lost, 0);
    begin_ipfix(&maker, 5, 7);
    put_template(&maker);
    give(collector, &maker, 1, 1003);
    assert_int_equal(newest_of(collector).lost, 2); /* now it is known */
    begin_ipfix(&maker, 5, 7);
    put_record(&maker, 1);
    give(collector, &maker, 1, 1004);
    assert_int_equal(newest_of(collector).lost, 2);
    begin_ipfix(&maker, 2, 7); /* one comes late */
    put_record(&maker, 9);
    give(collector, &maker, 1, 1005);
    assert_int_equal(newest_of(collector).lost, 1);
    assert_int_equal(newest_of(collector).restarts, 0);
    assert_int_equal(newest_of(collector).reordered, 1);
    stop(collector);
}

static void more_than_a_blind_message_can_hold_is_lost_at_once(void **state) {
    (void)state;
    struct collector *collector = start((struct collector_settings){0});
    struct maker maker;
    begin_ipfix(&maker, 0, 7);
    put_record(&maker, 1);
    give(collector, &maker, 1, 1000);
    begin_ipfix(&maker, 1016, 7); /* 16 bytes hold at most 16 records */
    put_record(&maker, 1);
    give(collector, &maker, 1, 1001);
    assert_true(newest_of(collector).lost >= 1000 - 16 && newest_of(collector).lost <= 1016);
    stop(collector);
}

static const struct template_row *newest_template(void) {
    const struct fake_rows *rows = fake_store_rows();
    for (size_t i = rows->count; i > 0; i--) {
        if (rows->rows[i - 1].kind == ROW_TEMPLATE) {
            return rows->rows[i - 1].template;
        }
    }
    fail_msg("no template row");
    return NULL;
}

static void withdrawal_reaches_the_database_of_one_and_of_all(void **state) {
    (void)state;
    struct collector *collector = start((struct collector_settings){0});
    struct maker maker;
    begin_ipfix(&maker, 0, 7);
    put_template(&maker);
    give(collector, &maker, 1, 1000);
    begin_ipfix(&maker, 0, 7);
    size_t set = begin_set(&maker, 2);
    put(&maker, 256 << 16, 4);
    end_set(&maker, set);
    give(collector, &maker, 1, 1001);
    assert_true(newest_template()->withdrawn);
    assert_int_equal(newest_template()->template_id, 256);
    begin_ipfix(&maker, 0, 7);
    set = begin_set(&maker, 3);
    put(&maker, 3 << 16, 4);
    end_set(&maker, set);
    give(collector, &maker, 1, 1002);
    assert_true(newest_template()->withdrawn);
    assert_int_equal(newest_template()->template_id, 0);
    assert_true(newest_template()->options);
    stop(collector);
}

static void loaded_template_decodes_the_first_data(void **state) {
    (void)state;
    struct collector *collector = start((struct collector_settings){0});
    struct maker maker;
    begin_ipfix(&maker, 0, 7);
    put_template(&maker);
    give(collector, &maker, 1, 1000);
    const struct fake_rows *rows = fake_store_rows();
    struct template_row kept = {0};
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].kind == ROW_TEMPLATE) {
            kept = *rows->rows[i].template;
        }
    }
    assert_int_equal(kept.template_id, 256);
    stop(collector);
    collector = start((struct collector_settings){0});
    assert_int_equal(collector_load_template(collector, &kept), 0);
    begin_ipfix(&maker, 5, 7);
    put_record(&maker, 1);
    give(collector, &maker, 1, 2000);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 1);
    stop(collector);
}

static void duplicate_datagram_gives_no_second_row(void **state) {
    (void)state;
    struct collector *collector = start((struct collector_settings){0});
    struct maker maker;
    begin_netflow5(&maker, 2, 0, 100000);
    give(collector, &maker, 1, 1000);
    give(collector, &maker, 1, 1001);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 2);
    assert_int_equal(newest_of(collector).duplicated, 1);
    assert_int_equal(newest_of(collector).restarts, 0);
    stop(collector);
}

static void netflow5_sequence_tells_the_dialect(void **state) {
    (void)state;
    static const uint16_t sizes[] = {1, 3, 2, 5, 1, 4};
    for (int openvswitch = 0; openvswitch < 2; openvswitch++) {
        struct collector *collector = start((struct collector_settings){.sampling_rate = 16});
        struct maker maker;
        uint32_t sent = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            begin_netflow5(&maker, sizes[i], openvswitch ? sent + sizes[i] - 1 : sent,
                           100000 + (uint32_t)i * 1000);
            give(collector, &maker, 1, (int64_t)i);
            sent += sizes[i];
        }
        struct collector_exporter exporter = newest_of(collector);
        assert_string_equal(exporter.row->dialect, openvswitch ? "openvswitch" : "generic");
        assert_int_equal(exporter.row->byte_layer, openvswitch ? LAYER_L2 : LAYER_L3);
        assert_int_equal(exporter.row->sampling_rate, openvswitch ? 1 : 16);
        assert_int_equal(exporter.lost, 0);
        assert_int_equal(exporter.restarts, 0);
        begin_netflow5(&maker, 2, openvswitch ? sent + 10 + 1 : sent + 10, 200000);
        give(collector, &maker, 1, 100);
        assert_int_equal(newest_of(collector).lost, 10);
        stop(collector);
    }
}

static void dialect_of_the_user_is_not_argued_with(void **state) {
    (void)state;
    struct collector *collector = start((struct collector_settings){.dialect = "openvswitch"});
    struct maker maker;
    begin_netflow5(&maker, 3, 0, 100000);
    give(collector, &maker, 1, 1);
    begin_netflow5(&maker, 2, 3, 101000);
    give(collector, &maker, 1, 2);
    assert_string_equal(newest_of(collector).row->dialect, "openvswitch");
    assert_true(newest_of(collector).row->dialect_override);
    stop(collector);
    struct error error;
    struct collector_settings wrong = {.dialect = "klingon"};
    assert_null(collector_create(&wrong, &error));
    assert_non_null(strstr(error.text, "klingon"));
}

static void lying_count_gives_the_whole_records_and_is_counted(void **state) {
    (void)state;
    struct collector *collector = start((struct collector_settings){0});
    struct maker maker;
    begin_netflow5(&maker, 3, 0, 100000);
    patch16(&maker, 2, 30);
    maker.size -= 5;
    give(collector, &maker, 1, 1);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 2);
    assert_int_equal(newest_of(collector).malformed, 1);
    stop(collector);
}

static void every_truncation_is_counted_and_gives_no_row_twice(void **state) {
    (void)state;
    struct maker maker;
    begin_ipfix(&maker, 0, 7);
    put_template(&maker);
    put_record(&maker, 1);
    size_t whole = maker.size;
    for (maker.size = 0; maker.size < whole; maker.size++) {
        struct collector *collector = start((struct collector_settings){0});
        give(collector, &maker, 1, 1);
        assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 0);
        struct collector_totals totals = collector_totals(collector);
        assert_true(totals.unrecognised + totals.malformed > 0 || newest_of(collector).malformed > 0);
        stop(collector);
    }
}

static void exporters_are_bounded_and_evictions_counted(void **state) {
    (void)state;
    struct collector *collector = start((struct collector_settings){.max_exporters = 10});
    struct maker maker;
    begin_netflow5(&maker, 1, 0, 100000);
    for (uint16_t port = 1; port <= 100; port++) {
        give(collector, &maker, port, port);
    }
    assert_int_equal(collector_totals(collector).exporters, 10);
    assert_int_equal(collector_totals(collector).exporters_evicted, 90);
    stop(collector);
}

static void templates_are_bounded_redefined_and_withdrawn(void **state) {
    (void)state;
    struct template_cache *cache = template_cache_create(4, 100000);
    struct template_update update;
    for (uint16_t id = 256; id < 266; id++) {
        struct maker maker = {.size = 0};
        put(&maker, (uint64_t)id << 16 | 1, 4);
        put(&maker, 8 << 16 | 4, 4);
        struct cursor set = cursor_over(maker.bytes, maker.size);
        assert_int_equal(template_cache_read(cache, (struct template_owner){1, 1}, 10, false, &set, &update),
                         0);
        assert_int_equal(update.change, TEMPLATE_NEW);
    }
    assert_int_equal(template_cache_counts(cache).templates, 4);
    assert_int_equal(template_cache_counts(cache).evicted, 6);
    struct maker maker = {.size = 0};
    put(&maker, 265 << 16 | 1, 4);
    put(&maker, 8 << 16 | 4, 4);
    struct cursor set = cursor_over(maker.bytes, maker.size);
    template_cache_read(cache, (struct template_owner){1, 1}, 10, false, &set, &update);
    assert_int_equal(update.change, TEMPLATE_SAME);
    maker.bytes[5] = 12;
    set = cursor_over(maker.bytes, maker.size);
    template_cache_read(cache, (struct template_owner){1, 1}, 10, false, &set, &update);
    assert_int_equal(update.change, TEMPLATE_NEW);
    assert_int_equal(template_cache_counts(cache).redefined, 1);
    patch16(&maker, 2, 0);
    set = cursor_over(maker.bytes, 4);
    template_cache_read(cache, (struct template_owner){1, 1}, 10, false, &set, &update);
    assert_int_equal(update.change, TEMPLATE_WITHDRAWN);
    assert_null(template_cache_find(cache, 1, 265));
    patch16(&maker, 0, 2);
    set = cursor_over(maker.bytes, 4);
    template_cache_read(cache, (struct template_owner){1, 1}, 10, false, &set, &update);
    assert_int_equal(update.change, TEMPLATE_WITHDRAWN_ALL);
    assert_int_equal(template_cache_counts(cache).templates, 0);
    template_cache_destroy(cache);
}

static void times_of_every_family_are_nanoseconds_since_the_epoch(void **state) {
    (void)state;
    static const struct {
        uint16_t start, end;
        uint64_t start_value, end_value;
        size_t size;
        int64_t start_ns, end_ns;
    } families[] = {
        {150, 151, 1700000000, 1700000001, 4, 1700000000000000000, 1700000001000000000},
        {152, 153, 1700000000001, 1700000000002, 8, 1700000000001000000, 1700000000002000000},
        {154, 155, (UINT64_C(1700000000) + 2208988800) << 32 | 0x80000000,
         (UINT64_C(1700000001) + 2208988800) << 32, 8, 1700000000500000000, 1700000001000000000},
        {158, 159, 2500000, 500000, 4, 1699999997500000000, 1699999999500000000},
        {152, 161, 1700000000000, 1500, 8, 1700000000000000000, 1700000001500000000},
    };
    const struct export_header header = {.version = 10, .export_ns = 1700000000 * NS_PER_S};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        struct flow_record record;
        struct maker start_bytes = {.size = 0};
        struct maker end_bytes = {.size = 0};
        put(&start_bytes, families[i].start_value, families[i].size);
        put(&end_bytes, families[i].end_value, families[i].size);
        flow_record_clear(&record, &header, NULL);
        element_read(element_find(0, families[i].start), cursor_over(start_bytes.bytes, start_bytes.size),
                     &record);
        element_read(element_find(0, families[i].end), cursor_over(end_bytes.bytes, end_bytes.size), &record);
        int64_t start_ns;
        int64_t end_ns;
        flow_record_times(&record, &start_ns, &end_ns);
        assert_int_equal(start_ns, families[i].start_ns);
        assert_int_equal(end_ns, families[i].end_ns);
    }
}

static void uptime_may_wrap_between_flow_and_export(void **state) {
    (void)state;
    const struct export_header header = {
        .version = 5, .has_uptime = true, .uptime_ms = 500, .export_ns = 1700000000 * NS_PER_S};
    struct flow_record record;
    flow_record_clear(&record, &header, NULL);
    flow_record_set(&record, FLOW_START_UPTIME_MS, UINT32_MAX - 499);
    flow_record_set(&record, FLOW_END_UPTIME_MS, 400);
    int64_t start_ns;
    int64_t end_ns;
    flow_record_times(&record, &start_ns, &end_ns);
    assert_int_equal(start_ns, 1699999999000000000);
    assert_int_equal(end_ns, 1699999999900000000);
}

static void sampling_is_read_from_whichever_element_says_it(void **state) {
    (void)state;
    const struct export_header header = {.version = 10};
    struct flow_record record;
    flow_record_clear(&record, &header, NULL);
    assert_int_equal(flow_record_sampling(&record), 0);
    flow_record_set(&record, FLOW_PACKET_INTERVAL, 1);
    flow_record_set(&record, FLOW_PACKET_SPACE, 99);
    assert_int_equal(flow_record_sampling(&record), 100);
    static const uint8_t half_thousandth[] = {0x3f, 0x40, 0x62, 0x4d, 0xd2, 0xf1, 0xa9, 0xfc}; /* 0.0005 */
    flow_record_clear(&record, &header, NULL);
    element_read(element_find(0, 311), cursor_over(half_thousandth, 8), &record);
    assert_int_equal(flow_record_sampling(&record), 2000);
    flow_record_clear(&record, &header, NULL);
    flow_record_set(&record, FLOW_RANDOM_INTERVAL, 64);
    assert_int_equal(flow_record_sampling(&record), 64);
}

static void frames_that_are_not_ip_have_the_key_of_the_packet_walk(void **state) {
    (void)state;
    const struct export_header header = {.version = 10};
    struct flow_record record;
    struct flow_key key;
    flow_record_clear(&record, &header, NULL);
    assert_false(flow_record_key(&record, &key));
    flow_record_set(&record, FLOW_ETHERTYPE, ETHERTYPE_ARP);
    assert_true(flow_record_key(&record, &key));
    assert_true(flow_key_equal(&key, &(struct flow_key){.ethertype = ETHERTYPE_ARP}));
}

static void json_text_stays_json_whatever_stands_in_it(void **state) {
    (void)state;
    char buffer[64];
    static const uint8_t odd[] = {'a', '"', '\n', 0xc3, 0xa9, 0xff, 0xe2, 0x82};
    struct json_text json = json_text_begin(buffer, sizeof buffer);
    json_text_open(&json, '{');
    json_text_name(&json, "k");
    json_text_string(&json, odd, sizeof odd);
    json_text_name(&json, "n");
    json_text_unsigned(&json, 5);
    json_text_close(&json, '}');
    assert_string_equal(buffer, "{\"k\":\"a\\u0022\\u000a\xc3\xa9???\",\"n\":5}");
}

/* A message of 'records' records, of domain 9, sent 'later' seconds after the others. */
static void give_ipfix_later(struct collector *collector, uint32_t sequence, int records, uint16_t later) {
    struct maker maker = {0};
    begin_ipfix(&maker, sequence, 9);
    patch16(&maker, 6, (1700000000 & 0xffff) + later);
    put_template(&maker);
    for (int i = 0; i < records; i++) {
        put_record(&maker, 1);
    }
    give(collector, &maker, 3000, 1);
}

static void give_ipfix(struct collector *collector, uint32_t sequence, int records) {
    give_ipfix_later(collector, sequence, records, 0);
}

static void zeros_where_sets_should_be_are_malformed(void **state) {
    (void)state;
    struct collector *collector = start((struct collector_settings){0});
    struct maker maker = {0};
    begin_ipfix(&maker, 1, 9);
    for (int i = 0; i < 25; i++) {
        put(&maker, 0, 8);
    }
    give(collector, &maker, 3000, 1);
    assert_int_equal(newest_of(collector).malformed, 1);
    stop(collector);
}

static void ipfix_that_goes_back_and_was_sent_later_has_begun_anew(void **state) {
    (void)state;
    struct collector *collector = start((struct collector_settings){0});
    for (uint32_t i = 60; i < 70; i++) {
        give_ipfix(collector, i, 1);
    }
    give_ipfix_later(collector, 72, 1, 3); /* 70 and 71 are still under way */
    give_ipfix_later(collector, 70, 1, 2);
    assert_int_equal(newest_of(collector).reordered, 1);
    assert_int_equal(newest_of(collector).restarts, 0);
    for (uint32_t i = 0; i < 10; i++) {
        give_ipfix_later(collector, i, 1, (uint16_t)(300 + i));
    }
    assert_int_equal(newest_of(collector).restarts, 1);
    assert_int_equal(newest_of(collector).reordered, 1);
    assert_int_equal(newest_of(collector).lost, 1);
    stop(collector);
}

static void ipfix_numbered_by_its_end_is_not_lost(void **state) {
    (void)state;
    struct collector *collector = start((struct collector_settings){0});
    static const int records[] = {3, 7, 1, 5};
    uint32_t sequence = 0;
    for (size_t i = 0; i < 4; i++) {
        sequence += (uint32_t)records[i];
        give_ipfix(collector, sequence, records[i]);
    }
    assert_int_equal(newest_of(collector).lost, 0);
    assert_int_equal(newest_of(collector).reordered, 0);
    give_ipfix(collector, sequence + 6 + 2, 2); /* one message of 6 was lost before this one */
    assert_int_equal(newest_of(collector).lost, 6);
    stop(collector);
    collector = start((struct collector_settings){0}); /* and one that follows the standard stays with it */
    give_ipfix(collector, 0, 3);
    give_ipfix(collector, 3, 7);
    give_ipfix(collector, 15, 2);
    give_ipfix(collector, 17, 4);
    assert_int_equal(newest_of(collector).lost, 5);
    stop(collector);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gap_is_lost_until_the_late_datagram_fills_it),
        cmocka_unit_test(ipfix_numbered_by_its_end_is_not_lost),
        cmocka_unit_test(zeros_where_sets_should_be_are_malformed),
        cmocka_unit_test(ipfix_that_goes_back_and_was_sent_later_has_begun_anew),
        cmocka_unit_test(beginning_anew_is_a_restart_and_no_loss),
        cmocka_unit_test(ipfix_data_before_template_is_held_and_decoded),
        cmocka_unit_test(held_data_is_bounded_in_bytes_and_time),
        cmocka_unit_test(template_of_another_domain_is_not_used),
        cmocka_unit_test(template_from_another_port_of_the_address_is_used_if_the_data_fits),
        cmocka_unit_test(exporter_is_followed_to_another_port_and_keeps_its_templates),
        cmocka_unit_test(several_messages_in_a_datagram_are_one_datagram),
        cmocka_unit_test(records_of_unknown_templates_are_no_loss_and_loss_beside_them_is),
        cmocka_unit_test(more_than_a_blind_message_can_hold_is_lost_at_once),
        cmocka_unit_test(withdrawal_reaches_the_database_of_one_and_of_all),
        cmocka_unit_test(loaded_template_decodes_the_first_data),
        cmocka_unit_test(duplicate_datagram_gives_no_second_row),
        cmocka_unit_test(netflow5_sequence_tells_the_dialect),
        cmocka_unit_test(dialect_of_the_user_is_not_argued_with),
        cmocka_unit_test(lying_count_gives_the_whole_records_and_is_counted),
        cmocka_unit_test(every_truncation_is_counted_and_gives_no_row_twice),
        cmocka_unit_test(exporters_are_bounded_and_evictions_counted),
        cmocka_unit_test(templates_are_bounded_redefined_and_withdrawn),
        cmocka_unit_test(times_of_every_family_are_nanoseconds_since_the_epoch),
        cmocka_unit_test(uptime_may_wrap_between_flow_and_export),
        cmocka_unit_test(sampling_is_read_from_whichever_element_says_it),
        cmocka_unit_test(frames_that_are_not_ip_have_the_key_of_the_packet_walk),
        cmocka_unit_test(json_text_stays_json_whatever_stands_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
