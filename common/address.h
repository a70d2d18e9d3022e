/* IP and MAC addresses as values. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/error.h"

/* An IPv4 or IPv6 address.  IPv4 stands in the first four bytes; the rest is zero, so that addresses compare
 * with memcmp(). */
struct ip_address {
    uint8_t family; /* 4, 6, or 0 for none */
    uint8_t bytes[16];
};

/* Room for the longest text of an address, its NUL included. */
#define IP_TEXT_SIZE  46
#define MAC_TEXT_SIZE 18

/* The address of 'family' (4 or 6) whose bytes stand at 'bytes'. */
struct ip_address ip_address_make(uint8_t family, const uint8_t *bytes);

bool ip_address_equal(const struct ip_address *a, const struct ip_address *b);

/* Writes 'address' as text ("" for none).  Returns 'text'. */
const char *ip_address_format(const struct ip_address *address, char text[IP_TEXT_SIZE]);

/* Reads 'text' into 'address'.  Returns 0, or -EINVAL with 'error' filled. */
int ip_address_parse(const char *text, struct ip_address *address, struct error *error);

/* Takes address and port out of 'sockaddr'; an IPv4-mapped IPv6 address becomes IPv4.  Another family gives
 * none and port 0. */
void ip_address_from_sockaddr(const struct sockaddr_storage *sockaddr, struct ip_address *address,
                              uint16_t *port);

/* Fills 'sockaddr' from 'address' and 'port'.  Returns its length, or 0 for no address. */
socklen_t ip_address_to_sockaddr(const struct ip_address *address, uint16_t port,
                                 struct sockaddr_storage *sockaddr);

/* Writes a MAC address as "aa:bb:cc:dd:ee:ff".  Returns 'text'. */
const char *mac_format(const uint8_t mac[6], char text[MAC_TEXT_SIZE]);

/* Reads "aa:bb:cc:dd:ee:ff".  Returns 0, or -EINVAL with 'error' filled. */
int mac_parse(const char *text, uint8_t mac[6], struct error *error);
