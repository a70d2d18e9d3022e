/* The packet header walk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "collector/decode/packet.h"

/* A frame that is put together from parts. */
struct frame {
    uint8_t bytes[512];
    size_t size;
};

static void put(struct frame *frame, const char *hex) {
    for (const char *at = hex; *at != '\0';) {
        if (*at == ' ') {
            at++;
            continue;
        }
        unsigned int value = 0;
        for (int i = 0; i < 2; i++, at++) {
            value = value << 4 | (unsigned int)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
        }
        assert_true(frame->size < sizeof frame->bytes);
        frame->bytes[frame->size++] = (uint8_t)value;
    }
}

#define MACS   "020000000002 020000000001 "
#define IP_UDP "45000020 00010000 4011 0000 0a000001 0a000002 "
#define PORTS  "1388 1389 000c 0000 aabbccdd "
#define IPV6   "fd000000000000000000000000000001 fd000000000000000000000000000002 "

static struct packet parse(const char *hex, enum packet_link link) {
    struct frame frame = {0};
    put(&frame, hex);
    struct packet packet;
    packet_parse(frame.bytes, frame.size, frame.size, link, &packet);
    return packet;
}

static void assert_key(const struct flow_key *key, const char *expected) {
    char text[FLOW_KEY_TEXT_SIZE];
    assert_string_equal(flow_key_format(key, text), expected);
}

static void udp_over_ipv4_gives_the_five_tuple(void **state) {
    (void)state;
    struct packet packet = parse(MACS "0800" IP_UDP PORTS, PACKET_ETHERNET);
    assert_int_equal(packet.status, PACKET_OK);
    assert_key(&packet.key, "udp 10.0.0.1:5000 > 10.0.0.2:5001");
    assert_true(packet.has_macs);
    assert_int_equal(packet.src_mac[5], 1);
    assert_int_equal(packet.dst_mac[5], 2);
    assert_int_equal(packet_vlan_id(&packet), -1);
    assert_int_equal(packet.ttl, 64);
    assert_int_equal(packet.ip_bytes, 32);
    assert_int_equal(packet.l3_offset, 14);
    assert_int_equal(packet.l4_offset, 34);
    assert_false(packet.has_inner);
}

static void vlan_tags_are_kept_and_the_key_is_behind_them(void **state) {
    (void)state;
    struct packet packet = parse(MACS "88a8 2064 8100 00c8 0800" IP_UDP PORTS, PACKET_ETHERNET);
    assert_key(&packet.key, "udp 10.0.0.1:5000 > 10.0.0.2:5001");
    assert_int_equal(packet.vlan_count, 2);
    assert_int_equal(packet_vlan_id(&packet), 100);
    assert_int_equal(packet.vlan[0] >> 13, 1);
    assert_int_equal(packet.vlan[1], 200);
    assert_int_equal(packet.l3_offset, 22);
}

static void later_fragment_has_no_ports_and_first_fragment_keeps_its_own(void **state) {
    (void)state;
    struct packet packet =
        parse(MACS "0800 45000020 00012000 4011 0000 0a000001 0a000002" PORTS, PACKET_ETHERNET);
    assert_key(&packet.key, "udp 10.0.0.1:5000 > 10.0.0.2:5001");
    assert_true(packet.fragment && !packet.later_fragment);
    packet = parse(MACS "0800 45000020 000100b9 4011 0000 0a000001 0a000002" PORTS, PACKET_ETHERNET);
    assert_key(&packet.key, "udp 10.0.0.1:0 > 10.0.0.2:0");
    assert_true(packet.fragment && packet.later_fragment);
}

static void later_ipv6_fragment_is_of_protocol_44(void **state) {
    (void)state;
    struct packet packet =
        parse("60000000 00142c40" IPV6 "11000008 00000001 1388138900080000 00000000", PACKET_IPV6);
    assert_int_equal(packet.status, PACKET_OK);
    assert_key(&packet.key, "44 fd00::1 > fd00::2");
    packet = parse("60000000 00142c40" IPV6 "11000001 00000001 1388138900080000 00000000", PACKET_IPV6);
    assert_key(&packet.key, "udp [fd00::1]:5000 > [fd00::2]:5001");
    assert_true(packet.fragment && !packet.later_fragment);
}

static void ipv4_options_and_ipv6_extensions_are_stepped_over(void **state) {
    (void)state;
    struct packet packet =
        parse(MACS "0800 46000024 00010000 4011 0000 0a000001 0a000002 94040000" PORTS, PACKET_ETHERNET);
    assert_key(&packet.key, "udp 10.0.0.1:5000 > 10.0.0.2:5001");
    packet =
        parse(MACS "86dd 60012345 002a0040" IPV6
                   "3c00 050200000100 0600 010400000000 1388138900000000 00000000 5012 0000 00000000 0000",
              PACKET_ETHERNET);
    assert_int_equal(packet.status, PACKET_OK);
    assert_key(&packet.key, "tcp [fd00::1]:5000 > [fd00::2]:5001");
    assert_int_equal(packet.tcp_flags, 0x12);
    assert_int_equal(packet.flow_label, 0x12345);
}

