/* The report's formats: golden ones, what they promise, and what may not get into them. */
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
        cmocka_unit_test(text_json_and_csv_are_the_golden_ones),
        cmocka_unit_test(text_fits_the_columns_that_there_are),
        cmocka_unit_test(text_ends_with_the_verdict),
        cmocka_unit_test(json_has_what_was_promised_and_no_nan),
        cmocka_unit_test(a_hostile_label_stays_text_in_every_format),
    };
    return cmocka_run_group_tests(tests, testing_make_folder, testing_remove_folder);
}
