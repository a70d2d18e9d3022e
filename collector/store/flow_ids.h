/* The id of a flow key in the table 'flow', with a cache of fixed size in front of it. */
#pragma once

#include <sqlite3.h>

#include "common/flow_key.h"

struct flow_ids;

/* Prepares the statements on 'database'.  Returns NULL when that fails or memory is out. */
struct flow_ids *flow_ids_create(sqlite3 *database);
void flow_ids_destroy(struct flow_ids *ids);

/* The id of 'key', which is added if it is new; 0 when the database refused. */
int64_t flow_ids_find(struct flow_ids *ids, const struct flow_key *key);

/* Forgets what is cached: to be called when a transaction was rolled back. */
void flow_ids_forget(struct flow_ids *ids);
