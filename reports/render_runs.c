#include "reports/render_runs.h"

#include <string.h>

#include "reports/format.h"
#include "reports/html.h"
#include "reports/internal.h"

static const char *const part_names[REPORT_DELAY_PARTS] = {
    [REPORT_DELAY_ALL] = "one_way",
    [REPORT_DELAY_SENDER] = "sender",
    [REPORT_DELAY_SWITCH] = "switch",
    [REPORT_DELAY_RECEIVER] = "receiver",
};

/* "quick ns1>ns2". */
static void name_of(const struct report_run *run, char text[128]) {
    int size = snprintf(text, 128, "%s", run->run.profile);
    if (run->run.from != READ_NULL && run->run.to != READ_NULL && size > 0 && size < 128) {
        snprintf(text + size, 128 - (size_t)size, " ns%lld>ns%lld", (long long)run->run.from,
                 (long long)run->run.to);
    }
}

/* "12.3" microseconds, or "12" where that says enough. */
static const char *microseconds(double ns, char text[FORMAT_SIZE]) {
    return format_real(ns / 1e3, fabs(ns) < 99950 ? 1 : 0, text);
}

/* The time that the share 'share' of 'cdf' does not exceed, NAN when there is none. */
static double cdf_at(const struct report_cdf *cdf, double share) {
    for (size_t i = 0; i < cdf->point_count; i++) {
        if (cdf->points[i].share >= share) {
            return cdf->points[i].ns;
        }
    }
    return NAN;
}

const char *render_run_line(const struct report_run *run, char text[RENDER_RUN_LINE]) {
    char name[128], cells[8][FORMAT_SIZE];
    name_of(run, name);
    text[0] = '\0';
    if (run->stamps > 0) {
        for (size_t i = 0; i < REPORT_DELAY_PARTS; i++) {
            microseconds(run->parts[i].p50_ns, cells[2 * i]);
            microseconds(run->parts[i].p99_ns, cells[2 * i + 1]);
        }
        snprintf(
            text, RENDER_RUN_LINE,
            "%s: delay p50/p99 in us: sender host %s/%s, switch %s/%s, receiver host %s/%s; one way %s/%s "
            "(%llu of %llu datagrams)",
            name, cells[2], cells[3], cells[4], cells[5], cells[6], cells[7], cells[0], cells[1],
            (unsigned long long)run->stamps, (unsigned long long)run->owd.count);
    } else if (run->owd.count > 0) {
        snprintf(text, RENDER_RUN_LINE, "%s: one-way delay p50/p99 %s/%s us", name,
                 microseconds(cdf_at(&run->owd, 0.5), cells[0]),
                 microseconds(cdf_at(&run->owd, 0.99), cells[1]));
    }
    size_t length = strlen(text);
    if (run->responses.count > 0) {
        snprintf(text + length, RENDER_RUN_LINE - length,
                 "%s%s%llu requests had their response after p50/p99 %s/%s us", length > 0 ? "; " : name,
                 length > 0 ? "" : ": ", (unsigned long long)run->responses.count,
                 microseconds(cdf_at(&run->responses, 0.5), cells[0]),
                 microseconds(cdf_at(&run->responses, 0.99), cells[1]));
    }
    return text;
}

const char *render_run_tcp_line(const struct report_run *run, char text[RENDER_RUN_LINE]) {
    char name[128], cells[3][FORMAT_SIZE];
    name_of(run, name);
    text[0] = '\0';
    if (run->has_tcp) {
        int length = snprintf(text, RENDER_RUN_LINE, "%s: TCP sent %s segments again", name,
                              format_real(run->retransmitted, 0, cells[0]));
        if (isfinite(run->rtt_p50_ns) && length > 0 && length < RENDER_RUN_LINE) {
            snprintf(text + length, RENDER_RUN_LINE - (size_t)length,
                     "; round trips over its flows: p50 %s us in the median second, p99 %s us in the worst",
                     microseconds(run->rtt_p50_ns, cells[1]), microseconds(run->rtt_p99_ns, cells[2]));
        }
    }
    return text;
}

