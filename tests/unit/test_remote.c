/* What the two ends of a test between hosts say to each other, and what is made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/plan/empirical.h"
#include "traffic/remote/clock.h"
#include "traffic/remote/counts.h"
#include "traffic/remote/link.h"
#include "traffic/remote/message.h"
#include "traffic/remote/report.h"
#include "traffic/remote/streams.h"

static json_t *parse(const char *line) {
    struct error error = {""};
    json_t *message = remote_message_parse(line, strlen(line), &error);
    assert_true((message == NULL) == (error.text[0] != '\0'));
    return message;
}

static void messages_are_objects_with_a_type(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "1",
                                      "{\"type\":1}",
                                      "{\"type\":\"a\"",
                                      "{\"type\":\"a\"} x",
                                      "{\"type\":\"a\",\"type\":\"b\"}",
                                      "{\"type\":\"a\",\"n\":99999999999999999999}",
                                      "{\"type\":\"\\ud800\"}",
                                      "nul"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(parse(bad[i]));
    }
    json_t *message = parse("{\"type\":\"a\",\"n\":-3,\"text\":\"x\\u001b[2Jy\\n\"}");
    int64_t value = 0;
    char text[6];
    assert_string_equal(remote_message_type(message), "a");
    assert_int_equal(remote_take_integer(message, "n", -3, -3, &value, NULL), 0);
    assert_int_equal(remote_take_integer(message, "n", -2, 9, &value, NULL), -EPROTO);
    assert_int_equal(remote_take_integer(message, "m", -9, 9, &value, NULL), -EPROTO);
    assert_string_equal(remote_take_text(message, "text", text, sizeof text), "x?[2J");
    assert_string_equal(remote_take_text(message, "n", text, sizeof text), "");
    json_decref(message);
}

static void depth_and_length_are_bounded_before_parsing(void **state) {
    (void)state;
    json_t *message = parse("{\"type\":\"a\",\"x\":[[[[[1]]]]]}");
    assert_non_null(message);
    json_decref(message);
    assert_null(parse("{\"type\":\"a\",\"x\":[[[[[[1]]]]]]}"));
    /* Brackets in strings are none, also behind a quote that is escaped. */
    message = parse("{\"type\":\"a\\\"[[[[[[[[\",\"x\":\"\\\\\"}");
    assert_non_null(message);
    json_decref(message);
    char *line = malloc(REMOTE_LINE_MAX + 1);
    memset(line, ' ', REMOTE_LINE_MAX);
    struct error error = {""};
    assert_null(remote_message_parse(line, REMOTE_LINE_MAX, &error));
    assert_non_null(strstr(error.text, "65536"));
    free(line);
}

/* Two ends of a control connection. */
static void open_links(struct remote_link links[2]) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(remote_link_open(&links[0], pair[0], NULL), 0);
    assert_int_equal(remote_link_open(&links[1], pair[1], NULL), 0);
}

static void messages_come_in_pieces_and_in_heaps(void **state) {
    (void)state;
    struct remote_link links[2];
    struct error error = {""};
    json_t *message = NULL;
    open_links(links);
    assert_int_equal(send(links[0].fd, "{\"type\":", 8, 0), 8);
    assert_int_equal(remote_link_pump(&links[1], &error), 0);
    assert_int_equal(remote_link_next(&links[1], &message, &error), 0);
    assert_int_equal(send(links[0].fd, "\"a\"}\n{\"type\":\"b\"}\n{", 20, 0), 20);
    assert_int_equal(remote_link_pump(&links[1], &error), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(remote_link_next(&links[1], &message, &error), 1);
        assert_string_equal(remote_message_type(message), i == 0 ? "a" : "b");
        json_decref(message);
    }
    assert_int_equal(remote_link_next(&links[1], &message, &error), 0);
    remote_link_close(&links[0]);
    assert_int_equal(remote_link_pump(&links[1], &error), 0);
    assert_int_equal(remote_link_next(&links[1], &message, &error), -ECONNRESET);
    remote_link_close(&links[1]);
    remote_link_close(&links[1]);
}

