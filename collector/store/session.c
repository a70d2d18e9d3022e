#include "collector/store/session.h"

#include <errno.h>

#include "collector/store/bind.h"

static int label_taken(const char *label, struct error *error) {
    return error_set(error, -EEXIST, "there is a session with the label '%s' already; give another", label);
}

int session_check_label(sqlite3 *database, const char *label, struct error *error) {
    sqlite3_stmt *statement = NULL;
    bool taken = false;
    if (label != NULL && sqlite3_prepare_v2(database, "SELECT 1 FROM session WHERE label = ?", -1, &statement,
                                            NULL) == SQLITE_OK) {
        struct binder b = bind_begin(statement);
        bind_text(&b, label);
        taken = sqlite3_step(statement) == SQLITE_ROW;
    }
    sqlite3_finalize(statement);
    return taken ? label_taken(label, error) : 0;
}

int session_begin(sqlite3 *database, const struct session_settings *settings, int64_t *id,
                  struct error *error) {
    static const char sql[] =
        "INSERT INTO session (label, kind, state, prefix, started_ns, truth_rule, settings) "
        "VALUES (?, ?, 'running', ?, ?, ?, ?)";
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK) {
        return error_set(error, -EIO, "could not begin a session: %s", sqlite3_errmsg(database));
    }
    struct binder b = bind_begin(statement);
    bind_text(&b, settings->label);
    bind_word(&b, settings->kind);
    bind_text(&b, settings->prefix);
    bind_int(&b, settings->started_ns);
    bind_word(&b, settings->truth_rule);
    bind_word(&b, settings->settings);
    int code = 0;
    if (sqlite3_step(statement) != SQLITE_DONE) {
        if (sqlite3_extended_errcode(database) == SQLITE_CONSTRAINT_UNIQUE) {
            code = label_taken(settings->label, error);
        } else {
            code = error_set(error, -EIO, "could not begin a session: %s", sqlite3_errmsg(database));
        }
    }
    *id = sqlite3_last_insert_rowid(database);
    sqlite3_finalize(statement);
    return code;
}

int session_fail_running(sqlite3 *database, const char *kind, const char *prefix) {
    static const char sql[] = "UPDATE session SET state = 'failed' WHERE state = 'running' AND kind = ? "
                              "AND coalesce(prefix, '') = coalesce(?, '')";
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);
    if (result == SQLITE_OK) {
        struct binder b = bind_begin(statement);
        bind_word(&b, kind);
        bind_text(&b, prefix);
        result = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE ? 0 : -EIO;
}

int session_end(sqlite3 *database, int64_t id, const char *state, int64_t stopped_ns) {
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(database, "UPDATE session SET state = ?, stopped_ns = ? WHERE id = ?", -1,
                                    &statement, NULL);
    if (result == SQLITE_OK) {
        struct binder b = bind_begin(statement);
        bind_word(&b, state);
        bind_int(&b, stopped_ns);
        bind_int(&b, id);
        result = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE ? 0 : -EIO;
}
