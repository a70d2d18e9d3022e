/* Runs a flow query. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/read/flow_sql.h"
#include "collector/store/read/internal.h"

/* ---- functions that the SQL calls ---- */

struct sum {
    int64_t total;
    bool any;
};

/* flow_sum(x): like sum(), but it stops at the largest number where sum() ends the whole query. */
static void sum_step(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    struct sum *sum = sqlite3_aggregate_context(context, sizeof *sum);
    if (sum == NULL || sqlite3_value_type(values[0]) == SQLITE_NULL) {
        return;
    }
    sum->any = true;
    int64_t value = sqlite3_value_int64(values[0]);
    if (__builtin_add_overflow(sum->total, value, &sum->total)) {
        sum->total = value < 0 ? INT64_MIN + 1 : INT64_MAX;
    }
}

static void sum_final(sqlite3_context *context) {
    const struct sum *sum = sqlite3_aggregate_context(context, 0);
    if (sum != NULL && sum->any) {
        sqlite3_result_int64(context, sum->total);
    }
}

/* flow_net(address, bits of IPv4, bits of IPv6): the address with the bits behind cleared; NULL for none. */
static void net(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    uint8_t bytes[16];
    int size = sqlite3_value_bytes(values[0]);
    const void *address = sqlite3_value_blob(values[0]);
    if (address == NULL || (size != 4 && size != 16)) {
        return;
    }
    memcpy(bytes, address, (size_t)size);
    int bits = sqlite3_value_int(values[size == 4 ? 1 : 2]);
    for (int i = 0; i < size; i++) {
        int kept = bits - 8 * i;
        if (kept < 8) {
            bytes[i] &= (uint8_t)(kept <= 0 ? 0 : 0xff << (8 - kept));
        }
    }
    sqlite3_result_blob(context, bytes, size, SQLITE_TRANSIENT);
}

/* 32 MiB of the file are kept in memory: rows lead to flows all over it, and each page that is not there is a
 * call to the kernel. */
#define CACHE_SETTING "PRAGMA cache_size = -32768"

static int prepare_database(struct reader *reader, struct error *error) {
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
    if (sqlite3_exec(reader->database, CACHE_SETTING, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_create_function(reader->database, "flow_sum", 1, flags, NULL, NULL, sum_step, sum_final) !=
            SQLITE_OK ||
        sqlite3_create_function(reader->database, "flow_net", 3, flags, NULL, net, NULL, NULL) != SQLITE_OK) {
        return read_failed(reader, error);
    }
    return 0;
}

/* ---- rows ---- */

static sqlite3_stmt *prepare(struct reader *reader, const struct flow_sql *sql, struct error *error) {
    sqlite3_stmt *row = NULL;
    if (sqlite3_prepare_v2(reader->database, sql->text, -1, &row, NULL) != SQLITE_OK) {
        read_failed(reader, error);
        return NULL;
    }
    for (size_t i = 0; i < sql->count; i++) {
        const struct flow_parameter *parameter = &sql->parameters[i];
        int place = (int)i + 1;
        int rc = parameter->text != NULL ? sqlite3_bind_text(row, place, parameter->text, -1, SQLITE_STATIC)
                 : parameter->size != 0
                     ? sqlite3_bind_blob(row, place, parameter->bytes, parameter->size, SQLITE_STATIC)
                     : sqlite3_bind_int64(row, place, parameter->number);
        if (rc != SQLITE_OK) {
            read_failed(reader, error);
            sqlite3_finalize(row);
            return NULL;
        }
    }
    return row;
}

static void read_value(sqlite3_stmt *row, int column, struct read_value *value) {
    value->kind = READ_VALUE_NULL;
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_INTEGER:
        value->kind = READ_VALUE_NUMBER;
        value->number = sqlite3_column_int64(row, column);
        break;
    case SQLITE_TEXT:
        value->kind = READ_VALUE_TEXT;
        read_text(row, column, value->text, sizeof value->text);
        break;
    case SQLITE_BLOB: {
        int size = sqlite3_column_bytes(row, column);
        if (size == 4 || size == 6 || size == 16) {
            value->kind = READ_VALUE_BYTES;
            value->size = (uint8_t)size;
            memset(value->bytes, 0, sizeof value->bytes);
            memcpy(value->bytes, sqlite3_column_blob(row, column), (size_t)size);
        }
        break;
    }
    default:
        break;
    }
}

static void read_row(sqlite3_stmt *row, size_t key_count, struct read_flow *flow) {
    read_text(row, 0, flow->source, sizeof flow->source);
    read_text(row, 1, flow->layer, sizeof flow->layer);
    flow->flows = read_number_or(row, 2, 0);
    flow->packets = read_number(row, 3);
    flow->bytes = read_number(row, 4);
    flow->first_ns = read_number_or(row, 5, 0);
    flow->last_ns = read_number_or(row, 6, 0);
    for (size_t i = 0; i < key_count; i++) {
        read_value(row, 7 + (int)i, &flow->keys[i]);
    }
}

int reader_each_flow(struct reader *reader, const struct read_flow_query *query, read_flow_fn *fn,
                     void *context, struct error *error) {
    struct flow_sql sql;
    sqlite3_stmt *row = NULL;
    int rc = flow_sql_write(&sql, query);
    if (rc != 0) {
        error_set(error, rc, "reading the database '%s': out of memory", reader->path);
        goto out;
    }
    rc = prepare_database(reader, error);
    if (rc != 0) {
        goto out;
    }
    row = prepare(reader, &sql, error);
    if (row == NULL) {
        rc = -EIO;
        goto out;
    }
    struct read_flow flow;
    while ((rc = read_step(reader, row, error)) > 0) {
        read_row(row, query->key_count, &flow);
        rc = fn(&flow, context);
        if (rc != 0) {
            break;
        }
    }
out:
    sqlite3_finalize(row);
    flow_sql_free(&sql);
    return rc;
}
