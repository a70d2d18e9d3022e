/* The rate over time: bins of the truth and of each source. */
#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "reports/internal.h"

void report_series_add(struct report_series *series, size_t offset, int64_t begin_ns, int64_t end_ns,
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

void report_widen(int64_t time_ns, int64_t *low, int64_t *high) {
    if (time_ns != READ_NULL && time_ns > 0) {
        *low = *low == READ_NULL || time_ns < *low ? time_ns : *low;
        *high = *high == READ_NULL || time_ns > *high ? time_ns : *high;
    }
}

int report_series_init(struct report *report, int64_t low, int64_t high) {
    static const int64_t widths_s[] = {1, 2, 5, 10, 30, 60, 300, 600, 3600, 21600, 86400};
    for (size_t i = 0; i < report->exporter_count; i++) {
        if (report->source_of[i] >= 0) {
            report_widen(report->exporters[i].first_ns, &low, &high);
            report_widen(report->exporters[i].last_ns, &low, &high);
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
