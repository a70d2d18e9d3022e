/* The truth at the switch's ingress: drop rules, three hosts, loss before the switch, ports that nobody
 * captured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "report_testing.h"
#include "reports/format.h"
#include "reports/internal.h"
#include "reports/render_json.h"

#define START "1700000100000000000"

/* A session of 'kind', without a frame yet. */
static sqlite3 *begin(const char *kind, const char *settings) {
    sqlite3 *database = fixture_open(testing_database);
    fixture_sql(database,
                "INSERT INTO session VALUES (1, NULL, '%s', 'stopped', '', " START ", " START
                " + 20000000000, "
                "NULL, NULL, 'offered', '%s')",
                kind, settings);
    fixture_sql(
        database,
        "INSERT INTO exporter VALUES (11, 1, 'netflow5', x'7f000001', 0, 'udp/a>b', 'openvswitch', '', 0, "
        "'l2', NULL, 'none', 0, " START ", " START " + 9000000000)");
    return database;
}

static void add_capture(sqlite3 *database, int id, const char *name, const char *role) {
    fixture_sql(database, "INSERT INTO capture VALUES (%d, 1, '%s', '%s', NULL, %d, 100, 0, 0, 100, 0, 0)",
                id, name, role, id);
}

static void add_flow(sqlite3 *database, int id) {
    fixture_sql(database,
                "INSERT INTO flow VALUES (%d, 2048, 17, x'0a000001', x'0a000002', %d, 53, 'udp', '10.0.0.1', "
                "'10.0.0.2')",
                id, id);
}

/* 'packets' of 100 bytes each at a capture, out of the station (0) or into it (1). */
static void add_frames(sqlite3 *database, int capture, int direction, int flow, int packets) {
    fixture_sql(database,
                "INSERT INTO truth VALUES (1, %d, %d, %d, " START ", %d, %d, %d, " START " + 1000, " START
                " + 2000)",
                capture, direction, flow, packets, packets * 100, packets * 10000);
}

/* The exporter has 'packets' of the flow, which came in at the OpenFlow port 'input'. */
static void add_record(sqlite3 *database, int flow, int packets, int input) {
    fixture_sql(
        database,
        "INSERT INTO flow_record (session_id, exporter_id, recv_ns, flow_id, packets, bytes, start_ns, "
        "end_ns, input, rate_source, scaled) VALUES (1, 11, " START " + 3000, %d, %d, %d, " START ", " START
        " + 2000, %d, 0, 0)",
        flow, packets, packets * 100, input);
}

static void add_stage(sqlite3 *database, const char *stage, const char *direction, int packets,
                      const char *source) {
    fixture_sql(database, "INSERT INTO stage VALUES (1, '%s', '%s', %d, NULL, '%s')", stage, direction,
                packets, source);
}

static struct report *end(sqlite3 *database) {
    sqlite3_close(database);
    return testing_compare_names(NULL, 0);
}

static const struct report_loss *find_loss(const struct report *report, const char *direction,
                                           const char *from) {
    for (size_t i = 0; i < report->ledger.loss_count; i++) {
        const struct report_loss *loss = &report->ledger.losses[i];
        if (strcmp(loss->direction, direction) == 0 && strcmp(loss->from, from) == 0) {
            return loss;
        }
    }
    fail_msg("no loss behind %s in %s", from, direction);
    return NULL;
}

/* ---- two hosts ---- */

/* ns1 sent 100 frames of flow 1 and 50 of flow 2, of which a rule dropped 'dropped'; 'lost' frames of flow 1
 * got lost before the switch. */
static sqlite3 *two_hosts(int dropped, int lost) {
    sqlite3 *database = begin(
        "lab", "{\"hosts\":2,\"openflow\":{\"rules\":[\"udp,actions=drop\"],\"meters\":[],\"sets\":[]}}");
    add_capture(database, 1, "tap1", "station");
    add_capture(database, 2, "tap2", "station");
    add_flow(database, 1);
    add_flow(database, 2);
    add_frames(database, 1, 0, 1, 100);
    add_frames(database, 1, 0, 2, 50);
    add_frames(database, 2, 1, 1, 100 - lost);
    if (dropped < 50) {
        add_frames(database, 2, 1, 2, 50 - dropped);
    }
    add_record(database, 1, 100 - lost, 1);
    add_record(database, 2, 50, 1);
    add_stage(database, "switch_in", "ns1>ns2", 150 - lost, "port rx less packet-socket drops");
    add_stage(database, "switch_out", "ns1>ns2", 150 - lost - dropped, "port tx");
    add_stage(database, "switch_in", "ns2>ns1", 0, "port rx less packet-socket drops");
    add_stage(database, "switch_out", "ns2>ns1", 0, "port tx");
    if (dropped > 0) {
        add_stage(database, "switch_in_rule_drop", "switch", dropped, "rule udp,actions=drop");
    }
    return database;
}

