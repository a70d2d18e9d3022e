/* The verdict: is each source where sampling theory allows it to be, and if not, why not. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/format.h"
#include "reports/internal.h"

/* "in 3 of 40 flows (+5 packets, -12 bytes)", and how many flows 'source' has that the truth lacks. */
static void describe_difference(const struct report_source *source, char *text, size_t size) {
    int64_t packets = (int64_t)(source->packets - source->truth_packets);
    int64_t bytes = (int64_t)(source->bytes - source->truth_bytes);
    char extra[64] = "";
    if (source->extra_flows > 0) {
        snprintf(extra, sizeof extra, " and has %llu flow%s that the truth lacks",
                 (unsigned long long)source->extra_flows, source->extra_flows == 1 ? "" : "s");
    }
    snprintf(text, size, "in %llu of %llu flow%s%s (%+lld packets, %+lld bytes)",
             (unsigned long long)source->differing_flows, (unsigned long long)source->truth_flows,
             report_plural(source->truth_flows), extra, (long long)packets, (long long)bytes);
}

/* A source is told to see only a part if that is less than this share of all packets. */
#define CLEARLY_LESS 0.5

static void say_exact(const struct report *report, struct report_source *source) {
    char cells[2][FORMAT_SIZE];
    source->ok = REPORT_YES;
    if (source->sight != REPORT_SEES_CHOSEN &&
        (double)source->truth_packets < CLEARLY_LESS * (double)report->truth_packets) {
        snprintf(source->finding, sizeof source->finding,
                 "%s exact for the %llu of %llu flows that it can see (%s of %s packets)", source->title,
                 (unsigned long long)source->truth_flows, (unsigned long long)report->truth_flows,
                 format_count(source->truth_packets, cells[0]),
                 format_count(report->truth_packets, cells[1]));
        return;
    }
    snprintf(source->finding, sizeof source->finding, "%s exact: all %llu flow%s to the packet and the byte",
             source->title, (unsigned long long)source->truth_flows, report_plural(source->truth_flows));
}

static void judge_unsampled(const struct report *report, struct report_source *source) {
    if (source->differing_flows == 0 && source->extra_flows == 0) {
        say_exact(report, source);
        return;
    }
    char where[200];
    char cause[280];
    describe_difference(source, where, sizeof where);
    if (report_rewriting_explains_counts(report, source)) {
        source->ok = REPORT_UNKNOWN;
        snprintf(cause, sizeof cause,
                 "an OpenFlow rule rewrites addresses or ports, and it reports what frames came out as: %llu "
                 "packets too few of flows that came in are %llu of flows that went out, so no exporter is "
                 "to blame",
                 (unsigned long long)source->under_packets, (unsigned long long)source->over_packets);
    } else if (report_doubt_explains_counts(report, source)) {
        source->ok = REPORT_UNKNOWN;
        snprintf(cause, sizeof cause,
                 "no more than the truth itself is uncertain (see the ledger), so no exporter is to blame");
    } else {
        source->ok = REPORT_NO;
        report_cause_of_counts(report, source, cause, sizeof cause);
    }
    snprintf(source->finding, sizeof source->finding, "%s differs %s: %s", source->title, where, cause);
}

/* How far chance may have taken it is not known: nothing is right or wrong with it. */
static void judge_unknown_rate(const struct report *report, struct report_source *source) {
    char packets[FORMAT_SIZE];
    char bytes[FORMAT_SIZE];
    bool imported = strcmp(report->session.kind, "import") == 0;
    source->ok = REPORT_UNKNOWN;
    snprintf(source->finding, sizeof source->finding,
             "%s can't be judged (packets %s, bytes %s): its counts arrived scaled and nobody said by "
             "how much: %s its rate with --sampling N",
             source->title, format_percent(source->packets_summary.bias, NULL, packets),
             format_percent(source->bytes_summary.bias, NULL, bytes),
             imported ? "import again and give" : "give");
}

/* What is found wrong with a sampled source; several things may be. */
struct faults {
    bool counts;   /* the packets */
    bool phantoms; /* flows that no tap saw */
    bool sizes;    /* the sampled packets are not as large as those of their flows */
    bool total;    /* all bytes together */
    bool doubtful; /* none of it is more than the truth itself is uncertain by */
};

static bool any_fault(const struct faults *faults) {
    return faults->counts || faults->phantoms || faults->sizes || faults->total;
}

/* A frame that the truth may lack is a sample of at most one flow, and changes the size of no other: what is
 * wrong in no more samples or flows than that proves nothing. */
