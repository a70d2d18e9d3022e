/* The inside of the relay: two packet sockets and a queue between them. */
#pragma once

#include <stdint.h>

#include "common/error.h"
#include "topo/relay/relay.h"

/* What is asked of a packet socket before frames wait there; the kernel's own limit is passed over. */
#define RELAY_SOCKET_BYTES (32 << 20)

/* Opens a packet socket at the link 'name' of this network namespace that receives all that comes in by it,
 * with the kernel's stamps and the tags that the kernel has taken off.  Returns a descriptor, or a negative
 * errno with 'error' filled. */
int relay_open_port(const char *name, struct error *error);

/* Relays between the sockets 'in' and 'out' until the other end of 'channel' is closed; says there with one
 * byte when it begins.  Returns 0 or a negative errno. */
int relay_loop(const struct relay_settings *settings, int in, int out, int channel,
               struct relay_counts *counts);
