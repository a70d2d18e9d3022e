#include "topo/impair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "topo/impairment.h"
#include "topo/link.h"
#include "topo/netns.h"
#include "topo/offload.h"

/* MACs, EtherType and two VLAN tags. */
enum { FRAME_HEADER_BYTES = 14 + 2 * 4 };
/* Nothing under way for so long is nothing under way. */
#define QUIET_NS (20 * NS_PER_MS)
/* Beyond the delay: a queue of 50 ms, frames held back in vain, a busy machine. */
#define DRAIN_LIMIT_NS NS_PER_S

int impair_take(struct topo *topo, const struct topo_settings *settings, struct error *error) {
    for (unsigned host = 1; settings->impairments != NULL && host <= TOPO_HOSTS_MAX; host++) {
        const struct topo_impairment *impairment = &settings->impairments[host];
        if (!topo_impairment_any(impairment)) {
            continue;
        }
        if (host > topo->hosts) {
            return error_set(error, -EINVAL, "the path to ns%u is to be impaired, but the lab has %u hosts",
                             host, topo->hosts);
        }
        int code = topo_impairment_check(impairment, error);
        if (code != 0) {
            return error_prefix(error, code, "the path to ns%u", host);
        }
        topo->impairments[host] = *impairment;
    }
    return 0;
}

void impair_name_all(struct topo *topo) {
    const char *prefix = topo->prefix;
    const char *dash = prefix[0] != '\0' ? "-" : "";
    for (unsigned host = 0; host <= TOPO_HOSTS_MAX; host++) {
        struct lab_path *path = &topo->paths[host];
        snprintf(path->netns, sizeof path->netns, "%s%srelay%u", prefix, dash, host);
        snprintf(path->in, sizeof path->in, "%s%sin%u", prefix, dash, host);
        snprintf(path->out, sizeof path->out, "%s%sout%u", prefix, dash, host);
        path->netns_fd = -1;
        path->relay = relay_none();
    }
}

bool impair_needs_path(const struct topo_impairment *impairment) {
    struct topo_impairment rest = *impairment;
    rest.loss = 0.0;
    rest.loss_every = 0;
    return topo_impairment_any(&rest);
}

int impair_check_names(const struct topo *topo, struct error *error) {
    for (unsigned host = 1; host <= topo->hosts; host++) {
        if (impair_needs_path(&topo->impairments[host]) && netns_exists(topo->paths[host].netns)) {
            return lab_taken(error, "network namespace", topo->paths[host].netns);
        }
    }
    return 0;
}

/* --- the cable --- */

/* Moves 'name' from the host's namespace, 'host_fd', to the relay's, where 'there' acts: a link that has no
 * address, says nothing, and leaves frames as they are. */
static int move_end(const struct topo *topo, const struct lab_path *path, const char *name, int host_fd,
                    struct nl_sock *inside, struct nl_sock *there, struct error *error) {
    char alias[LINK_ALIAS_SIZE];
    snprintf(alias, sizeof alias, "nsmon:%s", topo->tag);
    int code = link_set_alias(inside, name, alias, error);
    code = code == 0 ? offload_disable(host_fd, name, error) : code;
    code = code == 0 ? link_move(inside, name, path->netns_fd, error) : code;
    return code == 0 ? link_no_own_addresses(there, name, error) : code;
}

static int start_relay(struct topo *topo, unsigned host, struct error *error) {
    const struct topo_impairment *impairment = &topo->impairments[host];
    struct lab_path *path = &topo->paths[host];
    const struct relay_settings settings = {
        .duplicate = impairment->duplicate,
        .duplicate_every = impairment->duplicate_every,
        .reorder = impairment->reorder,
        .reorder_every = impairment->reorder_every,
        .reorder_gap = impairment->reorder_gap > 0 ? impairment->reorder_gap : 1,
        .delay_ns = impairment->delay_ns,
        .jitter_ns = impairment->jitter_ns,
        .seed = impairment->seed,
        .limited = impairment->rate_bps != 0,
        .frame_bytes = topo->mtu + FRAME_HEADER_BYTES,
    };
    int code = lab_begin(topo, LAB_RELAY, path->netns, error);
    return code == 0 ? relay_start(&path->relay, &settings, path->netns_fd, path->in, path->out, error)
                     : code;
}

/* Two pairs with the relay between them. */
static int make_relayed(struct topo *topo, unsigned host, struct nl_sock *inside, struct error *error) {
    const struct topo_port *port = &topo->ports[host];
    const uint64_t rate_bps = topo->impairments[host].rate_bps;
    struct lab_path *path = &topo->paths[host];
    struct nl_sock *there = NULL;
    int host_fd = topo->netns_fd[host];
    int code = lab_make_netns(topo, path->netns, &path->netns_fd, error);
    code = code == 0 ? link_socket(path->netns_fd, &there, error) : code;
    code = code == 0 ? link_make_pair(inside, port->tap, path->out, topo->mtu, error) : code;
    code = code == 0 ? link_make_pair(inside, port->ovs_tap, path->in, topo->mtu, error) : code;
    code = code == 0 ? move_end(topo, path, path->out, host_fd, inside, there, error) : code;
    code = code == 0 ? move_end(topo, path, path->in, host_fd, inside, there, error) : code;
    if (code == 0 && rate_bps != 0) {
        code = lab_step(topo, error, "limit the rate at %s", path->out);
        code = code == 0 ? impair_tbf_make(there, path->out, rate_bps, topo->mtu, error) : code;
    }
    code = code == 0 ? start_relay(topo, host, error) : code;
    link_socket_close(there);
    return code;
}

