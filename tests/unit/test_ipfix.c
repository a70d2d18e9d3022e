/* What the elements of NetFlow v9 and IPFIX mean, through the collector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "../golden/fake_store.h"
#include "common/clock.h"
#include "export_maker.h"

#define COUNT(fields)      (sizeof(fields) / sizeof *(fields))
#define EXPORT_NS          (1700000000 * NS_PER_S)
#define ENTERPRISE_REVERSE 29305

static struct collector *collector;
static struct maker maker;

static int begin(void **state) {
    (void)state;
    struct collector_settings settings = {.keep_unknown = true};
    fake_store_reset();
    collector = collector_create(&settings, NULL);
    return collector == NULL;
}

static int end(void **state) {
    (void)state;
    collector_destroy(collector);
    fake_store_reset();
    return 0;
}

/* The flow record row of number 'number', from 0. */
static const struct flow_record_row *flow(size_t number) {
    const struct fake_rows *rows = fake_store_rows();
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].kind == ROW_FLOW_RECORD && number-- == 0) {
            return &rows->rows[i].flow_record;
        }
    }
    fail_msg("there are not so many flow records");
    return NULL;
}

static void take(const struct collector_exporter *exporter, void *context) {
    *(struct collector_exporter *)context = *exporter;
}

static struct collector_exporter exporter(void) {
    struct collector_exporter seen = {0};
    collector_each_exporter(collector, take, &seen);
    return seen;
}

static const struct maker_field plain[] = {{8, 4, 0}, {12, 4, 0}, {2, 4, 0}, {1, 4, 0}};

static void put_plain(uint32_t packets, uint32_t octets) {
    maker_put(&maker, 0x0a000001, 4);
    maker_put(&maker, 0x0a000002, 4);
    maker_put(&maker, packets, 4);
    maker_put(&maker, octets, 4);
}

static void structured_data_is_stepped_over_and_kept_as_it_is(void **state) {
    (void)state;
    static const struct maker_field fields[] = {
        {291, TEMPLATE_VARIABLE, 0}, {8, 4, 0}, {12, 4, 0}, {292, TEMPLATE_VARIABLE, 0}, {2, 4, 0},
        {293, TEMPLATE_VARIABLE, 0}, {1, 4, 0}};
    maker_ipfix(&maker, 0);
    maker_template(&maker, 256, fields, COUNT(fields), 0);
    size_t set = maker_set(&maker, 256);
    for (int i = 0; i < 2; i++) {
        maker_put(&maker, 9, 1); /* basicList: all of it, element 1 in 4 bytes, one value that is no count */
        maker_put(&maker, 0xff00010004, 5);
        maker_put(&maker, 0xdeadbeef, 4);
        maker_put(&maker, 0x0a000001, 4);
        maker_put(&maker, 0x0a000002, 4);
        maker_put(&maker, 255, 1); /* a length of three bytes */
        maker_put(&maker, 19, 2);
        maker_put(&maker, 0xff0100, 3);
        put_plain(99, 9999);
        maker_put(&maker, 5, 4);
        maker_put(&maker, 0, 1);
        maker_put(&maker, 500, 4);
    }
    maker_end(&maker, set);
    maker_give(&maker, collector);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 2);
    assert_int_equal(flow(1)->packets, 5);
    assert_int_equal(flow(1)->bytes, 500);
    assert_non_null(strstr(flow(1)->extra, "\"0:291\":\"ff00010004deadbeef\""));
    assert_int_equal(exporter().malformed, 0);
}

static void reverse_counts_are_a_row_of_their_own_and_never_added(void **state) {
    (void)state;
    static const struct maker_field fields[] = {{0x8002, 4, ENTERPRISE_REVERSE}, /* before the forward ones */
                                                {0x8001, 4, ENTERPRISE_REVERSE},
                                                {8, 4, 0},
                                                {12, 4, 0},
                                                {2, 4, 0},
                                                {1, 4, 0},
                                                {4, 1, 0},
                                                {7, 2, 0},
                                                {11, 2, 0},
                                                {0x8006, 1, ENTERPRISE_REVERSE}};
    maker_ipfix(&maker, 0);
    maker_template(&maker, 256, fields, COUNT(fields), 0);
    size_t set = maker_set(&maker, 256);
    maker_put(&maker, 70, 4);
    maker_put(&maker, 7000, 4);
    put_plain(5, 500);
    maker_put(&maker, 6, 1);
    maker_put(&maker, 1000, 2);
    maker_put(&maker, 80, 2);
    maker_put(&maker, 0x12, 1);
    maker_end(&maker, set);
    maker_give(&maker, collector);
    char text[FLOW_KEY_TEXT_SIZE];
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 2);
    assert_int_equal(flow(0)->packets, 5);
    assert_int_equal(flow(0)->bytes, 500);
    assert_string_equal(flow_key_format(&flow(0)->key, text), "tcp 10.0.0.1:1000 > 10.0.0.2:80");
    assert_int_equal(flow(1)->packets, 70);
    assert_int_equal(flow(1)->bytes, 7000);
    assert_string_equal(flow_key_format(&flow(1)->key, text), "tcp 10.0.0.2:80 > 10.0.0.1:1000");
    assert_string_equal(flow(0)->extra, "{\"29305:6\":\"12\"}");
}

