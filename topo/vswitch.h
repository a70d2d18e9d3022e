/* The private Open vSwitch: an ovsdb-server and an ovs-vswitchd of our own, all of whose files lie in
 * RUN_DIR/ovs. */
#pragma once

#include <sys/types.h>

#include "common/error.h"
#include "topo/lab.h"

/* Starts both daemons in the switch's namespace.  They live on when this process ends, and hold none of its
 * descriptors.  Returns 0 or a negative errno with 'error' filled. */
int vswitch_start(struct topo *topo, struct error *error);

/* The process of the private switch's 'daemon' ("ovs-vswitchd"), or 0 if it does not run.  Known by its name
 * and by the run directory in its arguments, so another's is never taken for it. */
pid_t vswitch_pid(const char *run_dir, const char *daemon);

/* Has the switch of 'topo', private or the system's, count all that its datapath has forwarded so far: it
 * waits for two rounds of its revalidators (ovs-vswitchd(8), revalidator/wait).  Returns 0 or a negative
 * errno with 'error' filled. */
int vswitch_settle(const struct topo *topo, struct error *error);

/* Ends the private switch's 'daemon', cleanly if it listens, by signals otherwise, and waits for its end.
 * Returns 0, also if it does not run, or a negative errno with 'error' filled. */
int vswitch_stop(const char *run_dir, const char *daemon, struct error *error);

/* Removes RUN_DIR/ovs with the files in it.  Returns 0 or a negative errno with 'error' filled. */
int vswitch_remove_files(const char *run_dir, struct error *error);
