/* NetFlow v1, v5 and v7: a header and records of one fixed layout each. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "collector/decode/flow_record.h"

/* Reads the header of the datagram of 'size' bytes at 'bytes' into 'header'.  Returns 0, -EBADMSG when it is
 * cut, or -EPROTONOSUPPORT for another version. */
int netflow5_read_header(const uint8_t *bytes, size_t size, struct export_header *header);

/* Decodes the datagram of 'size' bytes at 'bytes', whose 'header' was read before, and calls 'emit' once a
 * record, in order; 'context' is handed to it untouched.
 *
 * Counters come out as they stand on the wire.  Nothing is allocated, nothing of the datagram is kept.
 * Returns the number of records emitted; '*malformed' is set when the header's count and the size disagree,
 * and then only the whole records that are there, and no more than the count, come out.
 *
 * Cisco, "NetFlow Export Datagram Format", tables B-1 to B-6. */
size_t netflow5_decode(const uint8_t *bytes, size_t size, const struct export_header *header,
                       flow_record_fn *emit, void *context, bool *malformed);
