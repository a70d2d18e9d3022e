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
    } bad[] = {{"count", 10000000},  {"count", 0},    {"count", -1},      {"length", 31},
               {"length", 65508},    {"protocol", 7}, {"family", 5},      {"direction", 0},
               {"gap_ns", -1},       {"packets", -5}, {"duration_ns", 0}, {"source_port", 80},
               {"bytes", INT64_MAX}, {"gso", 65},     {"txtime", 3},      {"seed", 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct remote_streams streams = some_streams();
        json_t *object = remote_streams_write(&streams);
        bool unknown = strcmp(bad[i].key, "seed") == 0;
        json_object_set_new(object, bad[i].key, json_integer(bad[i].value));
        struct error error = {""};
        assert_true((remote_streams_read(object, &streams, &error) == 0) == unknown);
        assert_true((error.text[0] == '\0') == unknown);
        json_decref(object);
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
            code = strcmp(type, "sent") == 0 ? remote_counts_take_sent(message, plan, 0, board, &error)
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

static void the_other_board_is_the_same_after_all_was_told(void **state) {
    (void)state;
    struct remote_streams streams = some_streams();
    struct remote_link links[2];
    struct traffic_plan plan;
    struct traffic_board boards[2];
    struct error error = {""};
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

static void counts_that_fit_no_flow_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"{\"type\":\"sent\",\"rows\":[[1,0,0,0,0,0,0]]}",
                                      "{\"type\":\"sent\",\"rows\":[[-1,0,0,0,0,0,0]]}",
                                      "{\"type\":\"sent\",\"rows\":[[0,-1,0,0,0,0,0]]}",
                                      "{\"type\":\"sent\",\"rows\":[[0,0,0,0,9,0,0]]}",
                                      "{\"type\":\"sent\",\"rows\":[[0,0,0,0,0,0]]}",
                                      "{\"type\":\"sent\",\"rows\":[[0,0,0,0,0,0,0.5]]}",
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
        json_decref(message);
    }
    json_t *message = parse("{\"type\":\"sent\",\"rows\":[[0,0,0,0,0,0,0]]}");
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
        cmocka_unit_test(streams_end_by_time_bytes_or_packets),
        cmocka_unit_test(senseless_streams_are_refused),
        cmocka_unit_test(the_fastest_exchange_is_believed),
        cmocka_unit_test(drift_is_followed_and_adds_to_the_uncertainty),
        cmocka_unit_test(the_other_board_is_the_same_after_all_was_told),
        cmocka_unit_test(counts_that_fit_no_flow_are_refused),
        cmocka_unit_test(json_is_whole_also_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
