/* A configuration file: YAML, read into a tree that knows where everything stands.
 *
 * Anchors, aliases and further documents are refused, the size, the depth and the number of nodes are
 * bounded, and no text holds a NUL, so whoever walks the tree needs no care of his own. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "common/error.h"

#define CONFIG_DEPTH_MAX 16
#define CONFIG_NODES_MAX 20000

enum config_kind { CONFIG_VALUE, CONFIG_LIST, CONFIG_MAPPING };

struct config_node {
    enum config_kind kind;
    size_t line, column;                    /* from 1; columns count characters */
    const char *text;                       /* of a value, UTF-8; "" when nothing is written there */
    const struct config_node *key;          /* of what stands in a mapping: its name, a value */
    const struct config_node *first, *next; /* the first in a list or mapping, and the next beside it */
    size_t count;                           /* of what is in a list or mapping */
};

struct config {
    const char *name;               /* of the file, for messages; kept by the caller */
    char *text;                     /* all of it, as it was read */
    size_t size;                    /* of it, the NUL behind it not counted */
    const struct config_node *root; /* NULL for a file that says nothing */
    struct config_piece *pieces;
    size_t count; /* of the nodes */
};

/* Reads the file 'path' of at most 'size_max' bytes.  Returns 0; -EIO or another negative errno if it can't
 * be read; -EINVAL, with the position in 'error', if it is no such YAML; or -ENOMEM.  config_free() is to be
 * called in each case. */
int config_read(struct config *config, const char *path, size_t size_max, struct error *error);

/* The same for the 'size' bytes at 'bytes', which are copied. */
int config_parse(struct config *config, const char *name, const void *bytes, size_t size, size_t size_max,
                 struct error *error);

/* Frees what 'config' holds. */
void config_free(struct config *config);

/* The value of 'name' in the mapping 'node', or NULL. */
const struct config_node *config_get(const struct config_node *node, const char *name);

/* Says in 'error' "FILE:LINE:COLUMN: " and the formatted text, for what is wrong with 'node'.  Returns
 * -EINVAL. */
int config_error(const struct config *config, const struct config_node *node, struct error *error,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Room for the text of config_found(), its NUL included. */
#define CONFIG_FOUND_SIZE 80

/* Writes what 'node' is, for people: "'udp'", cut if it is long, "nothing", "a list" or "a mapping".  Returns
 * 'text'. */
const char *config_found(const struct config_node *node, char text[CONFIG_FOUND_SIZE]);
