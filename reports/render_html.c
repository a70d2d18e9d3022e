/* The report as one HTML file that needs no network: style, charts, the model and a table beside each chart.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "reports/render_runs.h"
#include "reports/format.h"
#include "reports/html.h"
#include "reports/render.h"
#include "reports/render_json.h"
#include "reports/source_table.h"

/* Made at build time, see cmake/embed.cmake. */
extern const unsigned char report_chart_js[];
extern const unsigned long report_chart_js_size;
extern const unsigned char report_page_css[];
extern const unsigned long report_page_css_size;
extern const unsigned char report_page_js[];
extern const unsigned long report_page_js_size;

/* More points than this make a chart neither clearer nor faster. */
#define CHART_FLOWS 2000

/* So many bins of the rate over time stand on paper; report.css hides the others. */
#define PAPER_BINS 60

static void put_notes(FILE *out, const struct report_notes *notes) {
    if (notes->count == 0) {
        return;
    }
    fputs("<ul class=\"notes\">", out);
    for (size_t i = 0; i < notes->count; i++) {
        fputs("<li>", out);
        html_text(out, notes->notes[i].text);
        fputs("</li>", out);
    }
    fputs("</ul>\n", out);
}

static void put_head(const struct report *report, FILE *out) {
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
          "'unsafe-inline'; "
          "script-src 'unsafe-inline'\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"color-scheme\" content=\"light dark\">\n<title>nsmon: ",
          out);
    if (report->session.label[0] != '\0') {
        html_text(out, report->session.label);
    } else {
        fprintf(out, "session %lld", (long long)report->session.id);
    }
    fputs("</title>\n<style>\n", out);
    fwrite(report_page_css, 1, report_page_css_size, out);
    fputs("</style>\n</head>\n<body>\n", out);
}

static void put_session(const struct report *report, FILE *out) {
    const struct read_session *session = &report->session;
    char started[CLOCK_TEXT_SIZE];
    fputs("<header><h1>", out);
    if (session->label[0] != '\0') {
        html_text(out, session->label);
    } else {
        fputs("How right is the flow monitoring?", out);
    }
    fprintf(out, "</h1><span class=\"soft\">nsmon, session %lld, ", (long long)session->id);
    html_text(out, session->kind);
    fputs(", ", out);
    html_text(out, session->state);
    fprintf(out, ", began %s", clock_format(session->started_ns, started));
    if (session->window_start_ns != READ_NULL && session->window_end_ns != READ_NULL) {
        fprintf(out, ", measured %.1f s", (double)(session->window_end_ns - session->window_start_ns) / 1e9);
    }
    fputs("</span></header>\n", out);
}

/* How long the clause at 'text' is: to the next semicolon outside of brackets, or to the end. */
static size_t clause_size(const char *text) {
    size_t size = 0;
    for (int depth = 0; text[size] != '\0' && (text[size] != ';' || depth > 0); size++) {
        depth += text[size] == '(';
        depth -= text[size] == ')' && depth > 0;
    }
    return size;
}

static void put_verdict(const struct report *report, FILE *out) {
    static const char *const words[] = {
        [REPORT_NO] = "Not OK", [REPORT_YES] = "OK", [REPORT_UNKNOWN] = "Undecided"};
    fprintf(out, "<section class=\"verdict %s\"><b>%s</b><ul><li>", format_answer(report->ok),
            words[report->ok]);
    for (const char *at = report->verdict; *at != '\0';) {
        size_t size = clause_size(at);
        char part[sizeof report->verdict];
        snprintf(part, sizeof part, "%.*s", (int)size, at);
        html_text(out, part);
        at += size;
        if (*at == ';') {
            fputs("</li><li>", out);
            at += strspn(at, "; ");
        }
    }
    fputs("</li></ul></section>\n", out);
}

