/* What is counted of UDP flows where their datagrams arrive: at a server, or, of the responses to its own
 * requests, at a client.
 *
 * Of several threads each has a meter of its own, with a board of its own; the flows are shared, and each is
 * looked after by one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/histogram.h"
#include "common/stamps.h"
#include "traffic/board.h"
#include "traffic/delay.h"
#include "traffic/plan/profile.h"
#include "traffic/sequence.h"
#include "traffic/wire.h"

struct traffic_meter_flow {
    struct traffic_sequence sequence;
    struct traffic_delay delay;
};

struct traffic_meter {
    const struct traffic_plan *plan;
    const struct traffic_board *board;
    struct traffic_meter_flow *flows; /* by number, those of the plan */
    int64_t clock_offset_ns;          /* is taken off each delay: this host's clock less the sender's */
    struct histogram owd;             /* its bins lie on the board */
    struct stamps stamps;             /* likewise */
};

/* Makes what is kept of the UDP flows of 'plan' on the board 'side' (traffic_flow_side()), to be freed with
 * traffic_meter_free_flows().  Returns NULL without memory. */
struct traffic_meter_flow *traffic_meter_make_flows(const struct traffic_plan *plan, unsigned int side);
void traffic_meter_free_flows(struct traffic_meter_flow *flows, const struct traffic_plan *plan);

/* The meter of a thread with 'board'. */
struct traffic_meter traffic_meter_make(const struct traffic_plan *plan, const struct traffic_board *board,
                                        struct traffic_meter_flow *flows, int64_t clock_offset_ns);

/* Counts a datagram of 'size' bytes with the header 'datagram', whose flow and sequence number the plan has.
 * Returns false for one that was there before, or that is so late that nobody knows. */
bool traffic_meter_take(struct traffic_meter *meter, const struct traffic_datagram *datagram, size_t size,
                        int64_t received_ns);

/* Puts the counts of the flow number 'i' on the board, and at the end, when 'last', its quantiles and losses.
 */
void traffic_meter_publish(struct traffic_meter *meter, size_t i, bool last);

/* Puts the figures of all flows together on the board. */
void traffic_meter_publish_live(const struct traffic_meter *meter);
