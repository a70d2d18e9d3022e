/* The store's reading side: who may read, while the collector writes and after it stopped. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/store/read/reader.h"
#include "report_fixture.h"

static char folder[] = "/tmp/nsmon-reader-XXXXXX";
static char path[128];

static int make_folder(void **state) {
    (void)state;
    umask(022);
    if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/nsmon.db", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    char name[160];
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        unlink(name);
    }
    return rmdir(folder);
}

static int count_truth(const struct read_truth *truth, void *context) {
    *(int64_t *)context += truth->packets;
    return 0;
}

/* Reads the database as somebody who may not write: nobody, or this user with the folder closed.  Returns the
 * packets of session 1's truth, or a negative number. */
static int64_t read_as_ordinary_user(void) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    bool root = geteuid() == 0;
    if (!root) {
        chmod(folder, 0555);
    }
    pid_t child = fork();
    if (child == 0) {
        int64_t packets = -1;
        struct error error = {""};
        struct reader *reader = root && setuid(65534) != 0 ? NULL : reader_open(path, &error);
        if (reader != NULL) {
            packets = 0;
            if (reader_each_truth(reader, 1, count_truth, &packets, &error) != 0) {
                packets = -2;
            }
        }
        if (packets < 0) {
            fprintf(stderr, "%s\n", error.text);
        }
        reader_close(reader);
        ssize_t written = write(ends[1], &packets, sizeof packets);
        _exit(written == sizeof packets ? 0 : 1);
    }
    int64_t packets = -3;
    assert_int_equal(read(ends[0], &packets, sizeof packets), sizeof packets);
    close(ends[0]);
    close(ends[1]);
    waitpid(child, NULL, 0);
    if (!root) {
        chmod(folder, 0755);
    }
    return packets;
}

static void an_ordinary_user_reads_while_the_collector_writes_and_afterwards(void **state) {
    (void)state;
    sqlite3 *writer = fixture_open(path);
    fixture_sql(writer, "PRAGMA journal_mode = WAL");
    fixture_session(writer, 1, &(struct fixture_settings){.rate = 64});
    int64_t while_open = read_as_ordinary_user();
    assert_true(while_open > 100000);
    fixture_sql(writer, "BEGIN IMMEDIATE; UPDATE truth SET packets = 0");
    assert_int_equal(read_as_ordinary_user(), while_open);
    fixture_sql(writer, "ROLLBACK; PRAGMA journal_mode = DELETE");
    sqlite3_close(writer);
    assert_int_equal(read_as_ordinary_user(), while_open);
}

static void a_reader_sees_one_moment_whatever_is_written_meanwhile(void **state) {
    (void)state;
    sqlite3 *writer = fixture_open(path);
    fixture_sql(writer, "PRAGMA journal_mode = WAL");
    fixture_session(writer, 1, &(struct fixture_settings){.rate = 64});
    struct error error;
    struct reader *reader = reader_open(path, &error);
    assert_non_null(reader);
    int64_t before = 0;
    int64_t after = 0;
    assert_int_equal(reader_each_truth(reader, 1, count_truth, &before, &error), 0);
    fixture_sql(writer, "DELETE FROM truth");
    assert_int_equal(reader_each_truth(reader, 1, count_truth, &after, &error), 0);
    assert_int_equal(before, after);
    reader_close(reader);
    fixture_sql(writer, "PRAGMA journal_mode = DELETE");
    sqlite3_close(writer);
}

static void assert_refused(const char *name, const char *why) {
    struct error error = {""};
    assert_null(reader_open(name, &error));
    if (strstr(error.text, why) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.text, why);
    }
}

