/* Where datagrams go, and how: what all of one call have in common. */
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/address.h"
#include "traffic/plan/profile.h"

/* Room for the source address of a datagram, its DSCP and TTL, the size of those that are sent as one, and
 * when it is to leave. */
#define TRAFFIC_WAY_CONTROL                                                                                  \
    (CMSG_SPACE(sizeof(struct in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint16_t)) +   \
     CMSG_SPACE(sizeof(uint64_t)))

struct traffic_way {
    struct sockaddr_storage name;
    _Alignas(struct cmsghdr) uint8_t control[TRAFFIC_WAY_CONTROL];
    struct msghdr header;
};

/* Appends to the control data of 'way' the 'size' bytes at 'data'. */
void traffic_way_add(struct traffic_way *way, int level, int type, const void *data, size_t size);

/* Adds that a datagram is to come from 'address' (RFC 3542, 6.2; ip(7), IP_PKTINFO). */
void traffic_way_add_source(struct traffic_way *way, const struct ip_address *address);

/* Adds what the group of 'flow' says of the header. */
void traffic_way_add_header(struct traffic_way *way, const struct traffic_flow *flow);
