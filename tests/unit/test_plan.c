/* What a plan of traffic is made of: distributions, bursts, directions, addresses, ports.
 *
 * The seeds are fixed, so the tests always end in the same way.  Their limits are those that a right
 * generator oversteps with one seed in 100,000. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/plan/empirical.h"
#include "traffic/plan/profile.h"

#define UDP4 .protocol = PROTOCOL_UDP, .family = 4, .payload_min = 100, .payload_max = 100

/* A plan of one group for 'seconds', of 'client' and 'server' addresses. */
static struct traffic_plan plan_of(const struct traffic_group *group, double seconds, uint32_t client,
                                   uint32_t server) {
    static struct traffic_profile profile;
    profile = (struct traffic_profile){"test", "", (int64_t)(seconds * (double)NS_PER_S), group, 1};
    struct traffic_plan_settings settings = {
        .seed = 5, .client_addresses = client, .server_addresses = server};
    struct traffic_plan plan;
    struct error error = {.text = ""};
    if (traffic_plan_make(&plan, &profile, &settings, &error) != 0) {
        fail_msg("%s", error.text);
    }
    return plan;
}

/* --- distributions --- */

static int compare(const void *a, const void *b) {
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

typedef double distribution_fn(double value);

/* The test of Kolmogorov and Smirnov: the largest distance of the distribution of 'values', which get sorted,
 * from 'wanted' is below its 1 - 1e-5 quantile, sqrt(ln(2e5) / 2 / count). */
static void check_distribution(double *values, size_t count, distribution_fn *wanted) {
    qsort(values, count, sizeof *values, compare);
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        double at = wanted(values[i]);
        largest = fmax(largest, fmax(at - (double)i / (double)count, (double)(i + 1) / (double)count - at));
    }
    double limit = sqrt(log(2e5) / 2 / (double)count);
    if (largest >= limit) {
        fail_msg("the largest distance is %.4f, the limit %.4f", largest, limit);
    }
}

#define DRAWS 10000

/* The mean of 'values' is that of 'mean' and 'deviation': within 4.42 standard errors. */
static void check_mean(const double *values, size_t count, double mean, double deviation) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    double off = fabs(sum / (double)count - mean);
    assert_true(off < 4.42 * deviation / sqrt((double)count));
}

static double exponential_of_100_us(double ns) {
    return 1 - exp(-ns / 1e5);
}

static void exponential_gaps_are_a_poisson_process_of_the_rate(void **state) {
    (void)state;
    const struct traffic_group group = {UDP4, .count = 1, .gaps = TRAFFIC_LAW_EXPONENTIAL, .pps = 10000};
    struct traffic_plan plan = plan_of(&group, 10, 1, 1);
    static double gaps[DRAWS];
    assert_in_range(plan.flows[0].packets, 90000, 95000);
    for (uint64_t i = 0; i < DRAWS; i++) {
        gaps[i] = (double)traffic_plan_gap(&plan, &plan.flows[0], i);
        assert_int_equal(gaps[i], traffic_plan_gap(&plan, &plan.flows[0], i));
    }
    check_mean(gaps, DRAWS, 1e5, 1e5);
    check_distribution(gaps, DRAWS, exponential_of_100_us);
    traffic_plan_free(&plan);
}

/* Of two neighbouring gaps one does not say anything about the other: their correlation is that of chance. */
static void exponential_gaps_do_not_know_each_other(void **state) {
    (void)state;
    const struct traffic_group group = {UDP4, .count = 1, .gaps = TRAFFIC_LAW_EXPONENTIAL, .pps = 10000};
    struct traffic_plan plan = plan_of(&group, 10, 1, 1);
    double sum = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        double one = (double)traffic_plan_gap(&plan, &plan.flows[0], i) / 1e5 - 1;
        double next = (double)traffic_plan_gap(&plan, &plan.flows[0], i + 1) / 1e5 - 1;
        sum += one * next;
    }
    assert_true(fabs(sum / DRAWS) < 4.42 / sqrt(DRAWS));
    traffic_plan_free(&plan);
}