static void a_line_without_end_and_an_end_that_reads_nothing_are_given_up(void **state) {
    (void)state;
    struct remote_link links[2];
    struct error error = {""};
    json_t *message = NULL;
    open_links(links);
    char *line = malloc(REMOTE_LINE_MAX);
    memset(line, 'x', REMOTE_LINE_MAX);
    size_t sent = 0;
    int code = 0;
    while (code == 0 && sent < 4 * REMOTE_LINE_MAX) {
        ssize_t size = send(links[0].fd, line, REMOTE_LINE_MAX, MSG_DONTWAIT);
        sent += size > 0 ? (size_t)size : 0;
        assert_int_equal(remote_link_pump(&links[1], &error), 0);
        code = remote_link_next(&links[1], &message, &error);
    }
    assert_int_equal(code, -EPROTO);
    line[REMOTE_LINE_MAX / 2] = '\0';
    sent = 0;
    while ((code = remote_link_send(&links[1], json_pack("{s:s, s:s}", "type", "x", "text", line), &error)) ==
           0) {
        assert_int_equal(remote_link_pump(&links[1], &error), 0);
        sent += REMOTE_LINE_MAX / 2;
        assert_true(sent < 2 * REMOTE_OUT_MAX);
    }
    assert_int_equal(code, -ENOBUFS);
    free(line);
    remote_link_close(&links[0]);
    remote_link_close(&links[1]);
}

static struct remote_streams some_streams(void) {
    return (struct remote_streams){.protocol = PROTOCOL_UDP,
                                   .family = 4,
                                   .direction = REMOTE_BOTH,
                                   .count = 3,
                                   .length = 100,
                                   .gap_ns = NS_PER_MS,
                                   .duration_ns = 2 * NS_PER_S,
                                   .source_port = TRAFFIC_SOURCE_END - 2};
}

static void both_ends_make_one_plan_of_streams(void **state) {
    (void)state;
    struct remote_streams streams = some_streams(), read;
    struct traffic_plan plan, other;
    struct error error = {""};
    json_t *object = remote_streams_write(&streams);
    assert_int_equal(remote_streams_read(object, &read, &error), 0);
    json_decref(object);
    assert_memory_equal(&read, &streams, sizeof read);
    assert_int_equal(remote_streams_plan(&streams, &plan, &error), 0);
    assert_int_equal(remote_streams_plan(&read, &other, &error), 0);
    assert_true(remote_streams_digest(&plan) == remote_streams_digest(&other));
    assert_int_equal(plan.count, 6);
    assert_int_equal(plan.reverse_count, 3);
    for (size_t i = 0; i < 6; i++) {
        const struct traffic_flow *flow = &plan.flows[i];
        assert_int_equal(flow->packets, 2000);
        assert_int_equal(flow->reverse, i >= 3);
        assert_in_range(flow->sport, TRAFFIC_SOURCE_FIRST, TRAFFIC_SOURCE_END - 1);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(flow->sport, plan.flows[j].sport);
        }
    }
    traffic_plan_free(&other);
    read.length++;
    assert_int_equal(remote_streams_plan(&read, &other, &error), 0);
    assert_true(remote_streams_digest(&plan) != remote_streams_digest(&other));
    traffic_plan_free(&plan);
    traffic_plan_free(&other);
}

static struct traffic_empirical *histogram_of(const char *text, enum traffic_empirical_unit unit) {
    struct traffic_empirical *histogram = NULL;
    assert_int_equal(traffic_empirical_parse("h", text, strlen(text), unit, &histogram, NULL), 0);
    return histogram;
}

