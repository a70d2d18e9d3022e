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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ledger_compares_stages_in_the_order_of_the_way),
        cmocka_unit_test(ledger_skips_stages_that_nobody_counted),
        cmocka_unit_test(more_than_went_in_is_not_called_a_loss),
        cmocka_unit_test(what_endpoints_sent_by_udp_and_tcp_are_two_rows),
    };
    return cmocka_run_group_tests(tests, testing_make_folder, testing_remove_folder);
}
