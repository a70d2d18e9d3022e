#include "collector/store/read/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/store/read/internal.h"

/* The newest PRAGMA user_version that this program can read. */
#define SCHEMA_VERSION 3

/* How long to wait for a writer that is just switching the journal mode. */
#define BUSY_TIMEOUT_MS 5000

int read_failed(struct reader *reader, struct error *error) {
    int code = sqlite3_extended_errcode(reader->database);
    const char *todo = "is it an intact nsmon database?";
    if (code == SQLITE_READONLY_ROLLBACK || code == SQLITE_READONLY_RECOVERY || code == SQLITE_CANTOPEN ||
        (code & 0xff) == SQLITE_READONLY) {
        todo =
            "its collector did not end cleanly and this user may not mend it; run the command with sudo once";
    } else if ((code & 0xff) == SQLITE_BUSY) {
        todo = "another program holds it; try again";
    } else if ((code & 0xff) == SQLITE_NOTADB) {
        todo = "give an nsmon database with --db";
    }
    return error_set(error, -EIO, "reading the database '%s': %s: %s", reader->path,
                     sqlite3_errmsg(reader->database), todo);
}

sqlite3_stmt *read_prepare(struct reader *reader, const char *sql, int64_t session_id, struct error *error) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(reader->database, sql, -1, &statement, NULL) != SQLITE_OK) {
        read_failed(reader, error);
        return NULL;
    }
    if (sqlite3_bind_parameter_count(statement) > 0) {
        sqlite3_bind_int64(statement, 1, session_id);
    }
    return statement;
}

int read_step(struct reader *reader, sqlite3_stmt *statement, struct error *error) {
    switch (sqlite3_step(statement)) {
    case SQLITE_ROW:
        return 1;
    case SQLITE_DONE:
        return 0;
    default:
        return read_failed(reader, error);
    }
}

int64_t read_number_or(sqlite3_stmt *statement, int column, int64_t otherwise) {
    return sqlite3_column_type(statement, column) == SQLITE_NULL ? otherwise
                                                                 : sqlite3_column_int64(statement, column);
}

int64_t read_number(sqlite3_stmt *statement, int column) {
    return read_number_or(statement, column, READ_NULL);
}

void read_text(sqlite3_stmt *statement, int column, char *text, size_t size) {
    const unsigned char *value = sqlite3_column_text(statement, column);
    snprintf(text, size, "%s", value == NULL ? "" : (const char *)value);
}

struct ip_address read_address(sqlite3_stmt *statement, int column) {
    const uint8_t *bytes = sqlite3_column_blob(statement, column);
    int size = sqlite3_column_bytes(statement, column);
    if (bytes != NULL && (size == 4 || size == 16)) {
        return ip_address_make(size == 4 ? 4 : 6, bytes);
    }
    return (struct ip_address){0};
}

/* Reads one number by 'sql'.  Returns 0 or -EIO. */
static int read_one(struct reader *reader, const char *sql, int64_t *value, struct error *error) {
    sqlite3_stmt *statement = read_prepare(reader, sql, 0, error);
    if (statement == NULL) {
        return -EIO;
    }
    int rc = read_step(reader, statement, error);
    *value = rc > 0 ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return rc < 0 ? rc : 0;
}

/* Begins the transaction in which everything is read, and checks that the file is nsmon's. */
static int reader_begin(struct reader *reader, struct error *error) {
    sqlite3_busy_timeout(reader->database, BUSY_TIMEOUT_MS);
    if (sqlite3_exec(reader->database, "PRAGMA query_only = 1; BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
        return read_failed(reader, error);
    }
    int64_t version = 0;
    int64_t tables = 0;
    int rc = read_one(reader, "PRAGMA user_version", &version, error);
    reader->version = version;
    if (rc == 0) {
        rc = read_one(reader,
                      "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN "
                      "('session', 'exporter', 'flow', 'sflow_sample', 'flow_record', 'truth', 'stage')",
                      &tables, error);
    }
    if (rc != 0) {
        return rc;
    }
    if (version > SCHEMA_VERSION && tables == 7) {
        return error_set(
            error, -EPROTONOSUPPORT,
            "opening the database '%s': it has version %lld and this nsmon reads up to %d: use a newer "
            "nsmon",
            reader->path, (long long)version, SCHEMA_VERSION);
    }
    if (version < 1 || tables != 7) {
        return error_set(
            error, -EINVAL,
            "opening the database '%s': it is an SQLite file, but not nsmon's: give another with --db",
            reader->path);
    }
    return 0;
}

/* Says what a plain look at the file can say better than SQLite. */
static int check_file(const char *path, struct error *error) {
    struct stat status;
    if (stat(path, &status) != 0) {
        int code = errno;
        return error_set(error, -code, "opening the database '%s': %s: %s", path, strerror(code),
                         code == ENOENT ? "run 'nsmon start' or 'nsmon import' first, or name it with --db"
                                        : "check the path given with --db");
    }
    if (!S_ISREG(status.st_mode)) {
        return error_set(error, -EINVAL, "opening the database '%s': it is not a file: name one with --db",
                         path);
    }
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        int code = errno;
        return error_set(error, -code, "opening the database '%s': %s: ask its owner for 'chmod a+r'", path,
                         strerror(code));
    }
    fclose(file);
    return 0;
}

