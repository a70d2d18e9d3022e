/* The parts of traffic/ that need no network: plan, sequence window, delays, pacer, wire, texts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/delay.h"
#include "traffic/pacer.h"
#include "traffic/plan/profile.h"
#include "traffic/sequence.h"
#include "traffic/text.h"
#include "traffic/wire.h"

static struct traffic_plan make_plan(const char *name, int64_t duration_ns, double scale, uint64_t seed) {
    struct traffic_plan plan;
    struct error error = {.text = ""};
    const struct traffic_profile *profile = traffic_profile_find(name);
    assert_non_null(profile);
    struct traffic_plan_settings settings = {.duration_ns = duration_ns, .scale = scale, .seed = seed};
    assert_int_equal(traffic_plan_make(&plan, profile, &settings, &error), 0);
    return plan;
}

static void mixed_has_sixty_flows_of_all_kinds_over_four_decades(void **state) {
    (void)state;
    struct traffic_plan plan = make_plan(TRAFFIC_PROFILE_DEFAULT, 0, 0, 1);
    assert_true(plan.count >= 60);
    uint64_t smallest = UINT64_MAX, largest = 0;
    size_t kinds[2][2] = {{0}};
    for (size_t i = 0; i < plan.count; i++) {
        const struct traffic_flow *flow = &plan.flows[i];
        smallest = flow->packets < smallest ? flow->packets : smallest;
        largest = flow->packets > largest ? flow->packets : largest;
        kinds[flow->protocol == PROTOCOL_TCP][flow->family == 6]++;
    }
    assert_true(largest >= smallest * 10000);
    assert_true(kinds[0][0] >= 5 && kinds[0][1] >= 5 && kinds[1][0] >= 5 && kinds[1][1] >= 5);
    struct traffic_load load = traffic_plan_load(&plan);
    assert_true(load.mean_pps > 3000 && load.peak_pps < 7000);
    assert_true(load.mean_bps < 40e6);
    traffic_plan_free(&plan);
}

static void plan_is_the_same_for_the_same_seed_and_another_for_another(void **state) {
    (void)state;
    struct traffic_plan a = make_plan("mixed", 0, 0, 7), b = make_plan("mixed", 0, 0, 7);
    struct traffic_plan c = make_plan("mixed", 0, 0, 8);
    size_t moved = 0;
    for (size_t i = 0; i < a.count; i++) {
        const struct traffic_flow *one = &a.flows[i], *same = &b.flows[i], *other = &c.flows[i];
        assert_true(one->sport == same->sport && one->dport == same->dport &&
                    one->start_ns == same->start_ns && one->gap_ns == same->gap_ns &&
                    one->packets == same->packets && one->bytes == same->bytes);
        assert_int_equal(traffic_plan_payload(&a, one, 3), traffic_plan_payload(&b, same, 3));
        assert_int_equal(one->packets, other->packets);
        moved += one->start_ns != other->start_ns;
    }
    assert_true(moved > a.count / 2);
    traffic_plan_free(&a);
    traffic_plan_free(&b);
    traffic_plan_free(&c);
}

static void every_flow_has_its_own_source_port_and_ends_in_time(void **state) {
    (void)state;
    static const int64_t durations[] = {NS_PER_S / 10, NS_PER_S, 20 * NS_PER_S, 3600 * NS_PER_S};
    static const char *const names[] = {"mixed", "quick"};
    for (size_t i = 0; i < 8; i++) {
        struct traffic_plan plan = make_plan(names[i / 4], durations[i % 4], 1, i);
        assert_int_equal(plan.flows[0].start_ns, 0);
        static uint8_t taken[65536];
        memset(taken, 0, sizeof taken);
        for (size_t n = 0; n < plan.count; n++) {
            const struct traffic_flow *flow = &plan.flows[n];
            assert_int_equal(flow->number, n);
            assert_true(flow->sport >= TRAFFIC_SOURCE_FIRST && flow->sport < TRAFFIC_SOURCE_END);
            assert_int_equal(taken[flow->sport]++, 0);
            assert_in_range(flow->dport, TRAFFIC_FIRST_PORT, TRAFFIC_FIRST_PORT + TRAFFIC_SERVER_PORTS - 1);
            assert_true(flow->packets >= 1 && flow->start_ns >= 0);
            assert_true(flow->start_ns + flow->length_ns <= plan.duration_ns);
            assert_int_equal(flow->length_ns, flow->gap_ns * (int64_t)(flow->packets - 1));
        }
        traffic_plan_free(&plan);
    }
}

static void datagram_sizes_stay_in_their_range_and_hold_the_header(void **state) {
    (void)state;
    struct traffic_plan plan = make_plan("mixed", 0, 1, 3);
    size_t differing = 0;
    for (size_t i = 0; i < plan.count; i++) {
        const struct traffic_flow *flow = &plan.flows[i];
        if (flow->protocol != PROTOCOL_UDP) {
            continue;
        }
        assert_true(flow->payload_min >= TRAFFIC_DATAGRAM_SIZE && flow->payload_max <= 1400);
        uint16_t first = traffic_plan_payload(&plan, flow, 0);
        size_t others = 0;
        for (uint64_t n = 0; n < 100; n++) {
            uint16_t size = traffic_plan_payload(&plan, flow, n);
            assert_in_range(size, flow->payload_min, flow->payload_max);
            others += size != first;
        }
        differing += others > 0;
    }
    assert_true(differing >= 5);
    traffic_plan_free(&plan);
}

static void plan_refuses_what_makes_no_sense(void **state) {
    (void)state;
    struct error error = {.text = ""};
    struct traffic_plan plan;
    const struct traffic_profile *quick = traffic_profile_find("quick");
    assert_null(traffic_profile_find("no such profile"));
    static const struct traffic_plan_settings bad[] = {
        {.duration_ns = -5}, {.scale = -1}, {.flows = 1000000}, {.client_addresses = 100000}, {.scale = 1e9}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(traffic_plan_make(&plan, quick, &bad[i], &error), -EINVAL);
    }
    assert_non_null(strstr(error.text, "1000"));
    traffic_plan_free(&plan);
    traffic_plan_free(NULL);
}

static void sequence_counts_loss_duplicates_and_reordering(void **state) {
    (void)state;
    struct traffic_sequence sequence;
    assert_int_equal(traffic_sequence_init(&sequence, 100), 0);
    static const struct {
        uint64_t number;
        enum traffic_arrival arrival;
    } steps[] = {
        {0, TRAFFIC_ARRIVAL_NEW},       {1, TRAFFIC_ARRIVAL_NEW},  {1, TRAFFIC_ARRIVAL_DUPLICATE},
        {4, TRAFFIC_ARRIVAL_NEW},       {5, TRAFFIC_ARRIVAL_NEW},  {2, TRAFFIC_ARRIVAL_REORDERED},
        {2, TRAFFIC_ARRIVAL_DUPLICATE}, {7, TRAFFIC_ARRIVAL_NEW},  {6, TRAFFIC_ARRIVAL_REORDERED},
        {0, TRAFFIC_ARRIVAL_DUPLICATE}, {99, TRAFFIC_ARRIVAL_NEW},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        assert_int_equal(traffic_sequence_note(&sequence, steps[i].number), steps[i].arrival);
    }
    assert_int_equal(sequence.unique, 8);
    assert_int_equal(sequence.duplicated, 3);
    assert_int_equal(sequence.reordered, 2);
    assert_int_equal(sequence.late, 0);
    assert_int_equal(sequence.next, 100);
    traffic_sequence_free(&sequence);
}

/* The example of RFC 4737, 7.1 (table 3): 4 arrives after 5, 6, 7 and 8, of which 5 came first. */
static void extent_is_that_of_rfc_4737(void **state) {
    (void)state;
    struct traffic_sequence sequence;
    assert_int_equal(traffic_sequence_init(&sequence, 100), 0);
    static const uint64_t arrivals[] = {1, 2, 3, 5, 6, 7, 8, 4, 9, 10};
    for (size_t i = 0; i < sizeof arrivals / sizeof *arrivals; i++) {
        traffic_sequence_note(&sequence, arrivals[i]);
    }
    assert_int_equal(sequence.reordered, 1);
    assert_int_equal(sequence.extent, 4);
    traffic_sequence_free(&sequence);
}

