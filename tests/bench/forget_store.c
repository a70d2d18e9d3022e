#include "forget_store.h"

#include <stdlib.h>

static struct row row;
static struct exporter_row exporter;
static struct template_row template;
static uint64_t rows;

static void forget(void) {
    free(row.kind == ROW_SFLOW_SAMPLE     ? row.sflow_sample.extra
         : row.kind == ROW_FLOW_RECORD    ? row.flow_record.extra
         : row.kind == ROW_COUNTER_SAMPLE ? row.counter_sample.extra
                                          : NULL);
    row = (struct row){0};
}

struct row *store_append(struct store_appender *appender, enum row_kind kind) {
    (void)appender;
    forget();
    rows++;
    row.kind = kind;
    if (kind == ROW_EXPORTER) {
        row.exporter = &exporter;
    } else if (kind == ROW_TEMPLATE) {
        row.template = &template;
    }
    return &row;
}

int64_t store_next_id(struct store *store) {
    static int64_t id;
    (void)store;
    return ++id;
}

uint64_t forget_store_rows(void) {
    return rows;
}

void forget_store_end(void) {
    forget();
}
