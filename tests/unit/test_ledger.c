/* The ledger: what each stage counted, and who lost the difference. */
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
#include "reports/format.h"
#include "reports/internal.h"
#include "reports/render.h"
#include "reports/render_json.h"

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

/* Two runs of the same addresses and ports, each of which sent about half of what the taps saw of a flow. */
static void what_two_runs_sent_by_one_flow_went_by_the_taps_once(void **state) {
    (void)state;
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 64});
    fixture_sql(database,
                "INSERT INTO traffic_run (id, session_id, profile, seed, started_ns, settings) "
                "SELECT 2, session_id, profile, seed, started_ns + 1, '{}' FROM traffic_run WHERE id = 1;"
                "INSERT INTO traffic_flow (run_id, number, flow_id, sent_packets, sent_bytes, "
                "received_packets, received_bytes, lost, duplicated, reordered) "
                "SELECT 2, number, flow_id, sent_packets / 2, sent_bytes / 2, received_packets / 2, "
                "received_bytes / 2, 0, 0, 0 FROM traffic_flow WHERE run_id = 1;"
                "UPDATE traffic_flow SET sent_packets = sent_packets - sent_packets / 2, "
                "received_packets = received_packets - received_packets / 2 WHERE run_id = 1");
    sqlite3_close(database);
    struct report *report = testing_compare_names(NULL, 0);
    assert_int_equal(report->traffic.flows, 124);
    assert_true(report->traffic.udp_sent > 0);
    assert_int_equal(report->traffic.udp_sent, report->traffic.udp_received);
    for (size_t i = 0; i < report->ledger.loss_count; i++) {
        assert_null(strstr(report->ledger.losses[i].text, "of nsmon's own"));
    }
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(report_render_text(report, &(struct report_style){.whole_story = true}, out), 0);
    fclose(out);
    testing_says(text, "  - 2 runs: 124 flows, 0 failed; UDP datagrams sent 32425, ");
    assert_null(strstr(text, "profile mixed: 124 flows"));
    free(text);
    testing_release(report);
}

/* ---- what was done on purpose ---- */

static void put_row(struct report_ledger *ledger, const char *stage, const char *direction, int64_t packets,
                    const char *source) {
    struct report_stage *row = &ledger->stages[ledger->stage_count++];
    *row = (struct report_stage){.packets = packets, .bytes = READ_NULL};
    snprintf(row->stage, sizeof row->stage, "%s", stage);
    snprintf(row->direction, sizeof row->direction, "%s", direction);
    snprintf(row->source, sizeof row->source, "%s", source);
}

static void what_was_dropped_on_purpose_explains_a_loss(void **state) {
    (void)state;
    static struct report_ledger ledger;
    memset(&ledger, 0, sizeof ledger);
    put_row(&ledger, "tap_in_impaired_loss", "ns1>ns2", 100, "every 10th of the UDP datagrams, nftables");
    put_row(&ledger, "tap_in_impaired_loss", "ns1>ns2", 30, "every 10th of the other IP packets, nftables");
    report_add_loss(&ledger, "ns1>ns2", "tap_in", "received", 100, "UDP datagrams");
    assert_int_equal(ledger.loss_count, 1);
    assert_int_equal(ledger.losses[0].unexplained, 0);
    testing_says(ledger.losses[0].text,
                 "100 UDP datagrams lost between tap_in and received: 100 dropped on "
                 "purpose (every 10th of the UDP datagrams, nftables), so no exporter");
}

static void what_is_left_of_a_loss_is_laid_to_somebody(void **state) {
    (void)state;
    static struct report_ledger ledger;
    memset(&ledger, 0, sizeof ledger);
    put_row(&ledger, "tap_in_impaired_loss", "ns1>ns2", 100, "every 10th");
    report_add_loss(&ledger, "ns1>ns2", "tap_in", "received", 103, "frames");
    assert_int_equal(ledger.losses[0].unexplained, 3);
    testing_says(ledger.losses[0].text, ", and 3 more: the receiver's host lost them");
}

