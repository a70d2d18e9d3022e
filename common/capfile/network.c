#include <errno.h>
#include <pcap/dlt.h>

#include "common/capfile/capfile.h"
#include "common/cursor.h"
#include "common/flow_key.h"

#define ETHERTYPE_FIRST  0x0600 /* below stand lengths and Linux's own numbers */
#define ARPHRD_NETLINK   824    /* the kernel's own messages, in a cooked capture of nlmon */
#define PPP_IPV4         0x0021
#define PPP_IPV6         0x0057
#define PPP_UNCOMPRESSED 0xff03 /* address and control field (RFC 1662, 3.1) */

/* IP without anything in front: the version tells which. */
static int by_version(struct cursor *cursor, uint16_t *ethertype) {
    uint8_t version = cursor_u8(cursor) >> 4;
    *ethertype = version == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
    return version == 4 || version == 6 ? 0 : -EBADMSG;
}

/* LINKTYPE_LINUX_SLL: packet type, ARPHRD, length and address, EtherType. */
static int of_cooked(struct cursor *cursor, uint16_t *ethertype) {
    cursor_skip(cursor, 2);
    uint16_t hardware = cursor_u16(cursor);
    cursor_skip(cursor, 10);
    *ethertype = cursor_u16(cursor);
    return hardware == ARPHRD_NETLINK || *ethertype < ETHERTYPE_FIRST ? -EBADMSG : 0;
}

/* LINKTYPE_LINUX_SLL2: EtherType, zero, interface, ARPHRD, packet type, length and address. */
static int of_cooked2(struct cursor *cursor, uint16_t *ethertype) {
    *ethertype = cursor_u16(cursor);
    cursor_skip(cursor, 6);
    uint16_t hardware = cursor_u16(cursor);
    cursor_skip(cursor, 10);
    return hardware == ARPHRD_NETLINK || *ethertype < ETHERTYPE_FIRST ? -EBADMSG : 0;
}

/* PPP, with or without its address and control field (RFC 1661, 2). */
static int of_ppp(struct cursor *cursor, uint16_t *ethertype) {
    uint16_t protocol = cursor_u16(cursor);
    protocol = protocol == PPP_UNCOMPRESSED ? cursor_u16(cursor) : protocol;
    *ethertype = protocol == PPP_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
    return protocol == PPP_IPV4 || protocol == PPP_IPV6 ? 0 : -EBADMSG;
}

/* Address, control, EtherType. */
static int of_hdlc(struct cursor *cursor, uint16_t *ethertype) {
    cursor_skip(cursor, 2);
    *ethertype = cursor_u16(cursor);
    return *ethertype < ETHERTYPE_FIRST ? -EBADMSG : 0;
}

int capfile_network(int link_type, const uint8_t *bytes, size_t size, uint16_t *ethertype, size_t *skip) {
    struct cursor cursor = cursor_over(bytes, size);
    int code = 0;
    *ethertype = 0;
    *skip = 0;
    switch (link_type) {
    case DLT_RAW:
#if DLT_RAW != 101
    case 101: /* LINKTYPE_RAW, as some writers put it */
#endif
        code = by_version(&cursor, ethertype);
        break;
    case DLT_IPV4:
    case DLT_IPV6:
        *ethertype = link_type == DLT_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
        break;
    case DLT_NULL:
    case DLT_LOOP: /* an address family of four bytes, in either order: the version tells as well */
        *skip = 4;
        cursor_skip(&cursor, 4);
        code = by_version(&cursor, ethertype);
        break;
    case DLT_LINUX_SLL:
        code = of_cooked(&cursor, ethertype);
        *skip = 16;
        break;
    case DLT_LINUX_SLL2:
        code = of_cooked2(&cursor, ethertype);
        *skip = 20;
        break;
    case DLT_PPP:
    case DLT_PPP_SERIAL:
        code = of_ppp(&cursor, ethertype);
        *skip = cursor.failed ? 0 : (size_t)(cursor.at - bytes);
        break;
    case DLT_C_HDLC:
        code = of_hdlc(&cursor, ethertype);
        *skip = 4;
        break;
    default:
        return -EPROTONOSUPPORT;
    }
    return cursor.failed ? -EBADMSG : code;
}
