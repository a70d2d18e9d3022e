/* What is made of TCP_INFO: figures of a flow, seconds of all of them, and rows of each in bounded memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/board.h"
#include "traffic/tcp.h"
#include "traffic/text.h"

static const struct tcp_info told = {.tcpi_snd_mss = 1000,
                                     .tcpi_rtt = 1500,
                                     .tcpi_rttvar = 250,
                                     .tcpi_snd_ssthresh = 7,
                                     .tcpi_snd_cwnd = 10,
                                     .tcpi_total_retrans = 3,
                                     .tcpi_bytes_acked = 5001,
                                     .tcpi_min_rtt = 900,
                                     .tcpi_delivery_rate = 1000000,
                                     .tcpi_bytes_sent = 12000,
                                     .tcpi_bytes_retrans = 3000};

static void figures_are_nanoseconds_bytes_and_bits_a_second(void **state) {
    (void)state;
    struct traffic_tcp tcp;
    traffic_tcp_read(&told, sizeof told, &tcp);
    assert_int_equal(tcp.retransmitted, 3);
    assert_int_equal(tcp.rtt_ns, 1500000);
    assert_int_equal(tcp.rttvar_ns, 250000);
    assert_int_equal(tcp.rtt_min_ns, 900000);
    assert_int_equal(tcp.cwnd_bytes, 10000);
    assert_int_equal(tcp.ssthresh_bytes, 7000);
    assert_int_equal(tcp.delivery_bps, 8000000);
    assert_int_equal(tcp.unacked_bytes, 12000 - 3000 - 5000);
}

static void what_an_older_kernel_does_not_tell_is_none(void **state) {
    (void)state;
    struct traffic_tcp tcp;
    /* Linux 2.6: to the end of what has always been there. */
    traffic_tcp_read(&told, offsetof(struct tcp_info, tcpi_pacing_rate), &tcp);
    assert_int_equal(tcp.retransmitted, 3);
    assert_int_equal(tcp.rtt_ns, 1500000);
    assert_int_equal(tcp.cwnd_bytes, 10000);
    assert_int_equal(tcp.ssthresh_bytes, 7000);
    assert_int_equal(tcp.rtt_min_ns, TRAFFIC_NONE);
    assert_int_equal(tcp.delivery_bps, TRAFFIC_NONE);
    assert_int_equal(tcp.unacked_bytes, TRAFFIC_NONE);
    /* Linux 4.9: without how many bytes were sent. */
    traffic_tcp_read(&told, offsetof(struct tcp_info, tcpi_busy_time), &tcp);
    assert_int_equal(tcp.rtt_min_ns, 900000);
    assert_int_equal(tcp.delivery_bps, 8000000);
    assert_int_equal(tcp.unacked_bytes, TRAFFIC_NONE);
    traffic_tcp_read(&told, 0, &tcp);
    assert_int_equal(tcp.retransmitted, TRAFFIC_NONE);
    assert_int_equal(tcp.cwnd_bytes, TRAFFIC_NONE);
}

static void what_is_not_known_yet_is_none(void **state) {
    (void)state;
    struct traffic_tcp tcp;
    struct tcp_info young = {.tcpi_snd_mss = 536,
                             .tcpi_snd_cwnd = 10,
                             .tcpi_snd_ssthresh = 0x7fffffff,
                             .tcpi_rttvar = 250000,
                             .tcpi_min_rtt = UINT32_MAX,
                             .tcpi_delivery_rate = UINT64_MAX};
    traffic_tcp_read(&young, sizeof young, &tcp);
    assert_int_equal(tcp.rtt_ns, TRAFFIC_NONE);
    assert_int_equal(tcp.rttvar_ns, TRAFFIC_NONE);
    assert_int_equal(tcp.rtt_min_ns, TRAFFIC_NONE);
    assert_int_equal(tcp.ssthresh_bytes, TRAFFIC_NONE);
    assert_int_equal(tcp.unacked_bytes, 0);
    assert_int_equal(tcp.delivery_bps, INT64_MAX);
    /* An end that was confirmed, FIN and all, has nothing left. */
    young.tcpi_bytes_sent = 100;
    young.tcpi_bytes_acked = 102;
    traffic_tcp_read(&young, sizeof young, &tcp);
    assert_int_equal(tcp.unacked_bytes, 0);
}

