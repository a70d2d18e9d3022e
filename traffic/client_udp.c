#include "traffic/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"

/* After a send that failed. */
#define RETRY_NS (2 * NS_PER_MS)

/* How many datagrams of 'flow' one send may hand over as one.  One flow's datagrams must be of one size, and
 * those of a paced one must not be due one by one: its pacing allows bursts, or there is none. */
static unsigned int usual_gso(const struct client_flow *flow) {
    const struct traffic_flow *plan = flow->plan;
    bool together = (plan->fast && plan->response == 0) || (plan->burst_packets > 1 && plan->gap_ns == 0);
    if (!together || plan->payload_min < plan->payload_max) {
        return 1;
    }
    unsigned int wanted = flow->client->job->tuning.gso;
    unsigned int most = CLIENT_FRAME / plan->payload_min;
    wanted = wanted == 0 ? TRAFFIC_GSO_BYTES / plan->payload_min : wanted;
    wanted = wanted < TRAFFIC_GSO_MAX ? wanted : TRAFFIC_GSO_MAX;
    wanted = wanted < most ? wanted : most;
    /* Two bursts that are late are not made one. */
    wanted = plan->fast || wanted < plan->burst_packets ? wanted : plan->burst_packets;
    return wanted < 1 ? 1 : wanted;
}

int client_udp_open(struct client_flow *flow) {
    if (client_open(flow, SOCK_DGRAM) != 0) {
        return -1;
    }
    struct sockaddr_storage name;
    socklen_t size = client_peer(flow, &name);
    if (flow->port == NULL && connect(flow->fd, (const struct sockaddr *)&name, size) != 0) {
        client_end(flow, TRAFFIC_FLOW_FAILED, TRAFFIC_PROBLEM_CONNECT, errno);
        return -1;
    }
    flow->gso = usual_gso(flow);
    client_launch_open(flow);
    return flow->asking == NULL ? 0 : client_responses_listen(flow);
}

void client_udp_count(struct client_flow *flow, int64_t late_ns) {
    const struct traffic_board *board = flow->client->job->board;
    struct traffic_sent *sent = &board->sent[flow->plan->number];
    uint16_t size = traffic_plan_payload(flow->client->job->plan, flow->plan, flow->done);
    if (!flow->plan->fast) {
        traffic_delay_add(&flow->client->late, late_ns);
    }
    flow->done++;
    traffic_board_add(&sent->packets, 1);
    traffic_board_add(&sent->bytes, size);
    traffic_board_add(&board->live->sent_packets, 1);
    traffic_board_add(&board->live->sent_bytes, size);
}

/* Counts 'count' datagrams as sent at 'now_ns'. */
static void count_sent(struct client_flow *flow, unsigned int count, int64_t now_ns) {
    flow->client->job->board->live->late_packets += count > 1 && flow->plan->gap_ns > 0 ? count - 1 : 0;
    for (unsigned int i = 0; i < count; i++) {
        client_udp_count(flow, now_ns - client_moment(flow, flow->done));
    }
}

bool client_udp_send_next(struct client_flow *flow, int64_t now_ns) {
    if (client_send_each(flow, 1) < 1) {
        flow->last_errno = errno;
        return false;
    }
    count_sent(flow, 1, now_ns);
    return true;
}

bool client_udp_beyond(const struct client_flow *flow, int64_t moment_ns) {
    const struct traffic_flow *plan = flow->plan;
    return plan->timed != 0 && moment_ns >= flow->client->start_ns + plan->start_ns + plan->length_ns;
}

int64_t client_udp_finish(struct client_flow *flow, int64_t now_ns) {
    if (flow->asking != NULL) {
        return client_ask_last(flow, now_ns);
    }
    client_end(flow, TRAFFIC_FLOW_DONE, TRAFFIC_PROBLEM_NONE, 0);
    return 0;
}

int64_t client_udp_turn(struct client_flow *flow, int64_t now_ns) {
    if (flow->fd < 0) {
        if (client_udp_open(flow) != 0) {
            return 0;
        }
        /* Its turn was ahead of its moment for the sake of launch times, which it does not get. */
        if (flow->launch == NULL && client_moment(flow, 0) > now_ns) {
            return client_moment(flow, 0);
        }
    }
    if (flow->asking != NULL && (flow->plan->fast || flow->asking->last)) {
        return client_ask_udp_turn(flow, now_ns);
    }
    if (flow->plan->fast) {
        return client_fast_udp_turn(flow, now_ns);
    }
    if (client_udp_beyond(flow, now_ns)) {
        return client_udp_finish(flow, now_ns);
    }
    if (flow->launch != NULL) {
        return client_launch_turn(flow, now_ns);
    }
    uint64_t all = flow->plan->packets;
    unsigned int due = (unsigned int)client_due(flow, flow->done, all, now_ns);
    int taken = flow->gso > 1 ? client_send_together(flow, due < flow->gso ? due : flow->gso)
                              : client_send_each(flow, due);
    if (taken < 0) {
        /* A refusal is about an earlier datagram; no room is only for now.  Whatever it is may pass. */
        flow->last_errno = errno;
        return now_ns + RETRY_NS;
    }
    count_sent(flow, (unsigned int)taken, now_ns);
    if (flow->done == all) {
        return client_udp_finish(flow, now_ns);
    }
    int64_t next = client_moment(flow, flow->done);
    if (client_udp_beyond(flow, next)) {
        return client_udp_finish(flow, now_ns);
    }
    /* Whoever is more than a batch behind catches up by a batch a gap, not all at once. */
    return next > now_ns || taken < CLIENT_BATCH ? next : now_ns + flow->plan->gap_ns;
}
