/* Gaps and sizes are of the distributions that they are said to be.
 *
 * The numbers are fixed, so the tests always end in the same way; their limits are those that a right
 * generator oversteps once in 100,000. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traffic/plan/distribution.h"
#include "traffic/plan/empirical.h"
#include "traffic/plan/random.h"

#define COUNT 100000

static int compare(const void *a, const void *b) {
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

typedef double share_fn(double value, double shape);

/* Draws values and holds their mean against 1, their deviation against what is said of it where the fourth
 * moment allows that, and their distribution against 'wanted' by the test of Kolmogorov and Smirnov. */
static void check(unsigned int kind, double shape, share_fn *wanted, double mean_off, double deviation_off) {
    static double values[COUNT];
    const struct traffic_distribution distribution = traffic_distribution_make(kind, shape, NULL);
    double sum = 0, squares = 0, largest = 0;
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = traffic_distribution_draw(&distribution, traffic_random_at(7, kind, i));
        sum += values[i];
    }
    for (size_t i = 0; i < COUNT; i++) {
        squares += (values[i] - sum / COUNT) * (values[i] - sum / COUNT);
    }
    double deviation = traffic_distribution_deviation(&distribution);
    /* 4.42 standard deviations of the mean, and what the truncation adds. */
    double limit = 4.42 * deviation / sqrt(COUNT) + mean_off;
    if (fabs(sum / COUNT - 1) > limit) {
        fail_msg("kind %u: the mean is %.5f", kind, sum / COUNT);
    }
    if (fabs(sqrt(squares / COUNT) / deviation - 1) > deviation_off) {
        fail_msg("kind %u: the deviation is %.4f, not %.4f", kind, sqrt(squares / COUNT), deviation);
    }
    qsort(values, COUNT, sizeof *values, compare);
    for (size_t i = 0; i < COUNT; i++) {
        double at = wanted(values[i], shape);
        largest = values[i] > 0 ? fmax(largest, fabs(at - ((double)i + 0.5) / COUNT)) : largest;
    }
    if (largest >= sqrt(log(2e5) / 2 / COUNT) + 0.5 / COUNT) {
        fail_msg("kind %u: the largest distance is %.5f", kind, largest);
    }
}

static double uniform(double value, double shape) {
    (void)shape;
    return value / 2;
}

static double exponential(double value, double shape) {
    (void)shape;
    return 1 - exp(-value);
}

static double normal(double value, double shape) {
    return 0.5 * erfc((1 - value) / shape / sqrt(2));
}

static double lognormal(double value, double shape) {
    double s = sqrt(log(1 + shape * shape));
    return 0.5 * erfc(-(log(value) + s * s / 2) / s / sqrt(2));
}

/* From 1 / 'mean' to a thousand times that, so that its mean is 1. */
static double pareto(double value, double alpha) {
    double whole = 1 - pow(1000, -alpha);
    double mean = alpha / (alpha - 1) * (1 - pow(1000, 1 - alpha)) / whole;
    return (1 - pow(1 / mean / value, alpha)) / whole;
}

static void uniform_gaps_are_uniform(void **state) {
    (void)state;
    check(TRAFFIC_LAW_UNIFORM, 0, uniform, 0, 0.01);
}

static void exponential_gaps_are_exponential(void **state) {
    (void)state;
    check(TRAFFIC_LAW_EXPONENTIAL, 0, exponential, 0, 0.02);
}

static void normal_gaps_are_normal(void **state) {
    (void)state;
    check(TRAFFIC_LAW_NORMAL, 0.2, normal, 1e-6, 0.011);
}

static void log_normal_gaps_are_log_normal(void **state) {
    (void)state;
    check(TRAFFIC_LAW_LOGNORMAL, 0.5, lognormal, 0, 0.05);
}

static void pareto_gaps_are_pareto(void **state) {
    (void)state;
    /* Of such a tail the sample's deviation says little. */
    check(TRAFFIC_LAW_PARETO, 1.5, pareto, 0, 0.3);
    check(TRAFFIC_LAW_PARETO, 3, pareto, 0, 0.3);
}

static void constant_gaps_are_all_the_same(void **state) {
    (void)state;
    const struct traffic_distribution distribution = traffic_distribution_make(TRAFFIC_LAW_CONSTANT, 0, NULL);
    for (uint64_t i = 0; i < 10; i++) {
        assert_true(traffic_distribution_draw(&distribution, traffic_random_at(7, 1, i)) == 1);
    }
}