static void datagram_below_the_window_is_late_and_stays_lost(void **state) {
    (void)state;
    struct traffic_sequence sequence;
    assert_int_equal(traffic_sequence_init(&sequence, UINT64_C(1) << 40), 0);
    assert_int_equal(sequence.window, TRAFFIC_SEQUENCE_WINDOW);
    traffic_sequence_note(&sequence, 0);
    traffic_sequence_note(&sequence, TRAFFIC_SEQUENCE_WINDOW + 1);
    assert_int_equal(traffic_sequence_note(&sequence, 1), TRAFFIC_ARRIVAL_LATE);
    assert_int_equal(traffic_sequence_note(&sequence, 2), TRAFFIC_ARRIVAL_REORDERED);
    assert_int_equal(traffic_sequence_note(&sequence, 0), TRAFFIC_ARRIVAL_LATE);
    assert_int_equal(traffic_sequence_note(&sequence, 2), TRAFFIC_ARRIVAL_DUPLICATE);
    assert_int_equal(sequence.unique, 3);
    assert_int_equal(sequence.late, 2);
    /* Far ahead: nothing of before may shine through. */
    traffic_sequence_note(&sequence, TRAFFIC_SEQUENCE_WINDOW * 5 + 2);
    assert_int_equal(traffic_sequence_note(&sequence, TRAFFIC_SEQUENCE_WINDOW * 5),
                     TRAFFIC_ARRIVAL_REORDERED);
    assert_int_equal(traffic_sequence_note(&sequence, TRAFFIC_SEQUENCE_WINDOW * 4 + 3),
                     TRAFFIC_ARRIVAL_REORDERED);
    traffic_sequence_free(&sequence);
}

