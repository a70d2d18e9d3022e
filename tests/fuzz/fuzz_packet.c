/* The packet header walk: the first byte says what link it is and how much of the frame was captured. */
#include <stdlib.h>

#include "collector/decode/packet.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    struct packet packet;
    size_t wire = size - 1 + (data[0] >> 2);
    enum packet_status status =
        packet_parse(data + 1, size - 1, wire, (enum packet_link)(data[0] & 3), &packet);
    bool bad = status != packet.status || packet.l3_offset > size || packet.l4_offset > size + 60 ||
               (packet.key.family == 0 && packet.key.protocol != 0) ||
               (packet.has_inner && packet.tunnel == TUNNEL_NONE);
    if (bad) {
        abort();
    }
    return 0;
}