static void frames_that_a_rule_dropped_are_in_the_truth_and_not_delivered(void **state) {
    (void)state;
    struct report *report = end(two_hosts(50, 0));
    assert_int_equal(report->entries[0].rule, REPORT_OFFERED);
    assert_int_equal(report->truth_packets, 150);
    assert_int_equal(report->delivered_packets, 100);
    assert_int_equal(report->undelivered_packets, 50);
    assert_int_equal(report->copied_packets, 0);
    assert_false(report->truth_uncertain);
    assert_int_equal(report->sources[0].ok, REPORT_YES);
    testing_says(report->sources[0].finding, "exact: all 2 flows");
    const struct report_loss *loss = find_loss(report, "ns1>ns2", "switch_in");
    assert_int_equal(loss->packets, 50);
    assert_int_equal(loss->unexplained, 0);
    testing_says(loss->text, "50 dropped by rule udp,actions=drop");
    testing_release(report);
}

static void loss_before_the_switch_leaves_what_was_delivered(void **state) {
    (void)state;
    struct report *report = end(two_hosts(0, 10));
    assert_int_equal(report->entries[0].rule, REPORT_DELIVERED);
    assert_int_equal(report->truth_packets, 140);
    assert_false(report->truth_uncertain);
    assert_int_equal(report->sources[0].ok, REPORT_YES);
    testing_release(report);
}

static void loss_before_the_switch_beside_a_rule_is_undecided(void **state) {
    (void)state;
    struct report *report = end(two_hosts(50, 10));
    assert_int_equal(report->entries[0].rule, REPORT_AT_MOST);
    assert_true(report->truth_uncertain);
    assert_int_equal(report->truth_may_exceed, 10);
    assert_int_equal(report->truth_may_lack, 0);
    assert_int_equal(report->sources[0].ok, REPORT_UNKNOWN);
    testing_says(report->sources[0].finding, "no exporter is to blame");
    testing_says(report->ledger.notes.notes[0].text, "of which flows the 10 were is not known");
    testing_release(report);
}

static void as_many_as_were_taken_in_prove_nothing_where_a_rule_dropped(void **state) {
    (void)state;
    /* 10 frames less than offered came out, and 10 less were taken in, but a rule dropped some of them. */
    sqlite3 *database = two_hosts(0, 10);
    add_stage(database, "switch_in_rule_drop", "switch", 5, "rule udp,actions=drop");
    struct report *report = end(database);
    assert_int_equal(report->entries[0].rule, REPORT_AT_MOST);
    testing_release(report);
}

/* ---- rules that rewrite ---- */

/* ns1 sent 100 frames of flow 1, which a rule made flow 2 of, and of flow 2 10 of its own; NetFlow has 'said'
 * of flow 2. */
static struct report *rewritten(int said) {
    sqlite3 *database = begin("lab", "{\"hosts\":2,\"openflow\":{\"rules\":[\"udp,tp_src=1,actions="
                                     "mod_tp_src:2,NORMAL\"],\"meters\":[],\"sets\":[]}}");
    add_capture(database, 1, "tap1", "station");
    add_capture(database, 2, "tap2", "station");
    add_flow(database, 1);
    add_flow(database, 2);
    add_frames(database, 1, 0, 1, 100);
    add_frames(database, 1, 0, 2, 10);
    add_frames(database, 2, 1, 2, 110);
    add_record(database, 2, said, 1);
    add_stage(database, "switch_in", "ns1>ns2", 110, "port rx less packet-socket drops");
    add_stage(database, "switch_out", "ns1>ns2", 110, "port tx");
    return end(database);
}

static void frames_that_a_rule_rewrote_are_not_called_undelivered(void **state) {
    (void)state;
    struct report *report = rewritten(110);
    char text[200];
    assert_int_equal(report->truth_packets, 110);
    assert_int_equal(report->delivered_packets, 110);
    assert_int_equal(report->undelivered_packets, 0);
    assert_int_equal(report->copied_packets, 0);
    assert_true(report->has_delivery);
    assert_false(report->flow_delivery);
    assert_true(format_delivery(report, text, sizeof text));
    testing_says(text, "110 packets came out of 110, all flows together; of which flow is not known");
    json_t *json = report_json(report, 10);
    json_t *flow = json_array_get(json_object_get(json, "flows"), 0);
    assert_non_null(flow);
    assert_true(json_is_null(json_object_get(json_object_get(flow, "truth"), "delivered")));
    json_decref(json);
    testing_release(report);
}

