/* Numbers and names out of arguments. */
#pragma once

#include <stdint.h>

#include "common/error.h"

/* Reads the whole number 'text' of 'minimum' to 'maximum', given for 'option' ("--sampling").  Returns 0, or
 * -EINVAL with 'error' filled. */
int parse_number(const char *option, const char *text, int64_t minimum, int64_t maximum, int64_t *value,
                 struct error *error);

/* Reads a time such as "20", "0.5", "300ms" or "2m"; seconds without a unit.  Returns 0, or -EINVAL with
 * 'error' filled. */
int parse_duration(const char *option, const char *text, int64_t *value_ns, struct error *error);

/* Reads a number of bytes such as "1000", "500k", "10m" or "1g" (of 1000), 1 to 'maximum'.  Returns 0, or
 * -EINVAL with 'error' filled. */
int parse_bytes(const char *option, const char *text, int64_t maximum, int64_t *value, struct error *error);

/* Reads a rate, "10mbit" of which a packet has 'bytes' bytes, or "1000pps", as the time from one packet to
 * the next in nanoseconds; "0" is 0, as fast as it goes.  Returns 0, or -EINVAL with 'error' filled. */
int parse_gap(const char *option, const char *text, int64_t bytes, int64_t *gap_ns, struct error *error);

/* Reads the decimal number 'text' above 0 and up to 'maximum'.  Returns 0, or -EINVAL with 'error' filled. */
int parse_factor(const char *option, const char *text, double maximum, double *value, struct error *error);

/* Reads the decimal number 'text' from 0 to 'maximum'.  Returns as parse_factor(). */
int parse_speed(const char *option, const char *text, double maximum, double *value, struct error *error);

/* Reads a host of a lab, "ns3" or "3", into '*host', 1 to TOPO_HOSTS_MAX; 'option' as above.  Returns 0, or
 * -EINVAL with 'error' filled. */
int parse_host(const char *option, const char *text, unsigned *host, struct error *error);

/* Reads a lab's prefix: up to 5 of a-z and 0-9.  Returns 0, or -EINVAL with 'error' filled. */
int parse_prefix(const char *text, char prefix[6], struct error *error);
