/* The ledger: what each stage counted on the way from sender to receiver. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/internal.h"

/* So many OpenFlow rules have a row of their own; the others, the smallest, share one. */
#define RULE_ROWS 12

/* The stages in the order in which a frame meets them. */
static const char *const stage_order[] = {"sent",       "tap_out", "switch_in", "switch_rule",
                                          "switch_out", "tap_in",  "received"};
#define STAGE_COUNT (sizeof stage_order / sizeof *stage_order)

int report_stage_rank(const char *stage) {
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

/* Directions by their names, "ns1>switch" before "switch>ns1", the switch itself between. */
static int by_direction(const char *a, const char *b) {
    bool into[2] = {strncmp(a, "switch>", 7) == 0, strncmp(b, "switch>", 7) == 0};
    bool whole[2] = {strcmp(a, "switch") == 0, strcmp(b, "switch") == 0};
    int group[2] = {into[0] ? 2 : whole[0], into[1] ? 2 : whole[1]};
    return group[0] != group[1] ? group[0] - group[1] : strcmp(a, b);
}

/* A port's second witness, which counts what the port's own counters do. */
static bool is_witness(const struct report_stage *row) {
    return strstr(row->source, "OpenFlow port") != NULL;
}

static int by_direction_and_rank(const void *left, const void *right) {
    const struct report_stage *a = left;
    const struct report_stage *b = right;
    int order = by_direction(a->direction, b->direction);
    if (order == 0) {
        order = row_rank(a) - row_rank(b);
    }
    if (order == 0) {
        order = is_witness(a) - is_witness(b);
    }
    if (order == 0) {
        order = strcmp(a->stage, b->stage);
    }
    return order != 0 ? order : strcmp(a->source, b->source);
}

void report_sort_ledger(struct report_ledger *ledger) {
    if (ledger->stage_count > 1) {
        qsort(ledger->stages, ledger->stage_count, sizeof *ledger->stages, by_direction_and_rank);
    }
}

void report_add_stage(struct report_ledger *ledger, const char *stage, const char *direction, int64_t packets,
                      int64_t bytes, const char *source) {
    if (ledger->stage_count < REPORT_LEDGER_MAX) {
        struct report_stage *row = &ledger->stages[ledger->stage_count++];
        *row = (struct report_stage){.packets = packets, .bytes = bytes};
        snprintf(row->stage, sizeof row->stage, "%s", stage);
        snprintf(row->direction, sizeof row->direction, "%s", direction);
        snprintf(row->source, sizeof row->source, "%s", source);
    } else {
        ledger->left_out++;
    }
}

int64_t report_stage_packets(const struct report_ledger *ledger, const char *stage, const char *direction) {
    int64_t packets = READ_NULL;
    for (size_t i = 0; i < ledger->stage_count; i++) {
        const struct report_stage *row = &ledger->stages[i];
        bool same = strcmp(row->stage, stage) == 0 && strcmp(row->direction, direction) == 0;
        if (same && (packets == READ_NULL || !is_witness(row))) {
            packets = row->packets;
        }
    }
    return packets;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text);
    return length > strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static int take_stage(const struct read_stage *stage, void *context) {
    /* The taps' own counts come from the truth; a place that dropped nothing needs no line, unless it was to.
     */
    bool idle = ends_with(stage->stage, "_drop") && stage->packets == 0 &&
                !ends_with(stage->stage, "_rule_drop") && !ends_with(stage->stage, "_meter_drop");
    if (!idle && strcmp(stage->stage, "tap_out") != 0 && strcmp(stage->stage, "tap_in") != 0) {
        report_add_stage(context, stage->stage, stage->direction, stage->packets, stage->bytes,
                         stage->source);
    }
    return 0;
}

int report_read_stages(struct report *report, struct reader *reader, struct error *error) {
    return reader_each_stage(reader, report->session.id, take_stage, &report->ledger, error);
}

/* ---- readable, however many rules there are ---- */

static bool is_rule(const struct report_stage *row) {
    return strcmp(row->stage, "switch_rule") == 0 || ends_with(row->stage, "_rule_drop");
}

/* The rules at the end, the largest of them first. */
static int by_rule_and_packets(const void *left, const void *right) {
    const struct report_stage *a = left;
    const struct report_stage *b = right;
    bool rules = is_rule(a) && is_rule(b);
    return rules ? (a->packets < b->packets) - (a->packets > b->packets) : is_rule(a) - is_rule(b);
}

static int64_t add_known(int64_t a, int64_t b) {
    return a == READ_NULL || b == READ_NULL || a > INT64_MAX - b ? READ_NULL : a + b;
}

/* Sums up those of the 'count' rules at 'rules' that drop, or those that don't. */
static struct report_stage sum_rules(const struct report_stage *rules, size_t count, bool drop) {
    struct report_stage row = {.packets = 0, .bytes = 0, .direction = "switch"};
    size_t merged = 0;
    for (size_t i = 0; i < count; i++) {
        if (ends_with(rules[i].stage, "_rule_drop") == drop) {
            row.packets = add_known(row.packets, rules[i].packets);
            row.bytes = add_known(row.bytes, rules[i].bytes);
            merged++;
        }
    }
    if (merged > 0) {
        snprintf(row.stage, sizeof row.stage, "%s", drop ? "switch_in_rule_drop" : "switch_rule");
        snprintf(row.source, sizeof row.source, "%zu other rules, of the fewest packets", merged);
    }
    return row;
}

/* Leaves a row of their own to the largest rules and sums up the rest, those that drop apart. */
static void merge_rules(struct report_ledger *ledger) {
    size_t rules = 0;
    for (size_t i = 0; i < ledger->stage_count; i++) {
        rules += is_rule(&ledger->stages[i]);
    }
    if (rules <= RULE_ROWS + 2) {
        return;
    }
    qsort(ledger->stages, ledger->stage_count, sizeof *ledger->stages, by_rule_and_packets);
    ledger->stage_count -= rules - RULE_ROWS;
    const struct report_stage *rest = &ledger->stages[ledger->stage_count];
    const struct report_stage sums[] = {sum_rules(rest, rules - RULE_ROWS, false),
                                        sum_rules(rest, rules - RULE_ROWS, true)};
    for (size_t i = 0; i < 2; i++) {
        if (sums[i].stage[0] != '\0') {
            ledger->stages[ledger->stage_count++] = sums[i];
        }
    }
}

/* ---- the taps, and the switch as a whole ---- */

static void add_taps(struct report *report) {
    for (size_t i = 0; i < report->entry_count; i++) {
        const struct report_entry *entry = &report->entries[i];
        const struct report_tap *tap = &report->taps[entry->capture];
        const char *name = report->captures[entry->capture].name;
        report_add_stage(&report->ledger, "tap_out", entry->out, report_signed(tap->out_packets),
                         report_signed(tap->out_bytes), name);
        report_add_stage(&report->ledger, "tap_in", entry->in, report_signed(tap->in_packets),
                         report_signed(tap->in_bytes), name);
    }
}

/* The sum of 'stage' over the ports, each by its first witness: in the directions to the switch or from it.
 * READ_NULL when one is not known or none is there. */
static int64_t sum_over(const struct report_ledger *ledger, const char *stage, bool to_switch) {
    int64_t sum = READ_NULL;
    bool any = false;
    for (size_t i = 0; i < ledger->stage_count; i++) {
        const struct report_stage *row = &ledger->stages[i];
        bool way =
            to_switch ? ends_with(row->direction, ">switch") : strncmp(row->direction, "switch>", 7) == 0;
        if (way && strcmp(row->stage, stage) == 0 && !is_witness(row)) {
            sum = any ? add_known(sum, row->packets) : row->packets;
            any = true;
        }
    }
    return sum;
}

/* The sum of the rows whose names begin and end like that. */
static int64_t sum_of(const struct report_ledger *ledger, const char *start, const char *end) {
    int64_t sum = 0;
    for (size_t i = 0; i < ledger->stage_count; i++) {
        const struct report_stage *row = &ledger->stages[i];
        bool counts = strncmp(row->stage, start, strlen(start)) == 0 && ends_with(row->stage, end);
        sum = counts && row->packets > 0 ? report_signed(report_add((uint64_t)sum, (uint64_t)row->packets))
                                         : sum;
    }
    return sum;
}

/* How many frames came out of the switch though they, or others in their stead, had come out before.  Where
 * what stands between switch and taps changes their number, or not every port was captured, the ports' counts
 * tell, if nothing was lost unseen. */
static int64_t count_copies(const struct report *report, int64_t in, int64_t out, const char **source) {
    const struct report_ledger *ledger = &report->ledger;
    bool changed = sum_of(ledger, "switch_out_", "impaired_loss") > 0 ||
                   sum_of(ledger, "switch_out_", "impaired_duplicate") > 0 || report->out_unseen > 0;
    if (!changed && report->has_delivery) {
        *source = "taps: frames that came out of more ports than one";
        return report_signed(report->copied_packets);
    }
    *source = "ports: more went out than came in and was not dropped";
    int64_t dropped =
        add_known(sum_of(ledger, "switch_in_", "rule_drop"), sum_of(ledger, "switch_in_", "meter_drop"));
    return dropped == READ_NULL || dropped > in ? 0 : out - (in - dropped);
}

/* What the switch took in and sent out at all its ports; of two ports alone each way has its own rows. */
static void add_switch(struct report *report) {
    struct report_ledger *ledger = &report->ledger;
    int64_t in = sum_over(ledger, "switch_in", true);
    int64_t out = sum_over(ledger, "switch_out", false);
    if (in < 0 || out < 0) {
        return;
    }
    const char *source;
    int64_t copies = count_copies(report, in, out, &source);
    report_add_stage(ledger, "switch_in", "switch", in, READ_NULL, "all ports together");
    report_add_stage(ledger, "switch_out", "switch", out, READ_NULL, "all ports together");
    if (copies > 0) {
        report_add_stage(ledger, "switch_in_copied", "switch", copies, READ_NULL, source);
    }
}

int report_make_ledger(struct report *report, struct reader *reader, struct error *error) {
    merge_rules(&report->ledger);
    add_taps(report);
    add_switch(report);
    int rc = report_add_endpoints(report, reader, error);
    if (rc != 0) {
        return rc;
    }
    if (report_is_running(report)) {
        report_sort_ledger(&report->ledger);
        report->ledger.loss_count = 0;
        report_note(&report->ledger.notes,
                    "The session still runs: the stages were counted at different moments.  What was lost "
                    "is told when it has stopped.");
    } else {
        report_find_losses(&report->ledger);
    }
    if (report->ledger.left_out > 0) {
        report_note(&report->ledger.notes,
                    "%zu rows of the ledger found no room here; they are in the database.",
                    report->ledger.left_out);
    }
    report_judge_truth(report);
    return 0;
}