static void a_lack_and_an_extra_of_one_size_are_laid_to_the_rule_that_rewrites(void **state) {
    (void)state;
    struct report *report = rewritten(110);
    assert_int_equal(report->sources[0].ok, REPORT_UNKNOWN);
    testing_says(report->sources[0].finding,
                 "an OpenFlow rule rewrites addresses or ports, and it reports what frames came out as: 100 "
                 "packets too few");
    testing_release(report);
    report = rewritten(105);
    assert_int_equal(report->sources[0].ok, REPORT_NO);
    testing_release(report);
}

static void a_probability_that_is_cut_is_the_cause_of_too_little(void **state) {
    (void)state;
    sqlite3 *database = begin("lab", "{\"hosts\":2,\"ipfix-flow\":{\"sampling\":1,\"domains\":[{\"domain\":2,"
                                     "\"set\":1,\"probability\":40000,\"sampling\":1}]},\"openflow\":{"
                                     "\"rules\":[\"udp,actions=sample(probability=40000,obs_domain_id=2),"
                                     "NORMAL\"],\"meters\":[],\"sets\":[]}}");
    fixture_sql(database, "UPDATE exporter SET protocol = 'ipfix-flow', sampling_rate = 1, scaled = 1");
    add_capture(database, 1, "tap1", "station");
    add_capture(database, 2, "tap2", "station");
    add_flow(database, 1);
    add_frames(database, 1, 0, 1, 1000);
    add_frames(database, 2, 1, 1, 1000);
    add_record(database, 1, 610, 1);
    struct report *report = end(database);
    assert_int_equal(report->sources[0].ok, REPORT_NO);
    testing_says(report->sources[0].finding,
                 "probability 40000, 1-in-1.64, which Open vSwitch scales by 1: 39.0 % too little");
    testing_release(report);
}

/* ---- three hosts ---- */

/* ns1 sent 100 frames of flow 1 to ns2, of which the first 4 were flooded to ns3 too. */
static sqlite3 *three_hosts(int lost) {
    sqlite3 *database = begin("lab", "{\"hosts\":3}");
    char name[8];
    for (int host = 1; host <= 3; host++) {
        snprintf(name, sizeof name, "tap%d", host);
        add_capture(database, host, name, "station");
    }
    add_flow(database, 1);
    add_frames(database, 1, 0, 1, 100);
    add_frames(database, 2, 1, 1, 100 - lost);
    add_frames(database, 3, 1, 1, 4);
    add_record(database, 1, 100 - lost, 1);
    add_stage(database, "switch_in", "ns1>switch", 100 - lost, "port rx less packet-socket drops");
    add_stage(database, "switch_in", "ns2>switch", 0, "port rx less packet-socket drops");
    add_stage(database, "switch_in", "ns3>switch", 0, "port rx less packet-socket drops");
    add_stage(database, "switch_out", "switch>ns1", 0, "port tx");
    add_stage(database, "switch_out", "switch>ns2", 100 - lost, "port tx");
    add_stage(database, "switch_out", "switch>ns3", 4, "port tx");
    return database;
}

static void a_flooded_frame_was_taken_in_once_and_copied(void **state) {
    (void)state;
    struct report *report = end(three_hosts(0));
    assert_int_equal(report->truth_packets, 100);
    assert_int_equal(report->delivered_packets, 100);
    assert_int_equal(report->copied_packets, 4);
    assert_int_equal(report->sources[0].ok, REPORT_YES);
    assert_false(report->truth_uncertain);
    assert_int_equal(report_stage_packets(&report->ledger, "tap_out", "ns1>switch"), 100);
    assert_int_equal(report_stage_packets(&report->ledger, "tap_in", "switch>ns3"), 4);
    assert_int_equal(report_stage_packets(&report->ledger, "switch_in", "switch"), 100);
    assert_int_equal(report_stage_packets(&report->ledger, "switch_out", "switch"), 104);
    assert_int_equal(report_stage_packets(&report->ledger, "switch_in_copied", "switch"), 4);
    assert_int_equal(report->ledger.loss_count, 0);
    testing_release(report);
}

static void three_hosts_and_a_loss_before_the_switch_are_undecided(void **state) {
    (void)state;
    struct report *report = end(three_hosts(10));
    assert_int_equal(report->entries[0].rule, REPORT_AT_MOST);
    assert_int_equal(report->truth_may_exceed, 10);
    assert_int_equal(report->sources[0].ok, REPORT_UNKNOWN);
    assert_int_equal(find_loss(report, "ns1>switch", "tap_out")->packets, 10);
    testing_release(report);
}

/* ---- a bridge of somebody else's ---- */

#define PORT(name, index, capture)                                                                           \
    "{\"name\":\"" name "\",\"ifindex\":1" index ",\"of_port\":" index ",\"capture\":" capture "}"

