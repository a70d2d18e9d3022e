/* What a flow's group says of its packets' headers, and of TCP. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/in6.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "traffic/client_header.h"

static int set_int(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

/* Leases the flow label, so that the kernel lets the socket use it (ipv6(7), IPV6_FLOWLABEL_MGR); others may
 * have it, too. */
static int set_label(int fd, uint32_t label, const struct ip_address *peer) {
    struct in6_flowlabel_req request = {.flr_label = htonl(label),
                                        .flr_action = IPV6_FL_A_GET,
                                        .flr_share = IPV6_FL_S_ANY,
                                        .flr_flags = IPV6_FL_F_CREATE};
    memcpy(&request.flr_dst, peer->bytes, sizeof request.flr_dst);
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_FLOWLABEL_MGR, &request, sizeof request) != 0) {
        return -errno;
    }
    return set_int(fd, IPPROTO_IPV6, IPV6_FLOWINFO_SEND, 1);
}

static int set_tcp(int fd, const struct traffic_group *group) {
    int code = group->mss == 0 ? 0 : set_int(fd, IPPROTO_TCP, TCP_MAXSEG, group->mss);
    if (code == 0 && group->congestion != NULL &&
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, group->congestion,
                   (socklen_t)strlen(group->congestion)) != 0) {
        code = -errno;
    }
    return code;
}

int client_header_set(const struct traffic_flow *flow, int fd, bool shared, const struct ip_address *peer) {
    const struct traffic_group *group = flow->group;
    bool six = flow->family == 6;
    int code = 0;
    if (group == NULL) {
        return 0;
    }
    if (group->dscp != 0 && !shared) {
        code = six ? set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, group->dscp << 2)
                   : set_int(fd, IPPROTO_IP, IP_TOS, group->dscp << 2);
    }
    if (code == 0 && group->ttl != 0 && !shared) {
        code = six ? set_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, group->ttl)
                   : set_int(fd, IPPROTO_IP, IP_TTL, group->ttl);
    }
    if (code == 0 && group->flow_label != 0 && six) {
        code = set_label(fd, group->flow_label, peer);
    }
    return code == 0 && flow->protocol == PROTOCOL_TCP ? set_tcp(fd, group) : code;
}

uint32_t client_header_flowinfo(const struct traffic_flow *flow) {
    return flow->group == NULL || flow->family != 6 ? 0 : htonl(flow->group->flow_label);
}
