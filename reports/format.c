#include "reports/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *format_count(uint64_t value, char text[FORMAT_SIZE]) {
    char digits[32];
    int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    char *to = text;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

const char *format_known(int64_t value, char text[FORMAT_SIZE]) {
    if (value < 0) {
        snprintf(text, FORMAT_SIZE, "-");
        return text;
    }
    return format_count((uint64_t)value, text);
}

const char *format_bytes(double bytes, char text[FORMAT_SIZE]) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;
    if (!isfinite(bytes)) {
        snprintf(text, FORMAT_SIZE, "-");
        return text;
    }
    while (bytes >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1000.0;
        unit++;
    }
    int decimals = unit == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2;
    snprintf(text, FORMAT_SIZE, "%.*f %s", decimals, bytes, units[unit]);
    return text;
}

const char *format_percent(double share, const char *exact, char text[FORMAT_SIZE]) {
    double percent = 100.0 * share;
    if (!isfinite(share)) {
        snprintf(text, FORMAT_SIZE, "-");
    } else if (exact != NULL && share == 0.0) {
        snprintf(text, FORMAT_SIZE, "%s", exact);
    } else if (fabs(percent) >= 1000.0) {
        snprintf(text, FORMAT_SIZE, "%+.0f %%", percent);
    } else {
        snprintf(text, FORMAT_SIZE, "%+.*f %%", fabs(percent) < 0.095 && percent != 0.0 ? 2 : 1, percent);
    }
    return text;
}

const char *format_bias(const struct stats_summary *summary, const char *exact, char text[FORMAT_SIZE]) {
    return format_percent(summary->bias, summary->weighted_error == 0.0 ? exact : NULL, text);
}

const char *format_share(double share, char text[FORMAT_SIZE]) {
    if (!isfinite(share)) {
        snprintf(text, FORMAT_SIZE, "-");
    } else {
        double percent = 100.0 * share;
        snprintf(text, FORMAT_SIZE, "%.*f %%", percent != 0.0 && percent < 0.095 ? 2 : 1, percent);
    }
    return text;
}

const char *format_real(double value, int decimals, char text[FORMAT_SIZE]) {
    if (!isfinite(value)) {
        snprintf(text, FORMAT_SIZE, "-");
    } else {
        snprintf(text, FORMAT_SIZE, "%.*f", decimals, value);
    }
    return text;
}

const char *format_ms(double ns, char text[FORMAT_SIZE]) {
    if (!isfinite(ns)) {
        snprintf(text, FORMAT_SIZE, "-");
    } else {
        double ms = ns / 1e6;
        snprintf(text, FORMAT_SIZE, "%.*f ms", fabs(ms) < 10.0 ? 1 : 0, ms);
    }
    return text;
}

/* 'value' as a count: not below 0, not above what a count holds. */
static uint64_t to_count(double value) {
    return !(value > 0.0) ? 0 : value >= 18446744073709551615.0 ? UINT64_MAX : (uint64_t)value;
}

const char *format_interval(const struct stats_interval *interval, char text[FORMAT_SIZE]) {
    char low[FORMAT_SIZE];
    char high[FORMAT_SIZE];
    if (!isfinite(interval->low)) {
        snprintf(text, FORMAT_SIZE, "-");
        return text;
    }
    format_count(to_count(interval->low), low);
    if (interval->low == interval->high) {
        snprintf(text, FORMAT_SIZE, "%s", low);
    } else if (!isfinite(interval->high) || interval->high >= 1.8e19) {
        snprintf(text, FORMAT_SIZE, "%s..", low);
    } else {
        snprintf(text, FORMAT_SIZE, "%.29s..%.29s", low, format_count(to_count(ceil(interval->high)), high));
    }
    return text;
}

const char *format_byte_interval(const struct stats_interval *interval, char text[FORMAT_SIZE]) {
    char low[FORMAT_SIZE];
    char high[FORMAT_SIZE];
    format_interval(interval, text);
    if (strlen(text) > FORMAT_INTERVAL_WIDTH && isfinite(interval->high) && interval->low != interval->high) {
        snprintf(text, FORMAT_SIZE, "%.29s..%.29s", format_bytes(interval->low, low),
                 format_bytes(interval->high, high));
    }
    return text;
}

double format_difference(uint64_t estimate, uint64_t truth) {
    return truth == 0 ? NAN : ((double)estimate - (double)truth) / (double)truth;
}

const char *format_decade(const struct report_decade *decade, char text[FORMAT_SIZE]) {
    char low[FORMAT_SIZE];
    char high[FORMAT_SIZE];
    snprintf(text, FORMAT_SIZE, "%.29s to %.29s", format_count((uint64_t)decade->low, low),
             format_count((uint64_t)decade->high - 1, high));
    return text;
}

const char *format_decade_low(const struct report_decade *decade, char text[FORMAT_SIZE]) {
    char low[FORMAT_SIZE];
    snprintf(text, FORMAT_SIZE, "from %.29s", format_count((uint64_t)decade->low, low));
    return text;
}

const char *format_answer(enum report_answer answer) {
    return answer == REPORT_YES ? "yes" : answer == REPORT_NO ? "no" : "unknown";
}

