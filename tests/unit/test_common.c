/* The small parts that everything stands on. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/address.h"
#include "common/clock.h"
#include "common/cursor.h"
#include "common/error.h"
#include "common/flow_key.h"
#include "common/histogram.h"
#include "common/process.h"
#include "common/queue.h"

static void cursor_read_past_end_gives_zero_and_stays_failed(void **state) {
    (void)state;
    const uint8_t bytes[] = {1, 2, 3, 4, 5};
    struct cursor cursor = cursor_over(bytes, sizeof bytes);
    assert_int_equal(cursor_u32(&cursor), 0x01020304);
    assert_int_equal(cursor_u16(&cursor), 0);
    assert_true(cursor.failed);
    assert_int_equal(cursor_left(&cursor), 1);
    assert_int_equal(cursor_u8(&cursor), 0);
}

static void cursor_sub_cannot_reach_its_neighbour(void **state) {
    (void)state;
    const uint8_t bytes[] = {1, 2, 3, 4};
    struct cursor cursor = cursor_over(bytes, sizeof bytes);
    struct cursor sub = cursor_sub(&cursor, 2);
    cursor_skip(&sub, 3);
    assert_true(sub.failed);
    assert_int_equal(cursor_u16(&cursor), 0x0304);
    assert_false(cursor.failed);
    sub = cursor_sub(&cursor, 1);
    assert_true(sub.failed && cursor.failed);
}

static void flow_key_texts_are_the_fields_own(void **state) {
    (void)state;
    char text[FLOW_KEY_TEXT_SIZE];
    struct flow_key key = {
        .ethertype = ETHERTYPE_IPV4, .family = 4, .protocol = PROTOCOL_UDP, .sport = 5, .dport = 6};
    key.src[0] = 10;
    key.dst[0] = 11;
    assert_string_equal(flow_key_format(&key, text), "udp 10.0.0.0:5 > 11.0.0.0:6");
    key.protocol = PROTOCOL_ICMP;
    key.sport = 0;
    key.dport = 8 << 8;
    assert_string_equal(flow_key_format(&key, text), "icmp 10.0.0.0 > 11.0.0.0 type 8 code 0");
    key = (struct flow_key){.ethertype = ETHERTYPE_ARP};
    assert_string_equal(flow_key_format(&key, text), "arp");
    key.ethertype = 0x1234;
    assert_string_equal(flow_key_format(&key, text), "0x1234");
}

static void addresses_survive_text_and_sockaddr(void **state) {
    (void)state;
    static const char *const texts[] = {"10.0.0.1", "fd00:1::1"};
    for (size_t i = 0; i < 2; i++) {
        struct ip_address address;
        struct ip_address back;
        uint16_t port;
        char text[IP_TEXT_SIZE];
        struct sockaddr_storage sockaddr;
        assert_int_equal(ip_address_parse(texts[i], &address, NULL), 0);
        assert_true(ip_address_to_sockaddr(&address, 99, &sockaddr) > 0);
        ip_address_from_sockaddr(&sockaddr, &back, &port);
        assert_true(ip_address_equal(&address, &back));
        assert_int_equal(port, 99);
        assert_string_equal(ip_address_format(&back, text), texts[i]);
    }
    struct error error;
    struct ip_address address;
    assert_int_equal(ip_address_parse("10.0.0.256", &address, &error), -EINVAL);
}

static void histogram_knows_quantiles_to_three_digits(void **state) {
    (void)state;
    struct histogram histogram;
    assert_int_equal(histogram_init(&histogram), 0);
    assert_int_equal(histogram_quantile(&histogram, 0.5), 0);
    for (int64_t i = 1; i <= 100000; i++) {
        histogram_add(&histogram, i * 1000);
    }
    static const double quantiles[] = {0.001, 0.5, 0.9, 0.99, 0.999};
    for (size_t i = 0; i < 5; i++) {
        double want = quantiles[i] * 1e8;
        double got = (double)histogram_quantile(&histogram, quantiles[i]);
        assert_true(got > want * 0.999 && got < want * 1.001);
    }
    assert_int_equal(histogram_quantile(&histogram, 1.0), 100000000);
    for (size_t bin = 1; bin < HISTOGRAM_BINS; bin++) {
        assert_int_equal(histogram_bin_low(bin), histogram_bin_low(bin - 1) + histogram_bin_width(bin - 1));
    }
    histogram_free(&histogram);
}

static void queue_is_bounded_and_closes_after_its_items(void **state) {
    (void)state;
    int items[3];
    struct queue *queue = queue_create(2);
    assert_true(queue_push(queue, &items[0], false));
    assert_true(queue_push(queue, &items[1], false));
    assert_false(queue_push(queue, &items[2], false));
    assert_ptr_equal(queue_pop(queue, -1), &items[0]);
    queue_close(queue);
    assert_false(queue_push(queue, &items[2], false));
    assert_false(queue_drained(queue));
    assert_ptr_equal(queue_pop(queue, -1), &items[1]);
    assert_true(queue_drained(queue));
    assert_null(queue_pop(queue, -1));
    queue_destroy(queue);
}

static void process_gives_output_and_says_why_it_failed(void **state) {
    (void)state;
    struct error error;
    char output[64];
    const char *const echo[] = {"echo", "$HOME; true", NULL};
    assert_int_equal(process_run(echo, NULL, -1, NS_PER_S * 5, output, sizeof output, &error), 0);
    assert_string_equal(output, "$HOME; true\n");
    const char *const missing[] = {"nsmon-no-such-program", NULL};
    assert_int_equal(process_run(missing, NULL, -1, NS_PER_S * 5, NULL, 0, &error), -ENOENT);
    assert_non_null(strstr(error.text, "nsmon-no-such-program"));
    const char *const slow[] = {"sleep", "10", NULL};
    assert_int_equal(process_run(slow, NULL, -1, NS_PER_MS * 50, NULL, 0, &error), -ETIMEDOUT);
    const char *const failing[] = {"ls", "/nonexistent/file", NULL};
    assert_int_equal(process_run(failing, NULL, -1, NS_PER_S * 5, NULL, 0, &error), -EIO);
    assert_non_null(strstr(error.text, "/nonexistent/file"));
    const char *const pointing[] = {
        "sh", "-c", "printf 'first\\nx:1:5: Error: no such rule\\nadd rule\\n    ^^^^\\n' >&2; exit 1", NULL};
    assert_int_equal(process_run(pointing, NULL, -1, NS_PER_S * 5, NULL, 0, &error), -EIO);
    assert_string_equal(error.text, "'sh' failed with status 1: x:1:5: Error: no such rule");
}

static void timespec_of_a_negative_time_is_normal(void **state) {
    (void)state;
    struct timespec ts = clock_to_timespec(-1);
    assert_int_equal(ts.tv_sec, -1);
    assert_int_equal(ts.tv_nsec, 999999999);
    assert_int_equal(clock_from_timespec(ts), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cursor_read_past_end_gives_zero_and_stays_failed),
        cmocka_unit_test(cursor_sub_cannot_reach_its_neighbour),
        cmocka_unit_test(flow_key_texts_are_the_fields_own),
        cmocka_unit_test(addresses_survive_text_and_sockaddr),
        cmocka_unit_test(histogram_knows_quantiles_to_three_digits),
        cmocka_unit_test(queue_is_bounded_and_closes_after_its_items),
        cmocka_unit_test(process_gives_output_and_says_why_it_failed),
        cmocka_unit_test(timespec_of_a_negative_time_is_normal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
