#include "collector/normalize.h"

#include <string.h>

#include "collector/decode/packet.h"

static int64_t said(const struct flow_record *record, enum flow_field field) {
    return flow_record_has(record, field) ? store_count(record->value[field]) : STORE_NULL;
}

/* The first of the 'count' fields that was said. */
static int64_t first_said(const struct flow_record *record, const enum flow_field *fields, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (flow_record_has(record, fields[i])) {
            return store_count(record->value[fields[i]]);
        }
    }
    return STORE_NULL;
}

#define FIRST_SAID(record, fields) first_said(record, fields, sizeof(fields) / sizeof *(fields))

/* Deltas first; totals stand for a flow that is reported once, but never Open vSwitch's, which are of the
 * whole exporter. */
static void fill_counts(const struct flow_record *record, const struct exporter *exporter,
                        struct flow_record_row *row) {
    static const enum flow_field packets[] = {FLOW_PACKETS, FLOW_INITIATOR_PACKETS, FLOW_POST_PACKETS,
                                              FLOW_TOTAL_PACKETS};
    static const enum flow_field octets[] = {FLOW_OCTETS, FLOW_INITIATOR_OCTETS, FLOW_POST_OCTETS,
                                             FLOW_TOTAL_OCTETS};
    if (exporter->dialect.dialect == DIALECT_OPENVSWITCH) {
        row->packets = said(record, FLOW_PACKETS);
        row->bytes = said(record, FLOW_OCTETS);
    } else {
        row->packets = FIRST_SAID(record, packets);
        row->bytes = FIRST_SAID(record, octets);
    }
    row->l3_bytes = STORE_NULL;
    if (record->template != NULL && exporter->row.byte_layer == LAYER_L2) {
        row->l3_bytes = row->bytes;
        row->bytes = said(record, FLOW_L2_OCTETS);
    }
}

/* Where the sampling rate of a record comes from: itself, an options record, or the configuration. */
static void fill_rate(const struct flow_record *record, const struct exporter *exporter, int64_t configured,
                      struct flow_record_row *row) {
    uint64_t rate = flow_record_sampling(record);
    uint64_t options = exporter_options_rate(exporter, record);
    row->scaled = exporter->row.scaled;
    row->sampling_rate = STORE_NULL;
    row->rate_source = RATE_NONE;
    if (record->header->version == 5 && (record->header->sampling & 0x3fff) != 0) {
        rate = record->header->sampling & 0x3fff;
    }
    bool unsampled =
        record->header->version < 9 && (exporter->dialect.dialect == DIALECT_OPENVSWITCH ||
                                        (!exporter->dialect.settled && !exporter->rate_override));
    bool nothing_said = rate == 0 && options == 0;
    if (configured != 0 && !unsampled && (exporter->rate_override || nothing_said)) {
        row->sampling_rate = configured;
        row->rate_source = RATE_CONFIG;
    } else if (rate != 0) {
        row->sampling_rate = store_count(rate);
        row->rate_source = RATE_RECORD;
    } else if (options != 0) {
        row->sampling_rate = store_count(options);
        row->rate_source = RATE_OPTIONS;
    }
}

static void fill_header_fields(const struct flow_record *record, struct flow_record_row *row) {
    row->vlan = said(record, FLOW_VLAN);
    row->tos = said(record, FLOW_TOS);
    if (row->tos == STORE_NULL && flow_record_has(record, FLOW_DSCP)) {
        row->tos = (int64_t)((record->value[FLOW_DSCP] & 0x3f) << 2);
    }
    row->ttl = said(record, FLOW_TTL);
    row->tcp_flags = said(record, FLOW_TCP_FLAGS);
    row->end_reason = said(record, FLOW_END_REASON);
    row->src_as = said(record, FLOW_SRC_AS);
    row->dst_as = said(record, FLOW_DST_AS);
    row->next_hop = record->next_hop;
    row->has_src_mac = record->has_src_mac;
    row->has_dst_mac = record->has_dst_mac;
    memcpy(row->src_mac, record->src_mac, sizeof row->src_mac);
    memcpy(row->dst_mac, record->dst_mac, sizeof row->dst_mac);
}

void normalize_flow_record(const struct flow_record *record, const struct exporter *exporter,
                           int64_t configured, int64_t recv_ns, struct flow_record_row *row) {
    row->exporter_id = exporter->row.id;
    row->recv_ns = recv_ns;
    row->has_key = flow_record_key(record, &row->key);
    fill_counts(record, exporter, row);
    row->direction = said(record, FLOW_DIRECTION);
    int64_t start_ns;
    int64_t end_ns;
    flow_record_times(record, &start_ns, &end_ns);
    row->start_ns = start_ns == FLOW_TIME_NONE ? STORE_NULL : start_ns;
    row->end_ns = end_ns == FLOW_TIME_NONE ? STORE_NULL : end_ns;
    row->input = said(record, FLOW_INPUT);
    row->output = said(record, FLOW_OUTPUT);
    fill_rate(record, exporter, configured, row);
    row->template_id = record->template == NULL ? STORE_NULL : record->template->id;
    fill_header_fields(record, row);
}

