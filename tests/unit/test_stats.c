/* The arithmetic of sampling, against the numbers that the method gives by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include <gsl/gsl_randist.h>

#include "reports/stats/accuracy.h"
#include "reports/stats/chance.h"
#include "reports/stats/interval.h"

#define assert_near(value, wanted, within)                                                                   \
    do {                                                                                                     \
        double got = (value);                                                                                \
        if (!(fabs(got - (wanted)) <= (within))) {                                                           \
            fail_msg("%s is %.9g, not %.9g within %g", #value, got, (double)(wanted), (double)(within));     \
        }                                                                                                    \
    } while (0)

/* The exact probability that 'holds' is true of a sample of 'packets' at 1-in-'rate'. */
static double coverage_of(bool (*holds)(double, double, double), unsigned int packets, double rate) {
    double sum = 0.0;
    for (unsigned int n = 0; n <= packets; n++) {
        if (holds((double)n, (double)packets, rate)) {
            sum += gsl_ran_binomial_pdf(n, 1.0 / rate, packets);
        }
    }
    return sum;
}

static bool score_holds(double n, double packets, double rate) {
    struct stats_interval interval = stats_packets_interval(n, rate);
    return stats_interval_holds(&interval, packets);
}

static bool wald_holds(double n, double packets, double rate) {
    double half = STATS_Z95 * sqrt(n * (1.0 - 1.0 / rate)) * rate;
    return fabs(n * rate - packets) <= half;
}

static void score_interval_covers_96_percent_at_three_expected_samples_where_wald_does_not(void **state) {
    (void)state;
    assert_near(coverage_of(score_holds, 3 * 64, 64.0), 0.96, 0.01);
    assert_near(coverage_of(score_holds, 3 * 1000, 1000.0), 0.96, 0.01);
    double wald = coverage_of(wald_holds, 3 * 1000, 1000.0);
    assert_true(wald > 0.79 && wald < 0.84);
}

static void score_interval_is_the_inverted_test(void **state) {
    (void)state;
    const double rate = 64.0;
    const double p = 1.0 / rate;
    for (double n = 1.0; n < 2000.0; n += 7.0) {
        struct stats_interval interval = stats_packets_interval(n, rate);
        double x = interval.high;
        assert_near(fabs(n - x * p) / sqrt(x * p * (1.0 - p)), STATS_Z95, 1e-9);
        assert_true(interval.low < n * rate && interval.high > n * rate);
    }
}

static void no_samples_bound_the_flow_at_about_3_7_rates(void **state) {
    (void)state;
    struct stats_interval interval = stats_packets_interval(0.0, 1000.0);
    assert_near(interval.low, 0.0, 0.0);
    assert_near(interval.high / 1000.0, 3.687, 0.002);
    assert_near(pow(1.0 - 0.001, interval.high), 0.025, 1e-12);
}

static void at_rate_1_every_interval_is_the_point(void **state) {
    (void)state;
    struct stats_interval packets = stats_packets_interval(17.0, 1.0);
    assert_true(packets.low == 17.0 && packets.high == 17.0);
    struct stats_interval bytes = stats_bytes_interval(1700.0, 1e6, 1.0);
    assert_true(bytes.low == 1700.0 && bytes.high == 1700.0);
    packets = stats_packets_interval(0.0, 1.0);
    assert_true(packets.low == 0.0 && packets.high == 0.0);
    assert_near(stats_coverage(11, 1.0), 1.0, 0.0);
}

static void bytes_of_equal_frames_have_the_interval_of_the_packets(void **state) {
    (void)state;
    struct stats_interval packets = stats_packets_interval(50.0, 64.0);
    struct stats_interval bytes = stats_bytes_interval(50.0 * 100.0, 50.0 * 1e4, 64.0);
    assert_near(bytes.low, packets.low * 100.0, 1e-6);
    assert_near(bytes.high, packets.high * 100.0, 1e-6);
    assert_near(stats_bytes_relative_error(5000.0, 50.0 * 1e4, 64.0), sqrt((1.0 - 1.0 / 64.0) / 50.0), 1e-12);
    assert_true(isinf(stats_bytes_interval(0.0, 0.0, 64.0).high));
}

static void bytes_of_unequal_frames_are_less_certain(void **state) {
    (void)state;
    /* 25 frames of 100 and 25 of 1,500 bytes: sqrt(q (1 + CV^2) / n). */
    double sum = 25.0 * 1600.0;
    double squares = 25.0 * (1e4 + 2.25e6);
    double cv2 = squares / 50.0 / pow(sum / 50.0, 2.0) - 1.0;
    assert_near(stats_bytes_relative_error(sum, squares, 64.0), sqrt((1.0 - 1.0 / 64.0) * (1.0 + cv2) / 50.0),
                1e-12);
    struct stats_interval equal = stats_bytes_interval(sum, sum * sum / 50.0, 64.0);
    struct stats_interval unequal = stats_bytes_interval(sum, squares, 64.0);
    assert_true(unequal.low < equal.low && unequal.high > equal.high);
}

