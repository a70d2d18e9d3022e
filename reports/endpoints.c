/* What nsmon's own endpoints counted: the two ends of the ledger, and a second measure of what was done to
 * the frames on purpose. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/format.h"
#include "reports/internal.h"

/* The endpoints' own counts at one entry: of what was sent into the switch there, and of what came out. */
struct endpoints {
    bool udp_sent, tcp_sent, udp_came, tcp_came;
    uint64_t sent_packets, sent_bytes, received_packets, received_bytes; /* of UDP */
    uint64_t tcp_sent_bytes, tcp_received_bytes;
    uint64_t tap_out, tap_in; /* frames of the same UDP flows */
    uint64_t lost, duplicated, reordered;
    double delay_sum_ns; /* of the medians, each as often as its flow has datagrams */
    uint64_t delay_weight;
};

struct pass {
    struct report *report;
    struct endpoints of[REPORT_CAPTURES_MAX];
};

/* Where 'flow' comes out: where most of it was seen; of two entries the other one. */
static size_t way_out(const struct report *report, const struct report_flow *flow, size_t in) {
    size_t most = in == 0 && report->entry_count > 1 ? 1 : 0;
    for (size_t i = 0; flow != NULL && i < report->entry_count; i++) {
        most = flow->came_to[i] > flow->came_to[most] ? i : most;
    }
    return most;
}

static void add_udp(struct endpoints *from, struct endpoints *to, const struct read_traffic_flow *flow,
                    const struct report_flow *seen) {
    uint64_t came = report_known(flow->received_packets);
    from->udp_sent = to->udp_came = true;
    from->sent_packets = report_add(from->sent_packets, report_known(flow->sent_packets));
    from->sent_bytes = report_add(from->sent_bytes, report_known(flow->sent_bytes));
    from->tap_out = report_add(from->tap_out, seen == NULL ? 0 : seen->out_packets);
    to->received_packets = report_add(to->received_packets, came);
    to->received_bytes = report_add(to->received_bytes, report_known(flow->received_bytes));
    to->lost = report_add(to->lost, report_known(flow->lost));
    to->duplicated = report_add(to->duplicated, report_known(flow->duplicated));
    to->reordered = report_add(to->reordered, report_known(flow->reordered));
    if (flow->owd_p50_ns != READ_NULL && came > 0) {
        to->delay_sum_ns += (double)flow->owd_p50_ns * (double)came;
        to->delay_weight = report_add(to->delay_weight, came);
    }
}

static int take_traffic(const struct read_traffic_flow *flow, void *context) {
    struct pass *pass = context;
    struct report_traffic *traffic = &pass->report->traffic;
    traffic->flows++;
    traffic->failed += flow->failed[0] != '\0';
    snprintf(traffic->profile, sizeof traffic->profile, "%s", flow->profile);
    traffic->sent_bytes = report_add(traffic->sent_bytes, report_known(flow->sent_bytes));
    traffic->received_bytes = report_add(traffic->received_bytes, report_known(flow->received_bytes));
    traffic->udp_sent += report_known(flow->sent_packets);
    traffic->udp_received += report_known(flow->received_packets);
    traffic->udp_lost += report_known(flow->lost);
    traffic->udp_duplicated += report_known(flow->duplicated);
    traffic->udp_reordered += report_known(flow->reordered);
    const struct report_flow *seen = report_flow_find(&pass->report->flows, flow->flow_id);
    size_t in = seen != NULL && seen->entry != READ_NULL ? (size_t)seen->entry : 0;
    struct endpoints *from = &pass->of[in];
    struct endpoints *to = &pass->of[way_out(pass->report, seen, in)];
    if (flow->sent_packets != READ_NULL) {
        add_udp(from, to, flow, seen);
        to->tap_in = report_add(to->tap_in, seen == NULL ? 0 : seen->in_packets);
    } else {
        from->tcp_sent = to->tcp_came = true;
        from->tcp_sent_bytes = report_add(from->tcp_sent_bytes, report_known(flow->sent_bytes));
        to->tcp_received_bytes = report_add(to->tcp_received_bytes, report_known(flow->received_bytes));
    }
    return 0;
}

