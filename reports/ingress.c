/* From where it is known what the switch took in, port by port: docs/method.md, "The truth". */
#include <stdio.h>
#include <string.h>

#include "reports/format.h"
#include "reports/internal.h"

/* True if the switch, or what stands behind it and before a tap, dropped, added or rewrote frames on purpose:
 * then what came out of it, though it be as many, need not be what went in. */
static bool is_shaped(const struct report *report) {
    static const char *const marks[] = {"rule_drop", "meter_drop", "impaired_loss", "impaired_duplicate"};
    bool shaped = report->rules.rewrites;
    shaped = shaped ||
             (report_is_running(report) && report->setup.rule_count + report->setup.impairment_count > 0);
    for (size_t i = 0; i < report->ledger.stage_count; i++) {
        const struct report_stage *row = &report->ledger.stages[i];
        bool between =
            strncmp(row->stage, "switch_in_", 10) == 0 || strncmp(row->stage, "switch_out_", 11) == 0;
        for (size_t mark = 0; mark < sizeof marks / sizeof *marks && between && row->packets != 0; mark++) {
            shaped = shaped || strstr(row->stage, marks[mark]) != NULL;
        }
    }
    return shaped;
}

/* At most so many frames that came in at 'number' can have got lost before the switch: those that came out
 * nowhere. */
static uint64_t came_out_nowhere(const struct report *report, size_t number) {
    uint64_t sum = 0;
    for (size_t i = 0; i < report->flows.count; i++) {
        const struct report_flow *flow = &report->flows.flows[i];
        uint64_t most = 0;
        for (size_t entry = 0; entry < report->entry_count; entry++) {
            most = entry != number && flow->came_to[entry] > most ? flow->came_to[entry] : most;
        }
        if (flow->entry == (int64_t)number && flow->out_packets > most) {
            sum = report_add(sum, flow->out_packets - most);
        }
    }
    return sum;
}

static void count_entry(struct report *report, size_t number) {
    struct report_entry *entry = &report->entries[number];
    entry->offered = report_signed(report->taps[entry->capture].out_packets);
    entry->taken = report_stage_packets(&report->ledger, "switch_in", entry->out);
    entry->delivered = READ_NULL;
    if (report_two_way(report)) {
        entry->delivered = report_signed(report->taps[report->entries[1 - number].capture].in_packets);
    }
}

