#include "reports/source_table.h"

#include <math.h>
#include <stdio.h>

typedef const char *cell_fn(const struct report *report, const struct report_source *source,
                            char text[FORMAT_SIZE]);

#define CELL(name)                                                                                           \
    static const char *name(const struct report *report, const struct report_source *source,                 \
                            char text[FORMAT_SIZE])

CELL(cell_truth) {
    return report->has_truth ? format_count(source->truth_packets, text) : "-";
}
CELL(cell_packets) {
    (void)report;
    return format_count(source->packets, text);
}
CELL(cell_packets_ci) {
    (void)report;
    return format_interval(&source->packets_ci, text);
}
CELL(cell_truth_bytes) {
    return report->has_truth ? format_count(source->truth_bytes, text) : "-";
}
CELL(cell_bytes) {
    (void)report;
    return format_count(source->bytes, text);
}
CELL(cell_bytes_ci) {
    (void)report;
    return format_byte_interval(&source->bytes_ci, text);
}
CELL(cell_bias) {
    (void)report;
    return format_bias(&source->packets_summary, "0, exact", text);
}
CELL(cell_bytes_bias) {
    (void)report;
    return format_bias(&source->bytes_summary, "0, exact", text);
}
CELL(cell_weighted) {
    (void)report;
    return format_share(source->packets_summary.weighted_error, text);
}
CELL(cell_are) {
    (void)report;
    return format_share(source->packets_summary.are, text);
}
CELL(cell_coverage) {
    (void)report;
    return format_share(source->packets_summary.coverage, text);
}
CELL(cell_expected) {
    (void)report;
    const struct stats_summary *summary = &source->packets_summary;
    if (isnan(summary->expected_coverage)) {
        return "-";
    }
    char cells[3][FORMAT_SIZE];
    snprintf(text, FORMAT_SIZE, "%.16s (%.16s..%.16s) %%",
             format_real(100.0 * summary->expected_coverage, 1, cells[0]),
             format_real(100.0 * summary->coverage_range.low, 0, cells[1]),
             format_real(100.0 * summary->coverage_range.high, 0, cells[2]));
    return text;
}
CELL(cell_chi) {
    (void)report;
    const struct stats_summary *summary = &source->packets_summary;
    if (isnan(summary->chi_squared)) {
        return "-";
    }
    char cells[3][FORMAT_SIZE];
    snprintf(text, FORMAT_SIZE, "%.16s (%.16s..%.16s) %s", format_real(summary->chi_squared, 1, cells[0]),
             format_real(summary->chi_squared_range.low, 0, cells[1]),
             format_real(summary->chi_squared_range.high, 0, cells[2]),
             summary->chi_squared_ok ? "ok" : "NO");
    return text;
}
CELL(cell_samples) {
    (void)report;
    const struct stats_summary *summary = &source->packets_summary;
    char expected[FORMAT_SIZE];
    char count[FORMAT_SIZE];
    if (!source->sampled || !isfinite(summary->samples)) {
        return "-";
    }
    snprintf(text, FORMAT_SIZE, "%.29s (%.29s)", format_count((uint64_t)llround(summary->samples), count),
             format_real(summary->expected_samples, 1, expected));
    return text;
}
CELL(cell_samples_z) {
    (void)report;
    const struct stats_summary *summary = &source->packets_summary;
    if (!isfinite(summary->samples_z)) {
        return "-";
    }
    snprintf(text, FORMAT_SIZE, "%+.1f %s", summary->samples_z, summary->samples_ok ? "ok" : "NO");
    return text;
}
CELL(cell_sizes) {
    (void)report;
    const struct stats_sizes *sizes = &source->sizes;
    if (sizes->flows == 0) {
        return "-";
    }
    bool ok = sizes->wrong == 0 && stats_sizes_plausible(sizes);
    snprintf(text, FORMAT_SIZE, "%llu of %llu %s", (unsigned long long)(sizes->exact - sizes->wrong),
             (unsigned long long)sizes->exact, ok ? "ok" : "NO");
    return text;
}
CELL(cell_seen) {
    if (!report->has_truth) {
        return "-";
    }
    int used = snprintf(text, FORMAT_SIZE, "%llu of %llu", (unsigned long long)source->packets_summary.seen,
                        (unsigned long long)source->truth_flows);
    if (!source->rate_unknown) {
        char expected[FORMAT_SIZE];
        snprintf(text + used, FORMAT_SIZE - (size_t)used, " (%.16s)",
                 format_real(source->packets_summary.expected_seen, 1, expected));
    }
    return text;
}
CELL(cell_extra) {
    return report->has_truth ? format_count(source->extra_flows, text) : "-";
}
CELL(cell_detection) {
    (void)report;
    char p95[FORMAT_SIZE];
    char p50[FORMAT_SIZE];
    snprintf(text, FORMAT_SIZE, "%.29s, %.29s", format_ms(source->detection_p50_ns, p50),
             format_ms(source->detection_p95_ns, p95));
    return text;
}
CELL(cell_volume) {
    (void)report;
    char bytes[FORMAT_SIZE];
    snprintf(text, FORMAT_SIZE, "%lld, %.29s", (long long)source->volume.datagrams,
             format_bytes((double)source->volume.bytes, bytes));
    return text;
}
CELL(cell_lost) {
    (void)report;
    const struct report_volume *volume = &source->volume;
    if (volume->lost_datagrams == READ_NULL) {
        snprintf(text, FORMAT_SIZE, "%lld records", (long long)volume->lost_records);
    } else {
        snprintf(text, FORMAT_SIZE, "%lld", (long long)volume->lost_datagrams);
    }
    return text;
}

static const struct {
    const char *label;
    cell_fn *cell;
} rows[] = {
    {"packets, truth it can see", cell_truth},
    {"packets, estimate", cell_packets},
    {"  95 % interval", cell_packets_ci},
    {"  bias", cell_bias},
    {"  weighted error", cell_weighted},
    {"  mean relative error (ARE)", cell_are},
    {"bytes, truth it can see", cell_truth_bytes},
    {"bytes, estimate", cell_bytes},
    {"  95 % interval", cell_bytes_ci},
    {"  bias", cell_bytes_bias},
    {"intervals that hold the truth", cell_coverage},
    {"  expected (99 % range)", cell_expected},
    {"sum of z^2 (99 % range)", cell_chi},
    {"samples (expected)", cell_samples},
    {"  z (-3 to 3)", cell_samples_z},
    {"flows of one frame size right", cell_sizes},
    {"flows seen (expected)", cell_seen},
    {"flows the truth lacks", cell_extra},
    {"first known after p50, p95", cell_detection},
    {"export datagrams, bytes", cell_volume},
    {"exports lost", cell_lost},
};

const size_t report_source_rows = sizeof rows / sizeof *rows;

const char *report_source_row_label(size_t row) {
    return rows[row].label;
}

const char *report_source_row(size_t row, const struct report *report, const struct report_source *source,
                              char text[FORMAT_SIZE]) {
    return source->exporters == 0 ? "-" : rows[row].cell(report, source, text);
}
