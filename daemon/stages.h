/* The switch's own counts as stages of the ledger. */
#pragma once

#include "collector/store/store.h"
#include "topo/topo.h"

/* So many ports can be told of: a lab has fewer, an attached bridge has them where it is captured. */
#define STAGES_PORTS_MAX 16

/* What the worker knows of the ports, host by host from 1. */
struct stages {
    struct topo_port_stats ports[STAGES_PORTS_MAX + 1];
    bool known[STAGES_PORTS_MAX + 1];
};

/* Appends a row for each stage of a lab of 'hosts' hosts that 'stages' can tell, once all of them are known:
 * switch_in and switch_out, and what was dropped on the way (switch_in_drop, tap_out_drop, switch_out_drop).
 * Directions are "ns1>ns2" where there are two hosts; else a port at a time, "ns1>switch" and "switch>ns1".
 */
void stages_write(const struct stages *stages, unsigned hosts, struct store_appender *appender);
