/* Batches of rows, and the pool that they come from and return to: so much memory and no more. */
#pragma once

#include "collector/store/store.h"
#include "common/queue.h"

enum { BATCH_ROWS = 256, BATCH_POOL = 256 };

struct batch {
    size_t count;
    int64_t sync; /* not 0: no rows; the writer commits and says that it has reached this mark */
    struct row rows[BATCH_ROWS];
};

struct batch_pool;

struct batch_pool *batch_pool_create(void);

/* Frees the pool and every batch that has returned to it.  Takes NULL. */
void batch_pool_destroy(struct batch_pool *pool);

/* An empty batch.  NULL when all are in use (with 'wait' it waits for one) or memory is out. */
struct batch *batch_take(struct batch_pool *pool, bool wait);

/* Frees what the rows point to and gives the batch back. */
void batch_return(struct batch_pool *pool, struct batch *batch);

/* Frees what 'row' points to. */
void row_release(struct row *row);
