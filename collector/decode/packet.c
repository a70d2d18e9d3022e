#include "collector/decode/packet.h"

#include <string.h>

#include "common/cursor.h"

#define ETHERTYPE_VLAN    0x8100
#define ETHERTYPE_QINQ    0x88a8
#define ETHERTYPE_QINQ_1  0x9100 /* before 802.1ad */
#define ETHERTYPE_MPLS    0x8847
#define ETHERTYPE_MPLS_MC 0x8848
#define ETHERTYPE_PPPOE   0x8864
#define ETHERTYPE_TEB     0x6558 /* transparent Ethernet bridging */
#define ETHERTYPE_MIN     0x0600 /* below it stands an 802.3 length */

#define PROTOCOL_IPIP     4
#define PROTOCOL_IPV6     41
#define PROTOCOL_FRAGMENT 44
#define PROTOCOL_GRE      47

#define PORT_VXLAN  4789
#define PORT_GENEVE 6081

#define TAGS_MAX       8 /* VLAN tags, MPLS labels */
#define EXTENSIONS_MAX 8 /* IPv6 extension headers */

/* One walk over one set of headers; the inner one of a tunnel is a second walk. */
struct walk {
    const uint8_t *start;
    struct cursor cursor;
    bool cut; /* the frame goes on behind the cursor's end */
    bool inner;
    struct packet *packet;
    struct flow_key *key;
};

static enum packet_status short_of(const struct walk *walk) {
    return walk->cut ? PACKET_CUT : PACKET_MALFORMED;
}

static void walk_inner_ethernet(struct walk *outer, enum packet_tunnel tunnel);
static void walk_inner_ip(struct walk *outer, enum packet_tunnel tunnel, uint16_t ethertype);

/* GRE without routing (RFC 2784, 2890): flags, protocol, then checksum, key and sequence where flagged. */
static void walk_gre(struct walk *walk) {
    uint16_t flags = cursor_u16(&walk->cursor);
    uint16_t ethertype = cursor_u16(&walk->cursor);
    if ((flags & 0x4007) != 0) {
        return;
    }
    static const uint16_t optional[] = {0x8000, 0x2000, 0x1000};
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++) {
        cursor_skip(&walk->cursor, (flags & optional[i]) != 0 ? 4 : 0);
    }
    if (ethertype == ETHERTYPE_TEB) {
        walk_inner_ethernet(walk, TUNNEL_GRE);
    } else {
        walk_inner_ip(walk, TUNNEL_GRE, ethertype);
    }
}

/* Geneve (RFC 8926, 3.4): version and option length in words, flags, protocol, VNI. */
static void walk_geneve(struct walk *walk) {
    uint8_t first = cursor_u8(&walk->cursor);
    cursor_skip(&walk->cursor, 1);
    uint16_t ethertype = cursor_u16(&walk->cursor);
    cursor_skip(&walk->cursor, 4 + (first & 0x3fU) * 4);
    if ((first & 0xc0) != 0) {
        return;
    }
    if (ethertype == ETHERTYPE_TEB) {
        walk_inner_ethernet(walk, TUNNEL_GENEVE);
    } else {
        walk_inner_ip(walk, TUNNEL_GENEVE, ethertype);
    }
}

static void walk_vxlan(struct walk *walk) {
    uint8_t flags = cursor_u8(&walk->cursor);
    cursor_skip(&walk->cursor, 7);
    if ((flags & 0x08) != 0) {
        walk_inner_ethernet(walk, TUNNEL_VXLAN);
    }
}

/* The flow inside an outer IP packet.  What is not there only leaves 'inner' unset. */
static void walk_tunnel(struct walk *walk) {
    if (walk->inner) {
        return;
    }
    switch (walk->key->protocol) {
    case PROTOCOL_IPIP:
        walk_inner_ip(walk, TUNNEL_IPIP, ETHERTYPE_IPV4);
        break;
    case PROTOCOL_IPV6:
        walk_inner_ip(walk, TUNNEL_IPIP, ETHERTYPE_IPV6);
        break;
    case PROTOCOL_GRE:
        walk_gre(walk);
        break;
    case PROTOCOL_UDP:
        if (walk->key->dport == PORT_VXLAN) {
            cursor_skip(&walk->cursor, 4);
            walk_vxlan(walk);
        } else if (walk->key->dport == PORT_GENEVE) {
            cursor_skip(&walk->cursor, 4);
            walk_geneve(walk);
        }
        break;
    default:
        break;
    }
}