const char *format_no_truth(const struct report *report) {
    bool running = strcmp(report->session.state, "running") == 0;
    bool captured = strcmp(report->session.kind, "lab") == 0;
    for (size_t i = 0; i < report->capture_count; i++) {
        captured = captured || report->captures[i].is_station;
    }
    return !captured ? "no capture at a tap"
           : running ? "no frame in the database yet"
                     : "the captures saw no frame";
}

const char *format_truth_rule(const struct report *report) {
    static const char *const words[] = {[REPORT_OFFERED] = "as offered",
                                        [REPORT_DELIVERED] = "as delivered",
                                        [REPORT_AT_MOST] = "as offered",
                                        [REPORT_AT_OTHER] = "as delivered",
                                        [REPORT_LONE_TAP] = "as seen at one tap"};
    const char *word = report->entry_count == 0 ? "as offered" : words[report->entries[0].rule];
    for (size_t i = 1; i < report->entry_count; i++) {
        if (strcmp(words[report->entries[i].rule], word) != 0) {
            return "by port";
        }
    }
    return word;
}

/* So many rules are named; the others are counted. */
#define RULES_NAMED 6

struct report_notes format_setup(const struct report *report) {
    const struct report_setup *setup = &report->setup;
    struct report_notes notes = {.count = 0};
    if (setup->scenario[0] != '\0') {
        report_note(&notes, "scenario %s", setup->scenario);
    }
    if (setup->hosts > 2 || setup->addresses > 1) {
        report_note(&notes, "%lld hosts, %lld address%s of each IP version at each", (long long)setup->hosts,
                    (long long)setup->addresses, setup->addresses == 1 ? "" : "es");
    }
    for (size_t i = 0; i < setup->impairment_count; i++) {
        report_note(&notes, "on purpose, behind the switch, %s", setup->impairments[i].text);
    }
    for (size_t i = 0; i < setup->rule_count && i < RULES_NAMED; i++) {
        report_note(&notes, "OpenFlow %s", setup->rules[i].text);
    }
    if (setup->rule_count > RULES_NAMED) {
        report_note(&notes, "and %zu more rules or meters", setup->rule_count - RULES_NAMED);
    }
    return notes;
}

/* True if frames were duplicated on purpose before they came to a tap. */
static bool has_duplicates(const struct report *report) {
    bool found = false;
    for (size_t i = 0; i < report->ledger.stage_count; i++) {
        const struct report_stage *row = &report->ledger.stages[i];
        found = found || (strcmp(row->stage, "switch_out_impaired_duplicate") == 0 && row->packets > 0);
    }
    return found;
}

/* In which flows frames came out again is not known: they came out as others. */
static void say_rewritten(const struct report *report, char *text, size_t size) {
    char cells[2][FORMAT_SIZE];
    snprintf(
        text, size,
        "%s packets came out of %s, all flows together; of which flow is not known, since a rule rewrites "
        "addresses or ports",
        format_count(report->delivered_packets + report->copied_packets, cells[0]),
        format_count(report->truth_packets, cells[1]));
}

/* True if frames were dropped on purpose, by rules or because there was no room. */
static bool has_drops(const struct report *report) {
    static const char *const marks[] = {"_impaired_loss", "_rule_drop", "_meter_drop", "switch_out_drop"};
    for (size_t i = 0; i < report->ledger.stage_count; i++) {
        const struct report_stage *row = &report->ledger.stages[i];
        bool counts = row->packets > 0 && strncmp(row->stage, "switch_", 7) == 0;
        for (size_t mark = 0; counts && mark < sizeof marks / sizeof *marks; mark++) {
            if (strstr(row->stage, marks[mark]) != NULL) {
                return true;
            }
        }
    }
    return false;
}

/* What made copies: nobody told them apart, so all that can have. */
static const char *cause_of_copies(const struct report *report) {
    bool rules = report->setup.rule_count > 0 || strcmp(report->session.kind, "attach") == 0;
    bool floods = report->entry_count > 2;
    if (has_duplicates(report)) {
        return floods ? ", by flooding and on purpose" : rules ? ", on purpose or by a rule" : " on purpose";
    }
    return !rules ? " by flooding" : floods ? " by flooding or a rule" : " by a rule";
}

bool format_delivery(const struct report *report, char *text, size_t size) {
    char cells[3][FORMAT_SIZE];
    char copied[FORMAT_SIZE + 32] = "";
    bool both = has_drops(report) && (report->copied_packets > 0 || has_duplicates(report));
    static const char net[] = "; net, flow by flow: frames were dropped and copied (see the ledger)";
    if (!report->has_truth || !report->has_delivery) {
        return false;
    }
    if (!report->flow_delivery) {
        say_rewritten(report, text, size);
        return true;
    }
    if (report->copied_packets > 0) {
        snprintf(copied, sizeof copied, "; %s copies%s", format_count(report->copied_packets, cells[2]),
                 cause_of_copies(report));
    }
    if (report->undelivered_packets == 0) {
        snprintf(text, size, "all of them%s%s", copied, both ? net : "");
    } else {
        snprintf(text, size, "%s packets, and %s not%s%s", format_count(report->delivered_packets, cells[0]),
                 format_count(report->undelivered_packets, cells[1]), copied, both ? net : "");
    }
    return true;
}