static void shape_of_streams_goes_over_the_wire(void **state) {
    (void)state;
    struct remote_streams streams = some_streams(), read;
    struct traffic_plan plan, other;
    struct error error = {""};
    streams.family = 6;
    streams.length_min = 50;
    streams.length_law = TRAFFIC_LAW_HISTOGRAM;
    streams.length_histogram = histogram_of("50 1\n60..100 0.001\n", TRAFFIC_EMPIRICAL_COUNT);
    streams.gap_law = TRAFFIC_LAW_HISTOGRAM;
    streams.gap_histogram = histogram_of("1us 1\n2ms..3ms 7\n", TRAFFIC_EMPIRICAL_TIME);
    streams.dscp = 46;
    streams.ttl = 9;
    streams.flow_label = 77;
    streams.seed = 5;
    json_t *object = remote_streams_write(&streams);
    if (remote_streams_read(object, &read, &error) != 0) {
        fail_msg("%s", error.text);
    }
    json_decref(object);
    assert_int_equal(remote_streams_plan(&streams, &plan, &error), 0);
    assert_int_equal(remote_streams_plan(&read, &other, &error), 0);
    assert_true(remote_streams_digest(&plan) == remote_streams_digest(&other));
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(traffic_plan_gap(&plan, &plan.flows[1], i),
                         traffic_plan_gap(&other, &other.flows[1], i));
        assert_int_equal(traffic_plan_payload(&plan, &plan.flows[4], i),
                         traffic_plan_payload(&other, &other.flows[4], i));
    }
    const struct traffic_group *group = other.flows[5].group;
    assert_true(group->dscp == 46 && group->ttl == 9 && group->flow_label == 77);
    assert_true(other.flows[0].timed == 1 && other.flows[0].packets == TRAFFIC_ENDLESS);
    traffic_plan_free(&plan);
    traffic_plan_free(&other);
    remote_streams_free(&streams);
    remote_streams_free(&read);
}

static void bursts_and_requests_of_streams_are_planned(void **state) {
    (void)state;
    struct remote_streams streams = some_streams();
    struct traffic_plan plan;
    streams.burst = 5;
    streams.burst_gap_ns = 1000;
    streams.packets = 10;
    assert_int_equal(remote_streams_plan(&streams, &plan, NULL), 0);
    int64_t sum_ns = 0;
    for (uint64_t i = 0; i < 10; i++) {
        sum_ns += traffic_plan_gap(&plan, &plan.flows[0], i);
        assert_true((traffic_plan_gap(&plan, &plan.flows[0], i) == 1000) == (i % 5 != 4));
    }
    assert_int_equal(sum_ns, 10 * NS_PER_MS);
    traffic_plan_free(&plan);
    streams.burst = 0;
    streams.response = 500;
    assert_int_equal(remote_streams_plan(&streams, &plan, NULL), -EINVAL);
    streams.direction = REMOTE_FORWARD;
    assert_int_equal(remote_streams_plan(&streams, &plan, NULL), 0);
    assert_true(plan.count == 6 && plan.response_count == 3 && plan.reverse_count == 0);
    assert_true(plan.flows[1].responds == 1 && plan.flows[1].sport == plan.flows[0].dport);
    traffic_plan_free(&plan);
    /* A limit is held against the larger way. */
    assert_int_equal(remote_streams_rate(&streams), 3 * 500 * 8 * 1000);
}

static void histograms_of_the_other_end_are_bounded(void **state) {
    (void)state;
    struct remote_streams streams = some_streams(), read;
    static const char *const bad[] = {"[]",         "5",
                                      "[[2,1,1]]",  "[[1,2,0]]",
                                      "[[1,2]]",    "[[1,2,1],[2,3,1]]",
                                      "[[-1,2,1]]", "[[1,9223372036854775807,1]]",
                                      "[[0,0,1]]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *object = remote_streams_write(&streams);
        struct error error = {""};
        json_object_set_new(object, "gap_law", json_integer(TRAFFIC_LAW_HISTOGRAM));
        json_object_set_new(object, "gap_histogram", json_loads(bad[i], JSON_DECODE_ANY, NULL));
        assert_int_equal(remote_streams_read(object, &read, &error), -EPROTO);
        remote_streams_free(&read);
        json_decref(object);
    }
    json_t *object = remote_streams_write(&streams), *bins = json_array();
    for (int i = 0; i <= REMOTE_HISTOGRAM_BINS; i++) {
        json_array_append_new(bins, json_pack("[i, i, i]", i + 1, i + 1, 1));
    }
    json_object_set_new(object, "length_histogram", bins);
    assert_int_equal(remote_streams_read(object, &read, NULL), -EPROTO);
    remote_streams_free(&read);
    json_object_del(object, "length_histogram");
    json_object_set_new(object, "congestion", json_string("a name; that is none"));
    assert_int_equal(remote_streams_read(object, &read, NULL), -EPROTO);
    json_decref(object);
}

