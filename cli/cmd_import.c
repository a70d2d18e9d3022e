/* nsmon import: exports and truth out of capture files. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/parse.h"
#include "cli/say.h"
#include "collector/import/import.h"
#include "daemon/database.h"

static const char help[] =
    "Usage: nsmon import [FILE]... [--truth FILE[,mac=ADDRESS]]... [OPTION...]\n\n"
    "Reads exports and truth out of capture files (pcap, pcapng) into a new session.  Of a FILE,\n"
    "what is recognised as an export is one, whatever its UDP port; all else is counted.  A truth\n"
    "file is what was seen at one station's tap; which station, nsmon tells from which file saw\n"
    "an address' frames first, unless mac= says it.\n\n"
    "Example:  nsmon import exports.pcap --truth tap1.pcap --truth tap2.pcap --sampling 16\n"
    "          nsmon compare sflow netflow ipfix\n\n"
    "  FILE, --exports FILE   NetFlow, IPFIX, sFlow datagrams among others; - is standard input\n"
    "  --truth FILE[,mac=ADDRESS]   the frames at a tap\n"
    "  --sampling N         of exporters that do not say theirs, such as Open vSwitch's IPFIX\n"
    "  --dialect NAME       openvswitch or generic, instead of recognising it\n"
    "  --keep-unknown       keep elements without a column of their own, as JSON in flow_record.extra\n"
    "  --label TEXT         a name for the session\n"
    "  --db FILE            database (default ~/.local/share/nsmon/nsmon.db; /var/lib/nsmon for root)\n"
    "  -h, --help           this text\n";

struct arguments {
    struct import_settings import;
    const char *database;
};

enum {
    OPTION_EXPORTS = 256,
    OPTION_TRUTH,
    OPTION_SAMPLING,
    OPTION_DIALECT,
    OPTION_UNKNOWN,
    OPTION_LABEL,
    OPTION_DB
};

static const struct option options[] = {{"exports", required_argument, NULL, OPTION_EXPORTS},
                                        {"truth", required_argument, NULL, OPTION_TRUTH},
                                        {"sampling", required_argument, NULL, OPTION_SAMPLING},
                                        {"dialect", required_argument, NULL, OPTION_DIALECT},
                                        {"keep-unknown", no_argument, NULL, OPTION_UNKNOWN},
                                        {"label", required_argument, NULL, OPTION_LABEL},
                                        {"db", required_argument, NULL, OPTION_DB},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};

/* "FILE" or "FILE,mac=aa:bb:cc:dd:ee:ff"; the text is cut at the comma. */
static int take_truth(char *text, struct import_settings *import, struct error *error) {
    if (import->truth_count == IMPORT_FILES_MAX) {
        return error_set(error, -EINVAL, "at most %d truth files can be read at once", IMPORT_FILES_MAX);
    }
    struct import_truth *truth = &import->truths[import->truth_count++];
    char *comma = strstr(text, ",mac=");
    truth->file.path = text;
    if (comma == NULL) {
        return 0;
    }
    *comma = '\0';
    truth->has_mac = true;
    return mac_parse(comma + strlen(",mac="), truth->mac, error);
}

static int take_exports(const char *path, struct import_settings *import, struct error *error) {
    if (import->export_count == IMPORT_EXPORTS_MAX) {
        return error_set(error, -EINVAL, "at most %d export files can be read at once", IMPORT_EXPORTS_MAX);
    }
    import->exports[import->export_count++].path = path;
    return 0;
}

static int take(int option, char *argument, struct arguments *arguments, struct error *error) {
    struct import_settings *import = &arguments->import;
    switch (option) {
    case OPTION_EXPORTS:
        return take_exports(argument, import, error);
    case OPTION_UNKNOWN:
        import->keep_unknown = true;
        return 0;
    case OPTION_TRUTH:
        return take_truth(argument, import, error);
    case OPTION_SAMPLING:
        return parse_number("--sampling", argument, 1, UINT32_MAX, &import->sampling_rate, error);
    case OPTION_DIALECT:
        import->dialect = argument;
        return strcmp(argument, "openvswitch") == 0 || strcmp(argument, "generic") == 0
                   ? 0
                   : error_set(error, -EINVAL, "--dialect takes openvswitch or generic, not '%s'", argument);
    case OPTION_LABEL:
        import->label = argument;
        return argument[0] != '\0' && strlen(argument) <= 64
                   ? 0
                   : error_set(error, -EINVAL, "--label takes 1 to 64 characters");
    default:
        arguments->database = argument;
        return 0;
    }
}

