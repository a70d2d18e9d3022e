/* Gaps are of the distributions that they are said to be.
 *
 * The numbers are fixed, so the tests always end in the same way; their limits are those that a right
 * generator oversteps once in 100,000. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "traffic/distribution.h"
#include "traffic/random.h"

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
    const struct traffic_distribution distribution = traffic_distribution_make(kind, shape);
    double sum = 0, squares = 0, largest = 0;
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = traffic_distribution_draw(&distribution, traffic_random_at(7, kind, i));
        sum += values[i];
    }
    for (size_t i = 0; i < COUNT; i++) {
        squares += (values[i] - sum / COUNT) * (values[i] - sum / COUNT);
    }
    double deviation = traffic_distribution_deviation(kind, shape);
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
    check(TRAFFIC_GAPS_UNIFORM, 0, uniform, 0, 0.01);
}

static void exponential_gaps_are_exponential(void **state) {
    (void)state;
    check(TRAFFIC_GAPS_EXPONENTIAL, 0, exponential, 0, 0.02);
}

static void normal_gaps_are_normal(void **state) {
    (void)state;
    check(TRAFFIC_GAPS_NORMAL, 0.2, normal, 1e-6, 0.011);
}

static void log_normal_gaps_are_log_normal(void **state) {
    (void)state;
    check(TRAFFIC_GAPS_LOGNORMAL, 0.5, lognormal, 0, 0.05);
}

static void pareto_gaps_are_pareto(void **state) {
    (void)state;
    /* Of such a tail the sample's deviation says little. */
    check(TRAFFIC_GAPS_PARETO, 1.5, pareto, 0, 0.3);
    check(TRAFFIC_GAPS_PARETO, 3, pareto, 0, 0.3);
}

static void constant_gaps_are_all_the_same(void **state) {
    (void)state;
    const struct traffic_distribution distribution = traffic_distribution_make(TRAFFIC_GAPS_CONSTANT, 0);
    for (uint64_t i = 0; i < 10; i++) {
        assert_true(traffic_distribution_draw(&distribution, traffic_random_at(7, 1, i)) == 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_gaps_are_uniform), cmocka_unit_test(exponential_gaps_are_exponential),
        cmocka_unit_test(normal_gaps_are_normal),   cmocka_unit_test(log_normal_gaps_are_log_normal),
        cmocka_unit_test(pareto_gaps_are_pareto),   cmocka_unit_test(constant_gaps_are_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
