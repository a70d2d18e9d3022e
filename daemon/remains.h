/* What a lab that ended badly leaves in its database: sessions that say they still run. */
#pragma once

#include <stdbool.h>

#include "daemon/run_dir.h"

/* Notes in 'dir' which database the lab writes to. */
void remains_note_database(const struct run_dir *dir, const char *database);

/* True if such a note is there: the lab runs, or has not ended well. */
bool remains_noted(const struct run_dir *dir);

/* Ends as "failed" the sessions of 'prefix' in the noted database, as the user whom the worker was, and
 * removes the note.
 */
void remains_close_sessions(const struct run_dir *dir, const char *prefix);
