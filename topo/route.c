#include "topo/route.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "topo/link.h"
#include "topo/topo.h"

/* The route to 'prefix' over the link 'ifindex', to 'via' (NULL: none).  Returns NULL if it can't be had. */
static struct rtnl_route *describe(const char *prefix, uint32_t ifindex, const char *via) {
    struct nl_addr *to = NULL;
    struct nl_addr *gateway = NULL;
    struct rtnl_route *route = rtnl_route_alloc();
    struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    bool good = route != NULL && hop != NULL && nl_addr_parse(prefix, AF_UNSPEC, &to) == 0 &&
                rtnl_route_set_dst(route, to) == 0 &&
                (via == NULL || nl_addr_parse(via, AF_UNSPEC, &gateway) == 0);
    if (good) {
        rtnl_route_set_family(route, (uint8_t)nl_addr_get_family(to));
        rtnl_route_set_table(route, via == NULL ? RT_TABLE_LOCAL : RT_TABLE_MAIN);
        rtnl_route_set_scope(route, via == NULL ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE);
        rtnl_route_set_type(route, via == NULL ? RTN_LOCAL : RTN_UNICAST);
        rtnl_route_nh_set_ifindex(hop, (int)ifindex);
        if (via != NULL) {
            rtnl_route_nh_set_gateway(hop, gateway);
        }
        rtnl_route_add_nexthop(route, hop); /* owns it from here on */
        hop = NULL;
    }
    nl_addr_put(to);
    nl_addr_put(gateway);
    if (hop != NULL) {
        rtnl_route_nh_free(hop);
    }
    if (!good) {
        rtnl_route_put(route);
        return NULL;
    }
    return route;
}

static int add(struct nl_sock *sock, const char *name, const char *prefix, const char *via,
               struct error *error) {
    struct link_info info;
    int code = link_get(sock, name, &info, error);
    if (code != 0) {
        return code;
    }
    struct rtnl_route *route = describe(prefix, info.ifindex, via);
    if (route == NULL) {
        return error_set(error, -EINVAL, "could not describe the route to %s", prefix);
    }
    code = rtnl_route_add(sock, route, NLM_F_EXCL);
    rtnl_route_put(route);
    return code == 0 ? 0
                     : error_set(error, -EIO, "could not add the route to %s over %s: %s", prefix, name,
                                 nl_geterror(code));
}

int route_add_local(struct nl_sock *sock, const char *prefix, struct error *error) {
    return add(sock, "lo", prefix, NULL, error);
}

int route_add_via(struct nl_sock *sock, const char *name, const char *prefix, const char *via,
                  struct error *error) {
    return add(sock, name, prefix, via, error);
}

static bool write_setting(const char *path, const char *value) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
    if (fd >= 0) {
        close(fd);
    }
    return written;
}

static int prepare_here(void *context) {
    const char *name = context;
    char path[96];
    snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/accept_dad", name);
    if (!write_setting(path, "0")) {
        log_debug("%s can't be written: IPv6 of %s will be silent in its first second", path, name);
    }
    if (!write_setting("/proc/sys/net/ipv6/ip_nonlocal_bind", "1")) {
        log_debug("ip_nonlocal_bind can't be written: sockets need IPV6_FREEBIND for further addresses");
    }
    return 0;
}

int route_prepare_ipv6(int netns_fd, const char *name, struct error *error) {
    char copy[IFNAMSIZ];
    snprintf(copy, sizeof copy, "%s", name);
    return topo_call_in(netns_fd, prepare_here, copy, error);
}