/* Alpha 1.2 between 10 and 10,000 packets; a value stands for what is rounded to it. */
static double pareto_of_10_to_10000(double packets) {
    double share = 1 - pow(10 / fmin(packets + 0.5, 10000), 1.2);
    return share / (1 - pow(10.0 / 10000, 1.2));
}

static void pareto_sizes_are_pareto_between_their_ends(void **state) {
    (void)state;
    const struct traffic_group group = {
        UDP4,        .count = DRAWS, .packets_min = 10, .packets_max = 10000, .sizes = TRAFFIC_SIZES_PARETO,
        .alpha = 1.2};
    struct traffic_plan plan = plan_of(&group, 100, 1, 1);
    /* The distribution has steps, so only the top of each step can be compared; and no more than a hundredth
     * of all flows stand on one. */
    size_t at_most[10001] = {0};
    for (size_t i = 0; i < plan.count; i++) {
        assert_in_range(plan.flows[i].packets, 10, 10000);
        at_most[plan.flows[i].packets]++;
    }
    double largest = 0;
    size_t sum = 0;
    for (size_t packets = 10; packets <= 10000; packets++) {
        sum += at_most[packets];
        largest = fmax(largest, fabs((double)sum / DRAWS - pareto_of_10_to_10000((double)packets)));
    }
    assert_true(largest < sqrt(log(2e5) / 2 / DRAWS));
    traffic_plan_free(&plan);
}

static double even_over_the_arrivals(double start_ns) {
    return start_ns / (10e9 * 0.95 * 0.9);
}

static void poisson_arrivals_are_uniform_and_even_ones_equidistant(void **state) {
    (void)state;
    static double starts[DRAWS];
    struct traffic_group group = {
        UDP4,      .count = DRAWS, .packets_min = 2, .packets_max = 2, .arrivals = TRAFFIC_ARRIVALS_POISSON,
        .pps = 100};
    struct traffic_plan plan = plan_of(&group, 10, 1, 1);
    for (size_t i = 0; i < DRAWS; i++) {
        starts[i] = (double)plan.flows[i].start_ns;
    }
    check_distribution(starts, DRAWS, even_over_the_arrivals);
    traffic_plan_free(&plan);
    group.arrivals = TRAFFIC_ARRIVALS_EVEN;
    plan = plan_of(&group, 10, 1, 1);
    for (size_t i = 0; i < DRAWS; i++) {
        starts[i] = (double)plan.flows[i].start_ns;
    }
    qsort(starts, DRAWS, sizeof *starts, compare);
    for (size_t i = 1; i < DRAWS; i++) {
        assert_true(fabs(starts[i] - starts[i - 1] - 10e9 * 0.95 * 0.9 / DRAWS) <= 1);
    }
    traffic_plan_free(&plan);
}

static void datagrams_of_a_flow_have_sizes_of_the_distribution_within_the_range(void **state) {
    (void)state;
    static double sizes[DRAWS];
    const struct traffic_group group = {.protocol = PROTOCOL_UDP,
                                        .family = 4,
                                        .count = 1,
                                        .pps = 1000,
                                        .payload_min = 64,
                                        .payload_max = 1400,
                                        .payload_law = TRAFFIC_LAW_NORMAL,
                                        .payload_mean = 700,
                                        .payload_shape = 0.1};
    struct traffic_plan plan = plan_of(&group, 10, 1, 1);
    for (uint64_t i = 0; i < DRAWS; i++) {
        sizes[i] = traffic_plan_payload(&plan, &plan.flows[0], i);
        assert_in_range((uint64_t)sizes[i], 64, 1400);
        assert_true(sizes[i] == traffic_plan_payload(&plan, &plan.flows[0], i));
    }
    check_mean(sizes, DRAWS, 700, 70);
    double bytes = (double)plan.flows[0].bytes / (double)plan.flows[0].packets;
    assert_true(fabs(bytes - 700) < 5);
    traffic_plan_free(&plan);
}

