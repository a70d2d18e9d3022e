/* Datagrams that are handed over ahead of their moment, each with the time at which the link's qdisc is to
 * let it go (socket(7), SO_TXTIME): nothing is spun away for them, and one wake-up serves several.
 *
 * A paced UDP flow has its turn when its next datagram is CLIENT_LAUNCH_LEAST_NS ahead, or before that when
 * the client is awake for others, and then hands over all whose moment is within CLIENT_LAUNCH_MOST_NS.  The
 * least is what a sleep may end late: some 50 us nearly always, but where others want the processor, too, by
 * up to one of their turns, 3 ms (kernel/sched/fair.c, sysctl_sched_base_slice).  The most bounds what a stop
 * leaves behind and, should the qdisc be replaced meanwhile, how much too early a datagram leaves.
 *
 * A turn hands over CLIENT_LAUNCHES datagrams at most, and comes when fewer than so many others are still
 * ahead: fewer than twice as many wait in the qdisc, which takes 100 of a socket (sch_fq.c, flow_plimit), and
 * in the socket's send buffer, which is why of large datagrams it are fewer. */
#pragma once

#include <stdint.h>

#include "common/clock.h"
#include "common/error.h"
#include "traffic/qdisc.h"

#define CLIENT_LAUNCH_LEAST_NS (3 * NS_PER_MS)
#define CLIENT_LAUNCH_MOST_NS  (5 * NS_PER_MS)
#define CLIENT_LAUNCHES        32
/* Bytes of payload that one turn hands over, if that are fewer datagrams. */
#define CLIENT_LAUNCH_BYTES 65536

struct client;
struct client_flow;
struct traffic_job;
struct traffic_keeper;

/* Of a flow. */
struct client_launch {
    struct qdisc_launch how;
    uint64_t
        piece; /* a datagram that was handed over some turns ago, and its moment after the run's beginning, */
    int64_t moment_ns; /* from which later ones are reckoned */
    int64_t early_ns;  /* so much before its moment the flow's next turn may be taken */
};

/* Of a client. */
struct client_launches {
    struct client_launch *of; /* by flow; NULL: none has any */
    /* Of the datagrams of one turn: the moment, and the time that is asked for, later if the moment is over;
     * monotonic.
     */
    int64_t moments_ns[CLIENT_LAUNCHES], times_ns[CLIENT_LAUNCHES];
    int64_t real_ns;  /* how far CLOCK_REALTIME is ahead of CLOCK_MONOTONIC, */
    int64_t clock_ns; /* and what is added to a time for the qdisc */
};

/* Starts, while the client of 'job' is root still, the keeper of the capability that some link here may need
 * of it, or a buffer for responses. Returns 0 or a negative errno with 'error' filled. */
int client_launch_keep(const struct traffic_job *job, struct traffic_keeper *keeper, struct error *error);

/* Finds out which flows of 'client' may have launch times, as its tuning wants it.  Returns 0, -ENOMEM, or
 * -EOPNOTSUPP if all must have them and one can't, with 'error' filled. */
int client_launch_find(struct client *client, struct error *error);

void client_launch_free(struct client *client);

/* Tells the socket of 'flow', which has been opened, that launch times will come.  Where it takes none the
 * flow goes on without.  Notes how the flow's departures are timed. */
void client_launch_open(struct client_flow *flow);

/* Hands over what is to be handed over at 'now_ns'.  Returns the moment of the next turn, or 0 for none. */
int64_t client_launch_turn(struct client_flow *flow, int64_t now_ns);

/* Of the datagram that is 'ahead' of the next one of 'flow': when it is scheduled to leave, since the epoch,
 * which is its send time; and the same as its qdisc is told. */
int64_t client_launch_sent(const struct client_flow *flow, unsigned int ahead);
uint64_t client_launch_time(const struct client_flow *flow, unsigned int ahead);
