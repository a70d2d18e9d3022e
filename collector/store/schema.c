#include "collector/store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern const unsigned char store_schema_sql[];
extern const unsigned char store_schema_2_sql[];
extern const unsigned char store_schema_3_sql[];

/* What makes each version of the one before it; from version 2 on. */
static const unsigned char *const migrations[] = {store_schema_2_sql, store_schema_3_sql};
_Static_assert(sizeof migrations / sizeof *migrations == SCHEMA_VERSION - 1, "one step a version");

enum { BUSY_TIMEOUT_MS = 10000, CLOSE_TIMEOUT_MS = 500 };

static int run(sqlite3 *database, const char *sql, const char *path, struct error *error) {
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK) {
        return 0;
    }
    return error_set(error, -EIO, "could not write the database '%s': %s", path, sqlite3_errmsg(database));
}

static int read_number(sqlite3 *database, const char *sql, int64_t *value) {
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);
    if (result == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        *value = sqlite3_column_int64(statement, 0);
    } else {
        result = sqlite3_errcode(database);
    }
    sqlite3_finalize(statement);
    return result == SQLITE_OK || result == SQLITE_ROW ? 0 : -EIO;
}

/* Brings a file of 'version' up to this program's. */
static int migrate(sqlite3 *database, int64_t version, const char *path, struct error *error) {
    for (int64_t next = version + 1; next <= SCHEMA_VERSION; next++) {
        char mark[64];
        snprintf(mark, sizeof mark, "PRAGMA user_version = %d", (int)next);
        int code = run(database, (const char *)migrations[next - 2], path, error);
        code = code == 0 ? run(database, mark, path, error) : code;
        if (code != 0) {
            return code;
        }
    }
    return 0;
}

/* Makes the tables in an empty file; says what is wrong with any other that this program can't use. */
static int prepare(sqlite3 *database, const char *path, struct error *error) {
    int64_t version = 0;
    int64_t application = 0;
    int64_t tables = 0;
    if (read_number(database, "PRAGMA user_version", &version) != 0 ||
        read_number(database, "PRAGMA application_id", &application) != 0 ||
        read_number(database, "SELECT count(*) FROM sqlite_master", &tables) != 0) {
        return error_set(error, -EINVAL, "could not use '%s' as a database: %s; give another with --db", path,
                         sqlite3_errmsg(database));
    }
    if (application == 0 && version == 0 && tables == 0) {
        char mark[128];
        snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
                 SCHEMA_APPLICATION_ID, SCHEMA_VERSION);
        int code = run(database, (const char *)store_schema_sql, path, error);
        return code == 0 ? run(database, mark, path, error) : code;
    }
    if (application != SCHEMA_APPLICATION_ID) {
        return error_set(error, -EINVAL, "'%s' is a database, but not nsmon's; give another with --db", path);
    }
    if (version > SCHEMA_VERSION) {
        return error_set(error, -EINVAL,
                         "'%s' was written by a newer nsmon (version %lld, this one knows %d); "
                         "install that one or give another file with --db",
                         path, (long long)version, SCHEMA_VERSION);
    }
    if (version < 1) {
        return error_set(error, -EINVAL, "'%s' has nsmon's mark but no version; give another with --db",
                         path);
    }
    return migrate(database, version, path, error);
}

int schema_open(const char *path, sqlite3 **database, struct error *error) {
    *database = NULL;
    sqlite3 *opened = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
    int result = sqlite3_open_v2(path, &opened, flags, NULL);
    if (result != SQLITE_OK) {
        const char *why = opened == NULL ? "out of memory" : sqlite3_errmsg(opened);
        /* SQLite tries again without writing, and tells why that failed; ask for ourselves. */
        int probe = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        int system = probe < 0 ? errno : 0;
        if (probe >= 0) {
            close(probe);
        }
        error_set(error, 0,
                  "could not open the database '%s': %s%s%s; give a file in a folder that can be written "
                  "with --db",
                  path, why, system != 0 ? ": " : "", system != 0 ? strerror(system) : "");
        sqlite3_close(opened);
        return -EACCES;
    }
    sqlite3_busy_timeout(opened, BUSY_TIMEOUT_MS);
    int code = run(opened, "BEGIN IMMEDIATE", path, error);
    if (code == 0 &&
        sqlite3_db_readonly(opened, "main") != 0) { /* BEGIN IMMEDIATE is content to read such a file */
        code = error_set(error, -EACCES, "the file '%s' can't be written: %s", path, strerror(EACCES));
    }
    if (code == 0) {
        code = prepare(opened, path, error);
        int end = run(opened, code == 0 ? "COMMIT" : "ROLLBACK", path, code == 0 ? error : NULL);
        code = code == 0 ? end : code;
    } else {
        error_prefix(error, code, "the database can't be used (--db gives another)");
    }
    if (code == 0) {
        code =
            run(opened, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;",
                path, error);
    }
    if (code != 0) {
        sqlite3_close(opened);
        return code;
    }
    *database = opened;
    return 0;
}

void schema_close(sqlite3 *database) {
    if (database == NULL) {
        return;
    }
    sqlite3_busy_timeout(database, CLOSE_TIMEOUT_MS);
    sqlite3_exec(database, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
    sqlite3_exec(database, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    sqlite3_close(database);
}
