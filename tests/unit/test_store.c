/* What is appended stands in the file, as it was said. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/store/edit.h"
#include "collector/store/store.h"

static char folder[64];
static char path[128];

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/nsmon-store-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/x.db", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unlink(path);
    char journal[140];
    snprintf(journal, sizeof journal, "%s-journal", path);
    unlink(journal);
    return rmdir(folder);
}

static struct store *open_store(struct error *error) {
    struct session_settings settings = {.kind = "import",
                                        .truth_rule = "delivered",
                                        .settings = "{}",
                                        .started_ns = 1,
                                        .wait_when_full = true};
    return store_open(path, &settings, error);
}

static int64_t number(const char *sql) {
    sqlite3 *database;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value =
        sqlite3_column_type(statement, 0) == SQLITE_NULL ? STORE_NULL : sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return value;
}

static struct flow_key key_of(uint16_t port) {
    struct flow_key key = {.ethertype = ETHERTYPE_IPV4, .family = 4, .protocol = PROTOCOL_UDP, .sport = port};
    key.src[0] = 10;
    key.dst[0] = 11;
    return key;
}

/* One row of each kind: a statement whose columns and values don't match would fail. */
static void append_each_kind(struct store *store, struct store_appender *appender) {
    for (enum row_kind kind = 0; kind < ROW_KIND_COUNT; kind++) {
        struct row *row = store_append(appender, kind);
        switch (kind) {
        case ROW_EXPORTER:
            row->exporter->id = store_next_id(store);
            break;
        case ROW_SFLOW_SAMPLE:
            row->sflow_sample.has_key = true;
            row->sflow_sample.key = key_of(1);
            row->sflow_sample.tos = 77;
            row->sflow_sample.vlan = STORE_NULL;
            row->sflow_sample.extra = strdup("{}");
            break;
        case ROW_FLOW_RECORD:
            row->flow_record.end_reason = 3;
            row->flow_record.dst_as = 4;
            break;
        case ROW_COUNTER_SAMPLE:
            row->counter_sample.out_errors = 9;
            break;
        case ROW_TRUTH:
            row->truth.key = key_of(1);
            row->truth.last_ns = 5;
            break;
        case ROW_TRAFFIC_FLOW:
            row->traffic_flow->key = key_of(2);
            row->traffic_flow->pdv_p99_ns = 8;
            row->traffic_flow->cwnd_max_bytes = 11;
            row->traffic_flow->reorder_extent = 17;
            row->traffic_flow->response_max_ns = 20;
            break;
        case ROW_TRAFFIC_RESPONSE_HISTOGRAM:
            row->traffic_histogram.count = 21;
            break;
        case ROW_TRAFFIC_RUN:
            row->traffic_run->tcp_interval_ns = 12;
            row->traffic_run->late_max_ns = 18;
            break;
        case ROW_TRAFFIC_LOSS:
            row->traffic_loss.high = STORE_NULL;
            row->traffic_loss.count = 19;
            break;
        case ROW_TRAFFIC_INTERVAL:
            row->traffic_interval.owd_max_ns = 13;
            row->traffic_interval.unacked_bytes = 14;
            break;
        case ROW_TRAFFIC_TCP_INTERVAL:
            row->traffic_tcp_interval.retransmitted = 15;
            row->traffic_tcp_interval.unacked_bytes = 16;
            break;
        case ROW_SESSION_WINDOW:
            row->window.start_ns = 10;
            row->window.end_ns = STORE_NULL;
            break;
        default:
            break;
        }
    }
}

static void a_row_of_each_kind_arrives_with_its_last_column(void **state) {
    (void)state;
    struct error error = {0};
    struct store *store = open_store(&error);
    assert_non_null(store);
    struct store_appender *appender = store_appender_create(store);
    append_each_kind(store, appender);
    store_appender_destroy(appender);
    assert_int_equal(store_sync(store, &error), 0);
    assert_int_equal(store_dropped_rows(store), 0);
    assert_int_equal(number("SELECT count(*) FROM sflow_sample"), 1);
    assert_int_equal(store_close(store, "stopped", 2, &error), 0);
    assert_int_equal(number("SELECT count(*) FROM flow"), 2);
    assert_int_equal(
        number("SELECT tos FROM v_sflow_sample WHERE vlan IS NULL AND extra = '{}' AND src = '10.0.0.0'"),
        77);
    assert_int_equal(number("SELECT dst_as FROM flow_record WHERE end_reason = 3"), 4);
    assert_int_equal(number("SELECT out_errors FROM counter_sample"), 9);
    assert_int_equal(number("SELECT last_ns FROM v_truth"), 5);
    assert_int_equal(number("SELECT pdv_p99_ns FROM traffic_flow"), 8);
    assert_int_equal(number("SELECT cwnd_max_bytes FROM traffic_flow WHERE reorder_extent = 17"), 11);
    assert_int_equal(number("SELECT response_max_ns FROM traffic_flow WHERE reorder_extent = 17"), 20);
    assert_int_equal(number("SELECT count FROM traffic_response_histogram"), 21);
    assert_int_equal(number("SELECT tcp_interval_ns FROM traffic_run WHERE late_max_ns = 18"), 12);
    assert_int_equal(number("SELECT count FROM traffic_loss WHERE high IS NULL"), 19);
    assert_int_equal(number("SELECT unacked_bytes FROM traffic_interval WHERE owd_max_ns = 13"), 14);
    assert_int_equal(number("SELECT unacked_bytes FROM traffic_tcp_interval WHERE retransmitted = 15"), 16);
    assert_int_equal(number("SELECT window_start_ns FROM session WHERE window_end_ns IS NULL"), 10);
    assert_int_equal(number("SELECT stopped_ns FROM session WHERE state = 'stopped'"), 2);
    assert_int_equal(number("SELECT count(*) FROM template"), 1);
}