static struct faults find_faults(const struct report *report, const struct report_source *source) {
    const struct stats_sizes *sizes = &source->sizes;
    double lack = (double)report->truth_may_lack;
    bool one_size = sizes->wrong > 0;
    struct faults faults = {.counts = !source->packets_summary.plausible,
                            .phantoms = source->phantom_flows > 0,
                            .sizes = one_size || !stats_sizes_plausible(sizes),
                            .total = !stats_bytes_test_ok(&source->bytes_test)};
    bool doubtful_phantoms = source->phantom_samples <= lack || report->one_tap;
    bool doubtful_sizes = report->truth_may_lack > 0 && (double)sizes->wrong <= lack;
    bool doubtful_counts = report_doubt_explains_samples(report, (size_t)(source - report->sources));
    faults.doubtful = (!faults.counts || doubtful_counts) && (!faults.phantoms || doubtful_phantoms) &&
                      (!faults.sizes || doubtful_sizes) &&
                      (!faults.total || doubtful_counts || faults.counts);
    return faults;
}

/* Says in 'text' what of 'faults' has which cause. */
static void cause_of_faults(const struct report *report, const struct report_source *source,
                            const struct faults *faults, char *text, size_t size) {
    char parts[3][280] = {"", "", ""};
    if (faults->phantoms) {
        report_cause_of_phantoms(source, parts[0], sizeof parts[0]);
    }
    if (faults->sizes) {
        report_cause_of_sizes(source, parts[1], sizeof parts[1]);
    }
    if ((faults->counts && !faults->phantoms) || (faults->total && !faults->sizes && !faults->phantoms)) {
        report_cause_of_counts(report, source, parts[2], sizeof parts[2]);
    }
    text[0] = '\0';
    for (size_t i = 0; i < 3; i++) {
        size_t used = strlen(text);
        if (parts[i][0] != '\0') {
            snprintf(text + used, size - used, "%s%s", used > 0 ? ", and " : "", parts[i]);
        }
    }
}

/* "total, sizes": which tests 'faults' failed. */
static const char *failed_test(const struct stats_summary *summary, const struct faults *faults) {
    return faults->phantoms           ? "flows"
           : faults->sizes            ? "sizes"
           : !faults->counts          ? "bytes"
           : !summary->samples_ok     ? "total"
           : !summary->chi_squared_ok ? "flow by flow"
                                      : "coverage";
}

static void say_within(struct report_source *source) {
    const struct stats_summary *summary = &source->packets_summary;
    const char *test = !summary->samples_ok       ? ", but at its edge (total)"
                       : !summary->chi_squared_ok ? ", but at its edge (flow by flow)"
                       : !summary->coverage_ok    ? ", but at its edge (coverage)"
                                                  : "";
    char cells[4][FORMAT_SIZE];
    source->ok = REPORT_YES;
    snprintf(
        source->finding, sizeof source->finding,
        "%s within sampling theory%s: packets %s, bytes %s, %s of intervals hold the truth (%s expected)",
        source->title, test, format_percent(summary->bias, NULL, cells[0]),
        format_percent(source->bytes_summary.bias, NULL, cells[1]), format_share(summary->coverage, cells[2]),
        format_share(summary->expected_coverage, cells[3]));
}

static void judge_sampled(const struct report *report, struct report_source *source) {
    const struct stats_summary *summary = &source->packets_summary;
    const struct faults faults = find_faults(report, source);
    if (!any_fault(&faults)) {
        say_within(source);
        return;
    }
    char cause[480];
    char packets[FORMAT_SIZE];
    char bytes[FORMAT_SIZE];
    if (faults.doubtful) {
        snprintf(cause, sizeof cause,
                 "the truth itself is uncertain enough to explain it (see the ledger), so no exporter is to "
                 "blame");
    } else {
        cause_of_faults(report, source, &faults, cause, sizeof cause);
    }
    source->ok = faults.doubtful ? REPORT_UNKNOWN : REPORT_NO;
    snprintf(source->finding, sizeof source->finding,
             "%s is off by more than sampling theory allows (%s; packets %s, bytes %s): %s", source->title,
             failed_test(summary, &faults), format_percent(summary->bias, NULL, packets),
             format_percent(source->bytes_summary.bias, NULL, bytes), cause);
}

/* Rarer silence than this is none of chance. */
#define SILENCE_CHANCE 0.001

