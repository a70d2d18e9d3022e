/* How datagrams of a flow are handed to the kernel: one by one in one call, or many as one. */
#include "traffic/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "traffic/wire.h"

/* Room for the source address of a datagram, its DSCP and TTL, the size of those that are sent as one, and
 * when it is to leave. */
#define CONTROL_SIZE                                                                                         \
    (CMSG_SPACE(sizeof(struct in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint16_t)) +   \
     CMSG_SPACE(sizeof(uint64_t)))

/* What all datagrams of one call have in common. */
struct way {
    struct sockaddr_storage name;
    _Alignas(struct cmsghdr) uint8_t control[CONTROL_SIZE];
    struct msghdr header;
};

/* Appends to the control data of 'way' the 'size' bytes at 'data'. */
static void add_control(struct way *way, int level, int type, const void *data, size_t size) {
    struct cmsghdr part = {.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(size)};
    uint8_t *to = way->control + way->header.msg_controllen;
    memset(to, 0, CMSG_SPACE(size));
    memcpy(to, &part, sizeof part);
    memcpy(to + CMSG_LEN(0), data, size);
    way->header.msg_control = way->control;
    way->header.msg_controllen += CMSG_SPACE(size);
}

/* Adds that a datagram is to come from 'address' (RFC 3542, 6.2; ip(7), IP_PKTINFO). */
static void add_source(struct way *way, const struct ip_address *address) {
    if (address->family == 6) {
        struct in6_pktinfo info = {0};
        memcpy(&info.ipi6_addr, address->bytes, sizeof info.ipi6_addr);
        add_control(way, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    } else {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, address->bytes, sizeof info.ipi_spec_dst);
        add_control(way, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    }
}

/* Adds what the flow's group says of the header. */
static void add_header(struct way *way, const struct traffic_flow *flow) {
    bool six = flow->family == 6;
    int level = six ? IPPROTO_IPV6 : IPPROTO_IP;
    int class = flow->group == NULL ? 0 : flow->group->dscp << 2;
    int ttl = flow->group == NULL ? 0 : flow->group->ttl;
    if (class != 0) {
        add_control(way, level, six ? IPV6_TCLASS : IP_TOS, &class, sizeof class);
    }
    if (ttl != 0) {
        add_control(way, level, six ? IPV6_HOPLIMIT : IP_TTL, &ttl, sizeof ttl);
    }
}

/* Where the datagrams of 'flow' go to, and come from, unless its socket knows. */
static void set_way(struct way *way, const struct client_flow *flow) {
    way->header = (struct msghdr){0};
    if (flow->port != NULL) {
        way->header.msg_namelen = client_peer(flow, &way->name);
        way->header.msg_name = &way->name;
        add_source(way, client_source(flow));
        add_header(way, flow->plan);
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

/* Adds to 'header', which has what 'way' has, when the datagram that is 'ahead' of the next one is to leave;
 * 'control' has room for all. */
static void add_launch(struct msghdr *header, const struct way *way, uint8_t control[CONTROL_SIZE],
                       const struct client_flow *flow, unsigned int ahead) {
    struct way own = *way;
    uint64_t at_ns = client_launch_time(flow, ahead);
    add_control(&own, SOL_SOCKET, SCM_TXTIME, &at_ns, sizeof at_ns);
    memcpy(control, own.control, own.header.msg_controllen);
    header->msg_control = control;
    header->msg_controllen = own.header.msg_controllen;
}

int client_send_each(struct client_flow *flow, unsigned int count) {
    static const uint8_t padding[UINT16_MAX];
    uint8_t headers[CLIENT_LAUNCHES][TRAFFIC_DATAGRAM_SIZE];
    struct iovec vectors[CLIENT_LAUNCHES][2];
    struct mmsghdr messages[CLIENT_LAUNCHES];
    _Alignas(struct cmsghdr) uint8_t controls[CLIENT_LAUNCHES][CONTROL_SIZE];
    struct way way;
    set_way(&way, flow);
    for (unsigned int i = 0; i < count; i++) {
        uint16_t size = traffic_plan_payload(flow->client->job->plan, flow->plan, flow->done + i);
        write_header(flow, i, flow->launch == NULL ? clock_real_ns() : client_launch_sent(flow, i),
                     headers[i]);
        vectors[i][0] = (struct iovec){.iov_base = headers[i], .iov_len = TRAFFIC_DATAGRAM_SIZE};
        vectors[i][1] = (struct iovec){.iov_base = (uint8_t *)(uintptr_t)padding,
                                       .iov_len = (size_t)size - TRAFFIC_DATAGRAM_SIZE};
        messages[i].msg_hdr = way.header;
        messages[i].msg_hdr.msg_iov = vectors[i];
        messages[i].msg_hdr.msg_iovlen = 2;
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
    struct way way;
    set_way(&way, flow);
    add_control(&way, SOL_UDP, UDP_SEGMENT, &size, sizeof size);
    if (flow->launch != NULL) {
        uint64_t at_ns = client_launch_time(flow, 0);
        add_control(&way, SOL_SOCKET, SCM_TXTIME, &at_ns, sizeof at_ns);
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