static void share_of_a_known_total_is_the_published_example(void **state) {
    (void)state;
    struct stats_share share = stats_share_of_total(1000.0, 2500.0, 1e6);
    assert_near(share.estimate, 400000.0, 1e-6);
    assert_near(share.interval.low, 380796.0, 1.0);
    assert_near(share.interval.high, 419204.0, 1.0);
    assert_near(share.relative_error_bound, 0.062, 0.0005);
}

static void expected_coverage_depends_on_the_size(void **state) {
    (void)state;
    assert_near(stats_coverage(11, 64.0), 0.84, 0.005);
    assert_near(stats_coverage(12, 64.0), 0.985, 0.005);
}

static void expected_coverage_is_the_sum_over_all_samples(void **state) {
    (void)state;
    const double rates[] = {2.0, 16.0, 64.0, 1000.0};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        for (unsigned int packets = 1; packets < 30000; packets += 1 + packets / 5) {
            assert_near(stats_coverage(packets, rates[r]), coverage_of(score_holds, packets, rates[r]), 1e-9);
        }
    }
}

static void coverage_of_huge_flows_is_claimed_without_counting(void **state) {
    (void)state;
    assert_near(stats_coverage(UINT64_C(1) << 40, 64.0), 0.95, 1e-12);
    assert_near(stats_coverage(4000000000, 64.0), 0.95, 0.001);
}

static void poisson_binomial_of_equal_trials_is_the_binomial(void **state) {
    (void)state;
    double p[100];
    for (size_t i = 0; i < 100; i++) {
        p[i] = 0.5;
    }
    struct stats_interval range;
    assert_int_equal(stats_poisson_binomial_range(p, 100, 0.99, &range), 0);
    assert_near(range.low, 37.0, 0.0);
    assert_near(range.high, 63.0, 0.0);
    p[0] = 1.0;
    assert_int_equal(stats_poisson_binomial_range(p, 1, 0.99, &range), 0);
    assert_true(range.low == 1.0 && range.high == 1.0);
    assert_int_equal(stats_poisson_binomial_range(p, 0, 0.99, &range), 0);
    assert_true(range.low == 0.0 && range.high == 0.0);
}

static void chi_squared_range_is_the_tables(void **state) {
    (void)state;
    struct stats_interval range = stats_chi_squared_range(10.0, 0.99);
    assert_near(range.low, 2.156, 0.001);
    assert_near(range.high, 25.188, 0.001);
}

static void rate_test_finds_a_sampler_that_lies(void **state) {
    (void)state;
    struct stats_rate_test honest = stats_test_rate(1000, 64000, 64.0);
    assert_near(honest.effective_rate, 64.0, 1e-9);
    assert_true(honest.interval.low < 64.0 && honest.interval.high > 64.0);
    assert_near(honest.z, 0.0, 1e-9);
    assert_true(honest.p_value > 0.9);
    struct stats_rate_test liar = stats_test_rate(1000, 128000, 64.0);
    assert_near(liar.effective_rate, 128.0, 1e-9);
    assert_true(liar.p_value < 1e-9 && liar.z < -20.0);
    assert_true(liar.interval.low > 64.0);
    assert_near(stats_test_rate(100, 100, 1.0).p_value, 1.0, 0.0);
    assert_near(stats_test_rate(99, 100, 1.0).p_value, 0.0, 0.0);
    assert_true(isinf(stats_test_rate(0, 100, 64.0).effective_rate));
    assert_true(isinf(stats_test_rate(0, 0, 64.0).effective_rate));
}

static void flows_are_seen_with_1_minus_q_to_the_m(void **state) {
    (void)state;
    assert_near(stats_seen(1, 64.0), 1.0 / 64.0, 1e-12);
    assert_near(stats_seen(64, 64.0), 1.0 - pow(63.0 / 64.0, 64.0), 1e-12);
    assert_near(stats_seen(5, 1.0), 1.0, 0.0);
}

static void detection_takes_the_mean_of_a_truncated_geometric_count(void **state) {
    (void)state;
    double sum = 0.0;
    double seen = 0.0;
    for (int k = 1; k <= 40; k++) {
        double mass = pow(15.0 / 16.0, k - 1) / 16.0;
        sum += k * mass;
        seen += mass;
    }
    assert_near(stats_detection_packets(40, 16.0), sum / seen, 1e-9);
    assert_near(stats_detection_packets(40, 1.0), 1.0, 0.0);
    assert_near(stats_detection_packets(1000000, 16.0), 16.0, 1e-9);
}

static void quantiles_are_values_that_were_there(void **state) {
    (void)state;
    double values[] = {5.0, 1.0, 4.0, 2.0, 3.0};
    stats_sort(values, 5);
    assert_near(stats_quantile(values, 5, 0.5), 3.0, 0.0);
    assert_near(stats_quantile(values, 5, 0.95), 5.0, 0.0);
    assert_near(stats_quantile(values, 5, 0.0), 1.0, 0.0);
    assert_true(isnan(stats_quantile(values, 0, 0.5)));
}

