#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collector/capture/meter.h"
#include "collector/import/reading.h"

struct truth_file {
    const struct import_file *file;
    size_t number;
    struct meter *meters[2]; /* by truth direction */
    int64_t capture_id;
};

/* Out: from a station that lives behind this tap.  In: all else, since a switch may hand over frames of
 * stations that no file is of. */
static void meter_file(struct import *import, const struct stations *stations, const struct truth_file *file,
                       const struct pcap_pkthdr *header, const uint8_t *bytes) {
    bool out = header->caplen >= 12 && stations_find(stations, bytes + 6) == (int)file->number;
    meter_frame(file->meters[out ? TRUTH_OUT : TRUTH_IN], PACKET_ETHERNET, bytes, header->caplen, header->len,
                import_stamp_ns(header));
    import->result->frames++;
}

static void write_capture(struct import *import, const struct stations *stations,
                          const struct truth_file *file) {
    struct capture_row *row = &store_append(import->appender, ROW_CAPTURE)->capture;
    const char *slash = strrchr(file->file->path, '/');
    row->id = file->capture_id;
    snprintf(row->name, sizeof row->name, "%s", slash != NULL ? slash + 1 : file->file->path);
    snprintf(row->role, sizeof row->role, "station");
    row->has_mac = stations_main_mac(stations, file->number, row->mac);
    row->station = (int64_t)file->number + 1;
    for (size_t i = 0; i < 2; i++) {
        struct meter_counts counts = meter_counts(file->meters[i]);
        row->received += store_count(counts.frames);
        row->processed += store_count(counts.frames);
        row->malformed += store_count(counts.malformed);
    }
}

static int read_frames(struct import *import, const struct stations *stations, const struct truth_file *file,
                       struct error *error) {
    pcap_t *pcap = import_open(file->file, error);
    if (pcap == NULL) {
        return -EINVAL;
    }
    struct pcap_pkthdr *header;
    const u_char *bytes;
    int result;
    while ((result = pcap_next_ex(pcap, &header, &bytes)) == 1) {
        meter_file(import, stations, file, header, bytes);
        import_advance(import, file->file->path, header->caplen);
    }
    int code = import_ended(pcap, result, file->file->path, error);
    pcap_close(pcap);
    return code;
}

int truth_read(struct import *import, const struct stations *stations, size_t number, struct error *error) {
    struct truth_file file = {.file = &import->settings->truths[number].file,
                              .number = number,
                              .capture_id = store_next_id(import->store)};
    int code = 0;
    for (size_t i = 0; i < 2; i++) {
        struct meter_point point = {.capture_id = file.capture_id, .direction = (enum truth_direction)i};
        file.meters[i] = meter_create(&point, import->appender);
        code = file.meters[i] == NULL ? error_set(error, -ENOMEM, "out of memory") : code;
    }
    if (code == 0) {
        code = read_frames(import, stations, &file, error);
        meter_flush(file.meters[TRUTH_OUT], INT64_MAX);
        meter_flush(file.meters[TRUTH_IN], INT64_MAX);
        write_capture(import, stations, &file);
    }
    meter_destroy(file.meters[TRUTH_OUT]);
    meter_destroy(file.meters[TRUTH_IN]);
    return code;
}
