/* Flows without a schedule: as fast as it goes. */
#include "traffic/client.h"

#include <errno.h>
#include <sys/socket.h>

#include "common/clock.h"

/* Pieces that one TCP flow sends, and batches that one UDP flow sends, before the others have their turn. */
#define PIECES_A_TURN  4
#define BATCHES_A_TURN 4
/* After a send that failed for another reason than that the socket is full. */
#define RETRY_NS (2 * NS_PER_MS)

/* The socket has room again. */
static void on_room(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    client_take_turn(context);
}

int64_t client_wait_for_room(struct client_flow *flow, int64_t now_ns) {
    if (flow->room == NULL) {
        flow->room = event_new(flow->client->base, flow->fd, EV_WRITE, on_room, flow);
    }
    return flow->room != NULL && event_add(flow->room, NULL) == 0 ? 0 : now_ns + RETRY_NS;
}

static bool is_over(const struct client_flow *flow, int64_t now_ns) {
    return now_ns >= flow->client->start_ns + flow->plan->start_ns + flow->plan->length_ns;
}

static void count_sent(struct client_flow *flow, uint64_t count) {
    const struct traffic_board *board = flow->client->job->board;
    struct traffic_sent *sent = &board->sent[flow->plan->number];
    uint64_t bytes = count * flow->plan->payload_min;
    if (flow->plan->payload_min < flow->plan->payload_max) {
        bytes = 0;
        for (uint64_t i = 0; i < count; i++) {
            bytes += traffic_plan_payload(flow->client->job->plan, flow->plan, flow->done + i);
        }
    }
    flow->done += count;
    traffic_board_add(&sent->packets, (int64_t)count);
    traffic_board_add(&sent->bytes, (int64_t)bytes);
    traffic_board_add(&board->live->sent_packets, (int64_t)count);
    traffic_board_add(&board->live->sent_bytes, (int64_t)bytes);
}

int64_t client_fast_udp_turn(struct client_flow *flow, int64_t now_ns) {
    const struct traffic_flow *plan = flow->plan;
    if (flow->done == plan->packets || is_over(flow, now_ns)) {
        client_end(flow, TRAFFIC_FLOW_DONE, TRAFFIC_PROBLEM_NONE, 0);
        return 0;
    }
    unsigned int most = flow->gso > 1 ? flow->gso : CLIENT_BATCH;
    int taken = 1;
    for (int i = 0; i < BATCHES_A_TURN && taken > 0 && flow->done < plan->packets; i++) {
        uint64_t left = plan->packets - flow->done;
        taken = client_send_together(flow, left < most ? (unsigned int)left : most);
        count_sent(flow, taken > 0 ? (uint64_t)taken : 0);
    }
    if (taken >= 0) {
        return now_ns;
    }
    flow->last_errno = errno;
    return errno == EAGAIN ? client_wait_for_room(flow, now_ns) : now_ns + RETRY_NS;
}

int64_t client_fast_tcp_turn(struct client_flow *flow, int64_t now_ns) {
    for (int i = 0; i < PIECES_A_TURN && !is_over(flow, now_ns); i++) {
        uint64_t left = flow->plan->bytes - flow->done;
        int64_t next_ns;
        if (!client_tcp_push(flow, left < CLIENT_PIECE ? (size_t)left : CLIENT_PIECE, now_ns, &next_ns)) {
            return next_ns;
        }
        if (flow->done == flow->plan->bytes) {
            return 0;
        }
    }
    if (is_over(flow, now_ns)) {
        flow->closing = true;
        client_tcp_stop(flow);
        return 0;
    }
    return now_ns;
}
