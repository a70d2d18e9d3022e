/* Makes of a captured frame one that goes from one station of a lab to another.  Pure: bytes in, bytes out.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/capfile/capfile.h"

/* Addresses and EtherType; a tag of 802.1Q, which comes on top of a link's MTU. */
#define REPLAY_HEADER_SIZE 14
#define REPLAY_TAG_SIZE    4
/* The longest frame of a lab, whose MTU is at most 9000. */
#define REPLAY_FRAME_MAX (9000 + REPLAY_HEADER_SIZE + REPLAY_TAG_SIZE)

/* What becomes of a captured frame. */
enum replay_fate {
    REPLAY_SENT,
    REPLAY_LONG,    /* longer than the link's MTU: a super-frame of offloads, or of a larger MTU */
    REPLAY_SHORT,   /* its link-layer header is not whole */
    REPLAY_FOREIGN, /* no frame that Ethernet could carry */
    REPLAY_FATES,
};

struct replay_way {
    uint8_t source[6], destination[6];
    uint32_t mtu; /* at most 9000 */
};

/* Writes what 'captured' becomes on 'way' to 'frame', which has room for REPLAY_FRAME_MAX bytes, and its size
 * to '*size'.  The source address is the way's, and the destination, too, unless it is a group's (broadcast,
 * multicast).  Of Ethernet all else stays, tags included; other link types get an Ethernet header.  A frame
 * that the capture has cut is as long as it was, with zeros for what is not known.
 *
 * Returns what becomes of it; 'frame' and '*size' are good for REPLAY_SENT alone. */
enum replay_fate replay_frame_make(const struct replay_way *way, const struct capfile_frame *captured,
                                   uint8_t *frame, size_t *size);
