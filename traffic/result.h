/* Makes the result of a run from what the endpoints counted. */
#pragma once

#include <stdbool.h>

#include "traffic/board.h"
#include "traffic/traffic.h"

/* Prepares 'result' for 'plan'.  Returns 0 or -ENOMEM with 'error' filled. */
int traffic_result_open(struct traffic_result *result, const struct traffic_plan *plan, struct error *error);

/* Reads the totals of the 'count' directions of 'boards' at 'now_ns' (since the epoch) into 'progress': 'sum'
 * is the whole run, 'last' what is new since the end of the 'last' before. */
void traffic_result_snapshot(const struct traffic_board *const boards[], size_t count,
                             struct traffic_progress *progress, int64_t now_ns);

/* Fills in the delays of what came since the last call, which 'interval' is of. */
void traffic_result_interval_delays(struct traffic_result *result, const struct traffic_board *const boards[],
                                    size_t count, struct traffic_interval *interval);

/* Appends 'interval'; beyond the room that the plan's duration gives it is added to the last one. */
void traffic_result_add_interval(struct traffic_result *result, const struct traffic_interval *interval);

/* Copies the stamps of the side 'which', an enum traffic_side, off its board, once its server has
 * ended. 'run' is its number on the wire.  Without memory there are none. */
void traffic_result_add_stamps(struct traffic_result *result, size_t which, uint64_t run,
                               const struct traffic_board *board);

/* Fills in the flows, the sums over them and the delays, once all endpoints have ended.  For each side, an
 * enum traffic_side: its board, the server's first port, and false if who receives did not live to its end,
 * so that loss is not known. */
void traffic_result_fill(struct traffic_result *result, const struct traffic_settings *settings,
                         const struct traffic_board *const boards[TRAFFIC_SIDES],
                         const uint16_t ports[TRAFFIC_SIDES], const bool tails_seen[TRAFFIC_SIDES]);
