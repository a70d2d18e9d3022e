/* Which addresses the hosts have, the same in every lab. */
#include "topo/topo.h"

#include <string.h>

/* Of fd00::/8 (RFC 4193), with "nsmo" as the global ID's last four bytes; the subnet number follows. */
static const uint8_t ula[6] = {0xfd, 0x00, 0x6e, 0x73, 0x6d, 0x6f};

/* The subnet of all taps; those of the hosts' further addresses are their numbers. */
enum { SUBNET_OF_TAPS = 0x6e };

void topo_host_address(unsigned host, unsigned index, struct ip_address *ipv4, struct ip_address *ipv6) {
    *ipv4 = (struct ip_address){.family = 4, .bytes = {10, 0, 0, (uint8_t)host}};
    *ipv6 = (struct ip_address){.family = 6};
    memcpy(ipv6->bytes, ula, sizeof ula);
    ipv6->bytes[7] = SUBNET_OF_TAPS;
    ipv6->bytes[15] = (uint8_t)host;
    if (index > 0) {
        topo_host_prefix(host, ipv4, ipv6);
        ipv4->bytes[2] = (uint8_t)(index >> 8);
        ipv4->bytes[3] = (uint8_t)index;
        ipv6->bytes[14] = (uint8_t)(index >> 8);
        ipv6->bytes[15] = (uint8_t)index;
    }
}

void topo_host_prefix(unsigned host, struct ip_address *ipv4, struct ip_address *ipv6) {
    *ipv4 = (struct ip_address){.family = 4, .bytes = {10, (uint8_t)host, 0, 0}};
    *ipv6 = (struct ip_address){.family = 6};
    memcpy(ipv6->bytes, ula, sizeof ula);
    ipv6->bytes[7] = (uint8_t)host;
}
