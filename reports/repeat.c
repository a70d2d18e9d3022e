#include "reports/repeat.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "reports/format.h"
#include "reports/stats/spread.h"

static const char *const figure_names[] = {
#define REPORT_REPEAT_FIGURE(NAME, TITLE) #NAME,
    REPORT_REPEAT_FIGURES
#undef REPORT_REPEAT_FIGURE
};

static const char *const figure_titles[] = {
#define REPORT_REPEAT_FIGURE(NAME, TITLE) TITLE,
    REPORT_REPEAT_FIGURES
#undef REPORT_REPEAT_FIGURE
};

/* The place of the source called as 'source' is; a new one if there is room, else NULL. */
static struct report_repeat_source *place_of(struct report_repeats *repeats,
                                             const struct report_source *source) {
    for (size_t i = 0; i < repeats->source_count; i++) {
        if (strcmp(repeats->sources[i].name, source->name) == 0) {
            return &repeats->sources[i];
        }
    }
    if (repeats->source_count == REPORT_SOURCES_MAX) {
        return NULL;
    }
    struct report_repeat_source *place = &repeats->sources[repeats->source_count++];
    memcpy(place->name, source->name, sizeof place->name);
    memcpy(place->title, source->title, sizeof place->title);
    for (size_t i = 0; i < REPORT_REPEATS_MAX; i++) {
        place->ok[i] = REPORT_UNKNOWN;
        for (size_t figure = 0; figure < REPORT_REPEAT_FIGURE_COUNT; figure++) {
            place->figures[figure][i] = NAN;
        }
    }
    return place;
}

void report_repeats_add(struct report_repeats *repeats, const struct report *report) {
    if (repeats->count == REPORT_REPEATS_MAX) {
        return;
    }
    size_t at = repeats->count++;
    repeats->sessions[at] = (struct report_repeat_session){.id = report->session.id, .ok = report->ok};
    memcpy(repeats->sessions[at].label, report->session.label, sizeof repeats->sessions[at].label);
    for (size_t i = 0; i < report->source_count; i++) {
        const struct report_source *source = &report->sources[i];
        struct report_repeat_source *place = place_of(repeats, source);
        if (place == NULL) {
            continue;
        }
        uint64_t flows = source->packets_summary.seen + source->packets_summary.missed;
        place->ok[at] = source->ok;
        place->figures[REPORT_REPEAT_packets_weighted_error][at] = source->packets_summary.weighted_error;
        place->figures[REPORT_REPEAT_packets_bias][at] = source->packets_summary.bias;
        place->figures[REPORT_REPEAT_bytes_weighted_error][at] = source->bytes_summary.weighted_error;
        place->figures[REPORT_REPEAT_bytes_bias][at] = source->bytes_summary.bias;
        place->figures[REPORT_REPEAT_coverage][at] =
            source->rate_unknown ? NAN : source->packets_summary.coverage;
        place->figures[REPORT_REPEAT_flows_seen][at] =
            flows == 0 ? NAN : (double)source->packets_summary.seen / (double)flows;
    }
}

static struct stats_spread spread_of(const struct report_repeats *repeats,
                                     const struct report_repeat_source *source, size_t figure) {
    double values[REPORT_REPEATS_MAX];
    memcpy(values, source->figures[figure], sizeof values);
    return stats_spread_of(values, repeats->count);
}

static size_t count_of(const enum report_answer answers[], size_t count, enum report_answer wanted) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += answers[i] == wanted;
    }
    return found;
}

/* --- text --- */

/* A share: with its sign where the figure has one. */
static const char *format_figure(size_t figure, double value, char text[FORMAT_SIZE]) {
    bool sign = figure == REPORT_REPEAT_packets_bias || figure == REPORT_REPEAT_bytes_bias;
    return sign ? format_percent(value, NULL, text) : format_share(value, text);
}

static void put_pair(size_t figure, double low, double high, FILE *out) {
    char text[2][FORMAT_SIZE];
    char both[FORMAT_SIZE * 2 + 8];
    snprintf(both, sizeof both, "%s to %s", format_figure(figure, low, text[0]),
             format_figure(figure, high, text[1]));
    fprintf(out, "%24s", isnan(low) ? "-" : both);
}

static void put_source(const struct report_repeats *repeats, const struct report_repeat_source *source,
                       FILE *out) {
    char text[FORMAT_SIZE];
    size_t good = count_of(source->ok, repeats->count, REPORT_YES);
    size_t bad = count_of(source->ok, repeats->count, REPORT_NO);
    fprintf(out, "\n%s: OK in %zu of %zu", source->title, good, repeats->count);
    if (good + bad < repeats->count) {
        fprintf(out, ", not to be judged in %zu", repeats->count - good - bad);
    }
    fputc('\n', out);
    for (size_t figure = 0; figure < REPORT_REPEAT_FIGURE_COUNT; figure++) {
        struct stats_spread spread = spread_of(repeats, source, figure);
        fprintf(out, "  %-30s %10s", figure_titles[figure], format_figure(figure, spread.median, text));
        put_pair(figure, spread.least, spread.greatest, out);
        put_pair(figure, spread.interval.low, spread.interval.high, out);
        fputc('\n', out);
    }
}

