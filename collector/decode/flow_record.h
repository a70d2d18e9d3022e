/* One decoded flow record of NetFlow v1, v5, v7, v9 or IPFIX, before anybody decides what it means.
 *
 * The decoders fill in what the exporter said and nothing else; numbers stand as they were on the wire. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/flow_key.h"

/* The numbers of a record.  Elements that say the same share a field, and the first one in a record counts.
 */
#define FLOW_FIELDS(FIELD)                                                                                   \
    FIELD(PACKETS)   /* packetDeltaCount */                                                                  \
    FIELD(OCTETS)    /* octetDeltaCount */                                                                   \
    FIELD(L2_OCTETS) /* layer2OctetDeltaCount */                                                             \
    FIELD(INITIATOR_PACKETS)                                                                                 \
    FIELD(INITIATOR_OCTETS)                                                                                  \
    FIELD(RESPONDER_PACKETS)                                                                                 \
    FIELD(RESPONDER_OCTETS)                                                                                  \
    FIELD(REVERSE_PACKETS) /* RFC 5103 */                                                                    \
    FIELD(REVERSE_OCTETS)                                                                                    \
    FIELD(POST_PACKETS) /* NetFlow v9's OUT_PKTS */                                                          \
    FIELD(POST_OCTETS)                                                                                       \
    FIELD(TOTAL_PACKETS) /* since the flow, or with Open vSwitch the exporter, began */                      \
    FIELD(TOTAL_OCTETS)                                                                                      \
    FIELD(PROTOCOL)                                                                                          \
    FIELD(TOS)                                                                                               \
    FIELD(DSCP)                                                                                              \
    FIELD(TCP_FLAGS)                                                                                         \
    FIELD(SPORT)                                                                                             \
    FIELD(DPORT)                                                                                             \
    FIELD(INPUT)                                                                                             \
    FIELD(OUTPUT)                                                                                            \
    FIELD(DIRECTION) /* 0 ingress, 1 egress */                                                               \
    FIELD(VLAN)                                                                                              \
    FIELD(POST_VLAN)                                                                                         \
    FIELD(TTL)                                                                                               \
    FIELD(ICMP_TYPE_CODE)                                                                                    \
    FIELD(ICMP_TYPE)                                                                                         \
    FIELD(ICMP_CODE)                                                                                         \
    FIELD(ETHERTYPE)                                                                                         \
    FIELD(IP_VERSION)                                                                                        \
    FIELD(END_REASON)                                                                                        \
    FIELD(SRC_AS)                                                                                            \
    FIELD(DST_AS)                                                                                            \
    FIELD(SRC_MASK)                                                                                          \
    FIELD(DST_MASK)                                                                                          \
    FIELD(START_NS) /* since the epoch */                                                                    \
    FIELD(END_NS)                                                                                            \
    FIELD(OBSERVED_NS)                                                                                       \
    FIELD(START_UPTIME_MS)                                                                                   \
    FIELD(END_UPTIME_MS)                                                                                     \
    FIELD(INIT_MS) /* when the exporter came up, since the epoch */                                          \
    FIELD(DURATION_US)                                                                                       \
    FIELD(SAMPLING_INTERVAL) /* samplingInterval: 1-in-N */                                                  \
    FIELD(SAMPLING_ALGORITHM)                                                                                \
    FIELD(SAMPLER_ID) /* samplerId, selectorId */                                                            \
    FIELD(SAMPLER_MODE)                                                                                      \
    FIELD(RANDOM_INTERVAL) /* samplerRandomInterval: 1-in-N */                                               \
    FIELD(SELECTOR_ALGORITHM)                                                                                \
    FIELD(PACKET_INTERVAL)     /* so many packets are sampled ... */                                         \
    FIELD(PACKET_SPACE)        /* ... and then so many are not */                                            \
    FIELD(SAMPLING_SIZE)       /* so many ... */                                                             \
    FIELD(SAMPLING_POPULATION) /* ... out of so many */                                                      \
    FIELD(PROBABILITY_RATE)    /* samplingProbability, as the nearest 1-in-N */                              \
    FIELD(FIREWALL_EVENT)