static void sizes_of_flows_are_of_their_distribution_and_their_histogram(void **state) {
    (void)state;
    struct traffic_empirical *histogram = calloc(1, sizeof *histogram);
    size_t bad = 0;
    assert_non_null(histogram);
    histogram->count = 2;
    histogram->bins[0] = (struct traffic_empirical_bin){.low = 10, .high = 10, .weight = 3};
    histogram->bins[1] = (struct traffic_empirical_bin){.low = 1000, .high = 1000, .weight = 1};
    assert_int_equal(traffic_empirical_finish(histogram, &bad), 0);
    struct traffic_group group = {UDP4,
                                  .count = DRAWS,
                                  .packets_min = 1,
                                  .packets_max = 10000,
                                  .sizes = TRAFFIC_SIZES_HISTOGRAM,
                                  .sizes_histogram = histogram};
    struct traffic_plan plan = plan_of(&group, 100, 1, 1);
    size_t small = 0;
    for (size_t i = 0; i < plan.count; i++) {
        assert_true(plan.flows[i].packets == 10 || plan.flows[i].packets == 1000);
        small += plan.flows[i].packets == 10;
    }
    assert_true(fabs((double)small / DRAWS - 0.75) < 4.42 * sqrt(0.75 * 0.25 / DRAWS));
    traffic_plan_free(&plan);
    static double packets[DRAWS];
    group.sizes = TRAFFIC_SIZES_EXPONENTIAL;
    group.sizes_histogram = NULL;
    group.sizes_mean = 500;
    plan = plan_of(&group, 100, 1, 1);
    for (size_t i = 0; i < plan.count; i++) {
        packets[i] = (double)plan.flows[i].packets;
    }
    check_mean(packets, DRAWS, 501, 500);
    traffic_plan_free(&plan);
    free(histogram);
}

static void gaps_of_a_histogram_are_as_its_times_unless_a_rate_says_otherwise(void **state) {
    (void)state;
    struct traffic_empirical *histogram = calloc(1, sizeof *histogram);
    size_t bad = 0;
    assert_non_null(histogram);
    histogram->count = 2;
    histogram->bins[0] = (struct traffic_empirical_bin){.low = 100000, .high = 100000, .weight = 1};
    histogram->bins[1] = (struct traffic_empirical_bin){.low = 300000, .high = 300000, .weight = 1};
    assert_int_equal(traffic_empirical_finish(histogram, &bad), 0);
    struct traffic_group group = {UDP4, .count = 1, .gaps = TRAFFIC_LAW_HISTOGRAM,
                                  .gap_histogram = histogram};
    for (int scaled = 0; scaled < 2; scaled++) {
        group.pps = scaled == 1 ? 10000 : 0;
        struct traffic_plan plan = plan_of(&group, 10, 1, 1);
        size_t seen[2] = {0, 0};
        for (uint64_t i = 0; i < DRAWS; i++) {
            int64_t gap = traffic_plan_gap(&plan, &plan.flows[0], i);
            int64_t low = scaled == 1 ? 50000 : 100000;
            assert_true(llabs(gap - low) <= 1 || llabs(gap - 3 * low) <= 1);
            seen[gap > 2 * low]++;
        }
        assert_true(fabs((double)seen[0] / DRAWS - 0.5) < 4.42 * sqrt(0.25 / DRAWS));
        double wanted = 0.95 * (scaled == 1 ? 100000 : 50000);
        assert_true(fabs((double)plan.flows[0].packets / wanted - 1) < 0.03);
        traffic_plan_free(&plan);
    }
    free(histogram);
}

/* --- rates and bursts --- */

static void streams_have_the_rate_they_ask_for_to_the_end_of_the_run(void **state) {
    (void)state;
    const struct traffic_group group = {UDP4, .count = 100, .both_ways = 1,
                                        .arrivals = TRAFFIC_ARRIVALS_TOGETHER, .pps = 50};
    struct traffic_plan plan = plan_of(&group, 10, 3, 3);
    assert_int_equal(plan.count, 200);
    assert_int_equal(plan.reverse_count, 100);
    for (size_t i = 0; i < plan.count; i += 2) {
        const struct traffic_flow *flow = &plan.flows[i], *twin = &plan.flows[i + 1];
        assert_int_equal(flow->gap_ns, 20 * NS_PER_MS);
        assert_true(flow->start_ns <= 20 * NS_PER_MS);
        assert_in_range(flow->packets, 474, 476);
        assert_true(flow->reverse == 0 && twin->reverse == 1);
        assert_true(flow->packets == twin->packets && flow->start_ns == twin->start_ns);
        assert_true(flow->source == twin->destination && flow->destination == twin->source);
    }
    traffic_plan_free(&plan);
}

