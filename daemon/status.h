/* The state of a running lab as JSON: what 'nsmon status' shows. */
#pragma once

#include "collector/collector.h"
#include "collector/listen/listen.h"
#include "daemon/stages.h"
#include "daemon/worker.h"

/* What the state is made of; all of it is the worker's. */
struct status_source {
    const struct worker_settings *worker;
    struct store *store;
    struct collector *collector;
    struct listener *const *listeners; /* SOCKET_COUNT; NULL for one that is off */
    const struct stages *stages;
    int64_t started_ns;
    int64_t window_start_ns;
};

/* The JSON text, made by malloc(), or NULL when memory is out.  Documented in docs/status-json.md. */
char *status_json(const struct status_source *source);