struct reader *reader_open(const char *path, struct error *error) {
    if (check_file(path, error) != 0) {
        return NULL;
    }
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        error_set(error, -ENOMEM, "opening the database '%s': out of memory", path);
        return NULL;
    }
    snprintf(reader->path, sizeof reader->path, "%s", path);
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &reader->database, flags, NULL) != SQLITE_OK) {
        error_set(error, -EIO, "opening the database '%s': %s: name another with --db", path,
                  reader->database == NULL ? "out of memory" : sqlite3_errmsg(reader->database));
        goto failed;
    }
    if (reader_begin(reader, error) != 0) {
        goto failed;
    }
    return reader;
failed:
    reader_close(reader);
    return NULL;
}

void reader_close(struct reader *reader) {
    if (reader == NULL) {
        return;
    }
    sqlite3_finalize(reader->flow);
    sqlite3_close(reader->database);
    free(reader);
}

const char *reader_path(const struct reader *reader) {
    return reader->path;
}

bool reader_default_path(size_t which, char *path, size_t size) {
    if (which == 0) {
        snprintf(path, size, "/var/lib/nsmon/nsmon.db");
        return true;
    }
    if (which == 2) {
        snprintf(path, size, "/var/lib/nsmon-collect/nsmon.db"); /* nsmon-collect.service */
        return true;
    }
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    if (data != NULL && data[0] == '/') {
        snprintf(path, size, "%s/nsmon/nsmon.db", data);
        return true;
    }
    if (home != NULL && home[0] != '\0') {
        snprintf(path, size, "%s/.local/share/nsmon/nsmon.db", home);
        return true;
    }
    return false;
}

static struct reader *open_with_session(const char *path, const char *wanted, const char *prefix,
                                        struct read_session *session, struct error *error) {
    struct reader *reader = reader_open(path, error);
    if (reader != NULL && reader_find_session(reader, wanted, prefix, session, error) != 0) {
        reader_close(reader);
        reader = NULL;
    }
    return reader;
}

/* Looks into the default files; see reader_open_session(). */
static struct reader *open_default(const char *wanted, const char *prefix, struct read_session *session,
                                   struct error *error) {
    struct reader *best = NULL;
    struct error why = {""};
    for (size_t i = 0; i < READER_DEFAULT_PATHS; i++) {
        char path[4096];
        struct stat status;
        if (!reader_default_path(i, path, sizeof path) || (stat(path, &status) != 0 && errno == ENOENT)) {
            continue;
        }
        struct read_session found;
        struct reader *reader = open_with_session(path, wanted, prefix, &found, &why);
        if (reader != NULL && (best == NULL || found.started_ns > session->started_ns)) {
            reader_close(best);
            best = reader;
            *session = found;
        } else {
            reader_close(reader);
        }
    }
    if (best != NULL) {
        return best;
    }
    if (why.text[0] != '\0') {
        error_set(error, -ENOENT, "%s", why.text);
    } else {
        char own[4096] = "";
        reader_default_path(1, own, sizeof own);
        error_set(
            error, -ENOENT,
            "looking for a database: neither /var/lib/nsmon/nsmon.db nor '%s' is there: run 'nsmon start' or "
            "'nsmon import' first, or name one with --db",
            own);
    }
    return NULL;
}

struct reader *reader_open_session(const char *path, const char *wanted, const char *prefix,
                                   struct read_session *session, struct error *error) {
    return path != NULL ? open_with_session(path, wanted, prefix, session, error)
                        : open_default(wanted, prefix, session, error);
}
