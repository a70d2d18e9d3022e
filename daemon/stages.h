/* The switch's own counts as stages of the ledger. */
#pragma once

#include "collector/store/store.h"
#include "topo/topo.h"

/* What the worker knows of the ports, host by host from 1. */
struct stages {
    struct topo_port_stats ports[TOPO_HOSTS_MAX + 1];
    bool known[TOPO_HOSTS_MAX + 1];
};

/* Appends a row for each stage of the two-host lab that 'stages' can tell: switch_in and switch_out in both
 * directions, and what was dropped on the way (switch_in_drop, tap_out_drop, switch_out_drop). */
void stages_write(const struct stages *stages, struct store_appender *appender);
