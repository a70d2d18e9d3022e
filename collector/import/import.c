#include "collector/import/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/import/reading.h"
#include "common/clock.h"

/* Tells of its progress each so many bytes. */
enum { PROGRESS_BYTES = 1 << 20, FRAME_HEADER_BYTES = 16 };

int64_t import_stamp_ns(const struct pcap_pkthdr *header) {
    return (int64_t)header->ts.tv_sec * NS_PER_S + header->ts.tv_usec;
}

/* A pipe is read once, so it can't be looked at first. */
static bool is_seekable(const struct import_file *file) {
    return lseek(file->fd, 0, SEEK_CUR) >= 0;
}

static FILE *open_stream(const struct import_file *file, struct error *error) {
    int fd = dup(file->fd);
    FILE *stream = fd >= 0 ? fdopen(fd, "rb") : NULL;
    if (stream == NULL) {
        error_set(error, -errno, "could not read '%s': %s", file->path, strerror(errno));
        return NULL;
    }
    if (is_seekable(file) && lseek(fd, 0, SEEK_SET) != 0) {
        error_set(error, -errno, "could not go back to the beginning of '%s': %s", file->path,
                  strerror(errno));
        fclose(stream);
        return NULL;
    }
    return stream;
}

pcap_t *import_open(const struct import_file *file, struct error *error) {
    char text[PCAP_ERRBUF_SIZE] = "";
    FILE *stream = open_stream(file, error);
    if (stream == NULL) {
        return NULL;
    }
    pcap_t *pcap = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, text);
    if (pcap == NULL) {
        error_set(error, -EINVAL, "could not read '%s' as a capture file: %s", file->path, text);
        fclose(stream);
    }
    return pcap;
}

void import_advance(struct import *import, const char *path, uint32_t captured) {
    uint64_t before = import->done_bytes;
    import->done_bytes += FRAME_HEADER_BYTES + captured;
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

static const struct import_file *file_number(const struct import_settings *settings, size_t number) {
    return number < settings->export_count ? &settings->exports[number]
                                           : &settings->truths[number - settings->export_count].file;
}

static void add_up_sizes(struct import *import) {
    const struct import_settings *settings = import->settings;
    for (size_t i = 0; i < settings->export_count + settings->truth_count; i++) {
        struct stat status;
        if (fstat(file_number(settings, i)->fd, &status) == 0) {
            import->total_bytes += (uint64_t)status.st_size;
        }
    }
}

static void add_records(const struct collector_exporter *exporter, void *context) {
    struct import_result *result = context;
    result->records += exporter->records;
    result->held += exporter->held;
}

/* A file that is cut off or damaged has given what it holds: that is counted, and is no failure.  Returns
 * 'code' for any other. */
static int forgive_broken(struct import *import, int code, const struct error *why) {
    if (code != -EIO) {
        return code;
    }
    if (import->result->broken_files++ == 0) {
        import->result->broken = *why;
    }
    return 0;
}

static int read_exports(struct import *import, struct error *error) {
    const struct import_settings *settings = import->settings;
    struct collector_settings collector = {
        .store = import->store,
        .appender = import->appender,
        .sampling_rate = settings->sampling_rate,
        .dialect = settings->dialect,
        .keep_unknown = settings->keep_unknown,
        .strict = true,
    };
    int code = 0;
    import->collector = collector_create(&collector, error);
    if (import->collector == NULL) {
        return -ENOMEM;
    }
    struct error first = {0};
    for (size_t i = 0; i < settings->export_count; i++) {
        struct error why = {0};
        int read = forgive_broken(import, exports_read(import, &settings->exports[i], &why), &why);
        if (code == 0 && read != 0) {
            code = read;
            first = why;
        }
    }
    struct collector_totals totals = collector_totals(import->collector);
    import->result->datagrams = totals.datagrams - totals.unrecognised;
    import->result->unrecognised = totals.unrecognised;
    collector_each_exporter(import->collector, add_records, import->result);
    import->result->malformed = totals.outcomes[OUTCOME_MALFORMED];
    memcpy(import->result->outcomes, totals.outcomes, sizeof totals.outcomes);
    collector_destroy(import->collector);
    return code == 0 ? 0 : error_set(error, code, "%s", first.text);
}

static int read_truths(struct import *import, const struct stations *stations, struct error *error) {
    int code = 0;
    for (size_t i = 0; code == 0 && i < import->settings->truth_count; i++) {
        struct error why = {0};
        code = forgive_broken(import, truth_read(import, stations, i, &why), &why);
        if (code != 0) {
            error_set(error, code, "%s", why.text);
        }
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

static int open_file(struct import_file *file, struct error *error) {
    file->fd = strcmp(file->path, "-") == 0 ? dup(STDIN_FILENO) : open(file->path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0) {
        return error_set(error, -errno, "could not open '%s': %s", file->path, strerror(errno));
    }
    pcap_t *pcap = is_seekable(file) ? import_open(file, error) : NULL;
    if (pcap != NULL) {
        pcap_close(pcap);
    }
    return pcap == NULL && is_seekable(file) ? -EINVAL : 0;
}

int import_open_files(struct import_settings *settings, struct error *error) {
    int code = 0;
    for (size_t i = 0; code == 0 && i < settings->export_count; i++) {
        code = open_file(&settings->exports[i], error);
    }
    for (size_t i = 0; code == 0 && i < settings->truth_count; i++) {
        struct import_file *file = &settings->truths[i].file;
        code = open_file(file, error);
        if (code == 0 && !is_seekable(file)) {
            code = error_set(error, -ESPIPE, "truth has to be a file: '%s' can't be read twice", file->path);
        }
    }
    return code;
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
    int code = read_all(&import, stations, error);
    stations_free(stations);
    struct error close_error;
    int closed = store_close(import.store, "stopped", clock_real_ns(), &close_error);
    if (code == 0 && closed != 0) {
        return error_set(error, closed, "%s", close_error.text);
    }
    return code;
}