/* ---- histograms ---- */

static struct traffic_empirical *parse(const char *text, enum traffic_empirical_unit unit) {
    struct traffic_empirical *made = NULL;
    struct error error = {.text = ""};
    if (traffic_empirical_parse("h.txt", text, strlen(text), unit, &made, &error) != 0) {
        fail_msg("%s", error.text);
    }
    return made;
}

static void histogram_is_drawn_as_often_as_its_file_says(void **state) {
    (void)state;
    struct traffic_empirical *made = parse("# sizes seen at an exchange\n"
                                           "64        50   # acknowledgements\n"
                                           "\n"
                                           "65..1399  20\r\n"
                                           "\t1400   30",
                                           TRAFFIC_EMPIRICAL_COUNT);
    const struct traffic_distribution distribution =
        traffic_distribution_make(TRAFFIC_LAW_HISTOGRAM, 0, made);
    size_t small = 0, between = 0, large = 0, low = 0;
    double sum = 0;
    for (size_t i = 0; i < COUNT; i++) {
        double value = traffic_distribution_within(&distribution, 0, 64, 1400, traffic_random_at(3, 1, i));
        assert_true(value == floor(value) && value >= 64 && value <= 1400);
        small += value == 64;
        large += value == 1400;
        between += value > 64 && value < 1400;
        low += value > 64 && value <= 64 + 1335.0 / 2;
        sum += value;
    }
    /* 4.42 standard deviations of a share of COUNT. */
    double limit = 4.42 * sqrt(0.25 / COUNT);
    assert_true(fabs((double)small / COUNT - 0.5) < limit);
    assert_true(fabs((double)between / COUNT - 0.2) < limit);
    assert_true(fabs((double)large / COUNT - 0.3) < limit);
    assert_true(fabs((double)low / COUNT - 0.1) < limit);
    assert_true(fabs(made->mean - (0.5 * 64 + 0.2 * 732 + 0.3 * 1400)) < 1e-9);
    assert_true(fabs(sum / COUNT - made->mean) < 4.42 * made->deviation / sqrt(COUNT));
    assert_true(fabs(traffic_distribution_deviation(&distribution) - made->deviation / made->mean) < 1e-12);
    free(made);
}

static void histogram_of_times_is_read_with_their_units(void **state) {
    (void)state;
    struct traffic_empirical *made = parse("0..10us 1\n1ms 0.5\n", TRAFFIC_EMPIRICAL_TIME);
    assert_int_equal(made->count, 2);
    assert_int_equal(made->bins[0].high, 10000);
    assert_int_equal(made->bins[1].low, 1000000);
    assert_true(fabs(made->bins[0].end - 2.0 / 3) < 1e-12 && made->bins[1].end == 1);
    assert_true(traffic_empirical_at(made, 0) == 0 && traffic_empirical_at(made, 0.99999) == 1e6);
    free(made);
}

static void file_that_is_no_histogram_is_refused_with_its_line(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum traffic_empirical_unit unit;
        const char *wanted;
    } cases[] = {
        {"", TRAFFIC_EMPIRICAL_COUNT, "h.txt:1:"},
        {"# nothing\n", TRAFFIC_EMPIRICAL_COUNT, "h.txt:1:"},
        {"64 1\n64 2\n", TRAFFIC_EMPIRICAL_COUNT, "h.txt:2: expected bins that go up"},
        {"64..100 1\n\n90..200 2\n", TRAFFIC_EMPIRICAL_COUNT, "h.txt:3: expected bins that go up"},
        {"100..64 1\n", TRAFFIC_EMPIRICAL_COUNT, "h.txt:1: expected bins that go up"},
        {"64 0\n", TRAFFIC_EMPIRICAL_COUNT, "h.txt:1: expected bins that go up"},
        {"64\n", TRAFFIC_EMPIRICAL_COUNT, "h.txt:1: expected a value"},
        {"64 1 1\n", TRAFFIC_EMPIRICAL_COUNT, "h.txt:1: expected a value"},
        {"64 -1\n", TRAFFIC_EMPIRICAL_COUNT, "h.txt:1: expected a value"},
        {"0 1\n", TRAFFIC_EMPIRICAL_COUNT, "h.txt:1: expected a value"},
        {"64 1\n20us 1\n", TRAFFIC_EMPIRICAL_COUNT, "h.txt:2: expected a value"},
        {"20 1\n", TRAFFIC_EMPIRICAL_TIME, "such as '20us..50us 3'"},
        {"2h 1\n", TRAFFIC_EMPIRICAL_TIME, "h.txt:1: expected a value"},
        {"0us 1\n", TRAFFIC_EMPIRICAL_TIME, "h.txt:1: expected bins that go up"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct traffic_empirical *made = NULL;
        struct error error = {.text = ""};
        int code = traffic_empirical_parse("h.txt", cases[i].text, strlen(cases[i].text), cases[i].unit,
                                           &made, &error);
        if (code != -EINVAL || made != NULL || strstr(error.text, cases[i].wanted) == NULL) {
            fail_msg("'%s': %d, %s", cases[i].text, code, error.text);
        }
    }
}

