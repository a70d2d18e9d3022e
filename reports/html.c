#include "reports/html.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* How many bytes the UTF-8 sequence at 'text' has, 0 when it is broken (RFC 3629, section 4, without the
 * finer rules for overlong forms: a browser shows those as broken, too). */
static size_t sequence_size(const char *text) {
    unsigned char first = (unsigned char)text[0];
    size_t size = first < 0x80   ? 1
                  : first < 0xc2 ? 0
                  : first < 0xe0 ? 2
                  : first < 0xf0 ? 3
                  : first < 0xf5 ? 4
                                 : 0;
    for (size_t i = 1; i < size; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return size;
}

static const char *entity_of(char character) {
    switch (character) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void html_text(FILE *out, const char *text) {
    while (*text != '\0') {
        size_t size = sequence_size(text);
        unsigned char byte = (unsigned char)*text;
        if (entity_of(*text) != NULL) {
            fputs(entity_of(*text), out);
        } else if (size == 0 || byte < 0x20 || byte == 0x7f) {
            fputc('?', out);
        } else {
            fwrite(text, 1, size, out);
        }
        text += size == 0 ? 1 : size;
    }
}

void html_cell(FILE *out, const char *klass, const char *text) {
    if (klass != NULL) {
        fprintf(out, "<td class=\"%s\">", klass);
    } else {
        fputs("<td>", out);
    }
    html_text(out, text);
    fputs("</td>", out);
}

/* "<" and ">" in a JSON text stand only within its strings, where an escape may stand for them. */
static int put_json(const char *buffer, size_t size, void *context) {
    FILE *out = context;
    for (size_t i = 0; i < size; i++) {
        if (buffer[i] == '<') {
            fputs("\\u003c", out);
        } else if (buffer[i] == '>') {
            fputs("\\u003e", out);
        } else if (buffer[i] == '&') {
            fputs("\\u0026", out);
        } else {
            fputc(buffer[i], out);
        }
    }
    return 0;
}

int html_json(FILE *out, json_t *value) {
    return json_dump_callback(value, put_json, out,
                              JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(8)) == 0
               ? 0
               : -ENOMEM;
}
