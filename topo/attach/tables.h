/* The configuration of the system's Open vSwitch as its database has it: one reading of the tables that an
 * exporter of a bridge hangs on. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "topo/attach/attach.h"

struct tables {
    json_t *bridges, *ports, *interfaces;
    json_t *exporters[ATTACH_KINDS];
    json_t *collector_sets; /* Flow_Sample_Collector_Set: by its rows flows export to a record of IPFIX */
};

/* Reads all of it at one moment.  Returns 0, or a negative errno with 'error' filled; tables_free() in either
 * case. */
int tables_read(struct tables *tables, struct error *error);
void tables_free(struct tables *tables);

size_t tables_row_count(const json_t *table);

/* The value of 'column' in row 'row', or NULL. */
const json_t *tables_cell(const json_t *table, size_t row, const char *column);

/* The row whose 'column' holds the string or UUID 'value'; tables_row_count() if there is none. */
size_t tables_find(const json_t *table, const char *column, const char *value);

/* How many values a cell holds: a set of RFC 7047, 5.1, or the one value itself. */
size_t tables_value_count(const json_t *cell);
const json_t *tables_value(const json_t *cell, size_t index);

/* True if one of its values is the string or UUID 'value'. */
bool tables_holds(const json_t *cell, const char *value);

/* The text of its first value, a string or UUID; "" if it has none. */
const char *tables_text(const json_t *cell);

/* Its first value, a whole number; 'otherwise' if it has none. */
int64_t tables_number(const json_t *cell, int64_t otherwise);

/* The value of 'key' in a map, or NULL. */
const char *tables_map_value(const json_t *cell, const char *key);
