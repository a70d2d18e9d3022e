/* The ledger: what each stage counted on the way from sender to receiver, and who lost the difference. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/internal.h"

/* The stages in the order in which a frame meets them. */
static const char *const stage_order[] = {"sent", "tap_out", "switch_in", "switch_out", "tap_in", "received"};
#define STAGE_COUNT (sizeof stage_order / sizeof *stage_order)

static int stage_rank(const char *stage) {
    for (size_t i = 0; i < STAGE_COUNT; i++) {
        if (strcmp(stage_order[i], stage) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* Where a row stands: the drops of a stage behind it, what is unknown at the end. */
static int row_rank(const struct report_stage *row) {
    for (size_t i = 0; i < STAGE_COUNT; i++) {
        size_t length = strlen(stage_order[i]);
        if (strncmp(row->stage, stage_order[i], length) == 0) {
            return 2 * (int)i + (row->stage[length] != '\0');
        }
    }
    return 2 * (int)STAGE_COUNT;
}

static int by_direction_and_rank(const void *left, const void *right) {
    const struct report_stage *a = left;
    const struct report_stage *b = right;
    int order = strcmp(a->direction, b->direction);
    if (order == 0) {
        order = row_rank(a) - row_rank(b);
    }
    return order != 0 ? order : strcmp(a->source, b->source);
}

static void add_stage(struct report_ledger *ledger, const char *stage, const char *direction, int64_t packets,
                      int64_t bytes, const char *source) {
    if (ledger->stage_count < REPORT_LEDGER_MAX) {
        struct report_stage *row = &ledger->stages[ledger->stage_count++];
        *row = (struct report_stage){.packets = packets, .bytes = bytes};
        snprintf(row->stage, sizeof row->stage, "%s", stage);
        snprintf(row->direction, sizeof row->direction, "%s", direction);
        snprintf(row->source, sizeof row->source, "%s", source);
    }
}

static int take_stage(const struct read_stage *stage, void *context) {
    struct report_ledger *ledger = context;
    size_t length = strlen(stage->stage);
    bool drops = length > 5 && strcmp(stage->stage + length - 5, "_drop") == 0;
    /* The taps' own counts come from the truth; a place that dropped nothing needs no line. */
    if (!(drops && stage->packets == 0) && strcmp(stage->stage, "tap_out") != 0 &&
        strcmp(stage->stage, "tap_in") != 0) {
        add_stage(ledger, stage->stage, stage->direction, stage->packets, stage->bytes, stage->source);
    }
    return 0;
}

static int64_t signed_count(uint64_t value) {
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static const char *direction_from(int64_t station) {
    return station == 1 ? "ns1>ns2" : "ns2>ns1";
}

/* What left the tap of one station and what came into the tap of the other. */
static void add_taps(struct report *report) {
    for (size_t i = 0; i < report->capture_count; i++) {
        const struct read_capture *capture = &report->captures[i];
        const struct report_tap *tap = &report->taps[i];
        if (!capture->is_station || (capture->station != 1 && capture->station != 2)) {
            continue;
        }
        add_stage(&report->ledger, "tap_out", direction_from(capture->station),
                  signed_count(tap->out_packets), signed_count(tap->out_bytes), capture->name);
        add_stage(&report->ledger, "tap_in", direction_from(3 - capture->station),
                  signed_count(tap->in_packets), signed_count(tap->in_bytes), capture->name);
    }
}

/* The endpoints' own counts, one a direction. */
struct endpoints {
    bool udp, tcp;
    uint64_t sent_packets, received_packets, sent_bytes, received_bytes; /* of UDP */
    uint64_t tcp_sent_bytes, tcp_received_bytes;
    uint64_t tap_out, tap_in; /* frames of the same UDP flows */
};

struct endpoint_pass {
    struct report *report;
    struct endpoints of[2];
};

static uint64_t known(int64_t value) {
    return value < 0 ? 0 : (uint64_t)value;
}

static int take_traffic(const struct read_traffic_flow *flow, void *context) {
    struct endpoint_pass *pass = context;
    struct report_traffic *traffic = &pass->report->traffic;
    traffic->flows++;
    traffic->failed += flow->failed[0] != '\0';
    snprintf(traffic->profile, sizeof traffic->profile, "%s", flow->profile);
    traffic->sent_bytes = report_add(traffic->sent_bytes, known(flow->sent_bytes));
    traffic->received_bytes = report_add(traffic->received_bytes, known(flow->received_bytes));
    traffic->udp_sent += known(flow->sent_packets);
    traffic->udp_received += known(flow->received_packets);
    traffic->udp_lost += known(flow->lost);
    traffic->udp_duplicated += known(flow->duplicated);
    traffic->udp_reordered += known(flow->reordered);
    const struct report_flow *seen = report_flow_find(&pass->report->flows, flow->flow_id);
    struct endpoints *ends = &pass->of[seen != NULL && seen->station == 2];
    bool udp = flow->sent_packets != READ_NULL;
    uint64_t *sent = udp ? &ends->sent_bytes : &ends->tcp_sent_bytes;
    uint64_t *received = udp ? &ends->received_bytes : &ends->tcp_received_bytes;
    *sent = report_add(*sent, known(flow->sent_bytes));
    *received = report_add(*received, known(flow->received_bytes));
    ends->udp = ends->udp || udp;
    ends->tcp = ends->tcp || !udp;
    if (udp) {
        ends->sent_packets += known(flow->sent_packets);
        ends->received_packets += known(flow->received_packets);
        ends->tap_out += seen == NULL ? 0 : seen->out_packets;
        ends->tap_in += seen == NULL ? 0 : seen->in_packets;
    }
    return 0;
}

struct blame {
    const char *from, *to;
    const char *who;
};

/* Who has lost what is missing between two neighbours. */
static const struct blame blames[] = {
    {"sent", "tap_out", "the sender's host lost them, before its tap"},
    {"tap_out", "switch_in",
     "the switch lost them at its port before it took them in (a full packet socket), so "
     "before sampling"},
    {"switch_in", "switch_out",
     "the switch took them in and did not forward them (a rule, no port, a full queue)"},
    {"switch_out", "tap_in", "they were lost on the way from the switch to the tap"},
    {"switch_in", "tap_in", "the switch took them in and did not deliver them"},
    {"tap_out", "tap_in", "the switch lost them, between the two taps"},
    {"tap_out", "switch_out", "the switch lost them"},
    {"tap_in", "received", "the receiver's host lost them, behind its tap"},
};

static const char *who_lost(const char *from, const char *to) {
    for (size_t i = 0; i < sizeof blames / sizeof *blames; i++) {
        if (strcmp(blames[i].from, from) == 0 && strcmp(blames[i].to, to) == 0) {
            return blames[i].who;
        }
    }
    return "somewhere between the two; nobody counted in between";
}

static void add_loss(struct report_ledger *ledger, const char *direction, const char *from, const char *to,
                     int64_t packets, const char *what) {
    if (packets == 0 || ledger->loss_count == REPORT_LEDGER_MAX) {
        return;
    }
    struct report_loss *loss = &ledger->losses[ledger->loss_count++];
    *loss = (struct report_loss){.packets = packets};
    snprintf(loss->direction, sizeof loss->direction, "%s", direction);
    snprintf(loss->from, sizeof loss->from, "%s", from);
    snprintf(loss->to, sizeof loss->to, "%s", to);
    if (packets > 0) {
        snprintf(loss->text, sizeof loss->text,
                 "%s: %lld %s lost between %s and %s: %s; no exporter is to blame", direction,
                 (long long)packets, what, from, to, who_lost(from, to));
    } else {
        snprintf(loss->text, sizeof loss->text,
                 "%s: %lld %s more at %s than at %s: they came from elsewhere (the switch itself, a flood, "
                 "or a count "
                 "that began earlier)",
                 direction, -(long long)packets, what, to, from);
    }
}

static bool counts_frames(const struct report_stage *stage) {
    int rank = stage_rank(stage->stage);
    return rank > 0 && rank < (int)STAGE_COUNT - 1 && stage->packets != READ_NULL;
}

static void sort_ledger(struct report_ledger *ledger) {
    if (ledger->stage_count > 1) {
        qsort(ledger->stages, ledger->stage_count, sizeof *ledger->stages, by_direction_and_rank);
    }
}

void report_find_losses(struct report_ledger *ledger) {
    sort_ledger(ledger);
    const struct report_stage *before = NULL;
    for (size_t i = 0; i < ledger->stage_count; i++) {
        const struct report_stage *stage = &ledger->stages[i];
        if (!counts_frames(stage)) {
            continue;
        }
        /* Two counts of one stage are two witnesses, not two stages: the first is compared. */
        bool same_way = before != NULL && strcmp(before->direction, stage->direction) == 0;
        if (same_way && strcmp(before->stage, stage->stage) == 0) {
            continue;
        }
        if (same_way) {
            add_loss(ledger, stage->direction, before->stage, stage->stage, before->packets - stage->packets,
                     "frames");
        }
        before = stage;
    }
}

static void add_endpoints(struct report *report, const struct endpoint_pass *pass) {
    static const char udp[] = "nsmon's endpoints: UDP datagrams and payload";
    static const char tcp[] = "nsmon's endpoints: payload of TCP";
    for (int i = 0; i < 2; i++) {
        const struct endpoints *ends = &pass->of[i];
        const char *direction = direction_from(i + 1);
        if (ends->tcp) {
            add_stage(&report->ledger, "sent", direction, READ_NULL, signed_count(ends->tcp_sent_bytes), tcp);
            add_stage(&report->ledger, "received", direction, READ_NULL,
                      signed_count(ends->tcp_received_bytes), tcp);
        }
        if (!ends->udp) {
            continue;
        }
        add_stage(&report->ledger, "sent", direction, signed_count(ends->sent_packets),
                  signed_count(ends->sent_bytes), udp);
        add_stage(&report->ledger, "received", direction, signed_count(ends->received_packets),
                  signed_count(ends->received_bytes), udp);
        if (report->capture_count > 0) {
            add_loss(&report->ledger, direction, "sent", "tap_out",
                     signed_count(ends->sent_packets) - signed_count(ends->tap_out),
                     "UDP datagrams of nsmon's own");
            add_loss(&report->ledger, direction, "tap_in", "received",
                     signed_count(ends->tap_in) - signed_count(ends->received_packets),
                     "UDP datagrams of nsmon's own");
        }
    }
}

/* The count of 'stage' in 'direction', or READ_NULL. */
static int64_t stage_packets(const struct report_ledger *ledger, const char *stage, const char *direction) {
    for (size_t i = 0; i < ledger->stage_count; i++) {
        if (strcmp(ledger->stages[i].stage, stage) == 0 &&
            strcmp(ledger->stages[i].direction, direction) == 0) {
            return ledger->stages[i].packets;
        }
    }
    return READ_NULL;
}

/* Notes that the truth may lack 'packets' frames, or have so many too many when that is below 0; of which
 * flow is not known. */
static void doubt(struct report *report, int64_t packets) {
    uint64_t *sum = packets > 0 ? &report->truth_may_lack : &report->truth_may_exceed;
    report->truth_uncertain = true;
    *sum = report_add(*sum, (uint64_t)llabs((long long)packets));
}

/* Notes the frames that the captures dropped, and returns how many. */
static int64_t judge_captures(struct report *report) {
    int64_t missing = 0;
    for (size_t i = 0; i < report->capture_count; i++) {
        const struct read_capture *capture = &report->captures[i];
        if (capture->dropped > 0 || capture->overflow > 0) {
            report->truth_complete = false;
            report->truth_uncertain = true;
            missing += capture->dropped + capture->overflow;
            report_note(
                &report->ledger.notes,
                "Truth incomplete: the capture at %s dropped %lld frames and found no room for the flow "
                "of %lld.",
                capture->name, (long long)capture->dropped, (long long)capture->overflow);
        }
    }
    return missing;
}

/* Is the truth the truth?  It is what the other tap received, and stands for what the switch took in. */
static void judge_truth(struct report *report) {
    struct report_ledger *ledger = &report->ledger;
    report->truth_complete = true;
    int64_t missing = judge_captures(report);
    if (report->one_tap) {
        report->truth_uncertain = true;
        report_note(
            &ledger->notes,
            "One station alone was captured: what left it is held against as it was offered there, and "
            "what came into it as it was delivered.  What was lost between its tap and the other's, and "
            "traffic that never passed it, can't be known.");
    }
    for (int station = 1; station <= 2 && !report_is_running(report); station++) {
        const char *direction = direction_from(station);
        int64_t out = stage_packets(ledger, "tap_out", direction);
        int64_t taken = stage_packets(ledger, "switch_in", direction);
        int64_t in = stage_packets(ledger, "tap_in", direction);
        if (taken != READ_NULL && in != READ_NULL && taken != in) {
            doubt(report, taken - in);
            report_note(
                &ledger->notes,
                "Truth uncertain, %s: the switch took in %lld frames and delivered %lld; of which flows "
                "the %lld were is not known.",
                direction, (long long)taken, (long long)in, llabs((long long)(taken - in)));
        } else if (taken == READ_NULL && out != READ_NULL && in != READ_NULL && out != in) {
            doubt(report, out - in);
            report_note(&ledger->notes,
                        "Truth uncertain, %s: nobody counted what the switch took in.  The truth is what was "
                        "delivered; it is right if the %lld frames were lost before sampling.",
                        direction, llabs((long long)(out - in)));
        }
    }
    /* What a capture dropped is missing from its count above, too: it is no second doubt. */
    if (missing > 0 && report->truth_may_lack < (uint64_t)missing) {
        report->truth_may_lack = (uint64_t)missing;
    }
}

int report_make_ledger(struct report *report, struct reader *reader, struct error *error) {
    struct endpoint_pass pass = {.report = report};
    int rc = reader_each_stage(reader, report->session.id, take_stage, &report->ledger, error);
    if (rc == 0) {
        rc = reader_each_traffic_flow(reader, report->session.id, take_traffic, &pass, error);
    }
    if (rc != 0) {
        return rc;
    }
    add_taps(report);
    add_endpoints(report, &pass);
    if (report_is_running(report)) {
        sort_ledger(&report->ledger);
        report->ledger.loss_count = 0;
        report_note(&report->ledger.notes,
                    "The session still runs: the stages were counted at different moments.  What was lost "
                    "is told when it has stopped.");
    } else {
        report_find_losses(&report->ledger);
    }
    judge_truth(report);
    return 0;
}
