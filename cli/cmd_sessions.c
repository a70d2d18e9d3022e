/* nsmon sessions: what the database holds. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/say.h"
#include "collector/store/edit.h"
#include "common/clock.h"
#include "common/privilege.h"

static int run(int argc, char *argv[]);

const struct command command_sessions = {"sessions", "list, label and delete sessions", run};

static void print_help(void) {
    fputs("Usage: nsmon sessions [OPTION...]\n"
          "       nsmon sessions label SESSION TEXT [OPTION...]\n"
          "       nsmon sessions delete SESSION... [OPTION...]\n\n"
          "Lists the sessions that the database holds, the newest first; names one, or deletes some\n"
          "with all that was measured.  SESSION is an id, a label or 'latest'.  Without --db it\n"
          "looks into both default files.\n\n"
          "      --db FILE        the database\n"
          "      --format FORMAT  text (the default), json or csv\n"
          "  -o, --output FILE    write to FILE, not to standard output\n"
          "  -h, --help           this text\n\n"
          "Examples:\n"
          "  nsmon sessions --format json\n"
          "  nsmon sessions label latest before-the-upgrade\n",
          stdout);
}

struct listing {
    enum report_format format;
    FILE *out;
    json_t *rows;
    const char *path;
    size_t count;
};

static int list_text(const struct read_session *session, struct listing *listing) {
    char started[CLOCK_TEXT_SIZE];
    double seconds =
        session->stopped_ns == READ_NULL ? 0.0 : (double)(session->stopped_ns - session->started_ns) / 1e9;
    if (listing->count == 0) {
        fprintf(listing->out, "%6s  %-7s %-8s %-23s %10s  %s\n", "id", "kind", "state", "began", "seconds",
                "label");
    }
    fprintf(listing->out, "%6lld  %-7s %-8s %-23s ", (long long)session->id, session->kind, session->state,
            clock_format(session->started_ns, started));
    if (session->stopped_ns == READ_NULL) {
        fprintf(listing->out, "%10s", "-");
    } else {
        fprintf(listing->out, "%10.1f", seconds);
    }
    fputs("  ", listing->out);
    for (const char *at = session->label; *at != '\0'; at++) {
        fputc((unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at, listing->out);
    }
    fputc('\n', listing->out);
    return 0;
}

static json_t *known(int64_t value) {
    return value == READ_NULL ? json_null() : json_integer(value);
}

static json_t *label_json(const struct read_session *session) {
    json_t *label = session->label[0] == '\0' ? json_null() : json_string(session->label);
    return label == NULL ? json_null() : label;
}

static int list_session(const struct read_session *session, void *context) {
    struct listing *listing = context;
    if (listing->format == REPORT_JSON) {
        json_t *row = json_pack("{s:I, s:o, s:s, s:s, s:o, s:o, s:s}", "id", (json_int_t)session->id, "label",
                                label_json(session), "kind", session->kind, "state", session->state,
                                "started_ns", known(session->started_ns), "stopped_ns",
                                known(session->stopped_ns), "database", listing->path);
        if (row == NULL || json_array_append_new(listing->rows, row) != 0) {
            return -ENOMEM;
        }
    } else if (listing->format == REPORT_CSV) {
        if (listing->count == 0) {
            fputs("id,label,kind,state,started_ns,stopped_ns\r\n", listing->out);
        }
        fprintf(listing->out, "%lld,\"", (long long)session->id);
        for (const char *at = session->label; *at != '\0'; at++) {
            fputs(*at == '"' ? "\"\"" : (char[]){*at, '\0'}, listing->out);
        }
        fprintf(listing->out, "\",%s,%s,%lld,", session->kind, session->state,
                (long long)session->started_ns);
        if (session->stopped_ns != READ_NULL) {
            fprintf(listing->out, "%lld", (long long)session->stopped_ns);
        }
        fputs("\r\n", listing->out);
    } else {
        list_text(session, listing);
    }
    listing->count++;
    return 0;
}

/* Lists the sessions of the file 'path'. */
static int list_file(const char *path, struct listing *listing, struct error *error) {
    struct reader *reader = reader_open(path, error);
    if (reader == NULL) {
        return -EIO;
    }
    listing->path = path;
    listing->count = 0;
    int rc = reader_each_session(reader, list_session, listing, error);
    if (listing->count == 0 && listing->format == REPORT_TEXT && rc == 0) {
        fprintf(listing->out, "%s holds no session\n", path);
    }
    reader_close(reader);
    return rc;
}

