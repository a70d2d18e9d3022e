/* sFlow's many record formats, as tables of their fields: they have no columns and go to the database as
 * JSON.
 *
 * sFlow.org: "sFlow Version 5"; "sFlow Host Structures"; "sFlow LAG Counters"; "sFlow OpenFlow Structures";
 * "sFlow Tunnel Structures"; "sFlow Port NAT Structures"; Open vSwitch's lib/sflow.h for 2203 and 2207. */
#include <errno.h>
#include <stdio.h>

#include "collector/decode/json_text.h"
#include "collector/decode/sflow5.h"

#define LIST_MAX 256 /* elements of one list that are written */

enum kind {
    U32,
    U32_OPTIONAL,
    U64,
    FLOAT,
    IPV4,
    IPV6,
    ADDRESS,
    MAC,
    STRING,
    UUID,
    U32_LIST,
    AS_PATH,
    ADAPTERS
};

struct field {
    enum kind kind;
    const char *name;
};

struct format {
    uint32_t number;
    const char *name;
    const struct field *fields;
    size_t count;
};

#define FORMAT(number, name, fields)                                                                         \
    { number, name, fields, sizeof(fields) / sizeof *(fields) }

static const struct field ethernet[] = {{U32, "length"}, {MAC, "src_mac"}, {MAC, "dst_mac"}, {U32, "type"}};
static const struct field ipv4[] = {{U32, "length"},   {U32, "protocol"}, {IPV4, "src"},      {IPV4, "dst"},
                                    {U32, "src_port"}, {U32, "dst_port"}, {U32, "tcp_flags"}, {U32, "tos"}};
static const struct field ipv6[] = {{U32, "length"},    {U32, "protocol"}, {IPV6, "src"},
                                    {IPV6, "dst"},      {U32, "src_port"}, {U32, "dst_port"},
                                    {U32, "tcp_flags"}, {U32, "priority"}};
static const struct field router[] = {{ADDRESS, "next_hop"}, {U32, "src_mask"}, {U32, "dst_mask"}};
static const struct field gateway[] = {{ADDRESS, "next_hop"}, {U32, "as"},
                                       {U32, "src_as"},       {U32, "src_peer_as"},
                                       {AS_PATH, "dst_path"}, {U32_LIST, "communities"},
                                       {U32, "local_pref"}};
static const struct field user[] = {
    {U32, "src_charset"}, {STRING, "src_user"}, {U32, "dst_charset"}, {STRING, "dst_user"}};
static const struct field url[] = {{U32, "direction"}, {STRING, "url"}, {STRING, "host"}};
static const struct field mpls[] = {{ADDRESS, "next_hop"}, {U32_LIST, "in_stack"}, {U32_LIST, "out_stack"}};
static const struct field nat[] = {{ADDRESS, "src"}, {ADDRESS, "dst"}};
static const struct field mpls_tunnel[] = {{STRING, "name"}, {U32, "id"}, {U32, "cos"}};
static const struct field mpls_vc[] = {{STRING, "name"}, {U32, "id"}, {U32, "cos"}};
static const struct field mpls_ftn[] = {{STRING, "description"}, {U32, "mask"}};
static const struct field mpls_fec[] = {{U32, "prefix_length"}};
static const struct field vlan_tunnel[] = {{U32_LIST, "stack"}};
static const struct field nat_port[] = {{U32, "src_port"}, {U32, "dst_port"}};
static const struct field decapsulate[] = {{U32, "inner_header_offset"}};
static const struct field vni[] = {{U32, "vni"}};
static const struct field queue[] = {{U32, "queue"}};
static const struct field acl[] = {{U32, "number"}, {STRING, "name"}, {U32, "direction"}};
static const struct field function[] = {{STRING, "symbol"}};
static const struct field delay[] = {{U32, "ns"}};
static const struct field depth[] = {{U32, "bytes"}};

