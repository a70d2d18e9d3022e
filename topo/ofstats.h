/* What ovs-ofctl prints of counters, taken apart; no I/O.  ovs-ofctl(8) with "-O OpenFlow15 --no-names". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topo/topo.h"

struct ofstats_port {
    uint32_t number;
    int64_t rx_packets, rx_bytes, tx_packets, tx_bytes; /* -1: not said */
};

/* Calls 'emit' for each port with a number in 'text', the answer to dump-ports; the bridge's own is left out.
 * Returns how many there were. */
size_t ofstats_ports(const char *text, void (*emit)(const struct ofstats_port *port, void *context),
                     void *context);

struct ofstats_rule {
    char text[256];   /* "priority=10,udp,tp_dst=53 actions=drop", cut if it is longer */
    uint32_t in_port; /* 0: any */
    bool drops;       /* nothing in its actions forwards a frame; it may sample or meter it */
    int64_t packets, bytes;
};

/* Calls 'emit' for each rule in 'text', the answer to dump-flows.  Returns how many there were. */
size_t ofstats_rules(const char *text, void (*emit)(const struct ofstats_rule *rule, void *context),
                     void *context);

struct ofstats_band {
    uint32_t meter, band; /* bands are numbered from 0 */
    int64_t packets, bytes;
};

/* Calls 'emit' for each band in 'text', the answer to meter-stats.  Returns how many there were. */
size_t ofstats_bands(const char *text, void (*emit)(const struct ofstats_band *band, void *context),
                     void *context);
