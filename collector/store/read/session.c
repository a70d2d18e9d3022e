/* Sessions: listing and finding them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/read/internal.h"

#define SESSION_COLUMNS                                                                                      \
    "SELECT id, label, kind, state, prefix, truth_rule, started_ns, stopped_ns, window_start_ns, "           \
    "window_end_ns "                                                                                         \
    "FROM session "

static void session_from_row(sqlite3_stmt *row, struct read_session *session) {
    memset(session, 0, sizeof *session);
    session->id = read_number(row, 0);
    read_text(row, 1, session->label, sizeof session->label);
    read_text(row, 2, session->kind, sizeof session->kind);
    read_text(row, 3, session->state, sizeof session->state);
    read_text(row, 4, session->prefix, sizeof session->prefix);
    read_text(row, 5, session->truth_rule, sizeof session->truth_rule);
    session->started_ns = read_number(row, 6);
    session->stopped_ns = read_number(row, 7);
    session->window_start_ns = read_number(row, 8);
    session->window_end_ns = read_number(row, 9);
}

int reader_each_session(struct reader *reader, read_session_fn *fn, void *context, struct error *error) {
    sqlite3_stmt *row = read_prepare(reader, SESSION_COLUMNS "ORDER BY started_ns DESC, id DESC", 0, error);
    if (row == NULL) {
        return -EIO;
    }
    int rc;
    while ((rc = read_step(reader, row, error)) > 0) {
        struct read_session session;
        session_from_row(row, &session);
        rc = fn(&session, context);
        if (rc != 0) {
            break;
        }
    }
    sqlite3_finalize(row);
    return rc;
}

/* Fills 'session' with the first row of 'sql', whose ?1 is 'wanted'.  Returns 1, 0 for none, or -EIO. */
static int find_by(struct reader *reader, const char *sql, const char *wanted, struct read_session *session,
                   struct error *error) {
    sqlite3_stmt *row = read_prepare(reader, sql, 0, error);
    if (row == NULL) {
        return -EIO;
    }
    if (wanted != NULL) {
        sqlite3_bind_text(row, 1, wanted, -1, SQLITE_STATIC);
    }
    int rc = read_step(reader, row, error);
    if (rc > 0) {
        session_from_row(row, session);
    }
    sqlite3_finalize(row);
    return rc;
}

/* Says in 'error' that there is no such session. */
static int not_found(const struct reader *reader, const char *wanted, const char *prefix,
                     struct error *error) {
    if (wanted != NULL) {
        return error_set(
            error, -ENOENT,
            "looking for session '%s' in '%s': no session has that label or id: see 'nsmon sessions'", wanted,
            reader->path);
    }
    if (prefix != NULL) {
        return error_set(error, -ENOENT,
                         "looking for a session of the lab '%s' in '%s': it holds none: see 'nsmon sessions'",
                         prefix, reader->path);
    }
    return error_set(
        error, -ENOENT,
        "looking for a session in '%s': it holds none: run 'nsmon start' or 'nsmon import' first",
        reader->path);
}

int reader_find_session(struct reader *reader, const char *wanted, const char *prefix,
                        struct read_session *session, struct error *error) {
    int rc = 0;
    if (wanted != NULL && strcmp(wanted, "latest") == 0) {
        wanted = NULL;
    }
    if (wanted != NULL) {
        rc = find_by(reader, SESSION_COLUMNS "WHERE label = ?1", wanted, session, error);
        if (rc == 0) {
            rc = find_by(reader, SESSION_COLUMNS "WHERE CAST(id AS TEXT) = ?1", wanted, session, error);
        }
    } else if (prefix != NULL) {
        rc = find_by(reader, SESSION_COLUMNS "WHERE prefix = ?1 ORDER BY started_ns DESC, id DESC LIMIT 1",
                     prefix, session, error);
    } else {
        rc = find_by(reader, SESSION_COLUMNS "ORDER BY started_ns DESC, id DESC LIMIT 1", NULL, session,
                     error);
    }
    return rc > 0 ? 0 : rc < 0 ? rc : not_found(reader, wanted, prefix, error);
}

char *reader_session_settings(struct reader *reader, int64_t session_id) {
    sqlite3_stmt *row = read_prepare(reader, "SELECT settings FROM session WHERE id = ?1", session_id, NULL);
    char *text = NULL;
    if (row != NULL && read_step(reader, row, NULL) > 0 && sqlite3_column_text(row, 0) != NULL) {
        text = strdup((const char *)sqlite3_column_text(row, 0));
    }
    sqlite3_finalize(row);
    return text;
}
