/* Exports that were tampered with are found out, and honest ones of short sessions are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "report_testing.h"
#include "reports/render.h"

#define SFLOW   0
#define NETFLOW 1
#define IPFIX   2

/* Compares a fixture of sampling 1-in-64 after 'sql' changed it. */
static struct report *compare_after(const char *sql) {
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, &(struct fixture_settings){.rate = 64});
    fixture_sql(database, "%s", sql);
    sqlite3_close(database);
    return testing_compare_names(NULL, 0);
}

/* Fails unless source 'number' is called off after 'sql', because of 'cause'. */
static void found_out(const char *sql, size_t number, const char *cause) {
    struct report *report = compare_after(sql);
    if (report->sources[number].ok != REPORT_NO) {
        fail_msg("not found out: %s: %s", sql, report->sources[number].finding);
    }
    assert_int_equal(report->ok, REPORT_NO);
    testing_says(report->sources[number].finding, cause);
    testing_release(report);
}

/* Fails unless source 'number' is what 'wanted' says after 'sql', and says 'words'. */
static void judged(const char *sql, size_t number, enum report_answer wanted, const char *words) {
    struct report *report = compare_after(sql);
    if (report->sources[number].ok != wanted) {
        fail_msg("judged %d: %s", report->sources[number].ok, report->sources[number].finding);
    }
    testing_says(report->sources[number].finding, words);
    testing_release(report);
}

/* ---- figures that there are not ---- */

/* Fails if "nan" or "inf" stands as a word in any format of 'report'. */
static void no_format_has_a_nan(const struct report *report) {
    static const char *const words[] = {"nan", "inf", "infinity", "-nan", "-inf"};
    const struct report_style style = {.top = 20, .whole_story = true};
    struct error error;
    for (int format = REPORT_TEXT; format <= REPORT_HTML; format++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        assert_int_equal(report_render(report, (enum report_format)format, &style, out, &error), 0);
        fclose(out);
        /* Chart.js, which HTML has inside, knows these words; its own part of the page ends before that. */
        char *scripts = format == REPORT_HTML ? strstr(text, "</script>") : NULL;
        if (scripts != NULL) {
            *scripts = '\0';
        }
        for (char *word = strtok(text, " \t\r\n,;:()[]{}<>\"/%="); word != NULL;
             word = strtok(NULL, " \t\r\n,;:()[]{}<>\"/%=")) {
            for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                if (strcasecmp(word, words[i]) == 0) {
                    fail_msg("format %d says %s", format, word);
                }
            }
        }
        free(text);
    }
}

#define SETTINGS                                                                                             \
    "UPDATE session SET settings = '{\"sflow\":{\"sampling\":64},\"netflow\":{\"port\":1},"                  \
    "\"ipfix\":{\"sampling\":64}}';"

/* Four small flows; sFlow has sent counters alone, IPFIX nothing, and no rate is known but by the settings.
 */
#define SHORT                                                                                                \
    SETTINGS "DELETE FROM truth WHERE flow_id NOT IN (1000, 1001, 1003, 1004);"                              \
             "DELETE FROM flow_record WHERE flow_id NOT IN (1000, 1001, 1003, 1004) OR exporter_id = 12;"    \
             "DELETE FROM sflow_sample; DELETE FROM stage; DELETE FROM traffic_flow;"                        \
             "DELETE FROM exporter_health WHERE exporter_id = 12; DELETE FROM exporter WHERE id = 12;"       \
             "UPDATE exporter SET sampling_rate = NULL, sampling_source = 'none';"

static void a_short_session_without_samples_is_ok(void **state) {
    (void)state;
    struct report *report = compare_after(SHORT);
    if (report->ok != REPORT_YES) {
        fail_msg("%s", report->verdict);
    }
    assert_int_equal(report->source_count, 3);
    testing_says(report->sources[SFLOW].finding, "within sampling theory: no sample of");
    testing_says(report->sources[IPFIX].finding, "within sampling theory: no sample of");
    no_format_has_a_nan(report);
    testing_release(report);
}

static void silence_that_chance_does_not_allow_is_a_fault(void **state) {
    (void)state;
    found_out(SETTINGS "DELETE FROM sflow_sample; UPDATE exporter SET sampling_rate = NULL;", SFLOW,
              "said nothing of any flow");
    found_out(SETTINGS "DELETE FROM flow_record WHERE exporter_id = 12; DELETE FROM exporter_health WHERE "
                       "exporter_id = 12; DELETE FROM exporter WHERE id = 12;",
              IPFIX, "no export of it arrived");
    /* Not sampled: one packet is enough. */
    found_out(SHORT "DELETE FROM flow_record", NETFLOW, "said nothing of any flow");
}

