/* Links, addresses and queueing over rtnetlink.  A socket acts in the network namespace that it was opened
 * in. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct nl_sock;

#define LINK_ALIAS_SIZE 256

struct link_info {
    uint32_t ifindex;
    uint32_t peer_ifindex; /* of a veth pair's other end, in its own namespace; 0: none */
    uint8_t mac[6];
    bool up;      /* administratively */
    bool carrier; /* the other end is up, too, and frames pass */
    char alias[LINK_ALIAS_SIZE];
    uint64_t rx_packets, rx_bytes, rx_dropped;
    uint64_t tx_packets, tx_bytes, tx_dropped;
};

/* Opens a socket in the namespace 'netns_fd', or in this one for -1.  Returns 0, or a negative errno with
 * 'error' filled and '*sock' NULL. */
int link_socket(int netns_fd, struct nl_sock **sock, struct error *error);

/* Takes NULL. */
void link_socket_close(struct nl_sock *sock);

/* All below return 0 or a negative errno with 'error' filled; -ENODEV when there is no such link. */

int link_get(struct nl_sock *sock, const char *name, struct link_info *info, struct error *error);

/* Makes the veth pair 'name' and 'peer', both down, both of 'mtu' bytes.  -EEXIST if either name is taken. */
int link_make_pair(struct nl_sock *sock, const char *name, const char *peer, unsigned mtu,
                   struct error *error);

int link_set_alias(struct nl_sock *sock, const char *name, const char *alias, struct error *error);
int link_set_up(struct nl_sock *sock, const char *name, bool up, struct error *error);

/* Keeps the kernel from giving 'name' IPv6 addresses of its own, so that its IPv6 stack sends nothing.  The
 * setting does not survive a move to another namespace. */
int link_no_own_addresses(struct nl_sock *sock, const char *name, struct error *error);

int link_move(struct nl_sock *sock, const char *name, int netns_fd, struct error *error);

/* Adds 'address' ("10.0.0.1/24"), without duplicate address detection. */
int link_add_address(struct nl_sock *sock, const char *name, const char *address, struct error *error);

/* Lets the link 'name' of the namespace 'netns_fd' have IPv6 addresses, where the machine's default is that
 * links have none.  Returns 0, or -EAFNOSUPPORT, with 'error' untouched, if this kernel does without IPv6. */
int link_allow_ipv6(int netns_fd, const char *name, struct error *error);

/* Makes 'name' drop all that is to be sent, before a capture sees it: a root qdisc of the kind "blackhole";
 * with 'on' false that qdisc is taken away again.
 */
int link_blackhole(struct nl_sock *sock, const char *name, bool on, struct error *error);

int link_delete(struct nl_sock *sock, const char *name, struct error *error);

typedef void link_each_fn(const char *name, const char *alias, bool veth, void *context);

/* Hands 'emit' every link of the namespace of 'sock', as it is now; 'alias' is "" for none. */
int link_each(struct nl_sock *sock, link_each_fn *emit, void *context, struct error *error);