static void streams_end_by_time_bytes_or_packets(void **state) {
    (void)state;
    struct remote_streams streams = some_streams();
    struct traffic_plan plan;
    streams.bytes = 1001;
    assert_false(remote_streams_timed(&streams));
    assert_int_equal(remote_streams_plan(&streams, &plan, NULL), 0);
    assert_int_equal(plan.flows[0].packets, 11);
    traffic_plan_free(&plan);
    streams.protocol = PROTOCOL_TCP;
    streams.gap_ns = 0;
    assert_int_equal(remote_streams_plan(&streams, &plan, NULL), 0);
    assert_int_equal(plan.flows[0].bytes, 1001);
    assert_int_equal(plan.flows[0].fast, 1);
    traffic_plan_free(&plan);
    streams.bytes = 0;
    assert_true(remote_streams_timed(&streams));
    assert_int_equal(remote_streams_plan(&streams, &plan, NULL), 0);
    assert_true(plan.flows[0].bytes == TRAFFIC_ENDLESS);
    traffic_plan_free(&plan);
    assert_true(remote_streams_rate(&streams) == INT64_MAX);
    streams = some_streams();
    assert_int_equal(remote_streams_rate(&streams), 3 * 100 * 8 * 1000);
}

static void senseless_streams_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *key;
        int64_t value;
    } bad[] = {
        {"count", 10000000}, {"count", 0},        {"count", -1},        {"length", 31},    {"length", 65508},
        {"protocol", 7},     {"family", 5},       {"direction", 0},     {"gap_ns", -1},    {"packets", -5},
        {"duration_ns", 0},  {"source_port", 80}, {"bytes", INT64_MAX}, {"gso", 65},       {"gap_law", 7},
        {"gap_law", 6},      {"burst", 2000000},  {"response", 100},    {"flow_label", 5}, {"length_law", 1},
        {"mss", 100},        {"nagle", 1},        {"dscp", 64},         {"txtime", 3},     {"unheard_of", 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct remote_streams streams = some_streams();
        json_t *object = remote_streams_write(&streams);
        bool unknown = strcmp(bad[i].key, "unheard_of") == 0;
        json_object_set_new(object, bad[i].key, json_integer(bad[i].value));
        struct error error = {""};
        assert_true((remote_streams_read(object, &streams, &error) == 0) == unknown);
        assert_true((error.text[0] == '\0') == unknown);
        json_decref(object);
        remote_streams_free(&streams);
    }
    struct remote_streams both = some_streams();
    both.packets = both.bytes = 1;
    assert_int_equal(remote_streams_check(&both, NULL), -EINVAL);
    /* Launch times may be insisted on where there is something to be paced. */
    struct remote_streams paced = some_streams();
    paced.txtime = TRAFFIC_TXTIME_ON;
    assert_int_equal(remote_streams_check(&paced, NULL), 0);
    paced.gap_ns = 0;
    assert_int_equal(remote_streams_check(&paced, NULL), -EINVAL);
    paced.gap_ns = NS_PER_MS;
    paced.protocol = PROTOCOL_TCP;
    assert_int_equal(remote_streams_check(&paced, NULL), -EINVAL);
}

static void the_fastest_exchange_is_believed(void **state) {
    (void)state;
    struct remote_reading reading = {0};
    const int64_t offset = INT64_C(7000000000123);
    /* Out and home: 10 and 30 us, then 2 and 4, then 500 and 1. */
    static const int64_t ways[3][2] = {{10000, 30000}, {2000, 4000}, {500000, 1000}};
    for (int64_t i = 0; i < 3; i++) {
        int64_t asked = NS_PER_S + i * NS_PER_MS;
        struct remote_exchange exchange = {.asked_ns = asked,
                                           .heard_ns = asked + ways[i][0] + offset,
                                           .answered_ns = asked + ways[i][0] + 500 + offset,
                                           .back_ns = asked + ways[i][0] + 500 + ways[i][1]};
        remote_reading_add(&reading, &exchange);
    }
    assert_int_equal(reading.count, 3);
    assert_int_equal(reading.round_trip_ns, 6000);
    assert_true(llabs(reading.offset_ns - offset) <= reading.round_trip_ns / 2);
    struct remote_exchange absurd = {
        .asked_ns = 5, .heard_ns = INT64_MIN, .answered_ns = INT64_MAX, .back_ns = 4};
    remote_reading_add(&reading, &absurd);
    assert_int_equal(reading.count, 3);
}

