/* The filter of flows: whatever the parser takes makes a statement that SQLite takes, with as many values. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "collector/store/read/flow_sql.h"
#include "fuzz.h"
#include "reports/flows/filter.h"

extern const unsigned char store_schema_sql[];

int LLVMFuzzerInitialize(int *argc, char ***argv);

static sqlite3 *database;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    if (sqlite3_open(":memory:", &database) != SQLITE_OK ||
        sqlite3_exec(database, (const char *)store_schema_sql, NULL, NULL, NULL) != SQLITE_OK) {
        abort();
    }
    return 0;
}

static void prepare(const struct read_filter *filter) {
    const struct read_flow_query query = {
        .session_id = 1, .from_ns = READ_NULL, .to_ns = READ_NULL, .limit = 10, .filter = filter};
    struct flow_sql sql;
    sqlite3_stmt *statement = NULL;
    if (flow_sql_write(&sql, &query) != 0) {
        abort();
    }
    if (sqlite3_prepare_v2(database, sql.text, -1, &statement, NULL) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", sqlite3_errmsg(database), sql.text);
        abort();
    }
    if (sqlite3_bind_parameter_count(statement) != (int)sql.count) {
        abort();
    }
    sqlite3_finalize(statement);
    flow_sql_free(&sql);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct read_filter filter;
    struct error error = {""};
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    int rc = filter_parse(text, &filter, &error);
    if (rc == 0) {
        prepare(&filter);
    } else if (error.text[0] == '\0' || filter.count > READ_FILTER_NODES_MAX) {
        abort();
    }
    free(text);
    return 0;
}
