/* A host: its namespace, its pair of links to the switch, its addresses. */
#pragma once

#include "common/error.h"
#include "topo/lab.h"

/* Makes the host number 'host' of 'topo', under the record: at the end tapN is up and ovs-tapN is in the
 * switch's namespace, down.  Returns 0 or a negative errno with 'error' filled. */
int host_make(struct topo *topo, unsigned host, struct error *error);

/* Keeps 'host' from sending, or, with 'hold' false, lets it send again.  What is dropped while the tap's
 * queue is exchanged counts as never sent: no capture saw it.  Returns 0 or a negative errno with 'error'
 * filled. */
int host_hold(struct topo *topo, unsigned host, bool hold, struct error *error);
