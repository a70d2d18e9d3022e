/* Routes to the hosts' further addresses.  A namespace answers for its whole prefix by one local route
 * (Linux's "AnyIP"), and the others send to the prefix by way of the tap's own address, so that as many
 * addresses as one likes cost two routes and no neighbour entry. */
#pragma once

#include "common/error.h"

struct nl_sock;

/* Makes the namespace of 'sock' take all of 'prefix' ("10.1.0.0/16") for its own.  Returns 0 or a negative
 * errno with 'error' filled. */
int route_add_local(struct nl_sock *sock, const char *prefix, struct error *error);

/* Sends what is for 'prefix' to the neighbour 'via' of the link 'name', which must be up.  Returns 0 or a
 * negative errno with 'error' filled; -ENODEV when there is no such link. */
int route_add_via(struct nl_sock *sock, const char *name, const char *prefix, const char *via,
                  struct error *error);

/* Prepares IPv6 in the namespace 'netns_fd', before its link 'name' has a carrier.  Its sockets may bind to
 * any address of a local route: for IPv4 the route is enough, for IPv6 net/ipv6/af_inet6.c asks for an
 * address of a link or for net.ipv6.ip_nonlocal_bind.  And the link-local address is good at once: for a
 * sender whose address no link has it is the one that asks for neighbours (net/ipv6/ndisc.c), who would not
 * be found as long as duplicate address detection runs.  Where /proc/sys can't be written a socket needs
 * IPV6_FREEBIND and a second of patience.  Returns 0 or a negative errno with 'error' filled. */
int route_prepare_ipv6(int netns_fd, const char *name, struct error *error);
