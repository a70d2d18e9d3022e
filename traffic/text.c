#include "traffic/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

const char *traffic_text_heading(void) {
    return "    time     sent packets    Mbit/s  received packets    Mbit/s  missing   flows";
}

static double megabits(int64_t bytes, int64_t ns) {
    return ns <= 0 ? 0 : (double)bytes * 8 * 1000 / (double)ns;
}

const char *traffic_text_progress(const struct traffic_progress *progress, char line[TRAFFIC_LINE_SIZE]) {
    const struct traffic_interval *last = &progress->last;
    int64_t ns = last->end_ns - last->start_ns;
    snprintf(line, TRAFFIC_LINE_SIZE, "%5.1f/%-5.0f %13lld %9.2f %17lld %9.2f %8lld %3zu/%zu%s",
             (double)progress->elapsed_ns / (double)NS_PER_S,
             (double)progress->duration_ns / (double)NS_PER_S, (long long)last->sent_packets,
             megabits(last->sent_bytes, ns), (long long)last->received_packets,
             megabits(last->received_bytes, ns), (long long)progress->missing, progress->active,
             progress->flows, progress->draining ? "  waiting for the tail" : "");
    return line;
}

const char *traffic_text_summary(const struct traffic_result *result, char *text, size_t size) {
    double seconds = (double)(result->ended_ns - result->started_ns) / (double)NS_PER_S;
    int length =
        snprintf(text, size,
                 "%zu flows in %.1f s%s: %lld datagrams sent, %lld received, %lld lost, %lld duplicated, "
                 "%lld reordered\n"
                 "%.1f MB of payload sent, %.1f MB received\n",
                 result->flow_count, seconds, result->stopped ? " (stopped early)" : "",
                 (long long)result->sum.sent_packets, (long long)result->sum.received_packets,
                 (long long)result->lost, (long long)result->duplicated, (long long)result->reordered,
                 (double)result->sum.sent_bytes / 1e6, (double)result->sum.received_bytes / 1e6);
    const struct histogram *owd = &result->owd;
    if (length > 0 && (size_t)length < size && owd->bins != NULL && owd->count > 0) {
        length += snprintf(text + length, size - (size_t)length,
                           "one-way delay: min %.1f us, p50 %.1f, p90 %.1f, p99 %.1f, max %.1f us\n",
                           (double)owd->min / 1e3, (double)histogram_quantile(owd, 0.5) / 1e3,
                           (double)histogram_quantile(owd, 0.9) / 1e3,
                           (double)histogram_quantile(owd, 0.99) / 1e3, (double)owd->max / 1e3);
    }
    if (length > 0 && (size_t)length < size &&
        ((result->pacing[0] | result->pacing[1]) & TRAFFIC_PACING_TXTIME) != 0) {
        length += snprintf(text + length, size - (size_t)length,
                           "the link's qdisc timed departures: delays count from the scheduled moment\n");
    }
    if (length > 0 && (size_t)length < size && result->failed_flows > 0) {
        snprintf(text + length, size - (size_t)length, "%zu flows did not do all that they should\n",
                 result->failed_flows);
    }
    return text;
}

const char *traffic_text_pacing(int pacing) {
    static const char *const texts[] = {[TRAFFIC_PACING_SLEEP] = "sleep",
                                        [TRAFFIC_PACING_SPIN] = "sleep-and-spin",
                                        [TRAFFIC_PACING_TXTIME] = "txtime"};
    bool one = pacing > 0 && (pacing & (pacing - 1)) == 0 && pacing <= TRAFFIC_PACING_TXTIME;
    return pacing == 0 ? NULL : one ? texts[pacing] : "mixed";
}

int traffic_text_read_txtime(const char *text, enum traffic_txtime *txtime, struct error *error) {
    static const char *const words[] = {
        [TRAFFIC_TXTIME_AUTO] = "auto", [TRAFFIC_TXTIME_ON] = "on", [TRAFFIC_TXTIME_OFF] = "off"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            *txtime = (enum traffic_txtime)i;
            return 0;
        }
    }
    return error_set(error, -EINVAL, "--txtime takes auto, on or off, not '%s'", text);
}

const char *traffic_text_flow_heading(void) {
    return "   sent packets        bytes   received        bytes     lost   dup  reord  p50 us   p99 us  "
           "flow";
}

/* 'value' as text, or "-" for none. */
static const char *number(int64_t value, double divisor, char text[24]) {
    if (value == TRAFFIC_NONE) {
        snprintf(text, 24, "-");
    } else if (divisor > 1) {
        snprintf(text, 24, "%.1f", (double)value / divisor);
    } else {
        snprintf(text, 24, "%lld", (long long)value);
    }
    return text;
}

const char *traffic_text_flow(const struct traffic_flow_result *flow, char line[TRAFFIC_LINE_SIZE * 2]) {
    char sent[24], received[24], lost[24], duplicated[24], reordered[24], p50[24], p99[24];
    char key[FLOW_KEY_TEXT_SIZE];
    snprintf(line, (size_t)TRAFFIC_LINE_SIZE * 2, "%15s %12lld %10s %12lld %8s %5s %6s %7s %8s  %s%s%s",
             number(flow->sent_packets, 1, sent), (long long)flow->sent_bytes,
             number(flow->received_packets, 1, received), (long long)flow->received_bytes,
             number(flow->lost, 1, lost), number(flow->duplicated, 1, duplicated),
             number(flow->reordered, 1, reordered), number(flow->owd_p50_ns, 1e3, p50),
             number(flow->owd_p99_ns, 1e3, p99), flow_key_format(&flow->key, key),
             flow->failed[0] == '\0' ? "" : ": ", flow->failed);
    return line;
}