static void put_cards(const struct report *report, FILE *out) {
    char cells[3][FORMAT_SIZE];
    fputs("<section class=\"cards\"><div class=\"card\"><h3>Truth</h3>", out);
    if (report->has_truth) {
        fprintf(out, "<div class=\"big\">%s packets</div><div class=\"soft\">%llu flows, %s%s</div></div>\n",
                format_count(report->truth_packets, cells[0]), (unsigned long long)report->truth_flows,
                format_bytes((double)report->truth_bytes, cells[1]),
                !report->truth_complete   ? ", incomplete"
                : report->truth_uncertain ? ", uncertain"
                                          : "");
    } else {
        fprintf(out, "<div class=\"big\">none</div><div class=\"soft\">%s</div></div>\n",
                format_no_truth(report));
    }
    for (size_t i = 0; i < report->source_count; i++) {
        const struct report_source *source = &report->sources[i];
        fprintf(out, "<div class=\"card s%zu\"><h3>", i);
        html_text(out, source->title);
        fputs("</h3><div class=\"big\">", out);
        if (source->exporters == 0) {
            fputs("no exporter</div></div>\n", out);
        } else if (report->has_truth) {
            fprintf(
                out,
                "%s</div><div class=\"soft\">packets, over all flows; %llu of %llu flows seen</div></div>\n",
                format_bias(&source->packets_summary, "exact", cells[0]),
                (unsigned long long)source->packets_summary.seen, (unsigned long long)source->truth_flows);
        } else {
            fprintf(out, "%s packets</div></div>\n", format_count(source->packets, cells[0]));
        }
    }
    fputs("</section>\n", out);
}

/* From where the truth is known, what of it came out again, and how the session was shaped. */
static void put_rules(const struct report *report, FILE *out) {
    const struct report_notes setup = format_setup(report);
    struct report_notes lines = {.count = 0};
    char delivered[200];
    for (size_t i = 0; i < report->entry_count && report->has_truth; i++) {
        report_note(&lines, "%s: %s", report->entries[i].out, report->entries[i].text);
    }
    if (format_delivery(report, delivered, sizeof delivered)) {
        report_note(&lines, "Delivered: %s", delivered);
    }
    if (lines.count > 0) {
        fputs("<h2>What the switch took in</h2>\n", out);
        put_notes(out, &lines);
    }
    if (setup.count > 0) {
        fputs("<h2>How it was shaped</h2>\n", out);
        put_notes(out, &setup);
    }
}

