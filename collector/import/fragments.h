/* IP fragments of exports put together again: a few datagrams at a time, of 64 KiB at most. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "collector/decode/packet.h"

struct fragments;

struct fragment_counts {
    uint64_t fragments; /* taken in */
    uint64_t datagrams; /* that became whole */
};

/* NULL when memory is out. */
struct fragments *fragments_create(void);

/* Takes NULL. */
void fragments_destroy(struct fragments *fragments);

/* Takes in the fragment of UDP that 'packet' describes, whose frame has the 'size' bytes at 'bytes'.  Returns
 * what stands behind the IP header of the whole datagram, '*whole' bytes of it, when this was the last that
 * was missing, and NULL before; it holds until the next call.  Overlapping fragments overwrite each other.
 *
 * RFC 791, 3.2; RFC 8200, 4.5. */
const uint8_t *fragments_take(struct fragments *fragments, const struct packet *packet, const uint8_t *bytes,
                              size_t size, size_t *whole);

struct fragment_counts fragments_counts(const struct fragments *fragments);