enum { MODEL_PACKETS = 5000, MODEL_ARRIVALS = 8000 };

/* The extent by its definition: the distance to the earliest arrival of a larger number. */
static uint64_t model_extent(const uint64_t *order, size_t count, uint64_t number) {
    for (size_t i = 0; i < count; i++) {
        if (order[i] > number) {
            return count - i;
        }
    }
    return 0;
}

static void sequence_agrees_with_a_plain_model_on_shuffled_arrivals(void **state) {
    (void)state;
    static uint8_t seen[MODEL_PACKETS];
    static uint64_t order[MODEL_ARRIVALS];
    struct traffic_sequence sequence;
    assert_int_equal(traffic_sequence_init(&sequence, MODEL_PACKETS), 0);
    uint64_t unique = 0, duplicated = 0, reordered = 0, next = 0, extent = 0;
    srand(1);
    for (int i = 0; i < MODEL_ARRIVALS; i++) {
        /* Jitter of up to 9 places, half of the numbers twice, some never. */
        int number = i * MODEL_PACKETS / MODEL_ARRIVALS + rand() % 10;
        if (number >= MODEL_PACKETS || number % 11 == 0) {
            continue;
        }
        uint64_t n = (uint64_t)number;
        if (seen[n]++ > 0) {
            duplicated++;
        } else {
            uint64_t mine = n < next ? model_extent(order, unique, n) : 0;
            reordered += n < next;
            extent = mine > extent ? mine : extent;
            next = n + 1 > next ? n + 1 : next;
            order[unique++] = n;
        }
        traffic_sequence_note(&sequence, n);
        assert_int_equal(sequence.unique, unique);
        assert_int_equal(sequence.duplicated, duplicated);
        assert_int_equal(sequence.reordered, reordered);
        assert_int_equal(sequence.extent, extent);
    }
    assert_true(reordered > 500 && duplicated > 500);
    traffic_sequence_free(&sequence);
}

