/* The state of a running lab or collector as JSON: what 'nsmon status' shows. */
#pragma once

#include "daemon/intake.h"
#include "daemon/rates.h"
#include "daemon/stages.h"
#include "daemon/worker.h"

/* What the state is made of; all of it is the caller's. */
struct status_source {
    const char *kind;  /* lab, collect */
    const char *label; /* or NULL */
    const char *prefix;
    const char *database;
    const char *user;
    const struct intake *intake;
    const struct worker_settings *worker; /* of a lab; else NULL, as the next three are nothing */
    const struct stages *stages;
    const struct rates *rates;
    int64_t window_start_ns;
    int64_t started_ns;
};

/* The JSON text, made by malloc(), or NULL when memory is out.  Documented in docs/status-json.md. */
char *status_json(const struct status_source *source);
