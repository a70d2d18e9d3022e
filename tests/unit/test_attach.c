/* The line in which it stands what was done to a bridge, and the tables that Open vSwitch is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "topo/attach/internal.h"

#define UUID "6b12d45f-28d8-4b0a-b8de-afcf1194b33c"

static const char full[] = "1 19a-7f x sflow joined " UUID " 127.0.0.1:6343 netflow made - 127.0.0.1:2055 "
                           "ipfix joined " UUID " 127.0.0.1:4739 paused 10.0.0.1:4739,[fe80::1%eth0]:4739";

static void a_record_says_what_it_was_made_of(void **state) {
    (void)state;
    struct attach_record record;
    char text[ATTACH_RECORD_SIZE];
    assert_int_equal(attach_record_parse(&record, "br0", full), 0);
    assert_string_equal(record.bridge, "br0");
    assert_string_equal(record.tag, "19a-7f");
    assert_string_equal(record.prefix, "x");
    assert_int_equal(record.exporters[ATTACH_SFLOW].mode, ATTACH_JOINED);
    assert_string_equal(record.exporters[ATTACH_SFLOW].uuid, UUID);
    assert_string_equal(record.exporters[ATTACH_NETFLOW].uuid, "");
    assert_string_equal(record.paused, "10.0.0.1:4739,[fe80::1%eth0]:4739");
    attach_record_format(&record, text);
    assert_string_equal(text, full);
}

/* The switch's database is anybody's who is root there: its words become arguments of ovs-vsctl. */
static void what_is_no_record_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",
        "2 t - sflow off - - netflow off - - ipfix off - - paused -",
        "1 - - sflow off - - netflow off - - ipfix off - - paused -",
        "1 t - sflow off - - netflow off - - ipfix off - -",
        "1 t - sflow off - - ipfix off - - netflow off - - paused -",
        "1 t - sflow joined - 127.0.0.1:1 netflow off - - ipfix off - - paused -",
        "1 t - sflow stolen - - netflow off - - ipfix off - - paused -",
        "1 t - sflow joined --if-exists 127.0.0.1:1 netflow off - - ipfix off - - paused \"",
        "1 t - sflow joined " UUID "\" 127.0.0.1:1 netflow off - - ipfix off - - paused -",
        "1 t toolong sflow off - - netflow off - - ipfix off - - paused -",
    };
    struct attach_record record;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (attach_record_parse(&record, "br0", wrong[i]) != -EBADMSG) {
            fail_msg("taken: %s", wrong[i]);
        }
    }
    char cut[sizeof full];
    for (size_t length = 0; length + 40 < sizeof full; length++) {
        snprintf(cut, sizeof cut, "%.*s", (int)length, full);
        assert_int_equal(attach_record_parse(&record, "br0", cut), -EBADMSG);
    }
}

static void sets_maps_and_single_values_are_read(void **state) {
    (void)state;
    json_t *table =
        json_loads("{\"headings\": [\"_uuid\", \"targets\", \"sampling\", \"external_ids\", \"name\"],"
                   " \"data\": [[[\"uuid\", \"" UUID "\"], [\"set\", [\"a:1\", \"b:2\"]], [\"set\", []],"
                   " [\"map\", [[\"nsmon\", \"t\"]]], \"one\"],"
                   " [[\"uuid\", \"x\"], \"c:3\", 7, [\"map\", []], \"two\"]]}",
                   0, NULL);
    assert_non_null(table);
    assert_int_equal(tables_row_count(table), 2);
    assert_int_equal(tables_find(table, "_uuid", UUID), 0);
    assert_int_equal(tables_find(table, "name", "two"), 1);
    assert_int_equal(tables_find(table, "name", "three"), 2);
    assert_true(tables_holds(tables_cell(table, 0, "targets"), "b:2"));
    assert_false(tables_holds(tables_cell(table, 0, "targets"), "c:3"));
    assert_int_equal(tables_value_count(tables_cell(table, 0, "targets")), 2);
    assert_int_equal(tables_value_count(tables_cell(table, 1, "targets")), 1);
    assert_string_equal(tables_text(tables_cell(table, 1, "targets")), "c:3");
    assert_int_equal(tables_number(tables_cell(table, 0, "sampling"), 400), 400);
    assert_int_equal(tables_number(tables_cell(table, 1, "sampling"), 400), 7);
    assert_string_equal(tables_map_value(tables_cell(table, 0, "external_ids"), "nsmon"), "t");
    assert_null(tables_map_value(tables_cell(table, 1, "external_ids"), "nsmon"));
    assert_null(tables_cell(table, 0, "nosuch"));
    assert_string_equal(tables_text(tables_cell(table, 9, "name")), "");
    json_decref(table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_says_what_it_was_made_of),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(sets_maps_and_single_values_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
