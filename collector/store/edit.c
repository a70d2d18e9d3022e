#include "collector/store/edit.h"

#include <errno.h>
#include <stddef.h>

#include "collector/store/bind.h"
#include "collector/store/schema.h"

/* Runs 'sql', whose parameter ?1 is 'id' and ?2 'text'.  Returns SQLite's result code. */
static int run(sqlite3 *database, const char *sql, int64_t id, const char *text) {
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);
    if (result == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, id);
        if (sqlite3_bind_parameter_count(statement) > 1) {
            struct binder binder = {.statement = statement, .next = 2};
            bind_text(&binder, text);
        }
        result = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE || result == SQLITE_ROW ? result : sqlite3_extended_errcode(database);
}

int store_label_session(const char *path, int64_t id, const char *label, struct error *error) {
    sqlite3 *database = NULL;
    int code = schema_open(path, &database, error);
    int result =
        code == 0 ? run(database, "UPDATE session SET label = ?2 WHERE id = ?1", id, label) : SQLITE_DONE;
    if (result == SQLITE_CONSTRAINT_UNIQUE) {
        code = error_set(error, -EEXIST, "another session has the label '%s' already; give another", label);
    } else if (result != SQLITE_DONE) {
        code =
            error_set(error, -EIO, "could not label the session in '%s': %s", path, sqlite3_errmsg(database));
    }
    schema_close(database);
    return code;
}

static const char forget_flows[] =
    "DELETE FROM flow WHERE ?1 = ?1 AND id NOT IN ("
    "SELECT flow_id FROM sflow_sample WHERE flow_id IS NOT NULL "
    "UNION SELECT inner_flow_id FROM sflow_sample WHERE inner_flow_id IS NOT NULL "
    "UNION SELECT flow_id FROM flow_record WHERE flow_id IS NOT NULL "
    "UNION SELECT flow_id FROM truth UNION SELECT flow_id FROM traffic_flow)";

/* Children first. */
static const char *const deletions[] = {
    "DELETE FROM traffic_flow WHERE run_id IN (SELECT id FROM traffic_run WHERE session_id = ?1)",
    "DELETE FROM traffic_interval WHERE run_id IN (SELECT id FROM traffic_run WHERE session_id = ?1)",
    "DELETE FROM traffic_loss WHERE run_id IN (SELECT id FROM traffic_run WHERE session_id = ?1)",
    "DELETE FROM traffic_tcp_interval WHERE run_id IN (SELECT id FROM traffic_run WHERE session_id = ?1)",
    "DELETE FROM traffic_histogram WHERE run_id IN (SELECT id FROM traffic_run WHERE session_id = ?1)",
    "DELETE FROM traffic_response_histogram WHERE run_id IN (SELECT id FROM traffic_run WHERE session_id=?1)",
    "DELETE FROM traffic_class_interval WHERE run_id IN (SELECT id FROM traffic_run WHERE session_id = ?1)",
    "DELETE FROM traffic_class_histogram WHERE run_id IN (SELECT id FROM traffic_run WHERE session_id = ?1)",
    "DELETE FROM traffic_stamp WHERE run_id IN (SELECT id FROM traffic_run WHERE session_id = ?1)",
    "DELETE FROM traffic_run WHERE session_id = ?1",
    "DELETE FROM exporter_health WHERE exporter_id IN (SELECT id FROM exporter WHERE session_id = ?1)",
    "DELETE FROM collector_health WHERE session_id = ?1",
    "DELETE FROM template WHERE session_id = ?1",
    "DELETE FROM stage WHERE session_id = ?1",
    "DELETE FROM truth WHERE session_id = ?1",
    "DELETE FROM capture WHERE session_id = ?1",
    "DELETE FROM counter_sample WHERE session_id = ?1",
    "DELETE FROM flow_record WHERE session_id = ?1",
    "DELETE FROM sflow_sample WHERE session_id = ?1",
    "DELETE FROM interface WHERE session_id = ?1",
    "DELETE FROM exporter WHERE session_id = ?1",
    "DELETE FROM session WHERE id = ?1",
    forget_flows,
};

int store_delete_session(const char *path, int64_t id, struct error *error) {
    sqlite3 *database = NULL;
    int code = schema_open(path, &database, error);
    if (code != 0) {
        return code;
    }
    int result = run(database, "SELECT 1 FROM session WHERE id = ?1 AND state = 'running'", id, NULL);
    if (result == SQLITE_ROW) {
        code = error_set(error, -EBUSY, "session %lld is running; stop it first", (long long)id);
    }
    result = result == SQLITE_DONE && sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK
                 ? SQLITE_DONE
                 : SQLITE_ERROR;
    for (size_t i = 0; result == SQLITE_DONE && i < sizeof deletions / sizeof deletions[0]; i++) {
        result = run(database, deletions[i], id, NULL);
    }
    if (result == SQLITE_DONE && sqlite3_exec(database, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        result = SQLITE_ERROR;
    }
    if (code == 0 && result != SQLITE_DONE) {
        code = error_set(error, -EIO, "could not delete the session in '%s': %s", path,
                         sqlite3_errmsg(database));
    }
    schema_close(database); /* rolls back what was not committed */
    return code;
}
