/* How good each source is: intervals flow by flow, accuracy over all flows and by size, detection. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/internal.h"

/* Without rows, the source's rate is what its exporters are set to, or should have been. */
static void take_set_rate(const struct report *report, size_t number, struct report_source *source) {
    bool scaled = false;
    for (size_t i = 0; i < report->exporter_count && source->rate_high == 0.0; i++) {
        const struct read_exporter *exporter = &report->exporters[i];
        if (report->source_of[i] == (int)number && exporter->sampling_rate > 0) {
            source->rate_low = source->rate_high = (double)exporter->sampling_rate;
        }
        scaled = scaled || (report->source_of[i] == (int)number && exporter->scaled);
    }
    if (source->rate_high == 0.0 && !isnan(source->set_rate)) {
        source->rate_low = source->rate_high = source->set_rate;
    }
    source->rate_unknown = source->rate_unknown || (scaled && source->rate_high == 0.0);
}

/* The source's rate: what its rows say, else what its exporters are set to. */
static void settle_rate(struct report *report, size_t number) {
    struct report_source *source = &report->sources[number];
    source->rate = NAN;
    take_set_rate(report, number, source);
    if (source->rate_unknown) {
        size_t used = strlen(source->title);
        snprintf(source->title + used, sizeof source->title - used, " 1-in-?");
        report_note(
            &source->notes,
            "Its counts arrived scaled and nobody said by how much: without the sampling rate there is "
            "no interval.");
        return;
    }
    if (source->rate_high > 0.0) {
        source->rate = source->rate_low == source->rate_high ? source->rate_high
                       : source->samples > 0.0               ? (double)source->packets / source->samples
                                                             : source->rate_high;
    } else if (source->exporters > 0 && source->kind != REPORT_SFLOW) {
        source->rate = 1.0;
    }
    source->sampled = source->rate > 1.0;
    size_t used = strlen(source->title);
    if (source->rate_low != source->rate_high) {
        snprintf(source->title + used, sizeof source->title - used, " 1-in-%.0f..%.0f", source->rate_low,
                 source->rate_high);
        report_note(&source->notes,
                    "Its sampling rate changed within the session; intervals use the mean rate.");
    } else if (source->sampled || (source->kind != REPORT_NETFLOW && source->rate > 0.0)) {
        snprintf(source->title + used, sizeof source->title - used, " 1-in-%.0f", source->rate);
    }
}

/* Interval, truth in the source's layer, and whether the one holds the other. */
static void assess_estimate(const struct report *report, const struct report_source *source,
                            const struct report_flow *flow, struct report_estimate *estimate) {
    estimate->visible = source->exporters > 0 && report_source_sees(report, source, flow, estimate);
    estimate->truth_bytes =
        report_shift_bytes(flow->bytes, flow->packets, report_layer_offset(source->layer));
    estimate->rate = source->rate;
    if (source->rate_low != source->rate_high && estimate->samples > 0.0) {
        estimate->rate = (double)estimate->packets / estimate->samples;
    }
    estimate->detection_ns = NAN;
    if (estimate->first_recv_ns != READ_NULL && flow->first_ns != READ_NULL) {
        estimate->detection_ns = (double)(estimate->first_recv_ns - flow->first_ns);
    }
    if (source->rate_unknown) {
        estimate->samples = NAN;
        estimate->packets_ci = estimate->bytes_ci = (struct stats_interval){NAN, NAN};
    } else if (source->sampled) {
        estimate->packets_ci = stats_packets_interval(estimate->samples, estimate->rate);
        estimate->bytes_ci = stats_bytes_interval(estimate->size_sum, estimate->square_sum, estimate->rate);
        estimate->within = stats_interval_holds(&estimate->packets_ci, (double)flow->packets);
        estimate->bytes_within = stats_interval_holds(&estimate->bytes_ci, (double)estimate->truth_bytes);
    } else {
        estimate->packets_ci = (struct stats_interval){(double)estimate->packets, (double)estimate->packets};
        estimate->bytes_ci = (struct stats_interval){(double)estimate->bytes, (double)estimate->bytes};
        estimate->within = estimate->packets == flow->packets;
        estimate->bytes_within = estimate->bytes == estimate->truth_bytes;
    }
}

/* The sums of one source while its flows go by. */
struct sums {
    struct stats_accuracy packets, bytes;
    struct stats_accuracy decades[REPORT_DECADES];
    double *detections;
    size_t detection_count;
};