static const struct format flow_formats[] = {
    FORMAT(2, "ethernet", ethernet),
    FORMAT(3, "ipv4", ipv4),
    FORMAT(4, "ipv6", ipv6),
    FORMAT(1002, "router", router),
    FORMAT(1003, "gateway", gateway),
    FORMAT(1004, "user", user),
    FORMAT(1005, "url", url),
    FORMAT(1006, "mpls", mpls),
    FORMAT(1007, "nat", nat),
    FORMAT(1008, "mpls_tunnel", mpls_tunnel),
    FORMAT(1009, "mpls_vc", mpls_vc),
    FORMAT(1010, "mpls_ftn", mpls_ftn),
    FORMAT(1011, "mpls_ldp_fec", mpls_fec),
    FORMAT(1012, "vlan_tunnel", vlan_tunnel),
    FORMAT(1020, "nat_port", nat_port),
    FORMAT(1021, "l2_tunnel_egress", ethernet),
    FORMAT(1022, "l2_tunnel_ingress", ethernet),
    FORMAT(1023, "ipv4_tunnel_egress", ipv4),
    FORMAT(1024, "ipv4_tunnel_ingress", ipv4),
    FORMAT(1025, "ipv6_tunnel_egress", ipv6),
    FORMAT(1026, "ipv6_tunnel_ingress", ipv6),
    FORMAT(1027, "decapsulate_egress", decapsulate),
    FORMAT(1028, "decapsulate_ingress", decapsulate),
    FORMAT(1029, "vni_egress", vni),
    FORMAT(1030, "vni_ingress", vni),
    FORMAT(1036, "egress_queue", queue),
    FORMAT(1037, "acl", acl),
    FORMAT(1038, "function", function),
    FORMAT(1039, "transit_delay", delay),
    FORMAT(1040, "queue_depth", depth),
};

static const struct field dot3[] = {
    {U32, "alignment_errors"},     {U32, "fcs_errors"},           {U32, "single_collisions"},
    {U32, "multiple_collisions"},  {U32, "sqe_test_errors"},      {U32, "deferred_transmissions"},
    {U32, "late_collisions"},      {U32, "excessive_collisions"}, {U32, "mac_transmit_errors"},
    {U32, "carrier_sense_errors"}, {U32, "frame_too_longs"},      {U32, "mac_receive_errors"},
    {U32, "symbol_errors"},
};
static const struct field token_ring[] = {
    {U32, "line_errors"},      {U32, "burst_errors"},      {U32, "ac_errors"},   {U32, "abort_trans_errors"},
    {U32, "internal_errors"},  {U32, "lost_frame_errors"}, {U32, "congestions"}, {U32, "frame_copied_errors"},
    {U32, "token_errors"},     {U32, "soft_errors"},       {U32, "hard_errors"}, {U32, "signal_loss"},
    {U32, "transmit_beacons"}, {U32, "recoverys"},         {U32, "lobe_wires"},  {U32, "removes"},
    {U32, "singles"},          {U32, "freq_errors"},
};
static const struct field vg[] = {
    {U32, "in_high_frames"},    {U64, "in_high_octets"},     {U32, "in_norm_frames"},
    {U64, "in_norm_octets"},    {U32, "in_ipm_errors"},      {U32, "in_oversize_errors"},
    {U32, "in_data_errors"},    {U32, "in_null_frames"},     {U32, "out_high_frames"},
    {U64, "out_high_octets"},   {U32, "trainings"},          {U64, "hc_in_high_octets"},
    {U64, "hc_in_norm_octets"}, {U64, "hc_out_high_octets"},
};
static const struct field vlan[] = {{U32, "vlan"},      {U64, "octets"},    {U32, "unicast"},
                                    {U32, "multicast"}, {U32, "broadcast"}, {U32, "discards"}};
static const struct field lacp[] = {
    {MAC, "actor_system"},        {MAC, "partner_system"}, {U32, "attached_aggregate"},
    {U32, "port_state"},          {U32, "lacpdus_rx"},     {U32, "marker_pdus_rx"},
    {U32, "marker_responses_rx"}, {U32, "unknown_rx"},     {U32, "illegal_rx"},
    {U32, "lacpdus_tx"},          {U32, "marker_pdus_tx"}, {U32, "marker_responses_tx"},
};
static const struct field processor[] = {
    {U32, "cpu_5s"}, {U32, "cpu_1m"}, {U32, "cpu_5m"}, {U64, "memory_total"}, {U64, "memory_free"}};
static const struct field host[] = {
    {STRING, "hostname"}, {UUID, "uuid"}, {U32, "machine"}, {U32, "os"}, {STRING, "release"}};
