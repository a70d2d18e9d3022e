/* Who is to blame, and for what nobody is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "report_testing.h"
#include "reports/format.h"
#include "reports/render_json.h"
#include "reports/source_table.h"

#define NETFLOW 1
#define IPFIX   2

/* Compares a fixture of 'settings' after 'sql' changed it. */
static struct report *compare_after(const struct fixture_settings *settings, const char *sql) {
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, settings);
    fixture_sql(database, "%s", sql);
    sqlite3_close(database);
    return testing_compare_names(NULL, 0);
}

/* What the table of sources says in the row 'label' of source 'number'; 'text' holds it. */
static const char *table_cell(const struct report *report, const char *label, size_t number,
                              char text[FORMAT_SIZE]) {
    for (size_t row = 0; row < report_source_rows; row++) {
        if (strcmp(report_source_row_label(row), label) == 0) {
            return report_source_row(row, report, &report->sources[number], text);
        }
    }
    fail_msg("the table has no row \"%s\"", label);
    return NULL;
}

/* ---- a rate that nobody said ---- */

#define FORGET_RATE                                                                                          \
    "UPDATE exporter SET sampling_rate = NULL, sampling_source = 'none' WHERE protocol = 'ipfix';"           \
    "UPDATE flow_record SET sampling_rate = NULL, rate_source = 0 WHERE exporter_id = 12"

static void scaled_counts_of_an_unknown_rate_are_undecided(void **state) {
    (void)state;
    struct report *report = compare_after(&(struct fixture_settings){.rate = 64}, FORGET_RATE);
    const struct report_source *ipfix = &report->sources[IPFIX];
    assert_int_equal(ipfix->ok, REPORT_UNKNOWN);
    assert_int_equal(report->ok, REPORT_UNKNOWN);
    testing_says(report->verdict, "--sampling");
    assert_true(isnan(ipfix->rate) != 0);
    assert_true(ipfix->packets > 0 && ipfix->bytes > 0);
    assert_true(isnan(ipfix->packets_summary.bias) == 0);
    testing_release(report);
}

static void an_unknown_rate_gives_no_interval_and_no_test(void **state) {
    (void)state;
    struct report *report = compare_after(&(struct fixture_settings){.rate = 64}, FORGET_RATE);
    json_t *json = report_json(report, 1);
    json_t *source = json_array_get(json_object_get(json, "sources"), IPFIX);
    static const char *const unknown[] = {"packets_ci",
                                          "bytes_ci",
                                          "samples",
                                          "sampling_rate",
                                          "coverage",
                                          "expected_coverage",
                                          "coverage_range",
                                          "effective_rate",
                                          "effective_rate_ci",
                                          "agreement",
                                          "expected_flows_seen",
                                          "ok"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        if (!json_is_null(json_object_get(source, unknown[i]))) {
            fail_msg("%s is not null", unknown[i]);
        }
    }
    assert_true(json_is_integer(json_object_get(source, "packets")));
    assert_true(json_is_number(json_object_get(source, "bias")));
    assert_true(json_integer_value(json_object_get(source, "flows_seen")) > 0);
    json_t *flow = json_array_get(json_object_get(json, "flows"), 0);
    json_t *said = json_object_get(json_object_get(flow, "sources"), "ipfix");
    assert_true(json_is_integer(json_object_get(said, "packets")));
    assert_true(json_is_null(json_object_get(said, "ci")));
    assert_true(json_is_null(json_object_get(said, "within")));
    json_decref(json);
    testing_release(report);
}

static void one_record_without_a_rate_makes_the_rate_of_its_source_unknown(void **state) {
    (void)state;
    struct report *report = compare_after(
        &(struct fixture_settings){.rate = 64},
        "UPDATE exporter SET sampling_rate = NULL WHERE protocol = 'ipfix';"
        "UPDATE flow_record SET sampling_rate = NULL WHERE id = (SELECT max(id) FROM flow_record "
        "WHERE exporter_id = 12 AND direction = 0)");
    assert_int_equal(report->sources[IPFIX].ok, REPORT_UNKNOWN);
    assert_true(isnan(report->sources[IPFIX].rate) != 0);
    testing_release(report);
}

/* ---- a truth that is uncertain ---- */

