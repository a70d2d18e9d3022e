/* What labs left behind, found by its tags alone, where no record says what there is. */
#pragma once

#include <stdbool.h>

#include "common/error.h"
#include "topo/topo.h"

/* Asked of each session whose tag is found.  Returns true to leave it all alone, because that lab lives. */
typedef bool sweep_spare_fn(const char *tag, void *context);

struct sweep {
    sweep_spare_fn *spare;      /* or NULL: nothing lives */
    topo_progress_fn *progress; /* told of each thing that goes; what it returns is not heeded; or NULL */
    void *context;              /* of both */
    unsigned removed;           /* how many things went */
    bool bridges_unseen;        /* there may be bridges that nobody could look at */
};

/* Removes, of every session that 'sweep' does not spare: bridges of the system's Open vSwitch that carry
 * external_ids:nsmon; veth links whose alias is "nsmon:TAG"; and network namespaces whose lo has such an
 * alias, with or without a name, with the private switch's daemons and nsmon's own processes in them. Nothing
 * else: a process of somebody else in such a namespace goes on, which is logged as a warning.
 *
 * Where the system's Open vSwitch does not answer, but has left its socket, or its database speaks of nsmon,
 * 'bridges_unseen' is set.
 *
 * It goes on over failures and then returns the first, with 'error' filled; or 0.  Needs root. */
int sweep_all(struct sweep *sweep, struct error *error);

/* Ends the daemons of the private switch of 'run_dir', if they run, and removes RUN_DIR/ovs with the files in
 * it. Returns 0 or a negative errno with 'error' filled. */
int sweep_run_dir(const char *run_dir, struct error *error);