static const struct field adapters[] = {{ADAPTERS, "list"}};
static const struct field parent[] = {{U32, "type"}, {U32, "index"}};
static const struct field cpu[] = {
    {FLOAT, "load_1m"},
    {FLOAT, "load_5m"},
    {FLOAT, "load_15m"},
    {U32, "running"},
    {U32, "processes"},
    {U32, "cpus"},
    {U32, "mhz"},
    {U32, "uptime_s"},
    {U32, "user_ms"},
    {U32, "nice_ms"},
    {U32, "system_ms"},
    {U32, "idle_ms"},
    {U32, "wait_ms"},
    {U32, "irq_ms"},
    {U32, "soft_irq_ms"},
    {U32, "interrupts"},
    {U32, "contexts"},
    {U32_OPTIONAL, "steal_ms"},
    {U32_OPTIONAL, "guest_ms"},
    {U32_OPTIONAL, "guest_nice_ms"},
};
static const struct field memory[] = {
    {U64, "total"},    {U64, "free"},       {U64, "shared"},    {U64, "buffers"},
    {U64, "cached"},   {U64, "swap_total"}, {U64, "swap_free"}, {U32, "page_in"},
    {U32, "page_out"}, {U32, "swap_in"},    {U32, "swap_out"},
};
static const struct field disk[] = {
    {U64, "total"},   {U64, "free"},   {U32, "max_used_percent_100"}, {U32, "reads"},    {U64, "bytes_read"},
    {U32, "read_ms"}, {U32, "writes"}, {U64, "bytes_written"},        {U32, "write_ms"},
};
static const struct field net[] = {
    {U64, "bytes_in"},  {U32, "packets_in"},  {U32, "errors_in"},  {U32, "drops_in"},
    {U64, "bytes_out"}, {U32, "packets_out"}, {U32, "errors_out"}, {U32, "drops_out"},
};
static const struct field ovs_datapath[] = {{U32, "hits"},      {U32, "misses"}, {U32, "lost"},
                                            {U32, "mask_hits"}, {U32, "flows"},  {U32, "masks"}};
static const struct field resources[] = {
    {U32, "user_ms"}, {U32, "system_ms"}, {U64, "memory_used"}, {U64, "memory_max"},
    {U32, "fd_open"}, {U32, "fd_max"},    {U32, "conn_open"},   {U32, "conn_max"},
};

static const struct format counter_formats[] = {
    FORMAT(2, "ethernet", dot3),
    FORMAT(3, "token_ring", token_ring),
    FORMAT(4, "vg", vg),
    FORMAT(5, "vlan", vlan),
    FORMAT(7, "lacp", lacp),
    FORMAT(1001, "processor", processor),
    FORMAT(2000, "host", host),
    FORMAT(2001, "adapters", adapters),
    FORMAT(2002, "host_parent", parent),
    FORMAT(2003, "cpu", cpu),
    FORMAT(2004, "memory", memory),
    FORMAT(2005, "disk", disk),
    FORMAT(2006, "net", net),
    FORMAT(2203, "app_resources", resources),
    FORMAT(2207, "ovs_datapath", ovs_datapath),
};

static const struct format *find_format(uint32_t number, bool counters) {
    const struct format *formats = counters ? counter_formats : flow_formats;
    size_t count = counters ? sizeof counter_formats / sizeof *counter_formats
                            : sizeof flow_formats / sizeof *flow_formats;
    for (size_t i = 0; i < count; i++) {
        if (formats[i].number == number) {
            return &formats[i];
        }
    }
    return NULL;
}

bool sflow5_record_known(uint32_t format, bool counters) {
    return find_format(format, counters) != NULL;
}

static void write_text(struct json_text *json, const char *text) {
    size_t size = 0;
    while (text[size] != '\0') {
        size++;
    }
    json_text_string(json, (const uint8_t *)text, size);
}

static void write_address(struct cursor *cursor, uint8_t family, struct json_text *json) {
    uint8_t bytes[16];
    char text[IP_TEXT_SIZE];
    cursor_copy(cursor, bytes, family == 6 ? 16 : 4);
    struct ip_address address = ip_address_make(family, bytes);
    write_text(json, ip_address_format(&address, text));
}

static void write_any_address(struct cursor *cursor, struct json_text *json) {
    uint32_t type = cursor_u32(cursor);
    if (type == 1 || type == 2) {
        write_address(cursor, type == 2 ? 6 : 4, json);
    } else {
        write_text(json, "");
    }
}

static void write_mac(struct cursor *cursor, struct json_text *json) {
    uint8_t mac[6];
    char text[MAC_TEXT_SIZE];
    cursor_copy(cursor, mac, sizeof mac);
    cursor_skip(cursor, 2);
    write_text(json, mac_format(mac, text));
}

static void write_string(struct cursor *cursor, struct json_text *json) {
    uint32_t size = cursor_u32(cursor);
    const uint8_t *bytes = cursor_bytes(cursor, size);
    size_t padding = (4 - size % 4) % 4;
    cursor_skip(cursor, padding < cursor_left(cursor) ? padding : 0);
    json_text_string(json, bytes, bytes == NULL ? 0 : size);
}

