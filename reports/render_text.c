/* The report for a terminal: short, aligned, as wide as the style says. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "common/clock.h"
#include "reports/render_runs.h"
#include "reports/format.h"
#include "reports/render.h"
#include "reports/source_table.h"

#define COLUMNS_LEAST 80
#define LABEL_COLUMN  30
#define CELL_COLUMN   22
#define SOURCE_COLUMN 15

struct page {
    const struct report *report;
    const struct report_style *style;
    FILE *out;
    size_t columns;
};

/* Writes 'text', which may come from users or from the wire, without control characters. */
static void put_safe(FILE *out, const char *text) {
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        fputc(byte < 0x20 || byte == 0x7f ? '?' : byte, out);
    }
}

/* Writes 'text' broken at blanks, every line after the first moved in by 'indent'; 'at' columns are used
 * already. */
static void put_wrapped(const struct page *page, const char *text, size_t indent, size_t at) {
    FILE *out = page->out;
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (at > indent && at + 1 + word > page->columns) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            fputc(' ', out);
            at++;
        }
        for (size_t i = 0; i < word; i++) {
            unsigned char byte = (unsigned char)text[i];
            fputc(byte < 0x20 || byte == 0x7f ? '?' : byte, out);
        }
        at += word;
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void heading(const struct page *page, const char *text) {
    fprintf(page->out, "\n%s%s%s\n", page->style->colour ? "\033[1m" : "", text,
            page->style->colour ? "\033[0m" : "");
}

static void put_notes(const struct page *page, const char *who, const struct report_notes *notes) {
    for (size_t i = 0; i < notes->count; i++) {
        char line[sizeof notes->notes[0].text + 100];
        snprintf(line, sizeof line, "%s%s%s", who, who[0] != '\0' ? ": " : "", notes->notes[i].text);
        fputs("  - ", page->out);
        put_wrapped(page, line, 4, 4);
    }
}

static void put_head(const struct page *page) {
    const struct read_session *session = &page->report->session;
    char started[CLOCK_TEXT_SIZE];
    fprintf(page->out, "session %lld", (long long)session->id);
    if (session->label[0] != '\0') {
        fputs(" \"", page->out);
        put_safe(page->out, session->label);
        fputc('"', page->out);
    }
    fprintf(page->out, ", %s, %s, began %s", session->kind, session->state,
            clock_format(session->started_ns, started));
    if (session->window_start_ns != READ_NULL && session->window_end_ns != READ_NULL) {
        fprintf(page->out, ", measured %.1f s",
                (double)(session->window_end_ns - session->window_start_ns) / 1e9);
    }
    fputs("\ndatabase ", page->out);
    put_safe(page->out, page->report->database);
    fputs("\n", page->out);
}

static void put_verdict(const struct page *page) {
    const struct report *report = page->report;
    static const char *const words[] = {
        [REPORT_NO] = "NOT OK", [REPORT_YES] = "OK", [REPORT_UNKNOWN] = "UNDECIDED"};
    static const char *const colours[] = {
        [REPORT_NO] = "\033[1;31m", [REPORT_YES] = "\033[1;32m", [REPORT_UNKNOWN] = "\033[1;33m"};
    const char *word = words[report->ok];
    fprintf(page->out, "\n%s%s%s  ", page->style->colour ? colours[report->ok] : "", word,
            page->style->colour ? "\033[0m" : "");
    put_wrapped(page, report->verdict, strlen(word) + 2, strlen(word) + 2);
}

static void put_truth(const struct page *page) {
    const struct report *report = page->report;
    char packets[FORMAT_SIZE];
    char bytes[FORMAT_SIZE];
    char exact[FORMAT_SIZE];
    if (!report->has_truth) {
        fprintf(page->out, "\nTruth: none in this session (%s)\n", format_no_truth(report));
        return;
    }
    char line[320];
    snprintf(line, sizeof line, "Truth: %llu flow%s, %s packets, %s (%s bytes of layer 2), %s%s",
             (unsigned long long)report->truth_flows, report->truth_flows == 1 ? "" : "s",
             format_count(report->truth_packets, packets), format_bytes((double)report->truth_bytes, bytes),
             format_count(report->truth_bytes, exact), format_truth_rule(report),
             !report->truth_complete   ? ", INCOMPLETE"
             : report->truth_uncertain ? ", uncertain"
                                       : "");
    fputc('\n', page->out);
    put_wrapped(page, line, 0, 0);
    for (size_t i = 0; i < report->entry_count; i++) {
        fprintf(page->out, "  %-15s ", report->entries[i].out);
        put_wrapped(page, report->entries[i].text, 18, 18);
    }
    if (format_delivery(report, line, sizeof line)) {
        fprintf(page->out, "  %-15s ", "delivered");
        put_wrapped(page, line, 18, 18);
    }
}