static void histogram_has_no_more_bins_than_there_is_room(void **state) {
    (void)state;
    static char text[TRAFFIC_EMPIRICAL_BINS * 16 + 64];
    size_t used = 0;
    for (unsigned int i = 1; i <= TRAFFIC_EMPIRICAL_BINS + 1; i++) {
        struct traffic_empirical *made = NULL;
        struct error error = {.text = ""};
        used += (size_t)snprintf(text + used, sizeof text - used, "%u 1\n", i * 2);
        if (i >= TRAFFIC_EMPIRICAL_BINS) {
            int code = traffic_empirical_parse("h", text, used, TRAFFIC_EMPIRICAL_COUNT, &made, &error);
            assert_int_equal(code, i == TRAFFIC_EMPIRICAL_BINS ? 0 : -EINVAL);
        }
        free(made);
    }
}

/* ---- sizes ---- */

/* Of an exponential distribution of 'mean' what lies from 100 to 1000. */
static double within_100_to_1000(double value, double mean) {
    return (exp(-100 / mean) - exp(-value / mean)) / (exp(-100 / mean) - exp(-1000 / mean));
}

static void what_lies_outside_a_range_is_drawn_again_and_not_pressed_to_its_ends(void **state) {
    (void)state;
    static double values[COUNT];
    const struct traffic_distribution distribution =
        traffic_distribution_make(TRAFFIC_LAW_EXPONENTIAL, 0, NULL);
    double largest = 0, sum = 0;
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = traffic_distribution_within(&distribution, 300, 100, 1000, traffic_random_at(9, 2, i));
        assert_true(values[i] >= 100 && values[i] <= 1000);
        sum += values[i];
    }
    qsort(values, COUNT, sizeof *values, compare);
    for (size_t i = 0; i < COUNT; i++) {
        largest = fmax(largest, fabs(within_100_to_1000(values[i], 300) - ((double)i + 0.5) / COUNT));
    }
    assert_true(largest < sqrt(log(2e5) / 2 / COUNT) + 0.5 / COUNT);
    double usual = traffic_distribution_mean_within(&distribution, 300, 100, 1000);
    assert_true(fabs(usual / (sum / COUNT) - 1) < 0.05);
}

static void range_that_is_hardly_ever_met_ends_in_its_nearer_end(void **state) {
    (void)state;
    const struct traffic_distribution distribution =
        traffic_distribution_make(TRAFFIC_LAW_NORMAL, 0.01, NULL);
    assert_true(traffic_distribution_within(&distribution, 500, 1000, 2000, 1) == 1000);
    assert_true(traffic_distribution_within(&distribution, 5000, 1000, 2000, 1) == 2000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_gaps_are_uniform),
        cmocka_unit_test(exponential_gaps_are_exponential),
        cmocka_unit_test(normal_gaps_are_normal),
        cmocka_unit_test(log_normal_gaps_are_log_normal),
        cmocka_unit_test(pareto_gaps_are_pareto),
        cmocka_unit_test(constant_gaps_are_all_the_same),
        cmocka_unit_test(histogram_is_drawn_as_often_as_its_file_says),
        cmocka_unit_test(histogram_of_times_is_read_with_their_units),
        cmocka_unit_test(file_that_is_no_histogram_is_refused_with_its_line),
        cmocka_unit_test(histogram_has_no_more_bins_than_there_is_room),
        cmocka_unit_test(what_lies_outside_a_range_is_drawn_again_and_not_pressed_to_its_ends),
        cmocka_unit_test(range_that_is_hardly_ever_met_ends_in_its_nearer_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
