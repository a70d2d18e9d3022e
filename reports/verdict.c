/* The verdict: is each source where sampling theory allows it to be, and if not, why not. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/internal.h"

/* What is known to have gone wrong with the exports of 'source', or "". */
static void known_losses(const struct report *report, const struct report_source *source, char *text,
                         size_t size) {
    const struct report_volume *volume = &source->volume;
    text[0] = '\0';
    if (volume->lost_datagrams > 0) {
        snprintf(text, size, "%lld export datagrams were lost", (long long)volume->lost_datagrams);
    } else if (volume->lost_records > 0) {
        snprintf(text, size, "%lld exported records were lost", (long long)volume->lost_records);
    } else if (report->has_collector && report->collector.kernel_drops > 0) {
        snprintf(text, size, "the collector's socket dropped %lld datagrams",
                 (long long)report->collector.kernel_drops);
    } else if (report->has_collector && report->collector.queue_drops > 0) {
        snprintf(text, size, "the collector had no time to write %lld rows",
                 (long long)report->collector.queue_drops);
    } else if (volume->unknown_templates > 0) {
        snprintf(text, size, "%lld data sets came without their template",
                 (long long)volume->unknown_templates);
    } else if (volume->malformed > 0) {
        snprintf(text, size, "%lld datagrams were malformed", (long long)volume->malformed);
    }
}

static bool about(double value, double wanted) {
    return fabs(value / wanted - 1.0) < 0.05;
}

/* Why the bytes of 'source' differ while its packets are right, or NULL. */
static const char *byte_layer_cause(const struct report_source *source) {
    if (source->truth_packets == 0 || source->packets == 0) {
        return NULL;
    }
    double packets_ratio = (double)source->packets / (double)source->truth_packets;
    double a_packet = (double)source->bytes / (double)source->packets -
                      (double)source->truth_bytes / (double)source->truth_packets;
    if (!source->sampled && packets_ratio != 1.0) {
        return NULL;
    }
    if (about(a_packet, -14.0)) {
        return "its bytes are 14 a packet too few: it counts layer 3, not layer 2";
    }
    if (about(a_packet, 4.0)) {
        return "its bytes are 4 a packet too many: it counts the FCS";
    }
    if (about(a_packet, -18.0)) {
        return "its bytes are 18 a packet too few: it counts layer 3 of tagged frames";
    }
    return NULL;
}

