#include "common/config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

/* A node and the text that belongs to it. */
struct config_piece {
    struct config_piece *next;
    struct config_node node;
    char text[];
};

struct reading {
    struct config *config;
    yaml_parser_t parser;
    struct error *error;
};

static int error_at(const struct config *config, size_t line, size_t column, struct error *error,
                    const char *text) {
    return error_set(error, -EINVAL, "%s:%zu:%zu: %.600s", config->name, line, column, text);
}

int config_error(const struct config *config, const struct config_node *node, struct error *error,
                 const char *format, ...) {
    char text[sizeof error->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_at(config, node->line, node->column, error, text);
}

/* An error at the byte 'offset' of the file. */
static int error_at_byte(const struct config *config, size_t offset, struct error *error, const char *text) {
    size_t line = 1;
    size_t column = 1;
    for (size_t i = 0; i < offset && i < config->size; i++) {
        if (config->text[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)config->text[i] & 0xc0) != 0x80) { /* no later byte of a character */
            column++;
        }
    }
    return error_at(config, line, column, error, text);
}

static int error_at_mark(const struct reading *reading, yaml_mark_t mark, const char *text) {
    return error_at(reading->config, mark.line + 1, mark.column + 1, reading->error, text);
}

static int error_of_parser(const struct reading *reading) {
    const yaml_parser_t *parser = &reading->parser;
    char text[256];
    if (parser->error == YAML_MEMORY_ERROR) {
        return error_set(reading->error, -ENOMEM, "could not read '%s': out of memory",
                         reading->config->name);
    }
    snprintf(text, sizeof text, "found no YAML: %s", parser->problem != NULL ? parser->problem : "?");
    return parser->error == YAML_READER_ERROR
               ? error_at_byte(reading->config, parser->problem_offset, reading->error, text)
               : error_at_mark(reading, parser->problem_mark, text);
}

static int next_event(struct reading *reading, yaml_event_t *event) {
    return yaml_parser_parse(&reading->parser, event) != 0 ? 0 : error_of_parser(reading);
}

/* A new node for what begins with 'event'; NULL with 'error' filled. */
static struct config_node *add_node(struct reading *reading, const yaml_event_t *event) {
    struct config *config = reading->config;
    const char *text = event->type == YAML_SCALAR_EVENT ? (const char *)event->data.scalar.value : "";
    size_t length = event->type == YAML_SCALAR_EVENT ? event->data.scalar.length : 0;
    if (memchr(text, '\0', length) != NULL) {
        error_at_mark(reading, event->start_mark, "found a NUL, expected text");
        return NULL;
    }
    if (config->count == CONFIG_NODES_MAX) {
        error_at_mark(reading, event->start_mark, "found more than anybody writes, expected the end");
        return NULL;
    }
    struct config_piece *piece = calloc(1, sizeof *piece + length + 1);
    if (piece == NULL) {
        error_set(reading->error, -ENOMEM, "could not read '%s': out of memory", config->name);
        return NULL;
    }
    memcpy(piece->text, text, length);
    piece->node = (struct config_node){.kind = event->type == YAML_SCALAR_EVENT           ? CONFIG_VALUE
                                               : event->type == YAML_SEQUENCE_START_EVENT ? CONFIG_LIST
                                                                                          : CONFIG_MAPPING,
                                       .line = event->start_mark.line + 1,
                                       .column = event->start_mark.column + 1,
                                       .text = piece->text};
    piece->next = config->pieces;
    config->pieces = piece;
    config->count++;
    return &piece->node;
}

/* Refuses what the tree has no place for. */
static int check_event(const struct reading *reading, const yaml_event_t *event, size_t depth) {
    const yaml_char_t *anchor = event->type == YAML_SCALAR_EVENT           ? event->data.scalar.anchor
                                : event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.anchor
                                : event->type == YAML_MAPPING_START_EVENT  ? event->data.mapping_start.anchor
                                                                           : NULL;
    if (event->type == YAML_ALIAS_EVENT || anchor != NULL) {
        return error_at_mark(reading, event->start_mark,
                             event->type == YAML_ALIAS_EVENT
                                 ? "found an alias (*), expected what it stands for, written out"
                                 : "found an anchor (&), expected values without anchors and aliases");
    }
    if (depth > CONFIG_DEPTH_MAX) {
        return error_at_mark(reading, event->start_mark,
                             "found lists and mappings nested too deep, "
                             "expected at most 16 levels");
    }
    return 0;
}

static int read_node(struct reading *reading, const yaml_event_t *start, size_t depth,
                     struct config_node **result);

/* Reads what is in the list or mapping 'node', up to its end; the event that it ends with is taken, too. */
static int read_children(struct reading *reading, struct config_node *node, size_t depth) {
    bool mapping = node->kind == CONFIG_MAPPING;
    yaml_event_type_t end = mapping ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    const struct config_node **place = &node->first;
    struct config_node *key = NULL;
    for (;;) {
        yaml_event_t event;
        struct config_node *child = NULL;
        int code = next_event(reading, &event);
        if (code != 0) {
            return code;
        }
        bool ended = event.type == end;
        code = ended ? 0 : read_node(reading, &event, depth + 1, &child);
        if (code == 0 && child != NULL && mapping && key == NULL && child->kind != CONFIG_VALUE) {
            code = config_error(reading->config, child, reading->error, "found %s, expected a name",
                                child->kind == CONFIG_LIST ? "a list" : "a mapping");
        }
        yaml_event_delete(&event);
        if (ended || code != 0 || child == NULL) {
            return code;
        }
        if (mapping && key == NULL) {
            key = child;
            continue;
        }
        child->key = key;
        key = NULL;
        *place = child;
        place = &child->next;
        node->count++;
    }
}

