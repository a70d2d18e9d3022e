#include "common/flow_key.h"

#include <stdio.h>
#include <string.h>

#include <xxhash.h>

bool flow_key_equal(const struct flow_key *a, const struct flow_key *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

uint64_t flow_key_hash(const struct flow_key *key) {
    return XXH3_64bits(key, sizeof *key);
}

bool protocol_has_ports(uint8_t protocol) {
    return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_SCTP;
}

struct name {
    unsigned int number;
    const char *name;
};

static const struct name protocol_names[] = {
    {PROTOCOL_ICMP, "icmp"},    {PROTOCOL_TCP, "tcp"},   {PROTOCOL_UDP, "udp"},
    {PROTOCOL_ICMPV6, "icmp6"}, {PROTOCOL_SCTP, "sctp"},
};

static const struct name ethertype_names[] = {
    {ETHERTYPE_ARP, "arp"},
    {ETHERTYPE_LLDP, "lldp"},
    {ETHERTYPE_LLC, "llc"},
};

static const char *find_name(const struct name *names, size_t count, unsigned int number) {
    for (size_t i = 0; i < count; i++) {
        if (names[i].number == number) {
            return names[i].name;
        }
    }
    return NULL;
}

const char *flow_key_protocol_name(const struct flow_key *key, char text[PROTOCOL_NAME_SIZE]) {
    bool ip = key->family != 0;
    const char *name =
        ip ? find_name(protocol_names, sizeof protocol_names / sizeof *protocol_names, key->protocol)
           : find_name(ethertype_names, sizeof ethertype_names / sizeof *ethertype_names, key->ethertype);
    if (name != NULL) {
        snprintf(text, PROTOCOL_NAME_SIZE, "%s", name);
    } else if (ip) {
        snprintf(text, PROTOCOL_NAME_SIZE, "%u", key->protocol);
    } else {
        snprintf(text, PROTOCOL_NAME_SIZE, "0x%04x", key->ethertype);
    }
    return text;
}

const char *flow_key_format(const struct flow_key *key, char text[FLOW_KEY_TEXT_SIZE]) {
    char protocol[PROTOCOL_NAME_SIZE];
    flow_key_protocol_name(key, protocol);
    if (key->family == 0) {
        snprintf(text, FLOW_KEY_TEXT_SIZE, "%s", protocol);
        return text;
    }
    struct ip_address src = ip_address_make(key->family, key->src);
    struct ip_address dst = ip_address_make(key->family, key->dst);
    char src_text[IP_TEXT_SIZE];
    char dst_text[IP_TEXT_SIZE];
    ip_address_format(&src, src_text);
    ip_address_format(&dst, dst_text);
    if (key->protocol == PROTOCOL_ICMP || key->protocol == PROTOCOL_ICMPV6) {
        snprintf(text, FLOW_KEY_TEXT_SIZE, "%s %s > %s type %u code %u", protocol, src_text, dst_text,
                 key->dport >> 8, key->dport & 0xffU);
    } else if (!protocol_has_ports(key->protocol)) {
        snprintf(text, FLOW_KEY_TEXT_SIZE, "%s %s > %s", protocol, src_text, dst_text);
    } else if (key->family == 6) {
        snprintf(text, FLOW_KEY_TEXT_SIZE, "%s [%s]:%u > [%s]:%u", protocol, src_text, key->sport, dst_text,
                 key->dport);
    } else {
        snprintf(text, FLOW_KEY_TEXT_SIZE, "%s %s:%u > %s:%u", protocol, src_text, key->sport, dst_text,
                 key->dport);
    }
    return text;
}
