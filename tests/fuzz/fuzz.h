/* What the fuzz targets share.
 *
 * Inputs that are sequences of datagrams are written as: two bytes of length, big endian, then the datagram,
 * and so on; seeds.c writes them out of captures. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes the next datagram off 'input' into a copy that ends where its memory ends, so that a read beyond it
 * is seen; NULL at the end.  To be freed. */
uint8_t *fuzz_next_datagram(struct cursor *input, size_t *size);
