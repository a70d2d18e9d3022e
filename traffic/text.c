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
        snprintf(at, size, "%15.2f %17.2f %8s %10s %10s %3zu/%zu", sent, received, retransmitted, window,
                 round_trip, progress->active, progress->flows);
    } else if (kind == BOTH) {
        snprintf(at, size, "%13lld %9.2f %10lld %9.2f %7lld %6s %8s %7s %3zu/%zu",
                 (long long)last->sent_packets, sent, (long long)last->received_packets, received,
                 (long long)progress->missing, retransmitted, window, round_trip, progress->active,
                 progress->flows);
    } else {
        snprintf(at, size, "%13lld %9.2f %17lld %9.2f %8lld %3zu/%zu", (long long)last->sent_packets, sent,
                 (long long)last->received_packets, received, (long long)progress->missing, progress->active,
                 progress->flows);
    }
    return line;
}

bool traffic_text_is_tail(const struct traffic_progress *progress) {
    const struct traffic_interval *last = &progress->last;
    bool over = progress->draining || progress->finished >= progress->flows ||
                progress->elapsed_ns >= progress->duration_ns;
    return over && progress->active == 0 && last->sent_packets == 0 && last->sent_bytes == 0 &&
           last->received_packets == 0 && last->received_bytes == 0;
}

const char *traffic_text_plural(int64_t count) {
    return count == 1 ? "" : "s";
}

/* Responses are not among the flows of the TCP log, so that does not tell whether all are of TCP. */
static bool has_udp(const struct traffic_result *result) {
    bool found = result->flows == NULL && result->tcp.flow_count < result->flow_count;
    for (size_t i = 0; i < result->flow_count && result->flows != NULL && !found; i++) {
        found = result->flows[i].key.protocol == PROTOCOL_UDP;
    }
    return found;
}

bool traffic_text_is_loss_known(const struct traffic_result *result) {
    bool known = true;
    for (size_t i = 0; i < result->flow_count && result->flows != NULL && known; i++) {
        const struct traffic_flow_result *flow = &result->flows[i];
        known = flow->key.protocol != PROTOCOL_UDP || flow->lost != TRAFFIC_NONE;
    }
    return known;
}

/* The summary's beginning.  Returns its length, or what snprintf() does. */
static int begin_summary(const struct traffic_result *result, char *text, size_t size) {
    double seconds = (double)(result->ended_ns - result->started_ns) / (double)NS_PER_S;
    char lost[32] = "loss not known", datagrams[160] = "";
    if (traffic_text_is_loss_known(result)) {
        snprintf(lost, sizeof lost, "%lld lost", (long long)result->lost);
    }
    if (has_udp(result)) {
        snprintf(datagrams, sizeof datagrams,
                 "%lld datagram%s sent, %lld received, %s, %lld duplicated, %lld reordered\n",
                 (long long)result->sum.sent_packets, traffic_text_plural(result->sum.sent_packets),
                 (long long)result->sum.received_packets, lost, (long long)result->duplicated,
                 (long long)result->reordered);
    }
    return snprintf(text, size, "%zu flow%s in %.1f s%s: %s%.1f MB of payload sent, %.1f MB received\n",
                    result->flow_count, traffic_text_plural((int64_t)result->flow_count), seconds,
                    result->stopped ? " (stopped early)" : "", datagrams,
                    (double)result->sum.sent_bytes / 1e6, (double)result->sum.received_bytes / 1e6);
}

