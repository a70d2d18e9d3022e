#include "pcap_file.h"

#include <pcap/pcap.h>

#include "collector/decode/packet.h"
#include "common/clock.h"

/* The UDP payload in the frame, if it is a whole one. */
static bool udp_payload(const struct pcap_pkthdr *frame, const uint8_t *bytes, enum packet_link link,
                        struct datagram *datagram) {
    struct packet packet;
    if (packet_parse(bytes, frame->caplen, frame->len, link, &packet) != PACKET_OK ||
        packet.key.protocol != PROTOCOL_UDP || packet.key.family == 0 || packet.fragment) {
        return false;
    }
    struct cursor cursor = cursor_over(bytes, frame->caplen);
    cursor_skip(&cursor, packet.l4_offset + 4);
    size_t size = cursor_u16(&cursor);
    cursor_skip(&cursor, 2);
    if (size < 8) {
        return false;
    }
    size = size - 8 < cursor_left(&cursor) ? size - 8 : cursor_left(&cursor);
    *datagram = (struct datagram){
        .bytes = cursor.at,
        .size = size,
        .recv_ns = frame->ts.tv_sec * NS_PER_S + frame->ts.tv_usec,
        .src = ip_address_make(packet.key.family, packet.key.src),
        .dst = ip_address_make(packet.key.family, packet.key.dst),
        .src_port = packet.key.sport,
        .dst_port = packet.key.dport,
    };
    return true;
}

int pcap_each_datagram(const char *path, void (*each)(const struct datagram *datagram, void *context),
                       void *context) {
    char reason[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, reason);
    if (pcap == NULL) {
        return -1;
    }
    enum packet_link link = pcap_datalink(pcap) == DLT_EN10MB ? PACKET_ETHERNET : PACKET_RAW_IP;
    int count = 0;
    struct pcap_pkthdr *frame;
    const uint8_t *bytes;
    while (pcap_next_ex(pcap, &frame, &bytes) == 1) {
        struct datagram datagram;
        if (udp_payload(frame, bytes, link, &datagram)) {
            each(&datagram, context);
            count++;
        }
    }
    pcap_close(pcap);
    return count;
}

struct collecting {
    struct collector *collector;
    int64_t last_ns;
};

static void collect(const struct datagram *datagram, void *context) {
    struct collecting *collecting = context;
    collector_datagram(collecting->collector, datagram);
    collecting->last_ns = datagram->recv_ns;
}

int pcap_collect(const char *path, struct collector *collector) {
    struct collecting collecting = {.collector = collector};
    int count = pcap_each_datagram(path, collect, &collecting);
    collector_finish(collector, collecting.last_ns);
    return count;
}
