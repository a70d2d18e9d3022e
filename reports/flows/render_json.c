/* JSON, written row by row: docs/flows-json.md describes it. */
#include <errno.h>
#include <stdlib.h>

#include <jansson.h>

#include "reports/flows/render.h"

struct json {
    const struct flows_request *request;
    FILE *out;
    bool any;
};

static json_t *count_or_null(int64_t value) {
    return value == READ_NULL ? json_null() : json_integer(value);
}

static const char *const direction_names[] = {[READ_DIRECTION_ONCE] = "once",
                                              [READ_DIRECTION_INGRESS] = "ingress",
                                              [READ_DIRECTION_EGRESS] = "egress",
                                              [READ_DIRECTION_ALL] = "all"};

static json_t *session_object(const struct read_session *session) {
    if (session->id == READ_NULL) {
        return json_null();
    }
    json_t *label = session->label[0] == '\0' ? json_null() : json_string(session->label);
    return json_pack("{s:I, s:o, s:s}", "id", (json_int_t)session->id, "label",
                     label == NULL ? json_null() : label, "kind", session->kind);
}

static json_t *keys_array(const struct read_flow_query *query) {
    json_t *keys = json_array();
    for (size_t i = 0; query->grouped && i < query->key_count; i++) {
        char name[32];
        const struct read_key *key = &query->keys[i];
        bool net = key->column == READ_COLUMN_SRCNET || key->column == READ_COLUMN_DSTNET;
        snprintf(name, sizeof name, net ? "%s/%u/%u" : "%s", flows_column_name(key->column), key->bits4,
                 key->bits6);
        json_array_append_new(keys, json_string(name));
    }
    return keys;
}

/* Writes "name": value; to be followed by more. */
static int write_member(FILE *out, const char *name, json_t *value) {
    fprintf(out, "  \"%s\": ", name);
    int rc = value == NULL ? -1 : json_dumpf(value, out, JSON_ENCODE_ANY);
    json_decref(value);
    fputs(",\n", out);
    return rc == 0 ? 0 : -ENOMEM;
}

static int json_begin(void **state, const struct flows_request *request, FILE *out) {
    struct json *json = calloc(1, sizeof *json);
    *state = json;
    if (json == NULL) {
        return -ENOMEM;
    }
    const struct read_flow_query *query = &request->query;
    json->request = request;
    json->out = out;
    fputs("{\n", out);
    int rc = write_member(out, "session", session_object(&request->session));
    /* A filter that was parsed is ASCII. */
    rc = rc == 0 ? write_member(out, "filter", json_string(request->filter_text)) : rc;
    rc = rc == 0 ? write_member(out, "direction", json_string(direction_names[query->direction])) : rc;
    rc = rc == 0 ? write_member(out, "raw", json_boolean(query->raw)) : rc;
    rc = rc == 0 ? write_member(out, "from_ns", count_or_null(query->from_ns)) : rc;
    rc = rc == 0 ? write_member(out, "to_ns", count_or_null(query->to_ns)) : rc;
    rc = rc == 0 ? write_member(out, "by", query->grouped ? keys_array(query) : json_null()) : rc;
    fputs("  \"rows\": [", out);
    return rc;
}

static json_t *value_json(const struct read_key *key, const struct read_value *value) {
    if (value->kind == READ_VALUE_NULL) {
        return json_null();
    }
    if (value->kind == READ_VALUE_NUMBER && flows_column_is_number(key->column)) {
        return json_integer(value->number);
    }
    char text[FLOWS_CELL_SIZE];
    json_t *string = json_string(flows_value_text(key, value, text));
    return string == NULL ? json_null()
                          : string; /* a text that is not UTF-8, of a database not made by nsmon */
}

static int json_row(void *state, const struct read_flow *flow) {
    struct json *json = state;
    const struct read_flow_query *query = &json->request->query;
    json_t *row = json_pack("{s:s}", "source", flow->source);
    int rc = row == NULL ? -1 : 0;
    for (size_t i = 0; rc == 0 && i < query->key_count; i++) {
        rc = json_object_set_new(row, flows_column_name(query->keys[i].column),
                                 value_json(&query->keys[i], &flow->keys[i]));
    }
    if (rc == 0) {
        rc |= json_object_set_new(row, "flows", json_integer(flow->flows));
        rc |= json_object_set_new(row, "packets", count_or_null(flow->packets));
        rc |= json_object_set_new(row, "bytes", count_or_null(flow->bytes));
        rc |= json_object_set_new(row, "layer", json_string(flow->layer));
        rc |= json_object_set_new(row, "first_ns", json_integer(flow->first_ns));
        rc |= json_object_set_new(row, "last_ns", json_integer(flow->last_ns));
    }
    fputs(json->any ? ",\n    " : "\n    ", json->out);
    json->any = true;
    rc = rc == 0 ? json_dumpf(row, json->out, 0) : rc;
    json_decref(row);
    return rc == 0 ? 0 : -ENOMEM;
}

static int write_totals(FILE *out, const struct flows_totals *totals) {
    fputs("  \"totals\": [", out);
    for (size_t i = 0; i < totals->count; i++) {
        const struct flows_total *total = &totals->of[i];
        json_t *row = json_pack("{s:s, s:I, s:o, s:o, s:s, s:I, s:I}", "source", total->source, "flows",
                                (json_int_t)total->flows, "packets", count_or_null(total->packets), "bytes",
                                count_or_null(total->bytes), "layer", total->layer, "first_ns",
                                (json_int_t)total->first_ns, "last_ns", (json_int_t)total->last_ns);
        fputs(i > 0 ? ",\n    " : "\n    ", out);
        int rc = row == NULL ? -1 : json_dumpf(row, out, 0);
        json_decref(row);
        if (rc != 0) {
            return -ENOMEM;
        }
    }
    fputs(totals->count > 0 ? "\n  ]\n}\n" : "]\n}\n", out);
    return 0;
}

static int json_end(void *state, const struct flows_totals *totals) {
    struct json *json = state;
    int rc = 0;
    if (json != NULL && totals != NULL) {
        fputs(json->any ? "\n  ],\n" : "],\n", json->out);
        rc = write_totals(json->out, totals);
    }
    free(json);
    return rc;
}

const struct flows_renderer flows_json_renderer = {json_begin, json_row, json_end};