static void drift_is_followed_and_adds_to_the_uncertainty(void **state) {
    (void)state;
    struct remote_clocks clocks = {
        .before = {.count = 1, .at_ns = 0, .offset_ns = 1000, .round_trip_ns = 200},
        .after = {.count = 1, .at_ns = 10 * NS_PER_S, .offset_ns = 1000 + 500, .round_trip_ns = 400}};
    assert_int_equal(remote_clocks_drift(&clocks), 50);
    assert_int_equal(remote_clocks_offset(&clocks, 5 * NS_PER_S), 1250);
    assert_int_equal(remote_clocks_uncertainty(&clocks), 200 + 250);
    clocks.after.count = 0;
    assert_int_equal(remote_clocks_offset(&clocks, 5 * NS_PER_S), 1000);
    assert_int_equal(remote_clocks_uncertainty(&clocks), 100);
    clocks.same = true;
    assert_int_equal(remote_clocks_offset(&clocks, 5 * NS_PER_S), 0);
    assert_int_equal(remote_clocks_uncertainty(&clocks), 0);
    assert_true(remote_clock_identity(1) == remote_clock_identity(1));
    assert_true(remote_clock_identity(1) != remote_clock_identity(2));
}

/* Moves all that waits from one link to the other board. */
static int hand_over(struct remote_link links[2], const struct traffic_plan *plan,
                     struct traffic_board *board) {
    struct error error = {""};
    json_t *message = NULL;
    int code = 0, taken = 1;
    while (taken > 0 || remote_link_waits(&links[0])) {
        taken = 0;
        assert_int_equal(remote_link_pump(&links[0], &error), 0);
        assert_int_equal(remote_link_pump(&links[1], &error), 0);
        while ((code = remote_link_next(&links[1], &message, &error)) > 0) {
            const char *type = remote_message_type(message);
            code = strcmp(type, "sent") == 0  ? remote_counts_take_sent(message, plan, 0, board, &error)
                   : strcmp(type, "tcp") == 0 ? remote_counts_take_tcp(message, plan, 0, board, &error)
                   : strcmp(type, "received") == 0
                       ? remote_counts_take_received(message, plan, 0, board, &error)
                   : strcmp(type, "delays") == 0
                       ? remote_counts_take_delays(message, board, &error)
                       : remote_counts_take_live(message, strcmp(type, "sending") == 0, board, &error);
            json_decref(message);
            assert_int_equal(code, 0);
            taken++;
        }
        assert_int_equal(code, 0);
    }
    return code;
}

