/* The likely cause why a source says something else than the truth, in words. */
#include <math.h>
#include <stdio.h>

#include "reports/internal.h"

void report_known_losses(const struct report *report, const struct report_source *source, char *text,
                         size_t size) {
    const struct report_volume *volume = &source->volume;
    text[0] = '\0';
    const struct read_collector_health *collector = report->has_collector ? &report->collector : NULL;
    const struct {
        int64_t count;
        const char *one, *many;
    } faults[] = {
        {volume->lost_datagrams, "export datagram was lost", "export datagrams were lost"},
        {volume->lost_records, "exported record was lost", "exported records were lost"},
        {collector == NULL ? 0 : collector->kernel_drops, "datagram was dropped by the collector's socket",
         "datagrams were dropped by the collector's socket"},
        {collector == NULL ? 0 : collector->queue_drops, "row was not written: the collector had no time",
         "rows were not written: the collector had no time"},
        {volume->unknown_templates, "data set came without its template",
         "data sets came without their template"},
        {volume->malformed, "datagram was malformed", "datagrams were malformed"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (faults[i].count > 0) {
            snprintf(text, size, "%lld %s", (long long)faults[i].count,
                     faults[i].count == 1 ? faults[i].one : faults[i].many);
            return;
        }
    }
}

static bool about(double value, double wanted) {
    return fabs(value / wanted - 1.0) < 0.05;
}

/* What it looks like when every packet has so many bytes too many, or below 0 too few. */
static const struct {
    double offset;
    const char *looks_like;
} layers[] = {
    {-14.0, "it counts layer 3, not layer 2"},
    {4.0, "it counts the FCS"},
    {-18.0, "it counts layer 3 of tagged frames"},
    {-4.0, "it leaves out a VLAN tag"},
    {18.0, "it counts the FCS and the Ethernet header twice, or is of layer 2 and not of layer 3"},
};

/* Says in 'text' that every packet of a source has 'offset' bytes too many. */
static void describe_offset(double offset, char *text, size_t size) {
    const char *looks_like = NULL;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        if (fabs(offset - layers[i].offset) < 0.2) {
            looks_like = layers[i].looks_like;
        }
    }
    snprintf(text, size, "its bytes are %.4g a packet too %s%s%s", fabs(offset),
             offset < 0.0 ? "few" : "many", looks_like != NULL ? ": " : "",
             looks_like != NULL ? looks_like : "");
}

/* Says in 'text' why the bytes of 'source', not sampled, differ while its packets are right.  Returns false
 * when it looks like no layer. */
static bool byte_layer_cause(const struct report_source *source, char *text, size_t size) {
    if (source->sampled || source->truth_packets == 0 || source->packets != source->truth_packets) {
        return false;
    }
    double a_packet = ((double)source->bytes - (double)source->truth_bytes) / (double)source->truth_packets;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        if (fabs(a_packet - layers[i].offset) < 0.2) {
            describe_offset(a_packet, text, size);
            return true;
        }
    }
    return false;
}

/* Why 'source' says too little. */
static void cause_of_too_little(const struct report *report, const struct report_source *source, char *text,
                                size_t size) {
    double ratio = source->truth_packets == 0 ? NAN : (double)source->packets / (double)source->truth_packets;
    report_known_losses(report, source, text, size);
    if (text[0] != '\0') {
        return;
    }
    const uint32_t cut = source->kind == REPORT_IPFIX_FLOW ? report->rules.cut : 0;
    if (cut > 0) {
        double exact = 65535.0 / (double)cut;
        snprintf(text, size,
                 "a rule samples with probability %u, 1-in-%.2f, which Open vSwitch scales by %.0f: %.1f %% "
                 "too little",
                 cut, exact, floor(exact), 100.0 * (1.0 - floor(exact) / exact));
    } else if (source->sampled && about(ratio, 1.0 / source->rate)) {
        snprintf(text, size, "its counts were not scaled by the sampling rate");
    } else if (source->sampled && isfinite(source->rate_test.effective_rate)) {
        snprintf(text, size, "it samples 1-in-%.1f, not 1-in-%.0f, or exports got lost unseen",
                 source->rate_test.effective_rate, source->rate);
    } else {
        snprintf(text, size, "exports got lost unseen, or it was not flushed");
    }
}

