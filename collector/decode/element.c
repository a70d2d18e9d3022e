#include "collector/decode/element.h"

#include <string.h>

#include "common/clock.h"

#define NTP_EPOCH_OFFSET UINT64_C(2208988800) /* seconds from 1900 to 1970 */

#define IANA_MAX 512

#define NUMBER(name)                                                                                         \
    { ELEMENT_NUMBER, FLOW_##name }

/* Counters of NetFlow's and IPFIX's "Total" kind stay apart from the deltas: Open vSwitch's are of the whole
 * exporter. */
static const struct element iana[IANA_MAX] = {
    [1] = NUMBER(OCTETS),
    [2] = NUMBER(PACKETS),
    [4] = NUMBER(PROTOCOL),
    [5] = NUMBER(TOS),
    [6] = NUMBER(TCP_FLAGS),
    [7] = NUMBER(SPORT),
    [8] = {ELEMENT_SRC, 0},
    [9] = NUMBER(SRC_MASK),
    [10] = NUMBER(INPUT),
    [11] = NUMBER(DPORT),
    [12] = {ELEMENT_DST, 0},
    [13] = NUMBER(DST_MASK),
    [14] = NUMBER(OUTPUT),
    [15] = {ELEMENT_NEXT_HOP, 0},
    [16] = NUMBER(SRC_AS),
    [17] = NUMBER(DST_AS),
    [18] = {ELEMENT_NEXT_HOP, 0}, /* BGP */
    [21] = NUMBER(END_UPTIME_MS),
    [22] = NUMBER(START_UPTIME_MS),
    [23] = NUMBER(POST_OCTETS),
    [24] = NUMBER(POST_PACKETS),
    [27] = {ELEMENT_SRC, 0},
    [28] = {ELEMENT_DST, 0},
    [29] = NUMBER(SRC_MASK),
    [30] = NUMBER(DST_MASK),
    [32] = NUMBER(ICMP_TYPE_CODE),
    [34] = NUMBER(SAMPLING_INTERVAL),
    [35] = NUMBER(SAMPLING_ALGORITHM),
    [48] = NUMBER(SAMPLER_ID),
    [49] = NUMBER(SAMPLER_MODE),
    [50] = NUMBER(RANDOM_INTERVAL),
    [52] = NUMBER(TTL), /* minimumTTL */
    [56] = {ELEMENT_SRC_MAC, 0},
    [57] = {ELEMENT_DST_MAC, 0},
    [58] = NUMBER(VLAN),
    [59] = NUMBER(POST_VLAN),
    [60] = NUMBER(IP_VERSION),
    [61] = NUMBER(DIRECTION),
    [62] = {ELEMENT_NEXT_HOP, 0},
    [63] = {ELEMENT_NEXT_HOP, 0}, /* BGP */
    [80] = {ELEMENT_DST_MAC, 0},
    [81] = {ELEMENT_SRC_MAC, 0},
    [82] = {ELEMENT_NAME, 0},
    [85] = NUMBER(TOTAL_OCTETS),
    [86] = NUMBER(TOTAL_PACKETS),
    [136] = NUMBER(END_REASON),
    [139] = NUMBER(ICMP_TYPE_CODE),
    [150] = {ELEMENT_TIME_S, FLOW_START_NS},
    [151] = {ELEMENT_TIME_S, FLOW_END_NS},
    [152] = {ELEMENT_TIME_MS, FLOW_START_NS},
    [153] = {ELEMENT_TIME_MS, FLOW_END_NS},
    [154] = {ELEMENT_TIME_NTP, FLOW_START_NS},
    [155] = {ELEMENT_TIME_NTP, FLOW_END_NS},
    [156] = {ELEMENT_TIME_NTP, FLOW_START_NS},
    [157] = {ELEMENT_TIME_NTP, FLOW_END_NS},
    [158] = {ELEMENT_TIME_AGO_US, FLOW_START_NS},
    [159] = {ELEMENT_TIME_AGO_US, FLOW_END_NS},
    [160] = NUMBER(INIT_MS),
    [161] = {ELEMENT_MILLISECONDS, FLOW_DURATION_US},
    [162] = NUMBER(DURATION_US),
    [176] = NUMBER(ICMP_TYPE),
    [177] = NUMBER(ICMP_CODE),
    [178] = NUMBER(ICMP_TYPE),
    [179] = NUMBER(ICMP_CODE),
    [180] = NUMBER(SPORT), /* UDP */
    [181] = NUMBER(DPORT),
    [182] = NUMBER(SPORT), /* TCP */
    [183] = NUMBER(DPORT),
    [192] = NUMBER(TTL),
    [195] = NUMBER(DSCP),
    [231] = NUMBER(INITIATOR_OCTETS),
    [232] = NUMBER(RESPONDER_OCTETS),
    [233] = NUMBER(FIREWALL_EVENT),
    [243] = NUMBER(VLAN),
    [252] = NUMBER(INPUT), /* physical */
    [253] = NUMBER(OUTPUT),
    [254] = NUMBER(POST_VLAN),
    [256] = NUMBER(ETHERTYPE),
    [298] = NUMBER(INITIATOR_PACKETS),
    [299] = NUMBER(RESPONDER_PACKETS),
    [302] = NUMBER(SAMPLER_ID),
    [304] = NUMBER(SELECTOR_ALGORITHM),
    [305] = NUMBER(PACKET_INTERVAL),
    [306] = NUMBER(PACKET_SPACE),
    [309] = NUMBER(SAMPLING_SIZE),
    [310] = NUMBER(SAMPLING_POPULATION),
    [311] = {ELEMENT_PROBABILITY, FLOW_PROBABILITY_RATE},
    [322] = {ELEMENT_TIME_S, FLOW_OBSERVED_NS},
    [323] = {ELEMENT_TIME_MS, FLOW_OBSERVED_NS},
    [324] = {ELEMENT_TIME_NTP, FLOW_OBSERVED_NS},
    [325] = {ELEMENT_TIME_NTP, FLOW_OBSERVED_NS},
    [352] = NUMBER(L2_OCTETS),
};

/* RFC 5103, 6.1: the same ids, seen from the other side. */
static const struct element reverse[] = {
    [1] = NUMBER(REVERSE_OCTETS),
    [2] = NUMBER(REVERSE_PACKETS),
    [85] = NUMBER(REVERSE_OCTETS),
    [86] = NUMBER(REVERSE_PACKETS),
};

static const struct element skipped = {ELEMENT_SKIPPED, 0};

struct element element_find(uint32_t enterprise, uint16_t id) {
    if (enterprise == 0 && id < IANA_MAX) {
        return iana[id];
    }
    if (enterprise == ELEMENT_ENTERPRISE_REVERSE && id < sizeof reverse / sizeof *reverse) {
        return reverse[id];
    }
    return skipped;
}

struct element element_find_v9_scope(uint16_t type) {
    return type == 2 ? (struct element)NUMBER(INPUT) : skipped; /* 2: an interface */
}

static void read_address(struct cursor *value, struct ip_address *address) {
    size_t size = cursor_left(value);
    if (size != 4 && size != 16) {
        return;
    }
    static const uint8_t zero[16];
    const uint8_t *bytes = cursor_bytes(value, size);
    /* Some templates have both families, and all zero in the one that does not apply. */
    if (address->family == 0 || memcmp(bytes, zero, size) != 0) {
        if (address->family == 0 || memcmp(address->bytes, zero, sizeof zero) == 0) {
            *address = ip_address_make(size == 16 ? 6 : 4, bytes);
        }
    }
}

static void read_mac(struct cursor *value, uint8_t mac[6], bool *has) {
    if (cursor_left(value) == 6 && !*has) {
        cursor_copy(value, mac, 6);
        *has = true;
    }
}

static void read_name(struct cursor *value, struct flow_record *record) {
    if (record->name_count < sizeof record->names / sizeof *record->names) {
        size_t size = cursor_left(value);
        record->names[record->name_count++] = (struct slice){cursor_bytes(value, size), size};
    }
}

/* 1/p for the probability in 'value', rounded; 0 where it is none. */
static uint64_t read_probability(struct cursor *value) {
    double p = 0;
    if (cursor_left(value) == 8) {
        uint64_t bits = cursor_u64(value);
        memcpy(&p, &bits, sizeof p);
    } else if (cursor_left(value) == 4) {
        float single;
        uint32_t bits = cursor_u32(value);
        memcpy(&single, &bits, sizeof single);
        p = (double)single;
    }
    return p > 1e-9 && p <= 1 ? (uint64_t)(1 / p + 0.5) : 0;
}

/* Seconds and a fraction of 2^-32 s since 1900, as nanoseconds since 1970. */
static uint64_t from_ntp(uint64_t ntp) {
    uint64_t seconds = ntp >> 32;
    if (seconds < NTP_EPOCH_OFFSET) {
        return 0;
    }
    return (seconds - NTP_EPOCH_OFFSET) * (uint64_t)NS_PER_S +
           ((ntp & UINT32_MAX) * (uint64_t)NS_PER_S >> 32);
}

/* 'value' of 'unit' nanoseconds each, or 0 when no clock can have said it. */
static uint64_t scaled_time(uint64_t value, int64_t unit) {
    return value > (uint64_t)(INT64_MAX / unit) ? 0 : value * (uint64_t)unit;
}

static void read_time(struct element element, uint64_t value, struct flow_record *record) {
    uint64_t ns = 0;
    switch (element.kind) {
    case ELEMENT_TIME_S:
        ns = scaled_time(value, NS_PER_S);
        break;
    case ELEMENT_TIME_MS:
        ns = scaled_time(value, NS_PER_MS);
        break;
    case ELEMENT_TIME_NTP:
        ns = from_ntp(value);
        break;
    case ELEMENT_TIME_AGO_US:
        ns = scaled_time(value, NS_PER_US);
        ns = ns > (uint64_t)record->header->export_ns ? 0 : (uint64_t)record->header->export_ns - ns;
        break;
    default:
        break;
    }
    if (ns != 0) {
        flow_record_set(record, (enum flow_field)element.field, ns);
    }
}

static void read_number(struct element element, struct cursor *value, struct flow_record *record) {
    size_t size = cursor_left(value);
    if (size == 0 || size > 8) {
        return;
    }
    uint64_t number = cursor_unsigned(value, size);
    if (element.kind == ELEMENT_NUMBER) {
        flow_record_set(record, (enum flow_field)element.field, number);
    } else if (element.kind == ELEMENT_MILLISECONDS) {
        flow_record_set(record, (enum flow_field)element.field,
                        number > UINT32_MAX ? UINT64_MAX : number * 1000);
    } else {
        read_time(element, number, record);
    }
}

void element_read(struct element element, struct cursor value, struct flow_record *record) {
    uint64_t rate;
    switch ((enum element_kind)element.kind) {
    case ELEMENT_SKIPPED:
        break;
    case ELEMENT_SRC:
        read_address(&value, &record->src);
        break;
    case ELEMENT_DST:
        read_address(&value, &record->dst);
        break;
    case ELEMENT_NEXT_HOP:
        read_address(&value, &record->next_hop);
        break;
    case ELEMENT_SRC_MAC:
        read_mac(&value, record->src_mac, &record->has_src_mac);
        break;
    case ELEMENT_DST_MAC:
        read_mac(&value, record->dst_mac, &record->has_dst_mac);
        break;
    case ELEMENT_NAME:
        read_name(&value, record);
        break;
    case ELEMENT_PROBABILITY:
        rate = read_probability(&value);
        if (rate != 0) {
            flow_record_set(record, (enum flow_field)element.field, rate);
        }
        break;
    default:
        read_number(element, &value, record);
        break;
    }
}
