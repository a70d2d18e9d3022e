#include "traffic/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

/* What there are columns for. */
enum kind { UDP, TCP, BOTH };

static enum kind kind_of(size_t flows, size_t tcp_flows) {
    return tcp_flows == 0 ? UDP : tcp_flows == flows ? TCP : BOTH;
}

const char *traffic_text_heading(const struct traffic_progress *progress) {
    switch (kind_of(progress->flows, progress->tcp_flows)) {
    case TCP:
        return "    time        sent Mbit/s   received Mbit/s     Retr    Cwnd kB     RTT ms   flows";
    case BOTH:
        return "    time     sent packets    Mbit/s   received    Mbit/s missing   Retr  Cwnd kB  RTT ms   "
               "flows";
    default:
        return "    time     sent packets    Mbit/s  received packets    Mbit/s  missing   flows";
    }
}

static double megabits(int64_t bytes, int64_t ns) {
    return ns <= 0 ? 0 : (double)bytes * 8 * 1000 / (double)ns;
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

/* Milliseconds, to the microsecond where that says something. */
static const char *milliseconds(int64_t ns, char text[24]) {
    if (ns == TRAFFIC_NONE) {
        snprintf(text, 24, "-");
    } else {
        snprintf(text, 24, "%.*f", ns < 100 * NS_PER_MS ? 3 : 1, (double)ns / 1e6);
    }
    return text;
}

const char *traffic_text_progress(const struct traffic_progress *progress, char line[TRAFFIC_LINE_SIZE]) {
    const struct traffic_interval *last = &progress->last;
    const struct traffic_tcp_second *tcp = &last->tcp;
    enum kind kind = kind_of(progress->flows, progress->tcp_flows);
    bool looked = tcp->flows > 0;
    char retransmitted[24], window[24], round_trip[24];
    double sent = megabits(last->sent_bytes, last->end_ns - last->start_ns);
    double received = megabits(last->received_bytes, last->end_ns - last->start_ns);
    number(looked ? tcp->retransmitted : TRAFFIC_NONE, 1, retransmitted);
    number(looked ? tcp->cwnd_p50_bytes : TRAFFIC_NONE, 1e3, window);
    milliseconds(looked ? tcp->rtt_p50_ns : TRAFFIC_NONE, round_trip);
    size_t size = TRAFFIC_LINE_SIZE;
    int length = snprintf(line, size, "%5.1f/%-5.0f ", (double)progress->elapsed_ns / (double)NS_PER_S,
                          (double)progress->duration_ns / (double)NS_PER_S);
    length = length < 0 || (size_t)length >= size ? 0 : length;
    char *at = line + length;
    size -= (size_t)length;
    if (kind == TCP) {
        length = snprintf(at, size, "%15.2f %17.2f %8s %10s %10s %3zu/%zu", sent, received, retransmitted,
                          window, round_trip, progress->active, progress->flows);
    } else if (kind == BOTH) {
        length = snprintf(at, size, "%13lld %9.2f %10lld %9.2f %7lld %6s %8s %7s %3zu/%zu",
                          (long long)last->sent_packets, sent, (long long)last->received_packets, received,
                          (long long)progress->missing, retransmitted, window, round_trip, progress->active,
                          progress->flows);
    } else {
        length = snprintf(at, size, "%13lld %9.2f %17lld %9.2f %8lld %3zu/%zu", (long long)last->sent_packets,
                          sent, (long long)last->received_packets, received, (long long)progress->missing,
                          progress->active, progress->flows);
    }
    if (progress->draining && length > 0 && (size_t)length < size) {
        snprintf(at + length, size - (size_t)length, "  waiting for the tail");
    }
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
    const struct histogram *times = &result->response_times;
    if (length > 0 && (size_t)length < size && times->bins != NULL && times->count > 0) {
        length += snprintf(
            text + length, size - (size_t)length,
            "%llu requests responded to: after min %.1f us, p50 %.1f, p90 %.1f, p99 %.1f, max %.1f us\n",
            (unsigned long long)times->count, (double)times->min / 1e3,
            (double)histogram_quantile(times, 0.5) / 1e3, (double)histogram_quantile(times, 0.9) / 1e3,
            (double)histogram_quantile(times, 0.99) / 1e3, (double)times->max / 1e3);
    }
    if (length > 0 && (size_t)length < size && result->tcp.flow_count > 0) {
        length +=
            snprintf(text + length, size - (size_t)length, "%zu TCP flows: %lld segments retransmitted\n",
                     result->tcp.flow_count, (long long)result->retransmitted);
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

const char *traffic_text_flow_heading(const struct traffic_result *result) {
    switch (kind_of(result->flow_count, result->tcp.flow_count)) {
    case TCP:
        return "     sent bytes received bytes     Retr max Cwnd kB min RTT ms mean RTT ms  flow";
    case BOTH:
        return "   sent packets        bytes   received        bytes     lost   dup  reord  p50 us   p99 us  "
               "Retr  "
               "flow";
    default:
        return "   sent packets        bytes   received        bytes     lost   dup  reord  p50 us   p99 us  "
               "flow";
    }
}

const char *traffic_text_flow(const struct traffic_result *result, const struct traffic_flow_result *flow,
                              char line[TRAFFIC_LINE_SIZE * 2]) {
    enum kind kind = kind_of(result->flow_count, result->tcp.flow_count);
    char texts[7][24], retransmitted[24], key[FLOW_KEY_TEXT_SIZE];
    size_t size = (size_t)TRAFFIC_LINE_SIZE * 2;
    int length = 0;
    number(flow->retransmitted, 1, retransmitted);
    if (kind == TCP) {
        length = snprintf(
            line, size, "%15lld %14lld %8s %11s %10s %11s", (long long)flow->sent_bytes,
            (long long)flow->received_bytes, retransmitted, number(flow->cwnd_max_bytes, 1e3, texts[0]),
            milliseconds(flow->rtt_min_ns, texts[1]), milliseconds(flow->rtt_mean_ns, texts[2]));
    } else {
        length = snprintf(line, size, "%15s %12lld %10s %12lld %8s %5s %6s %7s %8s%s%*s",
                          number(flow->sent_packets, 1, texts[0]), (long long)flow->sent_bytes,
                          number(flow->received_packets, 1, texts[1]), (long long)flow->received_bytes,
                          number(flow->lost, 1, texts[2]), number(flow->duplicated, 1, texts[3]),
                          number(flow->reordered, 1, texts[4]), number(flow->owd_p50_ns, 1e3, texts[5]),
                          number(flow->owd_p99_ns, 1e3, texts[6]), kind == BOTH ? " " : "",
                          kind == BOTH ? 5 : 0, kind == BOTH ? retransmitted : "");
    }
    length = length < 0 || (size_t)length >= size ? 0 : length;
    snprintf(line + length, size - (size_t)length, "  %s%s%s", flow_key_format(&flow->key, key),
             flow->failed[0] == '\0' ? "" : ": ", flow->failed);
    return line;
}