static void a_source_without_traffic_to_see_leaves_the_others_their_verdict(void **state) {
    (void)state;
    struct report *report = compare_after(SETTINGS "DELETE FROM truth WHERE flow_id % 3 <> 0;"
                                                   "DELETE FROM sflow_sample WHERE flow_id % 3 <> 0;"
                                                   "DELETE FROM flow_record WHERE flow_id % 3 <> 0 OR "
                                                   "exporter_id = 11; DELETE FROM stage");
    testing_says(report->sources[NETFLOW].finding, "no traffic that it can see");
    assert_int_equal(report->sources[SFLOW].ok, REPORT_YES);
    assert_int_equal(report->ok, REPORT_YES);
    testing_release(report);
}

static void silence_of_an_unknown_rate_is_undecided(void **state) {
    (void)state;
    judged("DELETE FROM sflow_sample; UPDATE exporter SET sampling_rate = NULL;", SFLOW, REPORT_UNKNOWN,
           "nobody said 1-in-what it samples");
}

static void no_format_of_an_empty_session_has_a_nan(void **state) {
    (void)state;
    static const char *const sessions[] = {
        "DELETE FROM truth",
        "DELETE FROM sflow_sample; DELETE FROM flow_record",
        "DELETE FROM truth; DELETE FROM sflow_sample; DELETE FROM flow_record; DELETE FROM stage",
        "DELETE FROM truth; DELETE FROM capture; DELETE FROM sflow_sample; DELETE FROM flow_record; DELETE "
        "FROM "
        "exporter_health; DELETE FROM exporter",
        SETTINGS "DELETE FROM truth; DELETE FROM exporter_health; DELETE FROM exporter",
        "DELETE FROM sflow_sample; DELETE FROM flow_record; UPDATE exporter SET sampling_rate = NULL",
        "DELETE FROM truth WHERE flow_id <> 1061; DELETE FROM sflow_sample WHERE flow_id <> 1061",
        "UPDATE truth SET packets = 0, bytes = 0, square_sum = 0",
        "UPDATE sflow_sample SET frame_bytes = NULL; UPDATE flow_record SET bytes = NULL",
        "UPDATE session SET state = 'running', window_end_ns = NULL; DELETE FROM truth",
    };
    for (size_t i = 0; i < sizeof sessions / sizeof *sessions; i++) {
        struct report *report = compare_after(sessions[i]);
        no_format_has_a_nan(report);
        testing_release(report);
    }
}

/* ---- bytes ---- */

static void another_byte_layer_of_a_sampled_source_is_named(void **state) {
    (void)state;
    found_out("UPDATE sflow_sample SET frame_bytes = frame_bytes - 14", SFLOW,
              "14 a packet too few: it counts layer 3");
    found_out("UPDATE sflow_sample SET stripped = 0", SFLOW, "4 a packet too many: it counts the FCS");
    found_out("UPDATE flow_record SET bytes = bytes - 14 * packets WHERE exporter_id = 12", IPFIX,
              "14 a packet too few");
    found_out("UPDATE sflow_sample SET frame_bytes = frame_bytes + 1", SFLOW, "1 a packet too many");
}

static void wrong_bytes_of_a_sampled_source_are_found(void **state) {
    (void)state;
    found_out("UPDATE sflow_sample SET frame_bytes = 64", SFLOW, "whose frames have one size");
    found_out("UPDATE flow_record SET bytes = bytes / 3 WHERE exporter_id = 12", IPFIX, "0.33 times");
    found_out("UPDATE sflow_sample SET frame_bytes = frame_bytes * 1.15", SFLOW, "sizes");
    found_out("UPDATE sflow_sample SET frame_bytes = frame_bytes + 1 WHERE id = (SELECT id FROM sflow_sample "
              "WHERE flow_id = 1057 LIMIT 1)",
              SFLOW, "a packet too many");
}

/* The true sizes of each flow vary by a tenth of their mean; the samples lie on it. */
#define VARIED "UPDATE truth SET square_sum = square_sum * 1.01;"

