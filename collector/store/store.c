#include "collector/store/store.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/batch.h"
#include "collector/store/insert.h"
#include "collector/store/schema.h"
#include "collector/store/session.h"
#include "collector/store/templates.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/queue.h"

/* A transaction ends after so many rows or so much time, whichever comes first. */
enum { COMMIT_ROWS = 20000 };
#define COMMIT_NS (NS_PER_S / 4)

/* Ids are made without asking the database, also when several processes write to one file: the session's
 * number stands in front. */
enum { SESSION_ID_SHIFT = 32 };

struct store {
    sqlite3 *database;
    struct inserter *inserter;
    struct batch_pool *pool;
    struct queue *queue;
    int64_t session_id;
    char prefix[16];
    bool wait_when_full;
    _Atomic int64_t next_id;
    _Atomic uint64_t dropped_rows;
    pthread_t writer;
    bool writer_runs;
    /* the writer's alone */
    bool in_transaction;
    int64_t transaction_began_ns;
    size_t transaction_rows;
    /* guarded by 'lock' */
    pthread_mutex_t lock;
    pthread_cond_t reached;
    int64_t sync_asked, sync_reached;
    struct error write_error;
};

struct store_appender {
    struct store *store;
    bool waits; /* for room, rather than lose rows */
    struct batch *open;
    struct row scratch; /* where a row goes that nobody will write */
    union {             /* and what it points to */
        struct exporter_row exporter;
        struct template_row template;
        struct traffic_run_row traffic_run;
        struct traffic_flow_row traffic_flow;
    } spare;
};

static void note_error(struct store *store, const char *what) {
    pthread_mutex_lock(&store->lock);
    if (store->write_error.text[0] == '\0') {
        error_set(&store->write_error, 0, "could not write to the database: %s: %s", what,
                  sqlite3_errmsg(store->database));
        log_error("%s", store->write_error.text);
    }
    pthread_mutex_unlock(&store->lock);
}

static void commit(struct store *store) {
    if (!store->in_transaction) {
        return;
    }
    store->in_transaction = false;
    if (sqlite3_exec(store->database, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        note_error(store, "commit");
        sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
        inserter_rolled_back(store->inserter);
        atomic_fetch_add(&store->dropped_rows, store->transaction_rows);
    }
}

static bool begin(struct store *store) {
    if (!store->in_transaction) {
        if (sqlite3_exec(store->database, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
            note_error(store, "begin");
            return false;
        }
        store->in_transaction = true;
        store->transaction_began_ns = clock_monotonic_ns();
        store->transaction_rows = 0;
    }
    return true;
}

/* A row that can't be written is counted; a full disk may have ended the whole transaction, and then all of
 * it is. */
static void write_batch(struct store *store, const struct batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        if (!begin(store)) {
            atomic_fetch_add(&store->dropped_rows, batch->count - i);
            return;
        }
        if (inserter_write(store->inserter, &batch->rows[i]) == 0) {
            store->transaction_rows++;
            continue;
        }
        note_error(store, "insert");
        atomic_fetch_add(&store->dropped_rows, 1);
        if (sqlite3_get_autocommit(store->database)) {
            store->in_transaction = false;
            inserter_rolled_back(store->inserter);
            atomic_fetch_add(&store->dropped_rows, store->transaction_rows);
        }
    }
}

static void *writer_main(void *argument) {
    struct store *store = argument;
    while (!queue_drained(store->queue)) {
        struct batch *batch = queue_pop(store->queue, COMMIT_NS);
        int64_t sync = 0;
        if (batch != NULL) {
            write_batch(store, batch);
            sync = batch->sync;
            batch_return(store->pool, batch);
        }
        if (sync != 0 ||
            (store->in_transaction && (store->transaction_rows >= COMMIT_ROWS ||
                                       clock_monotonic_ns() - store->transaction_began_ns >= COMMIT_NS))) {
            commit(store);
        }
        if (sync != 0) {
            pthread_mutex_lock(&store->lock);
            store->sync_reached = sync;
            pthread_cond_broadcast(&store->reached);
            pthread_mutex_unlock(&store->lock);
        }
    }
    commit(store);
    return NULL;
}

static void free_store(struct store *store) {
    inserter_destroy(store->inserter);
    schema_close(store->database);
    queue_destroy(store->queue);
    batch_pool_destroy(store->pool);
    pthread_cond_destroy(&store->reached);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

struct store *store_open(const char *path, const struct session_settings *settings, struct error *error) {
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        error_set(error, -ENOMEM, "could not open the database '%s': out of memory", path);
        return NULL;
    }
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->reached, NULL);
    store->wait_when_full = settings->wait_when_full;
    snprintf(store->prefix, sizeof store->prefix, "%s", settings->prefix != NULL ? settings->prefix : "");
    store->pool = batch_pool_create();
    store->queue = queue_create(BATCH_POOL);
    int code = store->pool == NULL || store->queue == NULL ? error_set(error, -ENOMEM, "out of memory") : 0;
    code = code == 0 ? schema_open(path, &store->database, error) : code;
    if (code == 0 && strcmp(settings->kind, "import") != 0) {
        /* There is but one lab of a prefix, and one collector. */
        session_fail_running(store->database, settings->kind, settings->prefix);
    }
    code = code == 0 ? session_begin(store->database, settings, &store->session_id, error) : code;
    if (code == 0) {
        atomic_store(&store->next_id, (store->session_id << SESSION_ID_SHIFT) + 1);
        store->inserter = inserter_create(store->database, store->session_id, error);
        code = store->inserter == NULL ? -EIO : 0;
    }
    if (code == 0) {
        code = -pthread_create(&store->writer, NULL, writer_main, store);
        store->writer_runs = code == 0;
        if (code != 0) {
            error_set(error, code, "could not start the database's writer: %s", strerror(-code));
        }
    }
    if (code != 0) {
        free_store(store);
        return NULL;
    }
    return store;
}

