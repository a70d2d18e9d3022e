/* The report as CSV (RFC 4180): one row a flow and source.  docs/report-json.md describes the columns. */
#include <math.h>
#include <string.h>

#include "reports/format.h"
#include "reports/render.h"

/* A field, in quotes where it needs them; a text that a spreadsheet would take for a formula is made a text.
 */
static void put_text(FILE *out, const char *text) {
    bool quote = strpbrk(text, ",\"\r\n") != NULL;
    bool formula = text[0] != '\0' && strchr("=+-@", text[0]) != NULL;
    if (!quote && !formula) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    if (formula) {
        fputc('\'', out);
    }
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            fputc('"', out);
        }
        fputc(*text, out);
    }
    fputc('"', out);
}

static void put_number(FILE *out, double value) {
    fputc(',', out);
    if (isfinite(value)) {
        fprintf(out, "%.10g", value);
    }
}

static void put_count(FILE *out, uint64_t value) {
    fprintf(out, ",%llu", (unsigned long long)value);
}

static void put_key(FILE *out, const struct flow_key *key) {
    char protocol[PROTOCOL_NAME_SIZE];
    char src_text[IP_TEXT_SIZE];
    char dst_text[IP_TEXT_SIZE];
    struct ip_address src = ip_address_make(key->family, key->src);
    struct ip_address dst = ip_address_make(key->family, key->dst);
    fprintf(out, "%s,%s,", flow_key_protocol_name(key, protocol), ip_address_format(&src, src_text));
    if (key->family != 0) {
        fprintf(out, "%u,%s,%u", key->sport, ip_address_format(&dst, dst_text), key->dport);
    } else {
        fputs(",,", out);
    }
}

static void put_delivery(const struct report *report, const struct report_flow *flow, FILE *out) {
    if (report->has_truth && report->flow_delivery) {
        put_count(out, report_delivered(flow));
        put_count(out, report_copied(flow));
    } else {
        fputs(",,", out);
    }
    fputs("\r\n", out);
}

static void put_row(const struct report *report, const struct report_flow *flow, size_t number, FILE *out) {
    const struct report_source *source = &report->sources[number];
    const struct report_estimate *estimate = &flow->estimates[number];
    put_key(out, &flow->key);
    fputc(',', out);
    put_text(out, source->name);
    if (report->has_truth) {
        put_count(out, flow->packets);
        put_count(out, flow->bytes);
    } else {
        fputs(",,", out);
    }
    if (!estimate->visible) {
        fputs(",,,,,,,,,,,", out);
        put_delivery(report, flow, out);
        return;
    }
    bool judged = report->has_truth && report_has_interval(estimate);
    put_count(out, estimate->packets);
    put_count(out, estimate->bytes);
    put_number(out, estimate->packets_ci.low);
    put_number(out, estimate->packets_ci.high);
    put_number(out, estimate->bytes_ci.low);
    put_number(out, estimate->bytes_ci.high);
    fprintf(out, ",%s,%s",
            !judged            ? ""
            : estimate->within ? "1"
                               : "0",
            !judged                  ? ""
            : estimate->bytes_within ? "1"
                                     : "0");
    put_number(out, estimate->samples);
    put_number(out, source->rate);
    put_number(out, estimate->detection_ns / 1e6);
    put_delivery(report, flow, out);
}

int report_render_csv(const struct report *report, FILE *out) {
    fputs("proto,src,sport,dst,dport,source,truth_packets,truth_bytes,packets,bytes,packets_low,packets_high,"
          "bytes_low,bytes_high,within,bytes_within,samples,sampling_rate,detection_ms,truth_delivered,truth_"
          "copied\r\n",
          out);
    for (size_t i = 0; i < report->flows.count; i++) {
        for (size_t s = 0; s < report->source_count; s++) {
            put_row(report, &report->flows.flows[i], s, out);
        }
    }
    return 0;
}
