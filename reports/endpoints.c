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
    uint64_t
        others; /* frames of UDP into the same tap of other flows, the endpoints' first probes among them */
    uint64_t expected; /* datagrams that were sent to here */
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

static void add_udp(struct endpoints *from, struct endpoints *to, const struct read_traffic_flow *flow) {
    uint64_t came = report_known(flow->received_packets);
    from->udp_sent = to->udp_came = true;
    from->sent_packets = report_add(from->sent_packets, report_known(flow->sent_packets));
    from->sent_bytes = report_add(from->sent_bytes, report_known(flow->sent_bytes));
    to->received_packets = report_add(to->received_packets, came);
    to->received_bytes = report_add(to->received_bytes, report_known(flow->received_bytes));
    to->expected = report_add(to->expected, report_known(flow->sent_packets));
    to->lost = report_add(to->lost, report_known(flow->lost));
    to->duplicated = report_add(to->duplicated, report_known(flow->duplicated));
    to->reordered = report_add(to->reordered, report_known(flow->reordered));
    if (flow->owd_p50_ns != READ_NULL && came > 0) {
        to->delay_sum_ns += (double)flow->owd_p50_ns * (double)came;
        to->delay_weight = report_add(to->delay_weight, came);
    }
}

/* Adds what the taps saw of 'seen', once: several runs of the session may have had the same addresses and
 * ports, and the taps can't tell their frames apart. */
static void add_frames(struct endpoints *from, struct endpoints *to, struct report_flow *seen) {
    if (seen != NULL && !seen->own) {
        seen->own = true;
        from->tap_out = report_add(from->tap_out, seen->out_packets);
        to->tap_in = report_add(to->tap_in, seen->in_packets);
    }
}

/* Adds 'count', if it is known, to 'sum', which is not until something is added. */
static void add_known(int64_t *sum, int64_t count) {
    if (count != READ_NULL) {
        *sum = report_signed(report_add(report_known(*sum), report_known(count)));
    }
}

/* Makes 'most' the larger of the two; READ_NULL is below all. */
static void raise_to(int64_t *most, int64_t value) {
    *most = value > *most ? value : *most;
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
    add_known(&traffic->tcp_retransmitted, flow->retransmitted);
    add_known(&traffic->udp_loss_bursts, flow->loss_bursts);
    raise_to(&traffic->udp_loss_longest, flow->loss_longest);
    raise_to(&traffic->udp_reorder_extent, flow->reorder_extent);
    struct report_flow *seen = report_flow_find(&pass->report->flows, flow->flow_id);
    size_t in = seen != NULL && seen->entry != READ_NULL ? (size_t)seen->entry : 0;
    struct endpoints *from = &pass->of[in];
    struct endpoints *to = &pass->of[way_out(pass->report, seen, in)];
    if (flow->sent_packets != READ_NULL) {
        add_udp(from, to, flow);
        add_frames(from, to, seen);
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
        if (report->capture_count > 0 && !report->rules.rewrites) {
            /* A datagram that came twice passed the tap twice and is received once. */
            report_add_own_loss(&report->ledger, direction, "tap_in", "received",
                                report_signed(ends->tap_in) -
                                    report_signed(report_add(ends->received_packets, ends->duplicated)),
                                datagrams, ends->others);
        }
    }
}

/* ---- does what was done on purpose agree with what the endpoints measured? ---- */

/* What was done on purpose in one direction to UDP datagrams, or to all where nobody told them apart. */
struct injected {
    int64_t lost, duplicated, reordered;
    bool loses, duplicates, reorders;
};

static struct injected sum_injected(const struct report_ledger *ledger, const char *direction) {
    struct injected sum = {0};
    for (size_t i = 0; i < ledger->stage_count; i++) {
        const struct report_stage *row = &ledger->stages[i];
        bool counts = strcmp(row->direction, direction) == 0 && row->packets != READ_NULL &&
                      strstr(row->source, "other IP packets") == NULL;
        if (counts && strstr(row->stage, "_impaired_loss") != NULL) {
            sum.loses = true;
            sum.lost += row->packets;
        } else if (counts && strstr(row->stage, "_impaired_duplicate") != NULL) {
            sum.duplicates = true;
            sum.duplicated += row->packets;
        } else if (counts && strstr(row->stage, "_impaired_reorder") != NULL) {
            sum.reorders = true;
            sum.reordered += row->packets;
        }
    }
    return sum;
}

static const char *agreement(int64_t apart, char text[64]) {
    snprintf(text, 64, "they differ by %lld", llabs((long long)apart));
    return apart == 0 ? "agrees" : text;
}

/* What was done on purpose was done to everybody's datagrams: it can't be held against what nsmon's own met.
 */