static void a_closed_file_has_no_wal(void **state) {
    (void)state;
    struct store *store = open_store(NULL);
    assert_non_null(store);
    char wal[140];
    snprintf(wal, sizeof wal, "%s-wal", path);
    assert_int_equal(access(wal, F_OK), 0);
    store_close(store, "stopped", 2, NULL);
    assert_int_not_equal(access(wal, F_OK), 0);
    sqlite3 *database;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(database, "PRAGMA journal_mode", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "delete");
    sqlite3_finalize(statement);
    sqlite3_close(database);
}

static void two_stores_write_to_one_file_with_different_ids(void **state) {
    (void)state;
    struct store *first = open_store(NULL);
    struct store *second = open_store(NULL);
    assert_non_null(first);
    assert_non_null(second);
    assert_int_not_equal(store_next_id(first), store_next_id(second));
    struct store_appender *appenders[2] = {store_appender_create(first), store_appender_create(second)};
    for (uint16_t i = 0; i < 2000; i++) {
        for (size_t j = 0; j < 2; j++) {
            struct row *row = store_append(appenders[j], ROW_TRUTH);
            row->truth.key = key_of((uint16_t)(i % 50));
            row->truth.packets = 1;
        }
    }
    store_appender_destroy(appenders[0]);
    store_appender_destroy(appenders[1]);
    assert_int_equal(store_close(first, "stopped", 2, NULL), 0);
    assert_int_equal(store_close(second, "stopped", 2, NULL), 0);
    assert_int_equal(number("SELECT count(*) FROM truth"), 4000);
    assert_int_equal(number("SELECT count(*) FROM flow"), 50);
}

static void another_programs_database_is_refused_and_left_alone(void **state) {
    (void)state;
    sqlite3 *database;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, "CREATE TABLE t (a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
    struct error error = {0};
    assert_null(open_store(&error));
    assert_non_null(strstr(error.text, "not nsmon's"));
    assert_int_equal(number("SELECT count(*) FROM sqlite_master"), 1);
    FILE *file = fopen(path, "w");
    fputs("this is text, and long enough to be taken for a page of a database, or so one hopes", file);
    fclose(file);
    assert_null(open_store(&error));
    assert_non_null(strstr(error.text, "--db"));
}

static void a_folder_that_is_not_there_is_named(void **state) {
    (void)state;
    struct session_settings settings = {.kind = "import", .truth_rule = "delivered", .settings = "{}"};
    struct error error = {0};
    assert_null(store_open("/nonexistent/folder/x.db", &settings, &error));
    assert_non_null(strstr(error.text, "/nonexistent/folder/x.db"));
    assert_non_null(strstr(error.text, "No such file"));
}