/* A run of 'count' flows, every other one of them back, of which 'udp' at the end are not of TCP. */
struct run {
    struct traffic_plan plan;
    struct traffic_board boards[2];
    struct traffic_tcp_log log;
    int64_t now_ns;
};

static void open_run(struct run *run, size_t count, size_t udp) {
    *run = (struct run){.plan = {.count = count, .flows = calloc(count, sizeof(struct traffic_flow))},
                        .now_ns = 1000 * NS_PER_S};
    for (size_t i = 0; i < count; i++) {
        run->plan.flows[i] = (struct traffic_flow){.number = (uint32_t)i,
                                                   .reverse = i % 2,
                                                   .protocol = i < count - udp ? PROTOCOL_TCP : PROTOCOL_UDP};
    }
    assert_int_equal(traffic_board_open(&run->boards[0], count, NULL), 0);
    assert_int_equal(traffic_board_open(&run->boards[1], count, NULL), 0);
    assert_int_equal(traffic_tcp_open(&run->log, &run->plan), 0);
}

static void close_run(struct run *run) {
    traffic_board_close(&run->boards[0]);
    traffic_board_close(&run->boards[1]);
    traffic_tcp_free(&run->log);
    traffic_plan_free(&run->plan);
}

/* A look at a flow that has retransmitted so much until now. */
static void see(struct run *run, size_t flow, int64_t retransmitted, int64_t rtt_ns) {
    const struct traffic_tcp now = {.retransmitted = retransmitted,
                                    .rtt_ns = rtt_ns,
                                    .rttvar_ns = 1,
                                    .rtt_min_ns = rtt_ns / 2,
                                    .cwnd_bytes = rtt_ns < 0 ? -1 : rtt_ns * 10,
                                    .ssthresh_bytes = TRAFFIC_NONE,
                                    .delivery_bps = 100,
                                    .unacked_bytes = 7};
    traffic_tcp_see(&run->boards[flow % 2].sent[flow].tcp, &now);
}

/* The end of a second, a little late as ever. */
static struct traffic_tcp_second end_second(struct run *run) {
    const struct traffic_board *boards[2] = {&run->boards[0], &run->boards[1]};
    struct traffic_tcp_second second;
    int64_t start_ns = run->now_ns;
    run->now_ns += NS_PER_S + (start_ns / NS_PER_S % 7) * NS_PER_MS - 3 * NS_PER_MS;
    traffic_tcp_note(&run->log, boards, start_ns, run->now_ns, &second);
    return second;
}

static void a_second_sums_up_the_flows_that_were_looked_at(void **state) {
    (void)state;
    struct run run;
    open_run(&run, 102, 1);
    assert_int_equal(run.log.flow_count, 101);
    struct traffic_tcp_second second = end_second(&run);
    assert_int_equal(second.flows, 0);
    assert_int_equal(second.rtt_p50_ns, TRAFFIC_NONE);
    for (size_t i = 0; i < 101; i++) {
        see(&run, i, 2, (int64_t)(i + 1) * 1000);
    }
    second = end_second(&run);
    assert_int_equal(second.flows, 101);
    assert_int_equal(second.retransmitted, 202);
    assert_int_equal(second.rtt_p50_ns, 51000);
    assert_int_equal(second.rtt_p99_ns, 100000);
    assert_int_equal(second.rtt_max_ns, 101000);
    assert_int_equal(second.rtt_min_ns, 500);
    assert_int_equal(second.cwnd_p50_bytes, 510000);
    assert_int_equal(second.delivery_bps, 10100);
    assert_int_equal(second.unacked_bytes, 707);
    /* Who was not looked at again says nothing of the next second. */
    see(&run, 5, 9, 4000);
    second = end_second(&run);
    assert_int_equal(second.flows, 1);
    assert_int_equal(second.retransmitted, 7);
    assert_int_equal(second.rtt_p99_ns, 4000);
    assert_int_equal(run.log.row_count, 102);
    const struct traffic_tcp_row *row = &run.log.rows[101];
    assert_int_equal(row->flow, 5);
    assert_int_equal(row->tcp.retransmitted, 7);
    assert_int_equal(row->end_ns, run.now_ns);
    assert_int_equal(row->start_ns, run.log.rows[5].end_ns);
    assert_int_equal(run.boards[1].sent[5].tcp.rtt_max_ns, 6000);
    assert_int_equal(run.boards[1].sent[5].tcp.cwnd_max_bytes, 60000);
    close_run(&run);
}

