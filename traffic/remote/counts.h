/* What one end counted, as messages to the other, which has a board of its own for the same direction: the
 * sender's part of it is filled from "sent" and "tcp" messages, the receiver's from "received" and "delays".
 */
#pragma once

#include "traffic/board.h"
#include "traffic/plan/profile.h"
#include "traffic/remote/link.h"

/* Of a plan with up to so many flows each one's counts are told every second. */
#define REMOTE_LIVE_FLOWS 64
/* Of so many flows what the sender's kernel says of TCP is told every second; of a plan with more of them of
 * the next so many each time. */
#define REMOTE_TCP_FLOWS 256

/* Sends what the sender of the side 'side' counted of each flow, and what its kernel says of TCP. Returns
 * 0 or a negative errno with 'error' filled. */
int remote_counts_send_sent(struct remote_link *link, const struct traffic_plan *plan, uint8_t side,
                            const struct traffic_board *board, struct error *error);

/* Sends what the kernel says of the TCP flows from '*next' on, and moves that on to the next ones. */
int remote_counts_send_tcp(struct remote_link *link, const struct traffic_plan *plan, uint8_t side,
                           const struct traffic_board *board, size_t *next, struct error *error);

/* Sends what the receiver counted of each flow; at the 'last' time the quantiles and the delays of all flows
 * as well. */
int remote_counts_send_received(struct remote_link *link, const struct traffic_plan *plan, uint8_t side,
                                const struct traffic_board *board, bool last, struct error *error);

/* Sends the totals, as they are now: of the sender, or of the receiver. */
int remote_counts_send_live(struct remote_link *link, uint8_t side, const struct traffic_board *board,
                            bool sending, struct error *error);

/* Takes such a message into the board of the side 'side'.  Returns 0, or -EPROTO with 'error' filled
 * when it makes no sense for 'plan'. */
int remote_counts_take_sent(const json_t *message, const struct traffic_plan *plan, uint8_t side,
                            struct traffic_board *board, struct error *error);
int remote_counts_take_tcp(const json_t *message, const struct traffic_plan *plan, uint8_t side,
                           struct traffic_board *board, struct error *error);
int remote_counts_take_received(const json_t *message, const struct traffic_plan *plan, uint8_t side,
                                struct traffic_board *board, struct error *error);
int remote_counts_take_delays(const json_t *message, struct traffic_board *board, struct error *error);
int remote_counts_take_live(const json_t *message, bool sending, struct traffic_board *board,
                            struct error *error);
