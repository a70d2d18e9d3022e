#include "traffic/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "traffic/wire.h"

/* After a send that failed. */
#define RETRY_NS (2 * NS_PER_MS)

/* Opens the socket, and connects it if it is the flow's own.  Returns 0, or -1 when the flow has ended. */
static int open_flow(struct client_flow *flow) {
    if (client_open(flow, SOCK_DGRAM) != 0) {
        return -1;
    }
    struct sockaddr_storage name;
    socklen_t size = client_peer(flow, &name);
    if (flow->port == NULL && connect(flow->fd, (const struct sockaddr *)&name, size) != 0) {
        client_end(flow, TRAFFIC_FLOW_FAILED, TRAFFIC_PROBLEM_CONNECT, errno);
        return -1;
    }
    return 0;
}

/* Room for the source address of a datagram. */
union control {
    struct cmsghdr head; /* for its alignment */
    uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* Writes into 'control' that a datagram is to come from 'address' (RFC 3542, 6.2; ip(7), IP_PKTINFO). Returns
 * its size. */
static size_t write_source(const struct ip_address *address, union control *control) {
    bool six = address->family == 6;
    size_t size = six ? sizeof(struct in6_pktinfo) : sizeof(struct in_pktinfo);
    memset(control, 0, sizeof *control);
    control->head.cmsg_level = six ? IPPROTO_IPV6 : IPPROTO_IP;
    control->head.cmsg_type = six ? IPV6_PKTINFO : IP_PKTINFO;
    control->head.cmsg_len = CMSG_LEN(size);
    if (six) {
        struct in6_pktinfo info = {0};
        memcpy(&info.ipi6_addr, address->bytes, sizeof info.ipi6_addr);
        memcpy(CMSG_DATA(&control->head), &info, sizeof info);
    } else {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, address->bytes, sizeof info.ipi_spec_dst);
        memcpy(CMSG_DATA(&control->head), &info, sizeof info);
    }
    return CMSG_SPACE(size);
}

/* Sends the next 'count' datagrams, each a header of its own and padding that all share.  Returns how many
 * the kernel took, or -1. */
static int send_datagrams(struct client_flow *flow, unsigned int count) {
    static uint8_t padding[UINT16_MAX];
    uint8_t headers[CLIENT_BATCH][TRAFFIC_DATAGRAM_SIZE];
    struct iovec vectors[CLIENT_BATCH][2];
    struct mmsghdr messages[CLIENT_BATCH] = {0};
    struct sockaddr_storage name;
    union control control;
    struct msghdr common = {.msg_iovlen = 2};
    if (flow->port != NULL) {
        common.msg_namelen = client_peer(flow, &name);
        common.msg_name = &name;
        common.msg_controllen = write_source(client_source(flow), &control);
        common.msg_control = &control;
    }
    for (unsigned int i = 0; i < count; i++) {
        uint16_t size = traffic_plan_payload(flow->client->job->plan, flow->plan, flow->done + i);
        struct traffic_datagram datagram = {.run = flow->client->job->run,
                                            .flow = flow->plan->number,
                                            .sequence = flow->done + i,
                                            .sent_ns = clock_real_ns()};
        traffic_datagram_write(&datagram, headers[i]);
        vectors[i][0] = (struct iovec){.iov_base = headers[i], .iov_len = TRAFFIC_DATAGRAM_SIZE};
        vectors[i][1] = (struct iovec){.iov_base = padding, .iov_len = (size_t)size - TRAFFIC_DATAGRAM_SIZE};
        messages[i].msg_hdr = common;
        messages[i].msg_hdr.msg_iov = vectors[i];
    }
    return sendmmsg(flow->fd, messages, count, MSG_DONTWAIT);
}

/* Counts 'count' datagrams as sent at 'now_ns'. */
static void count_sent(struct client_flow *flow, unsigned int count, int64_t now_ns) {
    const struct traffic_board *board = flow->client->job->board;
    struct traffic_sent *sent = &board->sent[flow->plan->number];
    for (unsigned int i = 0; i < count; i++) {
        uint16_t size = traffic_plan_payload(flow->client->job->plan, flow->plan, flow->done);
        traffic_delay_add(&flow->client->late, now_ns - client_moment(flow, flow->done));
        flow->done++;
        traffic_board_add(&sent->packets, 1);
        traffic_board_add(&sent->bytes, size);
        traffic_board_add(&board->live->sent_packets, 1);
        traffic_board_add(&board->live->sent_bytes, size);
    }
}

int64_t client_udp_turn(struct client_flow *flow, int64_t now_ns) {
    if (flow->fd < 0 && open_flow(flow) != 0) {
        return 0;
    }
    uint64_t all = flow->plan->packets;
    int taken = send_datagrams(flow, (unsigned int)client_due(flow, flow->done, all, now_ns));
    if (taken < 0) {
        /* A refusal is about an earlier datagram; no room is only for now.  Whatever it is may pass. */
        flow->last_errno = errno;
        return now_ns + RETRY_NS;
    }
    count_sent(flow, (unsigned int)taken, now_ns);
    if (flow->done == all) {
        client_end(flow, TRAFFIC_FLOW_DONE, TRAFFIC_PROBLEM_NONE, 0);
        return 0;
    }
    int64_t next = client_moment(flow, flow->done);
    /* Whoever is more than a batch behind catches up by a batch a gap, not all at once. */
    return next > now_ns || taken < CLIENT_BATCH ? next : now_ns + flow->plan->gap_ns;
}
