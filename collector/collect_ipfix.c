/* NetFlow v9 and IPFIX through the collector. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/decode/ipfix.h"
#include "collector/internal.h"
#include "common/clock.h"

#define BOOT_SLACK_NS (2 * NS_PER_S) /* NetFlow v9 says the time of export in whole seconds */

struct context {
    struct collector *collector;
    struct exporter *exporter;
    const struct datagram *datagram;
    const struct ipfix_sink *sink;
    const struct template *arrived; /* for which data waited */
    int64_t recv_ns;                /* the datagram's, or of data that had to wait */
    bool malformed;
};

static bool is_zero(const uint8_t *bytes, size_t size) {
    size_t i = 0;
    while (i < size && bytes[i] == 0) {
        i++;
    }
    return i == size;
}

static void take_record(const struct flow_record *record, void *pointer) {
    struct context *context = pointer;
    struct exporter *exporter = context->exporter;
    if (is_zero(record->bytes.bytes, record->bytes.size)) {
        context->malformed = true; /* a zero-filled buffer: no flow is without addresses and packets */
        return;
    }
    if (exporter->key.protocol == EXPORT_IPFIX &&
        dialect_see_template(&exporter->dialect, record->template)) {
        collector_dialect_settled(context->collector, exporter); /* a template that was loaded */
    }
    collector_flow_record(context->collector, exporter, record, context->recv_ns);
}

/* What options say holds for those, too, that send from another port of the address and say nothing. */
static void take_options(const struct flow_record *record, void *pointer) {
    struct context *context = pointer;
    struct exporter *exporter = context->exporter;
    struct exporter *near = NULL;
    collector_outcome(context->collector, OUTCOME_TEMPLATES);
    exporter->own_options = true;
    exporter_take_options(exporter, record);
    for (int i = 0; i < COLLECTOR_NEAR_MAX; i++) {
        near = exporter_table_near(context->collector->exporters, &exporter->key, near);
        if (near == NULL) {
            break;
        }
        if (!near->own_options) {
            exporter_take_options(near, record);
        }
    }
    collector_interface_names(context->collector, exporter, record);
}

/* A template that came or went, for the database; all of a kind have the id 0. */
static void keep_template(struct context *context, const struct template_update *update) {
    if (update->body.size > STORE_TEMPLATE_MAX) {
        return;
    }
    const struct exporter_row *exporter = &context->exporter->row;
    struct template_row *row = store_append(context->collector->settings.appender, ROW_TEMPLATE)->template;
    bool all = update->change == TEMPLATE_WITHDRAWN_ALL;
    snprintf(row->protocol, sizeof row->protocol, "%s", protocol_name(context->exporter->key.protocol));
    row->agent = exporter->agent;
    row->domain = exporter->domain;
    memcpy(row->transport, exporter->transport, sizeof row->transport);
    row->template_id = all ? 0 : update->id;
    row->recv_ns = context->datagram->recv_ns;
    row->options = update->options;
    row->withdrawn = all || update->change == TEMPLATE_WITHDRAWN;
    row->size = (uint16_t)update->body.size;
    memcpy(row->body, update->body.bytes, update->body.size);
}

static struct sequence *session_sequence(struct context *context, struct exporter *exporter) {
    struct exporter_key key = exporter->key;
    bool made;
    if (key.protocol != EXPORT_IPFIX) {
        return &exporter->sequence[DIALECT_OPENVSWITCH];
    }
    key.domain = 0;
    struct exporter *whole = exporter_table_get(context->collector->sessions, &key, &made);
    return whole == NULL ? &exporter->sequence[DIALECT_OPENVSWITCH] : &whole->sequence[0];
}

/* The records of a set that had to wait are known now, and so how many numbers it has taken. */
static void settle_sequence(struct context *context, struct exporter *exporter, size_t bytes,
                            uint32_t records) {
    if (exporter->key.protocol == EXPORT_IPFIX) {
        struct sequence_counts *counts = exporter->counts.sequence;
        sequence_settle(&exporter->sequence[DIALECT_GENERIC], (uint32_t)bytes, records,
                        &counts[DIALECT_GENERIC]);
        sequence_settle(&exporter->sequence_by_end, (uint32_t)bytes, records,
                        &exporter->counts.sequence_by_end);
        sequence_settle(session_sequence(context, exporter), (uint32_t)bytes, records,
                        &counts[DIALECT_OPENVSWITCH]);
    }
}

/* Whose the waiting set is: the exporter's, or that of one that sends from another port of its address and
 * whose data the template fits; NULL if it has to wait on. */
