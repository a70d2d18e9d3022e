#include "cli/remote_show.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli/say.h"
#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/text.h"

/* Streams shown one by one; of more than these only those that failed. */
#define STREAMS_SHOWN 20
#define HEADING_EVERY 20

void remote_show_second(const struct traffic_progress *progress, void *context) {
    struct remote_show *show = context;
    char line[TRAFFIC_LINE_SIZE];
    if (!isatty(STDERR_FILENO)) {
        return;
    }
    const char *between = show->who[0] == '\0' ? "" : ": ";
    if (traffic_text_is_tail(progress)) {
        if (!show->tail) {
            fprintf(stderr, "%s%swaiting for the tail\n", show->who, between);
        }
        show->tail = true;
        return;
    }
    if (show->lines++ % HEADING_EVERY == 0) {
        fprintf(stderr, "%s%s%s\n", show->who, between, traffic_text_heading(progress));
    }
    fprintf(stderr, "%s%s%s\n", show->who, between, traffic_text_progress(progress, line));
}

static void show_result(const struct traffic_result *result, FILE *out) {
    char text[2048];
    char line[TRAFFIC_LINE_SIZE * 2];
    bool heading = false;
    fputs(traffic_text_summary(result, text, sizeof text), out);
    if (!traffic_text_is_loss_known(result)) {
        fprintf(out, "what was lost is not known: an end broke off\n");
    }
    for (size_t i = 0; i < result->flow_count; i++) {
        if (result->flow_count > STREAMS_SHOWN && result->flows[i].failed[0] == '\0') {
            continue;
        }
        if (!heading) {
            fprintf(out, "%s\n", traffic_text_flow_heading(result));
            heading = true;
        }
        fprintf(out, "%s\n", traffic_text_flow(result, &result->flows[i], line));
    }
}

static void show_clock(const struct remote_outcome *outcome, FILE *out) {
    const struct remote_clocks *clocks = &outcome->clocks;
    if (outcome->streams.protocol != PROTOCOL_UDP) {
        return;
    }
    if (clocks->same) {
        fprintf(out, "both ends have one clock: delays are exact\n");
    } else {
        fprintf(out,
                "the other clock is %.1f us from this one, to within %.1f us: so are the delays; "
                "they drift by %.3f us a second\n",
                (double)outcome->clock_offset_ns / 1e3, (double)remote_clocks_uncertainty(clocks) / 1e3,
                (double)remote_clocks_drift(clocks) / 1e3);
    }
}

void remote_show_outcome(const struct remote_outcome *outcome, const char *error, FILE *out) {
    const struct traffic_result *result = &outcome->result;
    double seconds = (double)outcome->seconds_ns / 1e9;
    if (error[0] != '\0') {
        fprintf(out, "PARTIAL, as known when it broke off:\n");
    } else if (outcome->why[0] != '\0') {
        fprintf(out, "stopped early: %s\n", outcome->why);
    }
    show_result(result, out);
    if (seconds > 0 && outcome->streams.protocol == PROTOCOL_TCP) {
        fprintf(out, "in %.3f s: %.3f Mbit/s sent, %.3f Mbit/s received\n", seconds,
                (double)result->sum.sent_bytes * 8 / seconds / 1e6,
                (double)result->sum.received_bytes * 8 / seconds / 1e6);
    } else if (seconds > 0) {
        fprintf(out,
                "in %.3f s: %.3f Mbit/s and %.0f packets/s sent, %.3f Mbit/s and %.0f packets/s received\n",
                seconds, (double)result->sum.sent_bytes * 8 / seconds / 1e6,
                (double)result->sum.sent_packets / seconds,
                (double)result->sum.received_bytes * 8 / seconds / 1e6,
                (double)result->sum.received_packets / seconds);
    }
    fprintf(out, "CPU: %.2f s at the sending end of the control connection, %.2f s at the other\n",
            (double)result->client_cpu_ns / 1e9, (double)result->server_cpu_ns / 1e9);
    show_clock(outcome, out);
}

void remote_show_begin(const struct ip_address *client, const struct remote_streams *streams, void *context) {
    struct remote_show *show = context;
    static const char *const directions[] = {"", "from it", "to it", "both ways"};
    ip_address_format(client, show->who);
    say_step("%s: %" PRId64 " %s stream%s %s, %s %.1f s", show->who, streams->count,
             streams->protocol == PROTOCOL_UDP ? "UDP" : "TCP", traffic_text_plural(streams->count),
             directions[streams->direction], remote_streams_timed(streams) ? "for" : "at most",
             (double)streams->duration_ns / 1e9);
}

void remote_show_end(const struct ip_address *client, const struct traffic_result *result, const char *why,
                     const char *error, void *context) {
    char text[IP_TEXT_SIZE];
    (void)context;
    ip_address_format(client, text);
    if (error[0] != '\0') {
        printf("%s: PARTIAL: %s\n", text, error);
    } else if (why[0] != '\0') {
        printf("%s: stopped early: %s\n", text, why);
    }
    printf("%s: ", text);
    show_result(result, stdout);
    fflush(stdout);
}

void remote_show_refusal(const struct ip_address *client, const char *error, void *context) {
    char text[IP_TEXT_SIZE];
    (void)context;
    say_step("%s: not served: %s", ip_address_format(client, text), error);
}
