/* Changes to sessions that are over.  For a database that no writer has to be asked for: SQLite's locks keep
 * them apart. */
#pragma once

#include <stdint.h>

#include "common/error.h"

/* Gives session 'id' of the database 'path' the name 'label', or none when that is "".  Returns 0, or a
 * negative errno with 'error' filled, -EEXIST when another session has it. */
int store_label_session(const char *path, int64_t id, const char *label, struct error *error);

/* Deletes session 'id', which must not be running, with all that was measured, and the flows that no session
 * knows any more.  The file keeps its size; the room is used again.  Returns 0, or a negative errno with
 * 'error' filled, -EBUSY for a running session. */
int store_delete_session(const char *path, int64_t id, struct error *error);
