#include "collector/import/link_layer.h"

#include <errno.h>
#include <pcap/dlt.h>

#include "common/cursor.h"
#include "common/flow_key.h"

/* Linux "cooked" captures: where the EtherType stands and how long the header is (pcap-linktype(7),
 * LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2). */
static int strip_cooked(const uint8_t *bytes, size_t size, size_t type_at, size_t header,
                        enum packet_link *link, size_t *skip) {
    struct cursor cursor = cursor_over(bytes, size);
    cursor_skip(&cursor, type_at);
    uint16_t type = cursor_u16(&cursor);
    if (cursor.failed || size < header) {
        return -EBADMSG;
    }
    *skip = header;
    *link = type == ETHERTYPE_IPV6 ? PACKET_IPV6 : PACKET_IPV4;
    return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6 ? 0 : -EBADMSG;
}

int link_layer_strip(int dlt, const uint8_t *bytes, size_t size, enum packet_link *link, size_t *skip) {
    *skip = 0;
    switch (dlt) {
    case DLT_EN10MB:
        *link = PACKET_ETHERNET;
        return 0;
    case DLT_RAW:
#if DLT_RAW != 101
    case 101: /* LINKTYPE_RAW, as some writers put it */
#endif
        *link = PACKET_RAW_IP;
        return 0;
    case DLT_IPV4:
        *link = PACKET_IPV4;
        return 0;
    case DLT_IPV6:
        *link = PACKET_IPV6;
        return 0;
    case DLT_NULL:
    case DLT_LOOP: /* an address family of four bytes, in either order: the version nibble tells as well */
        *skip = 4;
        *link = PACKET_RAW_IP;
        return size < 4 ? -EBADMSG : 0;
    case DLT_LINUX_SLL:
        return strip_cooked(bytes, size, 14, 16, link, skip);
    case DLT_LINUX_SLL2:
        return strip_cooked(bytes, size, 0, 20, link, skip);
    default:
        return -EPROTONOSUPPORT;
    }
}