int report_repeats_text(const struct report_repeats *repeats, FILE *out) {
    fprintf(out, "%zu repetitions:", repeats->count);
    for (size_t i = 0; i < repeats->count; i++) {
        fprintf(out, "%s %s (session %" PRId64 ")", i == 0 ? "" : ",", repeats->sessions[i].label,
                repeats->sessions[i].id);
    }
    fprintf(out, "\n\n%-32s %10s%24s%24s\n", "", "median", "range", "95 % of the median");
    for (size_t i = 0; i < repeats->source_count; i++) {
        put_source(repeats, &repeats->sources[i], out);
    }
    if (repeats->count < STATS_SPREAD_MIN) {
        fprintf(out, "\nFewer than %d repetitions say nothing certain of a median.\n", STATS_SPREAD_MIN);
    }
    return 0;
}

/* --- JSON and CSV --- */

static json_t *real_or_null(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *answer_json(enum report_answer answer) {
    return answer == REPORT_UNKNOWN ? json_null() : json_boolean(answer == REPORT_YES);
}

static json_t *figure_json(const struct report_repeats *repeats, const struct report_repeat_source *source,
                           size_t figure) {
    struct stats_spread spread = spread_of(repeats, source, figure);
    json_t *values = json_array();
    for (size_t i = 0; i < repeats->count; i++) {
        json_array_append_new(values, real_or_null(source->figures[figure][i]));
    }
    return json_pack("{s:o, s:[o,o], s:[o,o], s:o}", "median", real_or_null(spread.median), "range",
                     real_or_null(spread.least), real_or_null(spread.greatest), "median_ci",
                     real_or_null(spread.interval.low), real_or_null(spread.interval.high), "values", values);
}

static json_t *source_json(const struct report_repeats *repeats, const struct report_repeat_source *source) {
    json_t *ok = json_array();
    for (size_t i = 0; i < repeats->count; i++) {
        json_array_append_new(ok, answer_json(source->ok[i]));
    }
    json_t *json = json_pack("{s:s, s:s, s:o}", "name", source->name, "title", source->title, "ok", ok);
    for (size_t figure = 0; figure < REPORT_REPEAT_FIGURE_COUNT; figure++) {
        json_object_set_new(json, figure_names[figure], figure_json(repeats, source, figure));
    }
    return json;
}

int report_repeats_json(const struct report_repeats *repeats, FILE *out) {
    json_t *sessions = json_array();
    json_t *sources = json_array();
    for (size_t i = 0; i < repeats->count; i++) {
        const struct report_repeat_session *session = &repeats->sessions[i];
        json_array_append_new(sessions, json_pack("{s:I, s:s, s:o}", "id", (json_int_t)session->id, "label",
                                                  session->label, "ok", answer_json(session->ok)));
    }
    for (size_t i = 0; i < repeats->source_count; i++) {
        json_array_append_new(sources, source_json(repeats, &repeats->sources[i]));
    }
    json_t *root = json_pack("{s:o, s:o}", "sessions", sessions, "sources", sources);
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(10));
    json_decref(root);
    if (text == NULL) {
        return -ENOMEM;
    }
    fwrite(text + 1, 1, strlen(text) - 2, out); /* without the braces */
    free(text);
    return 0;
}

/* In quotes, those in 'text' doubled: RFC 4180, 2. */
static void put_quoted(const char *text, FILE *out) {
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            fputc('"', out);
        }
        fputc(*text, out);
    }
    fputc('"', out);
}

int report_repeats_csv(const struct report_repeats *repeats, FILE *out) {
    fputs("session,label,source,ok,figure,value\r\n", out);
    for (size_t i = 0; i < repeats->count; i++) {
        for (size_t s = 0; s < repeats->source_count; s++) {
            const struct report_repeat_source *source = &repeats->sources[s];
            for (size_t figure = 0; figure < REPORT_REPEAT_FIGURE_COUNT; figure++) {
                double value = source->figures[figure][i];
                fprintf(out, "%" PRId64 ",", repeats->sessions[i].id);
                put_quoted(repeats->sessions[i].label, out);
                fprintf(out, ",%s,%s,%s,", source->name, format_answer(source->ok[i]), figure_names[figure]);
                if (isfinite(value)) {
                    fprintf(out, "%.10g", value);
                }
                fputs("\r\n", out);
            }
        }
    }
    return 0;
}