static void put_sources(const struct report *report, FILE *out) {
    if (report->source_count == 0) {
        return;
    }
    fputs("<h2>Each source against what it can see of the truth</h2>\n<table "
          "class=\"whole\"><thead><tr><th></th>",
          out);
    for (size_t i = 0; i < report->source_count; i++) {
        fputs("<th>", out);
        html_text(out, report->sources[i].title);
        fputs("</th>", out);
    }
    fputs("</tr></thead><tbody>\n", out);
    for (size_t row = 0; row < report_source_rows; row++) {
        const char *label = report_source_row_label(row);
        fputs("<tr>", out);
        html_cell(out, label[0] == ' ' ? "sub" : NULL, label + strspn(label, " "));
        for (size_t i = 0; i < report->source_count; i++) {
            char text[FORMAT_SIZE];
            html_cell(out, NULL, report_source_row(row, report, &report->sources[i], text));
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table>\n", out);
    for (size_t i = 0; i < report->source_count; i++) {
        struct report_notes titled = {.count = 0};
        for (size_t n = 0; n < report->sources[i].notes.count; n++) {
            report_note(&titled, "%s: %s", report->sources[i].title, report->sources[i].notes.notes[n].text);
        }
        put_notes(out, &titled);
    }
}

/* A chart and what stands beside it; 'say' tells what to look at. */
static void begin_pair(FILE *out, const char *heading, const char *say, const char *chart,
                       const char *klass) {
    fprintf(
        out,
        "<h2>%s</h2>\n<p class=\"soft\">%s</p>\n<div class=\"pair\"><div class=\"plot %s\"><canvas id=\"%s\" "
        "role=\"img\" aria-label=\"%s\"></canvas></div>\n<div class=\"scroll\">",
        heading, say, klass, chart, heading);
}

static void end_pair(FILE *out) {
    fputs("</div></div>\n", out);
}

/* ---- the tables ---- */

/* What one source says of packets or of bytes; 'outside': the truth is not in the interval. */
static void put_figure(const struct report *report, const char *who, const char *what, uint64_t estimate,
                       uint64_t truth, const struct stats_interval *interval, bool outside, FILE *out) {
    char text[FORMAT_SIZE];
    fputs("<tr>", out);
    html_cell(out, "sub", who);
    html_cell(out, "name", what);
    html_cell(out, NULL, format_count(estimate, text));
    html_cell(out, outside ? "outside" : NULL,
              report->has_truth ? format_percent(format_difference(estimate, truth), "exact", text) : "");
    html_cell(out, NULL, format_interval(interval, text));
    fputs("</tr>\n", out);
}

static void put_estimate(const struct report *report, const struct report_flow *flow, size_t number,
                         FILE *out) {
    const struct report_estimate *estimate = &flow->estimates[number];
    const struct report_source *source = &report->sources[number];
    if (!estimate->visible) {
        fputs("<tr>", out);
        html_cell(out, "sub", source->title);
        fputs("<td colspan=\"4\" class=\"soft\">can't see it</td></tr>\n", out);
        return;
    }
    bool judged = report->has_truth && report_has_interval(estimate);
    bool claimed = !source->sampled || estimate->samples >= STATS_BYTES_MIN_SAMPLES;
    put_figure(report, source->title, "packets", estimate->packets, flow->packets, &estimate->packets_ci,
               judged && !estimate->within, out);
    put_figure(report, "", "bytes", estimate->bytes, estimate->truth_bytes, &estimate->bytes_ci,
               judged && claimed && !estimate->bytes_within, out);
}

static void put_true_figure(const char *who, const char *what, uint64_t value, FILE *out) {
    char text[FORMAT_SIZE];
    fputs("<tr>", out);
    html_cell(out, "sub", who);
    html_cell(out, "name", what);
    html_cell(out, NULL, format_count(value, text));
    fputs("<td></td><td></td></tr>\n", out);
}

/* A flow is a body of its own, so that no page ends within it. */
static void put_flows(const struct report *report, size_t top, FILE *out) {
    fputs("<table class=\"flows\"><thead><tr><th>flow</th><th class=\"name\"></th><th>estimate</th>"
          "<th>error</th><th>95 % interval</th></tr></thead>\n",
          out);
    for (size_t i = 0; i < report->flows.count && i < top; i++) {
        const struct report_flow *flow = &report->flows.flows[i];
        char key[FLOW_KEY_TEXT_SIZE];
        fputs("<tbody><tr class=\"flow\"><td colspan=\"5\">", out);
        html_text(out, flow_key_format(&flow->key, key));
        fputs("</td></tr>\n", out);
        if (report->has_truth) {
            put_true_figure("truth", "packets", flow->packets, out);
            put_true_figure("", "bytes", flow->bytes, out);
        }
        if (report->has_truth && report->flow_delivery && report_delivered(flow) != flow->packets) {
            put_true_figure("", "delivered", report_delivered(flow), out);
        }
        if (report->has_truth && report->flow_delivery && report_copied(flow) > 0) {
            put_true_figure("", "copies", report_copied(flow), out);
        }
        for (size_t s = 0; s < report->source_count; s++) {
            put_estimate(report, flow, s, out);
        }
        fputs("</tbody>\n", out);
    }
    fputs("</table>", out);
}

static void put_series(const struct report *report, FILE *out) {
    const struct report_series *series = &report->series;
    double to_mbps = 8e3 / (double)series->width_ns;
    fputs("<table class=\"long\"><thead><tr><th>from, s</th><th>truth, Mbit/s</th>", out);
    for (size_t s = 0; s < report->source_count; s++) {
        fputs("<th>", out);
        html_text(out, report->sources[s].title);
        fputs("</th>", out);
    }
    fputs("</tr></thead><tbody>\n", out);
    for (size_t i = 0; i < series->count; i++) {
        fprintf(out, "<tr><td>%.0f</td><td>%.3f</td>", (double)series->width_ns / 1e9 * (double)i,
                series->bins[i].truth_bytes * to_mbps);
        for (size_t s = 0; s < report->source_count; s++) {
            fprintf(out, "<td>%.3f</td>", series->bins[i].bytes[s] * to_mbps);
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table>", out);
    if (series->count > PAPER_BINS) {
        fprintf(out, "<p class=\"soft paper\">On paper: the first %d of %zu bins.</p>", PAPER_BINS,
                series->count);
    }
}

static void put_decade(const struct report_decade *decade, const char *title, FILE *out) {
    char text[FORMAT_SIZE];
    fputs("<tr>", out);
    html_cell(out, NULL, format_decade(decade, text));
    html_cell(out, "name", title);
    html_cell(out, NULL, format_count(decade->flows, text));
    html_cell(out, NULL, format_count(decade->packets.seen, text));
    html_cell(out, NULL, format_share(decade->packets.weighted_error, text));
    html_cell(out, NULL, format_share(decade->packets.are, text));
    html_cell(out, NULL, format_share(decade->packets.coverage, text));
    html_cell(out, NULL, format_share(decade->packets.expected_coverage, text));
    fputs("</tr>\n", out);
}

static void put_decades(const struct report *report, FILE *out) {
    fputs("<table><thead><tr><th>true packets</th><th class=\"name\">source</th><th>flows</th><th>seen</th>"
          "<th>weighted</th><th>ARE</th><th>covered</th><th>expected</th></tr></thead><tbody>\n",
          out);
    for (size_t i = 0; i < REPORT_DECADES; i++) {
        for (size_t s = 0; s < report->source_count; s++) {
            if (report->sources[s].decades[i].flows > 0) {
                put_decade(&report->sources[s].decades[i], report->sources[s].title, out);
            }
        }
    }
    fputs("</tbody></table>", out);
}

static void put_ledger(const struct report *report, FILE *out) {
    const struct report_ledger *ledger = &report->ledger;
    fputs("<table><thead><tr><th>direction</th><th class=\"name\">stage</th><th>packets</th><th>bytes</th>"
          "<th class=\"text\">counted by</th></tr></thead><tbody>\n",
          out);
    for (size_t i = 0; i < ledger->stage_count; i++) {
        const struct report_stage *stage = &ledger->stages[i];
        char text[FORMAT_SIZE];
        fputs("<tr>", out);
        html_cell(out, NULL, stage->direction);
        html_cell(out, "name", stage->stage);
        html_cell(out, NULL, format_known(stage->packets, text));
        html_cell(out, NULL, format_known(stage->bytes, text));
        html_cell(out, "text", stage->source);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table>", out);
}

static void put_losses(const struct report *report, FILE *out) {
    struct report_notes losses = {.count = 0};
    bool running = strcmp(report->session.state, "running") == 0;
    for (size_t i = 0; i < report->ledger.loss_count; i++) {
        report_note(&losses, "%s", report->ledger.losses[i].text);
    }
    if (report->ledger.stage_count > 0 && losses.count == 0 && !running) {
        report_note(&losses, "Nothing was lost between two stages that were counted.");
    }
    put_notes(out, &losses);
    put_notes(out, &report->ledger.notes);
}

/* ---- the sections ---- */

static void put_charts(const struct report *report, const struct report_style *style, FILE *out) {
    if (report->source_count > 0 && report->flows.count > 0) {
        char say[400];
        snprintf(say, sizeof say,
                 "A point is a flow, its whisker the 95&nbsp;%% interval. On the dashed line the source is "
                 "right; whiskers of a sound source cross it. In the table: the %zu largest of %zu flows%s.",
                 style->top < report->flows.count ? style->top : report->flows.count, report->flows.count,
                 report->flows.count > CHART_FLOWS ? ", of which the chart shows the 2,000 largest" : "");
        begin_pair(out, "Flow by flow", say, "chart-flows", "");
        put_flows(report, style->top, out);
        end_pair(out);
    }
    if (report->series.count > 0) {
        begin_pair(out, "Rate over time",
                   "Layer-2 bytes a bin. Records are spread over the interval that they stand for; samples "
                   "stand where the "
                   "collector got them.",
                   "chart-rate", "");
        put_series(report, out);
        end_pair(out);
    }
    if (report->runs.count > 0) {
        begin_pair(
            out, "Rate at the endpoints",
            "Payload that nsmon's own endpoints sent (dashed) and received, UDP and TCP, a run a colour.",
            "chart-endpoints", "");
        render_runs_html_rate(report, out);
        end_pair(out);
        begin_pair(
            out, "One-way delay",
            "The share of each run's datagrams that was at least so slow: to the right is slow, down is "
            "rare. In the table: where the time went, as both taps saw the datagrams. Over veth a datagram "
            "has one stamp for tap and socket: the receiver host has 0.",
            "chart-delay", "");
        render_runs_html_delay(report, out);
        end_pair(out);
        render_runs_html_notes(report, out);
    }
    if (render_runs_have_tcp(report)) {
        begin_pair(out, "Retransmissions and round trips of TCP",
                   "What the senders' kernels say, a run a colour. Lines, left: the smoothed round trips "
                   "over a run's TCP "
                   "flows, median and 99th percentile (dashed). Areas, right: segments that were sent again.",
                   "chart-tcp", "");
        render_runs_html_tcp(report, out);
        end_pair(out);
    }
    if (report->has_truth && report->source_count > 0) {
        begin_pair(out, "Error by size of the flow",
                   "Small flows are always wrong by much when packets are sampled: within the dashed lines "
                   "chance explains "
                   "it. A flow that was not sampled at all is at &minus;100&nbsp;%; errors above +200&nbsp;% "
                   "stand at the upper edge.",
                   "chart-error", "");
        put_decades(report, out);
        end_pair(out);
    }
    if (report->ledger.stage_count > 0) {
        begin_pair(
            out, "Ledger",
            "What each stage on the way counted. What is missing between two is never an exporter's fault.",
            "chart-ledger", "short");
        put_ledger(report, out);
        end_pair(out);
        put_losses(report, out);
    }
}

static void put_words(FILE *out) {
    fputs("<h2>How to read this</h2>\n<dl>"
          "<dt>95 % interval</dt><dd>the true sizes that go with what was sampled (score interval); a source "
          "that is not "
          "sampled has a point.</dd>"
          "<dt>intervals that hold the truth</dt><dd>beside what is expected of flows of these sizes, "
          "computed exactly, and "
          "the range that chance allows.</dd>"
          "<dt>sum of z&sup2;</dt><dd>over flows with 5 expected samples and more; outside its range the "
          "sampler does not do "
          "what it says.</dd>"
          "<dt>weighted error</dt><dd>all differences, without sign, over all packets. ARE is the mean of "
          "each flow's relative "
          "error: small flows rule it.</dd>"
          "<dt>bytes</dt><dd>below 30 samples no interval for bytes is promised to hold.</dd></dl>\n",
          out);
}

static int put_scripts(const struct report *report, FILE *out) {
    json_t *model = report_json(report, CHART_FLOWS);
    if (model == NULL) {
        return -ENOMEM;
    }
    fputs("<script type=\"application/json\" id=\"model\">", out);
    int rc = html_json(out, model);
    json_decref(model);
    fputs("</script>\n<script>\n", out);
    fwrite(report_chart_js, 1, report_chart_js_size, out);
    fputs("\n</script>\n<script>\n", out);
    fwrite(report_page_js, 1, report_page_js_size, out);
    fputs("</script>\n", out);
    return rc;
}

int report_render_html(const struct report *report, const struct report_style *style, FILE *out) {
    put_head(report, out);
    put_session(report, out);
    put_verdict(report, out);
    put_cards(report, out);
    put_rules(report, out);
    put_charts(report, style, out);
    put_sources(report, out);
    put_notes(out, &report->notes);
    put_words(out);
    fputs("<footer>nsmon " NSMON_VERSION ". Charts: Chart.js, MIT licence. Database ", out);
    html_text(out, report->database);
    fputs("</footer>\n", out);
    int rc = put_scripts(report, out);
    fputs("</body>\n</html>\n", out);
    return rc;
}
