/* The packet header walk: from the first bytes of a frame to its flow key.
 *
 * For sampled headers and for captures alike, so that an sFlow sample and the truth of the same frame have
 * the same key.  Pure and without allocation: it runs once a captured frame. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/flow_key.h"

#define PACKET_VLAN_MAX 4 /* more tags are stepped over and not kept */
#define PACKET_MPLS_MAX 4

/* Where the bytes begin. */
enum packet_link {
    PACKET_ETHERNET, /* sFlow header_protocol 1, DLT_EN10MB */
    PACKET_IPV4,     /* sFlow header_protocol 11 */
    PACKET_IPV6,     /* sFlow header_protocol 12 */
    PACKET_RAW_IP,   /* DLT_RAW: the version nibble says which */
};

enum packet_status {
    PACKET_OK,        /* the key is whole */
    PACKET_CUT,       /* the header was captured too short for the key */
    PACKET_MALFORMED, /* the frame itself is broken; its key goes as far as it could be read */
};

enum packet_tunnel {
    TUNNEL_NONE,
    TUNNEL_IPIP, /* IPv4 or IPv6 in either */
    TUNNEL_GRE,
    TUNNEL_VXLAN,
    TUNNEL_GENEVE,
    TUNNEL_MPLS,
    TUNNEL_PPPOE,
};

struct packet {
    enum packet_status status;
    struct flow_key key;
    bool has_macs;
    uint8_t dst_mac[6], src_mac[6];
    uint8_t vlan_count;             /* tags in the frame; the first PACKET_VLAN_MAX are kept */
    uint16_t vlan[PACKET_VLAN_MAX]; /* tag control information (priority, VLAN id), outermost first */
    uint8_t mpls_count;             /* likewise */
    uint32_t mpls[PACKET_MPLS_MAX]; /* label stack entries */
    uint8_t tos;                    /* ToS or traffic class, ECN included */
    uint8_t ttl;                    /* TTL or hop limit */
    uint8_t tcp_flags;
    bool fragment;       /* any fragment of a datagram */
    bool later_fragment; /* one that has no upper header */
    uint32_t flow_label; /* IPv6 */
    uint32_t ip_bytes;   /* what the IP header says of the packet, header included; 0 when not IP */
    uint32_t l3_offset;  /* from the first byte to behind MACs and VLAN tags */
    uint32_t l4_offset;  /* to the upper header; 0 when not IP */
    enum packet_tunnel tunnel;
    bool has_inner;
    struct flow_key inner;    /* the flow inside a tunnel or below MPLS labels, as far as it could be read */
    uint32_t inner_l4_offset; /* to the inner upper header; 0 when it is no whole IP packet */
};

/* Walks the headers of the frame of which 'captured' bytes stand at 'bytes' and which had 'wire' bytes
 * (without FCS), and fills 'packet'.  Returns packet->status.
 *
 * The key follows common/flow_key.h.  With PACKET_CUT the key holds what could be read and must not be taken
 * for the frame's.  What Open vSwitch does not take for IP (bad version or header length) is keyed by
 * EtherType.  A later IPv6 fragment is of protocol 44, since no upper header is there (OVS lib/flow.c says
 * the same).  MPLS and PPPoE frames are keyed by EtherType and have the IP flow as 'inner'.
 *
 * IEEE 802.3, 802.1Q, 802.1ad; RFC 791, 8200, 3032, 2784, 2890, 7348, 8926. */
enum packet_status packet_parse(const uint8_t *bytes, size_t captured, size_t wire, enum packet_link link,
                                struct packet *packet);

/* The VLAN id of the outermost tag, or -1 for an untagged frame. */
static inline int packet_vlan_id(const struct packet *packet) {
    return packet->vlan_count == 0 ? -1 : packet->vlan[0] & 0xfff;
}

/* The word for 'tunnel': "gre", "vxlan" ... */
const char *packet_tunnel_name(enum packet_tunnel tunnel);
