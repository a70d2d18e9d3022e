#include "common/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

struct ip_address ip_address_make(uint8_t family, const uint8_t *bytes) {
    struct ip_address address = {.family = family};
    memcpy(address.bytes, bytes, family == 6 ? 16 : 4);
    return address;
}

bool ip_address_equal(const struct ip_address *a, const struct ip_address *b) {
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

const char *ip_address_format(const struct ip_address *address, char text[IP_TEXT_SIZE]) {
    text[0] = '\0';
    if (address->family != 0) {
        inet_ntop(address->family == 6 ? AF_INET6 : AF_INET, address->bytes, text, IP_TEXT_SIZE);
    }
    return text;
}

int ip_address_parse(const char *text, struct ip_address *address, struct error *error) {
    struct ip_address parsed = {0};
    if (inet_pton(AF_INET, text, parsed.bytes) == 1) {
        parsed.family = 4;
    } else if (inet_pton(AF_INET6, text, parsed.bytes) == 1) {
        parsed.family = 6;
    } else {
        return error_set(error, -EINVAL, "'%s' is not an IPv4 or IPv6 address", text);
    }
    *address = parsed;
    return 0;
}

void ip_address_from_sockaddr(const struct sockaddr_storage *sockaddr, struct ip_address *address,
                              uint16_t *port) {
    *address = (struct ip_address){0};
    *port = 0;
    if (sockaddr->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sockaddr, sizeof in);
        *address = ip_address_make(4, (const uint8_t *)&in.sin_addr);
        *port = ntohs(in.sin_port);
    } else if (sockaddr->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sockaddr, sizeof in6);
        const uint8_t *bytes = in6.sin6_addr.s6_addr;
        *address =
            IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) ? ip_address_make(4, bytes + 12) : ip_address_make(6, bytes);
        *port = ntohs(in6.sin6_port);
    }
}

socklen_t ip_address_to_sockaddr(const struct ip_address *address, uint16_t port,
                                 struct sockaddr_storage *sockaddr) {
    memset(sockaddr, 0, sizeof *sockaddr);
    if (address->family == 4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&in.sin_addr, address->bytes, 4);
        memcpy(sockaddr, &in, sizeof in);
        return sizeof in;
    }
    if (address->family == 6) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&in6.sin6_addr, address->bytes, 16);
        memcpy(sockaddr, &in6, sizeof in6);
        return sizeof in6;
    }
    return 0;
}

const char *mac_format(const uint8_t mac[6], char text[MAC_TEXT_SIZE]) {
    snprintf(text, MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
             mac[5]);
    return text;
}

int mac_parse(const char *text, uint8_t mac[6], struct error *error) {
    unsigned int parts[6];
    int length = 0;
    int count = sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &parts[0], &parts[1], &parts[2], &parts[3],
                       &parts[4], &parts[5], &length);
    if (count != 6 || text[length] != '\0') {
        return error_set(error, -EINVAL, "'%s' is not a MAC address like aa:bb:cc:dd:ee:ff", text);
    }
    for (size_t i = 0; i < 6; i++) {
        mac[i] = (uint8_t)parts[i];
    }
    return 0;
}