static void icmp_type_and_code_stand_in_the_destination_port(void **state) {
    (void)state;
    struct packet packet =
        parse(MACS "0800 4500001c 00010000 4001 0000 0a000001 0a000002 0800 0000 00010001", PACKET_ETHERNET);
    assert_key(&packet.key, "icmp 10.0.0.1 > 10.0.0.2 type 8 code 0");
    packet = parse("60000000 00083aff" IPV6 "8700 0000 00000000", PACKET_RAW_IP);
    assert_key(&packet.key, "icmp6 fd00::1 > fd00::2 type 135 code 0");
}

static void frames_that_are_not_ip_are_one_key_by_ethertype(void **state) {
    (void)state;
    struct packet packet =
        parse(MACS "0806 0001080006040001 020000000001 0a000001 000000000000 0a000002", PACKET_ETHERNET);
    assert_key(&packet.key, "arp");
    packet = parse(MACS "88cc 0207", PACKET_ETHERNET);
    assert_key(&packet.key, "lldp");
    packet = parse(MACS "0026 424203 000000000000", PACKET_ETHERNET);
    assert_key(&packet.key, "llc");
    packet = parse(MACS "0026 aaaa03 000000 0806 0000", PACKET_ETHERNET);
    assert_key(&packet.key, "arp");
    packet = parse(MACS "0800 35000020 00010000 4011 0000 0a000001 0a000002" PORTS, PACKET_ETHERNET);
    assert_int_equal(packet.status, PACKET_MALFORMED);
    assert_key(&packet.key, "0x0800");
}

static void tunnels_keep_the_outer_key_and_the_inner_beside(void **state) {
    (void)state;
    struct packet packet =
        parse(MACS "0800 45000052 00010000 4011 0000 c0000201 c0000202 d000 12b5 003e 0000 "
                   "08000000 00000100" MACS "0800" IP_UDP PORTS,
              PACKET_ETHERNET);
    assert_key(&packet.key, "udp 192.0.2.1:53248 > 192.0.2.2:4789");
    assert_int_equal(packet.tunnel, TUNNEL_VXLAN);
    assert_true(packet.has_inner);
    assert_key(&packet.inner, "udp 10.0.0.1:5000 > 10.0.0.2:5001");
    packet = parse(MACS "0800 45000056 00010000 4011 0000 c0000201 c0000202 d000 17c1 0042 0000 "
                        "0100 6558 00000100 00000000" MACS "0800" IP_UDP PORTS,
                   PACKET_ETHERNET);
    assert_int_equal(packet.tunnel, TUNNEL_GENEVE);
    assert_key(&packet.inner, "udp 10.0.0.1:5000 > 10.0.0.2:5001");
    packet = parse(MACS "0800 4500003c 00010000 402f 0000 c0000201 c0000202 2000 0800 00000001" IP_UDP PORTS,
                   PACKET_ETHERNET);
    assert_key(&packet.key, "47 192.0.2.1 > 192.0.2.2");
    assert_int_equal(packet.tunnel, TUNNEL_GRE);
    assert_key(&packet.inner, "udp 10.0.0.1:5000 > 10.0.0.2:5001");
    packet = parse(MACS "0800 45000034 00010000 4004 0000 c0000201 c0000202" IP_UDP PORTS, PACKET_ETHERNET);
    assert_int_equal(packet.tunnel, TUNNEL_IPIP);
    assert_key(&packet.inner, "udp 10.0.0.1:5000 > 10.0.0.2:5001");
    packet = parse(MACS "8847 00010040 00020140" IP_UDP PORTS, PACKET_ETHERNET);
    assert_key(&packet.key, "0x8847");
    assert_int_equal(packet.mpls_count, 2);
    assert_key(&packet.inner, "udp 10.0.0.1:5000 > 10.0.0.2:5001");
}

static void padding_is_no_header(void **state) {
    (void)state;
    struct packet packet =
        parse(MACS "0800 45000014 00010000 4011 0000 0a000001 0a000002 00010002 0000", PACKET_ETHERNET);
    assert_int_equal(packet.status, PACKET_MALFORMED);
    assert_int_equal(packet.key.sport, 0);
    assert_int_equal(packet.key.protocol, PROTOCOL_UDP);
}

static void header_cut_before_the_ports_has_no_key(void **state) {
    (void)state;
    struct frame frame = {0};
    put(&frame, MACS "0800" IP_UDP PORTS);
    struct packet packet;
    for (size_t captured = 0; captured < 38; captured++) {
        assert_int_equal(packet_parse(frame.bytes, captured, frame.size, PACKET_ETHERNET, &packet),
                         PACKET_CUT);
    }
    assert_int_equal(packet_parse(frame.bytes, 38, frame.size, PACKET_ETHERNET, &packet), PACKET_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(udp_over_ipv4_gives_the_five_tuple),
        cmocka_unit_test(vlan_tags_are_kept_and_the_key_is_behind_them),
        cmocka_unit_test(later_fragment_has_no_ports_and_first_fragment_keeps_its_own),
        cmocka_unit_test(later_ipv6_fragment_is_of_protocol_44),
        cmocka_unit_test(ipv4_options_and_ipv6_extensions_are_stepped_over),
        cmocka_unit_test(icmp_type_and_code_stand_in_the_destination_port),
        cmocka_unit_test(frames_that_are_not_ip_are_one_key_by_ethertype),
        cmocka_unit_test(tunnels_keep_the_outer_key_and_the_inner_beside),
        cmocka_unit_test(padding_is_no_header),
        cmocka_unit_test(header_cut_before_the_ports_has_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