static void sizes_that_vary_are_judged_by_their_spread(void **state) {
    (void)state;
    judged(VARIED, SFLOW, REPORT_YES, "within sampling theory");
    judged(VARIED "UPDATE sflow_sample SET frame_bytes = frame_bytes * 1.01", SFLOW, REPORT_YES, "within");
    found_out(VARIED "UPDATE sflow_sample SET frame_bytes = 64", SFLOW, "not of the sizes of their flows");
    found_out(VARIED "UPDATE flow_record SET bytes = bytes / 3 WHERE exporter_id = 12", IPFIX,
              "not of the sizes of their flows");
    found_out(VARIED "UPDATE sflow_sample SET frame_bytes = frame_bytes * 1.15", SFLOW,
              "not of the sizes of their flows");
}

static void frames_that_may_be_padded_are_no_fault(void **state) {
    (void)state;
    judged("UPDATE truth SET bytes = packets * 54, square_sum = packets * 54 * 54 WHERE flow_id = 1061;"
           "UPDATE sflow_sample SET frame_bytes = 64 WHERE flow_id = 1061",
           SFLOW, REPORT_YES, "within sampling theory");
}

static void samples_that_say_no_size_are_not_judged_by_it(void **state) {
    (void)state;
    judged("UPDATE sflow_sample SET frame_bytes = NULL WHERE id % 2 = 0", SFLOW, REPORT_YES,
           "within sampling theory");
}

/* ---- flows that never were ---- */

#define NOBODY                                                                                               \
    "INSERT INTO flow VALUES (9999, 2048, 17, x'0a00000f', x'0a000010', 1, 2, 'udp', '10.0.0.15', "          \
    "'10.0.0.16');"
#define PHANTOM(count)                                                                                       \
    NOBODY "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " #count ") "           \
           "INSERT INTO sflow_sample (session_id, exporter_id, recv_ns, flow_id, sequence, source_id, "      \
           "sampling_rate, sample_pool, drops, frame_bytes, stripped) SELECT 1, 10, (SELECT started_ns + "   \
           "5000000000 FROM session), 9999, i, 0, 64, 0, 0, 104, 4 FROM n;"

static void a_flow_that_never_was_is_found_and_named(void **state) {
    (void)state;
    found_out(PHANTOM(400), SFLOW, "1 flow that no tap saw");
    found_out(PHANTOM(400), SFLOW, "udp 10.0.0.15:1 > 10.0.0.16:2");
    found_out(PHANTOM(1), SFLOW, "no tap saw");
}

static void a_flow_that_a_tap_saw_outside_the_window_is_no_phantom(void **state) {
    (void)state;
    struct report *report = compare_after(
        PHANTOM(2) "INSERT INTO truth SELECT 1, 11, 1, 9999, started_ns - 9000000000, 100, 10000, 1000000, "
                   "started_ns - 9000000000, started_ns - 8000000000 FROM session");
    assert_int_equal(report->sources[SFLOW].extra_flows, 1);
    assert_int_equal(report->sources[SFLOW].phantom_flows, 0);
    assert_int_equal(report->sources[SFLOW].ok, REPORT_YES);
    testing_release(report);
}

static void frames_that_the_truth_may_lack_may_be_of_a_flow_that_it_lacks(void **state) {
    (void)state;
    static const char doubt[] = ";UPDATE stage SET packets = packets + 10 WHERE stage = 'switch_in' AND "
                                "direction = 'ns1>ns2'";
    char sql[2048];
    snprintf(sql, sizeof sql, "%s%s", PHANTOM(3), doubt);
    judged(sql, SFLOW, REPORT_UNKNOWN, "no exporter is to blame");
    snprintf(sql, sizeof sql, "%s%s", PHANTOM(11), doubt);
    found_out(sql, SFLOW, "no tap saw");
}

/* ---- one tap alone ---- */

#define ONE_TAP                                                                                              \
    "DELETE FROM truth WHERE capture_id = 11; DELETE FROM capture WHERE id = 11; DELETE FROM stage;"         \
    "UPDATE session SET kind = 'import', truth_rule = 'offered';"

static void a_lone_tap_knows_both_directions(void **state) {
    (void)state;
    struct report *report = compare_after(ONE_TAP);
    assert_true(report->one_tap);
    assert_int_equal(report->truth_flows, 62);
    assert_int_equal(report->ok, REPORT_YES);
    testing_says(report->sources[NETFLOW].finding, "exact: all 40 flows");
    testing_says(report->ledger.notes.notes[0].text, "can't be known");
    testing_release(report);
}

