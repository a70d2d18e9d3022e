/* Quantities are taken as people write them, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/quantity.h"

static void times_have_units(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t bare_ns, wanted;
    } cases[] = {{"20ms", 0, 20000000},
                 {"0.5s", 0, 500000000},
                 {"3us", 0, 3000},
                 {"7ns", 0, 7},
                 {"2m", 0, INT64_C(120000000000)},
                 {"1.5min", 0, INT64_C(90000000000)},
                 {"1h", 0, INT64_C(3600000000000)},
                 {"0", 0, 0},
                 {"20", 1000, 20000},
                 {".5s", 0, 500000000},
                 {"5.s", 0, INT64_C(5000000000)}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = -1;
        assert_int_equal(quantity_time(cases[i].text, cases[i].bare_ns, &value), 0);
        assert_true(value == cases[i].wanted);
    }
    static const char *const wrong[] = {"",     "20",     "ms", "20 ms", "-1s",  "+1s", "1e3s",  "0x10s",
                                        "1,5s", "1.2.3s", ".s", "infs",  "nans", "1S",  "9000h", "20msec"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int64_t value = 0;
        assert_int_not_equal(quantity_time(wrong[i], 0, &value), 0);
    }
}

static void rates_count_bits_by_thousands(void **state) {
    (void)state;
    uint64_t bps = 0;
    assert_int_equal(quantity_rate("10mbit", &bps), 0);
    assert_true(bps == 10000000);
    assert_int_equal(quantity_rate("1.5Gbit/s", &bps), 0);
    assert_true(bps == 1500000000);
    assert_int_equal(quantity_rate("64kbit", &bps), 0);
    assert_true(bps == 64000);
    static const char *const wrong[] = {"10", "10m", "10mb", "10mbps", "0x1mbit", "2000gbit", "1mbit/m", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_not_equal(quantity_rate(wrong[i], &bps), 0);
    }
}

static void shares_are_percent(void **state) {
    (void)state;
    double value = -1;
    assert_int_equal(quantity_share("0.5%", &value), 0);
    assert_true(value > 0.00499 && value < 0.00501);
    assert_int_equal(quantity_share("100%", &value), 0);
    assert_true(value == 1);
    assert_int_equal(quantity_share("0", &value), 0);
    assert_true(value == 0);
    static const char *const wrong[] = {"1", "101%", "-1%", "0.01", "1 %", "%"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_not_equal(quantity_share(wrong[i], &value), 0);
    }
}

static void numbers_are_whole_or_not(void **state) {
    (void)state;
    int64_t whole = 0;
    double number = 0;
    assert_int_equal(quantity_whole("9223372036854775807", &whole), 0);
    assert_true(whole == INT64_MAX);
    assert_int_not_equal(quantity_whole("9223372036854775808", &whole), 0);
    assert_int_not_equal(quantity_whole("1.0", &whole), 0);
    assert_int_not_equal(quantity_whole(" 1", &whole), 0);
    assert_int_equal(quantity_number("1.25", &number), 0);
    assert_true(number == 1.25);
    assert_int_not_equal(quantity_number("1.25x", &number), 0);
}

static void times_are_written_without_a_fraction(void **state) {
    (void)state;
    char text[QUANTITY_TEXT_SIZE];
    assert_string_equal(quantity_time_format(INT64_C(2000000000), text), "2s");
    assert_string_equal(quantity_time_format(1500000000, text), "1500ms");
    assert_string_equal(quantity_time_format(1, text), "1ns");
    assert_string_equal(quantity_time_format(0, text), "0s");
    assert_string_equal(quantity_time_format(INT64_C(5400000000000), text), "90min");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_have_units),
        cmocka_unit_test(rates_count_bits_by_thousands),
        cmocka_unit_test(shares_are_percent),
        cmocka_unit_test(numbers_are_whole_or_not),
        cmocka_unit_test(times_are_written_without_a_fraction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
