/* Which export protocol a datagram is of, told by its content alone: any protocol may come to any port. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum export_protocol {
    EXPORT_NONE, /* no export */
    EXPORT_SFLOW5,
    EXPORT_NETFLOW1,
    EXPORT_NETFLOW5,
    EXPORT_NETFLOW7,
    EXPORT_NETFLOW9,
    EXPORT_IPFIX,
};

/* The protocol of the datagram of 'size' bytes at 'bytes'.  A datagram that was sent to a collector is judged
 * by its version and shortest length.  With 'strict', for a capture in which anything may stand, its lengths
 * and counts must agree too. */
enum export_protocol protocol_recognise(const uint8_t *bytes, size_t size, bool strict);

/* The protocol's name in the database: "sflow5", "netflow5", "ipfix" ... */
const char *protocol_name(enum export_protocol protocol);

/* In the database, the protocol of IPFIX records of single rules beside IPFIX of a whole switch: they speak
 * of the same frames. */
#define PROTOCOL_IPFIX_FLOW "ipfix-flow"

/* The other way; EXPORT_NONE for an unknown name. */
enum export_protocol protocol_by_name(const char *name);
