#include "daemon/stages.h"

#include <stdio.h>

/* Where a row's counts were taken: "ns1>ns2", "ns1>switch", "switch>ns1". */
struct way {
    char in[24];  /* of what the host sends */
    char out[24]; /* of what it gets */
};

static void write_stage(struct store_appender *appender, const char *stage, const char *direction,
                        int64_t packets, int64_t bytes, const char *source) {
    struct stage_row *row = &store_append(appender, ROW_STAGE)->stage;
    snprintf(row->stage, sizeof row->stage, "%s", stage);
    snprintf(row->direction, sizeof row->direction, "%s", direction);
    row->packets = packets;
    row->bytes = bytes;
    snprintf(row->source, sizeof row->source, "%s", source);
}

/* Out of a host and into the switch.  What the switch took in is what reached ovs-tap's door less what its
 * packet socket had no room for; the bytes are known only when that is nothing. */
static void write_in(const struct topo_port_stats *port, const char *direction,
                     struct store_appender *appender) {
    if (port->socket_drops_known) {
        int64_t bytes = port->socket_drops == 0 ? store_count(port->rx_bytes) : STORE_NULL;
        write_stage(appender, "switch_in", direction, store_count(port->rx_packets - port->socket_drops),
                    bytes, "port rx less packet-socket drops");
        write_stage(appender, "switch_in_drop", direction, store_count(port->socket_drops), STORE_NULL,
                    "packet socket of vswitchd");
    } else {
        write_stage(appender, "switch_in", direction, store_count(port->rx_packets),
                    store_count(port->rx_bytes), "port rx");
    }
    write_stage(appender, "tap_out_drop", direction, store_count(port->tap_tx_dropped + port->rx_dropped),
                STORE_NULL, "link between tap and port");
}

/* Out of the switch and to a host. */
static void write_out(const struct topo_port_stats *port, const char *direction,
                      struct store_appender *appender) {
    write_stage(appender, "switch_out", direction, store_count(port->tx_packets), store_count(port->tx_bytes),
                "port tx");
    write_stage(appender, "switch_out_drop", direction, store_count(port->tx_dropped), STORE_NULL,
                "link between port and tap");
}

/* Between two hosts every frame goes from the one to the other; among more only the port is known. */
static struct way way_of(unsigned host, unsigned hosts) {
    struct way way;
    if (hosts == 2) {
        unsigned other = 3 - host;
        snprintf(way.in, sizeof way.in, "ns%u>ns%u", host, other);
        snprintf(way.out, sizeof way.out, "ns%u>ns%u", other, host);
    } else {
        snprintf(way.in, sizeof way.in, "ns%u>switch", host);
        snprintf(way.out, sizeof way.out, "switch>ns%u", host);
    }
    return way;
}

void stages_write(const struct stages *stages, unsigned hosts, struct store_appender *appender) {
    for (unsigned host = 1; host <= hosts; host++) {
        if (!stages->known[host]) {
            return; /* all or none: the supervisor tells them together */
        }
    }
    for (unsigned host = 1; host <= hosts; host++) {
        struct way way = way_of(host, hosts);
        write_in(&stages->ports[host], way.in, appender);
        write_out(&stages->ports[host], way.out, appender);
    }
}