static void tell_all(int64_t protocol) {
    struct remote_streams streams = some_streams();
    struct remote_link links[2];
    struct traffic_plan plan;
    struct traffic_board boards[2];
    struct error error = {""};
    streams.protocol = protocol;
    streams.direction = REMOTE_FORWARD;
    streams.count = 700;
    open_links(links);
    assert_int_equal(remote_streams_plan(&streams, &plan, &error), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(traffic_board_open(&boards[i], plan.count, &error), 0);
    }
    for (size_t i = 0; i < plan.count; i++) {
        int64_t *numbers = (int64_t *)(void *)&boards[0].received[i];
        for (size_t n = 0; n < sizeof *boards[0].received / sizeof *numbers; n++) {
            numbers[n] = (int64_t)(i * 1000 + n);
        }
        traffic_board_add(&boards[0].sent[i].packets, (int64_t)i);
        traffic_board_add(&boards[0].sent[i].bytes, INT64_MAX - (int64_t)i);
        boards[0].sent[i].state = TRAFFIC_FLOW_DONE;
        numbers = (int64_t *)(void *)&boards[0].sent[i].tcp;
        for (size_t n = 0; n < sizeof boards[0].sent->tcp / sizeof *numbers && protocol == PROTOCOL_TCP;
             n++) {
            numbers[n] = n == 5 ? TRAFFIC_NONE : (int64_t)(i * 1000 + n);
        }
    }
    for (size_t i = 0; i < HISTOGRAM_BINS; i++) {
        boards[0].owd_bins[i] = UINT32_MAX - (uint32_t)i;
    }
    boards[0].live->owd_count = 5;
    boards[0].live->owd_min = -3;
    boards[0].live->owd_max = INT64_MAX;
    boards[0].live->loss_bins[3] = 9;
    boards[0].live->receive_batch_max = 16;
    boards[0].live->pacing = TRAFFIC_PACING_TXTIME;
    traffic_board_add(&boards[0].live->received_packets, 77);
    traffic_board_add(&boards[0].live->sent_packets, 78);
    assert_int_equal(remote_counts_send_live(&links[0], 0, &boards[0], true, &error), 0);
    assert_int_equal(remote_counts_send_live(&links[0], 0, &boards[0], false, &error), 0);
    assert_int_equal(remote_counts_send_sent(&links[0], &plan, 0, &boards[0], &error), 0);
    assert_int_equal(remote_counts_send_received(&links[0], &plan, 0, &boards[0], true, &error), 0);
    assert_int_equal(hand_over(links, &plan, &boards[1]), 0);
    assert_memory_equal(boards[0].received, boards[1].received, plan.count * sizeof *boards[0].received);
    assert_memory_equal(boards[0].sent, boards[1].sent, plan.count * sizeof *boards[0].sent);
    assert_memory_equal(boards[0].owd_bins, boards[1].owd_bins, HISTOGRAM_BINS * sizeof *boards[0].owd_bins);
    assert_memory_equal(boards[0].live, boards[1].live, sizeof *boards[0].live);
    for (size_t i = 0; i < 2; i++) {
        traffic_board_close(&boards[i]);
        remote_link_close(&links[i]);
    }
    traffic_plan_free(&plan);
}

static void the_other_board_is_the_same_after_all_was_told(void **state) {
    (void)state;
    for (int64_t protocol = PROTOCOL_TCP; protocol <= PROTOCOL_UDP; protocol += PROTOCOL_UDP - PROTOCOL_TCP) {
        tell_all(protocol);
    }
}