/* What was done to the lab, and to the frames, on purpose. */
static void put_setup(const struct page *page) {
    const struct report_notes notes = format_setup(page->report);
    if (notes.count > 0) {
        heading(page, "How it was shaped");
        put_notes(page, "", &notes);
    }
}

/* ---- the table of sources ---- */

/* As many sources as fit stand side by side; more go into another table. */
static void put_sources(const struct page *page) {
    const struct report *report = page->report;
    const size_t at_once = (page->columns - LABEL_COLUMN) / (CELL_COLUMN + 1);
    for (size_t first = 0; first < report->source_count; first += at_once) {
        size_t last = first + at_once < report->source_count ? first + at_once : report->source_count;
        fprintf(page->out, "\n%*s", LABEL_COLUMN, "");
        for (size_t i = first; i < last; i++) {
            fprintf(page->out, " %*.*s", CELL_COLUMN, CELL_COLUMN, report->sources[i].title);
        }
        fputc('\n', page->out);
        for (size_t row = 0; row < report_source_rows; row++) {
            fprintf(page->out, "%-*s", LABEL_COLUMN, report_source_row_label(row));
            for (size_t i = first; i < last; i++) {
                char text[FORMAT_SIZE];
                const struct report_source *source = &report->sources[i];
                const char *cell = report_source_row(row, report, source, text);
                fprintf(page->out, " %*s", CELL_COLUMN, cell);
            }
            fputc('\n', page->out);
        }
    }
    for (size_t i = 0; i < report->source_count; i++) {
        put_notes(page, report->sources[i].title, &report->sources[i].notes);
    }
}

static void put_pairs(const struct page *page) {
    const struct report *report = page->report;
    for (size_t i = 0; i < report->pair_count; i++) {
        const struct report_pair *pair = &report->pairs[i];
        char a[FORMAT_SIZE];
        char b[FORMAT_SIZE];
        char packets[FORMAT_SIZE];
        char bytes[FORMAT_SIZE];
        char line[480];
        snprintf(line, sizeof line,
                 "%s against %s, %llu flows that both can see: %s and %s packets (%s), bytes %s",
                 report->sources[pair->a].title, report->sources[pair->b].title,
                 (unsigned long long)pair->flows, format_count(pair->a_packets, a),
                 format_count(pair->b_packets, b),
                 format_percent(format_difference(pair->a_packets, pair->b_packets), "equal", packets),
                 format_percent(format_difference(pair->a_bytes, pair->b_bytes), "equal", bytes));
        if (pair->apart_known) {
            size_t used = strlen(line);
            snprintf(line + used, sizeof line - used, "; the intervals of %llu flows have nothing in common",
                     (unsigned long long)pair->apart);
        }
        put_wrapped(page, line, 0, 0);
    }
}

/* ---- by size, and flow by flow ---- */

