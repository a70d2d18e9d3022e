#include "cli/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/parse.h"
#include "cli/say.h"
#include "collector/store/read/reader.h"
#include "common/log.h"
#include "common/privilege.h"
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
    /* What stands there stays until there is something to put in its place: read_output_begin(). */
    int fd = open(options->output, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (out == NULL) {
        error_set(error, -errno, "writing '%s': %s: give another file with -o", options->output,
                  strerror(errno));
    }
    return out;
}

void read_output_begin(FILE *out) {
    struct stat status;
    if (out != stdout && fstat(fileno(out), &status) == 0 && S_ISREG(status.st_mode) &&
        ftruncate(fileno(out), 0) != 0) {
        log_warning("what the output file held before could not be removed");
    }
}

int read_output_check(const struct read_options *options, struct error *error) {
    FILE *out = read_output_open(options, error);
    return out == NULL ? -EIO : out == stdout ? 0 : read_output_close(options, out, error);
}

/* True if 'identity' may read 'path', or there is no such file. */
static bool may_read(const struct identity *identity, const char *path) {
    bool readable = false;
    if (access(path, F_OK) != 0) {
        return true;
    }
    if (setegid(identity->gid) == 0 && seteuid(identity->uid) == 0) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        readable = fd >= 0;
        if (fd >= 0) {
            close(fd);
        }
    }
    if (seteuid(0) != 0 || setegid(0) != 0) {
        return false;
    }
    return readable;
}

void read_drop_root(const struct read_options *options) {
    struct identity identity;
    char path[4096];
    bool readable = geteuid() == 0 && privilege_find_user(&identity, NULL) == 0;
    for (size_t i = 0; readable && i < READER_DEFAULT_PATHS; i++) {
        const char *file = options->database != NULL                   ? options->database
                           : reader_default_path(i, path, sizeof path) ? path
                                                                       : NULL;
        readable = file == NULL || may_read(&identity, file);
    }
    if (readable) {
        privilege_drop(&identity, NULL);
    }
}

int read_output_close(const struct read_options *options, FILE *out, struct error *error) {
    int rc = out == stdout ? fflush(out) : fclose(out);
    if (rc != 0) {
        return error_set(error, -EIO, "writing '%s': %s: is the disk full?",
                         options->output == NULL ? "standard output" : options->output, strerror(errno));
    }
    return 0;
}

/* The columns of the terminal at standard output, at most what is easy to read; 0 if there is none. */
static size_t terminal_columns(void) {
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return 0;
    }
    return size.ws_col < REPORT_COLUMNS ? size.ws_col : REPORT_COLUMNS;
}

struct report_style read_style(const struct read_options *options, bool whole_story, FILE *out) {
    const char *no_colour = getenv("NO_COLOR");
    return (struct report_style){
        .colour = out == stdout && isatty(STDOUT_FILENO) && (no_colour == NULL || no_colour[0] == '\0'),
        .whole_story = whole_story,
        .columns = out == stdout ? terminal_columns() : 0,
        .top = options->top != READ_TOP_DEFAULT                ? options->top
               : whole_story || options->format == REPORT_HTML ? 20
                                                               : 5,
    };
}

/* Writes 'report' to 'out' as 'options' say. */
static int write_report(const struct read_options *options, const struct report *report, bool whole_story,
                        FILE *out, struct error *error) {
    const struct report_style style = read_style(options, whole_story, out);
    read_output_begin(out);
    return report_render(report, options->format, &style, out, error);
}

int read_and_report(const struct read_options *options, const char *const names[], size_t name_count,
                    bool whole_story, enum report_answer *ok) {
    struct error error = {""};
    struct read_session session;
    FILE *out = read_output_open(options, &error);
    if (out == NULL) {
        return say_failed(&error);
    }
    read_drop_root(options);
    struct reader *reader =
        reader_open_session(options->database, options->session, options->prefix, &session, &error);
    if (reader == NULL) {
        read_output_close(options, out, NULL);
        return say_failed(&error);
    }
    int status = EXIT_DONE;
    struct report *report = calloc(1, sizeof *report);
    if (report == NULL) {
        error_set(&error, -ENOMEM, "comparing session %lld: out of memory", (long long)session.id);
        status = say_failed(&error);
    } else if (report_compare(reader, &session, names, name_count, report, &error) != 0 ||
               write_report(options, report, whole_story, out, &error) != 0) {
        status = say_failed(&error);
    } else if (ok != NULL) {
        *ok = report->ok;
    }
    report_free(report);
    free(report);
    reader_close(reader);
    if (read_output_close(options, out, &error) != 0 && status == EXIT_DONE) {
        status = say_failed(&error);
    }
    return status;
}
