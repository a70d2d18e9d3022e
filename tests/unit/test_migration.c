/* A database of an earlier version is brought to this program's when it is written to, and keeps its rows. */
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

#include "collector/store/schema.h"

static char folder[64];

static void path_of(const char *name, char path[128]) {
    snprintf(path, 128, "%s/%s", folder, name);
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, 1 << 16); /* what both schemas fit into */
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 16) - 1, file) > 1000);
    fclose(file);
    return text;
}

/* Every table and view with its columns, types and what they may be. */
static char *describe(sqlite3 *database) {
    static const char sql[] =
        "SELECT group_concat(t.name || ' ' || c.cid || c.name || c.type || c.\"notnull\" || c.pk, char(10)) "
        "FROM (SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name) t, "
        "pragma_table_info(t.name) c";
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    char *text = strdup((const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return text;
}

static int64_t number(sqlite3 *database, const char *sql) {
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

/* A file of 'version' with a row in a table that versions 2 and 3 have added columns to. */
static void make_version(int version, const char *path) {
    static const char *const rows[] = {"INSERT INTO traffic_interval VALUES (1,2,3,4,5,6,7)",
                                       "INSERT INTO traffic_interval VALUES (1,2,3,4,5,6,7,8,9,10)"};
    sqlite3 *database;
    char schema[128], mark[128];
    snprintf(schema, sizeof schema, "%s/tests/data/schema-%d.sql", NSMON_SOURCE_DIR, version);
    char *sql = read_file(schema);
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             SCHEMA_APPLICATION_ID, version);
    assert_int_equal(sqlite3_exec(database, mark, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, rows[version - 1], NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
    free(sql);
}

static void becomes_new(int version) {
    char old_path[128], new_path[128];
    path_of("old.db", old_path);
    path_of("new.db", new_path);
    make_version(version, old_path);
    sqlite3 *old, *new;
    assert_int_equal(schema_open(old_path, &old, NULL), 0);
    assert_int_equal(schema_open(new_path, &new, NULL), 0);
    char *was = describe(old), *is = describe(new);
    assert_string_equal(was, is);
    free(was);
    free(is);
    assert_int_equal(number(old, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_int_equal(number(old, "SELECT received_bytes FROM traffic_interval WHERE tcp_flows IS NULL"), 7);
    assert_int_equal(number(old, "SELECT coalesce(owd_max_ns, 0) FROM traffic_interval"),
                     version < 2 ? 0 : 10);
    schema_close(old);
    schema_close(new);
    unlink(old_path);
    unlink(new_path);
}

static void version_1_becomes_what_a_new_file_is_and_keeps_its_rows(void **state) {
    (void)state;
    becomes_new(1);
}

static void version_2_becomes_what_a_new_file_is_and_keeps_its_rows(void **state) {
    (void)state;
    becomes_new(2);
}

static void a_migration_that_fails_leaves_the_file_as_it_was(void **state) {
    (void)state;
    char path[128];
    path_of("broken.db", path);
    make_version(1, path);
    sqlite3 *database;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, "CREATE TABLE traffic_stamp (a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
    struct error error = {0};
    assert_int_not_equal(schema_open(path, &database, &error), 0);
    assert_non_null(strstr(error.text, "traffic_stamp"));
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(number(database, "PRAGMA user_version"), 1);
    assert_int_equal(number(database, "SELECT count(*) FROM pragma_table_info('traffic_interval')"), 7);
    sqlite3_close(database);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_becomes_what_a_new_file_is_and_keeps_its_rows),
        cmocka_unit_test(version_2_becomes_what_a_new_file_is_and_keeps_its_rows),
        cmocka_unit_test(a_migration_that_fails_leaves_the_file_as_it_was),
    };
    snprintf(folder, sizeof folder, "/tmp/nsmon-migration-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