static void put_decades(const struct page *page) {
    const struct report *report = page->report;
    const bool narrow = page->columns < 87;
    const int size_column = narrow ? 14 : 22;
    if (!report->has_truth || report->source_count == 0) {
        return;
    }
    heading(page, "By true size of the flow, in packets");
    fprintf(page->out, "%-*s %-*s %6s %6s %8s %8s %8s %8s\n", size_column, "size", SOURCE_COLUMN, "source",
            "flows", "seen", "weighted", "ARE", "covered", "expected");
    for (size_t decade = 0; decade < REPORT_DECADES; decade++) {
        bool first = true;
        for (size_t i = 0; i < report->source_count; i++) {
            const struct report_decade *row = &report->sources[i].decades[decade];
            char size[FORMAT_SIZE];
            char cells[4][FORMAT_SIZE];
            if (row->flows == 0) {
                continue;
            }
            fprintf(page->out, "%-*s %-*.*s %6llu %6llu %8s %8s %8s %8s\n", size_column,
                    !first   ? ""
                    : narrow ? format_decade_low(row, size)
                             : format_decade(row, size),
                    SOURCE_COLUMN, SOURCE_COLUMN, report->sources[i].title, (unsigned long long)row->flows,
                    (unsigned long long)row->packets.seen,
                    format_share(row->packets.weighted_error, cells[0]),
                    format_share(row->packets.are, cells[1]), format_share(row->packets.coverage, cells[2]),
                    format_share(row->packets.expected_coverage, cells[3]));
            first = false;
        }
    }
}

/* What one source says of packets or of bytes: estimate, error, interval, and whether the truth is in that.
 */
static void put_figure(const struct page *page, const char *who, const char *what, uint64_t estimate,
                       uint64_t truth, const struct stats_interval *interval, const char *judged) {
    char cells[3][FORMAT_SIZE];
    bool known = page->report->has_truth;
    fprintf(page->out, "  %-*.*s %-7s %14s %8s %21s %s\n", SOURCE_COLUMN, SOURCE_COLUMN, who, what,
            format_count(estimate, cells[0]),
            known ? format_percent(format_difference(estimate, truth), "exact", cells[1]) : "",
            format_byte_interval(interval, cells[2]), judged);
}

static void put_estimate(const struct page *page, const struct report_flow *flow, size_t number) {
    const struct report *report = page->report;
    const struct report_estimate *estimate = &flow->estimates[number];
    const char *title = report->sources[number].title;
    if (!estimate->visible) {
        fprintf(page->out, "  %-*.*s can't see it\n", SOURCE_COLUMN, SOURCE_COLUMN, title);
        return;
    }
    bool judged = report->has_truth && report_has_interval(estimate);
    bool claimed = !report->sources[number].sampled || estimate->samples >= STATS_BYTES_MIN_SAMPLES;
    put_figure(page, title, "packets", estimate->packets, flow->packets, &estimate->packets_ci,
               !judged            ? ""
               : estimate->within ? "within"
                                  : "OUTSIDE");
    put_figure(page, "", "bytes", estimate->bytes, estimate->truth_bytes, &estimate->bytes_ci,
               !judged || !claimed      ? ""
               : estimate->bytes_within ? "within"
                                        : "OUTSIDE");
}

/* How many of the flow's packets came out of the switch again, unless each did, once. */
static void put_flow_delivery(const struct page *page, const struct report_flow *flow) {
    char cell[FORMAT_SIZE];
    bool known = page->report->flow_delivery;
    if (known && report_delivered(flow) != flow->packets) {
        fprintf(page->out, ", delivered %s", format_count(report_delivered(flow), cell));
    }
    if (known && report_copied(flow) > 0) {
        fprintf(page->out, ", copies %s", format_count(report_copied(flow), cell));
    }
    fputc('\n', page->out);
}

static void put_flows(const struct page *page) {
    const struct report *report = page->report;
    size_t shown = page->style->top < report->flows.count ? page->style->top : report->flows.count;
    if (shown == 0) {
        return;
    }
    char line[FORMAT_SIZE];
    snprintf(line, sizeof line, "The %zu largest of %zu flows", shown, report->flows.count);
    heading(page, line);
    fprintf(page->out, "  %-*s %-7s %14s %8s %21s %s\n", SOURCE_COLUMN, "", "", "estimate", "error",
            "95 % interval", "truth is");
    for (size_t i = 0; i < shown; i++) {
        const struct report_flow *flow = &report->flows.flows[i];
        char key[FLOW_KEY_TEXT_SIZE];
        char packets[FORMAT_SIZE];
        char bytes[FORMAT_SIZE];
        put_wrapped(page, flow_key_format(&flow->key, key), 0, 0);
        if (report->has_truth) {
            fprintf(page->out, "  %-*s packets %14s, bytes %s", SOURCE_COLUMN, "truth",
                    format_count(flow->packets, packets), format_count(flow->bytes, bytes));
            put_flow_delivery(page, flow);
        }
        for (size_t s = 0; s < report->source_count; s++) {
            put_estimate(page, flow, s);
        }
    }
}

