/* What a flow's group says of its packets' headers, and of TCP. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/address.h"
#include "common/flow_key.h"
#include "traffic/plan/profile.h"

/* Sets at the socket 'fd' of 'flow', which is not connected yet and goes to 'peer': DSCP and TTL, unless the
 * socket is 'shared' with flows of others, the IPv6 flow label, and congestion control and MSS of TCP.
 * Returns 0 or a negative errno: -ENOENT or -EPERM for a congestion control that the kernel has not, or has
 * not for everybody. */
int client_header_set(const struct traffic_flow *flow, int fd, bool shared, const struct ip_address *peer);

/* The sin6_flowinfo of the address that 'flow' goes to; 0 for none. */
uint32_t client_header_flowinfo(const struct traffic_flow *flow);
