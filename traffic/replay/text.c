#include "traffic/replay/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/clock.h"

const char *replay_text_heading(void) {
    return "    time     sent frames    Mbit/s  received frames    Mbit/s   file";
}

static double megabits(int64_t bytes, int64_t ns) {
    return ns <= 0 ? 0 : (double)bytes * 8 * 1000 / (double)ns;
}

const char *replay_text_progress(const struct replay_progress *progress, char line[REPLAY_LINE_SIZE]) {
    const struct traffic_interval *last = &progress->last;
    int64_t ns = last->end_ns - last->start_ns;
    char done[16] = "-";
    if (progress->done >= 0) {
        snprintf(done, sizeof done, "%.0f %%", progress->done * 100);
    }
    snprintf(line, REPLAY_LINE_SIZE, "%8.1f %15" PRId64 " %9.2f %16" PRId64 " %9.2f %6s%s",
             (double)progress->elapsed_ns / (double)NS_PER_S, last->sent_packets,
             megabits(last->sent_bytes, ns), last->received_packets, megabits(last->received_bytes, ns), done,
             progress->draining ? "  waiting for the tail" : "");
    return line;
}

struct text {
    char *at;
    size_t left;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text->at, text->left, format, arguments);
    va_end(arguments);
    size_t used = length < 0 ? 0 : (size_t)length < text->left ? (size_t)length : text->left - 1;
    text->at += used;
    text->left -= used;
}

/* What was not sent, and why. */
static void add_skipped(struct text *text, const struct replay_result *result) {
    const int64_t *fates = result->fates;
    if (fates[REPLAY_LONG] > 0) {
        int64_t mtu = result->longest - REPLAY_HEADER_SIZE;
        add(text,
            "%" PRId64 " frames of up to %" PRId64 " bytes left out: longer than the lab's MTU of %" PRIu32
            " allows; %s\n",
            fates[REPLAY_LONG], result->longest, result->mtu,
            mtu <= REPLAY_FRAME_MAX - REPLAY_HEADER_SIZE - REPLAY_TAG_SIZE
                ? "start the lab with '--mtu 9000'"
                : "capture with segmentation offloads off, or behind the host");
    }
    if (fates[REPLAY_SHORT] > 0) {
        add(text, "%" PRId64 " frames left out: their link-layer headers are not whole\n",
            fates[REPLAY_SHORT]);
    }
    if (fates[REPLAY_FOREIGN] > 0) {
        add(text, "%" PRId64 " frames left out: of a link layer that Ethernet can't carry\n",
            fates[REPLAY_FOREIGN]);
    }
    if (result->refused > 0) {
        add(text, "%" PRId64 " frames refused by the kernel: the link had no room\n", result->refused);
    }
    if (result->padded > 0) {
        add(text, "%" PRId64 " frames were cut by their capture: zeros stand for what is not known\n",
            result->padded);
    }
}

const char *replay_text_summary(const struct replay_result *result, char *text, size_t size) {
    const struct traffic_result *traffic = &result->traffic;
    const struct traffic_interval *sum = &traffic->sum;
    struct text to = {.at = text, .left = size};
    double seconds = (double)(traffic->ended_ns - traffic->started_ns) / (double)NS_PER_S;
    add(&to,
        "%" PRId64 " frames, %.1f MB, in %.1f s%s%s for %.1f s of the file's; %" PRId64
        " frames, %.1f MB, came in at the other tap\n",
        sum->sent_packets, (double)sum->sent_bytes / 1e6, seconds, traffic->stopped ? " (stopped early)" : "",
        result->passes > 1 ? " (played again and again)" : "", (double)result->file_ns / (double)NS_PER_S,
        sum->received_packets, (double)sum->received_bytes / 1e6);
    if (traffic->late_p50_ns != TRAFFIC_NONE) {
        add(&to, "sent after their time: p50 %.1f us, p99 %.1f, max %.1f us\n",
            (double)traffic->late_p50_ns / 1e3, (double)traffic->late_p99_ns / 1e3,
            (double)traffic->late_max_ns / 1e3);
    }
    add_skipped(&to, result);
    return text;
}
