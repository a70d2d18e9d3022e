/* Queues of the kernel that slow a path down: a token bucket, netem. */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/tbf.h>
#include <netlink/route/tc.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/process.h"
#include "topo/impair.h"
#include "topo/impairment.h"
#include "topo/link.h"
#include "topo/ovs.h"

#define TC_TIMEOUT_NS (5 * NS_PER_S)
/* The token bucket holds so much of the rate and queues so much more. */
#define BURST_NS (5 * NS_PER_MS)
#define QUEUE_NS (50 * NS_PER_MS)
/* Frames that netem may hold: it drops what is more, and its own default, 1000, is soon reached. */
enum { NETEM_LIMIT = 100000, NETEM_LIMIT_MIN = 20, NETEM_FRAME_BYTES = 1000, FRAME_HEADER_BYTES = 14 };

int impair_tbf_make(struct nl_sock *sock, const char *name, uint64_t rate_bps, unsigned mtu,
                    struct error *error) {
    struct link_info info;
    int code = link_get(sock, name, &info, error);
    struct rtnl_qdisc *qdisc = code == 0 ? rtnl_qdisc_alloc() : NULL;
    if (qdisc == NULL) {
        return code != 0 ? code : error_set(error, -ENOMEM, "no memory to limit the rate at %s", name);
    }
    const uint64_t bytes_s = rate_bps / 8;
    const uint64_t least = 2 * ((uint64_t)mtu + FRAME_HEADER_BYTES);
    uint64_t burst = bytes_s * BURST_NS / NS_PER_S;
    burst = burst > least ? burst : least;
    uint64_t queue = bytes_s * QUEUE_NS / NS_PER_S;
    queue = queue > least ? queue : least;
    struct rtnl_tc *tc = TC_CAST(qdisc);
    rtnl_tc_set_ifindex(tc, (int)info.ifindex);
    rtnl_tc_set_parent(tc, TC_H_ROOT);
    code = rtnl_tc_set_kind(tc, "tbf");
    if (code == 0) {
        rtnl_qdisc_tbf_set_rate(qdisc, (int)bytes_s, (int)burst, 0);
        rtnl_qdisc_tbf_set_limit(qdisc, (int)(burst + queue));
        code = rtnl_qdisc_add(sock, qdisc, NLM_F_CREATE);
    }
    rtnl_qdisc_put(qdisc);
    return code == 0 ? 0
                     : error_set(error, -EIO, "could not limit the rate at %s: %s", name, nl_geterror(code));
}

int impair_queue_read(int netns_fd, const char *name, const char *kind, struct impair_queue_stats *stats,
                      struct error *error) {
    struct nl_sock *sock = NULL;
    struct nl_cache *cache = NULL;
    struct link_info info = {.ifindex = 0};
    *stats = (struct impair_queue_stats){.packets = 0};
    int code = link_socket(netns_fd, &sock, error);
    code = code == 0 ? link_get(sock, name, &info, error) : code;
    if (code == 0) {
        int failure = rtnl_qdisc_alloc_cache(sock, &cache);
        struct rtnl_qdisc *qdisc =
            failure == 0 ? rtnl_qdisc_get_by_parent(cache, (int)info.ifindex, TC_H_ROOT) : NULL;
        const char *found = qdisc != NULL ? rtnl_tc_get_kind(TC_CAST(qdisc)) : NULL;
        if (found == NULL || strcmp(found, kind) != 0) {
            code = error_set(error, -ENOENT, "could not read the queue at %s: %s", name,
                             failure != 0 ? nl_geterror(failure) : "somebody has replaced it");
        } else {
            struct rtnl_tc *tc = TC_CAST(qdisc);
            stats->packets = rtnl_tc_get_stat(tc, RTNL_TC_PACKETS);
            stats->bytes = rtnl_tc_get_stat(tc, RTNL_TC_BYTES);
            stats->dropped = rtnl_tc_get_stat(tc, RTNL_TC_DROPS);
            stats->waiting = rtnl_tc_get_stat(tc, RTNL_TC_QLEN);
        }
        rtnl_qdisc_put(qdisc);
        nl_cache_free(cache);
    }
    link_socket_close(sock);
    return code;
}

/* --- netem --- */

bool impair_netem_fits(const struct topo_impairment *impairment) {
    return impairment->duplicate <= 0.0 && impairment->duplicate_every == 0 && impairment->reorder <= 0.0 &&
           impairment->reorder_every == 0 && impairment->jitter_ns == 0;
}

bool impair_netem_works(int netns_fd) {
    char path[LAB_PATH_SIZE];
    const char *add[] = {path, "qdisc", "add", "dev", "lo", "root", "netem", NULL};
    const char *del[] = {path, "qdisc", "del", "dev", "lo", "root", NULL};
    return ovs_find_program("tc", path, NULL) == 0 &&
           process_run(add, NULL, netns_fd, TC_TIMEOUT_NS, NULL, 0, NULL) == 0 &&
           process_run(del, NULL, netns_fd, TC_TIMEOUT_NS, NULL, 0, NULL) == 0;
}

/* How many frames netem may hold: without a rate as many as ever wait, with one so many as make a queue of
 * 50 ms beside the delay, if they are of 1000 bytes. */
static uint64_t netem_limit(const struct topo_impairment *impairment) {
    if (impairment->rate_bps == 0) {
        return NETEM_LIMIT;
    }
    double seconds = (double)(impairment->delay_ns + QUEUE_NS) / (double)NS_PER_S;
    uint64_t frames = (uint64_t)(seconds * (double)impairment->rate_bps / 8.0 / NETEM_FRAME_BYTES);
    return frames < NETEM_LIMIT_MIN ? NETEM_LIMIT_MIN : frames < NETEM_LIMIT ? frames : NETEM_LIMIT;
}

int impair_netem_make(const struct topo *topo, unsigned host, struct error *error) {
    const struct topo_impairment *impairment = &topo->impairments[host];
    const char *port = topo->ports[host].ovs_tap;
    char path[LAB_PATH_SIZE];
    char limit[24];
    char delay[32];
    char rate[32];
    const char *argv[20] = {path, "qdisc", "replace", "dev", port, "root", "netem", "limit", limit};
    size_t count = 9;
    snprintf(limit, sizeof limit, "%" PRIu64, netem_limit(impairment));
    if (impairment->delay_ns > 0) {
        snprintf(delay, sizeof delay, "%" PRId64 "us", impairment->delay_ns / NS_PER_US);
        argv[count++] = "delay";
        argv[count++] = delay;
    }
    if (impairment->rate_bps > 0) {
        snprintf(rate, sizeof rate, "%" PRIu64 "bit", impairment->rate_bps);
        argv[count++] = "rate";
        argv[count++] = rate;
    }
    int code = ovs_find_program("tc", path, error);
    return code == 0 ? process_run(argv, NULL, topo->netns_fd[TOPO_SWITCH], TC_TIMEOUT_NS, NULL, 0, error)
                     : code;
}
