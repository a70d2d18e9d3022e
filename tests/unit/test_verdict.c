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
#include "reports/render_json.h"

#define IPFIX 2

/* Compares a fixture of 'settings' after 'sql' changed it. */
static struct report *compare_after(const struct fixture_settings *settings, const char *sql) {
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, settings);
    fixture_sql(database, "%s", sql);
    sqlite3_close(database);
    return testing_compare_names(NULL, 0);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scaled_counts_of_an_unknown_rate_are_undecided),
        cmocka_unit_test(an_unknown_rate_gives_no_interval_and_no_test),
        cmocka_unit_test(one_record_without_a_rate_makes_the_rate_of_its_source_unknown),
    };
    return cmocka_run_group_tests(tests, testing_make_folder, testing_remove_folder);
}