static void sums_free(struct sums *sums) {
    stats_accuracy_free(&sums->packets);
    stats_accuracy_free(&sums->bytes);
    for (size_t i = 0; i < REPORT_DECADES; i++) {
        stats_accuracy_free(&sums->decades[i]);
    }
    free(sums->detections);
}

static size_t decade_of(uint64_t packets) {
    size_t decade = 0;
    for (uint64_t rest = packets; rest >= 10 && decade < REPORT_DECADES - 1; rest /= 10) {
        decade++;
    }
    return decade;
}

static int sums_init(struct sums *sums, const struct report *report) {
    memset(sums, 0, sizeof *sums);
    size_t flows[REPORT_DECADES] = {0};
    for (size_t i = 0; i < report->flows.count; i++) {
        flows[decade_of(report->flows.flows[i].packets)]++;
    }
    int rc = stats_accuracy_init(&sums->packets, report->flows.count);
    for (size_t i = 0; rc == 0 && i < REPORT_DECADES; i++) {
        rc = stats_accuracy_init(&sums->decades[i], flows[i]);
    }
    sums->detections = calloc(report->flows.count + 1, sizeof *sums->detections);
    return sums->detections == NULL ? -ENOMEM : rc;
}

static int sign(uint64_t estimate, uint64_t truth) {
    return (estimate > truth) - (estimate < truth);
}

/* Frames that were lost or added change the packets and the bytes of their flow in one direction. */
static void note_difference(struct report_source *source, const struct report_flow *flow,
                            const struct report_estimate *estimate) {
    bool over = estimate->packets > flow->packets;
    uint64_t *sum = over ? &source->over_packets : &source->under_packets;
    *sum = report_add(*sum, over ? estimate->packets - flow->packets : flow->packets - estimate->packets);
    source->byte_faults +=
        sign(estimate->packets, flow->packets) != sign(estimate->bytes, estimate->truth_bytes);
}

/* A flow that the truth lacks.  What a tap saw outside the measurement window was there; the rest was not. */
static void add_extra(struct report_source *source, const struct report_flow *flow,
                      const struct report_estimate *estimate, struct sums *sums) {
    source->extra_flows += estimate->packets > 0;
    source->extra_packets = report_add(source->extra_packets, estimate->packets);
    stats_accuracy_add_extra(&sums->packets, (double)estimate->packets);
    stats_accuracy_add_extra(&sums->bytes, (double)estimate->bytes);
    if (estimate->packets == 0 || flow->out_packets > 0 || flow->in_packets > 0) {
        return;
    }
    source->phantom_flows++;
    source->phantom_packets = report_add(source->phantom_packets, estimate->packets);
    source->phantom_samples += estimate->samples;
    if (estimate->packets > source->phantom_largest) {
        source->phantom_largest = estimate->packets;
        flow_key_format(&flow->key, source->phantom);
    }
}

/* Frames of up to 60 bytes are padded to that on Ethernet: before the exporter meters them or after the tap
 * saw them, and of layer 3 an exporter knows no padding. */
static bool is_padding(const struct report_source *source, const struct stats_size_flow *flow) {
    const double least = 60.0 + report_layer_offset(source->layer);
    double size = (double)flow->bytes / (double)flow->packets;
    double said = flow->sampled_bytes / flow->samples;
    return size <= least && (source->layer == READ_LAYER_L3 ? said < size : said > size && said <= least);
}

/* Adds the sizes of the sampled packets of 'flow', held against all its frames of the session: at the edge of
 * the window a sample may lie on another side than its frame. */
static void add_sizes(struct report_source *source, const struct report_flow *flow,
                      const struct report_estimate *estimate) {
    int offset = report_layer_offset(source->layer);
    double shift = (double)offset;
    const struct stats_size_flow sizes = {
        .packets = flow->met_packets,
        .bytes = report_shift_bytes(flow->met_bytes, flow->met_packets, offset),
        .square_sum = flow->met_squares + 2.0 * shift * (double)flow->met_bytes +
                      shift * shift * (double)flow->met_packets,
        .samples = estimate->sized,
        .sampled_bytes = estimate->size_sum};
    if (flow->met_packets > 0 && estimate->sized > 0.0 && !is_padding(source, &sizes)) {
        stats_sizes_add(&source->sizes, &sizes);
    }
}