/* Why 'source' says too little. */
static void cause_of_too_little(const struct report *report, const struct report_source *source, char *text,
                                size_t size) {
    double ratio = source->truth_packets == 0 ? NAN : (double)source->packets / (double)source->truth_packets;
    known_losses(report, source, text, size);
    if (text[0] != '\0') {
        return;
    }
    if (source->sampled && about(ratio, 1.0 / source->rate)) {
        snprintf(text, size, "its counts were not scaled by the sampling rate");
    } else if (report_is_running(report)) {
        snprintf(text, size, "the session still runs: its caches are not flushed");
    } else if (source->sampled) {
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

/* The likely cause why 'source' is off, for people. */
static void likely_cause(const struct report *report, const struct report_source *source, char *text,
                         size_t size) {
    const char *layer = byte_layer_cause(source);
    bool over = source->over_packets > source->under_packets;
    bool level = source->over_packets == source->under_packets;
    if (layer != NULL && (!source->sampled || source->packets_summary.plausible)) {
        snprintf(text, size, "%s", layer);
    } else if (over || (level && source->bytes > source->truth_bytes)) {
        cause_of_too_much(report, source, text, size);
    } else {
        cause_of_too_little(report, source, text, size);
    }
}

/* "in 3 of 40 flows (+5 packets, -12 bytes)", and how many flows 'source' has that the truth lacks. */
static void describe_difference(const struct report_source *source, char *text, size_t size) {
    int64_t packets = (int64_t)(source->packets - source->truth_packets);
    int64_t bytes = (int64_t)(source->bytes - source->truth_bytes);
    char extra[64] = "";
    if (source->extra_flows > 0) {
        snprintf(extra, sizeof extra, " and has %llu flow%s that the truth lacks",
                 (unsigned long long)source->extra_flows, source->extra_flows == 1 ? "" : "s");
    }
    snprintf(text, size, "in %llu of %llu flows%s (%+lld packets, %+lld bytes)",
             (unsigned long long)source->differing_flows, (unsigned long long)source->truth_flows, extra,
             (long long)packets, (long long)bytes);
}

static void judge_unsampled(const struct report *report, struct report_source *source) {
    if (source->differing_flows == 0 && source->extra_flows == 0) {
        source->ok = REPORT_YES;
        snprintf(source->finding, sizeof source->finding,
                 "%s exact: all %llu flows to the packet and the byte", source->title,
                 (unsigned long long)source->truth_flows);
        return;
    }
    char where[160];
    char cause[200];
    describe_difference(source, where, sizeof where);
    if (report_doubt_explains_counts(report, source)) {
        source->ok = REPORT_UNKNOWN;
        snprintf(cause, sizeof cause,
                 "no more than the truth itself is uncertain (see the ledger), so no exporter is to blame");
    } else {
        source->ok = REPORT_NO;
        likely_cause(report, source, cause, sizeof cause);
    }
    snprintf(source->finding, sizeof source->finding, "%s differs %s: %s", source->title, where, cause);
}

/* How far chance may have taken it is not known: nothing is right or wrong with it. */
static void judge_unknown_rate(const struct report *report, struct report_source *source) {
    bool imported = strcmp(report->session.kind, "import") == 0;
    source->ok = REPORT_UNKNOWN;
    snprintf(
        source->finding, sizeof source->finding,
        "%s can't be judged (packets %+.1f %%, bytes %+.1f %%): its counts arrived scaled and nobody said by "
        "how much: %s its rate with --sampling N",
        source->title, 100.0 * source->packets_summary.bias, 100.0 * source->bytes_summary.bias,
        imported ? "import again and give" : "give");
}

static void judge_sampled(const struct report *report, struct report_source *source) {
    const struct stats_summary *summary = &source->packets_summary;
    const char *layer = byte_layer_cause(source);
    bool bytes_ok = layer == NULL || fabs(source->bytes_summary.bias) < fabs(summary->bias) * 1.5 + 0.005;
    const char *test = !summary->samples_ok       ? "total"
                       : !summary->chi_squared_ok ? "flow by flow"
                       : !summary->coverage_ok    ? "coverage"
                                                  : "bytes";
    if (summary->plausible && bytes_ok) {
        source->ok = REPORT_YES;
        snprintf(source->finding, sizeof source->finding,
                 "%s within sampling theory%s%s%s: packets %+.1f %%, bytes %+.1f %%, %.0f %% of intervals "
                 "hold the truth "
                 "(%.0f %% expected)",
                 source->title, summary->failed > 0 ? ", but at its edge (" : "",
                 summary->failed > 0 ? test : "", summary->failed > 0 ? ")" : "", 100.0 * summary->bias,
                 100.0 * source->bytes_summary.bias, 100.0 * summary->coverage,
                 100.0 * summary->expected_coverage);
        return;
    }
    if (bytes_ok && report_doubt_explains_samples(report, (size_t)(source - report->sources))) {
        source->ok = REPORT_UNKNOWN;
        snprintf(source->finding, sizeof source->finding,
                 "%s is off by more than sampling theory allows (%s; packets %+.1f %%, bytes %+.1f %%), and "
                 "the truth "
                 "itself is uncertain enough to explain it (see the ledger): no exporter is to blame",
                 source->title, test, 100.0 * summary->bias, 100.0 * source->bytes_summary.bias);
        return;
    }
    char cause[240];
    likely_cause(report, source, cause, sizeof cause);
    source->ok = REPORT_NO;
    snprintf(source->finding, sizeof source->finding,
             "%s is off by more than sampling theory allows (%s; packets %+.1f %%, bytes %+.1f %%): %s",
             source->title, test, 100.0 * summary->bias, 100.0 * source->bytes_summary.bias, cause);
}

static void judge_source(const struct report *report, struct report_source *source) {
    if (source->exporters == 0) {
        source->ok = REPORT_NO;
        snprintf(source->finding, sizeof source->finding, "%s: no export of it arrived in this session",
                 source->title);
    } else if (!report->has_truth) {
        source->ok = REPORT_UNKNOWN;
        snprintf(source->finding, sizeof source->finding,
                 "%s: %llu packets, and no truth to hold against them", source->title,
                 (unsigned long long)source->packets);
    } else if (source->truth_packets == 0) {
        source->ok = REPORT_UNKNOWN;
        snprintf(source->finding, sizeof source->finding, "%s: there was no traffic that it can see",
                 source->title);
    } else if (source->packets == 0 && source->packets_summary.expected_samples >= STATS_TESTED_SAMPLES) {
        char cause[240];
        known_losses(report, source, cause, sizeof cause);
        source->ok = REPORT_NO;
        snprintf(source->finding, sizeof source->finding, "%s said nothing of any flow%s%s", source->title,
                 cause[0] != '\0' ? ": " : "", cause);
    } else if (source->rate_unknown) {
        judge_unknown_rate(report, source);
    } else if (source->sampled) {
        judge_sampled(report, source);
    } else {
        judge_unsampled(report, source);
    }
}

/* While a session runs, exports are on their way: what is missing now is no fault yet. */
static void be_patient(const struct report *report, struct report_source *source) {
    if (report_is_running(report) && source->ok == REPORT_NO) {
        source->ok = REPORT_UNKNOWN;
    }
}

static void append(struct report *report, const char *text) {
    size_t used = strlen(report->verdict);
    snprintf(report->verdict + used, sizeof report->verdict - used, "%s%s", used > 0 ? "; " : "", text);
}

/* Says in the ledger's notes when an unsampled source settles what nobody counted. */
static void note_confirmation(struct report *report) {
    for (size_t i = 0; i < report->source_count; i++) {
        const struct report_source *source = &report->sources[i];
        if (report->truth_complete && report->truth_uncertain && source->ok == REPORT_YES &&
            !source->sampled && source->exporters > 0) {
            report_note(&report->ledger.notes,
                        "%s, which is not sampled, has exactly what was delivered: the loss was before the "
                        "switch metered.",
                        source->title);
        }
    }
}

void report_make_verdict(struct report *report) {
    report->ok = report->source_count == 0 ? REPORT_UNKNOWN : REPORT_YES;
    for (size_t i = 0; i < report->source_count; i++) {
        struct report_source *source = &report->sources[i];
        judge_source(report, source);
        be_patient(report, source);
        append(report, source->finding);
        if (source->ok == REPORT_NO) {
            report->ok = REPORT_NO;
        } else if (source->ok == REPORT_UNKNOWN && report->ok == REPORT_YES) {
            report->ok = REPORT_UNKNOWN;
        }
    }
    if (report->source_count == 0) {
        append(report, "no exporter has sent anything in this session");
    } else if (!report->has_truth) {
        append(report, "the session has no truth, so the sources can only be compared with each other");
    }
    note_confirmation(report);
    if (report_is_running(report)) {
        append(report, "the session still runs and caches are not flushed");
    }
    if (!report->truth_complete && report->has_truth) {
        append(report, "the truth is incomplete: a capture dropped frames");
    }
    for (size_t i = 0; i < report->ledger.loss_count && i < 2; i++) {
        if (report->ledger.losses[i].packets > 0) {
            append(report, report->ledger.losses[i].text);
        }
    }
}
