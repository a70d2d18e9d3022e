/* How datagrams of a flow are handed to the kernel: one by one in one call, or many as one. */
#include "traffic/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "traffic/way.h"
#include "traffic/wire.h"

/* Where the datagrams of 'flow' go to, and come from, unless its socket knows. */
static void set_way(struct traffic_way *way, const struct client_flow *flow) {
    way->header = (struct msghdr){0};
    if (flow->port != NULL) {
        way->header.msg_namelen = client_peer(flow, &way->name);
        way->header.msg_name = &way->name;
        traffic_way_add_source(way, client_source(flow));
        traffic_way_add_header(way, flow->plan);
    }
}

/* Writes the header of the datagram of 'flow' that is 'ahead' of the next one. */
static void write_header(const struct client_flow *flow, uint64_t ahead, int64_t sent_ns, uint8_t *to) {
    struct traffic_datagram datagram = {.run = flow->client->job->run,
                                        .flow = flow->plan->number,
                                        .sequence = flow->done + ahead,
                                        .sent_ns = sent_ns};
    traffic_datagram_write(&datagram, to);
}

/* The bytes of a datagram of 'size' whose header stands at 'header': in one piece behind the header where
 * there is room for all, which spares the kernel a second one, else with padding from elsewhere.  Returns how
 * many pieces. */
static size_t set_pieces(struct iovec pieces[2], uint8_t *header, size_t size, bool whole) {
    static const uint8_t padding[UINT16_MAX];
    pieces[0] = (struct iovec){.iov_base = header, .iov_len = whole ? size : TRAFFIC_DATAGRAM_SIZE};
    pieces[1] =
        (struct iovec){.iov_base = (uint8_t *)(uintptr_t)padding, .iov_len = size - TRAFFIC_DATAGRAM_SIZE};
    return whole ? 1 : 2;
}

/* Adds to 'header', which has what 'way' has, when the datagram that is 'ahead' of the next one is to leave;
 * 'control' has room for all. */
static void add_launch(struct msghdr *header, const struct traffic_way *way,
                       uint8_t control[TRAFFIC_WAY_CONTROL], const struct client_flow *flow,
                       unsigned int ahead) {
    struct traffic_way own = *way;
    uint64_t at_ns = client_launch_time(flow, ahead);
    traffic_way_add(&own, SOL_SOCKET, SCM_TXTIME, &at_ns, sizeof at_ns);
    memcpy(control, own.control, own.header.msg_controllen);
    header->msg_control = control;
    header->msg_controllen = own.header.msg_controllen;
}

int client_send_each(struct client_flow *flow, unsigned int count) {
    struct iovec vectors[CLIENT_LAUNCHES][2];
    struct mmsghdr messages[CLIENT_LAUNCHES];
    _Alignas(struct cmsghdr) uint8_t controls[CLIENT_LAUNCHES][TRAFFIC_WAY_CONTROL];
    struct traffic_way way;
    bool whole = (size_t)count * flow->plan->payload_max <= CLIENT_FRAME;
    size_t stride = whole ? flow->plan->payload_max : TRAFFIC_DATAGRAM_SIZE;
    set_way(&way, flow);
    for (unsigned int i = 0; i < count; i++) {
        uint8_t *header = flow->client->frame + i * stride;
        uint16_t size = traffic_plan_payload(flow->client->job->plan, flow->plan, flow->done + i);
        write_header(flow, i, flow->launch == NULL ? clock_real_ns() : client_launch_sent(flow, i), header);
        messages[i].msg_hdr = way.header;
        messages[i].msg_hdr.msg_iov = vectors[i];
        messages[i].msg_hdr.msg_iovlen = set_pieces(vectors[i], header, size, whole);
        if (flow->launch != NULL) {
            add_launch(&messages[i].msg_hdr, &way, controls[i], flow, i);
        }
    }
    struct traffic_live *live = flow->client->job->board->live;
    live->send_batch_max = live->send_batch_max > 1 ? live->send_batch_max : 1;
    return sendmmsg(flow->fd, messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* True if 'code' is what the kernel says to UDP_SEGMENT where it does not know it, or where the way does not
 * take it: a link that can't do checksums (before Linux 6.11), a datagram larger than the MTU. */
static bool is_refusal(int code) {
    return code == EINVAL || code == EIO || code == EMSGSIZE || code == EOPNOTSUPP || code == ENOPROTOOPT;
}

int client_send_together(struct client_flow *flow, unsigned int count) {
    if (count < 2 || flow->gso < 2) {
        return client_send_each(flow, count < CLIENT_BATCH ? count : CLIENT_BATCH);
    }
    struct client *client = flow->client;
    uint16_t size = flow->plan->payload_min;
    int64_t now_ns = flow->launch == NULL ? clock_real_ns() : client_launch_sent(flow, 0);
    /* Beyond the headers it is padding, in which older headers of other sizes may stand. */
    for (unsigned int i = 0; i < count; i++) {
        write_header(flow, i, now_ns, client->frame + (size_t)i * size);
    }
    struct traffic_way way;
    set_way(&way, flow);
    traffic_way_add(&way, SOL_UDP, UDP_SEGMENT, &size, sizeof size);
    if (flow->launch != NULL) {
        uint64_t at_ns = client_launch_time(flow, 0);
        traffic_way_add(&way, SOL_SOCKET, SCM_TXTIME, &at_ns, sizeof at_ns);
    }
    struct iovec vector = {.iov_base = client->frame, .iov_len = (size_t)count * size};
    way.header.msg_iov = &vector;
    way.header.msg_iovlen = 1;
    if (sendmsg(flow->fd, &way.header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
        struct traffic_live *live = client->job->board->live;
        live->send_batch_max = count > live->send_batch_max ? count : live->send_batch_max;
        return (int)count;
    }
    if (!is_refusal(errno)) {
        return -1;
    }
    flow->gso = 1;
    return client_send_each(flow, count < CLIENT_BATCH ? count : CLIENT_BATCH);
}