/* Lists the file that 'options' name, or the default files that are there. */
static int list_all(const struct read_options *options, struct listing *listing, struct error *error) {
    if (options->database != NULL) {
        return list_file(options->database, listing, error);
    }
    size_t found = 0;
    for (size_t i = 0; i < READER_DEFAULT_PATHS; i++) {
        char path[4096];
        struct stat status;
        if (!reader_default_path(i, path, sizeof path) || stat(path, &status) != 0) {
            continue;
        }
        if (listing->format == REPORT_TEXT) {
            fprintf(listing->out, "%s%s\n", found > 0 ? "\n" : "", path);
        }
        found++;
        int rc = list_file(path, listing, error);
        if (rc != 0) {
            return rc;
        }
    }
    return found > 0
               ? 0
               : error_set(error, -ENOENT,
                           "looking for a database: there is none yet: run 'nsmon start' or 'nsmon import' "
                           "first, or name one with --db");
}

static int list(const struct read_options *options) {
    struct error error = {""};
    struct listing listing = {.format = options->format, .rows = json_array()};
    listing.out = read_output_open(options, &error);
    if (listing.out == NULL) {
        json_decref(listing.rows);
        return say_failed(&error);
    }
    read_drop_root(options);
    read_output_begin(listing.out);
    int rc = list_all(options, &listing, &error);
    if (rc == 0 && listing.format == REPORT_JSON) {
        rc = json_dumpf(listing.rows, listing.out, JSON_INDENT(2));
        fputc('\n', listing.out);
    }
    json_decref(listing.rows);
    int close_rc = read_output_close(options, listing.out, rc == 0 ? &error : NULL);
    return rc != 0 || close_rc != 0 ? say_failed(&error) : EXIT_DONE;
}

/* Becomes the owner of the file, so that root leaves no journal behind that the next session's user can't
 * write. */
static int become_owner(const char *path, struct error *error) {
    struct stat status;
    if (geteuid() != 0 || stat(path, &status) != 0 || status.st_uid == 0) {
        return 0;
    }
    struct identity owner = {.uid = status.st_uid, .gid = status.st_gid};
    snprintf(owner.name, sizeof owner.name, "of id %u", (unsigned int)status.st_uid);
    return privilege_drop(&owner, error);
}

/* Finds 'wanted' and labels it, or deletes it when 'label' is NULL. */
static int edit(const struct read_options *options, const char *wanted, const char *label,
                struct error *error) {
    struct read_session session;
    char path[4096];
    struct reader *reader = reader_open_session(options->database, wanted, NULL, &session, error);
    if (reader == NULL) {
        return -ENOENT;
    }
    snprintf(path, sizeof path, "%s", reader_path(reader));
    reader_close(reader);
    int code = become_owner(path, error);
    if (code != 0) {
        return code;
    }
    code = label != NULL ? store_label_session(path, session.id, label, error)
                         : store_delete_session(path, session.id, error);
    if (code == 0) {
        say_step("%s session %lld of %s", label != NULL ? "labelled" : "deleted", (long long)session.id,
                 path);
    }
    return code;
}

/* "label SESSION TEXT" or "delete SESSION...".  Returns an exit status. */
static int run_words(const struct read_options *options, int count, char *words[]) {
    struct error error = {""};
    bool label = strcmp(words[0], "label") == 0;
    if (!label && strcmp(words[0], "delete") != 0) {
        say_extra_argument(words[0], &error);
        return say_usage("sessions", &error);
    }
    if (label ? count != 3 || strlen(words[2]) > 64 : count < 2) {
        error_set(&error, -EINVAL,
                  label ? "label takes a session and a text of up to 64 characters"
                        : "delete takes sessions");
        return say_usage("sessions", &error);
    }
    if (label) {
        return edit(options, words[1], words[2], &error) == 0 ? EXIT_DONE : say_failed(&error);
    }
    for (int i = 1; i < count; i++) {
        if (edit(options, words[i], NULL, &error) != 0) {
            return say_failed(&error);
        }
    }
    return EXIT_DONE;
}

/* All sessions are listed, so none is chosen by an option: --session, --prefix and --top are not taken. */
static const struct option options_table[] = {{"db", required_argument, NULL, READ_OPTION_DB},
                                              {"format", required_argument, NULL, READ_OPTION_FORMAT},
                                              {"output", required_argument, NULL, 'o'},
                                              {"help", no_argument, NULL, 'h'},
                                              {NULL, 0, NULL, 0}};

static int run(int argc, char *argv[]) {
    struct read_options options;
    struct error error;
    read_options_init(&options);
    int option;
    while ((option = getopt_long(argc, argv, READ_SHORT_OPTIONS, options_table, NULL)) != -1) {
        int rc = read_option_take(option, optarg, &options, &error);
        if (rc > 0) {
            rc = say_bad_option(argv, option, &error);
        } else if (rc == 0 && options.format == REPORT_HTML) {
            rc = error_set(&error, -EINVAL, "--format takes text, json or csv here, not 'html'");
        }
        if (rc < 0) {
            return say_usage("sessions", &error);
        }
    }
    if (options.help) {
        print_help();
        return EXIT_DONE;
    }
    return optind < argc ? run_words(&options, argc - optind, argv + optind) : list(&options);
}