static int parse(int argc, char *argv[], struct arguments *arguments, struct error *error) {
    int option;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return 1;
        }
        if (option == '?' || option == ':') {
            return say_bad_option(argv, option, error);
        }
        int code = take(option, optarg, arguments, error);
        if (code != 0) {
            return code;
        }
    }
    for (; optind < argc; optind++) {
        int code = take_exports(argv[optind], &arguments->import, error);
        if (code != 0) {
            return code;
        }
    }
    if (arguments->import.export_count + arguments->import.truth_count == 0) {
        return error_set(error, -EINVAL, "give capture files, with --truth those of a tap");
    }
    return 0;
}

static void show_progress(const char *path, uint64_t done, uint64_t total, void *context) {
    (void)context;
    if (isatty(STDERR_FILENO) && total > 0) {
        fprintf(stderr, "\r%3.0f %%  %s\033[K", 100.0 * (double)done / (double)total, path);
    }
}

/* What the session was told to do, as JSON.  The caller frees it. */
static char *describe(const struct import_settings *import) {
    json_t *exports = json_array();
    json_t *truths = json_array();
    for (size_t i = 0; i < import->export_count; i++) {
        json_array_append_new(exports, json_string(import->exports[i].path));
    }
    for (size_t i = 0; i < import->truth_count; i++) {
        json_array_append_new(truths, json_string(import->truths[i].file.path));
    }
    json_t *json = json_pack("{s:o, s:o, s:I}", "exports", exports, "truth", truths, "sampling",
                             (json_int_t)import->sampling_rate);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

/* Every frame ends as one of the figures of the first two lines. */
static void say_result(const struct import_result *result, const char *path) {
    const uint64_t *outcomes = result->outcomes;
    say_step("session %" PRId64 " in %s", result->session_id, path);
    fprintf(stderr,
            "    exports: %" PRIu64 " datagrams, %" PRIu64 " records and samples, %" PRIu64
            " malformed, %" PRIu64 " not exports; truth: %" PRIu64 " frames\n",
            result->datagrams, result->records, result->malformed, result->unrecognised + result->others,
            result->frames);
    if (result->export_frames == 0) {
        return;
    }
    fprintf(stderr,
            "    datagrams: %" PRIu64 " with records, %" PRIu64 " with templates alone, %" PRIu64
            " without their template, %" PRIu64 " empty, %" PRIu64 " twice, %" PRIu64 " malformed, %" PRIu64
            " of something else\n",
            outcomes[OUTCOME_RECORDS], outcomes[OUTCOME_TEMPLATES], outcomes[OUTCOME_WAITING],
            outcomes[OUTCOME_EMPTY], outcomes[OUTCOME_DUPLICATE], outcomes[OUTCOME_MALFORMED],
            outcomes[OUTCOME_UNRECOGNISED]);
    fprintf(stderr,
            "    frames: %" PRIu64 ", %" PRIu64 " without a UDP datagram, %" PRIu64
            " IP fragments that made %" PRIu64 " datagrams; %" PRIu64
            " data sets decoded when their template came\n",
            result->export_frames, result->others, result->fragments, result->reassembled, result->held);
}

static int run(int argc, char *argv[]) {
    struct arguments arguments = {.import = {.progress = show_progress}};
    struct import_result result = {0};
    struct identity identity;
    struct error error = {0};
    char path[4096];
    int code = parse(argc, argv, &arguments, &error);
    if (code != 0) {
        return code > 0 ? EXIT_DONE : say_usage("import", &error);
    }
    code = privilege_find_user(&identity, &error);
    code = code == 0 ? database_locate(arguments.database, path, sizeof path, &error) : code;
    code = code == 0 ? import_open_files(&arguments.import, &error) : code;
    if (code == 0 && geteuid() == 0) { /* root may open what it likes, but is not to read what is in it */
        bool brokered;
        code = database_check(path, &identity, arguments.import.label, &brokered, &error);
        code = code == 0 ? database_drop_root(path, &identity, brokered, &error) : code;
    }
    if (code != 0) {
        return say_failed(&error);
    }
    char *settings = describe(&arguments.import);
    arguments.import.database = path;
    arguments.import.settings = settings != NULL ? settings : "{}";
    code = import_files(&arguments.import, &result, &error);
    free(settings);
    if (isatty(STDERR_FILENO)) {
        fputs("\r\033[K", stderr);
    }
    if (result.session_id != 0) {
        say_result(&result, path);
    }
    if (result.broken_files > 0) {
        fprintf(stderr, "    %zu broken file%s; the first: %s\n", result.broken_files,
                result.broken_files == 1 ? "" : "s", result.broken.text);
    }
    return code == 0 ? EXIT_DONE : say_failed(&error);
}

const struct command command_import = {"import", "read exports and truth out of capture files", run};
