/* Records a second of each decoder on captures in memory, beside the copying of the same bytes: "decode
 * CAPTURE...". Run by hand; nothing passes or fails. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../golden/pcap_file.h"
#include "collector/collector.h"
#include "collector/decode/ipfix.h"
#include "collector/decode/netflow5.h"
#include "collector/decode/packet.h"
#include "collector/decode/sflow5.h"
#include "collector/protocol.h"
#include "common/clock.h"

#define BYTES_MAX     (64U << 20)
#define DATAGRAMS_MAX 65536
#define PASS_NS       (NS_PER_S)

struct kept {
    const uint8_t *bytes;
    size_t size;
    enum export_protocol protocol;
    uint64_t owner; /* the capture */
};

static uint8_t *memory;
static size_t memory_used;
static struct kept kept[DATAGRAMS_MAX];
static size_t kept_count;
static uint64_t records;
static struct template_cache *cache;

static void keep(const struct datagram *datagram, void *context) {
    if (kept_count == DATAGRAMS_MAX || memory_used + datagram->size > BYTES_MAX || datagram->size == 0) {
        return;
    }
    memcpy(memory + memory_used, datagram->bytes, datagram->size);
    kept[kept_count++] =
        (struct kept){memory + memory_used, datagram->size,
                      protocol_recognise(datagram->bytes, datagram->size, false), *(uint64_t *)context};
    memory_used += datagram->size;
}

static void take(const struct flow_record *record, void *context) {
    struct flow_key key;
    int64_t start_ns;
    int64_t end_ns;
    (void)context;
    flow_record_key(record, &key);
    flow_record_times(record, &start_ns, &end_ns);
    records++;
}

static void take_sample(const struct sflow5_flow_sample *sample, const struct sflow5_header *header,
                        void *context) {
    struct packet packet;
    (void)header;
    (void)context;
    if (sample->has_header && sample->header_protocol == 1) {
        packet_parse(sample->header.bytes, sample->header.size, sample->frame_bytes, PACKET_ETHERNET,
                     &packet);
    }
    records++;
}

static void decode(const struct kept *datagram) {
    struct export_header header;
    bool malformed;
    if (datagram->protocol == EXPORT_SFLOW5) {
        struct sflow5_header sflow;
        struct sflow5_sink sink = {.flow = take_sample};
        struct sflow5_counts counts;
        if (sflow5_read_header(datagram->bytes, datagram->size, &sflow) == 0) {
            sflow5_decode(datagram->bytes, datagram->size, &sflow, &sink, &counts);
        }
    } else if (datagram->protocol == EXPORT_NETFLOW9 || datagram->protocol == EXPORT_IPFIX) {
        struct ipfix_sink sink = {.record = take};
        struct ipfix_counts counts;
        struct template_owner owner = {datagram->owner ^ 1, datagram->owner};
        if (ipfix_read_header(datagram->bytes, datagram->size, &header) == 0) {
            ipfix_decode(datagram->bytes, datagram->size, &header, cache, owner, &sink, &counts);
        }
    } else if (netflow5_read_header(datagram->bytes, datagram->size, &header) == 0) {
        netflow5_decode(datagram->bytes, datagram->size, &header, take, NULL, &malformed);
    }
}

/* Goes over the datagrams of 'protocol' until PASS_NS are over.  Returns bytes a second. */
static double run(enum export_protocol protocol, bool copy, double *records_per_s) {
    static uint8_t sink[65536];
    int64_t start_ns = clock_monotonic_ns();
    int64_t passed_ns;
    uint64_t bytes = 0;
    records = 0;
    do {
        for (size_t i = 0; i < kept_count; i++) {
            if (kept[i].protocol != protocol) {
                continue;
            }
            bytes += kept[i].size;
            if (copy) {
                memcpy(sink, kept[i].bytes, kept[i].size);
                __asm__ volatile("" ::"r"(sink) : "memory");
            } else {
                decode(&kept[i]);
            }
        }
        passed_ns = clock_monotonic_ns() - start_ns;
    } while (passed_ns < PASS_NS && bytes != 0);
    *records_per_s = (double)records * 1e9 / (double)passed_ns;
    return (double)bytes * 1e9 / (double)passed_ns;
}

int main(int argc, char **argv) {
    memory = malloc(BYTES_MAX);
    cache = template_cache_create(65536, 32U << 20);
    if (argc < 2 || memory == NULL || cache == NULL) {
        fprintf(stderr, "Usage: decode CAPTURE...\n");
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        uint64_t owner = (uint64_t)i << 1;
        if (pcap_each_datagram(argv[i], keep, &owner) < 0) {
            fprintf(stderr, "Can't read %s\n", argv[i]);
        }
    }
    printf("%-9s %12s %10s %12s %7s\n", "protocol", "records/s", "MB/s", "memcpy MB/s", "ratio");
    for (int i = EXPORT_SFLOW5; i <= EXPORT_IPFIX; i++) {
        double rate;
        double none;
        double bytes = run((enum export_protocol)i, false, &rate);
        double limit = run((enum export_protocol)i, true, &none);
        if (bytes > 0) {
            printf("%-9s %12.0f %10.0f %12.0f %7.3f\n", protocol_name((enum export_protocol)i), rate,
                   bytes / 1e6, limit / 1e6, bytes / limit);
        }
    }
    template_cache_destroy(cache);
    free(memory);
    return 0;
}
