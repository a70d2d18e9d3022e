/* What is missing between two stages of the ledger: what was done on purpose, and who lost the rest. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "reports/internal.h"

/* So many of those who dropped frames on purpose are named for one loss. */
#define PARTS_NAMED 3

struct blame {
    const char *from, *to;
    const char *who;
};

/* Who has lost what is missing between two neighbours. */
static const struct blame blames[] = {
    {"sent", "tap_out", "the sender's host lost them, before its tap"},
    {"tap_out", "switch_in",
     "the switch lost them at its port before it took them in (a full packet socket), "
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

static void append(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void append(char *text, size_t size, const char *format, ...) {
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

/* Says in 'text' who lost what is missing between 'from' and 'to', and who counted a part of it. */
static void append_blame(const struct report_ledger *ledger, const char *direction, const char *from,
                         const char *to, char *text, size_t size) {
    char stage[48];
    append(text, size, "%s", who_lost(from, to));
    snprintf(stage, sizeof stage, "%s_drop", from);
    for (size_t i = 0; i < ledger->stage_count; i++) {
        const struct report_stage *row = &ledger->stages[i];
        if (row->packets != READ_NULL && row->packets > 0 && strcmp(row->stage, stage) == 0 &&
            strcmp(row->direction, direction) == 0) {
            append(text, size, " (%lld: %s)", (long long)row->packets, row->source);
        }
    }
}

/* What was done on purpose behind a stage, and what that does to the number of frames. */
struct purpose {
    const char *suffix;
    int sign;         /* 1: frames are missing behind it; -1: there are more */
    bool by_rule;     /* the switch itself did it; its rows tell no direction */
    const char *said; /* after the number, before who did it */
};

static const struct purpose purposes[] = {
    {"_impaired_loss", 1, false, "dropped on purpose"},
    {"_impaired_duplicate", -1, false, "added by duplication on purpose"},
    {"_rule_drop", 1, true, "dropped by"},
    {"_meter_drop", 1, true, "dropped by"},
};

static const struct purpose *find_purpose(const struct report_stage *row, const char *from) {
    size_t length = strlen(from);
    for (size_t i = 0; strncmp(row->stage, from, length) == 0 && i < sizeof purposes / sizeof *purposes;
         i++) {
        if (strcmp(row->stage + length, purposes[i].suffix) == 0) {
            return &purposes[i];
        }
    }
    return NULL;
}

/* How many of the frames of 'row' explain something of 'missing' in 'direction'.  Of what rules dropped,
 * which is told for the whole switch, as much as is missing and was not told before. */
static int64_t explain(const struct report_stage *row, const struct purpose *purpose, const char *direction,
                       int64_t missing) {
    if (row->packets == READ_NULL) {
        return 0;
    }
    if (strcmp(row->direction, direction) == 0) {
        return row->packets;
    }
    if (!purpose->by_rule || strcmp(row->direction, "switch") != 0 || missing <= 0) {
        return 0;
    }
    int64_t left = row->packets - row->explained;
    return left < missing ? left : missing;
}

/* True if 'row' is of frames that nsmon's endpoints don't count as datagrams. */
static bool is_of_others(const struct report_stage *row) {
    return strstr(row->source, "other IP packets") != NULL;
}

/* True if 'row' is of what rules or meters dropped behind 'from', in no direction that is known. */
static bool is_of_rules(const struct report_stage *row, const char *from) {
    const struct purpose *purpose = find_purpose(row, from);
    return purpose != NULL && purpose->by_rule && strcmp(row->direction, "switch") == 0 && row->packets > 0;
}

/* True if frames are missing behind 'from' in another direction than 'direction'. */
static bool is_missing_elsewhere(const struct report_ledger *ledger, const char *direction,
                                 const char *from) {
    for (size_t i = 0; i < ledger->stage_count; i++) {
        const struct report_stage *row = &ledger->stages[i];
        if (strcmp(row->stage, from) == 0 && strcmp(row->direction, direction) != 0) {
            int64_t out = report_stage_packets(ledger, "switch_out", row->direction);
            out = out == READ_NULL ? report_stage_packets(ledger, "tap_in", row->direction) : out;
            if (out != READ_NULL && row->packets != READ_NULL && row->packets > out) {
                return true;
            }
        }
    }
    return false;
}

/* Rules and meters count for the whole switch: which of their drops were on the way in 'direction' is known
 * only if all were.  Returns how many they are where it is not known, otherwise 0. */
static int64_t dropped_anywhere(const struct report_ledger *ledger, const char *direction, const char *from,
                                int64_t missing) {
    int64_t sum = 0;
    int64_t told = 0;
    for (size_t i = 0; i < ledger->stage_count; i++) {
        const struct report_stage *row = &ledger->stages[i];
        if (is_of_rules(row, from)) {
            sum += row->packets;
            told += row->explained;
        }
    }
    bool known = strcmp(direction, "switch") == 0 ||
                 (missing >= sum && told == 0 && !is_missing_elsewhere(ledger, direction, from));
    return known || missing <= 0 || told == sum ? 0 : sum;
}

/* Says who dropped the 'sum' frames, some of which are missing in the direction that is told of. */
static void append_rules(const struct report_ledger *ledger, const char *from, int64_t sum, char *text,
                         size_t size) {
    size_t parts = 0;
    append(text, size, "%samong the %lld dropped in all directions (", text[0] != '\0' ? ", " : "",
           (long long)sum);
    for (size_t i = 0; i < ledger->stage_count; i++) {
        const struct report_stage *row = &ledger->stages[i];
        if (is_of_rules(row, from) && ++parts <= PARTS_NAMED) {
            append(text, size, "%s%lld dropped by %s", parts > 1 ? ", " : "", (long long)row->packets,
                   row->source);
        }
    }
    append(text, size, "%s)", parts > PARTS_NAMED ? " and others" : "");
}

/* Says in 'text' what of 'packets', which are datagrams or frames of any kind, was done on purpose behind
 * 'from', and returns what is left. */
static int64_t take_purposes(struct report_ledger *ledger, const char *direction, const char *from,
                             int64_t packets, bool datagrams, char *text, size_t size) {
    const int64_t anywhere = dropped_anywhere(ledger, direction, from, packets);
    size_t parts = 0;
    int64_t unnamed = 0;
    for (size_t i = 0; i < ledger->stage_count; i++) {
        struct report_stage *row = &ledger->stages[i];
        const struct purpose *purpose = find_purpose(row, from);
        bool other = purpose == NULL || (datagrams && is_of_others(row));
        int64_t count = other ? 0 : explain(row, purpose, direction, packets);
        if (count == 0) {
            continue;
        }
        row->explained += count;
        packets -= purpose->sign * count;
        if (anywhere > 0 && is_of_rules(row, from)) {
            continue;
        }
        if (++parts > PARTS_NAMED) {
            unnamed += count;
            continue;
        }
        append(text, size, purpose->by_rule ? "%s%lld %s %s" : "%s%lld %s (%s)", text[0] != '\0' ? ", " : "",
               (long long)count, purpose->said, row->source);
    }
    if (anywhere > 0) {
        append_rules(ledger, from, anywhere, text, size);
    }
    if (unnamed > 0) {
        append(text, size, ", %lld by ", (long long)unnamed);
        if (parts == PARTS_NAMED + 1) {
            append(text, size, "another");
        } else {
            append(text, size, "%zu others", parts - PARTS_NAMED);
        }
    }
    return packets;
}

static const char elsewhere[] =
    "they came from elsewhere (the switch itself, a flood, or a count that began earlier)";

void report_add_own_loss(struct report_ledger *ledger, const char *direction, const char *from,
                         const char *to, int64_t packets, const char *what, uint64_t others) {
    char purpose[480] = "";
    bool datagrams = strstr(what, "datagrams") != NULL;
    int64_t rest = take_purposes(ledger, direction, from, packets, datagrams, purpose, sizeof purpose);
    /* Nobody knows whose frames were dropped, where others passed there: as many of nsmon's as are missing.
     */
    const bool shared = packets >= 0 && rest < 0 && (uint64_t)-rest <= others;
    rest = shared ? 0 : rest;
    /* Copies that were made on purpose are no loss: their own row tells of them. */
    if ((packets <= 0 && rest == 0) || ledger->loss_count == REPORT_LEDGER_MAX) {
        return;
    }
    struct report_loss *loss = &ledger->losses[ledger->loss_count++];
    *loss = (struct report_loss){.packets = packets, .unexplained = rest};
    snprintf(loss->direction, sizeof loss->direction, "%s", direction);
    snprintf(loss->from, sizeof loss->from, "%s", from);
    snprintf(loss->to, sizeof loss->to, "%s", to);
    const size_t size = sizeof loss->text;
    if (packets > 0) {
        append(loss->text, size, "%s: %lld %s lost between %s and %s: ", direction, (long long)packets, what,
               from, to);
    } else if (packets < 0) {
        append(loss->text, size, "%s: %lld %s more at %s than at %s: ", direction, -(long long)packets, what,
               to, from);
    } else {
        append(loss->text, size, "%s: as many %s at %s as at %s, though: ", direction, what, to, from);
    }
    append(loss->text, size, "%s%s", shared ? "among the " : "", purpose);
    if (shared) {
        append(loss->text, size, " of all UDP, where %llu datagrams at %s were not of nsmon's flows",
               (unsigned long long)others, from);
    }
    bool told = purpose[0] != '\0';
    if (told && rest != 0 && (rest > 0) != (packets > 0)) {
        append(loss->text, size, ", which is %lld more than explains it",
               (long long)(rest > 0 ? rest : -rest));
    } else if (rest > 0) {
        if (told) {
            append(loss->text, size, ", and %lld more: ", (long long)rest);
        }
        append_blame(ledger, direction, from, to, loss->text, size);
    } else if (rest < 0) {
        if (told) {
            append(loss->text, size, ", and %lld more: ", -(long long)rest);
        }
        append(loss->text, size, "%s", elsewhere);
    }
    append(loss->text, size, "%s", packets > 0 ? ", so no exporter is to blame" : "");
}

void report_add_loss(struct report_ledger *ledger, const char *direction, const char *from, const char *to,
                     int64_t packets, const char *what) {
    report_add_own_loss(ledger, direction, from, to, packets, what, 0);
}

/* Endpoints count datagrams, and rules are no place on the way. */
static bool counts_frames(const struct report_stage *stage) {
    static const char *const places[] = {"tap_out", "switch_in", "switch_out", "tap_in"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (strcmp(places[i], stage->stage) == 0) {
            return stage->packets != READ_NULL;
        }
    }
    return false;
}

void report_find_losses(struct report_ledger *ledger) {
    report_sort_ledger(ledger);
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
            int64_t copied = report_stage_packets(ledger, "switch_in_copied", stage->direction);
            report_add_loss(ledger, stage->direction, before->stage, stage->stage,
                            before->packets - stage->packets + (copied == READ_NULL ? 0 : copied), "frames");
        }
        before = stage;
    }
}
