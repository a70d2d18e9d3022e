/* Reads samples and records into the flows: here the exporters' counts are scaled, and nowhere else. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "reports/internal.h"

struct gathering {
    struct report *report;
    struct reader *reader;
    struct error *error;
    /* The record before, so that a record's interval begins where that one's ended. */
    int64_t last_exporter, last_flow, last_end_ns;
};

/* ---- what the exporters said ---- */

/* The exporter 'id', and the source that it belongs to, or NULL for none that is wanted. */
static struct report_source *find_source(struct report *report, int64_t id,
                                         const struct read_exporter **exporter, size_t *number) {
    for (size_t i = 0; i < report->exporter_count; i++) {
        if (report->exporters[i].id == id && report->source_of[i] >= 0) {
            *exporter = &report->exporters[i];
            *number = (size_t)report->source_of[i];
            return &report->sources[*number];
        }
    }
    return NULL;
}

static void note_rate(struct report_source *source, double rate) {
    source->rate_low = source->rate_low == 0.0 || rate < source->rate_low ? rate : source->rate_low;
    source->rate_high = rate > source->rate_high ? rate : source->rate_high;
}

/* What one row adds to a flow. */
struct addition {
    int64_t recv_ns;
    uint64_t packets, bytes; /* scaled */
    double samples, sized, size_sum, square_sum;
};

static int add_to_flow(struct gathering *gathering, size_t number, int64_t flow_id,
                       const struct addition *more) {
    struct report *report = gathering->report;
    struct report_source *source = &report->sources[number];
    struct report_flow *flow = report_flow_get(report, gathering->reader, flow_id, gathering->error);
    if (flow == NULL) {
        return -EIO;
    }
    if (flow->key.family == 0 && source->sight == REPORT_SEES_IP) {
        source->sight = REPORT_SEES_ALL;
    }
    struct report_estimate *estimate = &flow->estimates[number];
    estimate->packets = report_add(estimate->packets, more->packets);
    estimate->bytes = report_add(estimate->bytes, more->bytes);
    estimate->samples += more->samples;
    estimate->sized += more->sized;
    estimate->size_sum += more->size_sum;
    estimate->square_sum += more->square_sum;
    if (estimate->first_recv_ns == READ_NULL || more->recv_ns < estimate->first_recv_ns) {
        estimate->first_recv_ns = more->recv_ns;
    }
    source->packets = report_add(source->packets, more->packets);
    source->bytes = report_add(source->bytes, more->bytes);
    source->samples += more->samples;
    source->size_sum += more->size_sum;
    source->square_sum += more->square_sum;
    return 0;
}

/* False if a packet of the flow 'flow_id' that came in at 'input' came in where nobody captured: then there
 * is no truth to hold against it.  Open vSwitch's NetFlow numbers ports as OpenFlow does, all others by
 * ifIndex. Where the exporter did not say, a flow that nobody saw come in is taken for one of such a port. */
static bool came_in_at_a_capture(struct report *report, const struct read_exporter *exporter, int64_t input,
                                 int64_t flow_id) {
    bool by_of_port =
        strncmp(exporter->protocol, "netflow", 7) == 0 && strcmp(exporter->dialect, "openvswitch") == 0;
    for (size_t i = 0; i < report->setup.port_count && report->partial && input != READ_NULL; i++) {
        const struct report_port *port = &report->setup.ports[i];
        if ((by_of_port ? port->of_port : port->ifindex) == input) {
            return port->capture[0] != '\0';
        }
    }
    const struct report_flow *flow = flow_id == READ_NULL ? NULL : report_flow_find(&report->flows, flow_id);
    return !report->partial || flow_id == READ_NULL || (flow != NULL && flow->out_packets > 0);
}

static int take_sample(const struct read_sample *sample, void *context) {
    struct gathering *gathering = context;
    struct report *report = gathering->report;
    const struct read_exporter *exporter;
    size_t number;
    struct report_source *source = find_source(report, sample->exporter_id, &exporter, &number);
    if (source == NULL) {
        return 0;
    }
    if (!report_in_window(&report->session, sample->recv_ns, sample->recv_ns)) {
        source->outside_window++;
        return 0;
    }
    if (!came_in_at_a_capture(report, exporter, sample->input, sample->flow_id)) {
        source->elsewhere++;
        return 0;
    }
    uint64_t rate = sample->rate < 1 ? 1 : (uint64_t)sample->rate;
    note_rate(source, (double)rate);
    source->sizes_unknown += sample->bytes == READ_NULL;
    if (sample->flow_id == READ_NULL) {
        source->unattributed++;
        return 0;
    }
    uint64_t bytes = report_known(sample->bytes);
    struct addition more = {.recv_ns = sample->recv_ns,
                            .packets = rate,
                            .bytes = report_multiply(bytes, rate),
                            .samples = 1.0,
                            .sized = sample->bytes == READ_NULL ? 0.0 : 1.0,
                            .size_sum = (double)bytes,
                            .square_sum = (double)bytes * (double)bytes};
    report_series_add(&report->series, offsetof(struct report_bin, bytes) + number * sizeof(double),
                      sample->recv_ns, sample->recv_ns, (double)more.bytes);
    return add_to_flow(gathering, number, sample->flow_id, &more);
}

