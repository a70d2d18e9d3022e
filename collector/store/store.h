/* The writing side of the store.
 *
 * Rows are appended to a batch by the thread that makes them; full batches go through a bounded queue to the
 * one thread that writes.  Nothing here knows that the file is SQLite: another store can implement the same
 * calls. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/store/rows.h"
#include "common/error.h"

enum row_kind {
    ROW_EXPORTER, /* insert, or update the row of that id */
    ROW_SFLOW_SAMPLE,
    ROW_FLOW_RECORD,
    ROW_COUNTER_SAMPLE,
    ROW_INTERFACE, /* insert, or fill in */
    ROW_CAPTURE,   /* insert, or update the row of that id */
    ROW_TRUTH,
    ROW_STAGE, /* insert or replace */
    ROW_EXPORTER_HEALTH,
    ROW_COLLECTOR_HEALTH,
    ROW_TEMPLATE,
    ROW_TRAFFIC_RUN,
    ROW_TRAFFIC_FLOW,
    ROW_TRAFFIC_INTERVAL,
    ROW_TRAFFIC_HISTOGRAM,
    ROW_TRAFFIC_RESPONSE_HISTOGRAM,
    ROW_TRAFFIC_CLASS_INTERVAL,
    ROW_TRAFFIC_CLASS_HISTOGRAM,
    ROW_TRAFFIC_STAMP,
    ROW_TRAFFIC_TCP_INTERVAL,
    ROW_TRAFFIC_LOSS,
    ROW_SESSION_WINDOW, /* set the session's window */
    ROW_KIND_COUNT,
};

struct window_row {
    int64_t start_ns, end_ns; /* either may be STORE_NULL, and then stays as it is */
};

/* One row of any table. */
struct row {
    enum row_kind kind;
    union {
        struct exporter_row *exporter; /* the pointers: allocated by store_append(), freed by the store */
        struct sflow_sample_row sflow_sample;
        struct flow_record_row flow_record;
        struct counter_sample_row counter_sample;
        struct interface_row interface;
        struct capture_row capture;
        struct truth_row truth;
        struct stage_row stage;
        struct exporter_health_row exporter_health;
        struct collector_health_row collector_health;
        struct template_row *template;
        struct traffic_run_row *traffic_run;
        struct traffic_flow_row *traffic_flow;
        struct traffic_interval_row traffic_interval;
        struct traffic_histogram_row traffic_histogram;
        struct traffic_stamp_row traffic_stamp;
        struct traffic_tcp_interval_row traffic_tcp_interval;
        struct traffic_loss_row traffic_loss;
        struct window_row window;
    };
};

struct store;

struct session_settings {
    const char *label; /* NULL for none */
    const char *kind;  /* lab, attach, import, collect */
    const char *prefix;
    const char *truth_rule; /* delivered, offered */
    const char *settings;   /* JSON object */
    int64_t started_ns;
    bool wait_when_full; /* an import waits for the writer; a live collector drops and counts */
};

/* Opens the database file 'path', makes or migrates it, begins a session and starts the writer.  Returns NULL
 * with 'error' filled when the file can't be written, is not nsmon's, is newer than this program or is
 * written to by another nsmon. */
struct store *store_open(const char *path, const struct session_settings *settings, struct error *error);

/* Writes everything that was appended, ends the session in 'state' ("stopped", "failed") at 'stopped_ns' and
 * closes the file in journal_mode=DELETE.  Returns 0 or the first write error as a negative errno, with
 * 'error' filled. Takes NULL. */
int store_close(struct store *store, const char *state, int64_t stopped_ns, struct error *error);

/* Looks whether 'path' can be written as a database of nsmon's, and makes it if it is not there; and, unless
 * 'label' is NULL, whether a session may still be called that.  Returns 0, or a negative errno with 'error'
 * filled. */
int store_check(const char *path, const char *label, struct error *error);

/* Ends as "failed" the lab sessions of 'prefix' that 'path' still calls running, since a crash left them so,
 * and leaves the file as store_close() does.  Returns 0, or a negative errno with 'error' filled. */
int store_fail_sessions(const char *path, const char *prefix, struct error *error);

typedef void store_template_fn(const struct template_row *row, void *context);

/* Carries over into this session, before anything is appended, every template that the newest earlier session
 * of a live collector ("collect") of the same prefix had in the end, of exporters that spoke at 'since_ns' or
 * later, and calls 'each' for it; 'recv_ns' of a row is when they last did.  Returns how many there were, or
 * a negative errno with 'error' filled. */
int64_t store_carry_templates(struct store *store, int64_t since_ns, store_template_fn *each, void *context,
                              struct error *error);

int64_t store_session_id(const struct store *store);

/* A new id for an exporter, a capture or a traffic run; safe from any thread. */
int64_t store_next_id(struct store *store);

/* Waits until everything that was appended and flushed before is committed.  Returns 0 or the first write
 * error. */
int store_sync(struct store *store, struct error *error);

/* Rows lost because the queue was full or memory was out, and the first write error so far as text ("" for
 * none). */
uint64_t store_dropped_rows(const struct store *store);
void store_write_error(struct store *store, struct error *error);

/* One thread's open batch. */
struct store_appender;

/* An appender for the calling thread, or NULL when memory is out. */
struct store_appender *store_appender_create(struct store *store);

/* The same, but its rows wait for the writer in any case: for the truth, which must not have gaps of our
 * making.  Whoever appends then falls behind, and where that loses something the kernel counts it. */
struct store_appender *store_appender_create_waiting(struct store *store);

/* Hands over what is in it and frees it.  Takes NULL. */
void store_appender_destroy(struct store_appender *appender);

/* A row to be filled in, of 'kind', all else zero; it is appended by this call.  Never NULL: when nothing can
 * be queued the row goes nowhere and is counted.  Valid until the next call on this appender. */
struct row *store_append(struct store_appender *appender, enum row_kind kind);

/* Hands over what is in the open batch.  To be called at least once a second. */
void store_flush(struct store_appender *appender);
