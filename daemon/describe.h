/* What a session was told to do, for its row in the database. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "daemon/lab.h"
#include "daemon/worker.h"

/* What is known of the switch. */
struct describe_switch {
    const char *bridge;
    const char *why; /* for people: which switch it is */
    bool kernel_datapath;
    const uint16_t *ports; /* where the collector listens, by enum worker_socket; 0: that exporter is off */
};

/* What the session's truth is taken to be where nobody counted what the switch took in: 'usual', but what was
 * offered in a lab whose switch may not send each frame out once. */
const char *describe_truth_rule(const struct lab_settings *lab, const char *usual);

/* Describes the lab of 'lab' as the JSON object that docs/database.md calls the session's settings.  Returns
 * the text, to be freed by the caller, or NULL when memory is out. */
char *describe_lab(const struct lab_settings *lab, const struct describe_switch *on);

/* 'impairment' as the JSON object of the session's settings, without "to": empty for none, NULL when memory
 * is out. */
json_t *describe_impairment(const struct topo_impairment *impairment);
