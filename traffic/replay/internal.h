/* What the processes of a replay share: the one that reads the file and sends, one in each other namespace
 * that keeps its stack silent, and the one that started them. */
#pragma once

#include <stdatomic.h>

#include "traffic/endpoint.h"
#include "traffic/replay/frame.h"
#include "traffic/replay/replay.h"

/* In memory that they share.  The sender has no privilege and parses a file of anybody's: it is not believed.
 */
struct replay_board {
    struct replay_way way;                /* the sender's address and MTU; the receiver's address */
    _Atomic int64_t position_ns;          /* of the file's time that has been played, all passes together */
    _Atomic int64_t position;             /* bytes of the file, as far as it is read, of the present pass */
    _Atomic int64_t pass;                 /* from 0 */
    _Atomic int64_t sent_frames;          /* what the kernel took */
    _Atomic int64_t sent_bytes;           /* layer 2 without FCS */
    _Atomic int64_t fates[REPLAY_FATES];  /* of frames that were read; those to be sent at [REPLAY_SENT] */
    _Atomic int64_t longest;              /* of those that were too long */
    _Atomic int64_t padded;               /* sent, but cut by the capture */
    _Atomic int64_t refused;              /* by the kernel: no room */
    int64_t late_p50, late_p99, late_max; /* TRAFFIC_NONE: not paced */
    int code;                             /* how it ended, with 'text' */
    char text[sizeof((struct error *)0)->text];
};

/* What one of the processes needs to know beside its job; 'context' of that. */
struct replay_part {
    const struct replay_settings *settings;
    struct replay_board *board;
    const struct replay_host *host;
    const uint8_t *quieted; /* quiet: whose frames are kept from the stack */
    uint8_t *address;       /* quiet: where the tap's own address goes; or NULL */
};

traffic_endpoint_fn replay_sender_main;

/* Keeps the network stack of its namespace from all frames of the replaying host, from when it is ready until
 * TRAFFIC_FINISH, or until the process that started it is gone: they were captured when that happens. */
traffic_endpoint_fn replay_quiet_main;

/* Fills 'address' and 'mtu', either of which may be NULL, of the link 'tap' in this process's namespace.
 * Returns 0 or a negative errno with 'error' filled. */
int replay_look_at_tap(const char *tap, uint8_t address[6], uint32_t *mtu, struct error *error);
