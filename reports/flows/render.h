/* What the three formats of flows share. */
#pragma once

#include "reports/flows/flows.h"

/* What --by and the formats call 'column'. */
const char *flows_column_name(enum read_column column);

/* The columns that hold numbers to be put to the right. */
bool flows_column_is_number(enum read_column column);

#define FLOWS_CELL_SIZE 64

/* Writes 'value' of 'key': "10.0.0.0/8", "8.0" (ICMP type and code), "ingress", "" for what was not said.
 * Returns 'text'. */
const char *flows_value_text(const struct read_key *key, const struct read_value *value,
                             char text[FLOWS_CELL_SIZE]);

/* How a format writes: 'state' is its own. */
struct flows_renderer {
    int (*begin)(void **state, const struct flows_request *request, FILE *out);
    int (*row)(void *state, const struct read_flow *flow);
    int (*end)(void *state,
               const struct flows_totals *totals); /* frees 'state'; without 'totals' just that */
};

extern const struct flows_renderer flows_text_renderer;
extern const struct flows_renderer flows_json_renderer;
extern const struct flows_renderer flows_csv_renderer;