static void jitter_is_that_of_rfc_3550(void **state) {
    (void)state;
    struct traffic_delay delay;
    assert_int_equal(traffic_delay_init(&delay, UINT64_MAX), 0);
    traffic_delay_add(&delay, 1000);
    assert_true(delay.jitter == 0);
    traffic_delay_add(&delay, 2600);
    assert_true(delay.jitter == 100);
    traffic_delay_add(&delay, 1000);
    assert_true(delay.jitter == 100 + (1600 - 100) / 16.0);
    for (int i = 0; i < 1000; i++) {
        traffic_delay_add(&delay, 1000);
    }
    assert_true(delay.jitter < 1);
    traffic_delay_free(&delay);
}

static void delay_quantiles_are_within_one_percent_and_ends_exact(void **state) {
    (void)state;
    struct traffic_delay delay;
    assert_int_equal(traffic_delay_init(&delay, UINT64_MAX), 0);
    assert_int_equal(traffic_delay_quantile(&delay, 0.5), 0);
    for (int64_t i = 1; i <= 100000; i++) {
        traffic_delay_add(&delay, i * 1000 + 7);
    }
    static const double quantiles[] = {0.01, 0.5, 0.9, 0.99, 0.999};
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        double truth = quantiles[i] * 1e8;
        double got = (double)traffic_delay_quantile(&delay, quantiles[i]);
        assert_true(got > truth * 0.99 && got < truth * 1.01);
    }
    assert_int_equal(delay.min, 1007);
    assert_int_equal(delay.max, 100000007);
    assert_int_equal(traffic_delay_quantile(&delay, 1), 100000007);
    traffic_delay_add(&delay, -5);
    traffic_delay_add(&delay, INT64_MAX);
    assert_int_equal(delay.min, -5);
    assert_int_equal(traffic_delay_quantile(&delay, 0), -5);
    traffic_delay_free(&delay);
}

static void pacer_gives_turns_in_order_of_time(void **state) {
    (void)state;
    struct traffic_pacer pacer;
    assert_int_equal(traffic_pacer_init(&pacer, 1000), 0);
    assert_null(traffic_pacer_next(&pacer));
    srand(2);
    for (uint32_t i = 0; i < 1000; i++) {
        traffic_pacer_push(&pacer, rand() % 500, i);
    }
    int64_t last = -1;
    for (int round = 0; round < 5000; round++) {
        struct traffic_turn turn = traffic_pacer_pop(&pacer);
        assert_true(turn.at_ns >= last);
        last = turn.at_ns;
        traffic_pacer_push(&pacer, turn.at_ns + rand() % 50, turn.flow);
    }
    uint8_t seen[1000] = {0};
    while (traffic_pacer_next(&pacer) != NULL) {
        assert_int_equal(seen[traffic_pacer_pop(&pacer).flow]++, 0);
    }
    assert_int_equal(memchr(seen, 0, sizeof seen) == NULL, 1);
    traffic_pacer_free(&pacer);
}

