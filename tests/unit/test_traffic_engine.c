/* The engine of traffic/ over the loopback interface, without root: fast flows, batches, rows of losses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/client_pace.h"
#include "traffic/traffic.h"

static const struct ip_address loopback = {.family = 4, .bytes = {127, 0, 0, 1}};

/* Numbers of a sequence in which each of 'bins' has one count, and which begins and ends with what came. */
static void rows_of_losses_are_counted_by_their_length(void **state) {
    (void)state;
    static const uint64_t rows[] = {1, 2, 3, 4, 5, 8, 9, 1, 70000, 2};
    struct traffic_sequence sequence;
    assert_int_equal(traffic_sequence_init(&sequence, UINT64_MAX), 0);
    uint64_t number = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        traffic_sequence_note(&sequence, number);
        number += rows[i] + 1;
    }
    struct traffic_losses losses = traffic_sequence_losses(&sequence, number);
    static const uint64_t expected[] = {2, 2, 2, 2, 1};
    for (size_t bin = 0; bin < 5; bin++) {
        assert_int_equal(losses.bins[bin], expected[bin]);
    }
    assert_int_equal(losses.bins[17], 1);
    assert_true(traffic_losses_bin_most(16) < 70000 && traffic_losses_bin_most(17) >= 70000);
    assert_int_equal(losses.bursts, 10);
    assert_int_equal(losses.longest, 70000);
    /* Looking changes nothing; what comes late is not lost. */
    traffic_sequence_note(&sequence, number - 1);
    losses = traffic_sequence_losses(&sequence, number);
    assert_int_equal(losses.bursts, 10);
    assert_int_equal(losses.bins[0], 3);
    traffic_sequence_free(&sequence);
}

#define MODEL_NUMBERS 400000

/* Random losses in rows, some numbers a little late: against going through all numbers at the end. */
static void rows_of_losses_agree_with_a_plain_model(void **state) {
    (void)state;
    uint8_t *came = calloc(MODEL_NUMBERS, 1);
    assert_non_null(came);
    struct traffic_sequence sequence;
    assert_int_equal(traffic_sequence_init(&sequence, MODEL_NUMBERS), 0);
    srand(2);
    for (uint64_t number = 0; number < MODEL_NUMBERS; number++) {
        if (rand() % 50 == 0) {
            number += (uint64_t)(rand() % 20);
        }
        uint64_t late = number < 100 ? number : number - (uint64_t)(rand() % 100);
        if (number < MODEL_NUMBERS) {
            came[number] = came[late] = 1;
            traffic_sequence_note(&sequence, number);
            traffic_sequence_note(&sequence, late);
        }
    }
    uint64_t bursts = 0, longest = 0, row = 0, lost = 0;
    for (size_t i = 0; i < MODEL_NUMBERS; i++) {
        bursts += !came[i] && row == 0;
        row = came[i] ? 0 : row + 1;
        longest = row > longest ? row : longest;
        lost += !came[i];
    }
    struct traffic_losses losses = traffic_sequence_losses(&sequence, MODEL_NUMBERS);
    assert_true(bursts > 1000);
    assert_int_equal(losses.bursts, bursts);
    assert_int_equal(losses.longest, longest);
    assert_int_equal(MODEL_NUMBERS - sequence.unique, lost);
    uint64_t sum = 0;
    for (size_t bin = 0; bin < TRAFFIC_LOSS_BINS; bin++) {
        sum += losses.bins[bin];
    }
    assert_int_equal(sum, bursts);
    traffic_sequence_free(&sequence);
    free(came);
}

/* Runs 'group' alone for 'duration_ns' with 'tuning' over loopback. */
static void run_group(const struct traffic_group *group, int64_t duration_ns, struct traffic_tuning tuning,
                      struct traffic_result *result) {
    struct traffic_profile profile = {
        .name = "test", .summary = "", .duration_ns = duration_ns, .groups = group, .group_count = 1};
    struct traffic_plan plan;
    struct traffic_plan_settings planned = {.seed = (uint64_t)getpid()};
    struct traffic_host host = {.netns_fd = -1, .addresses = {&loopback}, .address_count = 1};
    struct error error = {.text = ""};
    assert_int_equal(traffic_plan_make(&plan, &profile, &planned, &error), 0);
    struct traffic_settings settings = {.plan = &plan, .tuning = tuning, .client = host, .server = host};
    if (traffic_run(&settings, result, &error) != 0) {
        fail_msg("%s", error.text);
    }
    traffic_plan_free(&plan);
}

