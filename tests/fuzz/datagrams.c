#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

uint8_t *fuzz_next_datagram(struct cursor *input, size_t *size) {
    if (cursor_left(input) < 2) {
        return NULL;
    }
    size_t length = cursor_u16(input);
    length = length < cursor_left(input) ? length : cursor_left(input);
    const uint8_t *bytes = cursor_bytes(input, length);
    uint8_t *copy = malloc(length == 0 ? 1 : length);
    if (copy != NULL && length != 0) {
        memcpy(copy, bytes, length);
    }
    *size = length;
    return copy;
}