int store_close(struct store *store, const char *state, int64_t stopped_ns, struct error *error) {
    if (store == NULL) {
        return 0;
    }
    queue_close(store->queue);
    pthread_join(store->writer, NULL);
    const char *end = store->write_error.text[0] == '\0' ? state : "failed";
    if (session_end(store->database, store->session_id, end, stopped_ns) != 0) {
        note_error(store, "end of session");
    }
    struct error first = store->write_error;
    free_store(store);
    return first.text[0] == '\0' ? 0 : error_set(error, -EIO, "%s", first.text);
}

int store_check(const char *path, const char *label, struct error *error) {
    sqlite3 *database = NULL;
    int code = schema_open(path, &database, error);
    code = code == 0 ? session_check_label(database, label, error) : code;
    schema_close(database);
    return code;
}

int store_fail_sessions(const char *path, const char *prefix, struct error *error) {
    sqlite3 *database = NULL;
    int code = schema_open(path, &database, error);
    if (code == 0 && (session_fail_running(database, "lab", prefix) != 0 ||
                      session_fail_running(database, "attach", prefix) != 0)) {
        code =
            error_set(error, -EIO, "could not end the sessions in '%s': %s", path, sqlite3_errmsg(database));
    }
    schema_close(database);
    return code;
}

int64_t store_carry_templates(struct store *store, int64_t since_ns, store_template_fn *each, void *context,
                              struct error *error) {
    return templates_carry(store->database, store->session_id, store->prefix, since_ns, each, context, error);
}

int64_t store_session_id(const struct store *store) {
    return store->session_id;
}

int64_t store_next_id(struct store *store) {
    return atomic_fetch_add(&store->next_id, 1);
}

int store_sync(struct store *store, struct error *error) {
    struct batch *batch = batch_take(store->pool, true);
    if (batch == NULL) {
        return error_set(error, -ENOMEM, "out of memory");
    }
    pthread_mutex_lock(&store->lock);
    int64_t mark = ++store->sync_asked;
    batch->sync = mark;
    pthread_mutex_unlock(&store->lock);
    if (!queue_push(store->queue, batch, true)) {
        batch_return(store->pool, batch);
        return error_set(error, -EPIPE, "the database is being closed");
    }
    pthread_mutex_lock(&store->lock);
    while (store->sync_reached < mark) {
        pthread_cond_wait(&store->reached, &store->lock);
    }
    struct error first = store->write_error;
    pthread_mutex_unlock(&store->lock);
    return first.text[0] == '\0' ? 0 : error_set(error, -EIO, "%s", first.text);
}