static void fields_without_bytes_say_nothing(void **state) {
    (void)state;
    static const struct maker_field fields[] = {{8, 4, 0}, {12, 4, 0}, {2, 4, 0},  {1, 4, 0},
                                                {4, 0, 0}, {7, 0, 0},  {27, 0, 0}, {152, 0, 0}};
    maker_netflow9(&maker, 0, 1000);
    maker_template(&maker, 256, fields, COUNT(fields), 0);
    size_t set = maker_set(&maker, 256);
    put_plain(1, 100);
    put_plain(2, 200);
    maker_end(&maker, set);
    static const struct maker_field nothing[] = {{4, 0, 0}};
    maker_template(&maker, 257, nothing, 1, 0);
    set = maker_set(&maker, 257);
    maker_put(&maker, 0, 4);
    maker_end(&maker, set);
    maker_give(&maker, collector);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 2);
    assert_int_equal(flow(1)->packets, 2);
    assert_true(flow(1)->start_ns == STORE_NULL);
    assert_int_equal(exporter().malformed, 1); /* the set whose records have no bytes at all */
}

static void sampler_of_an_options_record_gives_its_flows_their_rate(void **state) {
    (void)state;
    static const struct maker_field options[] = {{1, 4, 0}, {48, 2, 0}, {49, 1, 0}, {50, 4, 0}};
    static const struct maker_field fields[] = {{8, 4, 0}, {12, 4, 0}, {2, 4, 0}, {1, 4, 0}, {48, 2, 0}};
    maker_netflow9(&maker, 0, 1000);
    maker_template(&maker, 256, options, COUNT(options), 1);
    maker_template(&maker, 257, fields, COUNT(fields), 0);
    size_t set = maker_set(&maker, 256);
    for (uint32_t i = 1; i <= 2; i++) {
        maker_put(&maker, 0, 4);
        maker_put(&maker, i, 2);
        maker_put(&maker, 2, 1);
        maker_put(&maker, i * 1000, 4);
    }
    maker_end(&maker, set);
    set = maker_set(&maker, 257);
    for (uint32_t i = 0; i < 4; i++) {
        put_plain(1, 100);
        maker_put(&maker, i, 2);
    }
    maker_end(&maker, set);
    maker_give(&maker, collector);
    static const int64_t rates[] = {STORE_NULL, 1000, 2000, STORE_NULL}; /* 0 is none, 3 was not said */
    for (size_t i = 0; i < 4; i++) {
        assert_true(flow(i)->sampling_rate == rates[i]);
        assert_int_equal(flow(i)->rate_source, rates[i] == STORE_NULL ? RATE_NONE : RATE_OPTIONS);
    }
}

/* Options of one interface each: by NetFlow v9's scope of interfaces and by IPFIX's ingressInterface. */
static void check_interface_rates(bool ipfix) {
    const struct maker_field options[] = {{ipfix ? 10 : 2, 4, 0}, {34, 4, 0}, {35, 1, 0}};
    static const struct maker_field fields[] = {{8, 4, 0},  {12, 4, 0}, {2, 4, 0}, {1, 4, 0},
                                                {10, 4, 0}, {14, 4, 0}, {61, 1, 0}};
    if (ipfix) {
        maker_ipfix(&maker, 0);
    } else {
        maker_netflow9(&maker, 0, 1000);
    }
    maker_template(&maker, 256, options, COUNT(options), 1);
    maker_template(&maker, 257, fields, COUNT(fields), 0);
    size_t set = maker_set(&maker, 256);
    for (uint32_t i = 1; i <= 2; i++) {
        maker_put(&maker, i, 4);
        maker_put(&maker, i * 1000, 4);
        maker_put(&maker, 2, 1);
    }
    maker_end(&maker, set);
    set = maker_set(&maker, 257);
    for (uint32_t i = 0; i < 3; i++) {
        put_plain(1, 100);
        maker_put(&maker, i + 1, 4);
        maker_put(&maker, 1, 4);
        maker_put(&maker, i == 1, 1); /* the second is of egress, at interface 1 */
    }
    maker_end(&maker, set);
    maker_give(&maker, collector);
    assert_int_equal(flow(0)->sampling_rate, 1000);
    assert_int_equal(flow(1)->sampling_rate, 1000);
    assert_true(flow(2)->sampling_rate == STORE_NULL);
}