int impair_make_cable(struct topo *topo, unsigned host, struct nl_sock *inside, struct error *error) {
    const struct topo_impairment *impairment = &topo->impairments[host];
    const struct topo_port *port = &topo->ports[host];
    bool needed = impair_needs_path(impairment);
    topo->paths[host].netem =
        needed && impair_netem_fits(impairment) && impair_netem_works(topo->netns_fd[host]);
    if (needed && !topo->paths[host].netem) {
        return make_relayed(topo, host, inside, error);
    }
    return link_make_pair(inside, port->tap, port->ovs_tap, topo->mtu, error);
}

int impair_finish(struct topo *topo, struct error *error) {
    int code = 0;
    for (unsigned host = 1; code == 0 && host <= topo->hosts; host++) {
        const struct topo_impairment *impairment = &topo->impairments[host];
        if (impairment->loss > 0.0 || impairment->loss_every != 0) {
            code = lab_step(topo, error, "drop frames at %s", topo->ports[host].tap);
            code = code == 0 ? impair_loss_make(topo, host, error) : code;
        }
        if (code == 0 && topo->paths[host].netem) {
            code = lab_step(topo, error, "delay frames at %s", topo->ports[host].ovs_tap);
            code = code == 0 ? impair_netem_make(topo, host, error) : code;
        }
    }
    return code;
}

int impair_links_up(struct topo *topo, struct error *error) {
    int code = 0;
    for (unsigned host = 1; code == 0 && host <= topo->hosts; host++) {
        const struct lab_path *path = &topo->paths[host];
        struct nl_sock *there = NULL;
        if (path->netns_fd >= 0) {
            code = lab_step(topo, error, "bring up %s and %s", path->in, path->out);
            code = code == 0 ? link_socket(path->netns_fd, &there, error) : code;
            code = code == 0 ? link_set_up(there, path->in, true, error) : code;
            code = code == 0 ? link_set_up(there, path->out, true, error) : code;
            link_socket_close(there);
        }
    }
    return code;
}

bool impair_has_carrier(const struct topo *topo, unsigned host) {
    const struct lab_path *path = &topo->paths[host];
    struct nl_sock *there = NULL;
    struct link_info in;
    struct link_info out;
    if (path->netns_fd < 0) {
        return true;
    }
    bool carrier = link_socket(path->netns_fd, &there, NULL) == 0 &&
                   link_get(there, path->in, &in, NULL) == 0 && in.carrier &&
                   link_get(there, path->out, &out, NULL) == 0 && out.carrier;
    link_socket_close(there);
    return carrier;
}

bool impair_relay_gone(struct topo *topo, unsigned host) {
    struct lab_path *path = &topo->paths[host];
    bool gone = relay_gone(&path->relay);
    if (gone && !path->gone_told) {
        path->gone_told = true;
        log_warning("the relay between %s and %s has ended: no frame gets to ns%u or comes from there any "
                    "more; stop the lab and start it anew",
                    topo->ports[host].ovs_tap, topo->ports[host].tap, host);
    }
    return gone;
}

/* --- the end --- */

/* Frames that are under way to 'host', and a number that changes when one moves. */
static uint64_t under_way(const struct topo *topo, unsigned host, uint64_t *moved) {
    const struct lab_path *path = &topo->paths[host];
    struct impair_queue_stats stats = {.waiting = 0};
    uint64_t count = 0;
    if (path->relay.counts != NULL && path->relay.pid > 0 && !relay_gone(&path->relay)) {
        count += atomic_load(&path->relay.counts->queued);
        *moved += atomic_load(&path->relay.counts->in.packets);
        if (topo->impairments[host].rate_bps != 0 &&
            impair_queue_read(path->netns_fd, path->out, "tbf", &stats, NULL) == 0) {
            count += stats.waiting;
        }
    } else if (path->netem && impair_queue_read(topo->netns_fd[TOPO_SWITCH], topo->ports[host].ovs_tap,
                                                "netem", &stats, NULL) == 0) {
        count += stats.waiting;
        *moved += stats.packets;
    }
    return count;
}

void impair_drain(struct topo *topo) {
    int64_t limit_ns = 0;
    for (unsigned host = 1; host <= topo->hosts; host++) {
        topo->paths[host].gone_told = false;
        impair_relay_gone(topo, host);
        const struct topo_impairment *impairment = &topo->impairments[host];
        int64_t longest_ns = impairment->delay_ns + impairment->jitter_ns + DRAIN_LIMIT_NS;
        limit_ns = impair_needs_path(impairment) && longest_ns > limit_ns ? longest_ns : limit_ns;
    }
    int64_t now_ns = clock_monotonic_ns();
    int64_t quiet_ns = now_ns;
    uint64_t before = 0;
    for (int64_t end_ns = now_ns + limit_ns; now_ns < end_ns; now_ns = clock_monotonic_ns()) {
        uint64_t moved = 0;
        uint64_t count = 0;
        for (unsigned host = 1; host <= topo->hosts; host++) {
            count += under_way(topo, host, &moved);
        }
        quiet_ns = count > 0 || moved != before ? now_ns : quiet_ns;
        before = moved;
        if (now_ns - quiet_ns >= QUIET_NS) {
            return;
        }
        clock_sleep_ns(2 * NS_PER_MS);
    }
}

void impair_release(struct topo *topo) {
    for (unsigned host = 0; host <= TOPO_HOSTS_MAX; host++) {
        struct lab_path *path = &topo->paths[host];
        relay_release(&path->relay);
        if (path->netns_fd >= 0) {
            close(path->netns_fd);
            path->netns_fd = -1;
        }
    }
}