static void swap_key(struct flow_key *key) {
    struct flow_key other = *key;
    memcpy(other.src, key->dst, sizeof other.src);
    memcpy(other.dst, key->src, sizeof other.dst);
    if (protocol_has_ports(key->protocol)) {
        other.sport = key->dport;
        other.dport = key->sport;
    }
    *key = other;
}

bool normalize_reverse(const struct flow_record *record, struct flow_record_row *row) {
    static const enum flow_field packets[] = {FLOW_REVERSE_PACKETS, FLOW_RESPONDER_PACKETS};
    static const enum flow_field octets[] = {FLOW_REVERSE_OCTETS, FLOW_RESPONDER_OCTETS};
    int64_t reverse_packets = FIRST_SAID(record, packets);
    int64_t reverse_bytes = FIRST_SAID(record, octets);
    if (reverse_packets <= 0 && reverse_bytes <= 0) {
        return false;
    }
    swap_key(&row->key);
    row->packets = reverse_packets;
    row->bytes = reverse_bytes;
    row->l3_bytes = STORE_NULL;
    int64_t input = row->input;
    row->input = row->output;
    row->output = input;
    int64_t src_as = row->src_as;
    row->src_as = row->dst_as;
    row->dst_as = src_as;
    row->has_src_mac = row->has_dst_mac = false;
    row->tcp_flags = STORE_NULL;
    return true;
}

/* 0 is sFlow's word for an interface that is not known; a fourth kind is not defined. */
static void fill_port(const struct sflow5_port *port, int64_t *kind, int64_t *value) {
    bool unknown = port->kind > SFLOW5_PORT_MULTIPLE || (port->kind == SFLOW5_PORT_INDEX && port->value == 0);
    *kind = unknown ? STORE_NULL : port->kind;
    *value = unknown ? STORE_NULL : port->value;
}

/* type * 2^32 + index; only three types are defined, and what lies above 31 bits is no type. */
static int64_t source_id(uint32_t type, uint32_t index) {
    return (int64_t)((uint64_t)(type & INT32_MAX) << 32 | index);
}

static void fill_from_packet(const struct packet *packet, struct sflow_sample_row *row) {
    row->has_key = packet->status != PACKET_CUT;
    row->key = packet->key;
    if (packet->vlan_count != 0) {
        row->vlan = packet_vlan_id(packet);
    }
    if (packet->key.family != 0) {
        row->tos = packet->tos;
        row->ttl = packet->ttl;
    }
    if (packet->key.protocol == PROTOCOL_TCP && packet->key.family != 0 && !packet->later_fragment) {
        row->tcp_flags = packet->tcp_flags;
    }
    if (packet->tunnel != TUNNEL_NONE) {
        row->tunnel = packet_tunnel_name(packet->tunnel);
        row->has_inner = packet->has_inner;
        row->inner = packet->inner;
    }
    row->has_macs = packet->has_macs;
    memcpy(row->src_mac, packet->src_mac, sizeof row->src_mac);
    memcpy(row->dst_mac, packet->dst_mac, sizeof row->dst_mac);
}

/* The link type of sFlow's header_protocol; false for one that is not walked. */
static bool link_of(uint32_t header_protocol, enum packet_link *link) {
    *link = header_protocol == 1 ? PACKET_ETHERNET : header_protocol == 11 ? PACKET_IPV4 : PACKET_IPV6;
    return header_protocol == 1 || header_protocol == 11 || header_protocol == 12;
}

static void fill_from_header(const struct sflow5_flow_sample *sample, struct sflow_sample_row *row) {
    row->frame_bytes = sample->frame_bytes;
    row->stripped = sample->stripped;
    row->header_bytes = (int64_t)sample->header.size;
    enum packet_link link;
    if (link_of(sample->header_protocol, &link)) {
        struct packet packet;
        size_t wire = sample->frame_bytes > sample->stripped ? sample->frame_bytes - sample->stripped : 0;
        packet_parse(sample->header.bytes, sample->header.size, wire, link, &packet);
        fill_from_packet(&packet, row);
    }
}

