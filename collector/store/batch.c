#include "collector/store/batch.h"

#include <stdatomic.h>
#include <stdlib.h>

struct batch_pool {
    struct queue *free;
    atomic_int made;
};

struct batch_pool *batch_pool_create(void) {
    struct batch_pool *pool = calloc(1, sizeof *pool);
    if (pool != NULL) {
        pool->free = queue_create(BATCH_POOL);
        if (pool->free == NULL) {
            free(pool);
            pool = NULL;
        }
    }
    return pool;
}

void batch_pool_destroy(struct batch_pool *pool) {
    if (pool != NULL) {
        for (struct batch *batch; (batch = queue_pop(pool->free, 0)) != NULL;) {
            free(batch);
        }
        queue_destroy(pool->free);
        free(pool);
    }
}

struct batch *batch_take(struct batch_pool *pool, bool wait) {
    struct batch *batch = queue_pop(pool->free, 0);
    if (batch == NULL && atomic_fetch_add(&pool->made, 1) < BATCH_POOL) {
        batch = malloc(sizeof *batch);
    } else if (batch == NULL) {
        atomic_fetch_sub(&pool->made, 1);
        batch = wait ? queue_pop(pool->free, -1) : NULL;
    }
    if (batch != NULL) {
        batch->count = 0;
        batch->sync = 0;
    }
    return batch;
}

void row_release(struct row *row) {
    switch (row->kind) {
    case ROW_SFLOW_SAMPLE:
        free(row->sflow_sample.extra);
        break;
    case ROW_FLOW_RECORD:
        free(row->flow_record.extra);
        break;
    case ROW_COUNTER_SAMPLE:
        free(row->counter_sample.extra);
        break;
    case ROW_EXPORTER:
        free(row->exporter);
        break;
    case ROW_TEMPLATE:
        free(row->template);
        break;
    case ROW_TRAFFIC_RUN:
        free(row->traffic_run);
        break;
    case ROW_TRAFFIC_FLOW:
        free(row->traffic_flow);
        break;
    default:
        break;
    }
}

void batch_return(struct batch_pool *pool, struct batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        row_release(&batch->rows[i]);
    }
    batch->count = 0;
    queue_push(pool->free, batch, false);
}