static enum packet_status walk_tcp_flags(struct walk *walk) {
    struct cursor cursor = walk->cursor; /* behind the ports */
    cursor_skip(&cursor, 9);
    uint8_t flags = cursor_u8(&cursor);
    if (!walk->inner && !cursor.failed) {
        walk->packet->tcp_flags = flags;
    }
    return PACKET_OK;
}

static enum packet_status walk_upper(struct walk *walk) {
    struct flow_key *key = walk->key;
    if (walk->inner) {
        walk->packet->inner_l4_offset = (uint32_t)(walk->cursor.at - walk->start);
    }
    bool icmp = (key->protocol == PROTOCOL_ICMP && key->family == 4) ||
                (key->protocol == PROTOCOL_ICMPV6 && key->family == 6);
    if (icmp) {
        key->dport = cursor_u16(&walk->cursor);
        return walk->cursor.failed ? short_of(walk) : PACKET_OK;
    }
    if (protocol_has_ports(key->protocol)) {
        uint16_t sport = cursor_u16(&walk->cursor);
        uint16_t dport = cursor_u16(&walk->cursor);
        if (walk->cursor.failed) {
            return short_of(walk);
        }
        key->sport = sport;
        key->dport = dport;
        if (key->protocol == PROTOCOL_TCP) {
            return walk_tcp_flags(walk);
        }
    }
    walk_tunnel(walk);
    return PACKET_OK;
}

/* Cuts the cursor to the 'size' bytes of the IP packet that are left, so that padding is no header. */
static void walk_limit(struct walk *walk, size_t size) {
    if (size <= cursor_left(&walk->cursor)) {
        walk->cursor.end = walk->cursor.at + size;
        walk->cut = false;
    }
}

static enum packet_status walk_ipv4(struct walk *walk) {
    struct packet *packet = walk->packet;
    struct flow_key *key = walk->key;
    const uint8_t *header = cursor_bytes(&walk->cursor, 20);
    if (header == NULL) {
        return short_of(walk);
    }
    size_t header_size = (size_t)(header[0] & 0x0f) * 4;
    size_t total = (size_t)(header[2] << 8 | header[3]);
    if (header[0] >> 4 != 4 || header_size < 20 || (total != 0 && total < header_size)) {
        return PACKET_MALFORMED;
    }
    unsigned int fragment = (unsigned int)(header[6] << 8 | header[7]);
    bool later = (fragment & 0x1fff) != 0;
    key->family = 4;
    key->protocol = header[9];
    memcpy(key->src, header + 12, 4);
    memcpy(key->dst, header + 16, 4);
    if (!walk->inner) {
        packet->tos = header[1];
        packet->ttl = header[8];
        packet->ip_bytes = (uint32_t)total;
        packet->fragment = (fragment & 0x3fff) != 0;
        packet->later_fragment = later;
        packet->l4_offset = (uint32_t)((size_t)(header - walk->start) + header_size);
    }
    if (later) {
        return PACKET_OK;
    }
    if (total != 0) { /* 0: a segment too large for the field, seen before it was cut up (RFC 2675's idea) */
        walk_limit(walk, total - 20);
    }
    cursor_skip(&walk->cursor, header_size - 20);
    return walk->cursor.failed ? short_of(walk) : walk_upper(walk);
}

/* True for the extension headers that have a next header and a length (RFC 8200, 4; RFC 4302; RFC 6275). */
static bool is_extension(uint8_t protocol) {
    switch (protocol) {
    case 0:   /* hop-by-hop */
    case 43:  /* routing */
    case 51:  /* authentication */
    case 60:  /* destination options */
    case 135: /* mobility */
    case PROTOCOL_FRAGMENT:
        return true;
    default:
        return false;
    }
}

/* Steps over IPv6 extension headers.  Sets the key's protocol; 'later' is set for a fragment without an upper
 * header. */
static enum packet_status walk_extensions(struct walk *walk, uint8_t next, bool *later) {
    *later = false;
    for (int i = 0; i < EXTENSIONS_MAX && is_extension(next); i++) {
        const uint8_t *header = cursor_bytes(&walk->cursor, 8);
        if (header == NULL) {
            walk->key->protocol = next;
            return short_of(walk);
        }
        if (next == PROTOCOL_FRAGMENT) {
            unsigned int offset = (unsigned int)(header[2] << 8 | header[3]);
            if (!walk->inner) {
                walk->packet->fragment = offset != 0;
                walk->packet->later_fragment = (offset & 0xfff8) != 0;
            }
            if ((offset & 0xfff8) != 0) {
                walk->key->protocol = PROTOCOL_FRAGMENT;
                *later = true;
                return PACKET_OK;
            }
        } else if (next == 51) {
            size_t size = ((size_t)header[1] + 2) * 4;
            cursor_skip(&walk->cursor, size > 8 ? size - 8 : 0);
        } else {
            cursor_skip(&walk->cursor, (size_t)header[1] * 8);
        }
        next = header[0];
    }
    walk->key->protocol = next;
    return walk->cursor.failed ? short_of(walk) : PACKET_OK;
}

