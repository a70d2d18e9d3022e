#include <errno.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>

#include "collector/import/fragments.h"
#include "collector/import/link_layer.h"
#include "collector/import/reading.h"
#include "common/capfile/capfile.h"
#include "common/clock.h"
#include "common/cursor.h"

/* Between two ticks of the collector, in the file's own time. */
#define TICK_NS NS_PER_S

/* What is being read. */
struct reading {
    struct import *import;
    const struct import_file *file;
    struct fragments *fragments;
    struct capfile *capfile;
    uint64_t unread; /* frames of a link type that is not read ... */
    int link_type;   /* ... such as this */
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
    size_t whole = 0;
    const uint8_t *upper = fragments_take(reading->fragments, packet, bytes, size, &whole);
    return upper != NULL && udp_payload(&packet->key, upper, whole, datagram);
}

/* Finds the UDP payload of a captured frame.  False when it holds none, or completes none. */
static bool find_datagram(struct reading *reading, const struct capfile_frame *frame,
                          struct datagram *datagram) {
    enum packet_link link;
    size_t skip;
    struct packet packet;
    int code = link_layer_strip(frame->link_type, frame->bytes, frame->size, &link, &skip);
    if (code == -EPROTONOSUPPORT) {
        reading->unread++;
        reading->link_type = frame->link_type;
    }
    if (code != 0) {
        return false;
    }
    const uint8_t *bytes = frame->bytes + skip;
    size_t size = frame->size - skip;
    if (packet_parse(bytes, size, frame->wire - skip, link, &packet) != PACKET_OK) {
        return false;
    }
    bool found = packet.fragment ? take_fragment(reading, &packet, bytes, size, datagram)
                                 : whole_datagram(&packet, bytes, size, datagram);
    datagram->recv_ns = frame->at_ns;
    return found;
}

static int read_frames(struct reading *reading, struct error *error) {
    struct import *import = reading->import;
    struct capfile_frame frame = {0};
    int64_t next_tick_ns = 0;
    int result;
    while ((result = capfile_next(reading->capfile, &frame, error)) == 1) {
        struct datagram datagram;
        import->result->export_frames++;
        if (find_datagram(reading, &frame, &datagram)) {
            collector_datagram(import->collector, &datagram);
        } else {
            import->result->others++;
        }
        if (frame.at_ns >= next_tick_ns) {
            collector_tick(import->collector, frame.at_ns);
            next_tick_ns = frame.at_ns + TICK_NS;
        }
        import_advance(import, reading->file->path, frame.size);
    }
    collector_finish(import->collector, next_tick_ns);
    import->result->fragments += fragments_counts(reading->fragments).fragments;
    import->result->reassembled += fragments_counts(reading->fragments).datagrams;
    if (result == 0 && reading->unread != 0) {
        const char *name = pcap_datalink_val_to_name(reading->link_type);
        return error_set(
            error, -EPROTONOSUPPORT,
            "%" PRIu64 " frames of '%s' are of link type %s (%d), which nsmon does not read: capture at "
            "another interface",
            reading->unread, reading->file->path, name != NULL ? name : "unknown", reading->link_type);
    }
    return result;
}

int exports_read(struct import *import, const struct import_file *file, struct error *error) {
    struct error unused; /* what a file that fails after another has to say */
    error = error != NULL ? error : &unused;
    struct reading reading = {.import = import, .file = file, .fragments = fragments_create()};
    int code = reading.fragments != NULL ? capfile_open(&reading.capfile, file->fd, file->path, error)
                                         : error_set(error, -ENOMEM, "out of memory");
    code = code == 0 ? read_frames(&reading, error) : code;
    fragments_destroy(reading.fragments);
    capfile_close(reading.capfile);
    return code;
}