const char *render_run_loss_line(const struct report_run *run, char text[RENDER_RUN_LINE]) {
    char name[128];
    name_of(run, name);
    int length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < run->loss_count && length >= 0 && length < RENDER_RUN_LINE; i++) {
        const struct read_traffic_loss *loss = &run->losses[i];
        char range[64];
        if (loss->high == READ_NULL) {
            snprintf(range, sizeof range, "%lld or more", (long long)loss->low);
        } else if (loss->high > loss->low) {
            snprintf(range, sizeof range, "%lld to %lld", (long long)loss->low, (long long)loss->high);
        } else {
            snprintf(range, sizeof range, "%lld", (long long)loss->low);
        }
        length += i == 0 ? snprintf(text, RENDER_RUN_LINE, "%s: datagrams lost in a row: ", name) : 0;
        length += length < RENDER_RUN_LINE
                      ? snprintf(text + length, RENDER_RUN_LINE - (size_t)length, "%s%s (%lld times)",
                                 i == 0 ? "" : ", ", range, (long long)loss->count)
                      : 0;
    }
    return text;
}

const char *render_run_host_line(const struct report_run *run, char text[RENDER_RUN_LINE]) {
    const struct read_traffic_run *of = &run->run;
    char name[128], cells[3][FORMAT_SIZE];
    int length = 0;
    text[0] = '\0';
    if (of->send_cpu_ns == READ_NULL) {
        return text;
    }
    name_of(run, name);
    length = snprintf(text, RENDER_RUN_LINE, "%s: %s s of processor time sending", name,
                      format_real((double)of->send_cpu_ns / 1e9, 2, cells[0]));
    if (of->receive_cpu_ns != READ_NULL && length < RENDER_RUN_LINE) {
        length += snprintf(text + length, RENDER_RUN_LINE - (size_t)length, ", %s s receiving",
                           format_real((double)of->receive_cpu_ns / 1e9, 2, cells[0]));
    }
    if (of->late_p50_ns != READ_NULL && of->late_max_ns != READ_NULL && length < RENDER_RUN_LINE) {
        length += snprintf(text + length, RENDER_RUN_LINE - (size_t)length,
                           "; sent after their moment by p50/p99/max %s/%s/%s us",
                           microseconds((double)of->late_p50_ns, cells[0]),
                           microseconds((double)of->late_p99_ns, cells[1]),
                           microseconds((double)of->late_max_ns, cells[2]));
    }
    if (of->late_packets != READ_NULL && length < RENDER_RUN_LINE) {
        length += snprintf(text + length, RENDER_RUN_LINE - (size_t)length,
                           ", %lld when their successor was due, too", (long long)of->late_packets);
    }
    if (of->send_batch_max <= 1 && of->receive_batch_max == 1 && length < RENDER_RUN_LINE) {
        snprintf(text + length, RENDER_RUN_LINE - (size_t)length,
                 "; each datagram had time stamps of its own");
    } else if (of->receive_batch_max != READ_NULL && length < RENDER_RUN_LINE) {
        snprintf(text + length, RENDER_RUN_LINE - (size_t)length,
                 "; a send stamp is of up to %lld datagrams, a receive stamp of %lld",
                 (long long)of->send_batch_max, (long long)of->receive_batch_max);
    }
    return text;
}

bool render_runs_have_tcp(const struct report *report) {
    bool has_tcp = false;
    for (size_t i = 0; i < report->runs.count; i++) {
        has_tcp = has_tcp || report->runs.runs[i].has_tcp;
    }
    return has_tcp;
}

/* ---- JSON ---- */

static json_t *rounded(double value) {
    return isfinite(value) ? json_real(floor(value + 0.5)) : json_null();
}

static json_t *seconds_json(const struct report_run *run) {
    json_t *sent = json_array(), *received = json_array(), *p50 = json_array(), *p99 = json_array();
    json_t *again = json_array(), *rtt_p50 = json_array(), *rtt_p99 = json_array();
    for (size_t i = 0; i < run->bin_count; i++) {
        const struct report_run_bin *bin = &run->bins[i];
        double to_bps = bin->length_ns > 0 ? 8e9 / bin->length_ns : NAN;
        json_array_append_new(sent, rounded(bin->sent_bytes * to_bps));
        json_array_append_new(received, rounded(bin->received_bytes * to_bps));
        json_array_append_new(p50, bin->has_delay ? rounded(bin->p50_ns) : json_null());
        json_array_append_new(p99, bin->has_delay ? rounded(bin->p99_ns) : json_null());
        json_array_append_new(again,
                              bin->has_tcp ? json_integer((json_int_t)bin->retransmitted) : json_null());
        json_array_append_new(rtt_p50, bin->has_rtt ? rounded(bin->rtt_p50_ns) : json_null());
        json_array_append_new(rtt_p99, bin->has_rtt ? rounded(bin->rtt_p99_ns) : json_null());
    }
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "width_ns", (json_int_t)run->width_ns,
                     "sent_bps", sent, "received_bps", received, "owd_p50_ns", p50, "owd_p99_ns", p99,
                     "retransmitted", again, "rtt_p50_ns", rtt_p50, "rtt_p99_ns", rtt_p99);
}

