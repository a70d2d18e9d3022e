/* Reads truth, samples and records into the flows: here the exporters' counts are scaled, and nowhere else.
 */
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
    int64_t truth_first_ns, truth_last_ns;
    /* The record before, so that a record's interval begins where that one's ended. */
    int64_t last_exporter, last_flow, last_end_ns;
};

static bool in_window(const struct read_session *session, int64_t first_ns, int64_t last_ns) {
    return (session->window_start_ns == READ_NULL || last_ns >= session->window_start_ns) &&
           (session->window_end_ns == READ_NULL || first_ns <= session->window_end_ns);
}

/* A count that the store gives, never negative. */
static uint64_t count_of(int64_t value) {
    return value < 0 ? 0 : (uint64_t)value;
}

/* ---- rate over time ---- */

/* Adds 'bytes', spread evenly over 'begin_ns' to 'end_ns', to the bins; 'offset' is the field within a bin.
 */
static void series_add(struct report_series *series, size_t offset, int64_t begin_ns, int64_t end_ns,
                       double bytes) {
    if (series->count == 0) {
        return;
    }
    int64_t last = series->start_ns + (int64_t)series->count * series->width_ns - 1;
    begin_ns = begin_ns < series->start_ns ? series->start_ns : begin_ns > last ? last : begin_ns;
    end_ns = end_ns < begin_ns ? begin_ns : end_ns > last ? last : end_ns;
    size_t first_bin = (size_t)((begin_ns - series->start_ns) / series->width_ns);
    size_t last_bin = (size_t)((end_ns - series->start_ns) / series->width_ns);
    double length = (double)(end_ns - begin_ns);
    for (size_t i = first_bin; i <= last_bin; i++) {
        int64_t from = series->start_ns + (int64_t)i * series->width_ns;
        int64_t to = from + series->width_ns;
        double part = (double)((to < end_ns ? to : end_ns) - (from > begin_ns ? from : begin_ns));
        double share = first_bin == last_bin ? 1.0 : part / length;
        *(double *)((char *)&series->bins[i] + offset) += bytes * share;
    }
}

static void widen(int64_t time_ns, int64_t *low, int64_t *high) {
    if (time_ns != READ_NULL && time_ns > 0) {
        *low = *low == READ_NULL || time_ns < *low ? time_ns : *low;
        *high = *high == READ_NULL || time_ns > *high ? time_ns : *high;
    }
}

static int series_init(struct report *report, int64_t low, int64_t high) {
    static const int64_t widths_s[] = {1, 2, 5, 10, 30, 60, 300, 600, 3600, 21600, 86400};
    for (size_t i = 0; i < report->exporter_count; i++) {
        if (report->source_of[i] >= 0) {
            widen(report->exporters[i].first_ns, &low, &high);
            widen(report->exporters[i].last_ns, &low, &high);
        }
    }
    const struct read_session *session = &report->session;
    low = session->window_start_ns != READ_NULL && low < session->window_start_ns ? session->window_start_ns
                                                                                  : low;
    high =
        session->window_end_ns != READ_NULL && high > session->window_end_ns ? session->window_end_ns : high;
    if (low == READ_NULL || high < low) {
        return 0;
    }
    struct report_series *series = &report->series;
    for (size_t i = 0; i < sizeof widths_s / sizeof *widths_s; i++) {
        series->width_ns = widths_s[i] * NS_PER_S;
        if ((high - low) / series->width_ns < REPORT_BINS_MAX - 2) {
            break;
        }
    }
    series->start_ns = low / series->width_ns * series->width_ns;
    int64_t bins = (high - series->start_ns) / series->width_ns + 1;
    series->count = bins > REPORT_BINS_MAX ? REPORT_BINS_MAX : (size_t)bins;
    series->bins = calloc(series->count, sizeof *series->bins);
    if (series->bins == NULL) {
        series->count = 0;
        return -ENOMEM;
    }
    return 0;
}

/* ---- truth ---- */

static int take_capture(const struct read_capture *capture, void *context) {
    struct report *report = context;
    if (report->capture_count == REPORT_CAPTURES_MAX) {
        report_note(&report->notes, "More than %d captures: the others are left out.", REPORT_CAPTURES_MAX);
        return 1;
    }
    report->captures[report->capture_count++] = *capture;
    return 0;
}

/* The place of capture 'id', or -1 for none and for one that is not at a station. */
static int find_tap(const struct report *report, int64_t id) {
    for (size_t i = 0; i < report->capture_count; i++) {
        if (report->captures[i].id == id) {
            return report->captures[i].is_station ? (int)i : -1;
        }
    }
    return -1;
}

/* The earliest frame of 'flow' counts out of its station; where nobody saw that, into the other. */
static void note_times(struct report_flow *flow, const struct read_truth *truth, int64_t station) {
    bool first_out = !truth->into_station && flow->out_packets == 0;
    bool better = flow->first_ns == READ_NULL || truth->first_ns < flow->first_ns;
    if (first_out || (better && (!truth->into_station || flow->out_packets == 0))) {
        flow->first_ns = truth->first_ns;
    }
    flow->last_ns =
        flow->last_ns == READ_NULL || truth->last_ns > flow->last_ns ? truth->last_ns : flow->last_ns;
    if (!truth->into_station) {
        flow->station = station;
    }
}

/* Sets whether one station alone was captured. */
static void count_stations(struct report *report) {
    int64_t first = READ_NULL;
    size_t others = 0;
    for (size_t i = 0; i < report->capture_count; i++) {
        const struct read_capture *capture = &report->captures[i];
        if (capture->is_station) {
            first = first == READ_NULL ? capture->station : first;
            others += capture->station != first;
        }
    }
    report->one_tap = first != READ_NULL && others == 0;
}