static void rate_in_bits_is_of_payload_and_of_each_flow_or_of_all(void **state) {
    (void)state;
    struct traffic_group group = {UDP4, .count = 10, .rate_bps = 800000,
                                  .arrivals = TRAFFIC_ARRIVALS_TOGETHER};
    for (int all = 0; all < 2; all++) {
        group.rate_bps = all == 0 ? 800000 : 0;
        group.total_rate_bps = all == 0 ? 0 : 800000;
        struct traffic_plan plan = plan_of(&group, 10, 1, 1);
        for (size_t i = 0; i < plan.count; i++) {
            assert_int_equal(plan.flows[i].gap_ns, all == 0 ? NS_PER_MS : 10 * NS_PER_MS);
        }
        traffic_plan_free(&plan);
    }
}

static void requests_and_responses_are_pairs_of_flows_with_sizes_of_their_own(void **state) {
    (void)state;
    const struct traffic_group groups[] = {
        {UDP4, .count = 3, .packets_min = 10, .packets_max = 10, .response_min = 100, .response_max = 900},
        {.protocol = PROTOCOL_TCP,
         .family = 6,
         .count = 1,
         .packets_min = 7,
         .packets_max = 7,
         .payload_min = 50,
         .payload_max = 50,
         .response_min = 2000,
         .response_max = 2000}};
    const struct traffic_profile profile = {"test", "", 10 * NS_PER_S, groups, 2};
    struct traffic_plan_settings settings = {.seed = 5};
    struct traffic_plan plan;
    assert_int_equal(traffic_plan_make(&plan, &profile, &settings, NULL), 0);
    assert_int_equal(plan.count, 8);
    assert_true(plan.response_count == 4 && plan.reverse_count == 0);
    static const uint32_t responses[] = {100, 300, 900, 2000};
    for (size_t i = 0; i < plan.count; i += 2) {
        const struct traffic_flow *asks = &plan.flows[i], *responds = &plan.flows[i + 1];
        assert_true(asks->responds == 0 && responds->responds == 1 && responds->response == 0);
        assert_int_equal(asks->response, responses[i / 2]);
        assert_int_equal(responds->bytes, asks->packets * responses[i / 2]);
        assert_int_equal(traffic_flow_side(asks), TRAFFIC_SIDE_FORWARD);
        assert_int_equal(traffic_flow_side(responds), TRAFFIC_SIDE_RESPONSES);
    }
    assert_true(plan.flows[6].request == 50 && plan.flows[6].bytes == 7 * 50);
    traffic_plan_free(&plan);
}

static void burst_is_tight_and_its_pause_fills_the_period(void **state) {
    (void)state;
    const struct traffic_group group = {UDP4,
                                        .count = 1,
                                        .packets_min = 1000,
                                        .packets_max = 1000,
                                        .burst_packets = 40,
                                        .burst_gap_ns = 50000,
                                        .burst_period_ns = 200 * NS_PER_MS};
    struct traffic_plan plan = plan_of(&group, 10, 1, 1);
    const struct traffic_flow *flow = &plan.flows[0];
    assert_int_equal(flow->packets, 1000);
    int64_t moment_ns = 0;
    for (uint64_t i = 0; i + 1 < flow->packets; i++) {
        assert_int_equal(moment_ns, (int64_t)(i / 40) * 200 * NS_PER_MS + (int64_t)(i % 40) * 50000);
        moment_ns += traffic_plan_gap(&plan, flow, i);
    }
    assert_int_equal(moment_ns, flow->length_ns);
    traffic_plan_free(&plan);
}

