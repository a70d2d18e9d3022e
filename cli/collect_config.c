#include "cli/collect_config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/collect_options.h"
#include "common/config.h"

enum { FILE_SIZE_MAX = 1 << 20, VALUE_SIZE = 4200 };

struct reading {
    struct config config;
    struct collect_settings *settings;
    bool seen[32]; /* fields */
};

/* The text of a value that says something; NULL, with 'error' filled, for anything else. */
static const char *text_of(const struct reading *reading, const struct config_node *node,
                           const char *expected, struct error *error) {
    char found[CONFIG_FOUND_SIZE];
    if (node->kind != CONFIG_VALUE || node->text[0] == '\0') {
        config_error(&reading->config, node, error, "found %s, expected %s", config_found(node, found),
                     expected);
        return NULL;
    }
    return node->text;
}

static int take_scalar(struct reading *reading, const struct collect_field *field,
                       const struct config_node *node, struct error *error) {
    struct error why = {0};
    const char *text = text_of(reading, node, field->expected, error);
    if (text == NULL) {
        return -EINVAL;
    }
    return field->take(reading->settings, text, &why) == 0
               ? 0
               : config_error(&reading->config, node, error, "%s", why.text);
}

/* "192.0.2.1: 1000" is another way to write "192.0.2.1=1000". */
static int take_pair(struct reading *reading, const struct collect_field *field,
                     const struct config_node *value, struct error *error) {
    const char *left = text_of(reading, value->key, "an address", error);
    const char *right = left == NULL ? NULL : text_of(reading, value, field->expected, error);
    char text[VALUE_SIZE];
    struct error why = {0};
    if (right == NULL) {
        return -EINVAL;
    }
    snprintf(text, sizeof text, "%s=%s", left, right);
    return field->take(reading->settings, text, &why) == 0
               ? 0
               : config_error(&reading->config, value->key, error, "%s", why.text);
}

static int take_value(struct reading *reading, const struct collect_field *field,
                      const struct config_node *node, struct error *error) {
    bool by_address = strcmp(field->name, "sampling") == 0 || strcmp(field->name, "dialect") == 0;
    bool pairs = node->kind == CONFIG_MAPPING && by_address;
    int code = 0;
    if (!pairs && !(node->kind == CONFIG_LIST && field->many)) {
        return take_scalar(reading, field, node, error);
    }
    for (const struct config_node *child = node->first; code == 0 && child != NULL; child = child->next) {
        code = pairs ? take_pair(reading, field, child, error) : take_scalar(reading, field, child, error);
    }
    return code;
}

static int unknown_field(const struct reading *reading, const struct config_node *key, struct error *error) {
    char names[256] = "";
    char found[CONFIG_FOUND_SIZE];
    for (size_t i = 0; i < collect_field_count; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : ", ", collect_fields[i].name);
    }
    return config_error(&reading->config, key, error, "found %s, expected one of %s",
                        config_found(key, found), names);
}

static int take_field(struct reading *reading, const struct config_node *value, struct error *error) {
    const char *name = text_of(reading, value->key, "a name", error);
    const struct collect_field *field = name == NULL ? NULL : collect_field_find(name);
    if (field == NULL) {
        return name == NULL ? -EINVAL : unknown_field(reading, value->key, error);
    }
    bool *seen = &reading->seen[field - collect_fields];
    if (*seen) {
        return config_error(&reading->config, value->key, error, "found '%s' a second time", name);
    }
    *seen = true;
    return take_value(reading, field, value, error);
}

int collect_config_read(const char *path, struct collect_settings *settings, struct error *error) {
    struct reading reading = {.settings = settings};
    char found[CONFIG_FOUND_SIZE];
    int code = config_read(&reading.config, path, FILE_SIZE_MAX, error);
    const struct config_node *root = code == 0 ? reading.config.root : NULL;
    if (root != NULL && root->kind != CONFIG_MAPPING) {
        code =
            config_error(&reading.config, root, error,
                         "found %s, expected fields such as 'listen: udp/*:2055'", config_found(root, found));
    }
    const struct config_node *value = code == 0 && root != NULL ? root->first : NULL;
    for (; code == 0 && value != NULL; value = value->next) {
        code = take_field(&reading, value, error);
    }
    config_free(&reading.config);
    return code;
}