static void datagram_and_preamble_survive_the_wire_and_nothing_else_does(void **state) {
    (void)state;
    uint8_t bytes[TRAFFIC_DATAGRAM_SIZE];
    struct traffic_datagram sent = {0x1122334455667788, 0xa1b2c3d4, 0x0102030405060708, 1700000000123456789},
                            got;
    traffic_datagram_write(&sent, bytes);
    assert_memory_equal(bytes, "nsmu\x11\x22\x33\x44\x55\x66\x77\x88\xa1\xb2\xc3\xd4\x01\x02", 18);
    assert_true(traffic_datagram_read(bytes, sizeof bytes, &got));
    assert_true(got.run == sent.run && got.flow == sent.flow && got.sequence == sent.sequence &&
                got.sent_ns == sent.sent_ns);
    assert_false(traffic_datagram_read(bytes, sizeof bytes - 1, &got));
    struct traffic_preamble preamble;
    assert_false(traffic_preamble_read(bytes, sizeof bytes, &preamble));
    struct traffic_preamble head = {5, 6, 7};
    traffic_preamble_write(&head, bytes);
    assert_true(traffic_preamble_read(bytes, TRAFFIC_PREAMBLE_SIZE, &preamble));
    assert_true(preamble.run == 5 && preamble.flow == 6 && preamble.bytes == 7);
    assert_false(traffic_preamble_read(bytes, TRAFFIC_PREAMBLE_SIZE - 1, &preamble));
    assert_false(traffic_datagram_read(bytes, sizeof bytes, &got));
}

static void texts_show_what_was_lost_and_what_failed(void **state) {
    (void)state;
    char line[TRAFFIC_LINE_SIZE * 2], text[1024];
    struct traffic_flow_result flow = {.sent_packets = 100,
                                       .received_packets = 93,
                                       .lost = 7,
                                       .owd_p50_ns = TRAFFIC_NONE,
                                       .failed = "could not connect"};
    struct traffic_result result = {.flow_count = 3, .failed_flows = 1, .lost = 7, .stopped = true};
    traffic_text_flow(&result, &flow, line);
    assert_non_null(strstr(line, " 93 "));
    assert_non_null(strstr(line, " 7 "));
    assert_non_null(strstr(line, ": could not connect"));
    traffic_text_summary(&result, text, sizeof text);
    assert_non_null(strstr(text, "7 lost"));
    assert_non_null(strstr(text, "stopped early"));
    assert_non_null(strstr(text, "1 flow did not do all that it should"));
    traffic_text_summary(&result, text, 10);
    assert_int_equal(strlen(text), 9);
}

static void summary_says_nothing_of_datagrams_without_udp_nor_of_losses_that_nobody_knows(void **state) {
    (void)state;
    char text[1024];
    struct traffic_flow_result flows[2] = {{.key = {.protocol = PROTOCOL_TCP}, .lost = TRAFFIC_NONE},
                                           {.key = {.protocol = PROTOCOL_TCP}, .lost = TRAFFIC_NONE}};
    /* The second one has the responses. */
    struct traffic_result result = {.flows = flows, .flow_count = 2, .tcp = {.flow_count = 1}};
    traffic_text_summary(&result, text, sizeof text);
    assert_null(strstr(text, "datagram"));
    assert_null(strstr(text, "los"));
    assert_non_null(strstr(text, "2 flows in "));
    assert_non_null(strstr(text, "1 TCP flow: 0 segments retransmitted"));
    flows[0] = (struct traffic_flow_result){.key = {.protocol = PROTOCOL_UDP}};
    result.flow_count = 1;
    result.tcp.flow_count = 0;
    traffic_text_summary(&result, text, sizeof text);
    assert_non_null(strstr(text, "1 flow in "));
    assert_non_null(strstr(text, "0 datagrams sent, 0 received, 0 lost, "));
    flows[0].lost = TRAFFIC_NONE;
    traffic_text_summary(&result, text, sizeof text);
    assert_non_null(strstr(text, "0 received, loss not known, "));
}

