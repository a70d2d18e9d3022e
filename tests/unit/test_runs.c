/* What the report tells of runs of nsmon's endpoints: over time, how slow, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "report_testing.h"
#include "reports/compare.h"
#include "reports/render_runs.h"

static struct report *make(void) {
    return testing_compare(&(struct fixture_settings){.label = "runs", .rate = 64});
}

static void rate_and_delay_are_told_second_by_second(void **state) {
    (void)state;
    struct report *report = make();
    assert_int_equal(report->runs.count, 1);
    const struct report_run *run = &report->runs.runs[0];
    assert_int_equal(run->bin_count, 4);
    assert_int_equal(run->width_ns, 1000000000);
    for (size_t i = 0; i < 4; i++) {
        assert_true(run->bins[i].sent_bytes == 125000 && run->bins[i].received_bytes == 125000);
        assert_true(run->bins[i].length_ns == 1e9);
        assert_int_equal(run->bins[i].has_delay, i != 2);
    }
    assert_true(run->bins[0].p99_ns == 5e6);
    testing_release(report);
}

static void the_distribution_rises_where_the_delays_are(void **state) {
    (void)state;
    struct report *report = make();
    const struct report_run *run = &report->runs.runs[0];
    assert_int_equal(run->owd.count, 4000);
    assert_int_equal(run->owd.point_count, REPORT_CDF_POINTS);
    for (size_t i = 0; i < run->owd.point_count; i++) {
        assert_true(run->owd.points[i].ns == (run->owd.points[i].share <= 0.95 ? 100000 : 5000000));
        assert_true(i == 0 || run->owd.points[i].share > run->owd.points[i - 1].share);
    }
    testing_release(report);
}

static void the_parts_are_of_datagrams_that_were_seen_everywhere(void **state) {
    (void)state;
    struct report *report = make();
    const struct report_run *run = &report->runs.runs[0];
    assert_int_equal(run->stamps, 199);
    assert_true(run->parts[REPORT_DELAY_SENDER].p50_ns == 15000);
    assert_true(run->parts[REPORT_DELAY_SWITCH].p50_ns == 80000);
    assert_true(run->parts[REPORT_DELAY_SWITCH].p99_ns == 4980000);
    assert_true(run->parts[REPORT_DELAY_RECEIVER].p99_ns == 5000);
    assert_true(run->parts[REPORT_DELAY_ALL].p50_ns == 100000);
    char line[RENDER_RUN_LINE];
    assert_string_equal(render_run_line(run, line),
                        "mixed: delay p50/p99 in us: sender host 15.0/15.0, switch 80.0/4980, receiver host "
                        "5.0/5.0; one way 100/5000 (199 of 4000 datagrams)");
    json_t *json = render_runs_json(report);
    const json_t *split = json_object_get(json_array_get(json, 0), "delay_split");
    assert_true(json_real_value(json_object_get(json_object_get(split, "switch"), "p99_ns")) == 4980000);
    json_decref(json);
    testing_release(report);
}

static void time_that_responses_took_is_told_where_there_were_requests(void **state) {
    (void)state;
    struct report *report = make();
    json_t *json = render_runs_json(report);
    assert_true(json_is_null(json_object_get(json_array_get(json, 0), "responses")));
    json_decref(json);
    testing_release(report);
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.label = "runs", .rate = 64});
    fixture_sql(database, "DELETE FROM traffic_stamp");
    fixture_sql(database,
                "INSERT INTO traffic_response_histogram SELECT id, 200000, 200001, 90 FROM traffic_run "
                "UNION ALL SELECT id, 7000000, 7000001, 10 FROM traffic_run");
    sqlite3_close(database);
    report = testing_compare_names(NULL, 0);
    const struct report_run *run = &report->runs.runs[0];
    assert_int_equal(run->responses.count, 100);
    char line[RENDER_RUN_LINE];
    assert_string_equal(render_run_line(run, line),
                        "mixed: one-way delay p50/p99 100/5000 us; 100 requests had their "
                        "response after p50/p99 200/7000 us");
    json = render_runs_json(report);
    const json_t *responses = json_object_get(json_array_get(json, 0), "responses");
    assert_int_equal(json_integer_value(json_object_get(responses, "count")), 100);
    assert_true(json_real_value(json_object_get(responses, "p99_ns")) == 7000000);
    assert_int_equal(json_array_size(json_object_get(responses, "cdf")), REPORT_CDF_POINTS);
    json_decref(json);
    testing_release(report);
}

static void what_tcp_met_is_told_second_by_second(void **state) {
    (void)state;
    struct report *report = make();
    const struct report_run *run = &report->runs.runs[0];
    assert_true(render_runs_have_tcp(report));
    for (size_t i = 0; i < 4; i++) {
        const struct report_run_bin *bin = &run->bins[i];
        assert_int_equal(bin->has_tcp, i < 3);
        assert_true(bin->retransmitted == (i < 3 ? (double)i * 10 : 0));
        assert_true(i == 3 || (bin->rtt_p50_ns == 1e6 && bin->rtt_p99_ns == (i == 1 ? 9e6 : 3e6)));
    }
    char line[RENDER_RUN_LINE];
    assert_string_equal(render_run_tcp_line(run, line),
                        "mixed: TCP sent 30 segments again; round trips over its flows: p50 1000 us in the "
                        "median second, p99 9000 us in the worst");
    json_t *json = render_runs_json(report);
    const json_t *object = json_array_get(json, 0);
    const json_t *again = json_object_get(json_object_get(object, "seconds"), "retransmitted");
    assert_int_equal(json_integer_value(json_array_get(again, 2)), 20);
    assert_true(json_is_null(json_array_get(again, 3)));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(object, "tcp"), "retransmitted")),
                     30);
    json_decref(json);
    testing_release(report);
}

static void a_run_without_tcp_says_nothing_of_it(void **state) {
    (void)state;
    struct report_run run = {.bin_count = 1};
    struct report report = {.runs.count = 0};
    char line[RENDER_RUN_LINE];
    assert_string_equal(render_run_tcp_line(&run, line), "");
    assert_false(render_runs_have_tcp(&report));
}

static void losses_in_a_row_and_what_the_endpoints_took_are_told(void **state) {
    (void)state;
    struct report *report = make();
    const struct report_run *run = &report->runs.runs[0];
    char line[RENDER_RUN_LINE];
    assert_int_equal(run->loss_count, 3);
    assert_string_equal(
        render_run_loss_line(run, line),
        "mixed: datagrams lost in a row: 1 (40 times), 3 to 4 (2 times), 4194305 or more (1 times)");
    assert_string_equal(
        render_run_host_line(run, line),
        "mixed: 1.50 s of processor time sending, 0.70 s receiving; sent after their moment by "
        "p50/p99/max 2.0/40.0/300 us, 3 when their successor was due, too; a send stamp is of up "
        "to 1 datagrams, a receive stamp of 16");
    json_t *json = render_runs_json(report);
    const json_t *object = json_array_get(json, 0);
    const json_t *longest = json_array_get(json_object_get(object, "loss_rows"), 2);
    assert_true(json_is_null(json_object_get(longest, "high")));
    assert_int_equal(json_integer_value(json_object_get(longest, "low")), 4194305);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(object, "endpoints"), "receive_batch_max")), 16);
    json_decref(json);
    testing_release(report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rate_and_delay_are_told_second_by_second),
        cmocka_unit_test(the_distribution_rises_where_the_delays_are),
        cmocka_unit_test(time_that_responses_took_is_told_where_there_were_requests),
        cmocka_unit_test(what_tcp_met_is_told_second_by_second),
        cmocka_unit_test(losses_in_a_row_and_what_the_endpoints_took_are_told),
        cmocka_unit_test(a_run_without_tcp_says_nothing_of_it),
        cmocka_unit_test(the_parts_are_of_datagrams_that_were_seen_everywhere),
    };
    return cmocka_run_group_tests(tests, testing_make_folder, testing_remove_folder);
}
