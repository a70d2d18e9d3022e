/* The row of a session. */
#pragma once

#include <sqlite3.h>

#include "collector/store/store.h"

/* Begins a session and writes its id.  Returns 0, or a negative errno with 'error' filled, -EEXIST when the
 * label is taken. */
int session_begin(sqlite3 *database, const struct session_settings *settings, int64_t *id,
                  struct error *error);

/* Looks whether a session may be called 'label' (NULL: nothing to look for).  Returns 0, or -EEXIST with
 * 'error' filled. */
int session_check_label(sqlite3 *database, const char *label, struct error *error);

/* Ends as "failed" the sessions of 'kind' and 'prefix' that still run.  Returns 0 or -EIO. */
int session_fail_running(sqlite3 *database, const char *kind, const char *prefix);

/* Ends session 'id'.  Returns 0 or -EIO. */
int session_end(sqlite3 *database, int64_t id, const char *state, int64_t stopped_ns);