static void a_loss_on_purpose_that_nobody_missed_is_said(void **state) {
    (void)state;
    static struct report_ledger ledger;
    memset(&ledger, 0, sizeof ledger);
    put_row(&ledger, "tap_in_impaired_loss", "ns1>ns2", 100, "every 10th");
    report_add_loss(&ledger, "ns1>ns2", "tap_in", "received", 98, "frames");
    report_add_loss(&ledger, "ns1>ns2", "tap_in", "received", 0, "frames");
    testing_says(ledger.losses[0].text, "which is 2 more than explains it");
    testing_says(ledger.losses[1].text, "as many frames");
    assert_int_equal(ledger.losses[1].unexplained, -100);
}

static void what_was_dropped_of_all_udp_is_not_held_against_our_own(void **state) {
    (void)state;
    static struct report_ledger ledger;
    memset(&ledger, 0, sizeof ledger);
    put_row(&ledger, "tap_in_impaired_loss", "ns1>ns2", 456, "every 10th of the UDP datagrams");
    report_add_own_loss(&ledger, "ns1>ns2", "tap_in", "received", 106, "UDP datagrams of nsmon's own", 2500);
    assert_int_equal(ledger.losses[0].unexplained, 0);
    testing_says(
        ledger.losses[0].text,
        "106 UDP datagrams of nsmon's own lost between tap_in and received: among the 456 dropped on "
        "purpose (every 10th of the UDP datagrams) of all UDP, where 2500 datagrams at tap_in were not "
        "of nsmon's flows, so no exporter is to blame");
    report_add_own_loss(&ledger, "ns1>ns2", "tap_in", "received", 0, "UDP datagrams of nsmon's own", 2500);
    assert_int_equal(ledger.loss_count, 1);
    report_add_own_loss(&ledger, "ns1>ns2", "tap_in", "received", 106, "UDP datagrams of nsmon's own", 349);
    testing_says(ledger.losses[1].text, "which is 350 more than explains it");
}

/* Whether a note says so after 'dropped' datagrams were dropped on purpose, of which the endpoints miss none,
 * with flow 1056 as nobody's of nsmon's. */
static bool notes_say(int dropped, const char *wanted) {
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 64});
    fixture_sql(database,
                "INSERT INTO stage VALUES (1, 'tap_in_impaired_loss', 'ns1>ns2', %d, NULL, "
                "'every 10th of the UDP datagrams, nftables');"
                "DELETE FROM traffic_flow WHERE flow_id = 1056",
                dropped);
    sqlite3_close(database);
    struct report *report = testing_compare_names(NULL, 0);
    bool told = false;
    for (size_t i = 0; i < report->ledger.notes.count; i++) {
        told = told || strstr(report->ledger.notes.notes[i].text, wanted) != NULL;
    }
    testing_release(report);
    return told;
}

static void only_what_other_udp_explains_is_no_disagreement(void **state) {
    (void)state;
    assert_true(
        notes_say(456, "456 datagrams dropped on purpose, of all UDP; the endpoints lost 0 of their own"));
    assert_false(notes_say(456, "differ"));
    assert_true(notes_say(1000000, "they differ by 1000000"));
    assert_true(notes_say(0, "the endpoints lost 0: agrees"));
}

static void where_frames_are_dropped_and_copied_delivery_is_called_net(void **state) {
    (void)state;
    static struct report report;
    memset(&report, 0, sizeof report);
    char text[200];
    report.has_truth = report.has_delivery = report.flow_delivery = true;
    report.entry_count = 2;
    report.delivered_packets = 1000;
    report.undelivered_packets = 1184;
    report.copied_packets = 253;
    put_row(&report.ledger, "switch_out_impaired_duplicate", "ns1>ns2", 576, "relay");
    assert_true(format_delivery(&report, text, sizeof text));
    assert_string_equal(text, "1,000 packets, and 1,184 not; 253 copies on purpose");
    put_row(&report.ledger, "switch_out_impaired_loss", "ns1>ns2", 1507, "tbf");
    assert_true(format_delivery(&report, text, sizeof text));
    testing_says(text,
                 "253 copies on purpose; net, flow by flow: frames were dropped and copied (see the ledger)");
    report.ledger.stage_count = 0;
    report.setup.rule_count = 1;
    assert_true(format_delivery(&report, text, sizeof text));
    testing_says(text, "253 copies by a rule");
}