static json_t *known(int64_t number) {
    return number == READ_NULL ? json_null() : json_integer(number);
}

/* What the endpoints took, and what their stamps stand for. */
static json_t *endpoints_json(const struct read_traffic_run *run) {
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "send_cpu_ns", known(run->send_cpu_ns),
                     "receive_cpu_ns", known(run->receive_cpu_ns), "send_batch_max",
                     known(run->send_batch_max), "receive_batch_max", known(run->receive_batch_max),
                     "late_packets", known(run->late_packets), "late_p50_ns", known(run->late_p50_ns),
                     "late_p99_ns", known(run->late_p99_ns), "late_max_ns", known(run->late_max_ns));
}

static json_t *losses_json(const struct report_run *run) {
    json_t *losses = json_array();
    for (size_t i = 0; i < run->loss_count; i++) {
        json_array_append_new(losses, json_pack("{s:I, s:o, s:I}", "low", (json_int_t)run->losses[i].low,
                                                "high", known(run->losses[i].high), "count",
                                                (json_int_t)run->losses[i].count));
    }
    return losses;
}

/* The TCP of a run, null when there was none. */
static json_t *tcp_json(const struct report_run *run) {
    return !run->has_tcp
               ? json_null()
               : json_pack("{s:I, s:o, s:o}", "retransmitted", (json_int_t)run->retransmitted, "rtt_p50_ns",
                           rounded(run->rtt_p50_ns), "rtt_p99_ns", rounded(run->rtt_p99_ns));
}

static json_t *cdf_json(const struct report_cdf *cdf) {
    json_t *points = json_array();
    for (size_t i = 0; i < cdf->point_count; i++) {
        json_array_append_new(points, json_pack("[f, o]", cdf->points[i].share, rounded(cdf->points[i].ns)));
    }
    return points;
}

/* How long responses took, null when there were none. */
static json_t *responses_json(const struct report_run *run) {
    const struct report_cdf *cdf = &run->responses;
    return cdf->count == 0 ? json_null()
                           : json_pack("{s:I, s:o, s:o, s:o}", "count", (json_int_t)report_signed(cdf->count),
                                       "p50_ns", rounded(cdf_at(cdf, 0.5)), "p99_ns",
                                       rounded(cdf_at(cdf, 0.99)), "cdf", cdf_json(cdf));
}

static json_t *split_json(const struct report_run *run) {
    if (run->stamps == 0) {
        return json_null();
    }
    json_t *split = json_pack("{s:I}", "datagrams", (json_int_t)run->stamps);
    for (size_t i = 0; i < REPORT_DELAY_PARTS; i++) {
        json_object_set_new(split, part_names[i],
                            json_pack("{s:o, s:o}", "p50_ns", rounded(run->parts[i].p50_ns), "p99_ns",
                                      rounded(run->parts[i].p99_ns)));
    }
    return split;
}

json_t *render_runs_json(const struct report *report) {
    json_t *runs = json_array();
    for (size_t i = 0; i < report->runs.count; i++) {
        const struct report_run *run = &report->runs.runs[i];
        json_t *profile = json_string(run->run.profile);
        char name[128];
        name_of(run, name);
        json_t *title = json_string(name);
        json_array_append_new(
            runs, json_pack("{s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
                            (json_int_t)run->run.id, "title", title == NULL ? json_null() : title, "profile",
                            profile == NULL ? json_null() : profile, "from", known(run->run.from), "to",
                            known(run->run.to), "started_ns", (json_int_t)run->run.started_ns, "datagrams",
                            (json_int_t)report_signed(run->owd.count), "seconds", seconds_json(run),
                            "owd_cdf", cdf_json(&run->owd), "responses", responses_json(run), "delay_split",
                            split_json(run), "tcp", tcp_json(run), "loss_rows", losses_json(run), "endpoints",
                            endpoints_json(&run->run)));
    }
    return runs;
}

/* ---- the page ---- */

