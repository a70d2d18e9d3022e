#include "topo/link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/link/veth.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "topo/topo.h"

/* libnl's error 'code' as a negative errno. */
static int link_errno(int code) {
    switch (-code) {
    case NLE_EXIST:
        return -EEXIST;
    case NLE_NODEV:
    case NLE_OBJ_NOTFOUND:
        return -ENODEV;
    case NLE_NOMEM:
        return -ENOMEM;
    case NLE_PERM:
    case NLE_NOACCESS:
        return -EPERM;
    case NLE_OPNOTSUPP:
        return -EOPNOTSUPP;
    case NLE_BUSY:
        return -EBUSY;
    default:
        return -EIO;
    }
}

static int link_fail(struct error *error, int code, const char *what, const char *name) {
    return error_set(error, link_errno(code), "could not %s %s: %s", what, name, nl_geterror(code));
}

struct connecting {
    struct nl_sock *sock;
    int code;
};

static int connect_here(void *context) {
    struct connecting *connecting = context;
    connecting->code = nl_connect(connecting->sock, NETLINK_ROUTE);
    return 0;
}

int link_socket(int netns_fd, struct nl_sock **sock, struct error *error) {
    struct connecting connecting = {.sock = nl_socket_alloc()};
    *sock = NULL;
    if (connecting.sock == NULL) {
        return error_set(error, -ENOMEM, "no memory for a netlink socket");
    }
    int code =
        netns_fd < 0 ? connect_here(&connecting) : topo_call_in(netns_fd, connect_here, &connecting, error);
    if (code == 0 && connecting.code < 0) {
        code = link_fail(error, connecting.code, "open", "a netlink socket");
    }
    if (code != 0) {
        nl_socket_free(connecting.sock);
        return code;
    }
    *sock = connecting.sock;
    return 0;
}

void link_socket_close(struct nl_sock *sock) {
    nl_socket_free(sock);
}

static void read_stats(struct rtnl_link *link, struct link_info *info) {
    info->rx_packets = rtnl_link_get_stat(link, RTNL_LINK_RX_PACKETS);
    info->rx_bytes = rtnl_link_get_stat(link, RTNL_LINK_RX_BYTES);
    info->rx_dropped = rtnl_link_get_stat(link, RTNL_LINK_RX_DROPPED);
    info->tx_packets = rtnl_link_get_stat(link, RTNL_LINK_TX_PACKETS);
    info->tx_bytes = rtnl_link_get_stat(link, RTNL_LINK_TX_BYTES);
    info->tx_dropped = rtnl_link_get_stat(link, RTNL_LINK_TX_DROPPED);
}

int link_get(struct nl_sock *sock, const char *name, struct link_info *info, struct error *error) {
    struct rtnl_link *link = NULL;
    memset(info, 0, sizeof *info);
    int code = rtnl_link_get_kernel(sock, 0, name, &link);
    if (code < 0) {
        return link_fail(error, code, "look at the link", name);
    }
    struct nl_addr *mac = rtnl_link_get_addr(link);
    if (mac != NULL && nl_addr_get_len(mac) == sizeof info->mac) {
        memcpy(info->mac, nl_addr_get_binary_addr(mac), sizeof info->mac);
    }
    const char *alias = rtnl_link_get_ifalias(link);
    snprintf(info->alias, sizeof info->alias, "%s", alias != NULL ? alias : "");
    info->ifindex = (uint32_t)rtnl_link_get_ifindex(link);
    info->peer_ifindex = (uint32_t)rtnl_link_get_link(link);
    info->up = (rtnl_link_get_flags(link) & IFF_UP) != 0;
    /* The kernel's watcher of links sets the state and starts the queue together, some time after the
     * carrier. */
    info->carrier = rtnl_link_get_carrier(link) != 0 && rtnl_link_get_operstate(link) == IF_OPER_UP;
    read_stats(link, info);
    rtnl_link_put(link);
    return 0;
}

int link_make_pair(struct nl_sock *sock, const char *name, const char *peer, unsigned mtu,
                   struct error *error) {
    struct rtnl_link *link = rtnl_link_veth_alloc();
    if (link == NULL) {
        return error_set(error, -ENOMEM, "no memory to make the links %s and %s", name, peer);
    }
    rtnl_link_set_name(link, name);
    struct rtnl_link *other = rtnl_link_veth_get_peer(link);
    rtnl_link_set_name(other, peer);
    rtnl_link_set_mtu(link, mtu);
    rtnl_link_set_mtu(other, mtu);
    rtnl_link_put(other);
    int code = rtnl_link_add(sock, link, NLM_F_CREATE | NLM_F_EXCL);
    rtnl_link_veth_release(link);
    if (code == -NLE_EXIST) {
        return error_set(error, -EEXIST,
                         "could not make the links %s and %s: the name is taken; use --prefix", name, peer);
    }
    return code < 0 ? link_fail(error, code, "make the veth pair", name) : 0;
}

/* Asks the kernel for the changes to 'name' that 'change' holds, and releases 'change'. */
static int link_change(struct nl_sock *sock, const char *name, struct rtnl_link *change, const char *what,
                       struct error *error) {
    struct rtnl_link *link = NULL;
    if (change == NULL) {
        return error_set(error, -ENOMEM, "no memory to %s %s", what, name);
    }
    int code = rtnl_link_get_kernel(sock, 0, name, &link);
    code = code < 0 ? code : rtnl_link_change(sock, link, change, 0);
    rtnl_link_put(link);
    rtnl_link_put(change);
    return code < 0 ? link_fail(error, code, what, name) : 0;
}