static struct exporter *owner_of(struct context *context, const struct held_set *set) {
    struct exporter *exporter = context->exporter;
    if (set->exporter_id == exporter->row.id) {
        return exporter;
    }
    struct exporter *near = NULL;
    for (int i = 0; i < COLLECTOR_NEAR_MAX && ipfix_set_fits(set->bytes, context->arrived); i++) {
        near = exporter_table_near(context->collector->exporters, &exporter->key, near);
        if (near == NULL || near->row.id == set->exporter_id) {
            return near;
        }
    }
    return NULL;
}

static bool release_set(const struct held_set *set, void *pointer) {
    struct context *context = pointer;
    struct exporter *own = context->exporter;
    struct exporter *exporter = owner_of(context, set);
    if (exporter == NULL) {
        return false;
    }
    struct ipfix_counts counts = {0};
    context->recv_ns = set->recv_ns;
    context->exporter = exporter;
    ipfix_decode_set(set->bytes, &set->header, context->arrived, context->sink, &counts);
    settle_sequence(context, exporter, set->bytes.size, counts.records);
    exporter->counts.held++;
    if (exporter->counts.unknown_templates > 0) { /* an exporter that was forgotten meanwhile counts from 0 */
        exporter->counts.unknown_templates--;
    }
    exporter->counts_changed = true;
    exporter->blind_since_ns = 0;
    context->malformed = context->malformed || counts.malformed != 0;
    context->exporter = own;
    return true;
}

static void take_template(const struct template_update *update, const struct export_header *header,
                          void *pointer) {
    struct context *context = pointer;
    (void)header;
    collector_outcome(context->collector, OUTCOME_TEMPLATES);
    if (update->change != TEMPLATE_SAME) {
        keep_template(context, update);
    }
    if (update->change != TEMPLATE_NEW) {
        return;
    }
    struct exporter *exporter = context->exporter;
    exporter->blind_since_ns = 0;
    dialect_forget_template(&exporter->dialect, update->id);
    if (dialect_see_template(&exporter->dialect, update->template)) {
        collector_dialect_settled(context->collector, exporter);
    }
    context->arrived = update->template;
    held_release(context->collector->held, exporter->owner.address, update->id, release_set, context);
    context->recv_ns = context->datagram->recv_ns;
}

static void take_missing(uint16_t id, struct slice set, const struct export_header *header, void *pointer) {
    struct context *context = pointer;
    struct exporter *exporter = context->exporter;
    exporter->counts.unknown_templates++;
    collector_outcome(context->collector, OUTCOME_WAITING);
    if (exporter->blind_since_ns == 0) {
        exporter->blind_since_ns = context->datagram->recv_ns;
    }
    struct held_set held = {.exporter_id = exporter->row.id,
                            .recv_ns = context->datagram->recv_ns,
                            .header = *header,
                            .bytes = set};
    held_keep(context->collector->held, exporter->owner.address, id, &held);
}

/* The same by a rule that some exporters follow instead: the number is that behind the message's own data
 * records, and records of options have none. */
static void note_by_end(struct exporter *exporter, const struct export_header *header,
                        const struct ipfix_counts *counts) {
    uint32_t units = counts->records - counts->option_records;
    enum sequence_verdict verdict = sequence_note(&exporter->sequence_by_end, header->sequence - units, units,
                                                  false, &exporter->counts.sequence_by_end);
    exporter->breaks_by_end += verdict != SEQUENCE_EXPECTED;
}

/* IPFIX has no uptime.  A number that has gone back in a message that was sent later than all before, by more
 * than two exporters' threads may differ, is no message that was overtaken: the exporter has begun anew. */
#define ANEW_NS (2 * NS_PER_S)

static bool begins_anew(const struct exporter *exporter, const struct export_header *header,
                        const struct sequence *sequence) {
    return header->version == 10 && sequence->started && exporter->newest_export_ns != 0 &&
           (int32_t)(header->sequence - sequence->next) < 0 &&
           header->export_ns > exporter->newest_export_ns + ANEW_NS;
}

/* Checks the sequence number of a NetFlow v9 or IPFIX message of 'size' bytes.  NetFlow v9 counts datagrams
 * (RFC 3954, 5.1), IPFIX data records (RFC 7011, 3.1): of the domain, and Open vSwitch of the whole session.
 * What sets of an unknown template held is not known until it comes; a message of templates alone says
 * nothing that the next one with data does not say. */
