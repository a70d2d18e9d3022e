/* The options that the commands which read a database share: --db, --session, --format, -o. */
#pragma once

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/error.h"
#include "reports/render.h"

struct read_options {
    const char *database; /* NULL: the default files */
    const char *session;  /* NULL: the latest */
    const char *prefix;   /* whose lab's latest session; NULL: anybody's */
    const char *output;   /* NULL: standard output */
    enum report_format format;
    size_t top; /* READ_TOP_DEFAULT unless given */
    bool help;
};

/* As many of the largest flows as suit what is written. */
#define READ_TOP_DEFAULT SIZE_MAX

#define READ_SHORT_OPTIONS ":ho:"

enum read_option {
    READ_OPTION_DB = 512,
    READ_OPTION_SESSION,
    READ_OPTION_PREFIX,
    READ_OPTION_FORMAT,
    READ_OPTION_TOP
};

/* The entries of these options for getopt_long()'s table. */
#define READ_LONG_OPTIONS                                                                                    \
    {"db", required_argument, NULL, READ_OPTION_DB},                                                         \
        {"session", required_argument, NULL, READ_OPTION_SESSION},                                           \
        {"prefix", required_argument, NULL, READ_OPTION_PREFIX},                                             \
        {"format", required_argument, NULL, READ_OPTION_FORMAT}, {"output", required_argument, NULL, 'o'},   \
        {"top", required_argument, NULL, READ_OPTION_TOP}, {                                                 \
        "help", no_argument, NULL, 'h'                                                                       \
    }

/* Their lines in a command's --help. */
extern const char read_options_help[];

/* Text on standard output, of the latest session. */
void read_options_init(struct read_options *options);

/* Puts 'option', as getopt_long() gave it, with its 'argument' into 'options'.  Returns 0; 1 if it is none of
 * these; or -EINVAL with 'error' filled. */
int read_option_take(int option, const char *argument, struct read_options *options, struct error *error);

/* Gives up root, if this process is root's and an ordinary user may read the database as well: what is in it
 * came off a network and through an unprivileged process.  To be called after read_output_open(). */
void read_drop_root(const struct read_options *options);

/* Empties the file before the first word. */
void read_output_begin(FILE *out);

/* Opens the place that results go to; a file keeps what it holds until read_output_begin().  Returns NULL
 * with 'error' filled. */
FILE *read_output_open(const struct read_options *options, struct error *error);

/* Looks whether results can go there, before anything that takes long; makes the file.  Returns 0, or -EIO
 * with 'error' filled. */
int read_output_check(const struct read_options *options, struct error *error);

/* Closes it.  Returns 0 or -EIO with 'error' filled when not all could be written. */
int read_output_close(const struct read_options *options, FILE *out, struct error *error);

/* How a comparison looks that 'options' want written to 'out'; 'whole_story' as below. */
struct report_style read_style(const struct read_options *options, bool whole_story, FILE *out);

/* Compares 'names' in the session that 'options' name and writes the report.  What has to be said while that
 * goes on is said.  Unless a number was given, the text of a comparison lists the 5 largest flows, and the
 * whole story and each HTML the 20 largest.  'ok' is the verdict.  Returns an exit status. */
int read_and_report(const struct read_options *options, const char *const names[], size_t name_count,
                    bool whole_story, enum report_answer *ok);
