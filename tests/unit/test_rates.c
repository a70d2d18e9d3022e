/* The rates of now, out of counts that grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "daemon/rates.h"

static void take(struct rates *rates, size_t point, int64_t at_ms, uint64_t frames, uint64_t bytes) {
    struct rates_reading reading = {.at_ns = at_ms * NS_PER_MS,
                                    .to_switch = {.frames = frames, .bytes = bytes},
                                    .to_station = {.frames = 2 * frames, .bytes = 3 * bytes}};
    rates_take(rates, point, &reading);
}

static bool know(const struct rates *rates, size_t point, int64_t at_ms, struct rate *to_switch) {
    struct rate to_station;
    return rates_of(rates, point, at_ms * NS_PER_MS, to_switch, &to_station);
}

static void one_reading_tells_no_rate(void **state) {
    (void)state;
    struct rates rates = {0};
    struct rate rate;
    assert_false(know(&rates, RATES_CAPTURE, 0, &rate));
    take(&rates, RATES_CAPTURE, 1000, 10, 1000);
    assert_false(know(&rates, RATES_CAPTURE, 1000, &rate));
}

static void rates_are_of_the_last_two_intervals(void **state) {
    (void)state;
    struct rates rates = {0};
    struct rate to_switch;
    struct rate to_station;
    take(&rates, RATES_PORT, 1000, 0, 0);
    take(&rates, RATES_PORT, 2000, 1000, 100000); /* goes out of sight */
    take(&rates, RATES_PORT, 3000, 1010, 101000);
    take(&rates, RATES_PORT, 4000, 1030, 103000);
    assert_true(rates_of(&rates, RATES_PORT, 4100 * NS_PER_MS, &to_switch, &to_station));
    assert_float_equal(to_switch.frames_per_s, 15, 1e-9);
    assert_float_equal(to_switch.bits_per_s, 12000, 1e-9);
    assert_float_equal(to_station.frames_per_s, 30, 1e-9);
    assert_float_equal(to_station.bits_per_s, 36000, 1e-9);
    assert_false(know(&rates, RATES_PORT + 1, 4100, &to_switch));
}

static void counts_that_begin_anew_begin_the_rate_anew(void **state) {
    (void)state;
    struct rates rates = {0};
    struct rate rate;
    take(&rates, RATES_PORT, 1000, 500, 50000);
    take(&rates, RATES_PORT, 2000, 600, 60000);
    take(&rates, RATES_PORT, 3000, 5, 400);
    assert_false(know(&rates, RATES_PORT, 3000, &rate));
    take(&rates, RATES_PORT, 4000, 15, 1400);
    assert_true(know(&rates, RATES_PORT, 4000, &rate));
    assert_float_equal(rate.frames_per_s, 10, 1e-9);
}

static void a_reading_that_is_old_tells_nothing_of_now(void **state) {
    (void)state;
    struct rates rates = {0};
    struct rate rate;
    take(&rates, RATES_PORT, 1000, 1, 100);
    take(&rates, RATES_PORT, 2000, 2, 200);
    assert_true(know(&rates, RATES_PORT, 7000, &rate));
    assert_false(know(&rates, RATES_PORT, 7001, &rate));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_reading_tells_no_rate),
        cmocka_unit_test(rates_are_of_the_last_two_intervals),
        cmocka_unit_test(counts_that_begin_anew_begin_the_rate_anew),
        cmocka_unit_test(a_reading_that_is_old_tells_nothing_of_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
