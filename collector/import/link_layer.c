#include "collector/import/link_layer.h"

#include <errno.h>
#include <pcap/dlt.h>

#include "common/cursor.h"
#include "common/flow_key.h"

#define ETHERTYPE_VLAN 0x8100

/* How what stands behind an EtherType is read; a VLAN tag is stepped over. */
static int by_ethertype(struct cursor *cursor, const uint8_t *bytes, uint16_t type, enum packet_link *link,
                        size_t *skip) {
    if (type == ETHERTYPE_VLAN) {
        cursor_skip(cursor, 2);
        type = cursor_u16(cursor);
    }
    *skip = (size_t)(cursor->at - bytes);
    *link = type == ETHERTYPE_IPV6 ? PACKET_IPV6 : PACKET_IPV4;
    return !cursor->failed && (type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6) ? 0 : -EBADMSG;
}

/* Linux "cooked" captures: where the EtherType stands and how long the header is (pcap-linktype(7),
 * LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2). */
static int strip_cooked(struct cursor *cursor, const uint8_t *bytes, size_t type_at, size_t header,
                        enum packet_link *link, size_t *skip) {
    cursor_skip(cursor, type_at);
    uint16_t type = cursor_u16(cursor);
    cursor_skip(cursor, header - type_at - 2);
    return by_ethertype(cursor, bytes, type, link, skip);
}

/* PPP, with or without its address and control field (RFC 1661, 2; RFC 1662, 3.1). */
static int strip_ppp(struct cursor *cursor, const uint8_t *bytes, enum packet_link *link, size_t *skip) {
    uint16_t protocol = cursor_u16(cursor);
    protocol = protocol == 0xff03 ? cursor_u16(cursor) : protocol;
    *skip = (size_t)(cursor->at - bytes);
    *link = protocol == 0x0057 ? PACKET_IPV6 : PACKET_IPV4;
    return !cursor->failed && (protocol == 0x0021 || protocol == 0x0057) ? 0 : -EBADMSG;
}

int link_layer_strip(int dlt, const uint8_t *bytes, size_t size, enum packet_link *link, size_t *skip) {
    struct cursor cursor = cursor_over(bytes, size);
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
        return strip_cooked(&cursor, bytes, 14, 16, link, skip);
    case DLT_LINUX_SLL2:
        return strip_cooked(&cursor, bytes, 0, 20, link, skip);
    case DLT_PPP:
    case DLT_PPP_SERIAL:
        return strip_ppp(&cursor, bytes, link, skip);
    case DLT_C_HDLC: /* address, control, EtherType */
        return strip_cooked(&cursor, bytes, 2, 4, link, skip);
    default:
        return -EPROTONOSUPPORT;
    }
}
