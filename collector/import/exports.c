#include <errno.h>

#include "collector/import/fragments.h"
#include "collector/import/link_layer.h"
#include "collector/import/reading.h"
#include "common/clock.h"
#include "common/cursor.h"

/* Between two ticks of the collector, in the file's own time. */
#define TICK_NS NS_PER_S

/* What is being read. */
struct reading {
    struct import *import;
    struct fragments *fragments;
    int dlt;
};

/* The UDP datagram of 'key' whose header begins at 'bytes', of which 'size' bytes are there. */
static bool udp_payload(const struct flow_key *key, const uint8_t *bytes, size_t size,
                        struct datagram *datagram) {
    struct cursor cursor = cursor_over(bytes, size);
    uint16_t sport = cursor_u16(&cursor);
    uint16_t dport = cursor_u16(&cursor);
    size_t length = cursor_u16(&cursor);
    cursor_skip(&cursor, 2);              /* checksum */
    length = length == 0 ? size : length; /* as if seen before it was filled in */
    if (cursor.failed || length < 8) {
        return false;
    }
    size_t there = cursor_left(&cursor);
    *datagram = (struct datagram){
        .size = length - 8 < there ? length - 8 : there,
        .src = ip_address_make(key->family, key->src),
        .dst = ip_address_make(key->family, key->dst),
        .src_port = sport,
        .dst_port = dport,
    };
    datagram->bytes = cursor_bytes(&cursor, datagram->size);
    return true;
}

/* The UDP datagram in a frame that was walked: the innermost, since a tunnel may be of UDP itself. */
static bool whole_datagram(const struct packet *packet, const uint8_t *bytes, size_t size,
                           struct datagram *datagram) {
    const struct flow_key *inner = &packet->inner;
    if (packet->has_inner && inner->protocol == PROTOCOL_UDP && inner->family != 0 &&
        packet->inner_l4_offset != 0 && packet->inner_l4_offset <= size) {
        return udp_payload(inner, bytes + packet->inner_l4_offset, size - packet->inner_l4_offset, datagram);
    }
    return packet->key.family != 0 && packet->key.protocol == PROTOCOL_UDP && packet->l4_offset != 0 &&
           packet->l4_offset <= size &&
           udp_payload(&packet->key, bytes + packet->l4_offset, size - packet->l4_offset, datagram);
}

/* A fragment: the datagram when it has become whole. */
static bool take_fragment(struct reading *reading, const struct packet *packet, const uint8_t *bytes,
                          size_t size, struct datagram *datagram) {
    size_t whole;
    const uint8_t *upper = fragments_take(reading->fragments, packet, bytes, size, &whole);
    return upper != NULL && udp_payload(&packet->key, upper, whole, datagram);
}

/* Finds the UDP payload of a captured frame.  False when it holds none, or completes none. */
static bool find_datagram(struct reading *reading, const struct pcap_pkthdr *header, const uint8_t *bytes,
                          struct datagram *datagram) {
    enum packet_link link;
    size_t skip;
    struct packet packet;
    if (link_layer_strip(reading->dlt, bytes, header->caplen, &link, &skip) != 0) {
        return false;
    }
    bytes += skip;
    size_t size = header->caplen - skip;
    if (packet_parse(bytes, size, header->len - skip, link, &packet) != PACKET_OK) {
        return false;
    }
    bool found = packet.fragment ? take_fragment(reading, &packet, bytes, size, datagram)
                                 : whole_datagram(&packet, bytes, size, datagram);
    datagram->recv_ns = import_stamp_ns(header);
    return found;
}

/* Between two ticks the exporters' state is not written. */
static int read_frames(struct reading *reading, pcap_t *pcap, const struct import_file *file,
                       struct error *error) {
    struct import *import = reading->import;
    struct pcap_pkthdr *header;
    const u_char *bytes;
    int64_t next_tick_ns = 0;
    int result;
    while ((result = pcap_next_ex(pcap, &header, &bytes)) == 1) {
        struct datagram datagram;
        import->result->export_frames++;
        if (find_datagram(reading, header, bytes, &datagram)) {
            collector_datagram(import->collector, &datagram);
        } else {
            import->result->others++;
        }
        int64_t at_ns = import_stamp_ns(header);
        if (at_ns >= next_tick_ns) {
            collector_tick(import->collector, at_ns);
            next_tick_ns = at_ns + TICK_NS;
        }
        import_advance(import, file->path, header);
    }
    int code = import_ended(pcap, result, file->path, error);
    collector_finish(import->collector, next_tick_ns);
    return code;
}

int exports_read(struct import *import, const struct import_file *file, struct error *error) {
    pcap_t *pcap = import_open(file, error);
    if (pcap == NULL) {
        return -EINVAL;
    }
    struct reading reading = {.import = import, .fragments = fragments_create(), .dlt = pcap_datalink(pcap)};
    int code;
    if (reading.fragments == NULL) {
        code = error_set(error, -ENOMEM, "out of memory");
    } else if (!link_layer_known(reading.dlt)) {
        code = error_set(
            error, -EPROTONOSUPPORT,
            "'%s' has frames of link type %s, which nsmon does not read: capture on another interface, "
            "or export the UDP datagrams to a file of raw IP",
            file->path, pcap_datalink_val_to_name(reading.dlt));
    } else {
        code = read_frames(&reading, pcap, file, error);
        import->result->fragments += fragments_counts(reading.fragments).fragments;
        import->result->reassembled += fragments_counts(reading.fragments).datagrams;
    }
    fragments_destroy(reading.fragments);
    pcap_close(pcap);
    return code;
}