static void note_beside_others(struct report *report, const struct endpoints *ends, const char *direction,
                               const struct injected *injected) {
    const struct {
        bool done;
        int64_t count;
        const char *what, *measured;
        uint64_t own;
    } deeds[] = {
        {injected->loses, injected->lost, "dropped", "lost", ends->lost},
        {injected->duplicates, injected->duplicated, "duplicated", "got twice", ends->duplicated},
        {injected->reorders, injected->reordered, "held back", "got out of order", ends->reordered},
    };
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
        if (deeds[i].done) {
            report_note(
                &report->ledger.notes,
                "%s: %lld datagrams %s on purpose, of all UDP; the endpoints %s %llu of their own.  %llu "
                "datagrams at the tap were not of nsmon's flows.",
                direction, (long long)deeds[i].count, deeds[i].what, deeds[i].measured,
                (unsigned long long)deeds[i].own, (unsigned long long)ends->others);
        }
    }
}

/* A dropped frame of which a copy came is no lost datagram, and that copy came once: so both counts of the
 * endpoints may be lower than what was done, by the same number.  What was lost before the tap is lost, too.
 */
static void hold_against(struct report *report, const struct endpoints *ends, const char *direction) {
    const struct injected injected = sum_injected(&report->ledger, direction);
    struct report_notes *notes = &report->ledger.notes;
    int64_t before = report_signed(ends->expected) + injected.duplicated - report_signed(ends->tap_in);
    int64_t copies = injected.duplicated - report_signed(ends->duplicated);
    int64_t lost = report_signed(ends->lost) + copies - before;
    char text[64];
    /* What the others' datagrams can explain is no disagreement. */
    int64_t apart = injected.loses ? lost - injected.lost : injected.duplicates ? copies : 0;
    if (apart != 0 && (uint64_t)llabs((long long)apart) <= ends->others) {
        note_beside_others(report, ends, direction, &injected);
        return;
    }
    if (injected.loses) {
        report_note(notes, "%s: %lld datagrams dropped on purpose%s; the endpoints lost %llu: %s.", direction,
                    (long long)injected.lost, copies > 0 ? ", some of which came as a copy" : "",
                    (unsigned long long)ends->lost, agreement(lost - injected.lost, text));
    }
    if (injected.duplicates) {
        report_note(notes, "%s: %lld datagrams duplicated on purpose%s; the endpoints got %llu twice: %s.",
                    direction, (long long)injected.duplicated,
                    injected.loses && copies > 0 ? ", some of which came once" : "",
                    (unsigned long long)ends->duplicated,
                    agreement(injected.loses ? lost - injected.lost : copies, text));
    }
    if (injected.reorders) {
        report_note(notes, "%s: %lld datagrams held back on purpose; the endpoints got %llu out of order%s.",
                    direction, (long long)injected.reordered, (unsigned long long)ends->reordered,
                    injected.reordered == report_signed(ends->reordered) ? ": agrees"
                    : injected.loses                                     ? ", of those that came"
                                                                         : "");
    }
}

/* What the endpoints say of delay that was made on purpose. */
static void note_delay(struct report *report, const struct endpoints *ends, const char *direction) {
    for (size_t i = 0; i < report->ledger.stage_count && ends->delay_weight > 0; i++) {
        const struct report_stage *row = &report->ledger.stages[i];
        char cell[FORMAT_SIZE];
        if (strcmp(row->direction, direction) == 0 && strstr(row->stage, "_impaired_delay") != NULL) {
            report_note(&report->ledger.notes,
                        "%s: delayed on purpose (%s); the endpoints measured a median one-way delay of %s.",
                        direction, row->source,
                        format_ms(ends->delay_sum_ns / (double)ends->delay_weight, cell));
        }
    }
}

/* How many frames of UDP came into the station at 'entry' that are not among the 'own'. */
static uint64_t count_others(const struct report *report, size_t entry, uint64_t own) {
    uint64_t sum = 0;
    for (size_t i = 0; i < report->flows.count; i++) {
        const struct report_flow *flow = &report->flows.flows[i];
        bool udp = flow->key.family != 0 && flow->key.protocol == PROTOCOL_UDP;
        sum = report_add(sum, udp ? flow->came_to[entry] : 0);
    }
    return sum > own ? sum - own : 0;
}

int report_add_endpoints(struct report *report, struct reader *reader, struct error *error) {
    struct pass pass = {.report = report};
    report->traffic.tcp_retransmitted = report->traffic.udp_loss_bursts = READ_NULL;
    report->traffic.udp_loss_longest = report->traffic.udp_reorder_extent = READ_NULL;
    int rc = reader_each_traffic_flow(reader, report->session.id, take_traffic, &pass, error);
    if (rc != 0) {
        return rc;
    }
    if (report->entry_count == 0) {
        add_sent(report, &pass.of[0], "ns1>ns2");
        add_received(report, &pass.of[0], "ns1>ns2");
    }
    for (size_t i = 0; i < report->entry_count; i++) {
        pass.of[i].others = count_others(report, i, pass.of[i].tap_in);
        add_sent(report, &pass.of[i], report->entries[i].out);
        add_received(report, &pass.of[i], report->entries[i].in);
    }
    for (size_t i = 0; i < report->entry_count && !report_is_running(report); i++) {
        if (pass.of[i].udp_came) {
            hold_against(report, &pass.of[i], report->entries[i].in);
            note_delay(report, &pass.of[i], report->entries[i].in);
        }
    }
    return 0;
}