static void rate_of_a_netflow9_interface_scope_is_that_interfaces(void **state) {
    (void)state;
    check_interface_rates(false);
}

static void rate_of_an_ipfix_interface_scope_is_that_interfaces(void **state) {
    (void)state;
    check_interface_rates(true);
}

static void selector_with_interval_and_space_is_a_rate(void **state) {
    (void)state;
    static const struct maker_field options[] = {{302, 8, 0}, {304, 2, 0}, {305, 4, 0}, {306, 4, 0}};
    static const struct maker_field fields[] = {{8, 4, 0}, {12, 4, 0}, {2, 4, 0}, {1, 4, 0}, {302, 8, 0}};
    maker_ipfix(&maker, 0);
    maker_template(&maker, 256, options, COUNT(options), 1);
    maker_template(&maker, 257, fields, COUNT(fields), 0);
    size_t set = maker_set(&maker, 256);
    maker_put(&maker, 9, 8);
    maker_put(&maker, 1, 2);
    maker_put(&maker, 1, 4);
    maker_put(&maker, 511, 4);
    maker_end(&maker, set);
    set = maker_set(&maker, 257);
    put_plain(1, 100);
    maker_put(&maker, 9, 8);
    maker_end(&maker, set);
    maker_give(&maker, collector);
    assert_int_equal(flow(0)->sampling_rate, 512);
    assert_int_equal(flow(0)->rate_source, RATE_OPTIONS);
}

static void options_from_another_port_hold_too(void **state) {
    (void)state;
    static const struct maker_field options[] = {{1, 4, 0}, {34, 4, 0}};
    maker_netflow9(&maker, 100, 1000);
    maker_template(&maker, 256, options, COUNT(options), 1);
    size_t set = maker_set(&maker, 256);
    maker_put(&maker, 0, 4);
    maker_put(&maker, 128, 4);
    maker_end(&maker, set);
    maker_give(&maker, collector);
    maker_netflow9(&maker, 5, 900000); /* another process of the same address: nothing to follow */
    maker_template(&maker, 257, plain, COUNT(plain), 0);
    set = maker_set(&maker, 257);
    put_plain(1, 100);
    maker_end(&maker, set);
    struct datagram datagram = {.bytes = maker.bytes,
                                .size = maker.size,
                                .recv_ns = EXPORT_NS,
                                .src = {4, {192, 0, 2, 1}},
                                .dst = {4, {192, 0, 2, 2}},
                                .src_port = 2,
                                .dst_port = 4739};
    collector_datagram(collector, &datagram);
    assert_int_equal(collector_totals(collector).exporters, 2);
    assert_int_equal(flow(0)->sampling_rate, 128);
}

static void totals_of_open_vswitch_are_never_a_flows_counts(void **state) {
    (void)state;
    static const struct maker_field fields[] = {{86, 8, 0},  {85, 8, 0},  {2, 8, 0},   {1, 8, 0},
                                                {352, 8, 0}, {8, 4, 0},   {12, 4, 0},  {61, 1, 0},
                                                {158, 4, 0}, {159, 4, 0}, {240, 1, 0}, {256, 2, 0}};
    static const struct maker_field totals_only[] = {{8, 4, 0}, {12, 4, 0}, {86, 8, 0}, {85, 8, 0}};
    maker_ipfix(&maker, 1);
    maker_template(&maker, 256, fields, COUNT(fields), 0);
    maker_template(&maker, 257, totals_only, COUNT(totals_only), 0);
    size_t set = maker_set(&maker, 256);
    maker_put(&maker, 1000000, 8);
    maker_put(&maker, 2000000, 8);
    maker_put(&maker, 3, 8);
    maker_put(&maker, 252, 8);
    maker_put(&maker, 294, 8);
    maker_put(&maker, 0x0a000001, 4);
    maker_put(&maker, 0x0a000002, 4);
    maker_put(&maker, 0, 1);
    maker_put(&maker, 3000000, 4);
    maker_put(&maker, 2000000, 4);
    maker_put(&maker, 14, 1);
    maker_put(&maker, 0x0800, 2);
    maker_end(&maker, set);
    set = maker_set(&maker, 257);
    maker_put(&maker, 0x0a000001, 4);
    maker_put(&maker, 0x0a000002, 4);
    maker_put(&maker, 1000000, 8);
    maker_put(&maker, 2000000, 8);
    maker_end(&maker, set);
    maker_give(&maker, collector);
    assert_string_equal(exporter().row->dialect, "openvswitch");
    assert_int_equal(flow(0)->packets, 3);
    assert_int_equal(flow(0)->bytes, 294);
    assert_int_equal(flow(0)->l3_bytes, 252);
    assert_true(flow(1)->packets == STORE_NULL && flow(1)->bytes == STORE_NULL);
}