static void an_interval_that_has_no_room_is_added_to_the_last(void **state) {
    (void)state;
    struct traffic_tcp_second second = {.flows = 2, .retransmitted = 5, .rtt_p50_ns = 1};
    const struct traffic_tcp_second more = {.flows = 1, .retransmitted = 3, .rtt_p50_ns = 9}, none = {0};
    traffic_tcp_second_add(&second, &more);
    traffic_tcp_second_add(&second, &none);
    assert_int_equal(second.retransmitted, 8);
    assert_int_equal(second.rtt_p50_ns, 9);
    assert_int_equal(second.flows, 1);
}

static void rows_that_are_full_become_coarser_and_lose_nothing(void **state) {
    (void)state;
    enum { FLOWS = 1000, SECONDS = 300 };
    struct run run;
    int64_t sums[FLOWS] = {0}, ends[FLOWS] = {0};
    open_run(&run, FLOWS, 0);
    for (int64_t second = 0; second < SECONDS; second++) {
        for (size_t i = 0; i < FLOWS; i++) {
            /* The first of them ends early. */
            if (i > 0 || second < 10) {
                see(&run, i, second * (int64_t)i, 1000 + second);
            }
        }
        end_second(&run);
        assert_true(run.log.row_count < TRAFFIC_TCP_ROWS);
    }
    assert_int_equal(run.log.row_ns, 8 * NS_PER_S);
    assert_in_range(run.log.row_count, 999 * (SECONDS / 8), 999 * (SECONDS / 8 + 1) + 2);
    for (size_t i = 0; i < run.log.row_count; i++) {
        const struct traffic_tcp_row *row = &run.log.rows[i];
        assert_true(ends[row->flow] == 0 || row->start_ns == ends[row->flow]);
        assert_true(row->end_ns - row->start_ns < 8 * NS_PER_S + NS_PER_S / 2);
        assert_true(i == 0 || row->start_ns >= run.log.rows[i - 1].start_ns);
        ends[row->flow] = row->end_ns;
        sums[row->flow] += row->tcp.retransmitted;
    }
    for (size_t i = 1; i < FLOWS; i++) {
        assert_int_equal(sums[i], (SECONDS - 1) * (int64_t)i);
        assert_int_equal(ends[i], run.now_ns);
    }
    assert_true(ends[0] < 1011 * NS_PER_S);
    close_run(&run);
}

static void too_many_flows_have_seconds_and_no_rows(void **state) {
    (void)state;
    struct run run;
    open_run(&run, TRAFFIC_TCP_ROWS / 2 + 1, 0);
    see(&run, TRAFFIC_TCP_ROWS / 2, 4, 1000);
    assert_int_equal(end_second(&run).retransmitted, 4);
    assert_int_equal(run.log.row_ns, 0);
    assert_int_equal(run.log.row_count, 0);
    close_run(&run);
    open_run(&run, TRAFFIC_TCP_ROWS / 2, 0);
    for (int64_t second = 1; second < 5; second++) {
        for (size_t i = 0; i < run.plan.count; i++) {
            see(&run, i, second, 1000);
        }
        assert_int_equal(end_second(&run).retransmitted, run.plan.count);
    }
    assert_true(run.log.row_ns > NS_PER_S && run.log.row_count >= run.plan.count);
    close_run(&run);
}

