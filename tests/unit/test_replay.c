/* Frames of a replay: what a captured frame becomes, also when it is cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "traffic/replay/frame.h"

static const struct replay_way way = {
    .source = {2, 0, 0, 0, 0, 1}, .destination = {2, 0, 0, 0, 0, 2}, .mtu = 1500};

enum { ETHERNET = 1, RAW = 101, SLL = 113, NULL_LOOP = 0, SLL2 = 276, RADIOTAP = 127 };

static uint8_t frame[REPLAY_FRAME_MAX];

static enum replay_fate make(int link_type, const uint8_t *bytes, size_t size, size_t wire, size_t *made) {
    /* A block of its own, so that a read behind its end is one. */
    uint8_t *own = malloc(size == 0 ? 1 : size);
    assert_non_null(own);
    memcpy(own, bytes, size);
    struct capfile_frame captured = {
        .link_type = link_type, .size = (uint32_t)size, .wire = (uint32_t)wire, .bytes = own};
    memset(frame, 0xee, sizeof frame);
    *made = 0;
    enum replay_fate fate = replay_frame_make(&way, &captured, frame, made);
    free(own);
    return fate;
}

static void unicast_gets_both_addresses(void **state) {
    uint8_t captured[64] = {0x0a, 1, 2, 3, 4, 5, 0x0a, 6, 7, 8, 9, 10, 0x08, 0x00, 0x45, 0x77};
    size_t size;
    (void)state;
    assert_int_equal(make(ETHERNET, captured, 64, 64, &size), REPLAY_SENT);
    assert_int_equal(size, 64);
    assert_memory_equal(frame, way.destination, 6);
    assert_memory_equal(frame + 6, way.source, 6);
    assert_memory_equal(frame + 12, captured + 12, 52);
}

static void a_group_stays_what_it_is(void **state) {
    const uint8_t groups[][6] = {
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x33, 0x33, 0, 0, 0, 1}, {1, 0, 0x5e, 1}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        uint8_t captured[20] = {0};
        size_t size;
        memcpy(captured, groups[i], 6);
        assert_int_equal(make(ETHERNET, captured, 20, 20, &size), REPLAY_SENT);
        assert_memory_equal(frame, groups[i], 6);
        assert_memory_equal(frame + 6, way.source, 6);
    }
}

static void a_cut_frame_is_as_long_as_it_was(void **state) {
    uint8_t captured[64];
    uint8_t zeros[1450] = {0};
    size_t size;
    (void)state;
    memset(captured, 0x55, sizeof captured);
    captured[0] = 2;
    assert_int_equal(make(ETHERNET, captured, 64, 1514, &size), REPLAY_SENT);
    assert_int_equal(size, 1514);
    assert_int_equal(frame[63], 0x55);
    assert_memory_equal(frame + 64, zeros, 1450);
    assert_int_equal(frame[1514], 0xee);
}

static void the_mtu_is_of_what_is_behind_header_and_tag(void **state) {
    uint8_t captured[1519] = {2};
    size_t size;
    (void)state;
    assert_int_equal(make(ETHERNET, captured, 1514, 1514, &size), REPLAY_SENT);
    assert_int_equal(make(ETHERNET, captured, 1515, 1515, &size), REPLAY_LONG);
    captured[12] = 0x81;
    assert_int_equal(make(ETHERNET, captured, 1518, 1518, &size), REPLAY_SENT);
    assert_int_equal(size, 1518);
    assert_int_equal(make(ETHERNET, captured, 1519, 1519, &size), REPLAY_LONG);
    assert_int_equal(make(ETHERNET, captured, 1500, UINT32_MAX, &size), REPLAY_LONG);
    assert_int_equal(make(RAW, (const uint8_t[20]){0x45}, 20, 1500, &size), REPLAY_SENT);
    assert_int_equal(size, 1514);
    assert_int_equal(make(RAW, (const uint8_t[20]){0x45}, 20, 1501, &size), REPLAY_LONG);
}