/* Reads the node that begins with 'start'; the depth of libyaml is bounded with ours, since it reads no
 * further than it is asked. */
static int read_node(struct reading *reading, const yaml_event_t *start, size_t depth,
                     struct config_node **result) {
    int code = check_event(reading, start, depth);
    struct config_node *node = code == 0 ? add_node(reading, start) : NULL;
    if (node == NULL) {
        return code != 0 ? code : -EINVAL;
    }
    *result = node;
    return node->kind == CONFIG_VALUE ? 0 : read_children(reading, node, depth);
}

static int read_document(struct reading *reading) {
    int code = 0;
    bool ended = false;
    while (code == 0 && !ended) {
        yaml_event_t event;
        struct config_node *root = NULL;
        code = next_event(reading, &event);
        if (code != 0) {
            return code;
        }
        if (event.type == YAML_DOCUMENT_START_EVENT && reading->config->root != NULL) {
            code = error_at_mark(reading, event.start_mark, "found a second document, expected one");
        } else if (event.type == YAML_SCALAR_EVENT || event.type == YAML_SEQUENCE_START_EVENT ||
                   event.type == YAML_MAPPING_START_EVENT || event.type == YAML_ALIAS_EVENT) {
            code = read_node(reading, &event, 1, &root);
            reading->config->root = root;
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    return code;
}

/* Reads the tree out of 'config''s text. */
static int read_text(struct config *config, struct error *error) {
    struct reading reading = {.config = config, .error = error};
    const char *nul = memchr(config->text, '\0', config->size);
    if (nul != NULL) {
        return error_at_byte(config, (size_t)(nul - config->text), error,
                             "found a NUL, expected text in UTF-8");
    }
    if (yaml_parser_initialize(&reading.parser) == 0) {
        return error_set(error, -ENOMEM, "could not read '%s': out of memory", config->name);
    }
    yaml_parser_set_input_string(&reading.parser, (const unsigned char *)config->text, config->size);
    int code = read_document(&reading);
    yaml_parser_delete(&reading.parser);
    const struct config_node *root = config->root;
    if (code == 0 && root != NULL && root->kind == CONFIG_VALUE && root->text[0] == '\0') {
        config->root = NULL;
    }
    return code;
}

static int too_large(struct error *error, const char *name, size_t size_max) {
    return error_set(error, -EFBIG, "%s: found more than %zu KiB, expected a file that a person can read",
                     name, size_max / 1024);
}

int config_parse(struct config *config, const char *name, const void *bytes, size_t size, size_t size_max,
                 struct error *error) {
    *config = (struct config){.name = name, .size = size};
    if (size > size_max) {
        return too_large(error, name, size_max);
    }
    config->text = malloc(size + 1);
    if (config->text == NULL) {
        return error_set(error, -ENOMEM, "could not read '%s': out of memory", name);
    }
    memcpy(config->text, bytes, size);
    config->text[size] = '\0';
    return read_text(config, error);
}

int config_read(struct config *config, const char *path, size_t size_max, struct error *error) {
    *config = (struct config){.name = path};
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return error_set(error, -errno, "could not read '%s': %s", path, strerror(errno));
    }
    char *text = malloc(size_max + 1);
    errno = 0;
    config->size = text == NULL ? 0 : fread(text, 1, size_max + 1, file);
    bool failed = ferror(file) != 0;
    int why = text == NULL ? ENOMEM : errno;
    fclose(file);
    if (text == NULL || failed || config->size > size_max) {
        bool large = config->size > size_max;
        free(text);
        config->size = 0;
        return large ? too_large(error, path, size_max)
                     : error_set(error, -EIO, "could not read '%s': %s", path, strerror(why));
    }
    text[config->size] = '\0';
    char *fitting = realloc(text, config->size + 1);
    config->text = fitting != NULL ? fitting : text;
    return read_text(config, error);
}

void config_free(struct config *config) {
    while (config->pieces != NULL) {
        struct config_piece *piece = config->pieces;
        config->pieces = piece->next;
        free(piece);
    }
    free(config->text);
    *config = (struct config){0};
}

const struct config_node *config_get(const struct config_node *node, const char *name) {
    const struct config_node *child = node != NULL && node->kind == CONFIG_MAPPING ? node->first : NULL;
    while (child != NULL && strcmp(child->key->text, name) != 0) {
        child = child->next;
    }
    return child;
}

const char *config_found(const struct config_node *node, char text[CONFIG_FOUND_SIZE]) {
    static const char *const kinds[] = {[CONFIG_LIST] = "a list", [CONFIG_MAPPING] = "a mapping"};
    if (node->kind != CONFIG_VALUE) {
        snprintf(text, CONFIG_FOUND_SIZE, "%s", kinds[node->kind]);
        return text;
    }
    size_t length = strlen(node->text);
    size_t kept = length < CONFIG_FOUND_SIZE - 8 ? length : CONFIG_FOUND_SIZE - 8;
    while (kept < length && kept > 0 && ((unsigned char)node->text[kept] & 0xc0) == 0x80) {
        kept--; /* not in the middle of a character */
    }
    snprintf(text, CONFIG_FOUND_SIZE, length == 0 ? "nothing" : "'%.*s%s'", (int)kept, node->text,
             kept < length ? "..." : "");
    for (char *at = text; *at != '\0'; at++) {
        *at = (unsigned char)*at < ' ' || *at == 127 ? ' ' : *at; /* an error is one line */
    }
    return text;
}
