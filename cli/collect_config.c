#include "cli/collect_config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "cli/collect_options.h"

enum { CONFIG_SIZE_MAX = 1 << 20, VALUE_SIZE = 4200 };

struct config {
    const char *path;
    yaml_document_t document;
    struct collect_settings *settings;
    bool seen[32]; /* fields */
};

/* Puts "FILE:LINE:COLUMN: " of 'mark' before what 'error' says.  Returns 'code'. */
static int at(const struct config *config, yaml_mark_t mark, struct error *error, int code) {
    return error_prefix(error, code, "%s:%zu:%zu", config->path, mark.line + 1, mark.column + 1);
}

static const char *kind_of(const yaml_node_t *node) {
    static const char *const names[] = {
        [YAML_NO_NODE] = "nothing",
        [YAML_SCALAR_NODE] = "a value",
        [YAML_SEQUENCE_NODE] = "a list",
        [YAML_MAPPING_NODE] = "a mapping",
    };
    return names[node->type];
}

/* The text of a scalar; NULL, with 'error' filled, for anything else, and for text with a NUL in it. */
static const char *text_of(const struct config *config, const yaml_node_t *node, const char *expected,
                           struct error *error) {
    if (node->type != YAML_SCALAR_NODE) {
        at(config, node->start_mark, error,
           error_set(error, -EINVAL, "found %s, expected %s", kind_of(node), expected));
        return NULL;
    }
    const char *text = (const char *)node->data.scalar.value;
    if (strlen(text) != node->data.scalar.length || node->data.scalar.length == 0) {
        at(config, node->start_mark, error,
           error_set(error, -EINVAL, "found nothing, expected %s", expected));
        return NULL;
    }
    return text;
}

static int take_scalar(struct config *config, const struct collect_field *field, const yaml_node_t *node,
                       struct error *error) {
    struct error why = {0};
    const char *text = text_of(config, node, field->expected, error);
    if (text == NULL) {
        return -EINVAL;
    }
    return field->take(config->settings, text, &why) == 0
               ? 0
               : at(config, node->start_mark, error, error_set(error, -EINVAL, "%s", why.text));
}

/* "192.0.2.1: 1000" is another way to write "192.0.2.1=1000". */
static int take_pair(struct config *config, const struct collect_field *field, const yaml_node_pair_t *pair,
                     struct error *error) {
    const yaml_node_t *key = yaml_document_get_node(&config->document, pair->key);
    const yaml_node_t *value = yaml_document_get_node(&config->document, pair->value);
    const char *left = text_of(config, key, "an address", error);
    const char *right = left == NULL ? NULL : text_of(config, value, field->expected, error);
    char text[VALUE_SIZE];
    struct error why = {0};
    if (right == NULL) {
        return -EINVAL;
    }
    snprintf(text, sizeof text, "%s=%s", left, right);
    return field->take(config->settings, text, &why) == 0
               ? 0
               : at(config, key->start_mark, error, error_set(error, -EINVAL, "%s", why.text));
}

static int take_value(struct config *config, const struct collect_field *field, const yaml_node_t *node,
                      struct error *error) {
    bool by_address = strcmp(field->name, "sampling") == 0 || strcmp(field->name, "dialect") == 0;
    int code = 0;
    if (node->type == YAML_SEQUENCE_NODE && field->many) {
        for (const yaml_node_item_t *item = node->data.sequence.items.start;
             code == 0 && item < node->data.sequence.items.top; item++) {
            code = take_scalar(config, field, yaml_document_get_node(&config->document, *item), error);
        }
        return code;
    }
    if (node->type == YAML_MAPPING_NODE && by_address) {
        for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
             code == 0 && pair < node->data.mapping.pairs.top; pair++) {
            code = take_pair(config, field, pair, error);
        }
        return code;
    }
    return take_scalar(config, field, node, error);
}

static int unknown_field(const struct config *config, const yaml_node_t *node, const char *name,
                         struct error *error) {
    char names[256] = "";
    for (size_t i = 0; i < collect_field_count; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : ", ", collect_fields[i].name);
    }
    return at(config, node->start_mark, error,
              error_set(error, -EINVAL, "found '%.64s', expected one of %s", name, names));
}

static int take_field(struct config *config, const yaml_node_pair_t *pair, struct error *error) {
    const yaml_node_t *key = yaml_document_get_node(&config->document, pair->key);
    const char *name = text_of(config, key, "a name", error);
    const struct collect_field *field = name == NULL ? NULL : collect_field_find(name);
    if (field == NULL) {
        return name == NULL ? -EINVAL : unknown_field(config, key, name, error);
    }
    bool *seen = &config->seen[field - collect_fields];
    if (*seen) {
        return at(config, key->start_mark, error,
                  error_set(error, -EINVAL, "found '%s' a second time", name));
    }
    *seen = true;
    return take_value(config, field, yaml_document_get_node(&config->document, pair->value), error);
}

static int take_document(struct config *config, struct error *error) {
    const yaml_node_t *root = yaml_document_get_root_node(&config->document);
    int code = 0;
    if (root == NULL) {
        return 0; /* an empty file says nothing */
    }
    if (root->type != YAML_MAPPING_NODE) {
        return at(config, root->start_mark, error,
                  error_set(error, -EINVAL, "found %s, expected fields such as 'listen: udp/*:2055'",
                            kind_of(root)));
    }
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         code == 0 && pair < root->data.mapping.pairs.top; pair++) {
        code = take_field(config, pair, error);
    }
    return code;
}

/* The whole file, to be freed; its size in '*size'. */
static unsigned char *read_file(const char *path, size_t *size, struct error *error) {
    FILE *file = fopen(path, "re");
    unsigned char *bytes = file == NULL ? NULL : malloc(CONFIG_SIZE_MAX + 1);
    *size = bytes == NULL ? 0 : fread(bytes, 1, CONFIG_SIZE_MAX + 1, file);
    if (bytes == NULL || ferror(file) != 0 || *size > CONFIG_SIZE_MAX) {
        error_set(error, -EIO, "could not read '%s': %s", path,
                  *size > CONFIG_SIZE_MAX ? "it is larger than 1 MiB" : strerror(errno));
        free(bytes);
        bytes = NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return bytes;
}

int collect_config_read(const char *path, struct collect_settings *settings, struct error *error) {
    struct config config = {.path = path, .settings = settings};
    yaml_parser_t parser;
    size_t size;
    unsigned char *bytes = read_file(path, &size, error);
    if (bytes == NULL) {
        return -EIO;
    }
    int code = 0;
    if (yaml_parser_initialize(&parser) == 0) {
        free(bytes);
        return error_set(error, -ENOMEM, "could not read '%s': out of memory", path);
    }
    yaml_parser_set_input_string(&parser, bytes, size);
    if (yaml_parser_load(&parser, &config.document) == 0) {
        yaml_mark_t mark = parser.problem_mark;
        code =
            at(&config, mark, error,
               error_set(error, -EINVAL, "found no YAML: %s", parser.problem != NULL ? parser.problem : "?"));
    } else {
        code = take_document(&config, error);
        yaml_document_delete(&config.document);
    }
    yaml_parser_delete(&parser);
    free(bytes);
    return code;
}
