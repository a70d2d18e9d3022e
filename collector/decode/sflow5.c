#include "collector/decode/sflow5.h"

#include <errno.h>
#include <string.h>

enum sample_type {
    SAMPLE_FLOW = 1,
    SAMPLE_COUNTERS,
    SAMPLE_FLOW_EXPANDED,
    SAMPLE_COUNTERS_EXPANDED,
    SAMPLE_DISCARDED
};

#define PORT_INTERNAL 0x3fffffff

static struct ip_address read_address(struct cursor *cursor) {
    uint32_t type = cursor_u32(cursor);
    const uint8_t *bytes = type == 1 ? cursor_bytes(cursor, 4) : type == 2 ? cursor_bytes(cursor, 16) : NULL;
    if (bytes == NULL) {
        return (struct ip_address){0};
    }
    return ip_address_make(type == 2 ? 6 : 4, bytes);
}

int sflow5_read_header(const uint8_t *bytes, size_t size, struct sflow5_header *header) {
    struct cursor cursor = cursor_over(bytes, size);
    uint32_t version = cursor_u32(&cursor);
    if (!cursor.failed && version != 5) {
        return -EPROTONOSUPPORT;
    }
    *header = (struct sflow5_header){.agent = read_address(&cursor)};
    header->sub_agent = cursor_u32(&cursor);
    header->sequence = cursor_u32(&cursor);
    header->uptime_ms = cursor_u32(&cursor);
    header->sample_count = cursor_u32(&cursor);
    return cursor.failed || header->agent.family == 0 ? -EBADMSG : 0;
}

/* Opaque data: its length, its bytes and padding to four bytes. */
static struct cursor read_opaque(struct cursor *cursor, size_t size) {
    struct cursor body = cursor_sub(cursor, size);
    size_t padding = (4 - size % 4) % 4;
    cursor_skip(cursor, padding < cursor_left(cursor) ? padding : cursor_left(cursor));
    return body;
}

/* A MAC address; it takes eight bytes on the wire. */
static void read_mac(struct cursor *cursor, uint8_t mac[6]) {
    cursor_copy(cursor, mac, 6);
    cursor_skip(cursor, 2);
}

/* True if the whole record was there; else it stays as if it had not come. */
static bool read_raw_header(struct cursor body, struct sflow5_flow_sample *sample) {
    uint32_t protocol = cursor_u32(&body);
    uint32_t frame_bytes = cursor_u32(&body);
    uint32_t stripped = cursor_u32(&body);
    uint32_t size = cursor_u32(&body);
    const uint8_t *header = cursor_bytes(&body, size);
    if (body.failed || sample->has_header) {
        return !body.failed;
    }
    sample->has_header = true;
    sample->switch_first = sample->has_switch;
    sample->header_protocol = protocol;
    sample->frame_bytes = frame_bytes;
    sample->stripped = stripped;
    sample->header = (struct slice){header, size};
    return true;
}

static bool read_ethernet(struct cursor body, struct sflow5_flow_sample *sample) {
    sample->ethernet_bytes = cursor_u32(&body);
    read_mac(&body, sample->src_mac);
    read_mac(&body, sample->dst_mac);
    sample->ethertype = cursor_u32(&body);
    sample->has_ethernet = !body.failed;
    return !body.failed;
}

static bool read_ip(struct cursor body, uint8_t family, struct sflow5_flow_sample *sample) {
    struct sflow5_ip *ip = &sample->ip;
    uint8_t address[16];
    ip->length = cursor_u32(&body);
    ip->protocol = cursor_u32(&body);
    cursor_copy(&body, address, family == 6 ? 16 : 4);
    ip->src = ip_address_make(family, address);
    cursor_copy(&body, address, family == 6 ? 16 : 4);
    ip->dst = ip_address_make(family, address);
    ip->sport = cursor_u32(&body);
    ip->dport = cursor_u32(&body);
    ip->tcp_flags = cursor_u32(&body);
    ip->tos = cursor_u32(&body);
    sample->has_ip = !body.failed;
    return !body.failed;
}

static bool read_switch(struct cursor body, struct sflow5_flow_sample *sample) {
    sample->src_vlan = cursor_u32(&body);
    sample->src_priority = cursor_u32(&body);
    sample->dst_vlan = cursor_u32(&body);
    sample->dst_priority = cursor_u32(&body);
    sample->has_switch = !body.failed;
    return !body.failed;
}