static enum packet_status walk_ipv6(struct walk *walk) {
    struct packet *packet = walk->packet;
    struct flow_key *key = walk->key;
    const uint8_t *header = cursor_bytes(&walk->cursor, 40);
    if (header == NULL) {
        return short_of(walk);
    }
    if (header[0] >> 4 != 6) {
        return PACKET_MALFORMED;
    }
    size_t payload = (size_t)(header[4] << 8 | header[5]);
    key->family = 6;
    key->protocol = header[6];
    memcpy(key->src, header + 8, 16);
    memcpy(key->dst, header + 24, 16);
    if (!walk->inner) {
        packet->tos = (uint8_t)(header[0] << 4 | header[1] >> 4);
        packet->ttl = header[7];
        packet->flow_label = (header[1] & 0x0fU) << 16 | (uint32_t)header[2] << 8 | header[3];
        packet->ip_bytes = payload == 0 ? 0 : (uint32_t)payload + 40;
    }
    if (payload != 0) { /* 0: a jumbogram, or no upper header */
        walk_limit(walk, payload);
    }
    bool later;
    enum packet_status status = walk_extensions(walk, header[6], &later);
    if (!walk->inner) {
        packet->l4_offset = (uint32_t)(walk->cursor.at - walk->start);
    }
    return status != PACKET_OK || later ? status : walk_upper(walk);
}

/* The label stack down to its bottom (RFC 3032, 2.1), then the version nibble of what is below. */
static void walk_mpls(struct walk *walk) {
    struct packet *packet = walk->packet;
    uint32_t entry = 0;
    for (int i = 0; i < TAGS_MAX && (entry & 0x100) == 0; i++) {
        entry = cursor_u32(&walk->cursor);
        if (walk->cursor.failed) {
            return;
        }
        if (packet->mpls_count < PACKET_MPLS_MAX) {
            packet->mpls[packet->mpls_count] = entry;
        }
        packet->mpls_count++;
    }
    if ((entry & 0x100) != 0 && cursor_left(&walk->cursor) > 0) {
        uint8_t version = *walk->cursor.at >> 4;
        walk_inner_ip(walk, TUNNEL_MPLS, version == 6 ? ETHERTYPE_IPV6 : version == 4 ? ETHERTYPE_IPV4 : 0);
    }
}

/* PPPoE session (RFC 2516, 4): version, code, session, length, then the PPP protocol. */
static void walk_pppoe(struct walk *walk) {
    cursor_skip(&walk->cursor, 6);
    uint16_t protocol = cursor_u16(&walk->cursor);
    if (protocol == 0x0021) {
        walk_inner_ip(walk, TUNNEL_PPPOE, ETHERTYPE_IPV4);
    } else if (protocol == 0x0057) {
        walk_inner_ip(walk, TUNNEL_PPPOE, ETHERTYPE_IPV6);
    }
}

static enum packet_status walk_network(struct walk *walk, uint16_t ethertype) {
    walk->key->ethertype = ethertype;
    if (!walk->inner) {
        walk->packet->l3_offset = (uint32_t)(walk->cursor.at - walk->start);
    }
    switch (ethertype) {
    case ETHERTYPE_IPV4:
        return walk_ipv4(walk);
    case ETHERTYPE_IPV6:
        return walk_ipv6(walk);
    case ETHERTYPE_MPLS:
    case ETHERTYPE_MPLS_MC:
        if (!walk->inner) {
            walk_mpls(walk);
        }
        return PACKET_OK;
    case ETHERTYPE_PPPOE:
        if (!walk->inner) {
            walk_pppoe(walk);
        }
        return PACKET_OK;
    default:
        return PACKET_OK;
    }
}

/* An 802.3 length where the EtherType stands: SNAP with the organisation 0 has an EtherType of its own, all
 * else is LLC (OVS lib/flow.c, parse_ethertype()). */