/* The switch took in 10 frames of flow 1057, of IPv4, more than it delivered: a rule dropped them. */
#define DROP_RULE                                                                                            \
    "UPDATE stage SET packets = packets - 10 WHERE stage = 'switch_out' AND direction = 'ns1>ns2';"          \
    "UPDATE truth SET bytes = bytes - 10 * (bytes / packets), packets = packets - 10 WHERE rowid = "         \
    "(SELECT min(rowid) FROM truth WHERE direction = 1 AND flow_id = 1057)"

static void what_the_switch_dropped_is_in_the_truth_of_an_unsampled_source(void **state) {
    (void)state;
    struct report *report = compare_after(&(struct fixture_settings){.rate = 64}, DROP_RULE);
    assert_int_equal(report->sources[NETFLOW].differing_flows, 0);
    assert_int_equal(report->sources[NETFLOW].ok, REPORT_YES);
    assert_int_equal(report->ok, REPORT_YES);
    assert_int_equal(report->undelivered_packets, 10);
    testing_release(report);
}

static void exact_of_a_small_part_is_said_with_the_part(void **state) {
    (void)state;
    struct report *report = compare_after(&(struct fixture_settings){.rate = 64},
                                          "UPDATE truth SET packets = packets * 20, bytes = bytes * 20 WHERE "
                                          "flow_id IN (SELECT id FROM flow WHERE "
                                          "ethertype <> 2048); UPDATE stage SET packets = (SELECT "
                                          "sum(t.packets) FROM truth t WHERE t.direction = 1 "
                                          "AND t.capture_id = iif(stage.direction = 'ns1>ns2', 11, 10))");
    assert_int_equal(report->sources[NETFLOW].ok, REPORT_YES);
    testing_says(report->sources[NETFLOW].finding, "exact for the 40 of 62 flows that it can see (");
    testing_release(report);
}

static void what_the_switch_dropped_is_exact_at_1_in_1(void **state) {
    (void)state;
    struct report *report = compare_after(&(struct fixture_settings){.rate = 1}, DROP_RULE);
    for (size_t i = 0; i < report->source_count; i++) {
        assert_int_equal(report->sources[i].ok, REPORT_YES);
        assert_int_equal(report->sources[i].differing_flows, 0);
    }
    testing_release(report);
}

static void a_flow_that_was_dropped_whole_is_no_fault(void **state) {
    (void)state;
    struct report *report = compare_after(
        &(struct fixture_settings){.rate = 1},
        "UPDATE stage SET packets = packets - (SELECT sum(packets) FROM truth WHERE direction = 1 "
        "AND flow_id = 1057) WHERE stage = 'switch_out' AND direction = 'ns1>ns2';"
        "DELETE FROM truth WHERE direction = 1 AND flow_id = 1057");
    for (size_t i = 0; i < report->source_count; i++) {
        assert_int_equal(report->sources[i].extra_flows, 0);
        assert_int_equal(report->sources[i].ok, REPORT_YES);
    }
    testing_release(report);
}

/* 10 frames of flow 1057 got lost before the switch, and a rule dropped some others: nobody knows which flow
 * lacks how many of them. */
#define DROP_AND_LOSS                                                                                        \
    "INSERT INTO stage VALUES (1, 'switch_in_rule_drop', 'switch', 3, NULL, 'rule actions=drop');"           \
    "UPDATE truth SET bytes = bytes + 10 * (bytes / packets), packets = packets + 10 WHERE rowid = "         \
    "(SELECT min(rowid) FROM truth WHERE direction = 0 AND flow_id = 1057)"

static void what_was_lost_before_the_switch_and_can_not_be_told_apart_is_undecided(void **state) {
    (void)state;
    struct report *report = compare_after(&(struct fixture_settings){.rate = 1}, DROP_AND_LOSS);
    assert_int_equal(report->truth_may_exceed, 10);
    assert_int_equal(report->truth_may_lack, 0);
    assert_int_equal(report->sources[NETFLOW].differing_flows, 1);
    for (size_t i = 0; i < report->source_count; i++) {
        assert_int_equal(report->sources[i].ok, REPORT_UNKNOWN);
        testing_says(report->sources[i].finding, "no exporter is to blame");
    }
    testing_release(report);
}