static const char udp_source[] = "nsmon's endpoints: UDP datagrams and payload";
static const char tcp_source[] = "nsmon's endpoints: payload of TCP";
static const char datagrams[] = "UDP datagrams of nsmon's own";

static void add_sent(struct report *report, const struct endpoints *ends, const char *direction) {
    if (ends->tcp_sent) {
        report_add_stage(&report->ledger, "sent", direction, READ_NULL, report_signed(ends->tcp_sent_bytes),
                         tcp_source);
    }
    if (ends->udp_sent) {
        report_add_stage(&report->ledger, "sent", direction, report_signed(ends->sent_packets),
                         report_signed(ends->sent_bytes), udp_source);
        if (report->capture_count > 0) {
            report_add_loss(&report->ledger, direction, "sent", "tap_out",
                            report_signed(ends->sent_packets) - report_signed(ends->tap_out), datagrams);
        }
    }
}

static void add_received(struct report *report, const struct endpoints *ends, const char *direction) {
    if (ends->tcp_came) {
        report_add_stage(&report->ledger, "received", direction, READ_NULL,
                         report_signed(ends->tcp_received_bytes), tcp_source);
    }
    if (ends->udp_came) {
        report_add_stage(&report->ledger, "received", direction, report_signed(ends->received_packets),
                         report_signed(ends->received_bytes), udp_source);
        if (report->capture_count > 0) {
            /* A datagram that came twice passed the tap twice and is received once. */
            report_add_loss(&report->ledger, direction, "tap_in", "received",
                            report_signed(ends->tap_in) -
                                report_signed(report_add(ends->received_packets, ends->duplicated)),
                            datagrams);
        }
    }
}

/* ---- does what was done on purpose agree with what the endpoints measured? ---- */

static void hold_against(struct report *report, const struct report_stage *row, const char *done,
                         const char *measured, uint64_t count) {
    char cells[2][FORMAT_SIZE];
    bool equal = row->packets != READ_NULL && report_known(row->packets) == count;
    report_note(&report->ledger.notes, "%s: %s frames %s on purpose (%s); the endpoints measured %s %s: %s.",
                row->direction, format_known(row->packets, cells[0]), done, row->source,
                format_count(count, cells[1]), measured,
                equal ? "agrees" : "the rest is of other frames, or by somebody else");
}

/* The rows of one direction that say what was done there on purpose. */
static void note_agreement(struct report *report, const struct endpoints *ends, const char *direction) {
    for (size_t i = 0; i < report->ledger.stage_count && ends->udp_came; i++) {
        const struct report_stage *row = &report->ledger.stages[i];
        if (strcmp(row->direction, direction) != 0) {
            continue;
        }
        if (strstr(row->stage, "_impaired_loss") != NULL) {
            hold_against(report, row, "dropped", "datagrams lost", ends->lost);
        } else if (strstr(row->stage, "_impaired_duplicate") != NULL) {
            hold_against(report, row, "duplicated", "duplicates", ends->duplicated);
        } else if (strstr(row->stage, "_impaired_reorder") != NULL) {
            hold_against(report, row, "held back", "datagrams out of order", ends->reordered);
        } else if (strstr(row->stage, "_impaired_delay") != NULL && ends->delay_weight > 0) {
            char cell[FORMAT_SIZE];
            report_note(&report->ledger.notes,
                        "%s: delayed on purpose (%s); the endpoints measured a median one-way delay of %s.",
                        direction, row->source,
                        format_ms(ends->delay_sum_ns / (double)ends->delay_weight, cell));
        }
    }
}

int report_add_endpoints(struct report *report, struct reader *reader, struct error *error) {
    struct pass pass = {.report = report};
    int rc = reader_each_traffic_flow(reader, report->session.id, take_traffic, &pass, error);
    if (rc != 0) {
        return rc;
    }
    if (report->entry_count == 0) {
        add_sent(report, &pass.of[0], "ns1>ns2");
        add_received(report, &pass.of[0], "ns1>ns2");
    }
    for (size_t i = 0; i < report->entry_count; i++) {
        add_sent(report, &pass.of[i], report->entries[i].out);
        add_received(report, &pass.of[i], report->entries[i].in);
    }
    for (size_t i = 0; i < report->entry_count && !report_is_running(report); i++) {
        note_agreement(report, &pass.of[i], report->entries[i].in);
    }
    return 0;
}