/* Every flow did what it should, and what was sent is what came and what was lost. */
static void check_sums(const struct traffic_result *result) {
    int64_t sent = 0, received = 0, lost = 0;
    for (size_t i = 0; i < result->flow_count; i++) {
        const struct traffic_flow_result *flow = &result->flows[i];
        assert_string_equal(flow->failed, "");
        if (flow->lost == TRAFFIC_NONE) {
            assert_int_equal(flow->sent_bytes, flow->received_bytes);
            continue;
        }
        assert_true(flow->lost >= 0);
        assert_int_equal(flow->sent_packets, flow->received_packets + flow->lost);
        assert_true(flow->lost == 0 ? flow->loss_bursts == 0 : flow->loss_bursts > 0);
        assert_true(flow->loss_longest <= flow->lost);
        sent += flow->sent_packets;
        received += flow->received_packets;
        lost += flow->lost;
    }
    assert_int_equal(sent, result->sum.sent_packets);
    assert_int_equal(received, result->sum.received_packets);
    assert_int_equal(lost, result->lost);
    assert_int_equal(result->owd.count, received);
}

static const struct traffic_group fast = {.protocol = PROTOCOL_UDP,
                                          .family = 4,
                                          .count = 1,
                                          .packets_min = 20001,
                                          .packets_max = 20001,
                                          .payload_min = 100,
                                          .payload_max = 100,
                                          .fast = 1};

static void fast_flow_sends_its_datagrams_in_batches_and_counts_each(void **state) {
    (void)state;
    struct traffic_result result;
    struct traffic_tuning tuning = {.gso = 16};
    run_group(&fast, 5 * NS_PER_S, tuning, &result);
    check_sums(&result);
    assert_int_equal(result.flows[0].sent_packets, 20001);
    assert_int_equal(result.flows[0].sent_bytes, 2000100);
    assert_int_equal(result.send_batch_max, 16);
    assert_true(result.receive_batch_max <= 16);
    traffic_result_free(&result);
}

static void without_gso_each_datagram_has_its_own_send_time(void **state) {
    (void)state;
    struct traffic_result result;
    struct traffic_tuning tuning = {.gso = 1};
    run_group(&fast, 5 * NS_PER_S, tuning, &result);
    check_sums(&result);
    assert_int_equal(result.flows[0].sent_packets, 20001);
    assert_int_equal(result.send_batch_max, 1);
    traffic_result_free(&result);
}

static void datagrams_of_which_one_is_a_batch_go_one_by_one(void **state) {
    (void)state;
    struct traffic_group group = fast;
    group.packets_min = group.packets_max = 100;
    group.payload_min = group.payload_max = 65507;
    struct traffic_result result;
    run_group(&group, 5 * NS_PER_S, (struct traffic_tuning){.gso = 64}, &result);
    check_sums(&result);
    assert_int_equal(result.flows[0].sent_packets, 100);
    assert_int_equal(result.send_batch_max, 1);
    traffic_result_free(&result);
}

static void endless_flows_of_both_protocols_end_with_the_run(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct traffic_group group = fast;
        group.packets_min = group.packets_max = 0;
        group.count = 3;
        group.protocol = i == 0 ? PROTOCOL_UDP : PROTOCOL_TCP;
        group.payload_law = i == 0 ? TRAFFIC_LAW_UNIFORM : TRAFFIC_LAW_CONSTANT;
        group.payload_max = 900;
        struct traffic_result result;
        run_group(&group, 400 * NS_PER_MS, (struct traffic_tuning){0}, &result);
        check_sums(&result);
        for (size_t flow = 0; flow < 3; flow++) {
            assert_int_equal(result.flows[flow].planned_packets, TRAFFIC_NONE);
            assert_true(result.flows[flow].sent_bytes > 0);
        }
        assert_true(result.ended_ns - result.started_ns >= 400 * NS_PER_MS);
        traffic_result_free(&result);
    }
}

/* A paced flow never hands over datagrams as one, whatever the tuning says; bursts without gaps do. */
static void pacing_and_not_tuning_says_what_may_be_a_burst(void **state) {
    (void)state;
    struct traffic_group group = fast;
    group.fast = 0;
    group.packets_min = group.packets_max = 2000;
    group.pps = 10000;
    struct traffic_result result;
    run_group(&group, 500 * NS_PER_MS, (struct traffic_tuning){.gso = 64}, &result);
    check_sums(&result);
    assert_int_equal(result.send_batch_max, 1);
    assert_int_equal(result.flows[0].sent_packets, 2000);
    traffic_result_free(&result);
    group.burst_packets = 20;
    run_group(&group, 500 * NS_PER_MS, (struct traffic_tuning){.gso = 64}, &result);
    check_sums(&result);
    assert_int_equal(result.send_batch_max, 20);
    assert_int_equal(result.flows[0].sent_packets, 2000);
    traffic_result_free(&result);
}

/* Flows of both protocols, fast, paced and in bursts, over several threads: the sums over the threads are
 * those over the flows, and the delays of all are in the histogram. */