static void accuracy_sums_are_what_their_names_say(void **state) {
    (void)state;
    struct stats_accuracy accuracy;
    struct stats_summary summary;
    assert_int_equal(stats_accuracy_init(&accuracy, 0), 0);
    assert_int_equal(stats_accuracy_summary(&accuracy, &summary), 0);
    assert_true(isnan(summary.bias) && isnan(summary.coverage));
    struct stats_flow flow = {.truth = 100.0,
                              .estimate = 128.0,
                              .samples = 2.0,
                              .truth_packets = 100,
                              .rate = 64.0,
                              .within = true};
    stats_accuracy_add(&accuracy, &flow);
    flow = (struct stats_flow){
        .truth = 10.0, .estimate = 0.0, .samples = 0.0, .truth_packets = 10, .rate = 64.0, .within = false};
    stats_accuracy_add(&accuracy, &flow);
    assert_int_equal(stats_accuracy_summary(&accuracy, &summary), 0);
    assert_near(summary.bias, 18.0 / 110.0, 1e-12);
    assert_near(summary.weighted_error, 38.0 / 110.0, 1e-12);
    assert_near(summary.are, (0.28 + 1.0) / 2.0, 1e-12);
    assert_near(summary.aae, 19.0, 1e-12);
    assert_near(summary.rmse, sqrt((28.0 * 28.0 + 100.0) / 2.0), 1e-12);
    assert_near(summary.coverage, 0.5, 1e-12);
    assert_int_equal(summary.seen, 1);
    assert_int_equal(summary.missed, 1);
    stats_accuracy_free(&accuracy);
}

/* Draws 'flows' flows of 1 to 40,000 packets at 1-in-64, sampled at 1-in-'real', and sums them up. */
static struct stats_summary simulate(const gsl_rng *rng, size_t flows, double real) {
    struct stats_accuracy accuracy;
    struct stats_summary summary;
    assert_int_equal(stats_accuracy_init(&accuracy, flows), 0);
    for (size_t i = 0; i < flows; i++) {
        unsigned int packets = (unsigned int)exp(gsl_rng_uniform(rng) * log(40000.0));
        double n = gsl_ran_binomial(rng, 1.0 / real, packets);
        struct stats_interval interval = stats_packets_interval(n, 64.0);
        struct stats_flow flow = {.truth = packets,
                                  .estimate = n * 64.0,
                                  .samples = n,
                                  .truth_packets = packets,
                                  .rate = 64.0,
                                  .within = stats_interval_holds(&interval, packets)};
        stats_accuracy_add(&accuracy, &flow);
    }
    assert_int_equal(stats_accuracy_summary(&accuracy, &summary), 0);
    stats_accuracy_free(&accuracy);
    return summary;
}

static void tests_pass_an_honest_sampler_and_catch_a_dishonest_one(void **state) {
    (void)state;
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    int passed = 0;
    int caught = 0;
    for (int run = 0; run < 200; run++) {
        struct stats_summary honest = simulate(rng, 64, 64.0);
        passed += honest.plausible;
        struct stats_summary liar = simulate(rng, 64, 80.0);
        caught += !liar.plausible;
    }
    gsl_rng_free(rng);
    assert_true(passed >= 197);
    assert_true(caught >= 195);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(score_interval_covers_96_percent_at_three_expected_samples_where_wald_does_not),
        cmocka_unit_test(score_interval_is_the_inverted_test),
        cmocka_unit_test(no_samples_bound_the_flow_at_about_3_7_rates),
        cmocka_unit_test(at_rate_1_every_interval_is_the_point),
        cmocka_unit_test(bytes_of_equal_frames_have_the_interval_of_the_packets),
        cmocka_unit_test(bytes_of_unequal_frames_are_less_certain),
        cmocka_unit_test(share_of_a_known_total_is_the_published_example),
        cmocka_unit_test(expected_coverage_depends_on_the_size),
        cmocka_unit_test(expected_coverage_is_the_sum_over_all_samples),
        cmocka_unit_test(coverage_of_huge_flows_is_claimed_without_counting),
        cmocka_unit_test(poisson_binomial_of_equal_trials_is_the_binomial),
        cmocka_unit_test(chi_squared_range_is_the_tables),
        cmocka_unit_test(rate_test_finds_a_sampler_that_lies),
        cmocka_unit_test(flows_are_seen_with_1_minus_q_to_the_m),
        cmocka_unit_test(detection_takes_the_mean_of_a_truncated_geometric_count),
        cmocka_unit_test(quantiles_are_values_that_were_there),
        cmocka_unit_test(accuracy_sums_are_what_their_names_say),
        cmocka_unit_test(tests_pass_an_honest_sampler_and_catch_a_dishonest_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
