/* Writes rows with prepared statements.  Used by the writer's thread alone. */
#pragma once

#include <sqlite3.h>

#include "collector/store/store.h"

struct inserter;

/* Prepares a statement for each kind of row of session 'session_id'.  Returns NULL with 'error' filled. */
struct inserter *inserter_create(sqlite3 *database, int64_t session_id, struct error *error);
void inserter_destroy(struct inserter *inserter);

/* Writes one row.  Returns 0, or -EIO; the database's error message then says why. */
int inserter_write(struct inserter *inserter, const struct row *row);

/* To be called when a transaction was rolled back. */
void inserter_rolled_back(struct inserter *inserter);