/* ---- ledger ---- */

/* A long name without the stage that it is of: that row stands above it. */
static const char *stage_name(const struct report_stage *row, char name[sizeof row->stage + 2]) {
    static const char *const stages[] = {"sent", "tap_out", "switch_in", "switch_out", "tap_in"};
    snprintf(name, sizeof row->stage + 2, "%s", row->stage);
    for (size_t i = 0; i < sizeof stages / sizeof *stages && strlen(row->stage) > 14; i++) {
        size_t length = strlen(stages[i]);
        if (strncmp(row->stage, stages[i], length) == 0 && row->stage[length] == '_') {
            snprintf(name, sizeof row->stage + 2, "  %s", row->stage + length + 1);
        }
    }
    return name;
}

/* How wide the column of the directions has to be, or that of the stages: from 'least' to 'most'. */
static int widest(const struct report_ledger *ledger, int least, int most, bool stages) {
    int width = least;
    for (size_t i = 0; i < ledger->stage_count; i++) {
        char name[sizeof ledger->stages[0].stage + 2];
        int length = (int)strlen(stages ? stage_name(&ledger->stages[i], name) : ledger->stages[i].direction);
        width = length > width ? length : width;
    }
    return width < most ? width : most;
}

static void put_ledger(const struct page *page) {
    const struct report_ledger *ledger = &page->report->ledger;
    bool running = strcmp(page->report->session.state, "running") == 0;
    if (ledger->stage_count == 0) {
        return;
    }
    const int way = widest(ledger, 9, 16, false);
    const int place = widest(ledger, 14, 20, true);
    heading(page, "Ledger: what each stage counted");
    fprintf(page->out, "%-*s %-*s %11s %14s  %s\n", way, "direction", place, "stage", "packets", "bytes",
            "counted by");
    for (size_t i = 0; i < ledger->stage_count; i++) {
        const struct report_stage *stage = &ledger->stages[i];
        char packets[FORMAT_SIZE];
        char bytes[FORMAT_SIZE];
        bool first = i == 0 || strcmp(stage->direction, ledger->stages[i - 1].direction) != 0;
        const size_t at = (size_t)(way + place) + 30;
        char name[sizeof stage->stage + 2];
        fprintf(page->out, "%-*.*s %-*.*s %11s %14s  ", way, way, first ? stage->direction : "", place, place,
                stage_name(stage, name), format_known(stage->packets, packets),
                format_known(stage->bytes, bytes));
        put_wrapped(page, stage->source, at, at);
    }
    for (size_t i = 0; i < ledger->loss_count; i++) {
        fputs("  - ", page->out);
        put_wrapped(page, ledger->losses[i].text, 4, 4);
    }
    if (ledger->loss_count == 0 && !running) {
        fputs("  - nothing was lost between two stages that were counted\n", page->out);
    }
    put_notes(page, "", &ledger->notes);
}

/* ---- the rest of the story ---- */

static void put_exporters(const struct page *page) {
    const struct report *report = page->report;
    heading(page, "Exporters");
    for (size_t i = 0; i < report->exporter_count; i++) {
        const struct read_exporter *exporter = &report->exporters[i];
        char agent[IP_TEXT_SIZE];
        char line[800];
        snprintf(
            line, sizeof line,
            "%s, agent %s, domain %lld, %s, dialect %s%s%s%s: %lld datagrams, %lld records, lost %lld %s, "
            "reordered %lld, duplicated %lld, restarts %lld, unknown templates %lld, malformed %lld",
            exporter->protocol, ip_address_format(&exporter->agent, agent), (long long)exporter->domain,
            exporter->transport, exporter->dialect, exporter->dialect_evidence[0] != '\0' ? " (" : "",
            exporter->dialect_evidence, exporter->dialect_evidence[0] != '\0' ? ")" : "",
            (long long)exporter->datagrams, (long long)exporter->records, (long long)exporter->lost,
            exporter->lost_unit, (long long)exporter->reordered, (long long)exporter->duplicated,
            (long long)exporter->restarts, (long long)exporter->unknown_templates,
            (long long)exporter->malformed);
        fputs("  - ", page->out);
        put_wrapped(page, line, 4, 4);
    }
    if (report->has_collector) {
        char line[320];
        snprintf(line, sizeof line,
                 "collector: %lld datagrams, %lld dropped by the kernel, %lld rows by a full queue, %lld not "
                 "recognised",
                 (long long)report->collector.datagrams, (long long)report->collector.kernel_drops,
                 (long long)report->collector.queue_drops, (long long)report->collector.unrecognised);
        fputs("  - ", page->out);
        put_wrapped(page, line, 4, 4);
    }
}

