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

static void offered_traffic_is_the_truth_by_that_rule(void **state) {
    (void)state;
    struct report *delivered = testing_compare(&(struct fixture_settings){.rate = 64, .switch_loss = 50});
    struct report *offered =
        testing_compare(&(struct fixture_settings){.rate = 64, .switch_loss = 50, .offered = true});
    assert_true(offered->truth_packets > delivered->truth_packets);
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

static void frames_taken_in_and_not_delivered_make_the_truth_uncertain(void **state) {
    (void)state;
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 64});
    fixture_sql(database, "UPDATE truth SET bytes = bytes - bytes / packets, packets = packets - 1 "
                          "WHERE direction = 1 AND flow_id = 1057");
    sqlite3_close(database);
    struct report *report = testing_compare_names(NULL, 0);
    assert_true(report->truth_uncertain);
    assert_true(report->truth_may_lack > 0 && report->truth_may_lack < 20);
    assert_int_equal(report->truth_may_exceed, 0);
    assert_int_equal(report->sources[1].ok, REPORT_UNKNOWN);
    testing_says(report->sources[1].finding, "the truth itself is uncertain");
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

/* ---- the ledger alone ---- */

static void put(struct report_ledger *ledger, const char *stage, int64_t packets) {
    struct report_stage *row = &ledger->stages[ledger->stage_count++];
    *row = (struct report_stage){.packets = packets, .bytes = READ_NULL};
    snprintf(row->stage, sizeof row->stage, "%s", stage);
    snprintf(row->direction, sizeof row->direction, "ns1>ns2");
}

static void ledger_compares_stages_in_the_order_of_the_way(void **state) {
    (void)state;
    static struct report_ledger ledger;
    memset(&ledger, 0, sizeof ledger);
    put(&ledger, "tap_in", 90);
    put(&ledger, "received", 20);
    put(&ledger, "switch_out", 93);
    put(&ledger, "tap_out", 100);
    put(&ledger, "switch_in", 95);
    put(&ledger, "switch_in_drop", 5);
    report_find_losses(&ledger);
    assert_int_equal(ledger.loss_count, 3);
    assert_int_equal(ledger.losses[0].packets, 5);
    testing_says(ledger.losses[0].text, "before sampling");
    assert_int_equal(ledger.losses[1].packets, 2);
    testing_says(ledger.losses[1].text, "did not forward");
    assert_int_equal(ledger.losses[2].packets, 3);
    assert_string_equal(ledger.losses[2].to, "tap_in");
}

static void ledger_skips_stages_that_nobody_counted(void **state) {
    (void)state;
    static struct report_ledger ledger;
    memset(&ledger, 0, sizeof ledger);
    put(&ledger, "tap_out", 6698);
    put(&ledger, "switch_in", READ_NULL);
    put(&ledger, "tap_in", 6243);
    report_find_losses(&ledger);
    assert_int_equal(ledger.loss_count, 1);
    assert_int_equal(ledger.losses[0].packets, 455);
    testing_says(ledger.losses[0].text, "the switch lost them");
}

static void more_than_went_in_is_not_called_a_loss(void **state) {
    (void)state;
    static struct report_ledger ledger;
    memset(&ledger, 0, sizeof ledger);
    put(&ledger, "tap_out", 10);
    put(&ledger, "tap_in", 12);
    report_find_losses(&ledger);
    assert_int_equal(ledger.loss_count, 1);
    assert_int_equal(ledger.losses[0].packets, -2);
    assert_null(strstr(ledger.losses[0].text, "lost"));
}

/* ---- formats ---- */

static char *render(const struct report *report, enum report_format format) {
    char *text = NULL;
    size_t size = 0;
    struct error error;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    const struct report_style style = {.top = 8, .whole_story = true};
    assert_int_equal(report_render(report, format, &style, out, &error), 0);
    fclose(out);
    return text;
}

/* Holds 'text' against tests/golden/NAME; with NSMON_GOLDEN_UPDATE set, writes it there instead. */
static void assert_golden(const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/%s", NSMON_SOURCE_DIR, name);
    if (getenv("NSMON_GOLDEN_UPDATE") != NULL) {
        FILE *out = fopen(path, "we");
        assert_non_null(out);
        fputs(text, out);
        fclose(out);
        return;
    }
    static char golden[1 << 20];
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    golden[fread(golden, 1, sizeof golden - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, golden);
}

static void text_json_and_csv_are_the_golden_ones(void **state) {
    (void)state;
    struct report *report =
        testing_compare(&(struct fixture_settings){.label = "demo", .rate = 64, .switch_loss = 3});
    char *text = render(report, REPORT_TEXT);
    assert_golden("report.txt", text);
    free(text);
    text = render(report, REPORT_CSV);
    assert_golden("report.csv", text);
    free(text);
    json_t *json = report_json(report, 4);
    text = json_dumps(json, JSON_INDENT(1) | JSON_REAL_PRECISION(7));
    assert_golden("report.json", text);
    free(text);
    json_decref(json);
    testing_release(report);
}

static void text_fits_the_columns_that_there_are(void **state) {
    (void)state;
    struct report *report = testing_compare(
        &(struct fixture_settings){.label = "demo", .rate = 64, .flow_scale = 9, .switch_loss = 50});
    for (size_t columns = 80; columns <= 100; columns += 20) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        const struct report_style style = {.top = 20, .whole_story = true, .columns = columns};
        assert_int_equal(report_render(report, REPORT_TEXT, &style, out, NULL), 0);
        fclose(out);
        for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            if (strlen(line) > columns) {
                fail_msg("longer than %zu columns: %s", columns, line);
            }
        }
        free(text);
    }
    testing_release(report);
}

