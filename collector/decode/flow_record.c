#include "collector/decode/flow_record.h"

#include <string.h>

#include "common/clock.h"

/* ICMP's type and code as the destination port, from elements 176-179, 32 or 139, or where NetFlow v5 has
 * them. */
static uint16_t icmp_port(const struct flow_record *record) {
    if (flow_record_has(record, FLOW_ICMP_TYPE)) {
        uint64_t code = flow_record_get(record, FLOW_ICMP_CODE, 0);
        return (uint16_t)((record->value[FLOW_ICMP_TYPE] & 0xff) << 8 | (code & 0xff));
    }
    if (flow_record_has(record, FLOW_ICMP_TYPE_CODE)) {
        return (uint16_t)record->value[FLOW_ICMP_TYPE_CODE];
    }
    return (uint16_t)flow_record_get(record, FLOW_DPORT, 0);
}

bool flow_record_key(const struct flow_record *record, struct flow_key *key) {
    memset(key, 0, sizeof *key);
    uint16_t ethertype = (uint16_t)flow_record_get(record, FLOW_ETHERTYPE, 0);
    bool not_ip = ethertype != 0 && ethertype != ETHERTYPE_IPV4 && ethertype != ETHERTYPE_IPV6;
    if (record->src.family == 0 || record->src.family != record->dst.family || not_ip) {
        key->ethertype = ethertype;
        return ethertype != 0;
    }
    key->family = record->src.family;
    key->ethertype = key->family == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
    key->protocol = (uint8_t)flow_record_get(record, FLOW_PROTOCOL, 0);
    memcpy(key->src, record->src.bytes, sizeof key->src);
    memcpy(key->dst, record->dst.bytes, sizeof key->dst);
    if (key->protocol == (key->family == 6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP)) {
        key->dport = icmp_port(record);
    } else if (protocol_has_ports(key->protocol)) {
        key->sport = (uint16_t)flow_record_get(record, FLOW_SPORT, 0);
        key->dport = (uint16_t)flow_record_get(record, FLOW_DPORT, 0);
    }
    return true;
}

/* The moment at which the exporter was 'field' milliseconds up. */
static int64_t from_uptime(const struct flow_record *record, enum flow_field field) {
    const struct export_header *header = record->header;
    uint64_t init_ms = flow_record_get(record, FLOW_INIT_MS, (uint64_t)header->init_ms);
    uint32_t uptime_ms;
    if (header->has_uptime) {
        uptime_ms = header->uptime_ms;
    } else if (init_ms != 0) {
        uptime_ms = (uint32_t)((uint64_t)(header->export_ns / NS_PER_MS) - init_ms);
    } else {
        return FLOW_TIME_NONE;
    }
    int32_t ago_ms = (int32_t)(uptime_ms - (uint32_t)record->value[field]);
    return header->export_ns - ago_ms * NS_PER_MS;
}

static int64_t one_time(const struct flow_record *record, enum flow_field absolute, enum flow_field uptime) {
    if (flow_record_get(record, absolute, 0) != 0) {
        return (int64_t)record->value[absolute];
    }
    return flow_record_has(record, uptime) ? from_uptime(record, uptime) : FLOW_TIME_NONE;
}

void flow_record_times(const struct flow_record *record, int64_t *start_ns, int64_t *end_ns) {
    int64_t start = one_time(record, FLOW_START_NS, FLOW_START_UPTIME_MS);
    int64_t end = one_time(record, FLOW_END_NS, FLOW_END_UPTIME_MS);
    uint64_t duration_us = flow_record_get(record, FLOW_DURATION_US, UINT64_MAX);
    if (duration_us <= UINT32_MAX * UINT64_C(1000)) {
        int64_t duration_ns = (int64_t)duration_us * NS_PER_US;
        if (end == FLOW_TIME_NONE && start != FLOW_TIME_NONE && start <= INT64_MAX - duration_ns) {
            end = start + duration_ns;
        } else if (start == FLOW_TIME_NONE && end != FLOW_TIME_NONE && end >= duration_ns) {
            start = end - duration_ns;
        }
    }
    if (end == FLOW_TIME_NONE && flow_record_get(record, FLOW_OBSERVED_NS, 0) != 0) {
        end = (int64_t)record->value[FLOW_OBSERVED_NS];
    }
    *start_ns = start;
    *end_ns = end;
}

uint64_t flow_record_sampling(const struct flow_record *record) {
    static const enum flow_field plain[] = {FLOW_SAMPLING_INTERVAL, FLOW_RANDOM_INTERVAL,
                                            FLOW_PROBABILITY_RATE};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        uint64_t rate = flow_record_get(record, plain[i], 0);
        if (rate != 0) {
            return rate;
        }
    }
    uint64_t interval = flow_record_get(record, FLOW_PACKET_INTERVAL, 0);
    uint64_t space = flow_record_get(record, FLOW_PACKET_SPACE, 0);
    if (interval != 0 && flow_record_has(record, FLOW_PACKET_SPACE) && space <= UINT64_MAX - interval) {
        return (interval + space) / interval;
    }
    uint64_t size = flow_record_get(record, FLOW_SAMPLING_SIZE, 0);
    uint64_t population = flow_record_get(record, FLOW_SAMPLING_POPULATION, 0);
    return size != 0 && population >= size ? population / size : 0;
}
