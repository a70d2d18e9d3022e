/* A filter for flows in the language of pcap-filter(7), as far as flows know what it asks for. */
#pragma once

#include "collector/store/read/flow_query.h"

#define FILTER_TEXT_MAX 16384

/* Reads 'text' into 'filter'; the empty text lets every row through.
 *
 * "and" and "or" have equal precedence and go from left to right, "not" binds more tightly, and a value
 * without a keyword takes that of the primitive before it, all as in pcap-filter(7) ("port 80 or 443"). Names
 * of hosts and services are not looked up.  Returns 0, or -EINVAL with 'error' saying where it went wrong and
 * what was expected there.  Nothing is allocated. */
int filter_parse(const char *text, struct read_filter *filter, struct error *error);
