#include "collector/decode/json_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct json_text json_text_begin(char *buffer, size_t size) {
    buffer[0] = '\0';
    return (struct json_text){.text = buffer, .size = size};
}

static void put(struct json_text *json, const char *text, size_t size) {
    if (json->full || json->size - json->length <= size) {
        json->full = true;
        return;
    }
    memcpy(json->text + json->length, text, size);
    json->length += size;
    json->text[json->length] = '\0';
}

/* The comma between members. */
static void separate(struct json_text *json) {
    if (json->comma) {
        put(json, ",", 1);
    }
    json->comma = true;
}

void json_text_open(struct json_text *json, char bracket) {
    separate(json);
    put(json, &bracket, 1);
    json->comma = false;
}

void json_text_close(struct json_text *json, char bracket) {
    put(json, &bracket, 1);
    json->comma = true;
}

void json_text_name(struct json_text *json, const char *name) {
    json_text_string(json, (const uint8_t *)name, strlen(name));
    put(json, ":", 1);
    json->comma = false;
}

void json_text_unsigned(struct json_text *json, uint64_t value) {
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, value);
    separate(json);
    put(json, digits, (size_t)length);
}

void json_text_null(struct json_text *json) {
    separate(json);
    put(json, "null", 4);
}

void json_text_double(struct json_text *json, double value) {
    char digits[40];
    int length = isfinite(value) ? snprintf(digits, sizeof digits, "%.6g", value)
                                 : snprintf(digits, sizeof digits, "null");
    separate(json);
    put(json, digits, (size_t)length);
}

/* How many bytes the UTF-8 character at 'bytes' has, 0 if it is none (RFC 3629, 4). */
static size_t utf8_size(const uint8_t *bytes, size_t size) {
    static const struct {
        uint8_t low, high, second_low, second_high, size;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (bytes[0] < forms[i].low || bytes[0] > forms[i].high || forms[i].size > size) {
            continue;
        }
        bool good =
            forms[i].size == 1 || (bytes[1] >= forms[i].second_low && bytes[1] <= forms[i].second_high);
        for (size_t j = 2; j < forms[i].size; j++) {
            good = good && (bytes[j] & 0xc0) == 0x80;
        }
        return good ? forms[i].size : 0;
    }
    return 0;
}

void json_text_string(struct json_text *json, const uint8_t *bytes, size_t size) {
    separate(json);
    put(json, "\"", 1);
    for (size_t i = 0; i < size && !json->full;) {
        size_t character = utf8_size(bytes + i, size - i);
        if (character == 0) {
            put(json, "?", 1);
            i++;
        } else if (character == 1 && (bytes[i] < 0x20 || bytes[i] == '"' || bytes[i] == '\\')) {
            char escape[8];
            put(json, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", (unsigned int)bytes[i]));
            i++;
        } else {
            put(json, (const char *)bytes + i, character);
            i += character;
        }
    }
    put(json, "\"", 1);
}

void json_text_hex(struct json_text *json, const uint8_t *bytes, size_t size) {
    static const char digits[] = "0123456789abcdef";
    char text[JSON_TEXT_HEX_MAX * 2];
    size_t shown = size < JSON_TEXT_HEX_MAX ? size : JSON_TEXT_HEX_MAX;
    for (size_t i = 0; i < shown; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 0xf];
    }
    separate(json);
    put(json, "\"", 1);
    put(json, text, 2 * shown);
    if (shown < size) {
        put(json, "...", 3);
    }
    put(json, "\"", 1);
}
