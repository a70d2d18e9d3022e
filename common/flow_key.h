/* The flow key: the same for every exporter and for the truth.
 *
 * EtherType (behind VLAN tags), IP protocol, addresses, ports, one direction.  ICMP and ICMPv6 have source
 * port 0 and type * 256 + code in the destination port's place.  A later fragment has ports 0; a first
 * fragment keeps its own. A frame that is not IP is one key by EtherType, all else zero. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"

#define ETHERTYPE_LLC  0x05ff /* our word for an 802.3 frame without an EtherType, as in OVS's packets.h */
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP  0x0806
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_LLDP 0x88cc

#define PROTOCOL_ICMP   1
#define PROTOCOL_TCP    6
#define PROTOCOL_UDP    17
#define PROTOCOL_ICMPV6 58
#define PROTOCOL_SCTP   132

/* 40 bytes without padding, so that keys compare with memcmp() and hash as bytes. */
struct flow_key {
    uint16_t ethertype;
    uint8_t protocol; /* IP protocol; 0 when not IP */
    uint8_t family;   /* 4, 6, or 0 when not IP */
    uint16_t sport;
    uint16_t dport;  /* ICMP: type * 256 + code */
    uint8_t src[16]; /* IPv4 in the first four bytes, the rest zero */
    uint8_t dst[16];
};

_Static_assert(sizeof(struct flow_key) == 40, "flow_key must have no padding");

bool flow_key_equal(const struct flow_key *a, const struct flow_key *b);
uint64_t flow_key_hash(const struct flow_key *key);

/* True if 'protocol' has ports where UDP has them. */
bool protocol_has_ports(uint8_t protocol);

/* Room for the name of a protocol, its NUL included. */
#define PROTOCOL_NAME_SIZE 12

/* Writes what 'key' is of: tcp, udp, icmp, icmp6, sctp or the protocol's number for IP; arp, lldp, llc or the
 * EtherType as 0x88cc for frames that are not IP.  Returns 'text'. */
const char *flow_key_protocol_name(const struct flow_key *key, char text[PROTOCOL_NAME_SIZE]);

/* Room for the text of a flow key, its NUL included. */
#define FLOW_KEY_TEXT_SIZE 128

/* Writes 'key' as "udp 10.0.0.1:5000 > 10.0.0.2:5001", "icmp 10.0.0.1 > 10.0.0.2 type 8 code 0" or "arp".
 * Returns 'text'. */
const char *flow_key_format(const struct flow_key *key, char text[FLOW_KEY_TEXT_SIZE]);
