#include "fake_store.h"

#include <stdlib.h>
#include <string.h>

#include "collector/store/batch.h"

static struct fake_rows kept;
static int64_t next_id;

int64_t store_next_id(struct store *store) {
    (void)store;
    return ++next_id;
}

struct row *store_append(struct store_appender *appender, enum row_kind kind) {
    (void)appender;
    if (kept.count == kept.capacity) {
        kept.capacity = kept.capacity == 0 ? 256 : kept.capacity * 2;
        kept.rows = realloc(kept.rows, kept.capacity * sizeof *kept.rows);
        if (kept.rows == NULL) {
            abort();
        }
    }
    struct row *row = &kept.rows[kept.count++];
    memset(row, 0, sizeof *row);
    row->kind = kind;
    if (kind == ROW_EXPORTER) {
        row->exporter = calloc(1, sizeof *row->exporter);
    } else if (kind == ROW_TEMPLATE) {
        row->template = calloc(1, sizeof *row->template);
    }
    return row;
}

const struct fake_rows *fake_store_rows(void) {
    return &kept;
}

size_t fake_store_count(enum row_kind kind) {
    size_t count = 0;
    for (size_t i = 0; i < kept.count; i++) {
        count += kept.rows[i].kind == kind;
    }
    return count;
}

const struct exporter_row *fake_store_exporter(const char *protocol) {
    for (size_t i = kept.count; i > 0; i--) {
        const struct row *row = &kept.rows[i - 1];
        if (row->kind == ROW_EXPORTER && strcmp(row->exporter->protocol, protocol) == 0) {
            return row->exporter;
        }
    }
    return NULL;
}

void fake_store_reset(void) {
    for (size_t i = 0; i < kept.count; i++) {
        row_release(&kept.rows[i]);
    }
    free(kept.rows);
    kept = (struct fake_rows){0};
    next_id = 0;
}