static void add_flow(struct report_source *source, const struct report_flow *flow,
                     const struct report_estimate *estimate, struct sums *sums) {
    note_difference(source, flow, estimate);
    if (flow->packets == 0) {
        add_extra(source, flow, estimate, sums);
        return;
    }
    if (source->sampled && !source->rate_unknown) {
        add_sizes(source, flow, estimate);
    }
    struct stats_flow packets = {.truth = (double)flow->packets,
                                 .estimate = (double)estimate->packets,
                                 .samples =
                                     source->rate_unknown ? (double)estimate->packets : estimate->samples,
                                 .truth_packets = flow->packets,
                                 .rate = source->rate_unknown ? 1.0 : estimate->rate,
                                 .within = estimate->within};
    stats_accuracy_add(&sums->packets, &packets);
    stats_accuracy_add(&sums->decades[decade_of(flow->packets)], &packets);
    struct stats_flow bytes = packets;
    bytes.truth = (double)estimate->truth_bytes;
    bytes.estimate = (double)estimate->bytes;
    bytes.within = estimate->bytes_within;
    if (estimate->truth_bytes > 0) {
        stats_accuracy_add(&sums->bytes, &bytes);
    }
    source->truth_flows++;
    source->truth_packets = report_add(source->truth_packets, flow->packets);
    source->truth_bytes = report_add(source->truth_bytes, estimate->truth_bytes);
    source->differing_flows += estimate->packets != flow->packets || estimate->bytes != estimate->truth_bytes;
    if (!isnan(estimate->detection_ns)) {
        sums->detections[sums->detection_count++] = estimate->detection_ns;
    }
}

/* Takes out of 'summary' what can't be said without the sampling rate; what was seen, and by how much it is
 * off, stays. */
static void forget_sampling(struct stats_summary *summary) {
    const struct stats_interval nobody_knows = {NAN, NAN};
    summary->coverage = summary->expected_coverage = NAN;
    summary->coverage_range = summary->seen_range = summary->chi_squared_range = nobody_knows;
    summary->expected_seen = summary->chi_squared = summary->samples_z = NAN;
    summary->samples = summary->expected_samples = NAN;
    summary->tested = 0;
    summary->coverage_ok = summary->chi_squared_ok = summary->samples_ok = summary->plausible = true;
    summary->failed = 0;
}

static int summarise(struct report_source *source, struct sums *sums) {
    int rc = stats_accuracy_summary(&sums->packets, &source->packets_summary);
    if (rc == 0) {
        rc = stats_accuracy_summary(&sums->bytes, &source->bytes_summary);
    }
    double low = 1.0;
    for (size_t i = 0; rc == 0 && i < REPORT_DECADES; i++, low *= 10.0) {
        source->decades[i].low = low;
        source->decades[i].high = low * 10.0;
        source->decades[i].flows = sums->decades[i].flows;
        rc = stats_accuracy_summary(&sums->decades[i], &source->decades[i].packets);
        if (source->rate_unknown) {
            forget_sampling(&source->decades[i].packets);
        }
    }
    if (source->rate_unknown) {
        forget_sampling(&source->packets_summary);
        forget_sampling(&source->bytes_summary);
    }
    stats_sort(sums->detections, sums->detection_count);
    source->detection_p50_ns = stats_quantile(sums->detections, sums->detection_count, 0.5);
    source->detection_p95_ns = stats_quantile(sums->detections, sums->detection_count, 0.95);
    source->detection_max_ns = stats_quantile(sums->detections, sums->detection_count, 1.0);
    return rc;
}

static void settle_totals(struct report_source *source) {
    if (source->rate_unknown) {
        const struct stats_interval nobody_knows = {NAN, NAN};
        source->samples = NAN;
        source->packets_ci = source->bytes_ci = nobody_knows;
        source->rate_test = (struct stats_rate_test){NAN, nobody_knows, NAN, NAN};
        return;
    }
    if (source->sampled) {
        source->packets_ci = stats_packets_interval(source->samples, source->rate);
        source->bytes_ci = stats_bytes_interval(source->size_sum, source->square_sum, source->rate);
    } else {
        source->packets_ci = (struct stats_interval){(double)source->packets, (double)source->packets};
        source->bytes_ci = (struct stats_interval){(double)source->bytes, (double)source->bytes};
    }
    /* A truth that is whole: what was sampled of flows that it does not have is no sample of it. */
    double samples = source->packets_summary.samples;
    source->rate_test = stats_test_rate(samples > 0.0 ? (uint64_t)llround(samples) : 0, source->truth_packets,
                                        source->rate > 1.0 ? source->rate : 1.0);
}

