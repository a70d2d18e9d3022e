/* A bounds-checked reader of network-order bytes.
 *
 * Every read of the wire goes through a cursor.  A read past the end returns zero, moves nothing, and sets
 * 'failed', which stays set: a parser may read a whole structure and ask once, at the end.  A nested
 * structure gets a cursor of its own with exactly its own length (cursor_sub()), so that its length field
 * can't reach into its neighbour. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
    const uint8_t *at;  /* next byte to read */
    const uint8_t *end; /* one past the last byte */
    bool failed;        /* some read went past the end */
};

/* A cursor over the 'size' bytes at 'data'. */
static inline struct cursor cursor_over(const void *data, size_t size) {
    const uint8_t *bytes = data;
    return (struct cursor){.at = bytes, .end = bytes == NULL ? bytes : bytes + size, .failed = false};
}

/* How many bytes are left. */
static inline size_t cursor_left(const struct cursor *cursor) {
    return (size_t)(cursor->end - cursor->at);
}

/* Returns a pointer to the next 'size' bytes and steps over them, or NULL, with 'failed' set, if there are
 * fewer. */
static inline const uint8_t *cursor_bytes(struct cursor *cursor, size_t size) {
    if (cursor->failed || cursor_left(cursor) < size) {
        cursor->failed = true;
        return NULL;
    }
    const uint8_t *bytes = cursor->at;
    cursor->at += size;
    return bytes;
}

/* Steps over 'size' bytes. */
static inline void cursor_skip(struct cursor *cursor, size_t size) {
    (void)cursor_bytes(cursor, size);
}

/* Copies the next 'size' bytes to 'to', or zeroes it if there are fewer. */
static inline void cursor_copy(struct cursor *cursor, void *to, size_t size) {
    const uint8_t *bytes = cursor_bytes(cursor, size);
    if (bytes != NULL) {
        memcpy(to, bytes, size);
    } else {
        memset(to, 0, size);
    }
}

/* Reads an unsigned number of 'size' bytes (0 to 8), big endian. */
static inline uint64_t cursor_unsigned(struct cursor *cursor, size_t size) {
    const uint8_t *bytes = cursor_bytes(cursor, size);
    uint64_t value = 0;
    for (size_t i = 0; bytes != NULL && i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static inline uint8_t cursor_u8(struct cursor *cursor) {
    return (uint8_t)cursor_unsigned(cursor, 1);
}

static inline uint16_t cursor_u16(struct cursor *cursor) {
    return (uint16_t)cursor_unsigned(cursor, 2);
}

static inline uint32_t cursor_u32(struct cursor *cursor) {
    return (uint32_t)cursor_unsigned(cursor, 4);
}

static inline uint64_t cursor_u64(struct cursor *cursor) {
    return cursor_unsigned(cursor, 8);
}

/* Returns a cursor over the next 'size' bytes and steps over them; if there are fewer, both have failed. */
static inline struct cursor cursor_sub(struct cursor *cursor, size_t size) {
    const uint8_t *bytes = cursor_bytes(cursor, size);
    if (bytes == NULL) {
        return (struct cursor){.at = cursor->end, .end = cursor->end, .failed = true};
    }
    return cursor_over(bytes, size);
}