static void what_is_no_database_of_nsmon_is_refused_in_words(void **state) {
    (void)state;
    assert_refused("/nonexistent/nsmon.db", "--db");
    assert_refused(folder, "not a file");
    unlink(path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("this is a text, long enough to be no header of SQLite, which wants a hundred bytes or so, at "
          "least that",
          file);
    fclose(file);
    assert_refused(path, "not a database");
    unlink(path);
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    fixture_sql(other, "CREATE TABLE session (id INTEGER)");
    assert_refused(path, "not nsmon's");
    fixture_sql(other, "PRAGMA user_version = 1");
    assert_refused(path, "not nsmon's");
    sqlite3_close(other);
    other = fixture_open(path);
    fixture_sql(other, "PRAGMA user_version = 99");
    sqlite3_close(other);
    assert_refused(path, "newer");
}

static int collect_ids(const struct read_session *session, void *context) {
    int64_t *ids = context;
    ids[++ids[0]] = session->id;
    return 0;
}

static void sessions_are_found_by_id_by_label_and_as_the_latest(void **state) {
    (void)state;
    sqlite3 *writer = fixture_open(path);
    struct error error;
    struct read_session session;
    assert_null(reader_open_session(path, NULL, NULL, &session, &error));
    assert_non_null(strstr(error.text, "it holds none"));
    fixture_session(
        writer, 1,
        &(struct fixture_settings){.label = "first", .rate = 64, .no_truth = true, .no_rows = true});
    fixture_session(writer, 2,
                    &(struct fixture_settings){.label = "1", .rate = 64, .no_truth = true, .no_rows = true});
    fixture_session(writer, 3, &(struct fixture_settings){.rate = 64, .no_truth = true, .no_rows = true});
    sqlite3_close(writer);
    struct reader *reader = reader_open_session(path, "latest", NULL, &session, &error);
    assert_non_null(reader);
    assert_int_equal(session.id, 3);
    assert_int_equal(reader_find_session(reader, "first", NULL, &session, &error), 0);
    assert_int_equal(session.id, 1);
    /* A label goes before an id. */
    assert_int_equal(reader_find_session(reader, "1", NULL, &session, &error), 0);
    assert_int_equal(session.id, 2);
    assert_int_equal(reader_find_session(reader, "3", NULL, &session, &error), 0);
    assert_int_equal(session.id, 3);
    assert_int_equal(reader_find_session(reader, "nothing", NULL, &session, &error), -ENOENT);
    assert_int_equal(reader_find_session(reader, NULL, "ns", &session, &error), 0);
    assert_int_equal(session.id, 3);
    assert_int_equal(reader_find_session(reader, "latest", "other", &session, &error), -ENOENT);
    int64_t ids[8] = {0};
    assert_int_equal(reader_each_session(reader, collect_ids, ids, &error), 0);
    assert_true(ids[0] == 3 && ids[1] == 3 && ids[2] == 2 && ids[3] == 1);
    reader_close(reader);
}

static int take_interval(const struct read_traffic_interval *interval, void *context) {
    *(struct read_traffic_interval *)context = *interval;
    return 0;
}

static int take_flow(const struct read_traffic_flow *flow, void *context) {
    *(struct read_traffic_flow *)context = *flow;
    return 0;
}

static int take_run(const struct read_traffic_run *run, void *context) {
    *(struct read_traffic_run *)context = *run;
    return 0;
}

static int take_no_loss(const struct read_traffic_loss *loss, void *context) {
    (void)loss;
    (void)context;
    return -1;
}

/* Makes 'path' a file of 'version' with a run of one flow. */
static sqlite3 *make_version(int version) {
    static char sql[1 << 16];
    char name[128];
    sqlite3 *database = NULL;
    unlink(path);
    snprintf(name, sizeof name, "%s/tests/data/schema-%d.sql", NSMON_SOURCE_DIR, version);
    FILE *file = fopen(name, "re");
    assert_non_null(file);
    sql[fread(sql, 1, sizeof sql - 1, file)] = '\0';
    fclose(file);
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    fixture_sql(database, "PRAGMA user_version = %d", version);
    fixture_sql(database, "INSERT INTO traffic_run VALUES (3, 1, 'mixed', 4, 5, 6, '{}')");
    fixture_sql(database, "INSERT INTO traffic_interval VALUES (3, 5, 6, 1, 2, 3, 4%s)",
                version < 2 ? "" : ", 7, 8, 9");
    fixture_sql(database,
                "INSERT INTO traffic_flow (run_id, number, flow_id, sent_bytes, received_bytes, lost) "
                "VALUES (3, 0, 1, 10, 11, 12)");
    return database;
}

static void runs_in_files_of_earlier_versions_are_read(void **state) {
    (void)state;
    for (int version = 1; version < 3; version++) {
        struct read_traffic_interval interval = {0};
        struct read_traffic_flow flow = {.lost = 0};
        struct read_traffic_run run = {.id = 0};
        struct error error = {""};
        sqlite3_close(make_version(version));
        struct reader *reader = reader_open(path, &error);
        assert_non_null(reader);
        assert_int_equal(reader_each_traffic_interval(reader, 3, take_interval, &interval, &error), 0);
        assert_int_equal(interval.received_bytes, 4);
        assert_int_equal(interval.owd_p99_ns, version < 2 ? READ_NULL : 8);
        assert_int_equal(interval.retransmitted, READ_NULL);
        assert_int_equal(interval.rtt_p99_ns, READ_NULL);
        assert_int_equal(reader_each_traffic_flow(reader, 1, take_flow, &flow, &error), 0);
        assert_int_equal(flow.lost, 12);
        assert_int_equal(flow.retransmitted, READ_NULL);
        assert_int_equal(flow.reorder_extent, READ_NULL);
        assert_int_equal(reader_each_traffic_run(reader, 1, take_run, &run, &error), 0);
        assert_int_equal(run.seed, 4);
        assert_int_equal(run.late_max_ns, READ_NULL);
        assert_int_equal(reader_each_traffic_loss(reader, 3, take_no_loss, NULL, &error), 0);
        reader_close(reader);
    }
    unlink(path);
}

static int take_health(const struct read_exporter *exporter, void *context) {
    *(struct read_exporter *)context = *exporter;
    return 1;
}

static void an_exporter_comes_with_its_last_health(void **state) {
    (void)state;
    sqlite3 *writer = fixture_open(path);
    fixture_session(writer, 1, &(struct fixture_settings){.rate = 64, .no_rows = true});
    sqlite3_close(writer);
    struct error error;
    struct reader *reader = reader_open(path, &error);
    assert_non_null(reader);
    struct read_exporter exporter;
    assert_int_equal(reader_each_exporter(reader, 1, take_health, &exporter, &error), 1);
    assert_string_equal(exporter.protocol, "sflow5");
    assert_int_equal(exporter.datagrams, 100);
    assert_true(exporter.has_health);
    struct read_collector_health health;
    assert_int_equal(reader_collector_health(reader, 1, &health, &error), -ENOENT);
    reader_close(reader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_user_reads_while_the_collector_writes_and_afterwards),
        cmocka_unit_test(a_reader_sees_one_moment_whatever_is_written_meanwhile),
        cmocka_unit_test(what_is_no_database_of_nsmon_is_refused_in_words),
        cmocka_unit_test(sessions_are_found_by_id_by_label_and_as_the_latest),
        cmocka_unit_test(runs_in_files_of_earlier_versions_are_read),
        cmocka_unit_test(an_exporter_comes_with_its_last_health),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
