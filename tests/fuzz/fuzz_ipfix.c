/* NetFlow v9 and IPFIX: a sequence of datagrams through one small template cache, so that templates are
 * redefined, withdrawn and evicted. */
#include <stdlib.h>

#include "collector/decode/ipfix.h"
#include "fuzz.h"

#define MAX_TEMPLATES 8
#define MAX_BYTES     4096

static void take_field(const struct template_field *field, struct slice value, void *context) {
    const struct slice *record = context;
    (void)field;
    if (value.bytes < record->bytes || value.bytes + value.size > record->bytes + record->size) {
        abort();
    }
}

static void take(const struct flow_record *record, void *context) {
    struct flow_key key;
    int64_t start_ns;
    int64_t end_ns;
    struct slice bytes = record->bytes;
    (void)context;
    flow_record_key(record, &key);
    flow_record_times(record, &start_ns, &end_ns);
    flow_record_sampling(record);
    ipfix_each_field(record, take_field, &bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct template_cache *cache = template_cache_create(MAX_TEMPLATES, MAX_BYTES);
    struct ipfix_sink sink = {.record = take, .options = take};
    struct cursor input = cursor_over(data, size);
    size_t length;
    uint8_t *datagram;
    while (cache != NULL && (datagram = fuzz_next_datagram(&input, &length)) != NULL) {
        struct export_header header;
        struct ipfix_counts counts;
        if (ipfix_read_header(datagram, length, &header) == 0 &&
            ipfix_decode(datagram, length, &header, cache,
                         (struct template_owner){header.domain, header.domain % 2}, &sink,
                         &counts) > length) {
            abort();
        }
        struct template_counts held = template_cache_counts(cache);
        if (held.templates > MAX_TEMPLATES || held.bytes > MAX_BYTES) {
            abort();
        }
        free(datagram);
    }
    template_cache_destroy(cache);
    return 0;
}