static void a_deleted_session_leaves_no_row(void **state) {
    (void)state;
    struct error error = {0};
    struct store *store = open_store(&error);
    struct store_appender *appender = store_appender_create(store);
    append_each_kind(store, appender);
    store_appender_destroy(appender);
    int64_t id = store_session_id(store);
    assert_int_equal(store_delete_session(path, id, &error), -EBUSY);
    assert_int_equal(store_close(store, "stopped", 2, &error), 0);
    struct store *other = open_store(&error);
    int64_t other_id = store_session_id(other);
    assert_int_equal(store_close(other, "stopped", 2, &error), 0);
    assert_int_equal(store_label_session(path, id, "x", &error), 0);
    assert_int_equal(store_label_session(path, other_id, "x", &error), -EEXIST);
    assert_int_equal(store_delete_session(path, id, &error), 0);
    static const char *const tables[] = {"sflow_sample", "flow_record", "counter_sample",   "truth",
                                         "stage",        "template",    "collector_health", "flow"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", tables[i]);
        assert_int_equal(number(sql), 0);
    }
    assert_int_equal(number("SELECT count(*) FROM session"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static struct store *open_collector(const char *prefix) {
    struct session_settings settings = {.kind = "collect",
                                        .prefix = prefix,
                                        .truth_rule = "delivered",
                                        .settings = "{}",
                                        .started_ns = 1,
                                        .wait_when_full = true};
    struct error error = {0};
    struct store *store = store_open(path, &settings, &error);
    if (store == NULL) {
        fail_msg("%s", error.text);
    }
    return store;
}

static void close_collector(struct store *store) {
    assert_int_equal(store_close(store, "stopped", 2, NULL), 0);
}

static void append_template(struct store_appender *appender, int64_t id, bool options, bool withdrawn) {
    struct template_row *row = store_append(appender, ROW_TEMPLATE)->template;
    snprintf(row->protocol, sizeof row->protocol, "ipfix");
    ip_address_parse("192.0.2.1", &row->agent, NULL);
    row->domain = 7;
    snprintf(row->transport, sizeof row->transport, "udp/192.0.2.1:1>192.0.2.2:2");
    row->template_id = id;
    row->recv_ns = 10;
    row->options = options;
    row->withdrawn = withdrawn;
    row->size = 4;
    memcpy(row->body, "body", 4);
}

/* The exporter of those templates. */
static void append_exporter(struct store *store, struct store_appender *appender, int64_t last_ns) {
    struct exporter_row *row = store_append(appender, ROW_EXPORTER)->exporter;
    row->id = store_next_id(store);
    snprintf(row->protocol, sizeof row->protocol, "ipfix");
    ip_address_parse("192.0.2.1", &row->agent, NULL);
    row->domain = 7;
    snprintf(row->transport, sizeof row->transport, "udp/192.0.2.1:1>192.0.2.2:2");
    row->last_ns = last_ns;
}

/* The ids that were read back, one behind the other, and when their exporter last spoke. */
struct read_back {
    int64_t ids;
    int64_t recv_ns;
};

static void take_back(const struct template_row *row, void *context) {
    struct read_back *back = context;
    assert_int_equal(row->size, 4);
    assert_memory_equal(row->body, "body", 4);
    assert_string_equal(row->transport, "udp/192.0.2.1:1>192.0.2.2:2");
    assert_int_equal(row->domain, 7);
    back->ids = back->ids * 1000 + row->template_id;
    back->recv_ns = row->recv_ns;
}

static struct read_back read_back(struct store *store, int64_t since_ns) {
    struct read_back back = {0};
    assert_true(store_carry_templates(store, since_ns, take_back, &back, NULL) >= 0);
    return back;
}

static void templates_of_the_collector_before_are_read_back(void **state) {
    (void)state;
    struct store *store = open_collector("");
    struct store_appender *appender = store_appender_create(store);
    assert_int_equal(read_back(store, 0).ids, 0);
    append_template(appender, 256, false, false);
    append_template(appender, 257, true, false);
    append_template(appender, 258, false, false);
    append_template(appender, 258, false, true);
    append_exporter(store, appender, 100);
    store_appender_destroy(appender);
    close_collector(store);
    store = open_collector("other");
    assert_int_equal(read_back(store, 0).ids, 0);
    close_collector(store);
    store = open_collector("");
    assert_int_equal(read_back(store, 100).ids, 256257);
    close_collector(store);
    store = open_collector(""); /* and once more, though the exporter was silent */
    struct read_back back = read_back(store, 100);
    assert_int_equal(back.ids, 256257);
    assert_int_equal(back.recv_ns, 100);
    close_collector(store);
    store = open_collector("");
    assert_int_equal(read_back(store, 101).ids, 0);
    close_collector(store);
}

static void withdrawing_all_templates_leaves_the_options_templates(void **state) {
    (void)state;
    struct store *store = open_collector("");
    struct store_appender *appender = store_appender_create(store);
    append_template(appender, 256, false, false);
    append_template(appender, 257, false, false);
    append_template(appender, 258, true, false);
    append_template(appender, 0, false, true);
    store_appender_destroy(appender);
    close_collector(store);
    assert_int_equal(number("SELECT count(*) FROM template"), 3);
    store = open_collector("");
    assert_int_equal(read_back(store, 0).ids, 258);
    close_collector(store);
}

static void a_collector_that_died_is_called_failed_by_the_next(void **state) {
    (void)state;
    assert_int_equal(store_close(open_collector(""), "running", 2, NULL), 0);
    close_collector(open_collector(""));
    assert_int_equal(number("SELECT count(*) FROM session WHERE id = 1 AND state = 'failed'"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_row_of_each_kind_arrives_with_its_last_column),
        TEST(a_closed_file_has_no_wal),
        TEST(two_stores_write_to_one_file_with_different_ids),
        TEST(another_programs_database_is_refused_and_left_alone),
        TEST(a_folder_that_is_not_there_is_named),
        TEST(a_deleted_session_leaves_no_row),
        TEST(templates_of_the_collector_before_are_read_back),
        TEST(withdrawing_all_templates_leaves_the_options_templates),
        TEST(a_collector_that_died_is_called_failed_by_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