static void the_truths_doubt_excuses_no_more_than_it_is(void **state) {
    (void)state;
    struct report *report =
        compare_after(&(struct fixture_settings){.rate = 64}, DROP_AND_LOSS
                      ";UPDATE flow_record SET packets = packets + 1, bytes = bytes + 100 WHERE id = "
                      "(SELECT min(id) FROM flow_record WHERE exporter_id = 11)");
    assert_int_equal(report->sources[NETFLOW].ok, REPORT_NO);
    testing_release(report);
}

static void lost_frames_do_not_excuse_a_source_that_says_far_too_little(void **state) {
    (void)state;
    struct report *report =
        compare_after(&(struct fixture_settings){.rate = 64}, DROP_AND_LOSS
                      ";UPDATE flow_record SET bytes = bytes - bytes / packets, packets = packets - 1 "
                      "WHERE id = (SELECT min(id) FROM flow_record WHERE exporter_id = 11)");
    assert_int_equal(report->sources[NETFLOW].ok, REPORT_NO);
    testing_release(report);
}

static void dropped_frames_do_not_excuse_wrong_bytes_of_another_flow(void **state) {
    (void)state;
    struct report *report = compare_after(&(struct fixture_settings){.rate = 64}, DROP_AND_LOSS
                                          ";UPDATE flow_record SET bytes = bytes + 1 WHERE id = "
                                          "(SELECT min(id) FROM flow_record WHERE exporter_id = 11)");
    assert_int_equal(report->sources[NETFLOW].ok, REPORT_NO);
    testing_release(report);
}

static void what_the_switch_dropped_is_no_fault_of_a_sampled_source(void **state) {
    (void)state;
    static const char rule[] =
        "UPDATE truth SET packets = packets / 3, bytes = bytes / 3 WHERE direction = 1 "
        "AND flow_id = 1057";
    struct report *report = compare_after(&(struct fixture_settings){.rate = 16}, rule);
    assert_true(report->sources[0].packets_summary.plausible);
    assert_int_equal(report->sources[0].ok, REPORT_YES);
    testing_release(report);
    /* A switch that took in no more than it delivered, and an exporter that says more, is another matter. */
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 16});
    fixture_sql(database, "%s", rule);
    fixture_sql(database,
                "UPDATE stage SET packets = (SELECT sum(packets) FROM truth WHERE direction = 1 AND "
                "capture_id = 11) WHERE direction = 'ns1>ns2'");
    sqlite3_close(database);
    report = testing_compare_names(NULL, 0);
    assert_int_equal(report->sources[0].ok, REPORT_NO);
    testing_release(report);
}

/* ---- causes ---- */

static void lost_exports_do_not_explain_too_much(void **state) {
    (void)state;
    struct report *report =
        compare_after(&(struct fixture_settings){.rate = 64},
                      "UPDATE exporter_health SET lost = 17, malformed = 3 WHERE exporter_id = 11;"
                      "UPDATE flow_record SET packets = packets * 3, bytes = bytes * 3 WHERE exporter_id = "
                      "11 AND flow_id = 1057");
    const char *finding = report->sources[NETFLOW].finding;
    assert_int_equal(report->sources[NETFLOW].ok, REPORT_NO);
    assert_null(strstr(finding, "lost"));
    assert_null(strstr(finding, "malformed"));
    testing_says(finding, "came twice");
    testing_release(report);
}

static void duplicated_exports_explain_too_much(void **state) {
    (void)state;
    struct report *report = compare_after(&(struct fixture_settings){.rate = 64},
                                          "UPDATE exporter_health SET duplicated = 5 WHERE exporter_id = 11;"
                                          "UPDATE flow_record SET packets = packets * 2, bytes = bytes * 2 "
                                          "WHERE exporter_id = 11 AND flow_id = 1057");
    testing_says(report->sources[NETFLOW].finding, "5 export datagrams came twice");
    testing_release(report);
}