static void write_list(struct cursor *cursor, struct json_text *json) {
    uint32_t count = cursor_u32(cursor);
    json_text_open(json, '[');
    for (uint32_t i = 0; i < count && !cursor->failed; i++) {
        uint32_t value = cursor_u32(cursor);
        if (i < LIST_MAX) {
            json_text_unsigned(json, value);
        }
    }
    json_text_close(json, ']');
}

/* Segments, each an array, whether it is a set (1) or a sequence (2). */
static void write_as_path(struct cursor *cursor, struct json_text *json) {
    uint32_t segments = cursor_u32(cursor);
    json_text_open(json, '[');
    for (uint32_t i = 0; i < segments && !cursor->failed; i++) {
        cursor_skip(cursor, 4);
        write_list(cursor, json);
    }
    json_text_close(json, ']');
}

static void write_adapters(struct cursor *cursor, struct json_text *json) {
    uint32_t count = cursor_u32(cursor);
    json_text_open(json, '[');
    for (uint32_t i = 0; i < count && !cursor->failed; i++) {
        json_text_open(json, '{');
        json_text_name(json, "ifindex");
        json_text_unsigned(json, cursor_u32(cursor));
        json_text_name(json, "macs");
        json_text_open(json, '[');
        uint32_t macs = cursor_u32(cursor);
        for (uint32_t j = 0; j < macs && !cursor->failed; j++) {
            write_mac(cursor, json);
        }
        json_text_close(json, ']');
        json_text_close(json, '}');
    }
    json_text_close(json, ']');
}

static void write_float(struct cursor *cursor, struct json_text *json) {
    uint32_t bits = cursor_u32(cursor);
    float value;
    memcpy(&value, &bits, sizeof value);
    json_text_double(json, (double)value);
}

static void write_uuid(struct cursor *cursor, struct json_text *json) {
    uint8_t uuid[16];
    cursor_copy(cursor, uuid, sizeof uuid);
    json_text_hex(json, uuid, sizeof uuid);
}

/* All ones is sFlow's word for a counter that is not kept (sFlow v5, 5.3). */
static void write_number(uint64_t value, uint64_t unknown, bool counters, struct json_text *json) {
    if (counters && value == unknown) {
        json_text_null(json);
    } else {
        json_text_unsigned(json, value);
    }
}

static void write_field(enum kind kind, bool counters, struct cursor *cursor, struct json_text *json) {
    switch (kind) {
    case U32:
    case U32_OPTIONAL: /* left out by older agents */
        write_number(cursor_u32(cursor), UINT32_MAX, counters, json);
        break;
    case U64:
        write_number(cursor_u64(cursor), UINT64_MAX, counters, json);
        break;
    case FLOAT:
        write_float(cursor, json);
        break;
    case IPV4:
        write_address(cursor, 4, json);
        break;
    case IPV6:
        write_address(cursor, 6, json);
        break;
    case ADDRESS:
        write_any_address(cursor, json);
        break;
    case MAC:
        write_mac(cursor, json);
        break;
    case STRING:
        write_string(cursor, json);
        break;
    case UUID:
        write_uuid(cursor, json);
        break;
    case U32_LIST:
        write_list(cursor, json);
        break;
    case AS_PATH:
        write_as_path(cursor, json);
        break;
    case ADAPTERS:
        write_adapters(cursor, json);
        break;
    }
}

int sflow5_record_json(const struct sflow5_record *record, bool counters, struct json_text *json) {
    const struct format *format = find_format(record->format, counters);
    struct json_text mark = json_text_mark(json);
    struct cursor cursor = cursor_over(record->body.bytes, record->body.size);
    if (format == NULL) {
        char name[32];
        snprintf(name, sizeof name, "%u:%u", record->format >> 12, record->format & 0xfff);
        json_text_name(json, name);
        json_text_hex(json, record->body.bytes, record->body.size);
    } else {
        json_text_name(json, format->name);
        json_text_open(json, '{');
        for (size_t i = 0; i < format->count && !cursor.failed; i++) {
            if (format->fields[i].kind == U32_OPTIONAL && cursor_left(&cursor) == 0) {
                break;
            }
            json_text_name(json, format->fields[i].name);
            write_field(format->fields[i].kind, counters, &cursor, json);
        }
        json_text_close(json, '}');
    }
    if (cursor.failed || json->full) {
        int result = cursor.failed ? -EBADMSG : -ENOSPC;
        json_text_return(json, &mark);
        return result;
    }
    return 0;
}
