/* The sizes of sampled packets: an honest sampler passes whatever the sizes are, others are found out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

#include "reports/stats/sizes.h"

#define FLOWS 40
#define RATE  64.0

/* The size of a frame of a flow of kind 'kind': one size, two, a large one among many small ones, seldom a
 * large one, or any size. */
static double frame_size(int kind, unsigned int frame, gsl_rng *random) {
    switch (kind) {
    case 0:
        return 166.0;
    case 1:
        return frame % 2 == 0 ? 66.0 : 1514.0;
    case 2:
        return frame == 7 ? 1514.0 : 66.0;
    case 3:
        return gsl_rng_uniform(random) < 0.01 ? 1514.0 : 80.0;
    case 4:
        return frame == 0 ? 74.0 : 66.0;
    default:
        return 60.0 + floor(gsl_rng_uniform(random) * 1455.0);
    }
}

/* What a sampler does to a size. */
typedef double tamper_fn(double size);

static double honest(double size) {
    return size;
}

static double fourteen_less(double size) {
    return size - 14.0;
}

static double a_third(double size) {
    return size / 3.0;
}

static double more_by_15_percent(double size) {
    return size * 1.15;
}

/* How many runs were called off for the sizes, for the total, and for either. */
struct outcome {
    int sizes, total, any;
};

static void run_once(gsl_rng *random, int first_kind, int kinds, tamper_fn *tamper, struct outcome *outcome) {
    struct stats_sizes sizes;
    double bytes = 0.0;
    double squares = 0.0;
    double sampled = 0.0;
    stats_sizes_init(&sizes, 1518.0);
    for (int i = 0; i < FLOWS; i++) {
        struct stats_size_flow flow = {.packets = 10 + (uint64_t)pow(10.0, 1.0 + 2.5 * i / FLOWS)};
        for (unsigned int k = 0; k < flow.packets; k++) {
            double size = frame_size(first_kind + i % kinds, k, random);
            flow.bytes += (uint64_t)size;
            flow.square_sum += size * size;
            if (gsl_rng_uniform(random) * RATE < 1.0) {
                flow.samples += 1.0;
                flow.sampled_bytes += tamper(size);
            }
        }
        bytes += (double)flow.bytes;
        squares += flow.square_sum;
        sampled += flow.sampled_bytes;
        stats_sizes_add(&sizes, &flow);
    }
    bool sizes_off = sizes.wrong > 0 || !stats_sizes_plausible(&sizes);
    struct stats_bytes_test test = stats_test_bytes(sampled, bytes, squares, RATE, 1518.0);
    bool total_off = !stats_bytes_test_ok(&test);
    outcome->sizes += sizes_off;
    outcome->total += total_off;
    outcome->any += sizes_off || total_off;
}

/* Runs 'runs' times with flows of 'kinds' kinds from 'first_kind' on. */
static struct outcome run(const char *what, int runs, int first_kind, int kinds, tamper_fn *tamper) {
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(random, 7);
    struct outcome outcome = {0, 0, 0};
    for (int i = 0; i < runs; i++) {
        run_once(random, first_kind, kinds, tamper, &outcome);
    }
    gsl_rng_free(random);
    print_message("%s: of %d runs %d for sizes, %d for the total, %d in all\n", what, runs, outcome.sizes,
                  outcome.total, outcome.any);
    return outcome;
}

static void an_honest_sampler_is_called_off_in_less_than_one_run_of_200(void **state) {
    (void)state;
    const int runs = 2000;
    assert_true(run("honest, mixed flows", runs, 0, 6, honest).any * 200 < runs);
    assert_true(run("honest, seldom a large frame", runs, 2, 2, honest).any * 200 < runs);
    assert_true(run("honest, any size", runs, 5, 1, honest).any * 200 < runs);
}

static void another_size_is_found_where_a_flow_has_one(void **state) {
    (void)state;
    assert_int_equal(run("14 bytes less, mixed", 200, 0, 6, fourteen_less).sizes, 200);
    assert_int_equal(run("15 % more, mixed", 200, 0, 6, more_by_15_percent).sizes, 200);
}

static void large_differences_are_found_where_sizes_vary(void **state) {
    (void)state;
    assert_int_equal(run("a third, any size", 200, 5, 1, a_third).any, 200);
    assert_int_equal(run("14 bytes less, nearly one size", 200, 4, 1, fourteen_less).sizes, 200);
    assert_true(run("15 % more, any size", 200, 5, 1, more_by_15_percent).any > 20);
}

static void samples_that_no_flow_can_have_are_impossible(void **state) {
    (void)state;
    struct stats_sizes sizes;
    stats_sizes_init(&sizes, 1518.0);
    /* 999 frames of 66 bytes and one of 74: three samples of 52 are none of them. */
    struct stats_size_flow flow = {.packets = 1000,
                                   .bytes = 999 * 66 + 74,
                                   .square_sum = 999.0 * 66.0 * 66.0 + 74.0 * 74.0,
                                   .samples = 3.0,
                                   .sampled_bytes = 3.0 * 66.0};
    stats_sizes_add(&sizes, &flow);
    assert_true(stats_sizes_plausible(&sizes));
    flow.sampled_bytes = 2.0 * 66.0 + 74.0;
    stats_sizes_add(&sizes, &flow);
    assert_true(stats_sizes_plausible(&sizes));
    flow.sampled_bytes = 3.0 * 52.0;
    stats_sizes_add(&sizes, &flow);
    assert_true(stats_sizes_flows_p(&sizes) == 0.0);
}

static void one_byte_is_found_in_a_flow_of_one_size(void **state) {
    (void)state;
    struct stats_sizes sizes;
    stats_sizes_init(&sizes, 1518.0);
    struct stats_size_flow flow = {.packets = 3000000000U,
                                   .bytes = 3000000000U * UINT64_C(1514),
                                   .square_sum = 3e9 * 1514.0 * 1514.0,
                                   .samples = 46875.0,
                                   .sampled_bytes = 46875.0 * 1514.0};
    stats_sizes_add(&sizes, &flow);
    assert_int_equal(sizes.exact, 1);
    assert_int_equal(sizes.wrong, 0);
    flow.sampled_bytes += 1.0;
    stats_sizes_add(&sizes, &flow);
    assert_int_equal(sizes.wrong, 1);
}

static void the_total_is_not_judged_by_few_samples_nor_at_rate_1(void **state) {
    (void)state;
    assert_true(isnan(stats_test_bytes(100.0, 64000.0, 64.0 * 1e6, 64.0, 1518.0).z) != 0);
    assert_true(isnan(stats_test_bytes(64000.0, 64000.0, 64.0 * 1e6, 1.0, 1518.0).z) != 0);
    /* 6,400 frames of 1,000 bytes, 100 expected: 110 sampled are 10 / sqrt(100 * 63 / 64) away. */
    double z = stats_test_bytes(110e3, 6400e3, 6400e6, 64.0, 1518.0).z;
    assert_true(fabs(z - 10.0 / sqrt(100.0 * 63.0 / 64.0)) < 1e-9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_honest_sampler_is_called_off_in_less_than_one_run_of_200),
        cmocka_unit_test(another_size_is_found_where_a_flow_has_one),
        cmocka_unit_test(large_differences_are_found_where_sizes_vary),
        cmocka_unit_test(samples_that_no_flow_can_have_are_impossible),
        cmocka_unit_test(one_byte_is_found_in_a_flow_of_one_size),
        cmocka_unit_test(the_total_is_not_judged_by_few_samples_nor_at_rate_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