/* The 1-in-this of 'record', as it says itself or as its exporter is known to sample; 0 when its counts
 * arrived scaled and nobody said by how much, as those of Open vSwitch's IPFIX. */
static uint64_t record_rate(const struct read_record *record, const struct read_exporter *exporter,
                            const struct report_source *source) {
    int64_t rate = record->rate != READ_NULL ? record->rate : exporter->sampling_rate;
    if (rate < 1 && !isnan(source->set_rate)) {
        rate = (int64_t)source->set_rate;
    }
    return rate >= 1 ? (uint64_t)rate : record->scaled ? 0 : 1;
}

/* The interval that 'record' stands for begins where the record of its flow before ended: the start time that
 * OVS gives is not reset at the active timeout (OVS, ofproto/netflow.c). */
static void bin_record(struct gathering *gathering, const struct read_record *record, size_t number,
                       double bytes) {
    int64_t end = record->end_ns == READ_NULL ? record->recv_ns : record->end_ns;
    int64_t begin = record->start_ns == READ_NULL ? end : record->start_ns;
    bool follows = gathering->last_exporter == record->exporter_id && gathering->last_flow == record->flow_id;
    if (follows && gathering->last_end_ns > begin) {
        begin = gathering->last_end_ns < end ? gathering->last_end_ns : end;
    }
    gathering->last_exporter = record->exporter_id;
    gathering->last_flow = record->flow_id;
    gathering->last_end_ns = end;
    report_series_add(&gathering->report->series,
                      offsetof(struct report_bin, bytes) + number * sizeof(double), begin, end, bytes);
}

/* Scales the counts of 'record', 1-in-'rate' or 0 for unknown, and brings its bytes from its exporter's layer
 * to the source's.
 */
static struct addition scale_record(const struct read_record *record, const struct read_exporter *exporter,
                                    const struct report_source *source, uint64_t rate) {
    uint64_t packets = report_known(record->packets);
    int offset = report_layer_offset(source->layer) - report_layer_offset(exporter->layer);
    uint64_t bytes = report_shift_bytes(report_known(record->bytes), packets, offset);
    struct addition more = {.recv_ns = record->recv_ns, .packets = packets, .bytes = bytes};
    double divisor = 1.0;
    if (record->scaled) {
        divisor = rate == 0 ? 1.0 : (double)rate;
    } else {
        more.packets = report_multiply(packets, rate);
        more.bytes = report_multiply(bytes, rate);
    }
    more.samples = (double)packets / divisor;
    more.sized = record->bytes == READ_NULL ? 0.0 : more.samples;
    more.size_sum = (double)bytes / divisor;
    /* The sizes within a record are not known: taken as equal. */
    more.square_sum = packets == 0 ? 0.0 : more.size_sum * ((double)bytes / (double)packets);
    return more;
}

static int take_record(const struct read_record *record, void *context) {
    struct gathering *gathering = context;
    struct report *report = gathering->report;
    const struct read_exporter *exporter;
    size_t number;
    struct report_source *source = find_source(report, record->exporter_id, &exporter, &number);
    if (source == NULL || record->packets == READ_NULL) {
        return 0;
    }
    if (!report_in_window(&report->session, record->recv_ns, record->recv_ns)) {
        source->outside_window++;
        return 0;
    }
    /* Of a whole switch Open vSwitch samples each frame twice, at the way in and at the way out; a rule
     * samples where it says, once. */
    if (record->direction == 1 && source->kind != REPORT_IPFIX_FLOW &&
        strcmp(exporter->dialect, "openvswitch") == 0) {
        source->egress_skipped++;
        return 0;
    }
    if (!came_in_at_a_capture(report, exporter, record->input, record->flow_id)) {
        source->elsewhere++;
        return 0;
    }
    source->egress_counted += record->direction == 1;
    uint64_t rate = record_rate(record, exporter, source);
    if (rate == 0) {
        source->rate_unknown = true;
    } else {
        note_rate(source, (double)rate);
    }
    if (record->flow_id == READ_NULL) {
        source->unattributed++;
        return 0;
    }
    struct addition more = scale_record(record, exporter, source, rate);
    bin_record(gathering, record, number, (double)more.bytes);
    return add_to_flow(gathering, number, record->flow_id, &more);
}

int report_gather(struct report *report, struct reader *reader, struct error *error) {
    struct gathering gathering = {.report = report,
                                  .reader = reader,
                                  .error = error,
                                  .last_exporter = READ_NULL,
                                  .last_flow = READ_NULL};
    int rc = reader_each_sample(reader, report->session.id, take_sample, &gathering, error);
    return rc == 0 ? reader_each_record(reader, report->session.id, take_record, &gathering, error) : rc;
}
