/* The comparison and the report, on databases made by SQL. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "report_testing.h"
#include "reports/compare.h"
#include "reports/internal.h"
#include "reports/render.h"
#include "reports/render_json.h"

static void honest_exporters_are_within_theory_and_netflow_exact(void **state) {
    (void)state;
    struct report *report = testing_compare(&(struct fixture_settings){.rate = 64});
    assert_int_equal(report->ok, REPORT_YES);
    assert_int_equal(report->source_count, 3);
    testing_says(report->verdict, "NetFlow v5 exact: all 40 flows");
    testing_says(report->verdict, "sFlow 1-in-64 within sampling theory");
    for (size_t i = 0; i < report->source_count; i++) {
        const struct stats_summary *summary = &report->sources[i].packets_summary;
        assert_true(summary->coverage_ok && summary->chi_squared_ok && summary->samples_ok);
        assert_int_equal(report->sources[i].ok, REPORT_YES);
    }
    assert_int_equal(report->sources[1].differing_flows, 0);
    assert_false(report->truth_uncertain);
    testing_release(report);
}

static void at_rate_1_every_source_equals_the_truth(void **state) {
    (void)state;
    struct report *report = testing_compare(&(struct fixture_settings){.rate = 1});
    assert_int_equal(report->ok, REPORT_YES);
    for (size_t i = 0; i < report->flows.count; i++) {
        const struct report_flow *flow = &report->flows.flows[i];
        for (size_t s = 0; s < report->source_count; s++) {
            const struct report_estimate *estimate = &flow->estimates[s];
            assert_true(!estimate->visible ||
                        (estimate->packets == flow->packets && estimate->bytes == flow->bytes));
            assert_true(!estimate->visible || (estimate->within && estimate->bytes_within));
        }
    }
    assert_int_equal(report->sources[0].truth_packets, report->truth_packets);
    testing_release(report);
}

static void netflow_v5_is_held_against_ipv4_alone(void **state) {
    (void)state;
    struct report *report = testing_compare(&(struct fixture_settings){.rate = 64});
    const struct report_source *netflow = &report->sources[1];
    assert_int_equal(netflow->truth_flows, 40);
    assert_true(netflow->truth_packets < report->truth_packets);
    size_t unseen = 0;
    for (size_t i = 0; i < report->flows.count; i++) {
        bool ipv4 = report->flows.flows[i].key.family == 4;
        assert_true(report->flows.flows[i].estimates[1].visible == ipv4);
        unseen += !ipv4;
    }
    assert_int_equal(unseen, 22);
    testing_release(report);
}

static void a_sampler_that_lies_about_its_rate_is_named(void **state) {
    (void)state;
    struct report *report = testing_compare(&(struct fixture_settings){.rate = 64, .real_rate = 100});
    assert_int_equal(report->ok, REPORT_NO);
    assert_int_equal(report->sources[0].ok, REPORT_NO);
    testing_says(report->sources[0].finding, "more than sampling theory allows");
    testing_says(report->sources[0].finding, ", not 1-in-64");
    assert_true(fabs(report->sources[0].rate_test.effective_rate - 100.0) < 10.0);
    testing_release(report);
}

static void egress_counted_again_is_named(void **state) {
    (void)state;
    struct report *report = testing_compare(&(struct fixture_settings){.rate = 64, .egress_counted = true});
    assert_int_equal(report->sources[0].ok, REPORT_YES);
    assert_int_equal(report->sources[2].ok, REPORT_NO);
    testing_says(report->sources[2].finding, "again at egress");
    testing_release(report);
}

static void egress_records_of_openvswitch_are_left_out(void **state) {
    (void)state;
    struct report *report = testing_compare(&(struct fixture_settings){.rate = 64});
    assert_true(report->sources[2].egress_skipped > 0);
    testing_release(report);
}

static void lost_exports_are_named_as_the_cause(void **state) {
    (void)state;
    struct report *report = testing_compare(&(struct fixture_settings){.rate = 64, .lose_netflow = true});
    assert_int_equal(report->sources[1].ok, REPORT_NO);
    testing_says(report->sources[1].finding, "17 exported records were lost");
    assert_int_equal(report->sources[1].volume.lost_datagrams, READ_NULL);
    testing_release(report);
}

static void loss_in_the_switch_is_the_switchs_and_no_exporters(void **state) {
    (void)state;
    struct report *report = testing_compare(&(struct fixture_settings){.rate = 64, .switch_loss = 50});
    assert_int_equal(report->ok, REPORT_YES);
    assert_true(report->ledger.loss_count >= 1);
    const struct report_loss *loss = &report->ledger.losses[report->ledger.loss_count - 1];
    assert_string_equal(loss->from, "tap_out");
    assert_string_equal(loss->to, "switch_in");
    assert_true(loss->packets > 0 && loss->packets % 50 == 0);
    testing_says(loss->text, "no exporter is to blame");
    assert_false(report->truth_uncertain);
    testing_release(report);
}

static void the_switchs_counts_decide_what_the_truth_is(void **state) {
    (void)state;
    struct report *delivered = testing_compare(&(struct fixture_settings){.rate = 64, .switch_loss = 50});
    struct report *offered =
        testing_compare(&(struct fixture_settings){.rate = 64, .switch_loss = 50, .offered = true});
    assert_int_equal(offered->truth_packets, delivered->truth_packets);
    assert_int_equal(offered->entries[0].rule, REPORT_DELIVERED);
    assert_int_equal(offered->entries[1].rule, REPORT_OFFERED);
    assert_false(offered->truth_uncertain);
    testing_release(delivered);
    testing_release(offered);
}

static void a_running_session_says_that_caches_are_not_flushed(void **state) {
    (void)state;
    struct report *report = testing_compare(&(struct fixture_settings){.rate = 64, .running = true});
    testing_says(report->verdict, "caches are not flushed");
    testing_release(report);
}

static void what_is_missing_while_the_session_runs_is_no_fault_yet(void **state) {
    (void)state;
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 64, .running = true, .switch_loss = 50});
    fixture_sql(database, "DELETE FROM flow_record");
    fixture_sql(database, "UPDATE stage SET packets = packets / 2");
    sqlite3_close(database);
    struct report *report = testing_compare_names(NULL, 0);
    assert_int_equal(report->ok, REPORT_UNKNOWN);
    assert_int_equal(report->ledger.loss_count, 0);
    assert_false(report->truth_uncertain);
    testing_says(report->ledger.notes.notes[0].text, "different moments");
    testing_release(report);
}

static void without_truth_nothing_is_judged(void **state) {
    (void)state;
    struct report *report = testing_compare(&(struct fixture_settings){.rate = 64, .no_truth = true});
    assert_int_equal(report->ok, REPORT_UNKNOWN);
    assert_false(report->has_truth);
    testing_says(report->verdict, "no truth");
    json_t *json = report_json(report, 3);
    assert_true(json_is_null(json_object_get(json, "truth")));
    assert_true(json_is_null(json_object_get(json_object_get(json, "verdict"), "ok")));
    assert_true(json_is_null(json_object_get(json_array_get(json_object_get(json, "sources"), 0), "bias")));
    json_decref(json);
    testing_release(report);
}

static void a_source_that_says_nothing_is_not_ok(void **state) {
    (void)state;
    struct report *report = testing_compare(&(struct fixture_settings){.rate = 64, .no_rows = true});
    assert_int_equal(report->ok, REPORT_NO);
    testing_says(report->sources[0].finding, "said nothing");
    testing_release(report);
}

static void a_source_that_is_asked_for_and_not_there_says_so(void **state) {
    (void)state;
    struct report *report = testing_compare(&(struct fixture_settings){.rate = 64, .no_exporters = true});
    assert_int_equal(report->source_count, 0);
    testing_says(report->verdict, "no exporter has sent anything");
    testing_release(report);
    const char *const names[] = {"sflow", "netflow9"};
    report = testing_compare_names(names, 2);
    assert_int_equal(report->ok, REPORT_NO);
    testing_says(report->verdict, "sFlow: no export of it arrived");
    assert_false(report->flows.flows[0].estimates[0].visible);
    testing_release(report);
}

static void what_a_lab_was_told_to_export_and_did_not_is_missed(void **state) {
    (void)state;
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 64, .no_exporters = true});
    fixture_sql(database, "UPDATE session SET settings = '{\"ipfix\": {\"sampling\": 64}, \"sflow\": null}'");
    sqlite3_close(database);
    struct report *report = testing_compare_names(NULL, 0);
    assert_int_equal(report->source_count, 1);
    assert_string_equal(report->sources[0].name, "ipfix");
    assert_int_equal(report->ok, REPORT_NO);
    testing_release(report);
}

static void names_of_sources_are_kinds_protocols_and_agents(void **state) {
    (void)state;
    enum report_kind kind;
    assert_true(report_source_name("sflow", &kind) && kind == REPORT_SFLOW);
    assert_true(report_source_name("netflow9", &kind) && kind == REPORT_NETFLOW);
    assert_true(report_source_name("ipfix@fd00::1", &kind) && kind == REPORT_IPFIX);
    assert_false(report_source_name("vs", NULL));
    assert_false(report_source_name("sflow@nobody", NULL));
    assert_false(report_source_name("", NULL));
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 64});
    sqlite3_close(database);
    const char *const names[] = {"sflow@127.0.0.1", "netflow5", "ipfix@10.9.9.9"};
    struct report *report = testing_compare_names(names, 3);
    assert_int_equal(report->sources[0].exporters, 1);
    assert_int_equal(report->sources[1].exporters, 1);
    assert_int_equal(report->sources[2].exporters, 0);
    testing_release(report);
}

static void rows_outside_the_window_are_not_compared(void **state) {
    (void)state;
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 64});
    fixture_sql(database, "UPDATE session SET window_end_ns = window_start_ns + 6000000000");
    sqlite3_close(database);
    struct report *report = testing_compare_names(NULL, 0);
    assert_true(report->sources[0].outside_window > 0);
    assert_true(report->truth_packets < 60000);
    testing_release(report);
}

static void counts_of_64_bits_are_kept_and_sums_do_not_wrap(void **state) {
    (void)state;
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 64});
    fixture_sql(
        database,
        "UPDATE truth SET bytes = 9223372036854775807, packets = 6148914691236517205 WHERE flow_id = 1057");
    fixture_sql(
        database,
        "UPDATE flow_record SET bytes = 9223372036854775807 WHERE flow_id = 1057 AND exporter_id = 11");
    sqlite3_close(database);
    struct report *report = testing_compare_names(NULL, 0);
    assert_int_equal(report->flows.flows[0].id, 1057);
    assert_true(report->truth_bytes == UINT64_MAX);
    struct error error;
    FILE *out = tmpfile();
    const struct report_style style = {.top = 5, .whole_story = true};
    for (int format = REPORT_TEXT; format <= REPORT_HTML; format++) {
        assert_int_equal(report_render(report, (enum report_format)format, &style, out, &error), 0);
    }
    fclose(out);
    testing_release(report);
}

static void bytes_of_layer_3_are_held_against_a_truth_of_layer_3(void **state) {
    (void)state;
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 64});
    fixture_sql(database, "UPDATE exporter SET byte_layer = 'l3' WHERE protocol = 'netflow5'");
    sqlite3_close(database);
    struct report *report = testing_compare_names(NULL, 0);
    assert_int_equal(report->sources[1].ok, REPORT_NO);
    testing_release(report);
    assert_int_equal(sqlite3_open(testing_database, &database), SQLITE_OK);
    fixture_sql(database, "UPDATE flow_record SET bytes = bytes - 14 * packets WHERE exporter_id = 11");
    sqlite3_close(database);
    report = testing_compare_names(NULL, 0);
    assert_int_equal(report->sources[1].ok, REPORT_YES);
    testing_release(report);
}

static void a_wrong_byte_layer_is_named(void **state) {
    (void)state;
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 64});
    fixture_sql(database, "UPDATE flow_record SET bytes = bytes - 14 * packets WHERE exporter_id = 11");
    sqlite3_close(database);
    struct report *report = testing_compare_names(NULL, 0);
    assert_int_equal(report->sources[1].ok, REPORT_NO);
    testing_says(report->sources[1].finding, "it counts layer 3");
    testing_release(report);
}

static void a_capture_that_dropped_makes_the_truth_incomplete(void **state) {
    (void)state;
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 64});
    fixture_sql(database, "UPDATE capture SET dropped = 7 WHERE station = 2");
    sqlite3_close(database);
    struct report *report = testing_compare_names(NULL, 0);
    assert_false(report->truth_complete);
    assert_true(report->truth_uncertain);
    testing_says(report->verdict, "truth is incomplete");
    testing_release(report);
}

static void frames_taken_in_and_not_delivered_are_in_the_truth(void **state) {
    (void)state;
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 64});
    fixture_sql(database, "UPDATE truth SET bytes = bytes - bytes / packets, packets = packets - 1 "
                          "WHERE direction = 1 AND flow_id = 1057");
    sqlite3_close(database);
    struct report *report = testing_compare_names(NULL, 0);
    assert_false(report->truth_uncertain);
    assert_true(report->undelivered_packets > 0 && report->undelivered_packets < 20);
    assert_int_equal(report->truth_may_lack + report->truth_may_exceed, 0);
    assert_int_equal(report->sources[1].ok, REPORT_YES);
    testing_release(report);
}

static void exports_that_came_twice_are_named(void **state) {
    (void)state;
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 64});
    fixture_sql(
        database,
        "INSERT INTO flow_record (session_id, exporter_id, recv_ns, flow_id, packets, bytes, start_ns, "
        "end_ns, rate_source, scaled) SELECT session_id, exporter_id, recv_ns, flow_id, packets, bytes, "
        "start_ns, end_ns, 0, 0 FROM flow_record WHERE exporter_id = 11 AND flow_id = 1057");
    sqlite3_close(database);
    struct report *report = testing_compare_names(NULL, 0);
    assert_int_equal(report->sources[1].ok, REPORT_NO);
    testing_says(report->sources[1].finding, "differs in 1 of 40 flows");
    testing_says(report->sources[1].finding, "came twice");
    testing_release(report);
}

static void the_rate_over_time_holds_all_bytes(void **state) {
    (void)state;
    struct report *report = testing_compare(&(struct fixture_settings){.rate = 64});
    double truth = 0.0;
    double bytes[3] = {0.0, 0.0, 0.0};
    for (size_t i = 0; i < report->series.count; i++) {
        truth += report->series.bins[i].truth_bytes;
        for (size_t s = 0; s < 3; s++) {
            bytes[s] += report->series.bins[i].bytes[s];
        }
    }
    assert_true(fabs(truth / (double)report->truth_bytes - 1.0) < 1e-9);
    for (size_t s = 0; s < 3; s++) {
        assert_true(fabs(bytes[s] / (double)report->sources[s].bytes - 1.0) < 1e-9);
    }
    testing_release(report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_exporters_are_within_theory_and_netflow_exact),
        cmocka_unit_test(at_rate_1_every_source_equals_the_truth),
        cmocka_unit_test(netflow_v5_is_held_against_ipv4_alone),
        cmocka_unit_test(a_sampler_that_lies_about_its_rate_is_named),
        cmocka_unit_test(egress_counted_again_is_named),
        cmocka_unit_test(egress_records_of_openvswitch_are_left_out),
        cmocka_unit_test(lost_exports_are_named_as_the_cause),
        cmocka_unit_test(loss_in_the_switch_is_the_switchs_and_no_exporters),
        cmocka_unit_test(the_switchs_counts_decide_what_the_truth_is),
        cmocka_unit_test(a_running_session_says_that_caches_are_not_flushed),
        cmocka_unit_test(what_is_missing_while_the_session_runs_is_no_fault_yet),
        cmocka_unit_test(without_truth_nothing_is_judged),
        cmocka_unit_test(a_source_that_says_nothing_is_not_ok),
        cmocka_unit_test(a_source_that_is_asked_for_and_not_there_says_so),
        cmocka_unit_test(what_a_lab_was_told_to_export_and_did_not_is_missed),
        cmocka_unit_test(names_of_sources_are_kinds_protocols_and_agents),
        cmocka_unit_test(rows_outside_the_window_are_not_compared),
        cmocka_unit_test(counts_of_64_bits_are_kept_and_sums_do_not_wrap),
        cmocka_unit_test(bytes_of_layer_3_are_held_against_a_truth_of_layer_3),
        cmocka_unit_test(a_wrong_byte_layer_is_named),
        cmocka_unit_test(a_capture_that_dropped_makes_the_truth_incomplete),
        cmocka_unit_test(frames_taken_in_and_not_delivered_are_in_the_truth),
        cmocka_unit_test(exports_that_came_twice_are_named),
        cmocka_unit_test(the_rate_over_time_holds_all_bytes),
    };
    return cmocka_run_group_tests(tests, testing_make_folder, testing_remove_folder);
}