/* How many agents speak in source 'number'. */
static size_t count_agents(const struct report *report, size_t number) {
    size_t count = 0;
    for (size_t i = 0; i < report->exporter_count; i++) {
        bool known = report->source_of[i] != (int)number;
        for (size_t j = 0; j < i && !known; j++) {
            known = report->source_of[j] == (int)number &&
                    ip_address_equal(&report->exporters[i].agent, &report->exporters[j].agent);
        }
        count += !known;
    }
    return count;
}

/* Says what the figures of source 'number' do not hold. */
static void note_limits(struct report *report, size_t number) {
    struct report_source *source = &report->sources[number];
    size_t agents = count_agents(report, number);
    if (agents > 1) {
        report_note(
            &source->notes,
            "%zu agents summed: a packet that two of them saw counts twice.  Choose one as %s@ADDRESS.",
            agents, source->name);
    }
    if (source->exporters > 0 && source->sight == REPORT_SEES_IPV4) {
        report_note(&source->notes,
                    "Sees IPv4 only: compared with the IPv4 truth; flows of IPv6 and ARP are null.");
    }
    if (source->exporters > 0 && source->sight == REPORT_SEES_CHOSEN) {
        report_note(&source->notes,
                    report->rules.inexact
                        ? "IPFIX of the sample actions in OpenFlow rules: compared with the flows that it "
                          "reported alone, since some rule looks at more than a flow's key; a flow that it "
                          "missed goes unnoticed."
                        : "IPFIX of the sample actions in OpenFlow rules: compared with the flows that these "
                          "rules sample; the others are null.");
    }
    if (source->exporters > 0 && source->layer == READ_LAYER_L3) {
        report_note(&source->notes,
                    "Counts layer-3 bytes: the truth is taken less 14 bytes a frame; padding of short frames "
                    "and VLAN tags make that uncertain.");
    }
    if (source->egress_counted > 0) {
        report_note(&source->notes,
                    "%llu records are of the egress: a packet metered both ways counts twice.",
                    (unsigned long long)source->egress_counted);
    }
    if (source->unattributed > 0) {
        report_note(&source->notes, "%llu rows have no readable flow key and are in no flow.",
                    (unsigned long long)source->unattributed);
    }
    if (source->sizes_unknown > 0) {
        report_note(&source->notes, "%llu samples did not say the size of their frame: bytes are too low.",
                    (unsigned long long)source->sizes_unknown);
    }
    if (report->has_truth && source->extra_flows > 0) {
        report_note(
            &source->notes,
            "%llu flows of %llu packets that the truth lacks: they are in bias and weighted error, and in no "
            "test of the sampling.",
            (unsigned long long)source->extra_flows, (unsigned long long)source->extra_packets);
    }
    if (report->has_truth && report->rules.rewrites && source->extra_flows > 0) {
        report_note(
            &source->notes,
            "OpenFlow rules rewrite addresses or ports: what it reports under the new ones is missing "
            "under the old ones.");
    }
    if (source->outside_window > 0) {
        report_note(&source->notes, "%llu rows lie outside the measurement window and are not compared.",
                    (unsigned long long)source->outside_window);
    }
    if (source->elsewhere > 0) {
        report_note(
            &source->notes,
            "%llu rows are of frames that came in at ports that were not captured and are not compared.",
            (unsigned long long)source->elsewhere);
    }
    if (source->sampled && source->kind != REPORT_SFLOW) {
        report_note(
            &source->notes,
            "Sizes of single samples are not exported: intervals of bytes take them as equal within a "
            "record.");
    }
}

/* No frame of the truth is larger than this: what the links of its flows can carry. */
static double largest_frame(const struct report *report) {
    static const double links[] = {1518.0, 9022.0};
    double seen = 0.0;
    for (size_t i = 0; i < report->flows.count; i++) {
        const struct report_flow *flow = &report->flows.flows[i];
        /* The largest of some sizes is at least sum b^2 / sum b. */
        if (flow->met_bytes > 0) {
            seen = fmax(seen, flow->met_squares / (double)flow->met_bytes);
        }
    }
    return seen <= links[0] ? links[0] : seen <= links[1] ? links[1] : 65550.0;
}