static void several_threads_count_as_exactly_as_one(void **state) {
    (void)state;
    for (unsigned int kind = 0; kind < 4; kind++) {
        struct traffic_group group = fast;
        group.fast = kind % 2 == 1;
        group.protocol = kind < 2 ? PROTOCOL_UDP : PROTOCOL_TCP;
        group.count = group.fast ? 7 : 101;
        group.packets_min = 50;
        group.packets_max = 200;
        group.payload_max = 1000;
        struct traffic_result result;
        run_group(&group, 600 * NS_PER_MS, (struct traffic_tuning){.threads = 3}, &result);
        check_sums(&result);
        assert_int_equal(result.failed_flows, 0);
        assert_int_equal(result.foreign, 0);
        assert_true(result.greetings_received > 0);
        int64_t bytes = 0, planned = 0;
        for (size_t i = 0; i < result.flow_count; i++) {
            bytes += result.flows[i].received_bytes;
            planned += result.flows[i].planned_packets;
        }
        assert_int_equal(result.sum.received_bytes, bytes);
        assert_true(result.lost > 0 || kind > 1 || result.sum.received_packets == planned);
        uint64_t bins = 0;
        for (size_t i = 0; i < HISTOGRAM_BINS; i++) {
            bins += result.owd.bins[i];
        }
        assert_int_equal(bins, result.sum.received_packets);
        traffic_result_free(&result);
    }
}

static void lead_is_bounded_by_the_share_that_may_be_spun_away(void **state) {
    (void)state;
    struct client_pace pace;
    client_pace_init(&pace, -1);
    assert_int_equal(client_pace_lead(&pace), 0);
    client_pace_init(&pace, 40);
    if (pace.share == 0) {
        return; /* one processor */
    }
    pace.gap_ns = 100000;
    for (int i = 0; i < 1000; i++) {
        client_pace_woke(&pace, 0, CLIENT_LEAD_MAX_NS);
    }
    assert_in_range(pace.lead_ns, CLIENT_LEAD_MAX_NS - 100, CLIENT_LEAD_MAX_NS);
    assert_int_equal(client_pace_lead(&pace), 40000);
    pace.gap_ns = NS_PER_S;
    assert_int_equal(client_pace_lead(&pace), pace.lead_ns);
}

/* One sleep in two hundred ends 60 us late, the others 20: the lead lies between.  Those that end later than
 * any lead say nothing. */
static void lead_follows_how_late_sleeps_end(void **state) {
    (void)state;
    struct client_pace pace;
    client_pace_init(&pace, 100);
    for (int i = 0; i < 20000; i++) {
        client_pace_woke(&pace, 0, i % 200 == 0 ? 60000 : i % 7 == 0 ? NS_PER_S : 20000);
    }
    assert_in_range(pace.lead_ns, 19000, 45000);
    for (int i = 0; i < 20000; i++) {
        client_pace_woke(&pace, 0, i % 20 == 0 ? 60000 : 20000);
    }
    assert_in_range(pace.lead_ns, 54000, 65000);
}

static void wait_is_never_too_short_and_long_ones_are_left_to_the_loop(void **state) {
    (void)state;
    struct client_pace pace;
    for (int spin = -1; spin <= 100; spin += 101) {
        client_pace_init(&pace, spin);
        for (int64_t wait = 0; wait < 200000; wait += 7001) {
            int64_t now_ns = clock_monotonic_ns();
            assert_true(client_pace_wait(&pace, now_ns + wait, now_ns));
            assert_true(clock_monotonic_ns() >= now_ns + wait);
        }
        int64_t now_ns = clock_monotonic_ns();
        assert_false(client_pace_wait(&pace, now_ns + NS_PER_S, now_ns));
    }
}

int main(void) {
    struct sockaddr_storage name;
    socklen_t size = ip_address_to_sockaddr(&loopback, 0, &name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&name, size) != 0) {
        fprintf(stderr, "skipped: the loopback interface is down\n");
        return 77;
    }
    close(fd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_losses_are_counted_by_their_length),
        cmocka_unit_test(rows_of_losses_agree_with_a_plain_model),
        cmocka_unit_test(fast_flow_sends_its_datagrams_in_batches_and_counts_each),
        cmocka_unit_test(without_gso_each_datagram_has_its_own_send_time),
        cmocka_unit_test(datagrams_of_which_one_is_a_batch_go_one_by_one),
        cmocka_unit_test(endless_flows_of_both_protocols_end_with_the_run),
        cmocka_unit_test(several_threads_count_as_exactly_as_one),
        cmocka_unit_test(lead_is_bounded_by_the_share_that_may_be_spun_away),
        cmocka_unit_test(lead_follows_how_late_sleeps_end),
        cmocka_unit_test(wait_is_never_too_short_and_long_ones_are_left_to_the_loop),
        cmocka_unit_test(pacing_and_not_tuning_says_what_may_be_a_burst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
