/* What the two ends say to each other: one JSON object a line, each with a "type", over TCP.
 *
 * Nothing that comes in is trusted: a line, and how deep it nests, are bounded before a parser sees it, and
 * every number is asked for with its range. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* Of a line, its newline included. */
#define REMOTE_LINE_MAX  ((size_t)65536)
#define REMOTE_DEPTH_MAX 6
/* The version of what is said; both ends must have the same. */
#define REMOTE_PROTOCOL 2
/* The control connection's port unless another is given. */
#define REMOTE_PORT 7699

/* Reads the 'size' bytes at 'line', without a newline, as a message.  Returns an object that has a string
 * "type", to be released with json_decref(), or NULL with 'error' filled. */
json_t *remote_message_parse(const char *line, size_t size, struct error *error);

/* The "type" of 'message'. */
const char *remote_message_type(const json_t *message);

/* Reads the whole number 'key' of 'message', 'minimum' to 'maximum', into 'value'.  Returns 0, or -EPROTO
 * with 'error' filled. */
int remote_take_integer(const json_t *message, const char *key, int64_t minimum, int64_t maximum,
                        int64_t *value, struct error *error);

/* Reads the string 'key', 16 hexadecimal digits, into 'value'.  Returns as above. */
int remote_take_hex(const json_t *message, const char *key, uint64_t *value, struct error *error);

/* The number 'value' as such a string. */
json_t *remote_hex(uint64_t value);

/* The string 'key' of 'message' as text for people in 'text' of 'size' bytes: cut, and what a terminal would
 * not print as it stands replaced by '?'.  "" if there is none.  Returns 'text'. */
const char *remote_take_text(const json_t *message, const char *key, char *text, size_t size);