static void copies_on_purpose_are_no_loss(void **state) {
    (void)state;
    static struct report_ledger ledger;
    memset(&ledger, 0, sizeof ledger);
    put_row(&ledger, "switch_out_impaired_duplicate", "ns1>ns2", 50, "every 20th");
    report_add_loss(&ledger, "ns1>ns2", "switch_out", "tap_in", -50, "frames");
    assert_int_equal(ledger.loss_count, 0);
    report_add_loss(&ledger, "ns1>ns2", "switch_out", "tap_in", -40, "frames");
    assert_int_equal(ledger.losses[0].unexplained, 10);
}

static void of_what_rules_dropped_in_both_directions_it_is_not_said_where(void **state) {
    (void)state;
    static struct report_ledger ledger;
    memset(&ledger, 0, sizeof ledger);
    put_row(&ledger, "switch_in_rule_drop", "switch", 12, "rule tcp actions=drop");
    put_row(&ledger, "switch_in_meter_drop", "switch", 3, "meter 1");
    report_add_loss(&ledger, "ns1>ns2", "switch_in", "switch_out", 10, "frames");
    report_add_loss(&ledger, "ns2>ns1", "switch_in", "switch_out", 6, "frames");
    assert_int_equal(ledger.losses[0].unexplained, 0);
    assert_int_equal(ledger.losses[1].unexplained, 1);
    testing_says(ledger.losses[0].text,
                 "10 frames lost between switch_in and switch_out: among the 15 dropped in all "
                 "directions (12 dropped by rule tcp actions=drop, 3 dropped by meter 1)");
    testing_says(ledger.losses[1].text, "3 dropped by meter 1), and 1 more");
}

static void what_rules_dropped_in_one_direction_is_said_of_it(void **state) {
    (void)state;
    static struct report_ledger ledger;
    memset(&ledger, 0, sizeof ledger);
    put_row(&ledger, "switch_in", "ns1>ns2", 100, "port rx less packet-socket drops");
    put_row(&ledger, "switch_out", "ns1>ns2", 88, "port tx");
    put_row(&ledger, "switch_in", "ns2>ns1", 100, "port rx less packet-socket drops");
    put_row(&ledger, "switch_out", "ns2>ns1", 100, "port tx");
    put_row(&ledger, "switch_in_rule_drop", "switch", 12, "rule tcp actions=drop");
    report_find_losses(&ledger);
    assert_int_equal(ledger.loss_count, 1);
    testing_says(ledger.losses[0].text, "switch_out: 12 dropped by rule tcp actions=drop, so no exporter");
}

/* ---- readable with many rules ---- */

static void of_many_rules_the_largest_have_a_row_and_the_sum_is_whole(void **state) {
    (void)state;
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 64});
    int64_t sum = 0;
    for (int i = 1; i <= 40; i++) {
        fixture_sql(database, "INSERT INTO stage VALUES (1, '%s', 'switch', %d, %d, 'rule priority=%d')",
                    i % 2 == 0 ? "switch_rule" : "switch_in_rule_drop", i, 100 * i, i);
        sum += i;
    }
    sqlite3_close(database);
    struct report *report = testing_compare_names(NULL, 0);
    size_t rows = 0;
    for (size_t i = 0; i < report->ledger.stage_count; i++) {
        const struct report_stage *row = &report->ledger.stages[i];
        if (strstr(row->source, "rule") != NULL) {
            rows++;
            sum -= row->packets;
        }
    }
    assert_int_equal(rows, 14);
    assert_int_equal(sum, 0);
    testing_release(report);
}

