/* Who a process that needs no privilege runs as. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/error.h"

struct identity {
    uid_t uid;
    gid_t gid;
    char name[64];
};

/* Finds the unprivileged user: the one behind sudo (SUDO_UID, unless that is root), else "nsmon", else
 * "nobody". Returns 0, or -ENOENT with 'error' filled. */
int privilege_find_user(struct identity *identity, struct error *error);

/* True if 'path' is a folder that only root can change, being root: nobody can put a link or a file of his
 * own there. */
bool privilege_owns_folder(const char *path);

/* Becomes 'identity' for good: no supplementary groups, no capabilities, no way back (PR_SET_NO_NEW_PRIVS).
 * For a process that isn't root it only sets the latter.  Returns 0 or a negative errno with 'error' filled.
 */
int privilege_drop(const struct identity *identity, struct error *error);
