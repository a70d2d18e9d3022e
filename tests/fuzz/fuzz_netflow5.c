/* NetFlow v1, v5 and v7. */
#include <stdlib.h>

#include "collector/decode/netflow5.h"
#include "fuzz.h"

static void take(const struct flow_record *record, void *context) {
    size_t *count = context;
    struct flow_key key;
    int64_t start_ns;
    int64_t end_ns;
    flow_record_key(record, &key);
    flow_record_times(record, &start_ns, &end_ns);
    flow_record_sampling(record);
    (*count)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct export_header header;
    if (netflow5_read_header(data, size, &header) == 0) {
        size_t count = 0;
        bool malformed;
        if (netflow5_decode(data, size, &header, take, &count, &malformed) != count || count > header.count) {
            abort();
        }
    }
    return 0;
}