static void totals_of_others_stand_where_there_is_no_delta(void **state) {
    (void)state;
    static const struct maker_field fields[] = {{8, 4, 0}, {12, 4, 0}, {86, 4, 0}, {85, 4, 0}};
    maker_ipfix(&maker, 0);
    maker_template(&maker, 256, fields, COUNT(fields), 0);
    size_t set = maker_set(&maker, 256);
    put_plain(8, 800);
    maker_end(&maker, set);
    maker_give(&maker, collector);
    assert_int_equal(flow(0)->packets, 8);
    assert_int_equal(flow(0)->bytes, 800);
}

static void uptimes_of_ipfix_count_from_what_an_options_record_says(void **state) {
    (void)state;
    static const struct maker_field options[] = {{149, 4, 0}, {160, 8, 0}};
    static const struct maker_field fields[] = {{8, 4, 0}, {12, 4, 0}, {2, 4, 0},
                                                {1, 4, 0}, {22, 4, 0}, {21, 4, 0}};
    maker_ipfix(&maker, 0);
    maker_template(&maker, 256, options, COUNT(options), 1);
    maker_template(&maker, 257, fields, COUNT(fields), 0);
    size_t set = maker_set(&maker, 256);
    maker_put(&maker, 7, 4);
    maker_put(&maker, UINT64_C(1699999000000), 8);
    maker_end(&maker, set);
    maker_give(&maker, collector);
    maker_ipfix(&maker, 1);
    set = maker_set(&maker, 257);
    put_plain(1, 100);
    maker_put(&maker, 990000, 4);
    maker_put(&maker, 999500, 4);
    maker_end(&maker, set);
    maker_give(&maker, collector);
    assert_int_equal(flow(0)->start_ns, EXPORT_NS - 10 * NS_PER_S);
    assert_int_equal(flow(0)->end_ns, EXPORT_NS - 500 * NS_PER_MS);
}

static void redefined_template_decodes_by_its_new_layout(void **state) {
    (void)state;
    static const struct maker_field swapped[] = {{12, 4, 0}, {8, 4, 0}, {1, 4, 0}, {2, 4, 0}};
    maker_netflow9(&maker, 0, 1000);
    maker_template(&maker, 256, plain, COUNT(plain), 0);
    maker_template(&maker, 256, swapped, COUNT(swapped), 0);
    size_t set = maker_set(&maker, 256);
    put_plain(100, 1);
    maker_end(&maker, set);
    maker_give(&maker, collector);
    assert_int_equal(collector_totals(collector).templates.redefined, 1);
    assert_int_equal(flow(0)->packets, 1);
    assert_int_equal(flow(0)->key.src[3], 2);
}

static void numbers_of_reduced_size_are_read(void **state) {
    (void)state;
    static const struct maker_field fields[] = {{8, 4, 0}, {12, 4, 0}, {2, 1, 0},
                                                {1, 3, 0}, {10, 2, 0}, {16, 3, 0}};
    maker_ipfix(&maker, 0);
    maker_template(&maker, 256, fields, COUNT(fields), 0);
    size_t set = maker_set(&maker, 256);
    maker_put(&maker, 0x0a000001, 4);
    maker_put(&maker, 0x0a000002, 4);
    maker_put(&maker, 200, 1);
    maker_put(&maker, 300000, 3);
    maker_put(&maker, 60000, 2);
    maker_put(&maker, 65551, 3);
    maker_put(&maker, 0, 3); /* padding */
    maker_end(&maker, set);
    maker_give(&maker, collector);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 1);
    assert_int_equal(flow(0)->packets, 200);
    assert_int_equal(flow(0)->bytes, 300000);
    assert_int_equal(flow(0)->input, 60000);
    assert_int_equal(flow(0)->src_as, 65551);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(structured_data_is_stepped_over_and_kept_as_it_is),
        TEST(reverse_counts_are_a_row_of_their_own_and_never_added),
        TEST(fields_without_bytes_say_nothing),
        TEST(sampler_of_an_options_record_gives_its_flows_their_rate),
        TEST(rate_of_a_netflow9_interface_scope_is_that_interfaces),
        TEST(rate_of_an_ipfix_interface_scope_is_that_interfaces),
        TEST(selector_with_interval_and_space_is_a_rate),
        TEST(options_from_another_port_hold_too),
        TEST(totals_of_open_vswitch_are_never_a_flows_counts),
        TEST(totals_of_others_stand_where_there_is_no_delta),
        TEST(uptimes_of_ipfix_count_from_what_an_options_record_says),
        TEST(redefined_template_decodes_by_its_new_layout),
        TEST(numbers_of_reduced_size_are_read),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
