/* What stands before the network layer in a capture file. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "collector/decode/packet.h"

/* Steps over the pseudo-header of data link type 'dlt' (a DLT_ value).  Sets '*link' to how the rest is to be
 * read and
 * '*skip' to how many bytes to step over.  Returns 0, -EPROTONOSUPPORT for a type that nsmon does not read,
 * or -EBADMSG for a frame too short or not of IP. */
int link_layer_strip(int dlt, const uint8_t *bytes, size_t size, enum packet_link *link, size_t *skip);