static void tcp_is_told_in_turn_where_there_is_much_of_it(void **state) {
    (void)state;
    struct remote_streams streams = some_streams();
    struct remote_link links[2];
    struct traffic_plan plan;
    struct traffic_board boards[2];
    size_t next = 0;
    streams.protocol = PROTOCOL_TCP;
    streams.direction = REMOTE_FORWARD;
    streams.count = REMOTE_TCP_FLOWS + 100;
    open_links(links);
    assert_int_equal(remote_streams_plan(&streams, &plan, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(traffic_board_open(&boards[i], plan.count, NULL), 0);
    }
    for (size_t i = 0; i < plan.count; i++) {
        const struct traffic_tcp now = {.retransmitted = (int64_t)i, .rtt_ns = TRAFFIC_NONE};
        traffic_tcp_see(&boards[0].sent[i].tcp, &now);
    }
    for (size_t told = REMOTE_TCP_FLOWS;; told = plan.count) {
        assert_int_equal(remote_counts_send_tcp(&links[0], &plan, 0, &boards[0], &next, NULL), 0);
        assert_int_equal(hand_over(links, &plan, &boards[1]), 0);
        for (size_t i = 0; i < plan.count; i++) {
            assert_int_equal(boards[1].sent[i].tcp.looks, i < told);
            assert_int_equal(boards[1].sent[i].tcp.last.retransmitted, i < told ? i : 0);
        }
        if (told == plan.count) {
            break;
        }
    }
    assert_true(next >= plan.count);
    for (size_t i = 0; i < 2; i++) {
        traffic_board_close(&boards[i]);
        remote_link_close(&links[i]);
    }
    traffic_plan_free(&plan);
}

static void counts_that_fit_no_flow_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"{\"type\":\"sent\",\"rows\":[[1,0,0,0,0,0]]}",
                                      "{\"type\":\"sent\",\"rows\":[[-1,0,0,0,0,0]]}",
                                      "{\"type\":\"sent\",\"rows\":[[0,-1,0,0,0,0]]}",
                                      "{\"type\":\"sent\",\"rows\":[[0,0,0,9,0,0]]}",
                                      "{\"type\":\"sent\",\"rows\":[[0,0,0,0,0]]}",
                                      "{\"type\":\"sent\",\"rows\":[[0,0,0,0,0,0.5]]}",
                                      "{\"type\":\"sent\",\"rows\":[7]}"};
    struct remote_streams streams = some_streams();
    struct traffic_plan plan;
    struct traffic_board board;
    streams.direction = REMOTE_REVERSE;
    streams.count = 1;
    assert_int_equal(remote_streams_plan(&streams, &plan, NULL), 0);
    assert_int_equal(traffic_board_open(&board, plan.count, NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *message = parse(bad[i]);
        assert_int_equal(remote_counts_take_sent(message, &plan, 1, &board, NULL), -EPROTO);
        assert_int_equal(remote_counts_take_received(message, &plan, 1, &board, NULL), -EPROTO);
        assert_int_equal(remote_counts_take_tcp(message, &plan, 1, &board, NULL), -EPROTO);
        json_decref(message);
    }
    /* TCP's figures fit no flow of UDP. */
    json_t *message = parse("{\"type\":\"tcp\",\"rows\":[[0,1,2,3,4,5,6,7,8,9,10,11,12,13]]}");
    assert_int_equal(remote_counts_take_tcp(message, &plan, 1, &board, NULL), -EPROTO);
    plan.flows[0].protocol = PROTOCOL_TCP;
    assert_int_equal(remote_counts_take_tcp(message, &plan, 1, &board, NULL), 0);
    assert_int_equal(board.sent[0].tcp.looks, 13);
    json_decref(message);
    message = parse("{\"type\":\"sent\",\"rows\":[[0,0,0,0,0,0]]}");
    assert_int_equal(remote_counts_take_sent(message, &plan, 1, &board, NULL), 0);
    assert_int_equal(remote_counts_take_sent(message, &plan, 0, &board, NULL), -EPROTO);
    json_decref(message);
    message = json_pack("{s:s, s:[[i, i]], s:i, s:i, s:i, s:i}", "type", "delays", "bins",
                        (int)HISTOGRAM_BINS, 1, "count", 1, "negative", 0, "min", 0, "max", 0);
    assert_int_equal(remote_counts_take_delays(message, &board, NULL), -EPROTO);
    json_decref(message);
    traffic_board_close(&board);
    traffic_plan_free(&plan);
}

static void json_is_whole_also_of_nothing(void **state) {
    (void)state;
    struct remote_outcome outcome = {.streams = some_streams()};
    json_t *json = remote_report_json(&outcome, "could not \"connect\"");
    assert_string_equal(json_string_value(json_object_get(json, "error")), "could not \"connect\"");
    assert_int_equal(json_array_size(json_object_get(json, "streams")), 0);
    assert_true(json_is_number(json_object_get(json, "seconds")));
    json_decref(json);
    /* What the other end's text may hold does not break it either. */
    json = remote_report_json(&outcome, "\xff\xfe");
    assert_non_null(json_object_get(json, "error"));
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_objects_with_a_type),
        cmocka_unit_test(depth_and_length_are_bounded_before_parsing),
        cmocka_unit_test(messages_come_in_pieces_and_in_heaps),
        cmocka_unit_test(a_line_without_end_and_an_end_that_reads_nothing_are_given_up),
        cmocka_unit_test(both_ends_make_one_plan_of_streams),
        cmocka_unit_test(shape_of_streams_goes_over_the_wire),
        cmocka_unit_test(bursts_and_requests_of_streams_are_planned),
        cmocka_unit_test(histograms_of_the_other_end_are_bounded),
        cmocka_unit_test(streams_end_by_time_bytes_or_packets),
        cmocka_unit_test(senseless_streams_are_refused),
        cmocka_unit_test(the_fastest_exchange_is_believed),
        cmocka_unit_test(drift_is_followed_and_adds_to_the_uncertainty),
        cmocka_unit_test(the_other_board_is_the_same_after_all_was_told),
        cmocka_unit_test(tcp_is_told_in_turn_where_there_is_much_of_it),
        cmocka_unit_test(counts_that_fit_no_flow_are_refused),
        cmocka_unit_test(json_is_whole_also_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
