/* Several sessions of the same thing beside each other: how far their figures scatter. */
#pragma once

#include <stdio.h>

#include "reports/model.h"
#include "reports/render.h"

#define REPORT_REPEATS_MAX 100

/* What is looked at of each source. */
#define REPORT_REPEAT_FIGURES                                                                                \
    REPORT_REPEAT_FIGURE(packets_weighted_error, "weighted error of packets")                                \
    REPORT_REPEAT_FIGURE(packets_bias, "bias of packets")                                                    \
    REPORT_REPEAT_FIGURE(bytes_weighted_error, "weighted error of bytes")                                    \
    REPORT_REPEAT_FIGURE(bytes_bias, "bias of bytes")                                                        \
    REPORT_REPEAT_FIGURE(coverage, "intervals that hold the truth")                                          \
    REPORT_REPEAT_FIGURE(flows_seen, "flows seen")

enum report_repeat_figure {
#define REPORT_REPEAT_FIGURE(NAME, TITLE) REPORT_REPEAT_##NAME,
    REPORT_REPEAT_FIGURES
#undef REPORT_REPEAT_FIGURE
        REPORT_REPEAT_FIGURE_COUNT
};

struct report_repeat_source {
    char name[80], title[80];                                       /* of the first session that has it */
    double figures[REPORT_REPEAT_FIGURE_COUNT][REPORT_REPEATS_MAX]; /* shares; NAN for what is not known */
    enum report_answer ok[REPORT_REPEATS_MAX];
};

struct report_repeat_session {
    int64_t id;
    char label[128];
    enum report_answer ok;
};

struct report_repeats {
    struct report_repeat_session sessions[REPORT_REPEATS_MAX];
    size_t count;
    struct report_repeat_source sources[REPORT_SOURCES_MAX];
    size_t source_count;
};

/* Adds what 'report' says, unless 'repeats' (zeroed before the first) is full. */
void report_repeats_add(struct report_repeats *repeats, const struct report *report);

/* Writes the table of 'repeats' as text, as the members "sessions" and "sources" of a JSON object that the
 * caller has opened and closes, or as CSV, a line a session, source and figure.  Returns 0 or -ENOMEM. */
int report_repeats_text(const struct report_repeats *repeats, FILE *out);
int report_repeats_json(const struct report_repeats *repeats, FILE *out);
int report_repeats_csv(const struct report_repeats *repeats, FILE *out);
