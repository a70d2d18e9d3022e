/* What the kernel counts at the ports of an attached bridge. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
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

/* Notes that the switch's process has ended.  What came to the ports until the next one opened its sockets,
 * and what the sockets of the old one had lost at its end, nobody has counted: from then on the session does
 * not know what the switch took in. */
static void watch_switch(struct attach *attach) {
    struct pollfd polled = {.fd = attach->switch_pidfd, .events = POLLIN};
    if (!attach->switch_replaced && attach->switch_pidfd >= 0 && poll(&polled, 1, 0) > 0) {
        attach->switch_replaced = true;
        log_warning("the switch of %s, process %d, has ended: what it took in is not known any more",
                    attach->record.bridge, (int)attach->switch_pid);
    }
}

static int look_begin(struct attach *attach, struct look *look, struct error *error) {
    memset(look, 0, sizeof *look);
    int code = link_socket(attach->switch_fd, &look->sock, error);
    /* The kernel's datapath has no such sockets, loses nothing there, and goes on without the process. */
    if (code == 0 && !attach->kernel_datapath && attach->switch_pid > 0) {
        attach_read_drops(attach->switch_fd, attach->switch_pid, &look->drops);
        watch_switch(attach); /* afterwards, so that what was read was of the old one */
    }
    return code;
}

static int read_port(const struct attach *attach, size_t index, const struct look *look,
                     struct reading *reading, struct error *error) {
    const struct attach_port *port = &attach->ports[index];
    memset(reading, 0, sizeof *reading);
    reading->drops_known = !port->internal && !attach->switch_replaced &&
                           attach_find_drops(&look->drops, port->ifindex, &reading->drops);
    return link_get(look->sock, port->name, &reading->link, error);
}

int attach_take_baselines(struct attach *attach, struct error *error) {
    struct look look;
    struct reading reading;
    int code = look_begin(attach, &look, error);
    for (size_t i = 0; code == 0 && i < attach->port_count; i++) {
        if (attach->ports[i].ifindex != 0 && read_port(attach, i, &look, &reading, NULL) == 0) {
            attach->baselines[i] = (struct attach_baseline){
                .link = reading.link, .drops = reading.drops, .drops_known = reading.drops_known};
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
        /* Fewer than before are those of another socket. */
        .socket_drops_known = reading->drops_known && attach->baselines[index].drops_known &&
                              reading->drops >= attach->baselines[index].drops,
    };
    seen.socket_drops = seen.socket_drops_known ? reading->drops - attach->baselines[index].drops : 0;
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

/* 'packets' and 'bytes' may be -1: not known. */
static void emit_one(const char *stage, const char *from, const char *to, int64_t packets, int64_t bytes,
                     const char *source, topo_count_fn *emit, void *context) {
    struct topo_count count = {.packets = packets, .bytes = bytes};
    snprintf(count.stage, sizeof count.stage, "%s", stage);
    snprintf(count.direction, sizeof count.direction, "%.15s>%.15s", from, to);
    snprintf(count.source, sizeof count.source, "%s", source);
    emit(&count, context);
}

/* What came in at a port whose packet socket was known when the session began.  A row is replaced by the next
 * one of its source, so a count that is not known any more is said under the same source. */
static void emit_lossy(const char *name, const struct topo_port_stats *stats, topo_count_fn *emit,
                       void *context) {
    bool known = stats->socket_drops_known;
    emit_one("switch_in", name, "switch", known ? as_count(stats->rx_packets - stats->socket_drops) : -1,
             known && stats->socket_drops == 0 ? as_count(stats->rx_bytes) : -1,
             "port rx less packet-socket drops", emit, context);
    emit_one("switch_in_drop", name, "switch", known ? as_count(stats->socket_drops) : -1, -1,
             "packet socket of vswitchd", emit, context);
}

static void emit_port(const struct attach *attach, size_t index, const struct topo_port_stats *stats,
                      topo_count_fn *emit, void *context) {
    const char *name = attach->ports[index].name;
    if (attach->baselines[index].drops_known) {
        emit_lossy(name, stats, emit, context);
    } else {
        emit_one("switch_in", name, "switch", as_count(stats->rx_packets), as_count(stats->rx_bytes),
                 "port rx", emit, context);
    }
    emit_one("switch_out", "switch", name, as_count(stats->tx_packets), as_count(stats->tx_bytes), "port tx",
             emit, context);
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
            emit_port(attach, i, &stats, emit, context);
        }
        /* A port that its owner has removed is counted no more. */
        first = first == 0 && got != -ENODEV ? got : first;
    }
    link_socket_close(look.sock);
    if (first == 0 && attach->switch_replaced) {
        first = error_set(error, -ESTALE,
                          "the switch's process ended while the session was attached, and what came to its "
                          "ports meanwhile nobody counted");
    }
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
