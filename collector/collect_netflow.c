/* NetFlow v1, v5, v7, v9 and IPFIX through the collector. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "collector/decode/ipfix.h"
#include "collector/decode/json_text.h"
#include "collector/decode/netflow5.h"
#include "collector/internal.h"
#include "collector/normalize.h"

#define FOLLOW_MAX 256 /* exporters that are looked at for one that moved */

struct context {
    struct collector *collector;
    struct exporter *exporter;
    const struct datagram *datagram;
    int64_t recv_ns; /* the datagram's, or of data that had to wait */
    const struct ipfix_sink *sink;
    const struct template *arrived; /* for which data waited */
    struct ipfix_counts released;   /* of data that had to wait */
};

static void write_unknown(const struct template_field *field, struct slice value, void *pointer) {
    struct json_text *json = pointer;
    if (field->element.kind != ELEMENT_SKIPPED || value.size == 0) {
        return;
    }
    char name[32];
    struct json_text mark = json_text_mark(json);
    snprintf(name, sizeof name, "%u:%u", field->enterprise, field->id);
    json_text_name(json, name);
    if (value.size <= 8) {
        struct cursor cursor = cursor_over(value.bytes, value.size);
        json_text_unsigned(json, cursor_unsigned(&cursor, value.size));
    } else {
        json_text_hex(json, value.bytes, value.size);
    }
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

static void take_name(struct context *context, uint64_t ifindex, struct slice name) {
    if (ifindex == 0 || ifindex > UINT32_MAX || name.size == 0) {
        return;
    }
    struct interface_row interface = {
        .ifindex = (int64_t)ifindex, .of_port = STORE_NULL, .datapath = STORE_NULL};
    normalize_name(name, interface.name);
    uint64_t hash = XXH3_64bits_withSeed(interface.name, strlen(interface.name), ifindex);
    if (interface.name[0] != '\0' && exporter_interface_is_new(context->exporter, ifindex, hash)) {
        store_append(context->collector->settings.appender, ROW_INTERFACE)->interface = interface;
    }
}

static void take_names(struct context *context, const struct flow_record *record) {
    static const enum flow_field ports[] = {FLOW_INPUT, FLOW_OUTPUT};
    uint8_t at = 0;
    for (size_t i = 0; i < 2 && at < record->name_count; i++) {
        if (flow_record_has(record, ports[i])) {
            take_name(context, record->value[ports[i]], record->names[at++]);
        }
    }
}

static void take_record(const struct flow_record *record, void *pointer) {
    struct context *context = pointer;
    struct collector *collector = context->collector;
    struct exporter *exporter = context->exporter;
    exporter->counts.records++;
    if (record->template == NULL && record->value[FLOW_PACKETS] == 0 && record->value[FLOW_OCTETS] == 0) {
        exporter->counts.malformed++; /* a zero-filled record: no flow is without packets */
        return;
    }
    if (exporter->key.protocol == EXPORT_IPFIX &&
        dialect_see_template(&exporter->dialect, record->template)) {
        collector_dialect_settled(collector, exporter); /* a template that was loaded */
    }
    if (flow_record_has(record, FLOW_L2_OCTETS) && exporter->row.byte_layer != LAYER_L2) {
        exporter->row.byte_layer = LAYER_L2;
        exporter->row_changed = true;
    }
    struct row *row = store_append(collector->settings.appender, ROW_FLOW_RECORD);
    normalize_flow_record(record, exporter, exporter->configured_rate, context->recv_ns, &row->flow_record);
    if (collector->settings.keep_unknown && record->template != NULL) {
        row->flow_record.extra = extra_of(collector, record);
    }
    if (row->flow_record.sampling_rate != STORE_NULL &&
        row->flow_record.sampling_rate != exporter->row.sampling_rate) {
        exporter->row.sampling_rate = row->flow_record.sampling_rate;
        exporter->row.rate_source = row->flow_record.rate_source;
        exporter->row_changed = true;
    }
    struct flow_record_row reverse = row->flow_record;
    if (normalize_reverse(record, &reverse)) {
        reverse.extra = NULL;
        store_append(collector->settings.appender, ROW_FLOW_RECORD)->flow_record = reverse;
    }
    if (record->name_count != 0) {
        take_names(context, record);
    }
}

static void take_options(const struct flow_record *record, void *pointer) {
    struct context *context = pointer;
    uint64_t rate = flow_record_sampling(record);
    if (rate != 0) {
        exporter_keep_sampler(context->exporter, flow_record_has(record, FLOW_SAMPLER_ID),
                              flow_record_get(record, FLOW_SAMPLER_ID, 0), rate);
    }
    take_names(context, record);
}

static void keep_template(struct context *context, const struct template_update *update) {
    if (update->body.size > STORE_TEMPLATE_MAX || update->change == TEMPLATE_WITHDRAWN_ALL) {
        return;
    }
    const struct exporter_row *exporter = &context->exporter->row;
    struct template_row *row = store_append(context->collector->settings.appender, ROW_TEMPLATE)->template;
    memcpy(row->protocol, exporter->protocol, sizeof row->protocol);
    row->agent = exporter->agent;
    row->domain = exporter->domain;
    memcpy(row->transport, exporter->transport, sizeof row->transport);
    row->template_id = update->id;
    row->recv_ns = context->datagram->recv_ns;
    row->options = update->template != NULL && update->template->options;
    row->withdrawn = update->change == TEMPLATE_WITHDRAWN;
    row->size = (uint16_t)update->body.size;
    memcpy(row->body, update->body.bytes, update->body.size);
}

static void release_set(struct slice set, const struct export_header *header, int64_t recv_ns,
                        void *pointer) {
    struct context *context = pointer;
    context->recv_ns = recv_ns;
    ipfix_decode_set(set, header, context->arrived, context->sink, &context->released);
    context->exporter->counts.held++;
    context->exporter->counts.unknown_templates--;
}

static void take_template(const struct template_update *update, const struct export_header *header,
                          void *pointer) {
    struct context *context = pointer;
    (void)header;
    if (update->change != TEMPLATE_SAME) {
        keep_template(context, update);
    }
    if (update->change != TEMPLATE_NEW) {
        return;
    }
    context->exporter->blind_since_ns = 0;
    dialect_forget_template(&context->exporter->dialect, update->id);
    if (dialect_see_template(&context->exporter->dialect, update->template)) {
        collector_dialect_settled(context->collector, context->exporter);
    }
    context->arrived = update->template;
    held_release(context->collector->held, context->exporter->owner, update->id, release_set, context);
    context->recv_ns = context->datagram->recv_ns;
}

static void take_missing(uint16_t id, struct slice set, const struct export_header *header, void *pointer) {
    struct context *context = pointer;
    struct exporter *exporter = context->exporter;
    exporter->counts.unknown_templates++;
    if (exporter->blind_since_ns == 0) {
        exporter->blind_since_ns = context->datagram->recv_ns;
    }
    held_keep(context->collector->held, exporter->owner, id, set, header, context->datagram->recv_ns);
}

/* Checks the sequence number of a NetFlow v9 or IPFIX message.  NetFlow v9 counts datagrams (RFC 3954, 5.1),
 * IPFIX data records (RFC 7011, 3.1): of the domain, and Open vSwitch of the whole session. */
static void note_ipfix_sequence(struct context *context, const struct export_header *header,
                                const struct ipfix_counts *counts) {
    struct exporter *exporter = context->exporter;
    struct sequence *session = &exporter->sequence[DIALECT_OPENVSWITCH];
    bool back = header->has_uptime && exporter_uptime_back(exporter, header->uptime_ms);
    uint32_t units = header->version == 9 ? 1 : counts->records;
    if (header->version == 10) {
        struct exporter_key key = exporter->key;
        bool made;
        key.domain = 0;
        struct exporter *whole = exporter_table_get(context->collector->sessions, &key, &made);
        session = whole == NULL ? session : &whole->sequence[0];
    }
    sequence_note(&exporter->sequence[DIALECT_GENERIC], header->sequence, units, back,
                  &exporter->counts.sequence[DIALECT_GENERIC]);
    sequence_note(session, header->sequence, units, back, &exporter->counts.sequence[DIALECT_OPENVSWITCH]);
    if (header->version == 10 && (counts->missing_sets != 0 || counts->malformed != 0)) {
        sequence_unsure(&exporter->sequence[DIALECT_GENERIC]);
        sequence_unsure(session);
    }
}

/* Decodes one message; returns its size. */
static size_t take_message(struct collector *collector, const struct datagram *datagram,
                           enum export_protocol protocol, const uint8_t *bytes, size_t size) {
    struct export_header header;
    if (ipfix_read_header(bytes, size, &header) != 0) {
        collector_malformed(collector, NULL, datagram, protocol, 1);
        return size;
    }
    struct exporter *exporter =
        collector_exporter(collector, datagram, protocol, &datagram->src, header.domain);
    size_t length = header.version == 10 && header.count >= IPFIX_HEADER_SIZE && header.count <= size
                        ? header.count
                        : size;
    if (exporter == NULL) {
        return length;
    }
    if (!exporter_accept(exporter, header.sequence, bytes, length)) {
        return length;
    }
    struct context context = {
        .collector = collector, .exporter = exporter, .datagram = datagram, .recv_ns = datagram->recv_ns};
    struct ipfix_sink sink = {.record = take_record,
                              .options = take_options,
                              .changed = take_template,
                              .missing = take_missing,
                              .context = &context};
    struct ipfix_counts counts;
    context.sink = &sink;
    ipfix_decode(bytes, length, &header, collector->templates, exporter->owner, &sink, &counts);
    note_ipfix_sequence(&context, &header, &counts);
    exporter->counts.unknown_records += counts.unknown_sets;
    uint32_t malformed = counts.malformed + context.released.malformed;
    malformed += header.version == 10 && length != header.count;
    if (malformed != 0) {
        collector_malformed(collector, exporter, datagram, protocol, malformed);
    }
    return length;
}

void collector_ipfix(struct collector *collector, const struct datagram *datagram,
                     enum export_protocol protocol) {
    size_t done = take_message(collector, datagram, protocol, datagram->bytes, datagram->size);
    while (datagram->size - done >= IPFIX_HEADER_SIZE && datagram->bytes[done] == 0 &&
           datagram->bytes[done + 1] == 10) { /* some put several messages into one datagram */
        done += take_message(collector, datagram, protocol, datagram->bytes + done, datagram->size - done);
    }
}

/* Checks the sequence number of a NetFlow v5 or v7 datagram of 'count' records: it is the number of the first
 * record, or, from Open vSwitch, of the last. */
static void note_netflow5_sequence(struct context *context, const struct export_header *header,
                                   size_t count) {
    struct exporter *exporter = context->exporter;
    bool back = exporter_uptime_back(exporter, header->uptime_ms);
    uint32_t units = (uint32_t)count;
    const uint32_t starts[DIALECT_COUNT] = {
        [DIALECT_GENERIC] = header->sequence, [DIALECT_OPENVSWITCH] = header->sequence - units + 1};
    bool broke[DIALECT_COUNT];
    bool first = !exporter->sequence[DIALECT_GENERIC].started;
    for (size_t i = 0; i < DIALECT_COUNT; i++) {
        enum sequence_verdict verdict =
            sequence_note(&exporter->sequence[i], starts[i], units, back, &exporter->counts.sequence[i]);
        broke[i] = verdict != SEQUENCE_EXPECTED && !back;
    }
    if (header->version == 5 &&
        dialect_see_sequence(&exporter->dialect, first, header->sequence, units, broke)) {
        collector_dialect_settled(context->collector, exporter);
    }
}

/* True if 'header' is what 'exporter' would send next, by its dialect's rule or, as long as that is open, by
 * either. */
static bool goes_on(const struct exporter *exporter, const struct export_header *header) {
    uint32_t generic = exporter->sequence[DIALECT_GENERIC].next;
    uint32_t openvswitch = exporter->sequence[DIALECT_OPENVSWITCH].next + header->count - 1U;
    bool may_be_generic = !exporter->dialect.settled || exporter->dialect.dialect == DIALECT_GENERIC;
    bool may_be_openvswitch = !exporter->dialect.settled || exporter->dialect.dialect == DIALECT_OPENVSWITCH;
    bool follows = (may_be_generic && header->sequence == generic) ||
                   (may_be_openvswitch && header->sequence == openvswitch);
    return follows && header->sequence != 0 && (int32_t)(header->uptime_ms - exporter->uptime_ms) >= 0;
}

/* An exporter whose settings were changed can go on from a new source port, as Open vSwitch does: finds the
 * one that 'datagram' goes on from among those that spoke last, and gives it the port. */
static void follow_netflow5(struct collector *collector, const struct datagram *datagram,
                            const struct export_header *header) {
    struct exporter_key key = {.protocol = EXPORT_NETFLOW5,
                               .agent = datagram->src,
                               .domain = header->domain,
                               .src = datagram->src,
                               .dst = datagram->dst,
                               .src_port = datagram->src_port,
                               .dst_port = datagram->dst_port};
    if (exporter_table_find(collector->exporters, &key) != NULL) {
        return;
    }
    struct exporter *exporter = exporter_table_newest(collector->exporters);
    for (int i = 0; exporter != NULL && i < FOLLOW_MAX; i++, exporter = exporter->older) {
        key.src_port = exporter->key.src_port;
        if (exporter_key_equal(&exporter->key, &key) && goes_on(exporter, header)) {
            key.src_port = datagram->src_port;
            exporter_table_move(collector->exporters, exporter, &key);
            return;
        }
    }
}

static void look_at_netflow5(const struct flow_record *record, void *pointer) {
    struct context *context = pointer;
    dialect_see_netflow5(&context->exporter->dialect, record);
}

void collector_netflow5(struct collector *collector, const struct datagram *datagram,
                        enum export_protocol protocol) {
    struct export_header header;
    if (netflow5_read_header(datagram->bytes, datagram->size, &header) != 0) {
        collector_malformed(collector, NULL, datagram, protocol, 1);
        return;
    }
    if (header.version == 5) {
        follow_netflow5(collector, datagram, &header);
    }
    struct exporter *exporter =
        collector_exporter(collector, datagram, protocol, &datagram->src, header.domain);
    if (exporter == NULL) {
        return;
    }
    /* Version 1 has no sequence number: the time of export stands for it. */
    uint32_t number = header.version == 1 ? header.uptime_ms : header.sequence;
    if (!exporter_accept(exporter, number, datagram->bytes, datagram->size)) {
        return;
    }
    struct context context = {
        .collector = collector, .exporter = exporter, .datagram = datagram, .recv_ns = datagram->recv_ns};
    bool malformed; /* once to know the dialect, and then for the rows */
    size_t count =
        netflow5_decode(datagram->bytes, datagram->size, &header, look_at_netflow5, &context, &malformed);
    if (header.version != 1 && count != 0) {
        note_netflow5_sequence(&context, &header, count);
    }
    netflow5_decode(datagram->bytes, datagram->size, &header, take_record, &context, &malformed);
    if (malformed) {
        collector_malformed(collector, exporter, datagram, protocol, 1);
    }
}
