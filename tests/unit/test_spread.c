/* Medians of repeated runs, and what can be said of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "reports/stats/spread.h"

static void the_median_and_the_range_are_those_of_the_values(void **state) {
    (void)state;
    double odd[] = {3, 1, NAN, 2};
    struct stats_spread spread = stats_spread_of(odd, 4);
    assert_true(spread.count == 3 && spread.median == 2 && spread.least == 1 && spread.greatest == 3);
    double even[] = {4, 1, 3, 2};
    assert_true(stats_spread_of(even, 4).median == 2.5);
    double none[] = {NAN, NAN};
    spread = stats_spread_of(none, 2);
    assert_true(spread.count == 0 && isnan(spread.median) && isnan(spread.interval.low));
}

/* Of n values from a continuous distribution the order statistics k and n + 1 - k hold the median with
 * probability 1 - 2 P(B(n, 1/2) < k); the ranks are those of the usual tables of the sign test at 5 %. */
static void the_interval_is_that_of_the_sign_test(void **state) {
    (void)state;
    static const struct {
        size_t count, rank;
    } table[] = {{5, 0},  {6, 1},  {8, 1},  {9, 2},   {10, 2},  {12, 3},
                 {15, 4}, {20, 6}, {25, 8}, {30, 10}, {100, 40}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        double values[100];
        size_t n = table[i].count;
        for (size_t j = 0; j < n; j++) {
            values[j] = (double)(n - j); /* n to 1 */
        }
        struct stats_spread spread = stats_spread_of(values, n);
        if (table[i].rank == 0) {
            assert_true(isnan(spread.interval.low) && isnan(spread.interval.high));
        } else {
            assert_true(spread.interval.low == (double)table[i].rank);
            assert_true(spread.interval.high == (double)(n + 1 - table[i].rank));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_median_and_the_range_are_those_of_the_values),
        cmocka_unit_test(the_interval_is_that_of_the_sign_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
