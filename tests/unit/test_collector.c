/* The collector's exporters: their sequence, dialect, duplicates and bounds, and what is malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "../golden/fake_store.h"
#include "collector/sequence.h"
#include "collector_testing.h"

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

static void exporter_is_followed_to_another_port_and_keeps_its_templates(void **state) {
    (void)state;
    struct collector *collector = testing_start((struct collector_settings){0});
    struct maker maker;
    testing_ipfix(&maker, 5, 7);
    testing_template(&maker);
    testing_record(&maker, 1);
    testing_give(collector, &maker, 1, 1000);
    for (uint32_t i = 6; i < 20; i++) {
        testing_ipfix(&maker, i, 7);
        testing_record(&maker, 1);
        testing_give(collector, &maker, (uint16_t)(1 + i % 3), 1000 + i);
    }
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 15);
    assert_int_equal(collector_totals(collector).exporters, 1);
    assert_int_equal(testing_newest(collector).lost, 0);
    assert_int_equal(testing_newest(collector).restarts, 0);
    testing_stop(collector);
}

static void several_messages_in_a_datagram_are_one_datagram(void **state) {
    (void)state;
    struct collector *collector = testing_start((struct collector_settings){0});
    struct maker maker;
    struct maker whole = {.size = 0};
    for (uint32_t i = 0; i < 3; i++) {
        testing_ipfix(&maker, i, 7);
        if (i == 0) {
            testing_template(&maker);
        }
        testing_record(&maker, 1 + i);
        memcpy(whole.bytes + whole.size, maker.bytes, maker.size);
        whole.size += maker.size;
    }
    testing_give(collector, &whole, 1, 1000);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 3);
    assert_int_equal(testing_newest(collector).datagrams, 1);
    assert_int_equal(testing_newest(collector).bytes, whole.size);
    testing_give(collector, &whole, 1, 1001);
    assert_int_equal(testing_newest(collector).duplicated, 1);
    assert_int_equal(testing_newest(collector).datagrams, 1);
    testing_stop(collector);
    collector = testing_start((struct collector_settings){0});
    maker_put(&whole, 0, 2); /* padding */
    testing_give(collector, &whole, 1, 1002);
    assert_int_equal(testing_newest(collector).malformed, 0);
    maker_put(&whole, 0x1234, 2); /* something that is none */
    whole.bytes[7]++;
    testing_give(collector, &whole, 1, 1003);
    assert_int_equal(testing_newest(collector).malformed, 1);
    testing_stop(collector);
}

static void duplicate_datagram_gives_no_second_row(void **state) {
    (void)state;
    struct collector *collector = testing_start((struct collector_settings){0});
    struct maker maker;
    testing_netflow5(&maker, 2, 0, 100000);
    testing_give(collector, &maker, 1, 1000);
    testing_give(collector, &maker, 1, 1001);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 2);
    assert_int_equal(testing_newest(collector).duplicated, 1);
    assert_int_equal(testing_newest(collector).restarts, 0);
    testing_stop(collector);
}

static void netflow5_sequence_tells_the_dialect(void **state) {
    (void)state;
    static const uint16_t sizes[] = {1, 3, 2, 5, 1, 4};
    for (int openvswitch = 0; openvswitch < 2; openvswitch++) {
        struct collector *collector = testing_start((struct collector_settings){.sampling_rate = 16});
        struct maker maker;
        uint32_t sent = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            testing_netflow5(&maker, sizes[i], openvswitch ? sent + sizes[i] - 1 : sent,
                             100000 + (uint32_t)i * 1000);
            testing_give(collector, &maker, 1, (int64_t)i);
            sent += sizes[i];
        }
        struct collector_exporter exporter = testing_newest(collector);
        assert_string_equal(exporter.row->dialect, openvswitch ? "openvswitch" : "generic");
        assert_int_equal(exporter.row->byte_layer, openvswitch ? LAYER_L2 : LAYER_L3);
        assert_int_equal(exporter.row->sampling_rate, openvswitch ? 1 : 16);
        assert_int_equal(exporter.lost, 0);
        assert_int_equal(exporter.restarts, 0);
        testing_netflow5(&maker, 2, openvswitch ? sent + 10 + 1 : sent + 10, 200000);
        testing_give(collector, &maker, 1, 100);
        assert_int_equal(testing_newest(collector).lost, 10);
        testing_stop(collector);
    }
}

static void dialect_of_the_user_is_not_argued_with(void **state) {
    (void)state;
    struct collector *collector = testing_start((struct collector_settings){.dialect = "openvswitch"});
    struct maker maker;
    testing_netflow5(&maker, 3, 0, 100000);
    testing_give(collector, &maker, 1, 1);
    testing_netflow5(&maker, 2, 3, 101000);
    testing_give(collector, &maker, 1, 2);
    assert_string_equal(testing_newest(collector).row->dialect, "openvswitch");
    assert_true(testing_newest(collector).row->dialect_override);
    testing_stop(collector);
    struct error error;
    struct collector_settings wrong = {.dialect = "klingon"};
    assert_null(collector_create(&wrong, &error));
    assert_non_null(strstr(error.text, "klingon"));
}

static void lying_count_gives_the_whole_records_and_is_counted(void **state) {
    (void)state;
    struct collector *collector = testing_start((struct collector_settings){0});
    struct maker maker;
    testing_netflow5(&maker, 3, 0, 100000);
    maker_patch(&maker, 2, 30);
    maker.size -= 5;
    testing_give(collector, &maker, 1, 1);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 2);
    assert_int_equal(testing_newest(collector).malformed, 1);
    testing_stop(collector);
}

