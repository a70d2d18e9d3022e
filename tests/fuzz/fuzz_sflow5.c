/* sFlow version 5, with the JSON of every record. */
#include <errno.h>
#include <stdlib.h>

#include "collector/decode/json_text.h"
#include "collector/decode/sflow5.h"
#include "fuzz.h"

static void write_all(const struct sflow5_record *records, size_t count, bool counters) {
    char buffer[1024];
    for (size_t i = 0; i < count; i++) {
        struct json_text json = json_text_begin(buffer, sizeof buffer);
        json_text_open(&json, '{');
        if (sflow5_record_json(&records[i], counters, &json) != 0 && json.length != 1) {
            abort();
        }
    }
}

static void flow(const struct sflow5_flow_sample *sample, const struct sflow5_header *header, void *context) {
    (void)header;
    (void)context;
    write_all(sample->others, sample->other_count, false);
}

static void counters(const struct sflow5_counter_sample *sample, const struct sflow5_header *header,
                     void *context) {
    (void)header;
    (void)context;
    write_all(sample->others, sample->other_count, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sflow5_header header;
    struct sflow5_sink sink = {.flow = flow, .counters = counters};
    struct sflow5_counts counts;
    if (sflow5_read_header(data, size, &header) == 0) {
        sflow5_decode(data, size, &header, &sink, &counts);
    }
    return 0;
}
