/* NetFlow v1, v5 and v7 through the collector. */
#include "collector/decode/netflow5.h"
#include "collector/internal.h"

struct context {
    struct collector *collector;
    struct exporter *exporter;
    const struct datagram *datagram;
    bool malformed;
};

/* Checks the sequence number of a NetFlow v5 or v7 datagram of 'count' records: it is the number of the first
 * record, or, from Open vSwitch, of the last. */
static void note_sequence(struct context *context, const struct export_header *header, size_t count) {
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

static void look_at_record(const struct flow_record *record, void *pointer) {
    struct context *context = pointer;
    dialect_see_netflow5(&context->exporter->dialect, record);
}

static void take_record(const struct flow_record *record, void *pointer) {
    struct context *context = pointer;
    if (record->value[FLOW_PACKETS] == 0 && record->value[FLOW_OCTETS] == 0) {
        context->malformed = true; /* a zero-filled record: no flow is without packets */
        return;
    }
    collector_flow_record(context->collector, context->exporter, record, context->datagram->recv_ns);
}

void collector_netflow5(struct collector *collector, const struct datagram *datagram,
                        enum export_protocol protocol) {
    struct export_header header;
    if (netflow5_read_header(datagram->bytes, datagram->size, &header) != 0) {
        collector_malformed(collector, NULL, datagram, protocol);
        return;
    }
    if (header.version == 5) {
        collector_follow(collector, datagram, protocol, &header, goes_on);
    }
    struct exporter *exporter =
        collector_exporter(collector, datagram, protocol, &datagram->src, header.domain);
    /* Version 1 has no sequence number: the time of export stands for it. */
    uint32_t number = header.version == 1 ? header.uptime_ms : header.sequence;
    if (exporter == NULL || !collector_accept(collector, exporter, number, datagram->bytes, datagram->size)) {
        return;
    }
    struct context context = {.collector = collector, .exporter = exporter, .datagram = datagram};
    bool malformed; /* once to know the dialect, and then for the rows */
    size_t count =
        netflow5_decode(datagram->bytes, datagram->size, &header, look_at_record, &context, &malformed);
    if (header.version != 1 && count != 0) {
        note_sequence(&context, &header, count);
    }
    netflow5_decode(datagram->bytes, datagram->size, &header, take_record, &context, &malformed);
    if (malformed || context.malformed) {
        collector_malformed(collector, exporter, datagram, protocol);
    }
}