/* For every kind of rhythm: what there is no time for is not planned. */
static void no_flow_is_longer_than_the_run_has_time(void **state) {
    (void)state;
    static const struct traffic_group groups[] = {
        {UDP4, .count = 50, .pps = 1000},
        {UDP4, .count = 50, .packets_min = 10, .packets_max = 1000000, .pps = 1000},
        {UDP4, .count = 50, .packets_min = 1, .packets_max = 5000, .burst_packets = 100,
         .burst_gap_ns = 1000},
        {UDP4, .count = 50, .packets_min = 9, .packets_max = 5000, .burst_packets = 10,
         .burst_gap_ns = 9000000},
        {UDP4, .count = 50, .burst_packets = 10, .burst_gap_ns = 10000, .burst_period_ns = 70000000},
        {UDP4, .count = 50, .pps = 5000, .burst_packets = 32},
        {.protocol = PROTOCOL_TCP, .family = 6, .count = 50, .pps = 200},
    };
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        for (uint8_t arrivals = 0; arrivals <= TRAFFIC_ARRIVALS_TOGETHER; arrivals++) {
            struct traffic_group group = groups[g];
            group.arrivals = arrivals;
            struct traffic_plan plan = plan_of(&group, 3, 1, 1);
            for (size_t i = 0; i < plan.count; i++) {
                const struct traffic_flow *flow = &plan.flows[i];
                int64_t moment_ns = flow->start_ns;
                for (uint64_t n = 0; n + 1 < flow->packets; n++) {
                    moment_ns += traffic_plan_gap(&plan, flow, n);
                }
                assert_true(flow->packets >= 1 && flow->bytes >= flow->packets);
                assert_true(moment_ns <= 3 * NS_PER_S);
                assert_true(labs(moment_ns - flow->start_ns - flow->length_ns) <= (long)flow->packets);
            }
            traffic_plan_free(&plan);
        }
    }
}

/* --- addresses and ports --- */

static int compare_tuples(const void *a, const void *b) {
    return memcmp(a, b, sizeof(uint32_t[5]));
}

/* No two flows of 'plan' have the same addresses and ports, whatever the protocol. */
static void check_tuples(const struct traffic_plan *plan) {
    uint32_t(*tuples)[5] = calloc(plan->count, sizeof *tuples);
    assert_non_null(tuples);
    for (size_t i = 0; i < plan->count; i++) {
        const struct traffic_flow *flow = &plan->flows[i];
        uint32_t tuple[5] = {flow->reverse, flow->source, flow->destination, flow->sport, flow->dport};
        memcpy(tuples[i], tuple, sizeof tuple);
        if (flow->responds != 0) { /* the way back of the flow before */
            const struct traffic_flow *asks = &plan->flows[i - 1];
            assert_true(flow->sport == asks->dport && flow->dport == asks->sport && flow->reverse == 1);
            assert_true(flow->source == asks->destination && flow->destination == asks->source);
        } else {
            assert_in_range(flow->sport, TRAFFIC_SOURCE_FIRST, TRAFFIC_SOURCE_END - 1);
        }
        assert_true(flow->source < (flow->reverse ? plan->server_addresses : plan->client_addresses));
        assert_true(flow->destination < (flow->reverse ? plan->client_addresses : plan->server_addresses));
    }
    qsort(tuples, plan->count, sizeof *tuples, compare_tuples);
    for (size_t i = 1; i < plan->count; i++) {
        assert_int_not_equal(compare_tuples(tuples[i - 1], tuples[i]), 0);
    }
    free(tuples);
}

static void flows_take_all_addresses_in_turn_and_share_few_ports(void **state) {
    (void)state;
    const struct traffic_group group = {UDP4, .count = 5000, .packets_min = 3, .packets_max = 3,
                                        .destinations = 1};
    struct traffic_plan plan = plan_of(&group, 5, 1000, 1000);
    static uint32_t flows[1000];
    static uint8_t ports[65536];
    size_t port_count = 0;
    memset(flows, 0, sizeof flows);
    memset(ports, 0, sizeof ports);
    for (size_t i = 0; i < plan.count; i++) {
        flows[plan.flows[i].source]++;
        assert_int_equal(plan.flows[i].destination, 0);
        port_count += ports[plan.flows[i].sport]++ == 0;
    }
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(flows[i], 5);
    }
    assert_true(port_count > 64 && port_count <= 320);
    check_tuples(&plan);
    traffic_plan_free(&plan);
}