/* Agents that send no header: the fields that they looked up themselves. */
static void fill_from_fields(const struct sflow5_flow_sample *sample, struct sflow_sample_row *row) {
    if (sample->has_ethernet) {
        row->frame_bytes = sample->ethernet_bytes;
        row->stripped = 4; /* "including FCS octets" */
        row->has_key = true;
        row->key.ethertype = (uint16_t)sample->ethertype;
        row->has_macs = true;
        memcpy(row->src_mac, sample->src_mac, sizeof row->src_mac);
        memcpy(row->dst_mac, sample->dst_mac, sizeof row->dst_mac);
    }
    if (sample->has_ip) {
        const struct sflow5_ip *ip = &sample->ip;
        row->has_key = true;
        row->key = (struct flow_key){.ethertype = ip->src.family == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4,
                                     .family = ip->src.family,
                                     .protocol = (uint8_t)ip->protocol};
        memcpy(row->key.src, ip->src.bytes, sizeof row->key.src);
        memcpy(row->key.dst, ip->dst.bytes, sizeof row->key.dst);
        if (protocol_has_ports(row->key.protocol)) {
            row->key.sport = (uint16_t)ip->sport;
            row->key.dport = (uint16_t)ip->dport;
        }
        row->tos = ip->tos;
        row->tcp_flags = row->key.protocol == PROTOCOL_TCP ? (int64_t)ip->tcp_flags : STORE_NULL;
    }
}

void normalize_flow_sample(const struct sflow5_flow_sample *sample, const struct exporter *exporter,
                           int64_t recv_ns, struct sflow_sample_row *row) {
    row->exporter_id = exporter->row.id;
    row->recv_ns = recv_ns;
    row->sequence = sample->sequence;
    row->source_id = source_id(sample->source_type, sample->source_index);
    row->sampling_rate = sample->rate;
    row->sample_pool = sample->pool;
    row->drops = sample->drops;
    fill_port(&sample->input, &row->input_kind, &row->input);
    fill_port(&sample->output, &row->output_kind, &row->output);
    row->frame_bytes = row->stripped = row->header_bytes = STORE_NULL;
    row->vlan = row->tos = row->ttl = row->tcp_flags = STORE_NULL;
    if (sample->has_header) {
        fill_from_header(sample, row);
    } else {
        fill_from_fields(sample, row);
    }
    if (row->vlan == STORE_NULL && sample->has_switch && sample->src_vlan != 0) {
        row->vlan = sample->src_vlan;
    }
}

/* All ones is sFlow's word for a counter that is not kept. */
static int64_t counter32(uint32_t value) {
    return value == UINT32_MAX ? STORE_NULL : (int64_t)value;
}

static int64_t counter64(uint64_t value) {
    return value == UINT64_MAX ? STORE_NULL : store_count(value);
}

static void fill_interface(const struct sflow5_interface *interface, struct counter_sample_row *row) {
    row->ifindex = interface->index;
    row->if_speed = counter64(interface->speed);
    row->if_status = interface->status;
    row->in_octets = counter64(interface->in_octets);
    row->in_unicast = counter32(interface->in_unicast);
    row->in_multicast = counter32(interface->in_multicast);
    row->in_broadcast = counter32(interface->in_broadcast);
    row->in_discards = counter32(interface->in_discards);
    row->in_errors = counter32(interface->in_errors);
    row->out_octets = counter64(interface->out_octets);
    row->out_unicast = counter32(interface->out_unicast);
    row->out_multicast = counter32(interface->out_multicast);
    row->out_broadcast = counter32(interface->out_broadcast);
    row->out_discards = counter32(interface->out_discards);
    row->out_errors = counter32(interface->out_errors);
}

void normalize_counter_sample(const struct sflow5_counter_sample *sample, const struct exporter *exporter,
                              int64_t recv_ns, struct counter_sample_row *row) {
    int64_t *const counters[] = {
        &row->ifindex,      &row->of_port,    &row->datapath,     &row->if_speed,      &row->if_status,
        &row->in_octets,    &row->in_unicast, &row->in_multicast, &row->in_broadcast,  &row->in_discards,
        &row->in_errors,    &row->out_octets, &row->out_unicast,  &row->out_multicast, &row->out_broadcast,
        &row->out_discards, &row->out_errors};
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
        *counters[i] = STORE_NULL;
    }
    row->exporter_id = exporter->row.id;
    row->recv_ns = recv_ns;
    row->sequence = sample->sequence;
    row->source_id = source_id(sample->source_type, sample->source_index);
    if (sample->has_interface) {
        fill_interface(&sample->interface, row);
    } else if (sample->source_type == 0) {
        row->ifindex = sample->source_index;
    }
    if (sample->has_openflow) {
        row->of_port = sample->of_port;
        row->datapath = store_count(sample->datapath);
    }
    normalize_name(sample->name, row->if_name);
}

void normalize_name(struct slice name, char text[STORE_NAME_SIZE]) {
    size_t length = 0;
    while (length < name.size && length < STORE_NAME_SIZE - 1 && name.bytes[length] != '\0') {
        uint8_t byte = name.bytes[length];
        text[length++] = byte < 0x20 || byte > 0x7e ? '?' : (char)byte;
    }
    text[length] = '\0';
}