void render_runs_html_rate(const struct report *report, FILE *out) {
    fputs("<table class=\"long\"><thead><tr><th>run</th><th>from, s</th><th>sent, Mbit/s</th>"
          "<th>received, Mbit/s</th></tr></thead><tbody>\n",
          out);
    for (size_t i = 0; i < report->runs.count; i++) {
        const struct report_run *run = &report->runs.runs[i];
        for (size_t j = 0; j < run->bin_count; j++) {
            const struct report_run_bin *bin = &run->bins[j];
            double to_mbps = bin->length_ns > 0 ? 8e3 / bin->length_ns : 0;
            char name[128];
            name_of(run, name);
            fputs("<tr>", out);
            html_cell(out, "name", name);
            fprintf(out, "<td>%.0f</td><td>%.3f</td><td>%.3f</td></tr>\n",
                    (double)run->width_ns / 1e9 * (double)j, bin->sent_bytes * to_mbps,
                    bin->received_bytes * to_mbps);
        }
    }
    fputs("</tbody></table>", out);
}

void render_runs_html_delay(const struct report *report, FILE *out) {
    static const char *const heads[REPORT_DELAY_PARTS] = {"one way", "sender host", "switch",
                                                          "receiver host"};
    fputs(
        "<table><thead><tr><th>run</th><th>where</th><th>p50, us</th><th>p99, us</th></tr></thead><tbody>\n",
        out);
    for (size_t i = 0; i < report->runs.count; i++) {
        const struct report_run *run = &report->runs.runs[i];
        char name[128], text[FORMAT_SIZE];
        name_of(run, name);
        for (size_t part = 0; part < REPORT_DELAY_PARTS && run->owd.count > 0; part++) {
            bool split = run->stamps > 0;
            if (!split && part != REPORT_DELAY_ALL) {
                continue;
            }
            fputs("<tr>", out);
            html_cell(out, "name", part == 0 ? name : "");
            html_cell(out, "name", heads[part]);
            html_cell(out, NULL,
                      microseconds(split ? run->parts[part].p50_ns : cdf_at(&run->owd, 0.5), text));
            html_cell(out, NULL,
                      microseconds(split ? run->parts[part].p99_ns : cdf_at(&run->owd, 0.99), text));
            fputs("</tr>\n", out);
        }
        if (run->responses.count > 0) {
            fputs("<tr>", out);
            html_cell(out, "name", run->owd.count > 0 ? "" : name);
            html_cell(out, "name", "request to response");
            html_cell(out, NULL, microseconds(cdf_at(&run->responses, 0.5), text));
            html_cell(out, NULL, microseconds(cdf_at(&run->responses, 0.99), text));
            fputs("</tr>\n", out);
        }
    }
    fputs("</tbody></table>", out);
}

void render_runs_html_tcp(const struct report *report, FILE *out) {
    fputs("<table class=\"long\"><thead><tr><th>run</th><th>from, s</th><th>segments sent again</th>"
          "<th>round trip p50, us</th><th>p99, us</th></tr></thead><tbody>\n",
          out);
    for (size_t i = 0; i < report->runs.count; i++) {
        const struct report_run *run = &report->runs.runs[i];
        for (size_t j = 0; j < run->bin_count; j++) {
            const struct report_run_bin *bin = &run->bins[j];
            char name[128], text[FORMAT_SIZE];
            if (!bin->has_tcp) {
                continue;
            }
            name_of(run, name);
            fputs("<tr>", out);
            html_cell(out, "name", name);
            fprintf(out, "<td>%.0f</td>", (double)run->width_ns / 1e9 * (double)j);
            html_cell(out, NULL, format_real(bin->retransmitted, 0, text));
            html_cell(out, NULL, bin->has_rtt ? microseconds(bin->rtt_p50_ns, text) : "");
            html_cell(out, NULL, bin->has_rtt ? microseconds(bin->rtt_p99_ns, text) : "");
            fputs("</tr>\n", out);
        }
    }
    fputs("</tbody></table>", out);
}

void render_runs_html_notes(const struct report *report, FILE *out) {
    bool any = false;
    for (size_t i = 0; i < 2 * report->runs.count; i++) {
        const struct report_run *run = &report->runs.runs[i / 2];
        char line[RENDER_RUN_LINE];
        const char *text = i % 2 == 0 ? render_run_loss_line(run, line) : render_run_host_line(run, line);
        if (text[0] != '\0') {
            fputs(any ? "<li>" : "<ul class=\"notes\"><li>", out);
            html_text(out, text);
            fputs("</li>", out);
            any = true;
        }
    }
    fputs(any ? "</ul>\n" : "", out);
}
