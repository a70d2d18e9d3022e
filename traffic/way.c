#include "traffic/way.h"

#include <string.h>

void traffic_way_add(struct traffic_way *way, int level, int type, const void *data, size_t size) {
    struct cmsghdr part = {.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(size)};
    uint8_t *to = way->control + way->header.msg_controllen;
    memset(to, 0, CMSG_SPACE(size));
    memcpy(to, &part, sizeof part);
    memcpy(to + CMSG_LEN(0), data, size);
    way->header.msg_control = way->control;
    way->header.msg_controllen += CMSG_SPACE(size);
}

void traffic_way_add_source(struct traffic_way *way, const struct ip_address *address) {
    if (address->family == 6) {
        struct in6_pktinfo info = {0};
        memcpy(&info.ipi6_addr, address->bytes, sizeof info.ipi6_addr);
        traffic_way_add(way, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    } else {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, address->bytes, sizeof info.ipi_spec_dst);
        traffic_way_add(way, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    }
}

void traffic_way_add_header(struct traffic_way *way, const struct traffic_flow *flow) {
    bool six = flow->family == 6;
    int level = six ? IPPROTO_IPV6 : IPPROTO_IP;
    int class = flow->group == NULL ? 0 : flow->group->dscp << 2;
    int ttl = flow->group == NULL ? 0 : flow->group->ttl;
    if (class != 0) {
        traffic_way_add(way, level, six ? IPV6_TCLASS : IP_TOS, &class, sizeof class);
    }
    if (ttl != 0) {
        traffic_way_add(way, level, six ? IPV6_HOPLIMIT : IP_TTL, &ttl, sizeof ttl);
    }
}
