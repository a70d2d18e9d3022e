#include "topo/relay/classify.h"

#include <stdbool.h>

#include "collector/decode/packet.h"
#include "common/cursor.h"
#include "common/greeting.h"

/* ICMPv6 types of neighbour discovery, RFC 4861, 4. */
enum { ND_FIRST = 133, ND_LAST = 137, UDP_HEADER_BYTES = 8 };

/* True if the UDP datagram at 'bytes' is a greeting. */
static bool is_greeting(const uint8_t *bytes, size_t size) {
    struct cursor cursor = cursor_over(bytes, size);
    cursor_skip(&cursor, 4);
    uint16_t length = cursor_u16(&cursor);
    cursor_skip(&cursor, 2);
    uint32_t magic = cursor_u32(&cursor);
    cursor_skip(&cursor, GREETING_FLOW_OFFSET - 4);
    uint32_t flow = cursor_u32(&cursor);
    return !cursor.failed && length == UDP_HEADER_BYTES + GREETING_SIZE && magic == GREETING_MAGIC &&
           flow == GREETING_FLOW;
}

enum relay_class relay_classify(const uint8_t *frame, size_t length, uint64_t *flow) {
    struct packet packet;
    bool whole = packet_parse(frame, length, length, PACKET_ETHERNET, &packet) == PACKET_OK;
    *flow = flow_key_hash(&packet.key);
    if (packet.key.ethertype != ETHERTYPE_IPV4 && packet.key.ethertype != ETHERTYPE_IPV6) {
        return RELAY_PASSES;
    }
    if (packet.key.protocol == PROTOCOL_ICMPV6 && packet.key.dport >> 8 >= ND_FIRST &&
        packet.key.dport >> 8 <= ND_LAST) {
        return RELAY_PASSES;
    }
    if (packet.key.protocol != PROTOCOL_UDP) {
        return RELAY_OTHER;
    }
    bool greeting = whole && !packet.fragment && packet.l4_offset > 0 && packet.l4_offset < length &&
                    is_greeting(frame + packet.l4_offset, length - packet.l4_offset);
    return greeting ? RELAY_PASSES : RELAY_UDP;
}