static void note_sequence(struct context *context, const struct export_header *header,
                          const struct ipfix_counts *counts, size_t size) {
    struct exporter *exporter = context->exporter;
    struct sequence_counts *lost = exporter->counts.sequence;
    bool back = header->has_uptime && exporter_uptime_back(exporter, header->uptime_ms);
    bool data = counts->records != 0 || counts->missing_sets != 0 || counts->malformed != 0;
    uint32_t units = header->version == 9 ? 1 : counts->records;
    struct sequence *domain = &exporter->sequence[DIALECT_GENERIC];
    if (header->version == 10 && !data && !domain->unsure) {
        return;
    }
    struct sequence *session = session_sequence(context, exporter);
    bool domain_anew = back || begins_anew(exporter, header, domain);
    bool session_anew = back || begins_anew(exporter, header, session);
    if (header->export_ns > exporter->newest_export_ns) {
        exporter->newest_export_ns = header->export_ns;
    }
    enum sequence_verdict verdict =
        sequence_note(domain, header->sequence, units, domain_anew, &lost[DIALECT_GENERIC]);
    exporter->breaks += verdict != SEQUENCE_EXPECTED;
    note_by_end(exporter, header, counts);
    sequence_note(session, header->sequence, units, session_anew, &lost[DIALECT_OPENVSWITCH]);
    uint32_t most = counts->malformed != 0 ? (uint32_t)size : 0;
    most += counts->missing_bytes;
    if (header->version == 10 && most != 0) {
        sequence_unsure(domain, most);
        sequence_unsure(&exporter->sequence_by_end, most);
        sequence_unsure(session, most);
    }
}

static int64_t boot_of(const struct export_header *header) {
    return header->has_uptime ? header->export_ns - header->uptime_ms * NS_PER_MS : INT64_MIN;
}

/* True if the message of 'header' is what 'exporter' would send next. */
static bool goes_on(const struct exporter *exporter, const struct export_header *header) {
    const struct sequence *sequence = &exporter->sequence[DIALECT_GENERIC];
    if (!sequence->started || sequence->unsure || header->sequence == 0 ||
        header->sequence != sequence->next) {
        return false;
    }
    int64_t boot_ns = boot_of(header);
    return boot_ns == INT64_MIN || exporter->boot_ns == INT64_MIN ||
           llabs(boot_ns - exporter->boot_ns) <= BOOT_SLACK_NS;
}

static void decode_message(struct context *context, const uint8_t *bytes, size_t size,
                           struct export_header *header) {
    struct exporter *exporter = context->exporter;
    struct ipfix_sink sink = {.record = take_record,
                              .options = take_options,
                              .changed = take_template,
                              .missing = take_missing,
                              .context = context};
    struct ipfix_counts counts;
    context->sink = &sink;
    header->init_ms = exporter->init_ms;
    exporter->boot_ns = boot_of(header);
    ipfix_decode(bytes, size, header, context->collector->templates, exporter->owner, &sink, &counts);
    note_sequence(context, header, &counts, size);
    exporter->counts.unknown_records += counts.unknown_sets;
    /* Bytes that are no set at all, zeros say, where sets should be. */
    bool nothing = counts.records + counts.templates + counts.missing_sets + counts.unknown_sets == 0 &&
                   size > (header->version == 9 ? NETFLOW9_HEADER_SIZE : IPFIX_HEADER_SIZE);
    context->malformed = context->malformed || counts.malformed != 0 || nothing;
}

/* Decodes one message of the datagram; returns its size. */
static size_t take_message(struct collector *collector, const struct datagram *datagram,
                           enum export_protocol protocol, const uint8_t *bytes, size_t size) {
    struct export_header header;
    if (ipfix_read_header(bytes, size, &header) != 0) {
        collector_malformed(collector, NULL, datagram, protocol);
        return size;
    }
    collector_follow(collector, datagram, protocol, &header, goes_on);
    struct exporter *exporter =
        collector_exporter(collector, datagram, protocol, &datagram->src, header.domain);
    bool whole = header.version == 9 || (header.count >= IPFIX_HEADER_SIZE && header.count <= size);
    size_t length = header.version == 10 && whole ? header.count : size;
    if (exporter == NULL || !collector_accept(collector, exporter, header.sequence, bytes, length)) {
        return length;
    }
    struct context context = {.collector = collector,
                              .exporter = exporter,
                              .datagram = datagram,
                              .recv_ns = datagram->recv_ns,
                              .malformed = !whole};
    decode_message(&context, bytes, length, &header);
    if (context.malformed) {
        collector_malformed(collector, exporter, datagram, protocol);
    }
    return length;
}

void collector_ipfix(struct collector *collector, const struct datagram *datagram,
                     enum export_protocol protocol) {
    const uint8_t *bytes = datagram->bytes;
    size_t done = take_message(collector, datagram, protocol, bytes, datagram->size);
    while (datagram->size - done >= IPFIX_HEADER_SIZE && bytes[done] == 0 && bytes[done + 1] == 10) {
        done += take_message(collector, datagram, protocol, bytes + done, datagram->size - done);
    }
    if (!is_zero(bytes + done, datagram->size - done)) { /* else it is padding */
        collector_malformed(collector, NULL, datagram, protocol);
    }
}
