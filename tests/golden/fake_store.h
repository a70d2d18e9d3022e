/* A store that keeps its rows in memory, for tests of what comes out of the collector. */
#pragma once

#include <stddef.h>

#include "collector/store/rows.h"
#include "collector/store/store.h"

struct fake_rows {
    struct row *rows;
    size_t count, capacity;
};

/* All rows since fake_store_reset(), in order. */
const struct fake_rows *fake_store_rows(void);

/* How many rows are of 'kind'. */
size_t fake_store_count(enum row_kind kind);

/* The newest exporter row of 'protocol', or NULL. */
const struct exporter_row *fake_store_exporter(const char *protocol);

void fake_store_reset(void);
