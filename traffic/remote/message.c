#include "traffic/remote/message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX_DIGITS 16

/* How deep the objects and arrays of a line nest, strings aside: the parser goes as deep as it is led, by
 * recursion. */
static size_t depth_of(const char *line, size_t size) {
    size_t depth = 0, most = 0;
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        if (quoted) {
            if (line[i] == '\\') {
                i++;
            } else {
                quoted = line[i] != '"';
            }
        } else if (line[i] == '"') {
            quoted = true;
        } else if (line[i] == '{' || line[i] == '[') {
            depth++;
            most = depth > most ? depth : most;
        } else if ((line[i] == '}' || line[i] == ']') && depth > 0) {
            depth--;
        }
    }
    return most;
}

json_t *remote_message_parse(const char *line, size_t size, struct error *error) {
    if (size >= REMOTE_LINE_MAX) {
        error_set(error, -EMSGSIZE, "the other end sent a line of more than %zu bytes", REMOTE_LINE_MAX);
        return NULL;
    }
    if (depth_of(line, size) > REMOTE_DEPTH_MAX) {
        error_set(error, -EPROTO, "the other end sent JSON that nests too deep");
        return NULL;
    }
    json_error_t why;
    json_t *message = json_loadb(line, size, JSON_REJECT_DUPLICATES, &why);
    if (message == NULL || !json_is_object(message) ||
        json_string_value(json_object_get(message, "type")) == NULL) {
        json_decref(message);
        error_set(error, -EPROTO, "the other end sent what is no message: is it nsmon?");
        return NULL;
    }
    return message;
}

const char *remote_message_type(const json_t *message) {
    return json_string_value(json_object_get(message, "type"));
}

int remote_take_integer(const json_t *message, const char *key, int64_t minimum, int64_t maximum,
                        int64_t *value, struct error *error) {
    const json_t *field = json_object_get(message, key);
    if (!json_is_integer(field) || json_integer_value(field) < minimum ||
        json_integer_value(field) > maximum) {
        return error_set(
            error, -EPROTO, "the other end's message '%.32s' has no '%s' from %" PRId64 " to %" PRId64,
            remote_message_type(message) == NULL ? "" : remote_message_type(message), key, minimum, maximum);
    }
    *value = json_integer_value(field);
    return 0;
}

int remote_take_hex(const json_t *message, const char *key, uint64_t *value, struct error *error) {
    const char *text = json_string_value(json_object_get(message, key));
    if (text == NULL || strlen(text) != HEX_DIGITS || strspn(text, "0123456789abcdef") != HEX_DIGITS) {
        return error_set(error, -EPROTO, "the other end's message has no '%s' of 16 hexadecimal digits", key);
    }
    *value = strtoull(text, NULL, 16);
    return 0;
}

json_t *remote_hex(uint64_t value) {
    char text[HEX_DIGITS + 1];
    snprintf(text, sizeof text, "%016" PRIx64, value);
    return json_string(text);
}

const char *remote_take_text(const json_t *message, const char *key, char *text, size_t size) {
    const char *from = json_string_value(json_object_get(message, key));
    size_t length = 0;
    for (; from != NULL && from[length] != '\0' && length + 1 < size; length++) {
        text[length] = from[length] >= ' ' && from[length] < 0x7f ? from[length] : '?';
    }
    text[length] = '\0';
    return text;
}
