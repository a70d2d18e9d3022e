/* Flow records of every protocol become rows. */
#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "collector/decode/ipfix.h"
#include "collector/decode/json_text.h"
#include "collector/internal.h"
#include "collector/normalize.h"

static void write_unknown(const struct template_field *field, struct slice value, void *pointer) {
    struct json_text *json = pointer;
    if (field->element.kind != ELEMENT_SKIPPED || value.size == 0) {
        return;
    }
    char name[32];
    struct json_text mark = json_text_mark(json);
    snprintf(name, sizeof name, "%u:%u", field->enterprise, field->id);
    json_text_name(json, name);
    json_text_hex(json, value.bytes, value.size); /* of what type it is nobody has said */
    if (json->full) {
        json_text_return(json, &mark);
        json->full = true;
    }
}

/* The elements without a column as a JSON object of "ENTERPRISE:ELEMENT", allocated for the row; NULL when
 * there are none. */
static char *extra_of(struct collector *collector, const struct flow_record *record) {
    struct json_text json = json_text_begin(collector->extra, sizeof collector->extra - 1);
    json_text_open(&json, '{');
    size_t empty = json.length;
    ipfix_each_field(record, write_unknown, &json);
    if (json.length == empty) {
        return NULL;
    }
    json.full = false;
    json.size++; /* kept back for this */
    json_text_close(&json, '}');
    return strdup(collector->extra);
}

static void take_name(struct collector *collector, struct exporter *exporter, uint64_t ifindex,
                      struct slice name) {
    if (ifindex == 0 || ifindex > UINT32_MAX || name.size == 0) {
        return;
    }
    struct interface_row interface = {
        .ifindex = (int64_t)ifindex, .of_port = STORE_NULL, .datapath = STORE_NULL};
    normalize_name(name, interface.name);
    uint64_t hash = XXH3_64bits_withSeed(interface.name, strlen(interface.name), ifindex);
    if (interface.name[0] != '\0' && exporter_interface_is_new(exporter, ifindex, hash)) {
        store_append(collector->settings.appender, ROW_INTERFACE)->interface = interface;
    }
}

void collector_interface_names(struct collector *collector, struct exporter *exporter,
                               const struct flow_record *record) {
    static const enum flow_field ports[] = {FLOW_INPUT, FLOW_OUTPUT};
    uint8_t at = 0;
    for (size_t i = 0; i < 2 && at < record->name_count; i++) {
        if (flow_record_has(record, ports[i])) {
            take_name(collector, exporter, record->value[ports[i]], record->names[at++]);
        }
    }
}

/* What a record shows of its exporter. */
static void learn(struct exporter *exporter, const struct flow_record *record,
                  const struct flow_record_row *row) {
    if (flow_record_has(record, FLOW_L2_OCTETS) && exporter->row.byte_layer != LAYER_L2) {
        exporter->row.byte_layer = LAYER_L2;
        exporter->row_changed = true;
    }
    if (row != NULL && row->sampling_rate != STORE_NULL &&
        row->sampling_rate != exporter->row.sampling_rate) {
        exporter->row.sampling_rate = row->sampling_rate;
        exporter->row.rate_source = row->rate_source;
        exporter->row_changed = true;
    }
}

void collector_flow_record(struct collector *collector, struct exporter *exporter,
                           const struct flow_record *record, int64_t recv_ns) {
    exporter->counts.records++;
    collector_outcome(collector, OUTCOME_RECORDS);
    learn(exporter, record, NULL);
    struct row *row = store_append(collector->settings.appender, ROW_FLOW_RECORD);
    normalize_flow_record(record, exporter, exporter->configured_rate, recv_ns, &row->flow_record);
    if (collector->settings.keep_unknown && record->template != NULL) {
        row->flow_record.extra = extra_of(collector, record);
    }
    learn(exporter, record, &row->flow_record);
    struct flow_record_row reverse = row->flow_record;
    if (normalize_reverse(record, &reverse)) {
        reverse.extra = NULL;
        store_append(collector->settings.appender, ROW_FLOW_RECORD)->flow_record = reverse;
    }
    if (record->name_count != 0) {
        collector_interface_names(collector, exporter, record);
    }
}
