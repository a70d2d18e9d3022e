/* What a flow record says, whichever elements said it: times, sampling, key; and the text of what has no
 * column. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "collector/decode/ipfix.h"
#include "collector/decode/json_text.h"
#include "common/clock.h"
#include "export_maker.h"

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
        maker_put(&start_bytes, families[i].start_value, families[i].size);
        maker_put(&end_bytes, families[i].end_value, families[i].size);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_of_every_family_are_nanoseconds_since_the_epoch),
        cmocka_unit_test(uptime_may_wrap_between_flow_and_export),
        cmocka_unit_test(sampling_is_read_from_whichever_element_says_it),
        cmocka_unit_test(frames_that_are_not_ip_have_the_key_of_the_packet_walk),
        cmocka_unit_test(json_text_stays_json_whatever_stands_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
