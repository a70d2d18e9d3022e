/* Networks: an address and how many of its bits count. */
#pragma once

#include "common/address.h"

struct ip_prefix {
    struct ip_address address;
    uint8_t length; /* bits */
};

/* Reads "192.0.2.0/24", "2001:db8::/32", or an address, which is a network of its own, into 'prefix'.  Bits
 * behind the length are taken as zero.  Returns 0, or -EINVAL with 'error' filled. */
int ip_prefix_parse(const char *text, struct ip_prefix *prefix, struct error *error);

/* True if 'address' lies in 'prefix'. */
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address);
