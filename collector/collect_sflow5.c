/* sFlow version 5 through the collector. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "collector/decode/json_text.h"
#include "collector/internal.h"
#include "collector/normalize.h"

struct context {
    struct collector *collector;
    struct exporter *exporter;
    const struct datagram *datagram;
    bool malformed;
};

enum sample_kind { FLOW_SAMPLES, COUNTER_SAMPLES, DISCARDED_SAMPLES };

/* Counts the samples that are missing before number 'sequence' of its source: those of lost datagrams, and
 * those that the agent dropped itself, since no datagram is missing. */
static void note_sample(struct context *context, enum sample_kind kind, uint32_t type, uint32_t index,
                        uint32_t sequence) {
    struct exporter_counts *counts = &context->exporter->counts;
    const struct sequence_counts *datagrams = &counts->sequence[DIALECT_GENERIC];
    struct sample_source source = {context->exporter->row.id, type, index, kind};
    bool dropped;
    int64_t missing = sample_numbers_note(context->collector->samples, &source, sequence, datagrams->lost,
                                          datagrams->restarts, &dropped);
    int64_t *lost = kind == COUNTER_SAMPLES ? &counts->lost_counters : &counts->lost_samples;
    *lost += missing;
    if (missing > 0 && dropped) {
        counts->dropped_samples += missing;
    }
}

/* The records without a column as one JSON object, allocated for the row; NULL when there are none. */
static char *extra_of(struct collector *collector, const struct sflow5_record *records, size_t count,
                      bool counters, uint32_t *broken) {
    if (count == 0) {
        return NULL;
    }
    struct json_text json = json_text_begin(collector->extra, sizeof collector->extra - 1);
    json_text_open(&json, '{');
    size_t empty = json.length;
    for (size_t i = 0; i < count; i++) {
        *broken += sflow5_record_json(&records[i], counters, &json) == -EBADMSG;
    }
    if (json.length == empty) {
        return NULL;
    }
    json.size++; /* kept back for this */
    json_text_close(&json, '}');
    return strdup(collector->extra);
}

static void take_flow(const struct sflow5_flow_sample *sample, const struct sflow5_header *header,
                      void *pointer) {
    (void)header;
    struct context *context = pointer;
    struct collector *collector = context->collector;
    uint32_t broken = 0;
    struct row *row = store_append(collector->settings.appender, ROW_SFLOW_SAMPLE);
    normalize_flow_sample(sample, context->exporter, context->datagram->recv_ns, &row->sflow_sample);
    row->sflow_sample.discarded = sample->discarded;
    row->sflow_sample.extra = extra_of(collector, sample->others, sample->other_count, false, &broken);
    struct exporter *exporter = context->exporter;
    if (exporter->row.sampling_rate != row->sflow_sample.sampling_rate && !sample->discarded) {
        exporter->row.sampling_rate = row->sflow_sample.sampling_rate;
        exporter->row.rate_source = RATE_RECORD;
        exporter->row_changed = true;
    }
    exporter->counts.records++;
    collector_outcome(collector, OUTCOME_RECORDS);
    context->malformed = context->malformed || broken != 0;
    note_sample(context, sample->discarded ? DISCARDED_SAMPLES : FLOW_SAMPLES, sample->source_type,
                sample->source_index, sample->sequence);
}

static void take_interface(struct context *context, const struct counter_sample_row *counters) {
    if (counters->if_name[0] == '\0' || counters->ifindex == STORE_NULL) {
        return;
    }
    uint64_t hash = XXH3_64bits(counters->if_name, strlen(counters->if_name)) ^
                    (uint64_t)counters->of_port * 31 ^ (uint64_t)counters->datapath;
    if (exporter_interface_is_new(context->exporter, (uint64_t)counters->ifindex, hash)) {
        struct interface_row interface = {
            .ifindex = counters->ifindex, .of_port = counters->of_port, .datapath = counters->datapath};
        memcpy(interface.name, counters->if_name, sizeof interface.name);
        store_append(context->collector->settings.appender, ROW_INTERFACE)->interface = interface;
    }
}

static void take_counters(const struct sflow5_counter_sample *sample, const struct sflow5_header *header,
                          void *pointer) {
    (void)header;
    struct context *context = pointer;
    struct collector *collector = context->collector;
    struct counter_sample_row counters = {0};
    uint32_t broken = 0;
    if (dialect_see_counters(&context->exporter->dialect, sample)) {
        collector_dialect_settled(collector, context->exporter);
    }
    normalize_counter_sample(sample, context->exporter, context->datagram->recv_ns, &counters);
    counters.extra = extra_of(collector, sample->others, sample->other_count, true, &broken);
    context->malformed = context->malformed || broken != 0;
    collector_outcome(collector, OUTCOME_RECORDS);
    note_sample(context, COUNTER_SAMPLES, sample->source_type, sample->source_index, sample->sequence);
    store_append(collector->settings.appender, ROW_COUNTER_SAMPLE)->counter_sample = counters;
    take_interface(context, &counters);
}

void collector_sflow5(struct collector *collector, const struct datagram *datagram) {
    struct sflow5_header header;
    if (sflow5_read_header(datagram->bytes, datagram->size, &header) != 0) {
        collector_malformed(collector, NULL, datagram, EXPORT_SFLOW5);
        return;
    }
    struct exporter *exporter =
        collector_exporter(collector, datagram, EXPORT_SFLOW5, &header.agent, header.sub_agent);
    if (exporter == NULL ||
        !collector_accept(collector, exporter, header.sequence, datagram->bytes, datagram->size)) {
        return;
    }
    bool back = exporter_uptime_back(exporter, header.uptime_ms);
    for (size_t i = 0; i < DIALECT_COUNT; i++) {
        sequence_note(&exporter->sequence[i], header.sequence, 1, back, &exporter->counts.sequence[i]);
    }
    struct context context = {.collector = collector, .exporter = exporter, .datagram = datagram};
    struct sflow5_sink sink = {.flow = take_flow, .counters = take_counters, .context = &context};
    struct sflow5_counts counts;
    sflow5_decode(datagram->bytes, datagram->size, &header, &sink, &counts);
    exporter->counts.unknown_records += counts.unknown_records + counts.unknown_samples;
    if (counts.malformed != 0 || context.malformed) {
        collector_malformed(collector, exporter, datagram, EXPORT_SFLOW5);
    }
}