/* Why 'source' says too much.  No loss of exports can do that. */
static void cause_of_too_much(const struct report *report, const struct report_source *source, char *text,
                              size_t size) {
    double ratio = source->truth_packets == 0 ? NAN : (double)source->packets / (double)source->truth_packets;
    if (about(ratio, 2.0) || (ratio > 1.05 && source->egress_counted > 0)) {
        snprintf(text, size,
                 "%spackets are counted at ingress and again at egress, or its rate is half of what it says",
                 about(ratio, 2.0) ? "twice the truth: " : "");
    } else if (source->sampled && about(ratio, source->rate)) {
        snprintf(text, size, "its counts were scaled twice");
    } else if (source->volume.duplicated > 0) {
        snprintf(
            text, size,
            "%lld export datagrams came twice and were left out: others may have come twice unrecognised",
            (long long)source->volume.duplicated);
    } else if (!report->truth_complete) {
        snprintf(text, size, "a capture dropped frames, though fewer than that: the truth is too small");
    } else if (source->extra_packets > 0) {
        snprintf(text, size, "it reports traffic that no tap saw, or that was not delivered");
    } else if (!source->sampled || source->rate_test.effective_rate < 1.0) {
        snprintf(text, size,
                 "it says more than the taps saw: exports came twice, or several exporters metered the same "
                 "packets");
    } else {
        snprintf(text, size, "it samples 1-in-%.1f, not 1-in-%.0f", source->rate_test.effective_rate,
                 source->rate);
    }
}

void report_cause_of_counts(const struct report *report, const struct report_source *source, char *text,
                            size_t size) {
    bool over = source->over_packets > source->under_packets;
    bool level = source->over_packets == source->under_packets;
    if (byte_layer_cause(source, text, size)) {
        return;
    }
    if (over || (level && source->bytes > source->truth_bytes)) {
        cause_of_too_much(report, source, text, size);
    } else {
        cause_of_too_little(report, source, text, size);
    }
}

void report_cause_of_sizes(const struct report_source *source, char *text, size_t size) {
    const struct stats_sizes *sizes = &source->sizes;
    if (sizes->wrong == 0) {
        snprintf(text, size, "its sampled packets are not of the sizes of their flows");
    } else if (sizes->offset_high - sizes->offset_low < 0.5) {
        describe_offset((sizes->offset_low + sizes->offset_high) / 2.0, text, size);
    } else if (sizes->ratio_high - sizes->ratio_low < 0.02) {
        snprintf(text, size, "its bytes are %.2f times what they are, in %llu flow%s of one size of frame",
                 (sizes->ratio_low + sizes->ratio_high) / 2.0, (unsigned long long)sizes->wrong,
                 report_plural(sizes->wrong));
    } else {
        snprintf(text, size,
                 "its bytes are wrong in %llu of %llu flows whose frames have one size, by %+.4g to %+.4g a "
                 "packet",
                 (unsigned long long)sizes->wrong, (unsigned long long)sizes->exact, sizes->offset_low,
                 sizes->offset_high);
    }
}

void report_cause_of_phantoms(const struct report_source *source, char *text, size_t size) {
    uint64_t flows = source->phantom_flows;
    snprintf(text, size, "it reports %llu flow%s that no tap saw (%.3g %% of its packets; %s%s)",
             (unsigned long long)flows, report_plural(flows),
             100.0 * (double)source->phantom_packets / (double)source->packets,
             flows > 1 ? "the largest " : "", source->phantom);
}
