#include "topo/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "topo/impair.h"
#include "topo/link.h"
#include "topo/offload.h"
#include "topo/route.h"

#define ROUTE_TEXT_SIZE (IP_TEXT_SIZE + 4)

/* The pair is born in the host's namespace, where no name can clash, and is dressed before it is seen
 * elsewhere. */
static int make_pair(struct topo *topo, struct topo_port *port, struct nl_sock *inside, int host_fd,
                     struct error *error) {
    char alias[LINK_ALIAS_SIZE];
    char ipv4[sizeof port->ipv4 + 4];
    char ipv6[sizeof port->ipv6 + 4];
    snprintf(alias, sizeof alias, "nsmon:%s", topo->tag);
    snprintf(ipv4, sizeof ipv4, "%s/24", port->ipv4);
    snprintf(ipv6, sizeof ipv6, "%s/64", port->ipv6);
    int code = impair_make_cable(topo, (unsigned)(port - topo->ports), inside, error);
    code = code == 0 ? link_set_alias(inside, port->tap, alias, error) : code;
    code = code == 0 ? link_set_alias(inside, port->ovs_tap, alias, error) : code;
    code = code == 0 ? lab_step(topo, error, "turn offloads off at %s", port->tap) : code;
    code = code == 0 ? offload_disable(host_fd, port->tap, error) : code;
    code = code == 0 ? offload_disable(host_fd, port->ovs_tap, error) : code;
    code = code == 0 ? link_add_address(inside, port->tap, ipv4, error) : code;
    if (code == 0 && link_allow_ipv6(host_fd, port->tap, error) == -EAFNOSUPPORT) {
        log_warning("this kernel does without IPv6, and so does the lab");
        port->ipv6[0] = '\0';
        return 0;
    }
    return code == 0 ? link_add_address(inside, port->tap, ipv6, error) : code;
}

/* Moves the switch's end to where the switch is and brings the host's end up. */
static int place_pair(struct topo *topo, struct topo_port *port, struct nl_sock *inside,
                      struct nl_sock *outside, struct error *error) {
    struct link_info info = {.ifindex = 0};
    int code = lab_step(topo, error, "move %s", port->ovs_tap);
    code = code == 0 ? link_move(inside, port->ovs_tap, topo->netns_fd[TOPO_SWITCH], error) : code;
    code = code == -EEXIST ? lab_taken(error, "link", port->ovs_tap) : code;
    code = code == 0 ? link_no_own_addresses(outside, port->ovs_tap, error) : code;
    code = code == 0 ? link_get(outside, port->ovs_tap, &info, error) : code;
    port->ifindex = info.ifindex;
    code = code == 0 ? link_set_up(inside, port->tap, true, error) : code;
    code = code == 0 ? link_get(inside, port->tap, &info, error) : code;
    if (code == 0) {
        port->tap_ifindex = info.ifindex;
        memcpy(port->tap_mac, info.mac, sizeof port->tap_mac);
    }
    return code;
}

/* "ADDRESS/BITS", into 'text'. */
static const char *prefix_text(const struct ip_address *address, int bits, char text[ROUTE_TEXT_SIZE]) {
    char plain[IP_TEXT_SIZE];
    snprintf(text, ROUTE_TEXT_SIZE, "%s/%d", ip_address_format(address, plain), bits);
    return text;
}

/* The further addresses: this host's own by a local route, every other host's by way of its tap, which need
 * not be there yet. */
static int make_routes(struct topo *topo, unsigned host, struct nl_sock *inside, struct error *error) {
    const struct topo_port *port = &topo->ports[host];
    bool has_ipv6 = port->ipv6[0] != '\0';
    int code = lab_step(topo, error, "%u addresses at %s", topo->addresses, port->tap);
    code = code == 0 && has_ipv6 ? route_prepare_ipv6(topo->netns_fd[host], port->tap, error) : code;
    for (unsigned other = 1; code == 0 && other <= topo->hosts; other++) {
        struct ip_address ipv4;
        struct ip_address ipv6;
        char text4[ROUTE_TEXT_SIZE];
        char text6[ROUTE_TEXT_SIZE];
        topo_host_prefix(other, &ipv4, &ipv6);
        prefix_text(&ipv4, TOPO_PREFIX_BITS_V4, text4);
        prefix_text(&ipv6, TOPO_PREFIX_BITS_V6, text6);
        if (other == host) {
            code = route_add_local(inside, text4, error);
            code = code == 0 && has_ipv6 ? route_add_local(inside, text6, error) : code;
        } else {
            code = route_add_via(inside, port->tap, text4, topo->ports[other].ipv4, error);
            code = code == 0 && has_ipv6
                       ? route_add_via(inside, port->tap, text6, topo->ports[other].ipv6, error)
                       : code;
        }
    }
    return code;
}

int host_make(struct topo *topo, unsigned host, struct error *error) {
    struct topo_port *port = &topo->ports[host];
    struct nl_sock *inside = NULL;
    struct nl_sock *outside = NULL;
    char number[12];
    snprintf(number, sizeof number, "%u", host);
    int code = lab_make_netns(topo, port->netns, &topo->netns_fd[host], error);
    code = code == 0 ? lab_begin(topo, LAB_LINK, number, error) : code;
    code = code == 0 ? link_socket(topo->netns_fd[host], &inside, error) : code;
    code = code == 0 ? link_socket(topo->netns_fd[TOPO_SWITCH], &outside, error) : code;
    code = code == 0 ? make_pair(topo, port, inside, topo->netns_fd[host], error) : code;
    code = code == 0 ? place_pair(topo, port, inside, outside, error) : code;
    code = code == 0 && topo->addresses > 1 ? make_routes(topo, host, inside, error) : code;
    link_socket_close(inside);
    link_socket_close(outside);
    return code;
}

int host_hold(struct topo *topo, unsigned host, bool hold, struct error *error) {
    const char *tap = topo->ports[host].tap;
    struct nl_sock *sock = NULL;
    struct link_info before;
    struct link_info after;
    int code = link_socket(topo->netns_fd[host], &sock, error);
    bool known = code == 0 && link_get(sock, tap, &before, NULL) == 0;
    code = code == 0 ? link_blackhole(sock, tap, hold, error) : code;
    /* While one queue takes another's place the kernel's own, which drops everything, stands there; it counts
     * as the link's (net/sched/sch_generic.c, noop_enqueue). */
    if (known && link_get(sock, tap, &after, NULL) == 0) {
        topo->tap_tx_dropped[host] += after.tx_dropped - before.tx_dropped;
    }
    link_socket_close(sock);
    return code;
}
