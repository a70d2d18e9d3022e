/* sFlow version 5 datagrams.
 *
 * sFlow.org, "sFlow Version 5" (July 2004), with the discarded-packet samples of "sFlow Dropped Packet
 * Notification Structures". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/decode/flow_record.h"
#include "common/address.h"
#include "common/cursor.h"

#define SFLOW5_RECORDS_MAX 24 /* records of one sample that are kept for 'others' */

/* Record formats of enterprise 0 that are asked for by name; sflow5_record.c has the whole list. */
enum sflow5_flow_format {
    SFLOW5_RAW_HEADER = 1,
    SFLOW5_ETHERNET,
    SFLOW5_IPV4,
    SFLOW5_IPV6,
    SFLOW5_SWITCH = 1001
};
enum sflow5_counter_format {
    SFLOW5_INTERFACE = 1,
    SFLOW5_OPENFLOW_PORT = 1004,
    SFLOW5_PORT_NAME = 1005,
    SFLOW5_OVS_DATAPATH = 2207,
};

struct sflow5_header {
    struct ip_address agent;
    uint32_t sub_agent;
    uint32_t sequence;
    uint32_t uptime_ms;
    uint32_t sample_count;
};

enum sflow5_port_kind { SFLOW5_PORT_INDEX, SFLOW5_PORT_DISCARDED, SFLOW5_PORT_MULTIPLE };

/* An input or output interface: an ifIndex, the reason of a discard, or how many outputs. */
struct sflow5_port {
    uint32_t kind; /* enum sflow5_port_kind */
    uint32_t value;
};

struct sflow5_record {
    uint32_t format; /* enterprise << 12 | format */
    struct slice body;
};

/* The addresses and ports of a sampled IPv4 or IPv6 record (formats 3 and 4). */
struct sflow5_ip {
    uint32_t length;
    uint32_t protocol;
    struct ip_address src, dst;
    uint32_t sport, dport;
    uint32_t tcp_flags;
    uint32_t tos;
};

struct sflow5_flow_sample {
    bool discarded; /* a discarded-packet sample: each packet is one, 'rate' is 1 and 'pool' 0 */
    uint32_t sequence;
    uint32_t source_type, source_index;
    uint32_t rate, pool, drops;
    struct sflow5_port input, output;
    bool has_header; /* format 1 */
    uint32_t header_protocol;
    uint32_t frame_bytes; /* of the frame, FCS included where 'stripped' counts it */
    uint32_t stripped;
    struct slice header;
    bool has_ethernet; /* format 2 */
    uint32_t ethernet_bytes;
    uint8_t src_mac[6], dst_mac[6];
    uint32_t ethertype;
    bool has_ip; /* formats 3 and 4 */
    struct sflow5_ip ip;
    bool has_switch;   /* format 1001 */
    bool switch_first; /* it came before the raw header, as Open vSwitch does it */
    uint32_t src_vlan, src_priority, dst_vlan, dst_priority;
    size_t other_count; /* all the others, unknown ones too */
    struct sflow5_record others[SFLOW5_RECORDS_MAX];
};

/* Generic interface counters (format 1). */
struct sflow5_interface {
    uint32_t index, type;
    uint64_t speed;
    uint32_t direction, status;
    uint64_t in_octets;
    uint32_t in_unicast, in_multicast, in_broadcast, in_discards, in_errors, in_unknown;
    uint64_t out_octets;
    uint32_t out_unicast, out_multicast, out_broadcast, out_discards, out_errors;
    uint32_t promiscuous;
};

struct sflow5_counter_sample {
    uint32_t sequence;
    uint32_t source_type, source_index;
    bool has_interface;
    struct sflow5_interface interface;
    bool has_openflow; /* format 1004 */
    uint64_t datapath;
    uint32_t of_port;
    struct slice name; /* format 1005 */
    size_t other_count;
    struct sflow5_record others[SFLOW5_RECORDS_MAX];
};

/* Called once a sample, in order; what they point to holds only for the call.  Either may be NULL. */
struct sflow5_sink {
    void (*flow)(const struct sflow5_flow_sample *sample, const struct sflow5_header *header, void *context);
    void (*counters)(const struct sflow5_counter_sample *sample, const struct sflow5_header *header,
                     void *context);
    void *context;
};

struct sflow5_counts {
    uint32_t flow_samples, counter_samples;
    uint32_t unknown_samples; /* skipped by their length */
    uint32_t unknown_records; /* likewise */
    uint32_t malformed;
};

/* Reads the header of the datagram of 'size' bytes at 'bytes' into 'header'.  Returns 0, -EBADMSG when it is
 * cut or its address is of no known kind, or -EPROTONOSUPPORT for another version. */
int sflow5_read_header(const uint8_t *bytes, size_t size, struct sflow5_header *header);

/* Decodes the samples of the datagram, whose 'header' was read before, to 'sink'.  'counts' is filled.
 * Samples and records have lengths of their own, so that a broken one costs only itself; a sample that is cut
 * within its own fields is not handed on; nor is one that claims to be longer than the datagram, unless all
 * its records are there. */
void sflow5_decode(const uint8_t *bytes, size_t size, const struct sflow5_header *header,
                   const struct sflow5_sink *sink, struct sflow5_counts *counts);

/* True if sflow5_record_json() knows records of 'format'. */
bool sflow5_record_known(uint32_t format, bool counters);

struct json_text;

/* Appends '"NAME":{...}' for 'record', a counter record if 'counters', else a flow record, to the object in
 * 'json'. A counter that sFlow calls unknown, all ones, becomes null.  A record of unknown format becomes
 * '"ENTERPRISE:FORMAT":"hex"'.  Returns 0, -EBADMSG when the
 * record is cut, or -ENOSPC when it does not fit; nothing of it stays in 'json' then. */
int sflow5_record_json(const struct sflow5_record *record, bool counters, struct json_text *json);
