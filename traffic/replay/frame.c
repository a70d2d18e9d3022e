#include "traffic/replay/frame.h"

#include <pcap/dlt.h>
#include <string.h>

#include "common/cursor.h"
#include "common/flow_key.h"

#define TAG_CUSTOMER 0x8100 /* IEEE 802.1Q, 9.6 */
#define TAG_SERVICE  0x88a8

/* Where the destination address begins: RFC 791, 3.1; RFC 8200, 3. */
#define IPV4_DESTINATION 16
#define IPV6_DESTINATION 24

static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* The group that the IP packet at 'packet' goes to as an Ethernet address (RFC 1112, 6.4; RFC 2464, 7). False
 * if it goes to a single host. */
static bool find_group(struct cursor packet, uint16_t ethertype, uint8_t group[6]) {
    uint8_t to[16];
    if (ethertype == ETHERTYPE_IPV4) {
        cursor_skip(&packet, IPV4_DESTINATION);
        cursor_copy(&packet, to, 4);
        if (packet.failed || to[0] < 224 || (to[0] > 239 && memcmp(to, everybody, 4) != 0)) {
            return false;
        }
        const uint8_t multicast[6] = {0x01, 0x00, 0x5e, to[1] & 0x7f, to[2], to[3]};
        memcpy(group, to[0] == 255 ? everybody : multicast, 6);
        return true;
    }
    if (ethertype == ETHERTYPE_IPV6) {
        cursor_skip(&packet, IPV6_DESTINATION);
        cursor_copy(&packet, to, 16);
        group[0] = group[1] = 0x33;
        memcpy(group + 2, to + 12, 4);
        return !packet.failed && to[0] == 0xff;
    }
    return false;
}

/* Copies what there is of 'captured' from 'skip' on behind the 'header' bytes of 'frame', and zeros for the
 * rest. */
static enum replay_fate fill(const struct replay_way *way, const struct capfile_frame *captured, size_t skip,
                             uint8_t *frame, size_t header, size_t *size) {
    size_t whole = header + captured->wire - skip;
    size_t there = captured->size - skip;
    uint16_t type =
        (uint16_t)(there >= REPLAY_HEADER_SIZE ? captured->bytes[12] << 8 | captured->bytes[13] : 0);
    bool tagged = header == 0 && (type == TAG_CUSTOMER || type == TAG_SERVICE);
    size_t most = (size_t)way->mtu + REPLAY_HEADER_SIZE + (tagged ? REPLAY_TAG_SIZE : 0);
    if (whole > most || whole > REPLAY_FRAME_MAX) {
        return REPLAY_LONG;
    }
    memcpy(frame + header, captured->bytes + skip, there);
    memset(frame + header + there, 0, whole - header - there);
    *size = whole;
    return REPLAY_SENT;
}

static enum replay_fate make_header(const struct replay_way *way, const struct capfile_frame *captured,
                                    uint8_t *frame, size_t *size) {
    uint16_t ethertype;
    size_t skip;
    int code = capfile_network(captured->link_type, captured->bytes, captured->size, &ethertype, &skip);
    if (code != 0 || skip >= captured->size) {
        return code == 0 || captured->size == 0 ? REPLAY_SHORT : REPLAY_FOREIGN;
    }
    enum replay_fate fate = fill(way, captured, skip, frame, REPLAY_HEADER_SIZE, size);
    if (fate == REPLAY_SENT) {
        struct cursor packet = cursor_over(captured->bytes + skip, captured->size - skip);
        if (!find_group(packet, ethertype, frame)) {
            memcpy(frame, way->destination, 6);
        }
        frame[12] = (uint8_t)(ethertype >> 8);
        frame[13] = (uint8_t)ethertype;
    }
    return fate;
}

enum replay_fate replay_frame_make(const struct replay_way *way, const struct capfile_frame *captured,
                                   uint8_t *frame, size_t *size) {
    enum replay_fate fate;
    if (captured->link_type != DLT_EN10MB) {
        fate = make_header(way, captured, frame, size);
    } else if (captured->size < REPLAY_HEADER_SIZE) {
        fate = REPLAY_SHORT;
    } else {
        fate = fill(way, captured, 0, frame, 0, size);
        if (fate == REPLAY_SENT && (frame[0] & 1) == 0) {
            memcpy(frame, way->destination, 6);
        }
    }
    if (fate == REPLAY_SENT) {
        memcpy(frame + 6, way->source, 6);
    }
    return fate;
}
