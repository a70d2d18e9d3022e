/* One test at the server's side, in a process of its own. */
#pragma once

#include <stdatomic.h>

#include "traffic/remote/recv.h"

/* What a test's process shares with the listener. */
struct remote_slot {
    _Atomic int state; /* enum remote_slot_state */
};

enum remote_slot_state {
    REMOTE_SLOT_FREE,
    REMOTE_SLOT_KNOCKING, /* connected, nothing agreed */
    REMOTE_SLOT_TESTING,
};

/* Serves the connected socket 'fd' to its end: 'slots' are all of the listener's, 'count' of them, and 'own'
 * is this process's.  Returns 0 or a negative errno. */
int remote_respond(const struct remote_recv *recv, int fd, int keeper, struct remote_slot *slots,
                   size_t count, size_t own);