static void a_capture_that_dropped_explains_too_much_and_not_too_little(void **state) {
    (void)state;
    struct report *report =
        compare_after(&(struct fixture_settings){.rate = 64}, DROP_RULE
                      ";UPDATE stage SET packets = packets - 10 WHERE stage = 'switch_in' AND direction = "
                      "'ns1>ns2';UPDATE capture SET dropped = 10 WHERE station = 2");
    assert_int_equal(report->sources[NETFLOW].ok, REPORT_UNKNOWN);
    testing_release(report);
    report = compare_after(&(struct fixture_settings){.rate = 64},
                           "UPDATE capture SET dropped = 10 WHERE station = 2;"
                           "UPDATE flow_record SET bytes = bytes - bytes / packets, packets = packets - 1 "
                           "WHERE id = (SELECT min(id) FROM flow_record WHERE exporter_id = 11)");
    assert_int_equal(report->sources[NETFLOW].ok, REPORT_NO);
    assert_null(strstr(report->sources[NETFLOW].finding, "capture"));
    testing_release(report);
}

/* ---- flows that the truth lacks ---- */

static void flows_that_the_truth_lacks_are_in_the_bias_and_not_exact(void **state) {
    (void)state;
    struct report *report =
        compare_after(&(struct fixture_settings){.rate = 64}, "DELETE FROM truth WHERE flow_id = 1057");
    const struct report_source *netflow = &report->sources[NETFLOW];
    double packets =
        ((double)netflow->packets - (double)netflow->truth_packets) / (double)netflow->truth_packets;
    double bytes = ((double)netflow->bytes - (double)netflow->truth_bytes) / (double)netflow->truth_bytes;
    assert_true(packets > 0.01);
    assert_true(fabs(netflow->packets_summary.bias - packets) < 1e-9);
    assert_true(fabs(netflow->bytes_summary.bias - bytes) < 1e-9);
    assert_true(fabs(netflow->packets_summary.weighted_error - packets) < 1e-9);
    char text[FORMAT_SIZE];
    assert_null(strstr(table_cell(report, "  bias", NETFLOW, text), "exact"));
    testing_says(netflow->finding, "1 flow that the truth lacks");
    testing_release(report);
}

static void differences_that_cancel_are_not_called_exact(void **state) {
    (void)state;
    struct report *report = compare_after(&(struct fixture_settings){.rate = 64},
                                          "UPDATE flow_record SET packets = packets + 1 WHERE id = (SELECT "
                                          "min(id) FROM flow_record WHERE exporter_id = 11);"
                                          "UPDATE flow_record SET packets = packets - 1 WHERE id = (SELECT "
                                          "max(id) FROM flow_record WHERE exporter_id = 11)");
    assert_true(report->sources[NETFLOW].packets_summary.bias == 0.0);
    char text[FORMAT_SIZE];
    assert_null(strstr(table_cell(report, "  bias", NETFLOW, text), "exact"));
    testing_release(report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scaled_counts_of_an_unknown_rate_are_undecided),
        cmocka_unit_test(an_unknown_rate_gives_no_interval_and_no_test),
        cmocka_unit_test(one_record_without_a_rate_makes_the_rate_of_its_source_unknown),
        cmocka_unit_test(what_the_switch_dropped_is_in_the_truth_of_an_unsampled_source),
        cmocka_unit_test(exact_of_a_small_part_is_said_with_the_part),
        cmocka_unit_test(what_the_switch_dropped_is_exact_at_1_in_1),
        cmocka_unit_test(what_was_lost_before_the_switch_and_can_not_be_told_apart_is_undecided),
        cmocka_unit_test(a_flow_that_was_dropped_whole_is_no_fault),
        cmocka_unit_test(what_the_switch_dropped_is_no_fault_of_a_sampled_source),
        cmocka_unit_test(the_truths_doubt_excuses_no_more_than_it_is),
        cmocka_unit_test(lost_frames_do_not_excuse_a_source_that_says_far_too_little),
        cmocka_unit_test(dropped_frames_do_not_excuse_wrong_bytes_of_another_flow),
        cmocka_unit_test(lost_exports_do_not_explain_too_much),
        cmocka_unit_test(duplicated_exports_explain_too_much),
        cmocka_unit_test(a_capture_that_dropped_explains_too_much_and_not_too_little),
        cmocka_unit_test(flows_that_the_truth_lacks_are_in_the_bias_and_not_exact),
        cmocka_unit_test(differences_that_cancel_are_not_called_exact),
    };
    return cmocka_run_group_tests(tests, testing_make_folder, testing_remove_folder);
}
