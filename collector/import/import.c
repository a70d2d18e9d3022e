#include "collector/import/import.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/import/reading.h"
#include "common/clock.h"

/* Tells of its progress each so many bytes. */
enum { PROGRESS_BYTES = 1 << 20, FRAME_HEADER_BYTES = 16 };

int64_t import_stamp_ns(const struct pcap_pkthdr *header) {
    return (int64_t)header->ts.tv_sec * NS_PER_S + header->ts.tv_usec;
}

pcap_t *import_open(const char *path, struct error *error) {
    char text[PCAP_ERRBUF_SIZE] = "";
    pcap_t *pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
    if (pcap == NULL) {
        error_set(error, -ENOENT, "could not read the capture file: %s", text);
    }
    return pcap;
}

void import_advance(struct import *import, const char *path, const struct pcap_pkthdr *header) {
    uint64_t before = import->done_bytes;
    import->done_bytes += FRAME_HEADER_BYTES + header->caplen;
    if (import->settings->progress != NULL &&
        before / PROGRESS_BYTES != import->done_bytes / PROGRESS_BYTES) {
        import->settings->progress(path, import->done_bytes, import->total_bytes, import->settings->context);
    }
}

int import_ended(pcap_t *pcap, int result, const char *path, struct error *error) {
    if (result == PCAP_ERROR_BREAK) {
        return 0;
    }
    return error_set(error, -EIO, "'%s' is broken, and was read as far as it goes: %s", path,
                     pcap_geterr(pcap));
}

static void add_up_sizes(struct import *import) {
    const struct import_settings *settings = import->settings;
    for (size_t i = 0; i < settings->export_count + settings->truth_count; i++) {
        struct stat stat_of;
        const char *path = i < settings->export_count ? settings->exports[i]
                                                      : settings->truths[i - settings->export_count].path;
        import->total_bytes += stat(path, &stat_of) == 0 ? (uint64_t)stat_of.st_size : 0;
    }
}

static void add_records(const struct collector_exporter *exporter, void *context) {
    struct import_result *result = context;
    result->records += exporter->records;
    result->malformed += exporter->malformed;
}

static int read_exports(struct import *import, struct error *error) {
    const struct import_settings *settings = import->settings;
    struct collector_settings collector = {
        .store = import->store,
        .appender = import->appender,
        .sampling_rate = settings->sampling_rate,
        .dialect = settings->dialect,
        .strict = true,
    };
    int code = 0;
    import->collector = collector_create(&collector, error);
    if (import->collector == NULL) {
        return -ENOMEM;
    }
    struct error first = {0};
    for (size_t i = 0; i < settings->export_count; i++) {
        int read = exports_read(import, settings->exports[i], code == 0 ? &first : NULL);
        code = code == 0 ? read : code;
    }
    struct collector_totals totals = collector_totals(import->collector);
    import->result->datagrams = totals.datagrams - totals.unrecognised;
    import->result->unrecognised = totals.unrecognised;
    collector_each_exporter(import->collector, add_records, import->result);
    import->result->malformed += totals.malformed;
    collector_destroy(import->collector);
    return code == 0 ? 0 : error_set(error, code, "%s", first.text);
}

static int read_truths(struct import *import, const struct stations *stations, struct error *error) {
    int code = 0;
    for (size_t i = 0; code == 0 && i < import->settings->truth_count; i++) {
        code = truth_read(import, stations, i, error);
    }
    return code;
}

static int read_all(struct import *import, const struct stations *stations, struct error *error) {
    import->appender = store_appender_create(import->store);
    if (import->appender == NULL) {
        return error_set(error, -ENOMEM, "out of memory");
    }
    struct error export_error = {0};
    int exports = read_exports(import, &export_error);
    int truths = read_truths(import, stations, exports == 0 ? error : NULL);
    store_appender_destroy(import->appender);
    return exports != 0 ? error_set(error, exports, "%s", export_error.text) : truths;
}

/* What can't be opened is said before a session is begun. */
static int check_files(const struct import_settings *settings, struct error *error) {
    for (size_t i = 0; i < settings->export_count; i++) {
        pcap_t *pcap = import_open(settings->exports[i], error);
        if (pcap == NULL) {
            return -ENOENT;
        }
        pcap_close(pcap);
    }
    return 0;
}

int import_files(const struct import_settings *settings, struct import_result *result, struct error *error) {
    struct import import = {.settings = settings, .result = result};
    struct session_settings session = {
        .label = settings->label,
        .kind = "import",
        .truth_rule = settings->truth_count > 1 ? "delivered" : "offered",
        .settings = settings->settings,
        .started_ns = clock_real_ns(),
        .wait_when_full = true,
    };
    *result = (struct import_result){0};
    int code = check_files(settings, error);
    if (code != 0) {
        return code;
    }
    struct stations *stations = stations_learn(settings, error);
    if (stations == NULL) {
        return -EINVAL;
    }
    add_up_sizes(&import);
    import.store = store_open(settings->database, &session, error);
    if (import.store == NULL) {
        stations_free(stations);
        return -EIO;
    }
    result->session_id = store_session_id(import.store);
    code = read_all(&import, stations, error);
    stations_free(stations);
    struct error close_error;
    int closed = store_close(import.store, "stopped", clock_real_ns(), &close_error);
    if (code == 0 && closed != 0) {
        return error_set(error, closed, "%s", close_error.text);
    }
    return code;
}
