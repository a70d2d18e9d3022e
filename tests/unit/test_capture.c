/* What was metered is what was there, whatever the table had to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "collector/capture/flow_table.h"
#include "common/clock.h"

struct sums {
    uint64_t counts, packets, bytes;
    double squares;
    int64_t first_ns, last_ns;
    bool bad_bucket;
};

static void add_up(const struct flow_count *count, void *context) {
    struct sums *sums = context;
    sums->counts++;
    sums->packets += count->packets;
    sums->bytes += count->bytes;
    sums->squares += count->square_sum;
    sums->first_ns =
        sums->first_ns == 0 || count->first_ns < sums->first_ns ? count->first_ns : sums->first_ns;
    sums->last_ns = count->last_ns > sums->last_ns ? count->last_ns : sums->last_ns;
    sums->bad_bucket = sums->bad_bucket || count->first_ns < count->bucket_ns ||
                       count->last_ns >= count->bucket_ns + NS_PER_S || count->bucket_ns % NS_PER_S != 0;
}

static struct flow_key key_of(uint32_t number) {
    struct flow_key key = {.ethertype = ETHERTYPE_IPV4, .family = 4, .protocol = PROTOCOL_UDP};
    memcpy(key.src, &number, sizeof number);
    return key;
}

static void each_flow_and_second_is_one_count(void **state) {
    (void)state;
    struct sums sums = {0};
    struct flow_table *table = flow_table_create(add_up, &sums);
    for (int64_t at_ns = 10 * NS_PER_S; at_ns < 13 * NS_PER_S; at_ns += NS_PER_S / 10) {
        for (uint32_t flow = 0; flow < 7; flow++) {
            struct flow_key key = key_of(flow);
            flow_table_add(table, &key, at_ns, 100 + flow);
        }
    }
    flow_table_flush(table, INT64_MAX);
    assert_int_equal(sums.counts, 7 * 3);
    assert_int_equal(sums.packets, 7 * 30);
    assert_int_equal(sums.bytes, 30 * (7 * 100 + 21));
    assert_int_equal(sums.first_ns, 10 * NS_PER_S);
    assert_int_equal(sums.last_ns, 13 * NS_PER_S - NS_PER_S / 10);
    assert_false(sums.bad_bucket);
    flow_table_destroy(table);
}

static void more_flows_than_slots_lose_no_frame(void **state) {
    (void)state;
    struct sums sums = {0};
    struct flow_table *table = flow_table_create(add_up, &sums);
    for (uint32_t i = 0; i < 300000; i++) {
        struct flow_key key = key_of(i % 100000);
        flow_table_add(table, &key, NS_PER_S + i, 60);
    }
    flow_table_flush(table, INT64_MAX);
    assert_int_equal(sums.packets, 300000);
    assert_int_equal(sums.bytes, 300000 * 60);
    assert_true(sums.squares == 300000.0 * 3600);
    flow_table_destroy(table);
}

static void frames_out_of_order_are_counted_in_their_own_second(void **state) {
    (void)state;
    struct sums sums = {0};
    struct flow_table *table = flow_table_create(add_up, &sums);
    struct flow_key key = key_of(1);
    flow_table_add(table, &key, 5 * NS_PER_S, 60);
    flow_table_add(table, &key, 4 * NS_PER_S + 1, 60);
    flow_table_add(table, &key, 5 * NS_PER_S + 1, 60);
    flow_table_flush(table, INT64_MAX);
    flow_table_add(table, &key, 2 * NS_PER_S, 60);
    flow_table_flush(table, INT64_MAX);
    assert_int_equal(sums.packets, 4);
    assert_int_equal(sums.counts, 3);
    assert_false(sums.bad_bucket);
    flow_table_destroy(table);
}

static void frames_at_time_0_are_counted_too(void **state) {
    (void)state;
    struct sums sums = {0};
    struct flow_table *table = flow_table_create(add_up, &sums);
    for (uint32_t i = 0; i < 100; i++) {
        struct flow_key key = key_of(i % 3);
        flow_table_add(table, &key, 0, 60);
    }
    flow_table_flush(table, INT64_MAX);
    assert_int_equal(sums.packets, 100);
    assert_int_equal(sums.counts, 3);
    flow_table_destroy(table);
}

static void a_second_is_written_only_when_it_is_over(void **state) {
    (void)state;
    struct sums sums = {0};
    struct flow_table *table = flow_table_create(add_up, &sums);
    struct flow_key key = key_of(1);
    flow_table_add(table, &key, 5 * NS_PER_S + 7, 60);
    flow_table_flush(table, 6 * NS_PER_S - 1);
    assert_int_equal(sums.counts, 0);
    flow_table_flush(table, 6 * NS_PER_S);
    assert_int_equal(sums.counts, 1);
    flow_table_flush(table, INT64_MAX);
    assert_int_equal(sums.counts, 1);
    flow_table_destroy(table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_flow_and_second_is_one_count),
        cmocka_unit_test(more_flows_than_slots_lose_no_frame),
        cmocka_unit_test(frames_out_of_order_are_counted_in_their_own_second),
        cmocka_unit_test(frames_at_time_0_are_counted_too),
        cmocka_unit_test(a_second_is_written_only_when_it_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