static void text_ends_with_the_verdict(void **state) {
    (void)state;
    struct report *report = testing_compare(&(struct fixture_settings){.rate = 64});
    char *text = render(report, REPORT_TEXT);
    char *last = NULL;
    for (char *at = text; (at = strstr(at, "\nOK  sFlow")) != NULL; at++) {
        last = at;
    }
    assert_non_null(last);
    assert_null(strstr(last, "\n\n"));
    assert_true(last > text + strlen(text) / 2);
    free(text);
    testing_release(report);
}

static void what_endpoints_sent_by_udp_and_tcp_are_two_rows(void **state) {
    (void)state;
    struct report *report = testing_compare(&(struct fixture_settings){.rate = 64});
    int64_t bytes = 0;
    size_t rows = 0;
    for (size_t i = 0; i < report->ledger.stage_count; i++) {
        const struct report_stage *stage = &report->ledger.stages[i];
        if (strcmp(stage->stage, "sent") == 0) {
            rows++;
            bytes += stage->bytes;
            assert_true((stage->packets == READ_NULL) == (strstr(stage->source, "TCP") != NULL));
        }
    }
    assert_int_equal(rows, 4);
    assert_int_equal(bytes, report->traffic.sent_bytes);
    testing_release(report);
}

static void json_has_what_was_promised_and_no_nan(void **state) {
    (void)state;
    struct report *report = testing_compare(&(struct fixture_settings){.rate = 64});
    char *text = render(report, REPORT_JSON);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    free(text);
    json_t *source = json_array_get(json_object_get(json, "sources"), 1);
    static const char *const numbers[] = {"packets",        "bytes",         "bias",
                                          "weighted_error", "are",           "coverage",
                                          "flows_seen",     "flows_missed",  "export_datagrams",
                                          "export_bytes",   "lost_datagrams"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        assert_true(json_is_number(json_object_get(source, numbers[i])));
    }
    assert_string_equal(json_string_value(json_object_get(source, "name")), "netflow");
    assert_string_equal(json_string_value(json_object_get(source, "protocol")), "netflow5");
    assert_true(json_is_integer(json_object_get(json_object_get(source, "truth"), "bytes")));
    assert_true(json_is_number(json_object_get(json_object_get(source, "detection_ms"), "p95")));
    assert_int_equal(json_array_size(json_object_get(source, "packets_ci")), 2);
    json_t *flow = json_array_get(json_object_get(json, "flows"), 0);
    assert_string_equal(json_string_value(json_object_get(flow, "src")), "fd00:1::2");
    assert_true(json_is_null(json_object_get(json_object_get(flow, "sources"), "netflow")));
    json_t *sflow = json_object_get(json_object_get(flow, "sources"), "sflow");
    assert_true(json_is_boolean(json_object_get(sflow, "within")));
    assert_int_equal(json_array_size(json_object_get(sflow, "ci")), 2);
    json_t *row = json_array_get(json_object_get(json, "ledger"), 0);
    assert_true(json_is_integer(json_object_get(row, "packets")));
    assert_true(json_is_true(json_object_get(json_object_get(json, "verdict"), "ok")));
    json_decref(json);
    testing_release(report);
}

static void a_hostile_label_stays_text_in_every_format(void **state) {
    (void)state;
    struct report *report = testing_compare(
        &(struct fixture_settings){.label = "</script><script>alert(1)</script>\"'&\033[2J\xff", .rate = 64});
    char *html = render(report, REPORT_HTML);
    size_t scripts = 0;
    for (const char *at = html; (at = strstr(at, "<script")) != NULL; at++) {
        scripts++;
    }
    assert_int_equal(scripts, 3);
    assert_non_null(strstr(html, "<h1>&lt;/script&gt;&lt;script&gt;alert(1)"));
    assert_null(strchr(html, '\033'));
    free(html);
    char *text = render(report, REPORT_TEXT);
    assert_null(strchr(text, '\033'));
    free(text);
    text = render(report, REPORT_JSON);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    json_decref(json);
    free(text);
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
        cmocka_unit_test(offered_traffic_is_the_truth_by_that_rule),
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
        cmocka_unit_test(frames_taken_in_and_not_delivered_make_the_truth_uncertain),
        cmocka_unit_test(exports_that_came_twice_are_named),
        cmocka_unit_test(the_rate_over_time_holds_all_bytes),
        cmocka_unit_test(ledger_compares_stages_in_the_order_of_the_way),
        cmocka_unit_test(ledger_skips_stages_that_nobody_counted),
        cmocka_unit_test(more_than_went_in_is_not_called_a_loss),
        cmocka_unit_test(text_json_and_csv_are_the_golden_ones),
        cmocka_unit_test(text_fits_the_columns_that_there_are),
        cmocka_unit_test(text_ends_with_the_verdict),
        cmocka_unit_test(what_endpoints_sent_by_udp_and_tcp_are_two_rows),
        cmocka_unit_test(json_has_what_was_promised_and_no_nan),
        cmocka_unit_test(a_hostile_label_stays_text_in_every_format),
    };
    return cmocka_run_group_tests(tests, testing_make_folder, testing_remove_folder);
}