/* 'source' said nothing of any flow: as its rate and the truth allow, or not. */
static void judge_silence(const struct report *report, struct report_source *source) {
    uint64_t packets = source->seeable_packets;
    double chance = exp((double)packets * log1p(-1.0 / fmax(source->rate, 1.0)));
    char cause[240];
    char share[FORMAT_SIZE];
    report_known_losses(report, source, cause, sizeof cause);
    if (isnan(source->rate) && source->exporters > 0) {
        source->ok = REPORT_UNKNOWN;
        snprintf(source->finding, sizeof source->finding,
                 "%s said nothing of %llu packet%s, and nobody said 1-in-what it samples: give its rate with "
                 "--sampling N",
                 source->title, (unsigned long long)packets, report_plural(packets));
    } else if (chance >= SILENCE_CHANCE && source->rate > 1.0) {
        source->ok = REPORT_YES;
        snprintf(source->finding, sizeof source->finding,
                 "%s within sampling theory: no sample of %llu packet%s, which happens in %s of all cases",
                 source->title, (unsigned long long)packets, report_plural(packets),
                 format_share(chance, share));
    } else if (source->exporters == 0) {
        source->ok = REPORT_NO;
        snprintf(source->finding, sizeof source->finding, "%s: no export of it arrived in this session",
                 source->title);
    } else {
        source->ok = REPORT_NO;
        snprintf(source->finding, sizeof source->finding, "%s said nothing of any flow%s%s", source->title,
                 cause[0] != '\0' ? ": " : "", cause);
    }
}

static void judge_source(const struct report *report, struct report_source *source) {
    bool silent = source->exporters == 0 || (source->packets == 0 && source->unattributed == 0);
    if (source->exporters == 0 && !report->has_truth) {
        source->ok = REPORT_NO;
        snprintf(source->finding, sizeof source->finding, "%s: no export of it arrived in this session",
                 source->title);
    } else if (!report->has_truth) {
        source->ok = REPORT_UNKNOWN;
        snprintf(source->finding, sizeof source->finding,
                 "%s: %llu packets, and no truth to hold against them", source->title,
                 (unsigned long long)source->packets);
    } else if (silent && source->seeable_packets == 0) {
        source->ok = REPORT_UNKNOWN;
        snprintf(source->finding, sizeof source->finding, "%s: there was no traffic that it can see",
                 source->title);
    } else if (silent) {
        judge_silence(report, source);
    } else if (source->rate_unknown) {
        judge_unknown_rate(report, source);
    } else if (source->sampled) {
        judge_sampled(report, source);
    } else {
        judge_unsampled(report, source);
    }
}

/* While a session runs, exports are on their way, and the truth is a second or two late: what differs now is
 * no fault yet, and has no cause. */
static void be_patient(const struct report *report, struct report_source *source) {
    if (!report_is_running(report) || source->ok != REPORT_NO) {
        return;
    }
    char packets[FORMAT_SIZE];
    source->ok = REPORT_UNKNOWN;
    if (source->packets == 0) {
        snprintf(source->finding, sizeof source->finding, "%s has said nothing of any flow yet",
                 source->title);
        return;
    }
    snprintf(source->finding, sizeof source->finding,
             "%s differs so far (packets %s): its exports and the truth are of different moments",
             source->title, format_percent(source->packets_summary.bias, NULL, packets));
}

static void append(struct report *report, const char *text) {
    size_t used = strlen(report->verdict);
    snprintf(report->verdict + used, sizeof report->verdict - used, "%s%s", used > 0 ? "; " : "", text);
}

/* Says in the ledger's notes when an unsampled source settles what nobody counted. */
static void note_confirmation(struct report *report) {
    bool unknown = false;
    for (size_t i = 0; i < report->entry_count; i++) {
        unknown =
            unknown || (report->entries[i].rule == REPORT_AT_OTHER && report->entries[i].taken == READ_NULL);
    }
    for (size_t i = 0; i < report->source_count; i++) {
        const struct report_source *source = &report->sources[i];
        if (unknown && report->truth_complete && source->ok == REPORT_YES && !source->sampled &&
            source->exporters > 0) {
            report_note(&report->ledger.notes,
                        "%s, which is not sampled, has exactly what was delivered: the loss was before the "
                        "switch metered.",
                        source->title);
        }
    }
}

void report_make_verdict(struct report *report) {
    size_t idle = 0;
    report->ok = REPORT_YES;
    for (size_t i = 0; i < report->source_count; i++) {
        struct report_source *source = &report->sources[i];
        judge_source(report, source);
        be_patient(report, source);
        append(report, source->finding);
        if (source->ok == REPORT_NO) {
            report->ok = REPORT_NO;
        } else if (report->has_truth && source->seeable_packets == 0 && source->packets == 0) {
            idle++; /* it had nothing to see and said nothing: no doubt, and no proof */
        } else if (source->ok == REPORT_UNKNOWN && report->ok == REPORT_YES) {
            report->ok = REPORT_UNKNOWN;
        }
    }
    if (report->ok == REPORT_YES && idle == report->source_count) {
        report->ok = REPORT_UNKNOWN;
    }
    if (report->source_count == 0) {
        append(report, "no exporter has sent anything in this session");
    } else if (!report->has_truth && report_is_running(report)) {
        append(report, "no frame of the captures is in the database yet");
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