static void lines_of_ipv4_flows_fit_a_hundred_columns(void **state) {
    (void)state;
    char line[TRAFFIC_LINE_SIZE * 2];
    const uint8_t address[4] = {192, 168, 100, 200};
    struct traffic_flow_result flows[2] = {{.key = {.protocol = PROTOCOL_TCP}},
                                           {.sent_packets = 987654321,
                                            .sent_bytes = 987654321012,
                                            .received_packets = 999999,
                                            .received_bytes = 999999999,
                                            .lost = 123456,
                                            .duplicated = 12345,
                                            .reordered = 99999,
                                            .retransmitted = 123456,
                                            .rtt_min_ns = 1234567,
                                            .rtt_mean_ns = 123456789,
                                            .cwnd_max_bytes = 12345600,
                                            .owd_p50_ns = 999960,
                                            .owd_p99_ns = 1234567890}};
    struct flow_key *key = &flows[1].key;
    *key = (struct flow_key){.family = 4, .sport = 10000, .dport = 20000};
    memcpy(key->src, address, 4);
    memcpy(key->dst, address, 4);
    /* Of TCP, of UDP, of both: a lab's addresses are shorter. */
    for (size_t i = 0; i < 3; i++) {
        key->protocol = i == 0 ? PROTOCOL_TCP : PROTOCOL_UDP;
        struct traffic_result result = {
            .flows = &flows[i == 2 ? 0 : 1], .flow_count = i == 2 ? 2 : 1, .tcp = {.flow_count = i != 1}};
        traffic_text_flow(&result, &flows[1], line);
        const char *heading = traffic_text_flow_heading(&result);
        assert_true(strlen(line) <= (i == 2 ? 105 : 100));
        assert_int_equal(strstr(heading, "flow") - heading, strstr(line, i == 0 ? "tcp" : "udp") - line);
        assert_true((strstr(line, "987.7M 988G 999999 1.0G  123k 12k 100k  1000 1.23M") != NULL) == (i > 0));
        assert_true((strstr(line, "987.65G  1000.0M  123k 12345.6   1.235       123.5") != NULL) == (i == 0));
    }
}

static void tail_is_what_nothing_comes_in_after_the_last_sender(void **state) {
    (void)state;
    struct traffic_progress progress = {.draining = true, .flows = 2, .duration_ns = NS_PER_S};
    assert_true(traffic_text_is_tail(&progress));
    progress.draining = false;
    assert_false(traffic_text_is_tail(&progress));
    progress.elapsed_ns = NS_PER_S;
    assert_true(traffic_text_is_tail(&progress));
    progress.active = 1;
    assert_false(traffic_text_is_tail(&progress));
    progress.active = 0;
    progress.last.received_bytes = 1;
    assert_false(traffic_text_is_tail(&progress));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mixed_has_sixty_flows_of_all_kinds_over_four_decades),
        cmocka_unit_test(plan_is_the_same_for_the_same_seed_and_another_for_another),
        cmocka_unit_test(every_flow_has_its_own_source_port_and_ends_in_time),
        cmocka_unit_test(datagram_sizes_stay_in_their_range_and_hold_the_header),
        cmocka_unit_test(plan_refuses_what_makes_no_sense),
        cmocka_unit_test(sequence_counts_loss_duplicates_and_reordering),
        cmocka_unit_test(extent_is_that_of_rfc_4737),
        cmocka_unit_test(datagram_below_the_window_is_late_and_stays_lost),
        cmocka_unit_test(sequence_agrees_with_a_plain_model_on_shuffled_arrivals),
        cmocka_unit_test(jitter_is_that_of_rfc_3550),
        cmocka_unit_test(delay_quantiles_are_within_one_percent_and_ends_exact),
        cmocka_unit_test(pacer_gives_turns_in_order_of_time),
        cmocka_unit_test(datagram_and_preamble_survive_the_wire_and_nothing_else_does),
        cmocka_unit_test(texts_show_what_was_lost_and_what_failed),
        cmocka_unit_test(summary_says_nothing_of_datagrams_without_udp_nor_of_losses_that_nobody_knows),
        cmocka_unit_test(lines_of_ipv4_flows_fit_a_hundred_columns),
        cmocka_unit_test(tail_is_what_nothing_comes_in_after_the_last_sender),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