static void what_an_endpoint_can_not_have_seen_is_not_believed(void **state) {
    (void)state;
    struct run run;
    open_run(&run, 4, 0);
    struct traffic_tcp_second second = {0};
    for (size_t i = 0; i < 4; i++) {
        see(&run, i, i == 0 ? -5 : i == 1 ? INT64_MAX : 100, i < 2 ? INT64_MIN + 7 : 1000);
        run.boards[i % 2].sent[i].tcp.last.delivery_bps = i < 2 ? -1 : INT64_C(1) << 60;
    }
    second = end_second(&run);
    assert_int_equal(second.flows, 4);
    assert_int_equal(second.retransmitted, 200);
    assert_int_equal(second.rtt_max_ns, 1000);
    assert_int_equal(second.delivery_bps, INT64_C(1) << 61);
    /* What goes back is nothing that came. */
    see(&run, 2, 50, 1000);
    assert_int_equal(end_second(&run).retransmitted, 0);
    close_run(&run);
}

static void the_live_line_has_columns_for_what_there_is(void **state) {
    (void)state;
    static const size_t tcp_flows[] = {0, 1000, 300};
    static const char *const words[] = {"missing", "RTT ms", "Cwnd kB"};
    struct traffic_progress progress = {
        .flows = 1000,
        .active = 1000,
        .missing = 1234,
        .elapsed_ns = 12 * NS_PER_S,
        .duration_ns = 60 * NS_PER_S,
        .last = {
            .start_ns = 0,
            .end_ns = NS_PER_S,
            .sent_packets = 1234567,
            .sent_bytes = 1250000000,
            .received_packets = 1234567,
            .received_bytes = 1250000000,
            .tcp = {.flows = 3, .retransmitted = 4321, .rtt_p50_ns = 12345678, .cwnd_p50_bytes = 1234500}}};
    for (size_t i = 0; i < 3; i++) {
        char line[TRAFFIC_LINE_SIZE];
        progress.tcp_flows = tcp_flows[i];
        const char *heading = traffic_text_heading(&progress);
        traffic_text_progress(&progress, line);
        assert_true(strlen(line) <= 100 && strlen(heading) <= 100);
        assert_non_null(strstr(heading, words[i]));
        assert_true((strstr(line, " 4321 ") != NULL) == (i > 0));
        assert_true((strstr(line, " 12.346 ") != NULL) == (i > 0));
        assert_true((strstr(line, " 1234.5 ") != NULL) == (i > 0));
        assert_true((strstr(line, " 1234567 ") != NULL) == (i != 1));
        assert_non_null(strstr(line, " 10000.00 "));
        /* Each figure ends where its word ends. */
        const char *word = strstr(heading, words[i]) + strlen(words[i]);
        assert_int_equal(line[word - heading], ' ');
        assert_int_not_equal(line[word - heading - 1], ' ');
    }
    progress.last.tcp = (struct traffic_tcp_second){0};
    char line[TRAFFIC_LINE_SIZE];
    assert_non_null(strstr(traffic_text_progress(&progress, line), " - "));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_nanoseconds_bytes_and_bits_a_second),
        cmocka_unit_test(what_an_older_kernel_does_not_tell_is_none),
        cmocka_unit_test(what_is_not_known_yet_is_none),
        cmocka_unit_test(a_second_sums_up_the_flows_that_were_looked_at),
        cmocka_unit_test(an_interval_that_has_no_room_is_added_to_the_last),
        cmocka_unit_test(rows_that_are_full_become_coarser_and_lose_nothing),
        cmocka_unit_test(too_many_flows_have_seconds_and_no_rows),
        cmocka_unit_test(what_an_endpoint_can_not_have_seen_is_not_believed),
        cmocka_unit_test(the_live_line_has_columns_for_what_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