static void what_a_lone_tap_can_not_know_is_undecided(void **state) {
    (void)state;
    /* Out of the station: lost before the switch.  Into it: lost behind the switch. */
    judged(ONE_TAP
           "UPDATE truth SET bytes = bytes + bytes / packets, packets = packets + 1 WHERE direction = 0 "
           "AND flow_id = 1057",
           NETFLOW, REPORT_UNKNOWN, "uncertain");
    judged(ONE_TAP
           "UPDATE truth SET bytes = bytes - bytes / packets, packets = packets - 1 WHERE direction = 1 "
           "AND flow_id = 1054",
           NETFLOW, REPORT_UNKNOWN, "uncertain");
    found_out(ONE_TAP
              "UPDATE truth SET bytes = bytes - bytes / packets, packets = packets - 1 WHERE direction "
              "= 0 AND flow_id = 1057",
              NETFLOW, "differs in 1 of 40 flows");
    found_out(ONE_TAP
              "UPDATE truth SET bytes = bytes + bytes / packets, packets = packets + 1 WHERE direction "
              "= 1 AND flow_id = 1054",
              NETFLOW, "differs in 1 of 40 flows");
}

/* ---- words ---- */

#define LOSE                                                                                                 \
    "DELETE FROM flow_record WHERE id = (SELECT min(id) FROM flow_record WHERE exporter_id = 11);"           \
    "UPDATE exporter_health SET lost = %d WHERE exporter_id = 11"

static void one_lost_record_was_and_two_were_lost(void **state) {
    (void)state;
    char sql[256];
    snprintf(sql, sizeof sql, LOSE, 1);
    found_out(sql, NETFLOW, "1 exported record was lost");
    snprintf(sql, sizeof sql, LOSE, 2);
    found_out(sql, NETFLOW, "2 exported records were lost");
}

/* ---- while it runs ---- */

static void while_it_runs_no_cause_is_given(void **state) {
    (void)state;
    static const char sql[] =
        "UPDATE session SET state = 'running', window_end_ns = NULL;"
        "DELETE FROM truth WHERE bucket_ns > (SELECT started_ns + 5000000000 FROM session)";
    struct report *report = compare_after(sql);
    assert_int_equal(report->ok, REPORT_UNKNOWN);
    assert_null(strstr(report->verdict, "no tap saw"));
    assert_null(strstr(report->verdict, "came twice"));
    testing_says(report->sources[NETFLOW].finding, "of different moments");
    testing_release(report);
}

static void in_its_first_second_a_session_has_captures(void **state) {
    (void)state;
    struct report *report = compare_after("UPDATE session SET state = 'running', window_end_ns = NULL;"
                                          "DELETE FROM truth; DELETE FROM capture");
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    const struct report_style style = {.top = 5};
    assert_int_equal(report_render(report, REPORT_TEXT, &style, out, NULL), 0);
    fclose(out);
    assert_null(strstr(text, "no capture at a tap"));
    assert_null(strstr(text, "session has no truth"));
    testing_says(text, "no frame");
    free(text);
    testing_release(report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_session_without_samples_is_ok),
        cmocka_unit_test(silence_that_chance_does_not_allow_is_a_fault),
        cmocka_unit_test(a_source_without_traffic_to_see_leaves_the_others_their_verdict),
        cmocka_unit_test(silence_of_an_unknown_rate_is_undecided),
        cmocka_unit_test(no_format_of_an_empty_session_has_a_nan),
        cmocka_unit_test(another_byte_layer_of_a_sampled_source_is_named),
        cmocka_unit_test(wrong_bytes_of_a_sampled_source_are_found),
        cmocka_unit_test(sizes_that_vary_are_judged_by_their_spread),
        cmocka_unit_test(frames_that_may_be_padded_are_no_fault),
        cmocka_unit_test(samples_that_say_no_size_are_not_judged_by_it),
        cmocka_unit_test(a_flow_that_never_was_is_found_and_named),
        cmocka_unit_test(a_flow_that_a_tap_saw_outside_the_window_is_no_phantom),
        cmocka_unit_test(frames_that_the_truth_may_lack_may_be_of_a_flow_that_it_lacks),
        cmocka_unit_test(a_lone_tap_knows_both_directions),
        cmocka_unit_test(what_a_lone_tap_can_not_know_is_undecided),
        cmocka_unit_test(one_lost_record_was_and_two_were_lost),
        cmocka_unit_test(while_it_runs_no_cause_is_given),
        cmocka_unit_test(in_its_first_second_a_session_has_captures),
    };
    return cmocka_run_group_tests(tests, testing_make_folder, testing_remove_folder);
}