/* True if 'truth' is of the direction that makes the session's truth.  At a lone tap both are. */
static bool is_truth(const struct report *report, const struct read_truth *truth) {
    bool delivered = strcmp(report->session.truth_rule, "offered") != 0;
    return report->one_tap || truth->into_station == delivered;
}

static int take_truth(const struct read_truth *truth, void *context) {
    struct gathering *gathering = context;
    struct report *report = gathering->report;
    int tap = find_tap(report, truth->capture_id);
    if (tap < 0) {
        return 0;
    }
    struct report_flow *flow = report_flow_get(report, gathering->reader, truth->flow_id, gathering->error);
    if (flow == NULL) {
        return -EIO;
    }
    uint64_t packets = count_of(truth->packets);
    uint64_t bytes = count_of(truth->bytes);
    note_times(flow, truth, report->captures[tap].station);
    struct report_tap *total = &report->taps[tap];
    uint64_t *flow_sum = truth->into_station ? &flow->in_packets : &flow->out_packets;
    uint64_t *packet_sum = truth->into_station ? &total->in_packets : &total->out_packets;
    uint64_t *byte_sum = truth->into_station ? &total->in_bytes : &total->out_bytes;
    *flow_sum = report_add(*flow_sum, packets);
    *packet_sum = report_add(*packet_sum, packets);
    *byte_sum = report_add(*byte_sum, bytes);
    if (!is_truth(report, truth)) {
        return 0;
    }
    flow->met_packets = report_add(flow->met_packets, packets);
    flow->met_bytes = report_add(flow->met_bytes, bytes);
    flow->met_squares += truth->square_sum;
    if (in_window(&report->session, truth->first_ns, truth->last_ns)) {
        report->has_truth = true;
        flow->packets = report_add(flow->packets, packets);
        flow->bytes = report_add(flow->bytes, bytes);
        widen(truth->first_ns, &gathering->truth_first_ns, &gathering->truth_last_ns);
        widen(truth->last_ns, &gathering->truth_first_ns, &gathering->truth_last_ns);
    }
    return 0;
}

/* The series can be laid out only when the truth's times are known: a second look at it fills the bins. */
static int bin_truth(const struct read_truth *truth, void *context) {
    struct gathering *gathering = context;
    struct report *report = gathering->report;
    if (find_tap(report, truth->capture_id) >= 0 && is_truth(report, truth) &&
        in_window(&report->session, truth->first_ns, truth->last_ns)) {
        series_add(&report->series, offsetof(struct report_bin, truth_bytes), truth->first_ns, truth->last_ns,
                   (double)truth->bytes);
    }
    return 0;
}

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

static int take_sample(const struct read_sample *sample, void *context) {
    struct gathering *gathering = context;
    struct report *report = gathering->report;
    const struct read_exporter *exporter;
    size_t number;
    struct report_source *source = find_source(report, sample->exporter_id, &exporter, &number);
    if (source == NULL) {
        return 0;
    }
    if (!in_window(&report->session, sample->recv_ns, sample->recv_ns)) {
        source->outside_window++;
        return 0;
    }
    uint64_t rate = sample->rate < 1 ? 1 : (uint64_t)sample->rate;
    note_rate(source, (double)rate);
    source->sizes_unknown += sample->bytes == READ_NULL;
    if (sample->flow_id == READ_NULL) {
        source->unattributed++;
        return 0;
    }
    uint64_t bytes = count_of(sample->bytes);
    struct addition more = {.recv_ns = sample->recv_ns,
                            .packets = rate,
                            .bytes = report_multiply(bytes, rate),
                            .samples = 1.0,
                            .sized = sample->bytes == READ_NULL ? 0.0 : 1.0,
                            .size_sum = (double)bytes,
                            .square_sum = (double)bytes * (double)bytes};
    series_add(&report->series, offsetof(struct report_bin, bytes) + number * sizeof(double), sample->recv_ns,
               sample->recv_ns, (double)more.bytes);
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
    series_add(&gathering->report->series, offsetof(struct report_bin, bytes) + number * sizeof(double),
               begin, end, bytes);
}

/* Scales the counts of 'record', 1-in-'rate' or 0 for unknown, and brings its bytes from its exporter's layer
 * to the source's.
 */
static struct addition scale_record(const struct read_record *record, const struct read_exporter *exporter,
                                    const struct report_source *source, uint64_t rate) {
    uint64_t packets = count_of(record->packets);
    int offset = report_layer_offset(source->layer) - report_layer_offset(exporter->layer);
    uint64_t bytes = report_shift_bytes(count_of(record->bytes), packets, offset);
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
    if (!in_window(&report->session, record->recv_ns, record->recv_ns)) {
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
                                  .truth_first_ns = READ_NULL,
                                  .truth_last_ns = READ_NULL,
                                  .last_exporter = READ_NULL,
                                  .last_flow = READ_NULL};
    int64_t id = report->session.id;
    int rc = reader_each_capture(reader, id, take_capture, report, error);
    if (rc < 0) {
        return rc;
    }
    count_stations(report);
    rc = reader_each_truth(reader, id, take_truth, &gathering, error);
    if (rc == 0) {
        rc = series_init(report, gathering.truth_first_ns, gathering.truth_last_ns);
    }
    if (rc == 0) {
        rc = reader_each_truth(reader, id, bin_truth, &gathering, error);
    }
    if (rc == 0) {
        rc = reader_each_sample(reader, id, take_sample, &gathering, error);
    }
    if (rc == 0) {
        rc = reader_each_record(reader, id, take_record, &gathering, error);
    }
    return rc;
}