int link_set_alias(struct nl_sock *sock, const char *name, const char *alias, struct error *error) {
    struct rtnl_link *change = rtnl_link_alloc();
    if (change != NULL) {
        rtnl_link_set_ifalias(change, alias);
    }
    return link_change(sock, name, change, "set the alias of the link", error);
}

int link_set_up(struct nl_sock *sock, const char *name, bool up, struct error *error) {
    struct rtnl_link *change = rtnl_link_alloc();
    if (change != NULL && up) {
        rtnl_link_set_flags(change, IFF_UP);
    } else if (change != NULL) {
        rtnl_link_unset_flags(change, IFF_UP);
    }
    return link_change(sock, name, change, up ? "bring up the link" : "take down the link", error);
}

int link_no_own_addresses(struct nl_sock *sock, const char *name, struct error *error) {
    struct rtnl_link *change = rtnl_link_alloc();
    if (change != NULL) {
        rtnl_link_inet6_set_addr_gen_mode(change, IN6_ADDR_GEN_MODE_NONE);
    }
    return link_change(sock, name, change, "set the IPv6 address mode of the link", error);
}

int link_move(struct nl_sock *sock, const char *name, int netns_fd, struct error *error) {
    struct rtnl_link *change = rtnl_link_alloc();
    if (change != NULL) {
        rtnl_link_set_ns_fd(change, netns_fd);
    }
    return link_change(sock, name, change, "move to the switch's namespace the link", error);
}

int link_add_address(struct nl_sock *sock, const char *name, const char *address, struct error *error) {
    struct nl_addr *local = NULL;
    struct link_info info;
    int code = link_get(sock, name, &info, error);
    if (code != 0) {
        return code;
    }
    struct rtnl_addr *entry = rtnl_addr_alloc();
    code = entry == NULL ? -NLE_NOMEM : nl_addr_parse(address, AF_UNSPEC, &local);
    if (code == 0) {
        rtnl_addr_set_ifindex(entry, (int)info.ifindex);
        rtnl_addr_set_flags(entry, IFA_F_NODAD);
        code = rtnl_addr_set_local(entry, local);
    }
    code = code == 0 ? rtnl_addr_add(sock, entry, 0) : code;
    nl_addr_put(local);
    rtnl_addr_put(entry);
    if (code < 0) {
        return error_set(error, link_errno(code), "could not give %s the address %s: %s", name, address,
                         nl_geterror(code));
    }
    return 0;
}

static int enable_ipv6(void *context) {
    const char *name = context;
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        /* Where /proc/sys can't be written, as in a container, the address will show how things stand. */
        return errno == ENOENT ? -EAFNOSUPPORT : 0;
    }
    ssize_t written = write(fd, "0", 1);
    close(fd);
    return written == 1 ? 0 : -EAFNOSUPPORT;
}

int link_allow_ipv6(int netns_fd, const char *name, struct error *error) {
    char copy[IFNAMSIZ];
    snprintf(copy, sizeof copy, "%s", name);
    return topo_call_in(netns_fd, enable_ipv6, copy, error);
}

int link_blackhole(struct nl_sock *sock, const char *name, bool on, struct error *error) {
    struct link_info info;
    int code = link_get(sock, name, &info, error);
    if (code != 0) {
        return code;
    }
    /* By hand: rtnl_qdisc_add() of libnl 3.7 aborts on a kind that it knows but that has no options. */
    struct tcmsg queueing = {
        .tcm_family = AF_UNSPEC, .tcm_ifindex = (int)info.ifindex, .tcm_parent = TC_H_ROOT};
    struct nl_msg *message = on ? nlmsg_alloc_simple(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE)
                                : nlmsg_alloc_simple(RTM_DELQDISC, 0);
    code = message == NULL ? -NLE_NOMEM : nlmsg_append(message, &queueing, sizeof queueing, NLMSG_ALIGNTO);
    code = code == 0 ? nla_put_string(message, TCA_KIND, "blackhole") : code;
    if (code == 0) {
        code = nl_send_sync(sock, message); /* frees it */
    } else {
        nlmsg_free(message);
    }
    return code < 0 ? link_fail(error, code, on ? "make a black hole of" : "end the black hole at", name) : 0;
}

int link_delete(struct nl_sock *sock, const char *name, struct error *error) {
    struct rtnl_link *link = rtnl_link_alloc();
    if (link == NULL) {
        return error_set(error, -ENOMEM, "no memory to delete the link %s", name);
    }
    rtnl_link_set_name(link, name);
    int code = rtnl_link_delete(sock, link);
    rtnl_link_put(link);
    return code < 0 ? link_fail(error, code, "delete the link", name) : 0;
}

struct listing {
    link_each_fn *emit;
    void *context;
};

static void list_one(struct nl_object *object, void *context) {
    const struct listing *listing = context;
    struct rtnl_link *link = (struct rtnl_link *)object;
    const char *name = rtnl_link_get_name(link);
    const char *alias = rtnl_link_get_ifalias(link);
    const char *type = rtnl_link_get_type(link);
    if (name != NULL) {
        listing->emit(name, alias != NULL ? alias : "", type != NULL && strcmp(type, "veth") == 0,
                      listing->context);
    }
}

int link_each(struct nl_sock *sock, link_each_fn *emit, void *context, struct error *error) {
    struct listing listing = {.emit = emit, .context = context};
    struct nl_cache *cache = NULL;
    int code = rtnl_link_alloc_cache(sock, AF_UNSPEC, &cache);
    if (code < 0) {
        return link_fail(error, code, "list", "the links");
    }
    nl_cache_foreach(cache, list_one, &listing);
    nl_cache_free(cache);
    return 0;
}
