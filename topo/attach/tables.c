#include "topo/attach/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "topo/ovs.h"

/* A switch of some thousand ports has about a megabyte. */
enum { OUTPUT_MAX = 16 << 20 };

const struct attach_names attach_names[ATTACH_KINDS] = {
    [ATTACH_SFLOW] = {"sFlow", "sflow"},
    [ATTACH_NETFLOW] = {"NetFlow", "netflow"},
    [ATTACH_IPFIX] = {"IPFIX", "ipfix"},
};

/* The tables, a JSON text each, as ovs-vsctl's --format=json prints them (ovs-vsctl(8), ovsdb-client(1)). */
static int parse(struct tables *tables, const char *text, struct error *error) {
    json_t **const all[] = {&tables->bridges,
                            &tables->ports,
                            &tables->interfaces,
                            &tables->exporters[ATTACH_SFLOW],
                            &tables->exporters[ATTACH_NETFLOW],
                            &tables->exporters[ATTACH_IPFIX],
                            &tables->collector_sets};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        json_error_t why;
        *all[i] = json_loads(text, JSON_DISABLE_EOF_CHECK, &why);
        if (!json_is_array(json_object_get(*all[i], "data")) ||
            !json_is_array(json_object_get(*all[i], "headings"))) {
            return error_set(error, -EBADMSG, "could not read Open vSwitch's configuration: %s",
                             *all[i] == NULL ? why.text : "not a table");
        }
        text += why.position;
    }
    return 0;
}

int tables_read(struct tables *tables, struct error *error) {
    struct ovs_transaction transaction;
    memset(tables, 0, sizeof *tables);
    char *output = malloc(OUTPUT_MAX);
    if (output == NULL) {
        return error_set(error, -ENOMEM, "out of memory");
    }
    ovs_begin(&transaction, NULL);
    ovs_words(&transaction, (const char *const[]){
                                "--no-wait",
                                "--format=json",
                                "--",
                                "--columns=_uuid,name,ports,datapath_type,external_ids,sflow,netflow,ipfix",
                                "list",
                                "Bridge",
                                "--",
                                "--columns=_uuid,name,interfaces",
                                "list",
                                "Port",
                                "--",
                                "--columns=_uuid,name,type,ofport,ifindex",
                                "list",
                                "Interface",
                                "--",
                                "list",
                                "sFlow",
                                "--",
                                "list",
                                "NetFlow",
                                "--",
                                "list",
                                "IPFIX",
                                "--",
                                "--columns=_uuid,ipfix",
                                "list",
                                "Flow_Sample_Collector_Set",
                                NULL});
    int code = ovs_commit(&transaction, output, OUTPUT_MAX, error);
    if (code != 0) {
        error_prefix(error, code, "could not ask the system's Open vSwitch (is it running?)");
    }
    code = code == 0 ? parse(tables, output, error) : code;
    free(output);
    return code;
}

void tables_free(struct tables *tables) {
    json_decref(tables->bridges);
    json_decref(tables->ports);
    json_decref(tables->interfaces);
    for (size_t i = 0; i < ATTACH_KINDS; i++) {
        json_decref(tables->exporters[i]);
    }
    json_decref(tables->collector_sets);
    memset(tables, 0, sizeof *tables);
}

size_t tables_row_count(const json_t *table) {
    return json_array_size(json_object_get(table, "data"));
}

const json_t *tables_cell(const json_t *table, size_t row, const char *column) {
    const json_t *headings = json_object_get(table, "headings");
    for (size_t i = 0; i < json_array_size(headings); i++) {
        const char *heading = json_string_value(json_array_get(headings, i));
        if (heading != NULL && strcmp(heading, column) == 0) {
            return json_array_get(json_array_get(json_object_get(table, "data"), row), i);
        }
    }
    return NULL;
}

/* The text of an atom: a string, or ["uuid", "..."].  NULL for another. */
static const char *atom_text(const json_t *atom) {
    const char *kind = json_string_value(json_array_get(atom, 0));
    if (kind != NULL && strcmp(kind, "uuid") == 0) {
        return json_string_value(json_array_get(atom, 1));
    }
    return json_string_value(atom);
}

/* The values of a set, or NULL for a cell that is one value. */
static const json_t *set_of(const json_t *cell) {
    const char *kind = json_string_value(json_array_get(cell, 0));
    return kind != NULL && strcmp(kind, "set") == 0 ? json_array_get(cell, 1) : NULL;
}

size_t tables_value_count(const json_t *cell) {
    const json_t *set = set_of(cell);
    return set != NULL ? json_array_size(set) : cell != NULL ? 1 : 0;
}

const json_t *tables_value(const json_t *cell, size_t index) {
    const json_t *set = set_of(cell);
    return set != NULL ? json_array_get(set, index) : index == 0 ? cell : NULL;
}

bool tables_holds(const json_t *cell, const char *value) {
    for (size_t i = 0; i < tables_value_count(cell); i++) {
        const char *text = atom_text(tables_value(cell, i));
        if (text != NULL && strcmp(text, value) == 0) {
            return true;
        }
    }
    return false;
}

const char *tables_text(const json_t *cell) {
    const char *text = atom_text(tables_value(cell, 0));
    return text != NULL ? text : "";
}

int64_t tables_number(const json_t *cell, int64_t otherwise) {
    const json_t *value = tables_value(cell, 0);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

size_t tables_find(const json_t *table, const char *column, const char *value) {
    size_t row = 0;
    while (row < tables_row_count(table) &&
           strcmp(tables_text(tables_cell(table, row, column)), value) != 0) {
        row++;
    }
    return row;
}

const char *tables_map_value(const json_t *cell, const char *key) {
    const json_t *pairs = json_array_get(cell, 1);
    for (size_t i = 0; i < json_array_size(pairs); i++) {
        const json_t *pair = json_array_get(pairs, i);
        const char *name = json_string_value(json_array_get(pair, 0));
        if (name != NULL && strcmp(name, key) == 0) {
            return json_string_value(json_array_get(pair, 1));
        }
    }
    return NULL;
}
