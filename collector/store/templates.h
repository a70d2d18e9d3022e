/* Reading back the templates that an earlier session kept. */
#pragma once

#include <sqlite3.h>

#include "collector/store/store.h"

/* Gives session 'session' the templates of the newest session of 'prefix' (NULL: of none) that collected live
 * before it, and calls 'each' for all that it has then.  Left out are those that were withdrawn, and those
 * whose exporter did not speak at 'since_ns' or later; 'recv_ns' of a row is when it last did.  Returns how
 * many there were, or a negative errno with 'error' filled. */
int64_t templates_carry(sqlite3 *database, int64_t session, const char *prefix, int64_t since_ns,
                        store_template_fn *each, void *context, struct error *error);
