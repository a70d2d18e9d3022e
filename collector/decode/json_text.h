/* JSON text into a buffer of fixed size, for what has no column of its own.  Nothing is allocated; what does
 * not fit sets 'full', and the writer of a whole steps back with json_text_mark() and json_text_return(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_text {
    char *text;
    size_t size, length;
    bool full;
    bool comma; /* the next member is not the first */
};

/* Begins a text in the 'size' bytes at 'buffer'. */
struct json_text json_text_begin(char *buffer, size_t size);

/* A place to return to when what follows fails. */
static inline struct json_text json_text_mark(const struct json_text *json) {
    return *json;
}

static inline void json_text_return(struct json_text *json, const struct json_text *mark) {
    *json = *mark;
    json->text[json->length] = '\0';
}

/* "{" or "[", and "}" or "]". */
void json_text_open(struct json_text *json, char bracket);
void json_text_close(struct json_text *json, char bracket);

/* The name of the next member of an object. */
void json_text_name(struct json_text *json, const char *name);

void json_text_null(struct json_text *json);
void json_text_unsigned(struct json_text *json, uint64_t value);
void json_text_double(struct json_text *json, double value); /* null unless finite */

/* A string; bytes that are no UTF-8 become "?". */
void json_text_string(struct json_text *json, const uint8_t *bytes, size_t size);

/* A string of hexadecimal digits, of the first JSON_TEXT_HEX_MAX bytes at most; then "..." says that there
 * were more. */
#define JSON_TEXT_HEX_MAX 256
void json_text_hex(struct json_text *json, const uint8_t *bytes, size_t size);
