/* The packet sockets by which the private switch takes frames in: where it loses them, if it does.
 *
 * lib/netdev-linux.c opens one for each port when the port is added.  The kernel's default buffer holds some
 * hundred frames, and what does not fit is counted there only, in PACKET_STATISTICS.  pidfd_getfd(2) lends us
 * the sockets. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "topo/lab.h"

#define SOCKET_BUFFER_BYTES (64 << 20)

/* Finds the sockets of 'topo''s ports and gives each a receive buffer of SOCKET_BUFFER_BYTES.  Drops counted
 * so far are kept when the switch has opened a socket anew.  A lab without them works, only less well: what
 * fails is logged, and those ports' drops are not known.  Does nothing for a switch that is not private. */
void socket_adopt(struct topo *topo);

/* Takes over the drops counted since the last call.  Returns false if 'host' has no socket that we know. */
bool socket_read_drops(struct topo *topo, unsigned host);

/* True if the switch has taken everything out of its sockets (or they are not known). */
bool socket_all_empty(const struct topo *topo);

/* Closes our copies. */
void socket_release(struct topo *topo);