static uint64_t apart(int64_t a, int64_t b) {
    return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

/* The switch counted what it took in. */
static void decide_by_count(struct report_entry *entry, bool unshaped) {
    if (entry->taken == entry->offered) {
        entry->rule = REPORT_OFFERED;
    } else if (unshaped && entry->taken == entry->delivered) {
        entry->rule = REPORT_DELIVERED;
    } else {
        /* The nearer of the two is the better truth. */
        bool nearer = unshaped && entry->delivered != READ_NULL &&
                      apart(entry->taken, entry->delivered) < apart(entry->taken, entry->offered);
        int64_t meant = nearer ? entry->delivered : entry->offered;
        uint64_t *doubt = entry->taken < meant ? &entry->may_exceed : &entry->may_lack;
        entry->rule = nearer ? REPORT_AT_OTHER : REPORT_AT_MOST;
        *doubt = apart(entry->taken, meant);
    }
}

/* Nobody did: what came out again was taken in, for sure; of the rest the session's hint is believed. */
static void decide_by_hint(struct report *report, size_t number, bool delivered) {
    struct report_entry *entry = &report->entries[number];
    if (delivered && entry->offered == entry->delivered) {
        entry->rule = REPORT_DELIVERED;
    } else if (delivered) {
        entry->rule = REPORT_AT_OTHER;
        uint64_t *doubt = entry->delivered < entry->offered ? &entry->may_lack : &entry->may_exceed;
        *doubt = apart(entry->offered, entry->delivered);
    } else {
        entry->may_exceed = came_out_nowhere(report, number);
        entry->rule = entry->may_exceed == 0 ? REPORT_OFFERED : REPORT_AT_MOST;
    }
}

/* ---- in words ---- */

static void say_by_count(const struct report *report, struct report_entry *entry) {
    char cells[3][FORMAT_SIZE];
    const char *tap = report->captures[entry->capture].name;
    uint64_t doubt = entry->may_lack + entry->may_exceed;
    if (entry->rule == REPORT_OFFERED) {
        snprintf(entry->text, sizeof entry->text,
                 "as offered: the switch took in all of the %s frames that %.100s sent to it",
                 format_known(entry->offered, cells[0]), tap);
    } else if (entry->rule == REPORT_DELIVERED) {
        snprintf(entry->text, sizeof entry->text,
                 "as delivered: of the %s frames that %.100s sent to it the switch took in %s, and delivered "
                 "just as many",
                 format_known(entry->offered, cells[0]), tap, format_known(entry->taken, cells[1]));
    } else if (entry->rule == REPORT_AT_OTHER) {
        snprintf(
            entry->text, sizeof entry->text,
            "as delivered, %s: the switch took in %s of the frames that %.100s sent and delivered %s; of "
            "which flows the %s were is not known",
            entry->may_exceed > 0 ? "at most" : "at least", format_known(entry->taken, cells[0]), tap,
            format_known(entry->delivered, cells[1]), format_count(doubt, cells[2]));
    } else {
        snprintf(
            entry->text, sizeof entry->text,
            "as offered, %s: %.100s sent %s frames and the switch took in %s; of which flows the %s were "
            "is not known",
            entry->may_exceed > 0 ? "at most" : "at least", tap, format_known(entry->offered, cells[0]),
            format_known(entry->taken, cells[1]), format_count(doubt, cells[2]));
    }
}

static void say_by_hint(const struct report *report, struct report_entry *entry) {
    char cells[3][FORMAT_SIZE];
    const char *tap = report->captures[entry->capture].name;
    bool delivered = entry->rule == REPORT_DELIVERED || entry->rule == REPORT_AT_OTHER;
    bool all = entry->rule == REPORT_DELIVERED || entry->rule == REPORT_OFFERED;
    if (all) {
        snprintf(entry->text, sizeof entry->text,
                 "as %s: all of the %s frames that %.100s sent to the switch came out of it",
                 delivered ? "delivered" : "offered", format_known(entry->offered, cells[0]), tap);
    } else if (delivered) {
        snprintf(
            entry->text, sizeof entry->text,
            "as delivered: nobody counted what the switch took in; %.100s sent it %s frames, and %s came "
            "out",
            tap, format_known(entry->offered, cells[0]), format_known(entry->delivered, cells[1]));
    } else {
        snprintf(entry->text, sizeof entry->text,
                 "as offered, at most: nobody counted what the switch took in of the %s frames that %.100s "
                 "sent; %s came out nowhere that was captured",
                 format_known(entry->offered, cells[0]), tap,
                 format_known(report_signed(entry->may_exceed), cells[1]));
    }
}

static void decide_running(struct report_entry *entry, bool delivered) {
    entry->rule = delivered ? REPORT_DELIVERED : REPORT_OFFERED;
    snprintf(entry->text, sizeof entry->text,
             "as %s: the session still runs, and counts are of different moments",
             delivered ? "delivered" : "offered");
}

void report_decide_truth(struct report *report) {
    bool unshaped = report_two_way(report) && !is_shaped(report);
    bool hint = unshaped && strcmp(report->session.truth_rule, "offered") != 0;
    for (size_t i = 0; i < report->entry_count; i++) {
        struct report_entry *entry = &report->entries[i];
        count_entry(report, i);
        if (report->one_tap) {
            entry->rule = REPORT_LONE_TAP;
            snprintf(entry->text, sizeof entry->text,
                     "as seen at one tap: what left %.100s as offered, what came to it as delivered",
                     report->captures[entry->capture].name);
        } else if (report_is_running(report)) {
            decide_running(entry, hint);
        } else if (entry->taken != READ_NULL) {
            decide_by_count(entry, unshaped);
            say_by_count(report, entry);
        } else {
            decide_by_hint(report, i, hint);
            say_by_hint(report, entry);
        }
    }
}

/* ---- is the truth the truth? ---- */

/* Notes the frames that the captures dropped, and returns how many. */
static uint64_t judge_captures(struct report *report) {
    uint64_t missing = 0;
    for (size_t i = 0; i < report->capture_count; i++) {
        const struct read_capture *capture = &report->captures[i];
        if (capture->dropped <= 0 && capture->overflow <= 0) {
            continue;
        }
        report->truth_complete = false;
        report->truth_uncertain = true;
        missing =
            report_add(missing, report_add(report_known(capture->dropped), report_known(capture->overflow)));
        report_note(&report->ledger.notes,
                    "Truth incomplete: the capture at %s dropped %lld frames and found no room for the flow "
                    "of %lld.",
                    capture->name, (long long)capture->dropped, (long long)capture->overflow);
    }
    return missing;
}

static void judge_entry(struct report *report, const struct report_entry *entry) {
    if (entry->may_lack == 0 && entry->may_exceed == 0) {
        return;
    }
    report->truth_uncertain = true;
    report->truth_may_lack = report_add(report->truth_may_lack, entry->may_lack);
    report->truth_may_exceed = report_add(report->truth_may_exceed, entry->may_exceed);
    report_note(&report->ledger.notes, "Truth uncertain, %s, %s.", entry->out, entry->text);
}

static void name_uncaptured(struct report *report) {
    char names[160] = "";
    size_t used = 0;
    for (size_t i = 0; i < report->setup.port_count; i++) {
        const struct report_port *port = &report->setup.ports[i];
        if (port->capture[0] == '\0' && used + sizeof port->name + 2 < sizeof names) {
            used +=
                (size_t)snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "", port->name);
        }
    }
    if (report->partial) {
        report_note(
            &report->ledger.notes,
            "Not every port of the switch was captured%s%s%s: what came in by the others is in no truth "
            "and is not compared, and what went out by them can't be told from what was lost.",
            used > 0 ? " (missing: " : "", names, used > 0 ? ")" : "");
    } else if (report->out_unseen > 0) {
        report_note(
            &report->ledger.notes,
            "%lld frames went out by ports that were not captured (%s): they are not among the delivered.",
            (long long)report->out_unseen, names);
    }
}

void report_judge_truth(struct report *report) {
    report->truth_complete = true;
    uint64_t missing = judge_captures(report);
    if (report->one_tap) {
        report->truth_uncertain = true;
        report_note(
            &report->ledger.notes,
            "One station alone was captured: what left it is held against as it was offered there, and "
            "what came into it as it was delivered.  What was lost between its tap and the other's, and "
            "traffic that never passed it, can't be known.");
    }
    name_uncaptured(report);
    for (size_t i = 0; i < report->entry_count && !report_is_running(report); i++) {
        judge_entry(report, &report->entries[i]);
    }
    /* What a capture dropped is missing from its count above, too: it is no second doubt. */
    report->truth_may_lack = missing > report->truth_may_lack ? missing : report->truth_may_lack;
}
