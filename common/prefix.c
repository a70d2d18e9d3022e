#include "common/prefix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The bits of byte 'at' that count in a prefix of 'length' bits. */
static uint8_t mask_of(uint8_t length, size_t at) {
    size_t bits = length > at * 8 ? length - at * 8 : 0;
    return (uint8_t)(bits >= 8 ? 0xffU : 0xff00U >> bits);
}

int ip_prefix_parse(const char *text, struct ip_prefix *prefix, struct error *error) {
    const char *slash = strchr(text, '/');
    size_t size = slash == NULL ? strlen(text) : (size_t)(slash - text);
    char address[IP_TEXT_SIZE];
    struct ip_prefix parsed = {0};
    if (size >= sizeof address) {
        return error_set(error, -EINVAL, "'%s' is not a network such as 192.0.2.0/24 or 2001:db8::/32", text);
    }
    snprintf(address, sizeof address, "%.*s", (int)size, text);
    if (ip_address_parse(address, &parsed.address, NULL) != 0) {
        return error_set(error, -EINVAL, "'%s' is not a network such as 192.0.2.0/24 or 2001:db8::/32", text);
    }
    uint8_t bits = parsed.address.family == 6 ? 128 : 32;
    parsed.length = bits;
    if (slash != NULL) {
        char *end = NULL;
        unsigned long length = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || length > bits) {
            return error_set(error, -EINVAL, "the network '%s' needs a length of 0 to %u after the '/'", text,
                             bits);
        }
        parsed.length = (uint8_t)length;
    }
    for (size_t i = 0; i < sizeof parsed.address.bytes; i++) {
        parsed.address.bytes[i] &= mask_of(parsed.length, i);
    }
    *prefix = parsed;
    return 0;
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address) {
    if (prefix->address.family != address->family) {
        return false;
    }
    for (size_t i = 0; i < sizeof address->bytes; i++) {
        if ((address->bytes[i] & mask_of(prefix->length, i)) != prefix->address.bytes[i]) {
            return false;
        }
    }
    return true;
}