static void keep_other(struct sflow5_record *others, size_t *count, uint32_t format, struct cursor body,
                       bool counters, struct sflow5_counts *counts) {
    counts->unknown_records += !sflow5_record_known(format, counters);
    if (*count < SFLOW5_RECORDS_MAX) {
        others[(*count)++] = (struct sflow5_record){format, {body.at, cursor_left(&body)}};
    }
}

static bool read_flow_record(uint32_t format, struct cursor body, struct sflow5_flow_sample *sample,
                             struct sflow5_counts *counts) {
    switch (format) {
    case SFLOW5_RAW_HEADER:
        return read_raw_header(body, sample);
    case SFLOW5_ETHERNET:
        return read_ethernet(body, sample);
    case SFLOW5_IPV4:
        return read_ip(body, 4, sample);
    case SFLOW5_IPV6:
        return read_ip(body, 6, sample);
    case SFLOW5_SWITCH:
        return read_switch(body, sample);
    default:
        keep_other(sample->others, &sample->other_count, format, body, false, counts);
        return true;
    }
}

static bool read_interface(struct cursor body, struct sflow5_counter_sample *sample) {
    struct sflow5_interface *interface = &sample->interface;
    interface->index = cursor_u32(&body);
    interface->type = cursor_u32(&body);
    interface->speed = cursor_u64(&body);
    interface->direction = cursor_u32(&body);
    interface->status = cursor_u32(&body);
    interface->in_octets = cursor_u64(&body);
    interface->in_unicast = cursor_u32(&body);
    interface->in_multicast = cursor_u32(&body);
    interface->in_broadcast = cursor_u32(&body);
    interface->in_discards = cursor_u32(&body);
    interface->in_errors = cursor_u32(&body);
    interface->in_unknown = cursor_u32(&body);
    interface->out_octets = cursor_u64(&body);
    interface->out_unicast = cursor_u32(&body);
    interface->out_multicast = cursor_u32(&body);
    interface->out_broadcast = cursor_u32(&body);
    interface->out_discards = cursor_u32(&body);
    interface->out_errors = cursor_u32(&body);
    interface->promiscuous = cursor_u32(&body);
    sample->has_interface = !body.failed;
    return !body.failed;
}

static bool read_counter_record(uint32_t format, struct cursor body, struct sflow5_counter_sample *sample,
                                struct sflow5_counts *counts) {
    switch (format) {
    case SFLOW5_INTERFACE:
        return read_interface(body, sample);
    case SFLOW5_OPENFLOW_PORT:
        sample->datapath = cursor_u64(&body);
        sample->of_port = cursor_u32(&body);
        sample->has_openflow = !body.failed;
        return !body.failed;
    case SFLOW5_PORT_NAME: {
        uint32_t size = cursor_u32(&body);
        const uint8_t *name = cursor_bytes(&body, size);
        sample->name = (struct slice){name, name == NULL ? 0 : size};
        return name != NULL;
    }
    default:
        keep_other(sample->others, &sample->other_count, format, body, true, counts);
        return true;
    }
}

/* Walks the 'count' records of a sample, each with its own length.  True if all were there. */
static bool read_records(struct cursor *cursor, uint32_t count, struct sflow5_flow_sample *flow,
                         struct sflow5_counter_sample *counters, struct sflow5_counts *counts) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t format = cursor_u32(cursor);
        uint32_t size = cursor_u32(cursor);
        struct cursor body = read_opaque(cursor, size);
        if (body.failed) {
            counts->malformed++;
            return false;
        }
        bool good = flow != NULL ? read_flow_record(format, body, flow, counts)
                                 : read_counter_record(format, body, counters, counts);
        counts->malformed += !good;
    }
    return true;
}

/* An interface in one word: two bits of kind above 30 bits of value. */
static struct sflow5_port read_port(struct cursor *cursor) {
    uint32_t word = cursor_u32(cursor);
    return (struct sflow5_port){word >> 30, word & PORT_INTERNAL};
}

static struct sflow5_port read_port_expanded(struct cursor *cursor) {
    uint32_t kind = cursor_u32(cursor);
    uint32_t value = cursor_u32(cursor);
    return (struct sflow5_port){kind, value};
}

static bool is_padding(const struct cursor *cursor) {
    for (const uint8_t *at = cursor->at; at < cursor->end; at++) {
        if (*at != 0) {
            return false;
        }
    }
    return true;
}

static void read_source(struct cursor *cursor, bool expanded, uint32_t *type, uint32_t *index) {
    uint32_t word = cursor_u32(cursor);
    *type = expanded ? word : word >> 24;
    *index = expanded ? cursor_u32(cursor) : word & 0xffffff;
}

