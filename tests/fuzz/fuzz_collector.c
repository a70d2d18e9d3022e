/* The whole collector: a sequence of datagrams of any protocol, from a handful of sources. */
#include <stdlib.h>

#include "../bench/forget_store.h" /* a store that takes rows and forgets them */
#include "collector/collector.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct collector_settings settings = {
        .sampling_rate = 16,
        .keep_unknown = true,
        .max_exporters = 4,
        .max_templates = 8,
        .max_template_bytes = 4096,
        .max_held_bytes = 4096,
    };
    struct collector *collector = collector_create(&settings, NULL);
    struct cursor input = cursor_over(data, size);
    struct datagram datagram = {.src = {.family = 4}, .dst = {.family = 4}, .dst_port = 2055};
    uint8_t *bytes;
    while (collector != NULL && (bytes = fuzz_next_datagram(&input, &datagram.size)) != NULL) {
        datagram.bytes = bytes;
        datagram.recv_ns += 1000000;
        datagram.src_port = datagram.size == 0 ? 0 : bytes[datagram.size - 1] % 8;
        collector_datagram(collector, &datagram);
        free(bytes);
    }
    if (collector != NULL) {
        collector_finish(collector, datagram.recv_ns);
    }
    collector_destroy(collector);
    forget_store_end();
    return 0;
}
