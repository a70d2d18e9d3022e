/* Plays a capture file from one station of a lab to another, with its timing.
 *
 *     ns1                     the switch                     ns2, ns3 ...
 *   file -> sender -> tap1 ==============================> tapN: libpcap, then dropped
 *
 * The frames leave tap1 by a packet socket, so ns1's network stack knows nothing of them.  In every other
 * host the stack is kept from frames of the replaying host as long as it lasts, behind the place where
 * libpcap sees them: it would answer by resets and unreachables, which would be traffic of their own.
 *
 * Usage: replay_run() -> read the result -> replay_result_free(). */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/privilege.h"
#include "traffic/replay/frame.h"
#include "traffic/traffic.h"

#define REPLAY_HOSTS_MAX 8
#define REPLAY_TAP_SIZE  16
#define REPLAY_SPEED_MAX 1000.0
#define REPLAY_LOOPS_MAX 1000000

struct replay_host {
    int netns_fd;
    char tap[REPLAY_TAP_SIZE]; /* its link to the switch */
};

struct replay_progress {
    struct traffic_interval last; /* the second that has just ended; packets are frames, bytes layer 2 */
    struct traffic_interval sum;  /* so far */
    int64_t elapsed_ns;
    double done;   /* share of the file, all passes together, 0 to 1; negative where it isn't known */
    bool draining; /* all has been sent */
};

typedef void replay_interval_fn(const struct replay_progress *progress, void *context);

struct replay_settings {
    int file_fd;      /* open for reading; a pipe can't be played more than once */
    const char *path; /* its name for messages */
    double speed;     /* times the file's own, up to REPLAY_SPEED_MAX; 0: as fast as it goes */
    uint32_t loops;   /* how often it is played, 1 to REPLAY_LOOPS_MAX */
    struct replay_host sender;
    struct replay_host others[REPLAY_HOSTS_MAX]; /* every other host of the lab ... */
    size_t other_count;
    size_t receiver;                   /* ... of which this one is the frames' destination */
    const struct identity *identity;   /* who the sender becomes, who parses the file; NULL: as it is */
    const volatile sig_atomic_t *stop; /* when it is not 0 it ends early and well; may be NULL */
    replay_interval_fn *on_interval;   /* called about once a second; may be NULL */
    void *context;
};

struct replay_result {
    struct traffic_result traffic; /* times, intervals, sum, late_*, stopped; packets are frames, no flows */
    int64_t fates[REPLAY_FATES];   /* of the frames that were read, all passes together */
    int64_t longest;               /* bytes, of those that were too long */
    int64_t padded;                /* sent as long as they were, but the capture had cut them */
    int64_t refused;               /* by the kernel, for want of memory or because the link drops */
    int64_t passes;                /* begun */
    int64_t file_ns;               /* what was played, in the file's own time */
    uint32_t mtu;                  /* of the replaying host's tap */
};

/* Plays 'settings' and fills 'result', which is to be freed in every case.
 *
 * 'received' in the result is what the receiver's tap took in meanwhile, from whomever.  Returns 0 if it came
 * to its end or was stopped; otherwise a negative errno with 'error' filled: -EINVAL for no capture file,
 * -EIO for one that is damaged (what stands before the damage has been played), -ESPIPE for a pipe that is to
 * be played again, -ENOENT without nft(8), -EPERM, -ECHILD when the sender died (the result holds what it
 * counted). */
int replay_run(const struct replay_settings *settings, struct replay_result *result, struct error *error);

/* Frees what 'result' holds.  Takes a zeroed one. */
void replay_result_free(struct replay_result *result);
