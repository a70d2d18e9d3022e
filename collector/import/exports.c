#include <errno.h>

#include "collector/import/link_layer.h"
#include "collector/import/reading.h"
#include "common/clock.h"
#include "common/cursor.h"

/* Between two ticks of the collector, in the file's own time. */
#define TICK_NS NS_PER_S

/* Finds the UDP payload of a captured frame.  Returns 0, or -EBADMSG when it holds none that is whole. */
static int find_datagram(int dlt, const struct pcap_pkthdr *header, const uint8_t *bytes,
                         struct datagram *datagram) {
    enum packet_link link;
    size_t skip;
    struct packet packet;
    int code = link_layer_strip(dlt, bytes, header->caplen, &link, &skip);
    if (code != 0) {
        return code;
    }
    if (packet_parse(bytes + skip, header->caplen - skip, header->len - skip, link, &packet) != PACKET_OK ||
        packet.key.protocol != PROTOCOL_UDP || packet.later_fragment || packet.l4_offset == 0) {
        return -EBADMSG;
    }
    struct cursor cursor = cursor_over(bytes + skip, header->caplen - skip);
    cursor_skip(&cursor, packet.l4_offset);
    cursor_skip(&cursor, 4); /* ports */
    size_t length = cursor_u16(&cursor);
    cursor_skip(&cursor, 2); /* checksum */
    if (cursor.failed || length < 8) {
        return -EBADMSG;
    }
    size_t there = cursor_left(&cursor);
    *datagram = (struct datagram){
        .size = length - 8 < there ? length - 8 : there,
        .recv_ns = import_stamp_ns(header),
        .src = ip_address_make(packet.key.family, packet.key.src),
        .dst = ip_address_make(packet.key.family, packet.key.dst),
        .src_port = packet.key.sport,
        .dst_port = packet.key.dport,
    };
    datagram->bytes = cursor_bytes(&cursor, datagram->size);
    return 0;
}

int exports_read(struct import *import, const struct import_file *file, struct error *error) {
    pcap_t *pcap = import_open(file, error);
    if (pcap == NULL) {
        return -EINVAL;
    }
    int dlt = pcap_datalink(pcap);
    struct pcap_pkthdr *header;
    const u_char *bytes;
    int64_t next_tick_ns = 0;
    int result;
    while ((result = pcap_next_ex(pcap, &header, &bytes)) == 1) {
        struct datagram datagram;
        if (find_datagram(dlt, header, bytes, &datagram) == 0) {
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
    pcap_close(pcap);
    collector_finish(import->collector, next_tick_ns);
    return code;
}
