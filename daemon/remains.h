/* What a lab that ended badly leaves in its database: sessions that say they still run. */
#pragma once

#include <stdbool.h>

#include "daemon/run_dir.h"

/* Notes in 'dir' which database the lab writes to. */
void remains_note_database(const struct run_dir *dir, const char *database);

/* True if such a note is there: the lab runs, or has not ended well. */
bool remains_noted(const struct run_dir *dir);

/* What the log of a supervisor says in the end that had to take its session down by itself, into 'text' of
 * 'size' bytes.  Returns false, and "", if there is no such log.  Needs no root. */
bool remains_last_words(const struct run_dir *dir, char *text, size_t size);

/* What such last words begin with. */
#define REMAINS_LAST_WORDS "the worker ended on its own"

/* Ends as "failed" the sessions of 'prefix' in the noted database, as the user whom the worker was, and
 * removes the note.
 */
void remains_close_sessions(const struct run_dir *dir, const char *prefix);