static enum packet_status walk_llc(struct walk *walk) {
    static const uint8_t snap[6] = {0xaa, 0xaa, 0x03, 0, 0, 0};
    struct cursor cursor = walk->cursor;
    const uint8_t *bytes = cursor_bytes(&cursor, sizeof snap);
    uint16_t ethertype = cursor_u16(&cursor);
    if (bytes != NULL && memcmp(bytes, snap, sizeof snap) == 0 && !cursor.failed &&
        ethertype >= ETHERTYPE_MIN) {
        walk->cursor = cursor;
        return walk_network(walk, ethertype);
    }
    walk->key->ethertype = ETHERTYPE_LLC;
    if (!walk->inner) {
        walk->packet->l3_offset = (uint32_t)(walk->cursor.at - walk->start);
    }
    return cursor.failed && walk->cut ? PACKET_CUT : PACKET_OK;
}

static bool is_vlan(uint16_t ethertype) {
    return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_QINQ || ethertype == ETHERTYPE_QINQ_1;
}

static enum packet_status walk_ethernet(struct walk *walk) {
    struct packet *packet = walk->packet;
    const uint8_t *macs = cursor_bytes(&walk->cursor, 12);
    if (macs != NULL && !walk->inner) {
        packet->has_macs = true;
        memcpy(packet->dst_mac, macs, 6);
        memcpy(packet->src_mac, macs + 6, 6);
    }
    uint16_t ethertype = cursor_u16(&walk->cursor);
    for (int i = 0; i < TAGS_MAX && is_vlan(ethertype) && !walk->cursor.failed; i++) {
        uint16_t tag = cursor_u16(&walk->cursor);
        ethertype = cursor_u16(&walk->cursor);
        if (!walk->inner && !walk->cursor.failed) {
            if (packet->vlan_count < PACKET_VLAN_MAX) {
                packet->vlan[packet->vlan_count] = tag;
            }
            packet->vlan_count++;
        }
    }
    if (walk->cursor.failed) {
        return short_of(walk);
    }
    return ethertype < ETHERTYPE_MIN ? walk_llc(walk) : walk_network(walk, ethertype);
}

/* A walk over what is left in 'outer', with the inner key. */
static struct walk inner_walk(struct walk *outer, enum packet_tunnel tunnel) {
    outer->packet->tunnel = tunnel;
    struct walk walk = *outer;
    walk.inner = true;
    walk.key = &outer->packet->inner;
    return walk;
}

static void keep_inner(struct walk *walk, enum packet_status status) {
    walk->packet->has_inner = status == PACKET_OK;
    if (status != PACKET_OK) {
        memset(&walk->packet->inner, 0, sizeof walk->packet->inner);
        walk->packet->inner_l4_offset = 0;
    }
}

static void walk_inner_ethernet(struct walk *outer, enum packet_tunnel tunnel) {
    if (!outer->cursor.failed) {
        struct walk walk = inner_walk(outer, tunnel);
        keep_inner(&walk, walk_ethernet(&walk));
    }
}

static void walk_inner_ip(struct walk *outer, enum packet_tunnel tunnel, uint16_t ethertype) {
    if (!outer->cursor.failed) {
        struct walk walk = inner_walk(outer, tunnel);
        bool ip = ethertype == ETHERTYPE_IPV4 || ethertype == ETHERTYPE_IPV6;
        keep_inner(&walk, ip ? walk_network(&walk, ethertype) : PACKET_MALFORMED);
    }
}

enum packet_status packet_parse(const uint8_t *bytes, size_t captured, size_t wire, enum packet_link link,
                                struct packet *packet) {
    memset(packet, 0, sizeof *packet);
    struct walk walk = {
        .start = bytes,
        .cursor = cursor_over(bytes, captured),
        .cut = captured < wire,
        .packet = packet,
        .key = &packet->key,
    };
    uint8_t version = captured > 0 ? bytes[0] >> 4 : 0;
    switch (link) {
    case PACKET_ETHERNET:
        packet->status = walk_ethernet(&walk);
        break;
    case PACKET_IPV4:
        packet->status = walk_network(&walk, ETHERTYPE_IPV4);
        break;
    case PACKET_IPV6:
        packet->status = walk_network(&walk, ETHERTYPE_IPV6);
        break;
    case PACKET_RAW_IP:
        packet->status = walk_network(&walk, version == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
        break;
    }
    return packet->status;
}

const char *packet_tunnel_name(enum packet_tunnel tunnel) {
    static const char *const names[] = {
        [TUNNEL_NONE] = "none",   [TUNNEL_IPIP] = "ipip",     [TUNNEL_GRE] = "gre",
        [TUNNEL_VXLAN] = "vxlan", [TUNNEL_GENEVE] = "geneve", [TUNNEL_MPLS] = "mpls",
        [TUNNEL_PPPOE] = "pppoe",
    };
    return names[tunnel];
}