static void put_runs(const struct page *page) {
    static const char *(*const makers[])(const struct report_run *, char[RENDER_RUN_LINE]) = {
        render_run_line, render_run_tcp_line, render_run_loss_line, render_run_host_line};
    enum { MAKERS = sizeof makers / sizeof *makers };
    for (size_t i = 0; i < MAKERS * page->report->runs.count; i++) {
        char line[RENDER_RUN_LINE];
        if (makers[i % MAKERS](&page->report->runs.runs[i / MAKERS], line)[0] != '\0') {
            fputs("  - ", page->out);
            put_wrapped(page, line, 4, 4);
        }
    }
    if (page->report->runs.left_out > 0) {
        fprintf(page->out, "  - and %zu more runs, in the database\n", page->report->runs.left_out);
    }
}

static void put_captures(const struct page *page) {
    const struct report *report = page->report;
    if (report->capture_count > 0) {
        heading(page, "Captures");
    }
    for (size_t i = 0; i < report->capture_count; i++) {
        const struct read_capture *capture = &report->captures[i];
        fputs("  - ", page->out);
        put_safe(page->out, capture->name);
        fprintf(page->out, ": %lld frames received, %lld dropped, %lld metered\n",
                (long long)capture->received, (long long)capture->dropped, (long long)capture->processed);
    }
}

/* All runs in one line, then each. */
static void put_traffic(const struct page *page) {
    const struct report_traffic *traffic = &page->report->traffic;
    size_t runs = page->report->runs.count + page->report->runs.left_out;
    char of[sizeof traffic->profile + sizeof "profile "];
    char line[480];
    if (traffic->flows == 0) {
        return;
    }
    heading(page, "Traffic of nsmon's own endpoints");
    if (runs > 1) {
        snprintf(of, sizeof of, "%zu runs", runs);
    } else {
        snprintf(of, sizeof of, "profile %s", traffic->profile);
    }
    snprintf(line, sizeof line,
             "%s: %llu flows, %llu failed; UDP datagrams sent %llu, received %llu, lost %llu, "
             "duplicated %llu, reordered %llu",
             of, (unsigned long long)traffic->flows, (unsigned long long)traffic->failed,
             (unsigned long long)traffic->udp_sent, (unsigned long long)traffic->udp_received,
             (unsigned long long)traffic->udp_lost, (unsigned long long)traffic->udp_duplicated,
             (unsigned long long)traffic->udp_reordered);
    fputs("  - ", page->out);
    put_wrapped(page, line, 4, 4);
    put_runs(page);
}

int report_render_text(const struct report *report, const struct report_style *style, FILE *out) {
    const struct page page = {.report = report,
                              .style = style,
                              .out = out,
                              .columns = style->columns == 0              ? REPORT_COLUMNS
                                         : style->columns < COLUMNS_LEAST ? COLUMNS_LEAST
                                                                          : style->columns};
    put_head(&page);
    put_verdict(&page);
    put_truth(&page);
    put_setup(&page);
    put_sources(&page);
    put_pairs(&page);
    put_decades(&page);
    put_flows(&page);
    put_ledger(&page);
    if (style->whole_story) {
        put_exporters(&page);
        put_captures(&page);
        put_traffic(&page);
    }
    put_notes(&page, "", &report->notes);
    /* On a terminal the first lines are out of sight by now. */
    put_verdict(&page);
    return 0;
}