enum flow_field {
#define FIELD(name) FLOW_##name,
    FLOW_FIELDS(FIELD)
#undef FIELD
        FLOW_FIELD_COUNT,
};

_Static_assert(FLOW_FIELD_COUNT <= 64, "flow_record.has has a bit a field");

/* What the datagram's header says, whatever its version. */
struct export_header {
    uint16_t version;   /* 1, 5, 7, 9, 10 */
    uint16_t count;     /* records by the header; IPFIX: bytes of the message */
    bool has_uptime;    /* all but IPFIX */
    uint32_t uptime_ms; /* of the exporter, when it sent */
    int64_t export_ns;  /* when it sent, since the epoch */
    uint32_t sequence;  /* v1 has none */
    uint32_t domain;    /* observation domain, source id; v5: engine type * 256 + engine id */
    int64_t init_ms;    /* when it came up, since the epoch, as an options record said it; 0: not said */
    uint16_t sampling;  /* v5: mode in the upper two bits, interval below */
};

/* A piece of the datagram. */
struct slice {
    const uint8_t *bytes;
    size_t size;
};

struct template;

struct flow_record {
    const struct export_header *header;
    const struct template *template; /* NULL for v1, v5, v7 */
    struct slice bytes;              /* the whole record on the wire */
    uint64_t has;                    /* bit 1 << FIELD: value[FIELD] was said */
    uint64_t value[FLOW_FIELD_COUNT];
    struct ip_address src, dst, next_hop; /* family 0: not said */
    bool has_src_mac, has_dst_mac;
    uint8_t src_mac[6], dst_mac[6];
    uint8_t name_count;    /* interfaceName, in their order; */
    struct slice names[2]; /* Open vSwitch: of the input, then of the output */
};

/* Called once a record, in order.  'record' and what it points to hold only for the call. */
typedef void flow_record_fn(const struct flow_record *record, void *context);

static inline bool flow_record_has(const struct flow_record *record, enum flow_field field) {
    return (record->has & UINT64_C(1) << field) != 0;
}

/* The value of 'field', or 'otherwise' when it was not said. */
static inline uint64_t flow_record_get(const struct flow_record *record, enum flow_field field,
                                       uint64_t otherwise) {
    return flow_record_has(record, field) ? record->value[field] : otherwise;
}

static inline void flow_record_set(struct flow_record *record, enum flow_field field, uint64_t value) {
    if (!flow_record_has(record, field)) {
        record->has |= UINT64_C(1) << field;
        record->value[field] = value;
    }
}

/* Empties 'record' for the next one of 'header' and 'template'. */
static inline void flow_record_clear(struct flow_record *record, const struct export_header *header,
                                     const struct template *template) {
    record->header = header;
    record->template = template;
    record->has = 0;
    record->src.family = record->dst.family = record->next_hop.family = 0;
    record->has_src_mac = record->has_dst_mac = false;
    record->name_count = 0;
}

/* Writes into 'key' the flow key that packet_parse() gives for the record's frames.  False when the record
 * says neither both addresses nor an EtherType. */
bool flow_record_key(const struct flow_record *record, struct flow_key *key);

/* First and last time of the flow in nanoseconds since the epoch, from whichever family of elements says
 * them; FLOW_TIME_NONE when none does.  Uptimes are taken as signed distances from the header's, so that they
 * may wrap after 49.7 days. */
#define FLOW_TIME_NONE INT64_MIN
void flow_record_times(const struct flow_record *record, int64_t *start_ns, int64_t *end_ns);

/* The 1-in-N that the record itself says by whichever element, 0 for none. */
uint64_t flow_record_sampling(const struct flow_record *record);
