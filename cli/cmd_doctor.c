/* nsmon doctor: what this machine has and lacks, and the command that mends it. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/say.h"
#include "topo/doctor/doctor.h"

static const char help[] =
    "Usage: nsmon doctor [OPTION...] [INTERFACE...]\n\n"
    "Says what this machine has and lacks for a lab and a collector: kernel, privileges, Open\n"
    "vSwitch, buffers, clocks, the labs that run, the database; each ok, a warning or failed, with\n"
    "the command that mends it.  Changes nothing and needs no root: what only root could have\n"
    "seen, it says.  INTERFACE is one that frames are to be captured at.\n\n"
    "Example:  nsmon doctor eth0\n\n"
    "  --db FILE            the database to look at (default: the default files)\n"
    "  --format text|json   (default text)\n"
    "  -h, --help           this text\n";

enum { OPTION_DB = 256, OPTION_FORMAT };

static int parse(int argc, char *argv[], struct doctor_settings *settings, bool *json, struct error *error) {
    static const struct option options[] = {{"db", required_argument, NULL, OPTION_DB},
                                            {"format", required_argument, NULL, OPTION_FORMAT},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return 1;
        }
        if (option == OPTION_DB) {
            settings->database = optarg;
        } else if (option != OPTION_FORMAT) {
            return say_bad_option(argv, option, error);
        } else {
            *json = strcmp(optarg, "json") == 0;
            if (!*json && strcmp(optarg, "text") != 0) {
                return error_set(error, -EINVAL, "--format takes text or json, not '%s'", optarg);
            }
        }
    }
    for (; optind < argc; optind++) {
        if (settings->interface_count == DOCTOR_INTERFACES_MAX) {
            return error_set(error, -EINVAL, "more than %d interfaces", DOCTOR_INTERFACES_MAX);
        }
        settings->interfaces[settings->interface_count++] = argv[optind];
    }
    return 0;
}

/* --- for programs --- */

static json_t *text_or_null(const char *text) {
    return text[0] != '\0' ? json_string(text) : json_null();
}

/* Returns false when not all could be written. */
static bool show_json(const struct doctor_report *report) {
    json_t *json = json_object();
    json_t *list = json_array();
    for (size_t i = 0; i < report->count; i++) {
        const struct doctor_finding *finding = &report->findings[i];
        json_t *entry = json_object();
        json_object_set_new(entry, "check", json_string(finding->check));
        json_object_set_new(entry, "subject", text_or_null(finding->subject));
        json_object_set_new(entry, "state", json_string(doctor_state_name(finding->state)));
        json_object_set_new(entry, "text", json_string(finding->text));
        json_object_set_new(entry, "fix", text_or_null(finding->fix));
        json_object_set_new(entry, "root_only", text_or_null(finding->root_only));
        json_array_append_new(list, entry);
    }
    json_object_set_new(json, "version", json_string(NSMON_VERSION));
    json_object_set_new(json, "root", json_boolean(report->root));
    json_object_set_new(json, "ok", json_integer((json_int_t)doctor_count(report, DOCTOR_OK)));
    json_object_set_new(json, "warnings", json_integer((json_int_t)doctor_count(report, DOCTOR_WARNING)));
    json_object_set_new(json, "failed", json_integer((json_int_t)doctor_count(report, DOCTOR_FAILED)));
    json_object_set_new(json, "findings", list);
    bool good = json_dumpf(json, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
    json_decref(json);
    return good;
}

/* --- for people --- */

enum { INDENT = 23, COLUMNS_MIN = 60 };

static bool in_colour(void) {
    const char *no_colour = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && (no_colour == NULL || no_colour[0] == '\0');
}

/* The columns to break lines at: the terminal's; 0, for not at all, where lines are for grep(1). */
static size_t columns(void) {
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return 0;
    }
    return size.ws_col < COLUMNS_MIN ? COLUMNS_MIN : size.ws_col;
}

/* Prints 'text' from column INDENT on, broken between words before 'width' (0: never). */
static void print_broken(const char *text, size_t width) {
    size_t room = width > INDENT ? width - INDENT : 0;
    while (room > 0 && strlen(text) > room) {
        size_t at = room;
        while (at > 0 && text[at] != ' ') {
            at--;
        }
        if (at == 0) {
            break;
        }
        printf("%.*s\n%*s", (int)at, text, INDENT, "");
        text += at + 1;
    }
    puts(text);
}

static void show_finding(const struct doctor_finding *finding, size_t width, bool colour) {
    static const char *const colours[DOCTOR_STATES] = {"\033[32m", "\033[33m", "\033[31m"};
    char text[sizeof finding->subject + sizeof finding->text + 4];
    bool named = finding->subject[0] != '\0';
    snprintf(text, sizeof text, "%s%s%s", finding->subject, named ? ": " : "", finding->text);
    printf("%s%-8s%s %-13s ", colour ? colours[finding->state] : "", doctor_state_name(finding->state),
           colour ? "\033[0m" : "", finding->check);
    print_broken(text, width);
    if (finding->fix[0] != '\0') {
        /* Not broken: it is there to be copied. */
        printf("%*s-> %s\n", INDENT, "", finding->fix);
    }
    if (finding->root_only[0] != '\0') {
        snprintf(text, sizeof text, "(only root sees %s)", finding->root_only);
        printf("%*s", INDENT, "");
        print_broken(text, width);
    }
}

static void show_text(const struct doctor_report *report) {
    size_t width = columns();
    bool colour = in_colour();
    for (size_t i = 0; i < report->count; i++) {
        show_finding(&report->findings[i], width, colour);
    }
    size_t failed = doctor_count(report, DOCTOR_FAILED);
    size_t warnings = doctor_count(report, DOCTOR_WARNING);
    printf("\n%zu ok, %zu warning%s, %zu failed", doctor_count(report, DOCTOR_OK), warnings,
           warnings == 1 ? "" : "s", failed);
    if (report->lost > 0) {
        printf("; %zu more that found no room", report->lost);
    }
    puts("");
}

static int run(int argc, char *argv[]) {
    struct doctor_settings settings = {0};
    struct error error = {0};
    bool json = false;
    int code = parse(argc, argv, &settings, &json, &error);
    if (code != 0) {
        return code > 0 ? EXIT_DONE : say_usage("doctor", &error);
    }
    struct doctor_report *report = calloc(1, sizeof *report);
    if (report == NULL) {
        error_set(&error, -ENOMEM, "out of memory");
        return say_failed(&error);
    }
    doctor_examine(&settings, report);
    bool good = true;
    if (json) {
        good = show_json(report);
    } else {
        show_text(report);
    }
    good = good && doctor_count(report, DOCTOR_FAILED) == 0;
    free(report);
    return good ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_doctor = {"doctor", "what this machine has and lacks, and what mends it", run};
