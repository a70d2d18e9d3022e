#include "daemon/stages.h"

#include <stdio.h>
#include <string.h>

static void write_stage(struct store_appender *appender, const char *stage, unsigned from, unsigned to,
                        int64_t packets, int64_t bytes, const char *source) {
    struct stage_row *row = &store_append(appender, ROW_STAGE)->stage;
    snprintf(row->stage, sizeof row->stage, "%s", stage);
    snprintf(row->direction, sizeof row->direction, "ns%u>ns%u", from, to);
    row->packets = packets;
    row->bytes = bytes;
    snprintf(row->source, sizeof row->source, "%s", source);
}

/* From host 'from' to host 'to'.  What the switch took in is what reached ovs-tap's door less what its packet
 * socket had no room for; the bytes are known only when that is nothing. */
static void write_direction(const struct stages *stages, struct store_appender *appender, unsigned from,
                            unsigned to) {
    const struct topo_port_stats *in = &stages->ports[from];
    const struct topo_port_stats *out = &stages->ports[to];
    if (in->socket_drops_known) {
        int64_t bytes = in->socket_drops == 0 ? store_count(in->rx_bytes) : STORE_NULL;
        write_stage(appender, "switch_in", from, to, store_count(in->rx_packets - in->socket_drops), bytes,
                    "port rx less packet-socket drops");
        write_stage(appender, "switch_in_drop", from, to, store_count(in->socket_drops), STORE_NULL,
                    "packet socket of vswitchd");
    } else {
        write_stage(appender, "switch_in", from, to, store_count(in->rx_packets), store_count(in->rx_bytes),
                    "port rx");
    }
    write_stage(appender, "tap_out_drop", from, to, store_count(in->tap_tx_dropped + in->rx_dropped),
                STORE_NULL, "link between tap and port");
    write_stage(appender, "switch_out", from, to, store_count(out->tx_packets), store_count(out->tx_bytes),
                "port tx");
    write_stage(appender, "switch_out_drop", from, to, store_count(out->tx_dropped), STORE_NULL,
                "link between port and tap");
}

void stages_write(const struct stages *stages, struct store_appender *appender) {
    if (stages->known[1] && stages->known[2]) {
        write_direction(stages, appender, 1, 2);
        write_direction(stages, appender, 2, 1);
    }
}
