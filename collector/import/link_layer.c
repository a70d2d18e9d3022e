#include "collector/import/link_layer.h"

#include <errno.h>
#include <pcap/dlt.h>

#include "common/capfile/capfile.h"
#include "common/cursor.h"
#include "common/flow_key.h"

#define ETHERTYPE_VLAN 0x8100

int link_layer_strip(int dlt, const uint8_t *bytes, size_t size, enum packet_link *link, size_t *skip) {
    uint16_t type;
    *skip = 0;
    if (dlt == DLT_EN10MB) {
        *link = PACKET_ETHERNET;
        return 0;
    }
    int code = capfile_network(dlt, bytes, size, &type, skip);
    if (code == 0 && type == ETHERTYPE_VLAN) {
        struct cursor cursor = cursor_over(bytes, size);
        cursor_skip(&cursor, *skip + 2);
        type = cursor_u16(&cursor);
        *skip += 4;
        code = cursor.failed ? -EBADMSG : 0;
    }
    *link = type == ETHERTYPE_IPV6 ? PACKET_IPV6 : PACKET_IPV4;
    return code != 0 || type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6 ? code : -EBADMSG;
}
