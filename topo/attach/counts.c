/* What the kernel counts at the ports of an attached bridge. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "topo/attach/internal.h"

struct reading {
    struct link_info link;
    uint64_t drops;
    bool drops_known;
};

/* One look at the ports: a socket for rtnetlink, and what the switch's sockets lost. */
struct look {
    struct nl_sock *sock;
    struct attach_drops drops;
};

static int look_begin(const struct attach *attach, struct look *look, struct error *error) {
    memset(look, 0, sizeof *look);
    int code = link_socket(attach->switch_fd, &look->sock, error);
    /* The kernel's datapath has no such sockets, and loses nothing there. */
    if (code == 0 && !attach->kernel_datapath && attach->switch_pid > 0) {
        attach_read_drops(attach->switch_fd, attach->switch_pid, &look->drops);
    }
    return code;
}

static int read_port(const struct attach *attach, size_t index, const struct look *look,
                     struct reading *reading, struct error *error) {
    const struct attach_port *port = &attach->ports[index];
    memset(reading, 0, sizeof *reading);
    reading->drops_known = !port->internal && attach_find_drops(&look->drops, port->ifindex, &reading->drops);
    return link_get(look->sock, port->name, &reading->link, error);
}

int attach_take_baselines(struct attach *attach, struct error *error) {
    struct look look;
    struct reading reading;
    int code = look_begin(attach, &look, error);
    for (size_t i = 0; code == 0 && i < attach->port_count; i++) {
        if (attach->ports[i].ifindex != 0 && read_port(attach, i, &look, &reading, NULL) == 0) {
            attach->baselines[i] = (struct attach_baseline){.link = reading.link, .drops = reading.drops};
        }
    }
    link_socket_close(look.sock);
    return code;
}

/* The stats of a port as the switch sees it: an internal port's link is the host's end, where what is sent
 * goes into the switch. */
static void fill_stats(const struct attach *attach, size_t index, const struct reading *reading,
                       struct topo_port_stats *stats) {
    const struct link_info *now = &reading->link;
    const struct link_info *then = &attach->baselines[index].link;
    struct topo_port_stats seen = {
        .rx_packets = now->rx_packets - then->rx_packets,
        .rx_bytes = now->rx_bytes - then->rx_bytes,
        .rx_dropped = now->rx_dropped - then->rx_dropped,
        .tx_packets = now->tx_packets - then->tx_packets,
        .tx_bytes = now->tx_bytes - then->tx_bytes,
        .tx_dropped = now->tx_dropped - then->tx_dropped,
        .socket_drops = reading->drops - attach->baselines[index].drops,
        .socket_drops_known = reading->drops_known,
    };
    if (attach->ports[index].internal) {
        *stats = (struct topo_port_stats){.rx_packets = seen.tx_packets,
                                          .rx_bytes = seen.tx_bytes,
                                          .rx_dropped = seen.tx_dropped,
                                          .tx_packets = seen.rx_packets,
                                          .tx_bytes = seen.rx_bytes,
                                          .tx_dropped = seen.rx_dropped};
        return;
    }
    *stats = seen;
}

static int64_t as_count(uint64_t value) {
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static void emit_one(const char *stage, const char *from, const char *to, uint64_t packets, int64_t bytes,
                     const char *source, topo_count_fn *emit, void *context) {
    struct topo_count count = {.packets = as_count(packets), .bytes = bytes};
    snprintf(count.stage, sizeof count.stage, "%s", stage);
    snprintf(count.direction, sizeof count.direction, "%.15s>%.15s", from, to);
    snprintf(count.source, sizeof count.source, "%s", source);
    emit(&count, context);
}

static void emit_port(const char *name, const struct topo_port_stats *stats, topo_count_fn *emit,
                      void *context) {
    bool lossy = stats->socket_drops_known;
    emit_one("switch_in", name, "switch", stats->rx_packets - stats->socket_drops,
             stats->socket_drops == 0 ? as_count(stats->rx_bytes) : -1,
             lossy ? "port rx less packet-socket drops" : "port rx", emit, context);
    if (lossy) {
        emit_one("switch_in_drop", name, "switch", stats->socket_drops, -1, "packet socket of vswitchd", emit,
                 context);
    }
    emit_one("switch_out", "switch", name, stats->tx_packets, as_count(stats->tx_bytes), "port tx", emit,
             context);
}

int attach_each_count(struct attach *attach, topo_count_fn *emit, void *context, struct error *error) {
    struct look look;
    int code = look_begin(attach, &look, error);
    int first = code;
    for (size_t i = 0; code == 0 && i < attach->port_count; i++) {
        struct reading reading;
        struct topo_port_stats stats;
        if (attach->ports[i].ifindex == 0) {
            continue;
        }
        int got = read_port(attach, i, &look, &reading, first == 0 ? error : NULL);
        if (got == 0) {
            fill_stats(attach, i, &reading, &stats);
            emit_port(attach->ports[i].name, &stats, emit, context);
        }
        /* A port that its owner has removed is counted no more. */
        first = first == 0 && got != -ENODEV ? got : first;
    }
    link_socket_close(look.sock);
    return first;
}

int attach_each_point(struct attach *attach, attach_point_fn *emit, void *context, struct error *error) {
    struct look look;
    int code = look_begin(attach, &look, error);
    for (size_t i = 0; code == 0 && i < attach->point_count; i++) {
        struct reading reading;
        struct topo_port_stats stats;
        const struct attach_port *port = attach->points[i].port;
        size_t index = port != NULL ? (size_t)(port - attach->ports) : 0;
        if (port != NULL && port->ifindex != 0 && read_port(attach, index, &look, &reading, NULL) == 0) {
            fill_stats(attach, index, &reading, &stats);
            emit(i, &stats, context);
        }
    }
    link_socket_close(look.sock);
    return code;
}
