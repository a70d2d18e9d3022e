/* Which file a session is written to, and that the worker's user can write it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "common/privilege.h"

/* Writes the absolute path of the database to 'path': 'wanted', or the default when that is NULL:
 * /var/lib/nsmon/nsmon.db for root, nsmon/nsmon.db under XDG_DATA_HOME (else ~/.local/share) for others.
 * Folders of the default are made; a file that the user named is left as it is.  Returns 0, or a negative
 * errno with 'error' filled. */
int database_locate(const char *wanted, char *path, size_t size, struct error *error);

/* Looks, as 'identity', whether 'path' can be written, and sets '*brokered' if that takes a broker, since
 * only root may write the folder (collector/store/broker.h).  'label' is the session's to be, or NULL.
 * Returns 0, or a negative errno with 'error' filled. */
int database_check(const char *path, const struct identity *identity, const char *label, bool *brokered,
                   struct error *error);

/* Becomes 'identity' for good in a process that is to write 'path', leaving a broker behind if 'brokered'.
 * Returns 0, or a negative errno with 'error' filled. */
int database_drop_root(const char *path, const struct identity *identity, bool brokered, struct error *error);