/* Few flows in a lab of many addresses are not all at its beginning. */
static void few_flows_spread_over_many_addresses(void **state) {
    (void)state;
    const struct traffic_group group = {UDP4, .count = 10, .packets_min = 3, .packets_max = 3,
                                        .sources = 500};
    struct traffic_plan plan = plan_of(&group, 5, 1000, 7);
    size_t halves[2] = {0};
    for (size_t i = 0; i < plan.count; i++) {
        assert_true(plan.flows[i].source < 500);
        halves[plan.flows[i].source >= 250]++;
    }
    assert_int_equal(halves[0], 5);
    check_tuples(&plan);
    traffic_plan_free(&plan);
}

static void more_flows_than_source_ports_need_more_addresses(void **state) {
    (void)state;
    const struct traffic_group group = {UDP4, .count = 60000, .packets_min = 1, .packets_max = 1};
    const struct traffic_profile profile = {"many", "", NS_PER_S, &group, 1};
    struct traffic_plan_settings settings = {.client_addresses = 2};
    struct traffic_plan plan;
    struct error error = {.text = ""};
    assert_int_equal(traffic_plan_make(&plan, &profile, &settings, &error), -EINVAL);
    assert_non_null(strstr(error.text, "30000 flows from one address"));
    settings.client_addresses = 3;
    assert_int_equal(traffic_plan_make(&plan, &profile, &settings, &error), 0);
    check_tuples(&plan);
    traffic_plan_free(&plan);
}

static void number_of_flows_is_shared_out_in_proportion(void **state) {
    (void)state;
    static const size_t wanted[] = {11, 64, 100, 999, 20000};
    struct traffic_plan plan;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct traffic_plan_settings settings = {.flows = wanted[i]};
        assert_int_equal(traffic_plan_make(&plan, traffic_profile_find("mixed"), &settings, NULL), 0);
        assert_in_range(plan.count, wanted[i], wanted[i] + 3);
        size_t tcp = 0;
        for (size_t n = 0; n < plan.count; n++) {
            tcp += plan.flows[n].protocol == PROTOCOL_TCP;
        }
        /* 24 of 64, but for what is rounded in each of the 11 groups. */
        assert_true(fabs((double)tcp - (double)plan.count * 24 / 64) <= 6);
        check_tuples(&plan);
        traffic_plan_free(&plan);
    }
    struct traffic_plan_settings settings = {.flows = 10};
    assert_int_equal(traffic_plan_make(&plan, traffic_profile_find("voip"), &settings, NULL), 0);
    assert_int_equal(plan.count, 10);
    assert_int_equal(plan.reverse_count, 5);
    traffic_plan_free(&plan);
}

/* --- what is shipped, and what is refused --- */

static void every_profile_makes_a_plan_for_one_address_and_for_many(void **state) {
    (void)state;
    size_t count;
    const struct traffic_profile *profiles = traffic_profiles(&count);
    for (size_t i = 0; i < count * 2; i++) {
        struct traffic_plan_settings settings = {.seed = i, .client_addresses = i % 2 == 0 ? 1 : 5000};
        settings.server_addresses = settings.client_addresses;
        struct traffic_plan plan;
        struct error error = {.text = ""};
        if (traffic_plan_make(&plan, &profiles[i / 2], &settings, &error) != 0) {
            fail_msg("%s", error.text);
        }
        assert_true(traffic_plan_load(&plan).peak_pps < 10000);
        check_tuples(&plan);
        traffic_plan_free(&plan);
    }
}