static void every_truncation_is_counted_and_gives_no_row_twice(void **state) {
    (void)state;
    struct maker maker;
    testing_ipfix(&maker, 0, 7);
    testing_template(&maker);
    testing_record(&maker, 1);
    size_t whole = maker.size;
    for (maker.size = 0; maker.size < whole; maker.size++) {
        struct collector *collector = testing_start((struct collector_settings){0});
        testing_give(collector, &maker, 1, 1);
        assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 0);
        struct collector_totals totals = collector_totals(collector);
        assert_true(totals.unrecognised + totals.malformed > 0 || testing_newest(collector).malformed > 0);
        testing_stop(collector);
    }
}

static void exporters_are_bounded_and_evictions_counted(void **state) {
    (void)state;
    struct collector *collector = testing_start((struct collector_settings){.max_exporters = 10});
    struct maker maker;
    testing_netflow5(&maker, 1, 0, 100000);
    for (uint16_t port = 1; port <= 100; port++) {
        testing_give(collector, &maker, port, port);
    }
    assert_int_equal(collector_totals(collector).exporters, 10);
    assert_int_equal(collector_totals(collector).exporters_evicted, 90);
    testing_stop(collector);
}

/* A message of 'records' records, of domain 9, sent 'later' seconds after the others. */
static void give_ipfix_later(struct collector *collector, uint32_t sequence, int records, uint16_t later) {
    struct maker maker = {0};
    testing_ipfix(&maker, sequence, 9);
    maker_patch(&maker, 6, (1700000000 & 0xffff) + later);
    testing_template(&maker);
    for (int i = 0; i < records; i++) {
        testing_record(&maker, 1);
    }
    testing_give(collector, &maker, 3000, 1);
}

static void give_ipfix(struct collector *collector, uint32_t sequence, int records) {
    give_ipfix_later(collector, sequence, records, 0);
}

static void zeros_where_sets_should_be_are_malformed(void **state) {
    (void)state;
    struct collector *collector = testing_start((struct collector_settings){0});
    struct maker maker = {0};
    testing_ipfix(&maker, 1, 9);
    for (int i = 0; i < 25; i++) {
        maker_put(&maker, 0, 8);
    }
    testing_give(collector, &maker, 3000, 1);
    assert_int_equal(testing_newest(collector).malformed, 1);
    testing_stop(collector);
}

static void ipfix_that_goes_back_and_was_sent_later_has_begun_anew(void **state) {
    (void)state;
    struct collector *collector = testing_start((struct collector_settings){0});
    for (uint32_t i = 60; i < 70; i++) {
        give_ipfix(collector, i, 1);
    }
    give_ipfix_later(collector, 72, 1, 3); /* 70 and 71 are still under way */
    give_ipfix_later(collector, 70, 1, 2);
    assert_int_equal(testing_newest(collector).reordered, 1);
    assert_int_equal(testing_newest(collector).restarts, 0);
    for (uint32_t i = 0; i < 10; i++) {
        give_ipfix_later(collector, i, 1, (uint16_t)(300 + i));
    }
    assert_int_equal(testing_newest(collector).restarts, 1);
    assert_int_equal(testing_newest(collector).reordered, 1);
    assert_int_equal(testing_newest(collector).lost, 1);
    testing_stop(collector);
}

static void ipfix_numbered_by_its_end_is_not_lost(void **state) {
    (void)state;
    struct collector *collector = testing_start((struct collector_settings){0});
    static const int records[] = {3, 7, 1, 5};
    uint32_t sequence = 0;
    for (size_t i = 0; i < 4; i++) {
        sequence += (uint32_t)records[i];
        give_ipfix(collector, sequence, records[i]);
    }
    assert_int_equal(testing_newest(collector).lost, 0);
    assert_int_equal(testing_newest(collector).reordered, 0);
    give_ipfix(collector, sequence + 6 + 2, 2); /* one message of 6 was lost before this one */
    assert_int_equal(testing_newest(collector).lost, 6);
    testing_stop(collector);
    collector =
        testing_start((struct collector_settings){0}); /* and one that follows the standard stays with it */
    give_ipfix(collector, 0, 3);
    give_ipfix(collector, 3, 7);
    give_ipfix(collector, 15, 2);
    give_ipfix(collector, 17, 4);
    assert_int_equal(testing_newest(collector).lost, 5);
    testing_stop(collector);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gap_is_lost_until_the_late_datagram_fills_it),
        cmocka_unit_test(ipfix_numbered_by_its_end_is_not_lost),
        cmocka_unit_test(zeros_where_sets_should_be_are_malformed),
        cmocka_unit_test(ipfix_that_goes_back_and_was_sent_later_has_begun_anew),
        cmocka_unit_test(beginning_anew_is_a_restart_and_no_loss),
        cmocka_unit_test(exporter_is_followed_to_another_port_and_keeps_its_templates),
        cmocka_unit_test(several_messages_in_a_datagram_are_one_datagram),
        cmocka_unit_test(duplicate_datagram_gives_no_second_row),
        cmocka_unit_test(netflow5_sequence_tells_the_dialect),
        cmocka_unit_test(dialect_of_the_user_is_not_argued_with),
        cmocka_unit_test(lying_count_gives_the_whole_records_and_is_counted),
        cmocka_unit_test(every_truncation_is_counted_and_gives_no_row_twice),
        cmocka_unit_test(exporters_are_bounded_and_evictions_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