const char *traffic_text_summary(const struct traffic_result *result, char *text, size_t size) {
    int length = begin_summary(result, text, size);
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
            "%llu request%s responded to: after min %.1f us, p50 %.1f, p90 %.1f, p99 %.1f, max %.1f us\n",
            (unsigned long long)times->count, times->count == 1 ? "" : "s", (double)times->min / 1e3,
            (double)histogram_quantile(times, 0.5) / 1e3, (double)histogram_quantile(times, 0.9) / 1e3,
            (double)histogram_quantile(times, 0.99) / 1e3, (double)times->max / 1e3);
    }
    if (length > 0 && (size_t)length < size && result->tcp.flow_count > 0) {
        length +=
            snprintf(text + length, size - (size_t)length, "%zu TCP flow%s: %lld segment%s retransmitted\n",
                     result->tcp.flow_count, traffic_text_plural((int64_t)result->tcp.flow_count),
                     (long long)result->retransmitted, traffic_text_plural(result->retransmitted));
    }
    if (length > 0 && (size_t)length < size &&
        ((result->pacing[0] | result->pacing[1]) & TRAFFIC_PACING_TXTIME) != 0) {
        length += snprintf(text + length, size - (size_t)length,
                           "the link's qdisc timed departures: delays count from the scheduled moment\n");
    }
    if (length > 0 && (size_t)length < size && result->failed_flows > 0) {
        snprintf(text + length, size - (size_t)length, "%zu flow%s did not do all that %s should\n",
                 result->failed_flows, traffic_text_plural((int64_t)result->failed_flows),
                 result->failed_flows == 1 ? "it" : "they");
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

static enum kind kind_of_result(const struct traffic_result *result) {
    return !has_udp(result) ? TCP : result->tcp.flow_count == 0 ? UDP : BOTH;
}

/* With the columns below, each with the space before it, and the longest name of an IPv4 flow, 49, a line has
 * 100; with those for both 105, but then it is a lab's flow, of shorter addresses. */
const char *traffic_text_flow_heading(const struct traffic_result *result) {
    switch (kind_of_result(result)) {
    case TCP:
        return " sent B   recv B  Retr Cwnd kB min RTT mean RTT ms flow";
    case BOTH:
        return "  sent    B   recv    B  lost dup reor p50us p99us Retr flow";
    default:
        return "  sent    B   recv    B  lost dup reor p50us p99us flow";
    }
}

/* 'value' in at most 'width' characters, 3 or more, as long as it is below 10^15: "12345", "12.3k", "1.2M";
 * "-" for none. */
static const char *brief(int64_t value, int width, char text[24]) {
    static const char units[] = {'k', 'M', 'G', 'T', 'P', 'E'};
    double scaled = (double)value;
    int length = snprintf(text, 24, "%lld", (long long)value);
    if (value == TRAFFIC_NONE) {
        snprintf(text, 24, "-");
        return text;
    }
    for (size_t i = 0; i < sizeof units && length > width; i++) {
        scaled /= 1e3;
        for (int decimals = 3; scaled < 1000 && decimals >= 0 && length > width; decimals--) {
            length = snprintf(text, 24, "%.*f%c", decimals, scaled, units[i]);
        }
    }
    return text;
}

/* Microseconds in five characters, to a tenth where that has room. */
static const char *microseconds(int64_t ns, char text[24]) {
    if (ns == TRAFFIC_NONE || ns >= 999950) {
        return brief(ns == TRAFFIC_NONE ? ns : (ns + 500) / 1000, 5, text);
    }
    return number(ns, 1e3, text);
}

const char *traffic_text_flow(const struct traffic_result *result, const struct traffic_flow_result *flow,
                              char line[TRAFFIC_LINE_SIZE * 2]) {
    enum kind kind = kind_of_result(result);
    char texts[9][24], retransmitted[24], key[FLOW_KEY_TEXT_SIZE];
    size_t size = (size_t)TRAFFIC_LINE_SIZE * 2;
    int length = 0;
    brief(flow->retransmitted, kind == TCP ? 5 : 4, retransmitted);
    if (kind == TCP) {
        length =
            snprintf(line, size, "%7s %8s %5s %7s %7s %11s", brief(flow->sent_bytes, 7, texts[0]),
                     brief(flow->received_bytes, 7, texts[1]), retransmitted,
                     number(flow->cwnd_max_bytes, 1e3, texts[2]), milliseconds(flow->rtt_min_ns, texts[3]),
                     milliseconds(flow->rtt_mean_ns, texts[4]));
    } else {
        length = snprintf(line, size, "%6s %4s %6s %4s %5s %3s %4s %5s %5s%s%*s",
                          brief(flow->sent_packets, 6, texts[0]), brief(flow->sent_bytes, 4, texts[1]),
                          brief(flow->received_packets, 6, texts[2]),
                          brief(flow->received_bytes, 4, texts[3]), brief(flow->lost, 5, texts[4]),
                          brief(flow->duplicated, 3, texts[5]), brief(flow->reordered, 4, texts[6]),
                          microseconds(flow->owd_p50_ns, texts[7]), microseconds(flow->owd_p99_ns, texts[8]),
                          kind == BOTH ? " " : "", kind == BOTH ? 4 : 0, kind == BOTH ? retransmitted : "");
    }
    length = length < 0 || (size_t)length >= size ? 0 : length;
    snprintf(line + length, size - (size_t)length, " %s%s%s", flow_key_format(&flow->key, key),
             flow->failed[0] == '\0' ? "" : ": ", flow->failed);
    return line;
}
