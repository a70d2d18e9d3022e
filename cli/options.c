#include "cli/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/parse.h"
#include "cli/say.h"
#include "reports/compare.h"

const char read_options_help[] =
    "      --db FILE        the database (default: /var/lib/nsmon/nsmon.db and\n"
    "                       ~/.local/share/nsmon/nsmon.db, whichever has the newest session)\n"
    "      --session WHICH  a session's id or label, or 'latest' (the default)\n"
    "      --prefix NAME    the latest session of the lab NAME\n"
    "      --format FORMAT  text (the default), json, csv or html\n"
    "  -o, --output FILE    write to FILE, not to standard output\n"
    "      --top N          list the N largest flows in text and html (20; 5 in compare's text)\n"
    "  -h, --help           this text\n";

void read_options_init(struct read_options *options) {
    *options = (struct read_options){.format = REPORT_TEXT, .top = READ_TOP_DEFAULT};
}

int read_option_take(int option, const char *argument, struct read_options *options, struct error *error) {
    int64_t number = 0;
    switch (option) {
    case READ_OPTION_DB:
        options->database = argument;
        return 0;
    case READ_OPTION_SESSION:
        options->session = argument;
        return 0;
    case READ_OPTION_PREFIX:
        options->prefix = argument;
        return 0;
    case READ_OPTION_FORMAT:
        if (!report_format_parse(argument, &options->format)) {
            return error_set(error, -EINVAL, "--format takes text, json, csv or html, not '%s'", argument);
        }
        return 0;
    case READ_OPTION_TOP:
        if (parse_number("--top", argument, 0, 1000000, &number, error) != 0) {
            return -EINVAL;
        }
        options->top = (size_t)number;
        return 0;
    case 'o':
        options->output = argument;
        return 0;
    case 'h':
        options->help = true;
        return 0;
    default:
        return 1;
    }
}

FILE *read_output_open(const struct read_options *options, struct error *error) {
    if (options->output == NULL || strcmp(options->output, "-") == 0) {
        return stdout;
    }
    FILE *out = fopen(options->output, "we");
    if (out == NULL) {
        error_set(error, -errno, "writing '%s': %s: give another file with -o", options->output,
                  strerror(errno));
    }
    return out;
}

int read_output_check(const struct read_options *options, struct error *error) {
    if (options->output == NULL || strcmp(options->output, "-") == 0) {
        return 0;
    }
    int fd = open(options->output, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        return error_set(error, -EIO, "could not write '%s': %s; give another file with -o", options->output,
                         strerror(errno));
    }
    close(fd);
    return 0;
}

int read_output_close(const struct read_options *options, FILE *out, struct error *error) {
    int rc = out == stdout ? fflush(out) : fclose(out);
    if (rc != 0) {
        return error_set(error, -EIO, "writing '%s': %s: is the disk full?",
                         options->output == NULL ? "standard output" : options->output, strerror(errno));
    }
    return 0;
}

/* Writes 'report' to where 'options' say. */
static int write_report(const struct read_options *options, const struct report *report, bool whole_story,
                        struct error *error) {
    FILE *out = read_output_open(options, error);
    if (out == NULL) {
        return -EIO;
    }
    const char *no_colour = getenv("NO_COLOR");
    const struct report_style style = {
        .colour = out == stdout && isatty(STDOUT_FILENO) && (no_colour == NULL || no_colour[0] == '\0'),
        .whole_story = whole_story,
        .top = options->top != READ_TOP_DEFAULT                ? options->top
               : whole_story || options->format == REPORT_HTML ? 20
                                                               : 5,
    };
    int rc = report_render(report, options->format, &style, out, error);
    int close_rc = read_output_close(options, out, rc == 0 ? error : NULL);
    return rc != 0 ? rc : close_rc;
}

int read_and_report(const struct read_options *options, const char *const names[], size_t name_count,
                    bool whole_story, enum report_answer *ok) {
    struct error error = {""};
    struct read_session session;
    struct reader *reader =
        reader_open_session(options->database, options->session, options->prefix, &session, &error);
    if (reader == NULL) {
        return say_failed(&error);
    }
    int status = EXIT_DONE;
    struct report *report = calloc(1, sizeof *report);
    if (report == NULL) {
        error_set(&error, -ENOMEM, "comparing session %lld: out of memory", (long long)session.id);
        status = say_failed(&error);
    } else if (report_compare(reader, &session, names, name_count, report, &error) != 0 ||
               write_report(options, report, whole_story, &error) != 0) {
        status = say_failed(&error);
    } else if (ok != NULL) {
        *ok = report->ok;
    }
    report_free(report);
    free(report);
    reader_close(reader);
    return status;
}