uint64_t store_dropped_rows(const struct store *store) {
    return atomic_load(&store->dropped_rows);
}

void store_write_error(struct store *store, struct error *error) {
    pthread_mutex_lock(&store->lock);
    *error = store->write_error;
    pthread_mutex_unlock(&store->lock);
}

/* Gives 'row', cleared but for its kind, what rows of its kind point to.  Returns false when memory is out.
 */
static bool allocate_payload(struct row *row) {
    switch (row->kind) {
    case ROW_EXPORTER:
        row->exporter = calloc(1, sizeof *row->exporter);
        return row->exporter != NULL;
    case ROW_TEMPLATE:
        row->template = calloc(1, sizeof *row->template);
        return row->template != NULL;
    case ROW_TRAFFIC_RUN:
        row->traffic_run = calloc(1, sizeof *row->traffic_run);
        return row->traffic_run != NULL;
    case ROW_TRAFFIC_FLOW:
        row->traffic_flow = calloc(1, sizeof *row->traffic_flow);
        return row->traffic_flow != NULL;
    default:
        return true;
    }
}

/* Frees what the scratch row points to; the spare payload is not its own. */
static void release_scratch(struct store_appender *appender) {
    struct row *row = &appender->scratch;
    if (row->kind != ROW_EXPORTER && row->kind != ROW_TEMPLATE && row->kind != ROW_TRAFFIC_RUN &&
        row->kind != ROW_TRAFFIC_FLOW) {
        row_release(row);
    }
}

/* A row of 'kind' that will not be written; it is counted. */
static struct row *append_to_nowhere(struct store_appender *appender, enum row_kind kind) {
    struct row *row = &appender->scratch;
    atomic_fetch_add(&appender->store->dropped_rows, 1);
    release_scratch(appender);
    memset(row, 0, sizeof *row);
    memset(&appender->spare, 0, sizeof appender->spare);
    row->kind = kind;
    if (kind == ROW_EXPORTER) {
        row->exporter = &appender->spare.exporter;
    } else if (kind == ROW_TEMPLATE) {
        row->template = &appender->spare.template;
    } else if (kind == ROW_TRAFFIC_RUN) {
        row->traffic_run = &appender->spare.traffic_run;
    } else if (kind == ROW_TRAFFIC_FLOW) {
        row->traffic_flow = &appender->spare.traffic_flow;
    }
    return row;
}

struct row *store_append(struct store_appender *appender, enum row_kind kind) {
    struct store *store = appender->store;
    if (appender->open != NULL && appender->open->count == BATCH_ROWS) {
        store_flush(appender);
    }
    if (appender->open == NULL) {
        appender->open = batch_take(store->pool, appender->waits);
    }
    if (appender->open == NULL) {
        return append_to_nowhere(appender, kind);
    }
    struct row *row = &appender->open->rows[appender->open->count];
    memset(row, 0, sizeof *row);
    row->kind = kind;
    if (!allocate_payload(row)) {
        return append_to_nowhere(appender, kind);
    }
    appender->open->count++;
    return row;
}

void store_flush(struct store_appender *appender) {
    struct batch *batch = appender->open;
    if (batch == NULL || batch->count == 0) {
        return;
    }
    appender->open = NULL;
    if (!queue_push(appender->store->queue, batch, appender->waits)) {
        atomic_fetch_add(&appender->store->dropped_rows, batch->count);
        batch_return(appender->store->pool, batch);
    }
}

struct store_appender *store_appender_create(struct store *store) {
    struct store_appender *appender = calloc(1, sizeof *appender);
    if (appender != NULL) {
        appender->store = store;
        appender->waits = store->wait_when_full;
    }
    return appender;
}

struct store_appender *store_appender_create_waiting(struct store *store) {
    struct store_appender *appender = store_appender_create(store);
    if (appender != NULL) {
        appender->waits = true;
    }
    return appender;
}

void store_appender_destroy(struct store_appender *appender) {
    if (appender != NULL) {
        store_flush(appender);
        release_scratch(appender);
        free(appender);
    }
}