static void group_that_makes_no_sense_is_named(void **state) {
    (void)state;
    static const struct {
        struct traffic_group group;
        const char *why;
    } bad[] = {
        {{.protocol = 1, .family = 4, .count = 1}, "protocol"},
        {{.protocol = PROTOCOL_TCP, .family = 5, .count = 1, .packets_min = 1, .packets_max = 1}, "version"},
        {{UDP4, .count = 1}, "size or a rate"},
        {{UDP4, .count = 1, .packets_min = 9, .packets_max = 8}, "sizes of flows"},
        {{.protocol = PROTOCOL_UDP, .family = 4, .count = 1, .payload_min = 31, .payload_max = 90, .pps = 1},
         "payload"},
        {{UDP4, .count = 1, .pps = -1}, "size or a rate"},
        {{UDP4, .count = 1, .pps = NAN, .packets_min = 1, .packets_max = 2}, "packets/s"},
        {{UDP4, .count = 1, .pps = 1, .sizes = TRAFFIC_SIZES_PARETO}, "alpha"},
        {{UDP4, .count = 1, .pps = 1, .gaps = 7}, "unknown"},
        {{UDP4, .count = 1, .pps = 1, .payload_law = 7}, "unknown"},
        {{UDP4, .count = 1, .pps = 1, .sizes = 7}, "unknown"},
        {{UDP4, .count = 1, .pps = 1, .gaps = TRAFFIC_LAW_HISTOGRAM}, "histogram"},
        {{UDP4, .count = 1, .pps = 1, .payload_mean = 101}, "mean"},
        {{UDP4, .count = 1, .pps = 1, .sizes_shape = 11}, "shape"},
        {{UDP4, .count = 1, .pps = 1, .burst_packets = 2, .burst_period_ns = 5}, "contradict"},
        {{UDP4, .count = 1, .pps = 1, .rate_bps = 1}, "contradict"},
        {{.protocol = PROTOCOL_TCP, .family = 4, .count = 1, .pps = 1, .both_ways = 1}, "both ways"},
        {{UDP4, .count = 1, .pps = 1, .response_min = 47, .response_max = 50}, "responses"},
        {{UDP4, .count = 1, .pps = 1, .response_min = 48, .response_max = 65508}, "responses"},
        {{UDP4, .count = 1, .pps = 1, .response_min = 60, .response_max = 50}, "responses"},
        {{UDP4, .count = 1, .pps = 1, .response_min = 48, .response_max = 48, .both_ways = 1}, "both ways"},
        {{.protocol = PROTOCOL_TCP,
          .family = 4,
          .count = 1,
          .pps = 1,
          .response_min = 1,
          .response_max = 1,
          .payload_min = 23,
          .payload_max = 50},
         "requests of TCP"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct traffic_group groups[2] = {{UDP4, .count = 1, .pps = 1}, bad[i].group};
        const struct traffic_profile profile = {"wrong", "", NS_PER_S, groups, 2};
        struct traffic_plan_settings settings = {0};
        struct traffic_plan plan;
        struct error error = {.text = ""};
        assert_int_equal(traffic_plan_make(&plan, &profile, &settings, &error), -EINVAL);
        if (strstr(error.text, "group 2 of the traffic 'wrong'") == NULL ||
            strstr(error.text, bad[i].why) == NULL) {
            fail_msg("%zu: '%s'", i, error.text);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponential_gaps_are_a_poisson_process_of_the_rate),
        cmocka_unit_test(exponential_gaps_do_not_know_each_other),
        cmocka_unit_test(pareto_sizes_are_pareto_between_their_ends),
        cmocka_unit_test(datagrams_of_a_flow_have_sizes_of_the_distribution_within_the_range),
        cmocka_unit_test(sizes_of_flows_are_of_their_distribution_and_their_histogram),
        cmocka_unit_test(gaps_of_a_histogram_are_as_its_times_unless_a_rate_says_otherwise),
        cmocka_unit_test(poisson_arrivals_are_uniform_and_even_ones_equidistant),
        cmocka_unit_test(streams_have_the_rate_they_ask_for_to_the_end_of_the_run),
        cmocka_unit_test(rate_in_bits_is_of_payload_and_of_each_flow_or_of_all),
        cmocka_unit_test(requests_and_responses_are_pairs_of_flows_with_sizes_of_their_own),
        cmocka_unit_test(burst_is_tight_and_its_pause_fills_the_period),
        cmocka_unit_test(no_flow_is_longer_than_the_run_has_time),
        cmocka_unit_test(flows_take_all_addresses_in_turn_and_share_few_ports),
        cmocka_unit_test(few_flows_spread_over_many_addresses),
        cmocka_unit_test(more_flows_than_source_ports_need_more_addresses),
        cmocka_unit_test(number_of_flows_is_shared_out_in_proportion),
        cmocka_unit_test(every_profile_makes_a_plan_for_one_address_and_for_many),
        cmocka_unit_test(group_that_makes_no_sense_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
