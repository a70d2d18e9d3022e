#include "cli/run_repeats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/say.h"
#include "reports/compare.h"
#include "reports/repeat.h"

struct labels {
    const char *base;
    unsigned last; /* the highest number that is taken */
};

static int look_at_label(const struct read_session *session, void *context) {
    struct labels *labels = context;
    size_t length = strlen(labels->base);
    const char *digits = session->label + length + 1;
    if (strncmp(session->label, labels->base, length) == 0 && session->label[length] == '-' &&
        strspn(digits, "0123456789") == strlen(digits) && strlen(digits) < 9) {
        unsigned long number = strtoul(digits, NULL, 10);
        labels->last = number > labels->last ? (unsigned)number : labels->last;
    }
    return 0;
}

unsigned run_repeats_first(const char *path, const char *base) {
    char own[4096];
    struct labels labels = {.base = base};
    /* Root's own file is the first of the default ones. */
    const char *file = path != NULL ? path : reader_default_path(0, own, sizeof own) ? own : NULL;
    struct reader *reader = file == NULL ? NULL : reader_open(file, NULL);
    if (reader != NULL) {
        reader_each_session(reader, look_at_label, &labels, NULL);
    }
    reader_close(reader);
    return labels.last + 1;
}

/* Compares one session; what it says goes to 'out' (with text and JSON) and to 'repeats'. */
static int report_one(const struct read_options *options, int64_t id, struct report_repeats *repeats,
                      FILE *out, struct error *error) {
    char wanted[24];
    struct read_session session;
    struct report *report = calloc(1, sizeof *report);
    if (report == NULL) {
        return error_set(error, -ENOMEM, "comparing session %" PRId64 ": out of memory", id);
    }
    snprintf(wanted, sizeof wanted, "%" PRId64, id);
    struct reader *reader = reader_open_session(options->database, wanted, NULL, &session, error);
    int code = reader == NULL ? -EIO : report_compare(reader, &session, NULL, 0, report, error);
    if (code == 0 && options->format != REPORT_CSV) {
        const struct report_style style = read_style(options, false, out);
        code = report_render(report, options->format, &style, out, error);
    }
    if (code == 0) {
        report_repeats_add(repeats, report);
    }
    report_free(report);
    free(report);
    reader_close(reader);
    return code;
}

/* Writes each session and then all of them. */
static int write_all(const struct read_options *options, const int64_t ids[], size_t count,
                     struct report_repeats *repeats, FILE *out, struct error *error) {
    bool json = options->format == REPORT_JSON;
    int code = 0;
    read_output_begin(out);
    fputs(json ? "{\n\"format\": \"nsmon-repetitions-1\",\n\"repetitions\": [\n" : "", out);
    for (size_t i = 0; code == 0 && i < count; i++) {
        code = report_one(options, ids[i], repeats, out, error);
        if (options->format != REPORT_CSV && (!json || i + 1 < count)) {
            fputs(json ? ",\n" : "\n\n", out);
        }
    }
    if (code != 0) {
        return code;
    }
    fputs(json ? "]," : "", out);
    code = json                            ? report_repeats_json(repeats, out)
           : options->format == REPORT_CSV ? report_repeats_csv(repeats, out)
                                           : report_repeats_text(repeats, out);
    fputs(json ? "}\n" : "", out);
    return code == 0 ? 0 : error_set(error, code, "comparing %zu sessions: %s", count, strerror(-code));
}

int run_repeats_report(const struct read_options *options, const int64_t ids[], size_t count) {
    struct error error = {.text = ""};
    struct report_repeats *repeats = calloc(1, sizeof *repeats);
    FILE *out = read_output_open(options, &error);
    if (repeats == NULL || out == NULL) {
        free(repeats);
        return say_failed(&error);
    }
    read_drop_root(options);
    int status = write_all(options, ids, count, repeats, out, &error) == 0 ? EXIT_DONE : say_failed(&error);
    if (read_output_close(options, out, &error) != 0 && status == EXIT_DONE) {
        status = say_failed(&error);
    }
    free(repeats);
    return status;
}