static void ports_that_were_captured_are_stations_enough(void **state) {
    (void)state;
    sqlite3 *database =
        begin("attach", "{\"ports\":[" PORT("eth1", "1", "\"eth1\"") "," PORT("eth2", "2", "\"eth2\"") "]}");
    add_capture(database, 1, "eth1", "port");
    add_capture(database, 2, "eth2", "port");
    add_flow(database, 1);
    add_frames(database, 1, 0, 1, 100);
    add_frames(database, 2, 1, 1, 90);
    add_record(database, 1, 100, 1);
    add_stage(database, "switch_in", "eth1>switch", 100, "kernel");
    struct report *report = end(database);
    assert_false(report->one_tap);
    assert_false(report->partial);
    assert_int_equal(report->entries[0].rule, REPORT_OFFERED);
    assert_string_equal(report->entries[0].out, "eth1>switch");
    assert_int_equal(report->truth_packets, 100);
    assert_int_equal(report->undelivered_packets, 10);
    assert_int_equal(report->sources[0].ok, REPORT_YES);
    testing_release(report);
}

static void what_came_in_where_nobody_captured_is_not_compared(void **state) {
    (void)state;
    sqlite3 *database =
        begin("attach", "{\"ports\":[" PORT("eth1", "1", "\"eth1\"") "," PORT("eth2", "2", "null") "]}");
    add_capture(database, 1, "eth1", "port");
    add_flow(database, 1);
    add_flow(database, 2);
    add_frames(database, 1, 0, 1, 100);
    add_frames(database, 1, 1, 2, 70);
    add_record(database, 1, 100, 1);
    add_record(database, 2, 70, 2);
    add_record(database, 1, 8, 2);
    add_stage(database, "switch_in", "eth1>switch", 100, "kernel");
    struct report *report = end(database);
    assert_true(report->partial);
    assert_false(report->has_delivery);
    assert_int_equal(report->truth_packets, 100);
    assert_int_equal(report->sources[0].elsewhere, 2);
    assert_int_equal(report->sources[0].packets, 100);
    assert_int_equal(report->sources[0].ok, REPORT_YES);
    testing_says(report->ledger.notes.notes[0].text, "(missing: eth2)");
    json_t *json = report_json(report, 1);
    assert_true(json_is_null(json_object_get(json_object_get(json, "truth"), "delivered_packets")));
    assert_true(json_is_true(json_object_get(json_object_get(json, "truth"), "partial")));
    json_decref(json);
    testing_release(report);
}

static void a_port_behind_a_captured_station_counts_once(void **state) {
    (void)state;
    sqlite3 *database = three_hosts(0);
    fixture_sql(database,
                "INSERT INTO capture VALUES (9, 1, 'ovs-tap1', 'port', NULL, 1, 100, 0, 0, 100, 0, 0)");
    add_frames(database, 9, 0, 1, 100);
    struct report *report = end(database);
    assert_int_equal(report->entry_count, 3);
    assert_int_equal(report->truth_packets, 100);
    testing_release(report);
}

static void a_flow_that_never_was_is_a_fault_on_a_captured_port(void **state) {
    (void)state;
    sqlite3 *database =
        begin("attach", "{\"ports\":[" PORT("eth1", "1", "\"eth1\"") "," PORT("eth2", "2", "null") "]}");
    add_capture(database, 1, "eth1", "port");
    add_flow(database, 1);
    add_flow(database, 2);
    add_frames(database, 1, 0, 1, 100);
    add_record(database, 1, 100, 1);
    add_record(database, 2, 5, 1);
    add_stage(database, "switch_in", "eth1>switch", 100, "kernel");
    struct report *report = end(database);
    assert_int_equal(report->sources[0].ok, REPORT_NO);
    assert_int_equal(report->sources[0].phantom_flows, 1);
    testing_release(report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_that_a_rule_dropped_are_in_the_truth_and_not_delivered),
        cmocka_unit_test(loss_before_the_switch_leaves_what_was_delivered),
        cmocka_unit_test(loss_before_the_switch_beside_a_rule_is_undecided),
        cmocka_unit_test(as_many_as_were_taken_in_prove_nothing_where_a_rule_dropped),
        cmocka_unit_test(a_probability_that_is_cut_is_the_cause_of_too_little),
        cmocka_unit_test(frames_that_a_rule_rewrote_are_not_called_undelivered),
        cmocka_unit_test(a_lack_and_an_extra_of_one_size_are_laid_to_the_rule_that_rewrites),
        cmocka_unit_test(a_flooded_frame_was_taken_in_once_and_copied),
        cmocka_unit_test(three_hosts_and_a_loss_before_the_switch_are_undecided),
        cmocka_unit_test(ports_that_were_captured_are_stations_enough),
        cmocka_unit_test(what_came_in_where_nobody_captured_is_not_compared),
        cmocka_unit_test(a_port_behind_a_captured_station_counts_once),
        cmocka_unit_test(a_flow_that_never_was_is_a_fault_on_a_captured_port),
    };
    return cmocka_run_group_tests(tests, testing_make_folder, testing_remove_folder);
}