/* ---- how the session was shaped ---- */

static void the_report_says_how_the_session_was_shaped(void **state) {
    (void)state;
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 64});
    fixture_sql(
        database,
        "UPDATE session SET settings = '{\"hosts\":3,\"addresses\":1000,\"scenario\":{\"name\":\"mine\"},"
        "\"impairments\":[{\"to\":\"ns2\",\"loss_every\":10,\"loss\":0.01,\"delay_ns\":20000000}],"
        "\"openflow\":{\"rules\":[\"udp,actions=drop\"],\"meters\":[\"meter=1\"],\"sets\":[]}}'");
    sqlite3_close(database);
    struct report *report = testing_compare_names(NULL, 0);
    assert_int_equal(report->setup.hosts, 3);
    assert_int_equal(report->setup.addresses, 1000);
    assert_string_equal(report->setup.scenario, "mine");
    assert_string_equal(report->setup.impairments[0].text, "to ns2: 1 % lost, every 10th lost, 20 ms delay");
    assert_string_equal(report->setup.rules[0].text, "rule udp,actions=drop");
    assert_string_equal(report->setup.rules[1].text, "meter meter=1");
    json_t *json = report_json(report, 0);
    json_t *setup = json_object_get(json, "setup");
    assert_int_equal(json_integer_value(json_object_get(setup, "addresses")), 1000);
    assert_int_equal(json_array_size(json_object_get(setup, "openflow")), 2);
    json_decref(json);
    testing_release(report);
}

static void settings_that_make_no_sense_shape_nothing(void **state) {
    (void)state;
    static const char *const settings[] = {"", "[]",
                                           "{\"hosts\":\"x\",\"impairments\":{\"to\":1},\"openflow\":[1]}",
                                           ("{\"impairments\":[1,null,{}],\"openflow\":{\"rules\":[1,{}]},"
                                            "\"ports\":[{},7,{\"name\":3,\"ifindex\":\"x\"}]}")};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        sqlite3 *database = fixture_open(testing_database);
        fixture_session(database, 1, &(struct fixture_settings){.rate = 64});
        fixture_sql(database, "UPDATE session SET settings = '%s'", settings[i]);
        sqlite3_close(database);
        struct report *report = testing_compare_names(NULL, 0);
        assert_int_equal(report->setup.hosts, 0);
        assert_string_equal(report->setup.scenario, "");
        testing_release(report);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ledger_compares_stages_in_the_order_of_the_way),
        cmocka_unit_test(ledger_skips_stages_that_nobody_counted),
        cmocka_unit_test(more_than_went_in_is_not_called_a_loss),
        cmocka_unit_test(what_endpoints_sent_by_udp_and_tcp_are_two_rows),
        cmocka_unit_test(what_two_runs_sent_by_one_flow_went_by_the_taps_once),
        cmocka_unit_test(what_was_dropped_on_purpose_explains_a_loss),
        cmocka_unit_test(what_is_left_of_a_loss_is_laid_to_somebody),
        cmocka_unit_test(a_loss_on_purpose_that_nobody_missed_is_said),
        cmocka_unit_test(what_was_dropped_of_all_udp_is_not_held_against_our_own),
        cmocka_unit_test(only_what_other_udp_explains_is_no_disagreement),
        cmocka_unit_test(where_frames_are_dropped_and_copied_delivery_is_called_net),
        cmocka_unit_test(copies_on_purpose_are_no_loss),
        cmocka_unit_test(of_what_rules_dropped_in_both_directions_it_is_not_said_where),
        cmocka_unit_test(what_rules_dropped_in_one_direction_is_said_of_it),
        cmocka_unit_test(of_many_rules_the_largest_have_a_row_and_the_sum_is_whole),
        cmocka_unit_test(the_report_says_how_the_session_was_shaped),
        cmocka_unit_test(settings_that_make_no_sense_shape_nothing),
    };
    return cmocka_run_group_tests(tests, testing_make_folder, testing_remove_folder);
}