static void a_packet_without_a_frame_gets_one(void **state) {
    const uint8_t four[20] = {0x45, [16] = 192, 0, 2, 1};
    const uint8_t multicast[20] = {0x45, [16] = 239, 0x81, 2, 3};
    const uint8_t broadcast[20] = {0x45, [16] = 255, 255, 255, 255};
    const uint8_t six[40] = {0x60, [24] = 0xff, 2, [39] = 0xfb};
    size_t size;
    (void)state;
    assert_int_equal(make(RAW, four, 20, 20, &size), REPLAY_SENT);
    assert_int_equal(size, 34);
    assert_memory_equal(frame, way.destination, 6);
    assert_memory_equal(frame + 6, way.source, 6);
    assert_memory_equal(frame + 12, "\x08\x00\x45", 3);
    assert_int_equal(make(RAW, multicast, 20, 20, &size), REPLAY_SENT);
    assert_memory_equal(frame, "\x01\x00\x5e\x01\x02\x03", 6);
    assert_int_equal(make(RAW, broadcast, 20, 20, &size), REPLAY_SENT);
    assert_memory_equal(frame, "\xff\xff\xff\xff\xff\xff", 6);
    assert_int_equal(make(RAW, six, 40, 40, &size), REPLAY_SENT);
    assert_memory_equal(frame, "\x33\x33\x00\x00\x00\xfb", 6);
    assert_memory_equal(frame + 12, "\x86\xdd", 2);
}

static void cooked_headers_are_taken_off(void **state) {
    uint8_t cooked[36] = {0, 4, 0, 1, 0, 6, [14] = 0x08, 0x06, 0x77};
    uint8_t cooked2[40] = {0x86, 0xdd, [9] = 1, [20] = 0x60};
    uint8_t loop[24] = {2, 0, 0, 0, 0x45};
    size_t size;
    (void)state;
    assert_int_equal(make(SLL, cooked, 36, 36, &size), REPLAY_SENT);
    assert_int_equal(size, 34);
    assert_memory_equal(frame + 12, "\x08\x06\x77", 3);
    assert_int_equal(make(SLL2, cooked2, 40, 100, &size), REPLAY_SENT);
    assert_int_equal(size, 94);
    assert_memory_equal(frame + 12, "\x86\xdd\x60", 3);
    assert_int_equal(make(NULL_LOOP, loop, 24, 24, &size), REPLAY_SENT);
    assert_int_equal(size, 34);
    assert_memory_equal(frame + 12, "\x08\x00\x45", 3);
}

static void what_is_no_frame_is_left_out(void **state) {
    const uint8_t netlink[40] = {0, 4, 0x03, 0x38, [14] = 0x08};
    const uint8_t length[40] = {0, 4, 0, 1, [15] = 4};
    const uint8_t zeros[40] = {0};
    size_t size;
    (void)state;
    assert_int_equal(make(RADIOTAP, zeros, 40, 40, &size), REPLAY_FOREIGN);
    assert_int_equal(make(SLL, netlink, 40, 40, &size), REPLAY_FOREIGN);
    assert_int_equal(make(SLL, length, 40, 40, &size), REPLAY_FOREIGN);
    assert_int_equal(make(RAW, zeros, 40, 40, &size), REPLAY_FOREIGN);
    assert_int_equal(make(ETHERNET, zeros, 13, 60, &size), REPLAY_SHORT);
    assert_int_equal(make(ETHERNET, zeros, 0, 0, &size), REPLAY_SHORT);
    assert_int_equal(make(SLL, zeros, 0, 0, &size), REPLAY_SHORT);
}

/* Under the sanitizers a read behind the end is a failure. */
static void a_frame_may_be_cut_anywhere(void **state) {
    const int types[] = {ETHERNET, RAW, SLL, SLL2, NULL_LOOP, 9, 50, 104, 228, 229, 108, RADIOTAP};
    uint8_t captured[64];
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        for (unsigned fill = 0; fill < 256; fill++) {
            memset(captured, (int)fill, sizeof captured);
            for (size_t cut = 0; cut <= sizeof captured; cut++) {
                size_t size;
                enum replay_fate fate = make(types[i], captured, cut, 64, &size);
                assert_true(fate < REPLAY_FATES);
                assert_true(fate != REPLAY_SENT || (size <= 64 + REPLAY_HEADER_SIZE && frame[size] == 0xee));
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unicast_gets_both_addresses),
        cmocka_unit_test(a_group_stays_what_it_is),
        cmocka_unit_test(a_cut_frame_is_as_long_as_it_was),
        cmocka_unit_test(the_mtu_is_of_what_is_behind_header_and_tag),
        cmocka_unit_test(a_packet_without_a_frame_gets_one),
        cmocka_unit_test(cooked_headers_are_taken_off),
        cmocka_unit_test(what_is_no_frame_is_left_out),
        cmocka_unit_test(a_frame_may_be_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