static uint32_t read_flow_head(struct cursor *cursor, bool expanded, struct sflow5_flow_sample *sample) {
    sample->sequence = cursor_u32(cursor);
    read_source(cursor, expanded, &sample->source_type, &sample->source_index);
    sample->rate = cursor_u32(cursor);
    sample->pool = cursor_u32(cursor);
    sample->drops = cursor_u32(cursor);
    sample->input = expanded ? read_port_expanded(cursor) : read_port(cursor);
    sample->output = expanded ? read_port_expanded(cursor) : read_port(cursor);
    return cursor_u32(cursor);
}

static uint32_t read_discarded_head(struct cursor *cursor, struct sflow5_flow_sample *sample) {
    sample->discarded = true;
    sample->rate = 1;
    sample->sequence = cursor_u32(cursor);
    read_source(cursor, true, &sample->source_type, &sample->source_index);
    sample->drops = cursor_u32(cursor);
    sample->input = (struct sflow5_port){SFLOW5_PORT_INDEX, cursor_u32(cursor)};
    cursor_skip(cursor, 4); /* the output it did not reach */
    sample->output = (struct sflow5_port){SFLOW5_PORT_DISCARDED, cursor_u32(cursor)};
    return cursor_u32(cursor);
}

static void read_flow_sample(struct cursor *cursor, uint32_t type, bool cut,
                             const struct sflow5_header *header, const struct sflow5_sink *sink,
                             struct sflow5_counts *counts) {
    struct sflow5_flow_sample sample;
    memset(&sample, 0, offsetof(struct sflow5_flow_sample, others));
    uint32_t records = type == SAMPLE_DISCARDED
                           ? read_discarded_head(cursor, &sample)
                           : read_flow_head(cursor, type == SAMPLE_FLOW_EXPANDED, &sample);
    if (cursor->failed) {
        counts->malformed++;
        return;
    }
    if (!read_records(cursor, records, &sample, NULL, counts) && cut) {
        return;
    }
    counts->flow_samples++;
    if (sink->flow != NULL) {
        sink->flow(&sample, header, sink->context);
    }
}

static void read_counter_sample(struct cursor *cursor, bool expanded, bool cut,
                                const struct sflow5_header *header, const struct sflow5_sink *sink,
                                struct sflow5_counts *counts) {
    struct sflow5_counter_sample sample;
    memset(&sample, 0, offsetof(struct sflow5_counter_sample, others));
    sample.sequence = cursor_u32(cursor);
    read_source(cursor, expanded, &sample.source_type, &sample.source_index);
    uint32_t records = cursor_u32(cursor);
    if (cursor->failed) {
        counts->malformed++;
        return;
    }
    if (!read_records(cursor, records, NULL, &sample, counts) && cut) {
        return;
    }
    counts->counter_samples++;
    if (sink->counters != NULL) {
        sink->counters(&sample, header, sink->context);
    }
}

/* 'cut' says that the sample claims to be longer than the datagram: it counts if its records are there. */
static void read_sample(struct cursor *cursor, uint32_t type, bool cut, const struct sflow5_header *header,
                        const struct sflow5_sink *sink, struct sflow5_counts *counts) {
    switch (type) {
    case SAMPLE_FLOW:
    case SAMPLE_FLOW_EXPANDED:
    case SAMPLE_DISCARDED:
        read_flow_sample(cursor, type, cut, header, sink, counts);
        break;
    case SAMPLE_COUNTERS:
    case SAMPLE_COUNTERS_EXPANDED:
        read_counter_sample(cursor, type == SAMPLE_COUNTERS_EXPANDED, cut, header, sink, counts);
        break;
    default:
        counts->unknown_samples++;
        break;
    }
}

void sflow5_decode(const uint8_t *bytes, size_t size, const struct sflow5_header *header,
                   const struct sflow5_sink *sink, struct sflow5_counts *counts) {
    struct cursor cursor = cursor_over(bytes, size);
    memset(counts, 0, sizeof *counts);
    cursor_skip(&cursor, header->agent.family == 6 ? 40 : 28);
    for (uint32_t i = 0; i < header->sample_count; i++) {
        uint32_t type = cursor_u32(&cursor);
        uint32_t length = cursor_u32(&cursor);
        size_t left = cursor_left(&cursor);
        if (cursor.failed || left == 0) {
            counts->malformed += cursor.failed || length != 0;
            break;
        }
        struct cursor sample = read_opaque(&cursor, length <= left ? length : left);
        counts->malformed += length > left;
        read_sample(&sample, type, length > left, header, sink, counts);
    }
    counts->malformed += !is_padding(&cursor);
}