/* Holds all bytes of 'source', number 'number', against the truth's, flows of the truth alone. */
static struct stats_bytes_test test_bytes(const struct report *report, const struct report_source *source,
                                          size_t number) {
    double bytes = 0.0;
    double squares = 0.0;
    double sampled = 0.0;
    double shift = (double)report_layer_offset(source->layer);
    for (size_t i = 0; i < report->flows.count; i++) {
        const struct report_flow *flow = &report->flows.flows[i];
        const struct report_estimate *estimate = &flow->estimates[number];
        if (!estimate->visible || flow->packets == 0) {
            continue;
        }
        /* The squares of the window are a part of the session's, as its packets are. */
        double part = (double)flow->packets / (double)flow->met_packets;
        bytes += (double)estimate->truth_bytes;
        squares += part * (flow->met_squares + 2.0 * shift * (double)flow->met_bytes) +
                   shift * shift * (double)flow->packets;
        sampled += estimate->size_sum;
    }
    bool known = source->sampled && !source->rate_unknown && source->sizes_unknown == 0;
    return stats_test_bytes(sampled, bytes, squares, known ? source->rate : 1.0, source->sizes.largest);
}

static int assess_source(struct report *report, size_t number) {
    struct report_source *source = &report->sources[number];
    struct sums sums;
    settle_rate(report, number);
    stats_sizes_init(&source->sizes, largest_frame(report));
    int rc = sums_init(&sums, report);
    for (size_t i = 0; rc == 0 && i < report->flows.count; i++) {
        struct report_flow *flow = &report->flows.flows[i];
        struct report_estimate *estimate = &flow->estimates[number];
        assess_estimate(report, source, flow, estimate);
        if (report_source_sees(report, source, flow, estimate)) {
            source->seeable_packets = report_add(source->seeable_packets, flow->packets);
        }
        if (estimate->visible) {
            add_flow(source, flow, estimate, &sums);
        }
    }
    if (rc == 0) {
        rc = summarise(source, &sums);
    }
    settle_totals(source);
    source->bytes_test = test_bytes(report, source, number);
    note_limits(report, number);
    sums_free(&sums);
    return rc;
}

/* Flows that both sources can see, side by side. */
static void assess_pair(struct report *report, size_t a, size_t b) {
    struct report_pair *pair = &report->pairs[report->pair_count++];
    *pair = (struct report_pair){
        .a = a, .b = b, .apart_known = !report->sources[a].rate_unknown && !report->sources[b].rate_unknown};
    for (size_t i = 0; i < report->flows.count; i++) {
        const struct report_estimate *of_a = &report->flows.flows[i].estimates[a];
        const struct report_estimate *of_b = &report->flows.flows[i].estimates[b];
        if (!of_a->visible || !of_b->visible || (of_a->packets == 0 && of_b->packets == 0)) {
            continue;
        }
        pair->flows++;
        pair->a_packets = report_add(pair->a_packets, of_a->packets);
        pair->b_packets = report_add(pair->b_packets, of_b->packets);
        pair->a_bytes = report_add(pair->a_bytes, of_a->bytes);
        pair->b_bytes = report_add(pair->b_bytes, of_b->bytes);
        pair->apart +=
            of_a->packets_ci.low > of_b->packets_ci.high || of_b->packets_ci.low > of_a->packets_ci.high;
    }
}

int report_assess(struct report *report, struct error *error) {
    for (size_t i = 0; i < report->flows.count; i++) {
        const struct report_flow *flow = &report->flows.flows[i];
        report->truth_flows += flow->packets > 0;
        report->truth_packets = report_add(report->truth_packets, flow->packets);
        report->truth_bytes = report_add(report->truth_bytes, flow->bytes);
    }
    for (size_t i = 0; i < report->source_count; i++) {
        if (assess_source(report, i) != 0) {
            return error_set(error, -ENOMEM, "comparing session %lld: out of memory",
                             (long long)report->session.id);
        }
    }
    for (size_t i = 1; i < report->source_count && report->sources[0].exporters > 0; i++) {
        if (report->sources[i].exporters > 0) {
            assess_pair(report, 0, i);
        }
    }
    return 0;
}
