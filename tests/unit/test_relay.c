/* What the relay does to frames: its queue, without sockets and clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/greeting.h"
#include "topo/relay/jitter.h"
#include "topo/relay/queue.h"

enum { FRAME_SIZE = 100, FRAME_BYTES = 1522, PORT_A = 5000, PORT_B = 6000 };

/* A UDP datagram over IPv4 from 'port', whose payload begins with 'number'. */
static void make_udp(uint8_t frame[FRAME_SIZE], uint16_t port, uint32_t number) {
    static const uint8_t head[] = {2, 0, 0, 0, 0,  2,  2, 0, 0,  0, 0, 1, 8,  0, 0x45, 0, 0, FRAME_SIZE - 14,
                                   0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0,    2};
    memset(frame, 0, FRAME_SIZE);
    memcpy(frame, head, sizeof head);
    frame[34] = (uint8_t)(port >> 8);
    frame[35] = (uint8_t)port;
    frame[36] = frame[34];
    frame[37] = frame[35];
    frame[39] = FRAME_SIZE - 34;
    memcpy(frame + 42, &number, sizeof number);
}

struct bench {
    struct relay_settings settings;
    struct relay_counts counts;
    struct relay_queue *queue;
    uint32_t out[4096]; /* the numbers of what came out */
    int64_t out_ns[4096];
    size_t out_count;
};

static struct bench *bench_make(const struct relay_settings *settings) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->settings = *settings;
    bench->settings.frame_bytes = FRAME_BYTES;
    bench->settings.reorder_gap = settings->reorder_gap > 0 ? settings->reorder_gap : 1;
    bench->settings.seed = 1;
    bench->queue = relay_queue_make(&bench->settings, &bench->counts);
    assert_non_null(bench->queue);
    return bench;
}

static void bench_free(struct bench *bench) {
    relay_queue_free(bench->queue);
    free(bench);
}

/* Takes out what is due up to 'now_ns', each at its own moment. */
static void drain(struct bench *bench, int64_t now_ns) {
    int64_t next_ns;
    while ((next_ns = relay_queue_next(bench->queue)) <= now_ns) {
        struct iovec frames[8];
        size_t count = relay_queue_due(bench->queue, next_ns, frames, 8);
        for (size_t i = 0; i < count; i++) {
            assert_true(bench->out_count < sizeof bench->out / sizeof *bench->out);
            memcpy(&bench->out[bench->out_count], (uint8_t *)frames[i].iov_base + 42, sizeof(uint32_t));
            bench->out_ns[bench->out_count++] = next_ns;
        }
        relay_queue_drop(bench->queue, count);
    }
}

/* Sends the datagrams 'first' to 'last' of 'port', one a millisecond from 'first' ms on. */
static void send(struct bench *bench, uint16_t port, uint32_t first, uint32_t last) {
    for (uint32_t number = first; number <= last; number++) {
        uint8_t frame[FRAME_SIZE];
        int64_t at_ns = (int64_t)number * NS_PER_MS;
        make_udp(frame, port, number);
        relay_queue_put(bench->queue, frame, sizeof frame, at_ns);
        drain(bench, at_ns);
    }
}

static void assert_out(const struct bench *bench, const uint32_t wanted[], size_t count) {
    assert_int_equal(bench->out_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(bench->out[i], wanted[i]);
    }
}

static void without_impairments_frames_pass_at_once_and_in_order(void **state) {
    (void)state;
    struct bench *bench = bench_make(&(struct relay_settings){.delay_ns = 0});
    send(bench, PORT_A, 1, 1000);
    assert_int_equal(bench->out_count, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(bench->out[i], i + 1);
        assert_int_equal(bench->out_ns[i], (int64_t)(i + 1) * NS_PER_MS);
    }
    assert_int_equal(bench->counts.in.packets, 1000);
    assert_int_equal(bench->counts.in.bytes, 1000 * FRAME_SIZE);
    assert_int_equal(bench->counts.queued, 0);
    bench_free(bench);
}

static void a_delay_counts_from_the_arrival(void **state) {
    (void)state;
    struct bench *bench = bench_make(&(struct relay_settings){.delay_ns = 20 * NS_PER_MS});
    send(bench, PORT_A, 1, 100);
    assert_int_equal(bench->counts.queued, 20);
    drain(bench, INT64_MAX - 1);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(bench->out[i], i + 1);
        assert_int_equal(bench->out_ns[i], (int64_t)(i + 21) * NS_PER_MS);
    }
    assert_int_equal(bench->counts.delayed.packets, 100);
    bench_free(bench);
}

static void every_nth_is_doubled_and_its_copy_follows_it(void **state) {
    (void)state;
    static const uint32_t wanted[] = {1, 2, 3, 3, 4, 5, 6, 6, 7};
    struct bench *bench = bench_make(&(struct relay_settings){.duplicate_every = 3});
    send(bench, PORT_A, 1, 7);
    assert_out(bench, wanted, 9);
    assert_int_equal(bench->counts.duplicated[RELAY_UDP].packets, 2);
    assert_int_equal(bench->counts.duplicated[RELAY_UDP].bytes, 2 * FRAME_SIZE);
    assert_int_equal(bench->counts.duplicated[RELAY_OTHER].packets, 0);
    bench_free(bench);
}

static void every_nth_is_held_back_past_its_successor(void **state) {
    (void)state;
    static const uint32_t wanted[] = {1, 2, 4, 3, 5, 7, 6, 8};
    struct bench *bench = bench_make(&(struct relay_settings){.reorder_every = 3});
    send(bench, PORT_A, 1, 8);
    assert_out(bench, wanted, 8);
    assert_int_equal(bench->counts.reordered[RELAY_UDP].packets, 2);
    bench_free(bench);
}

static void one_that_is_held_back_passes_only_its_own_flow(void **state) {
    (void)state;
    struct bench *bench = bench_make(&(struct relay_settings){.reorder_every = 2});
    send(bench, PORT_A, 1, 2); /* 2 is held back */
    send(bench, PORT_B, 3, 3);
    send(bench, PORT_B, 4, 4); /* so is 4, which 5 passes first */
    send(bench, PORT_B, 5, 5);
    assert_int_equal(bench->counts.reordered[RELAY_UDP].packets, 1);
    uint32_t before[] = {1, 3, 5, 4};
    assert_out(bench, before, 4);
    send(bench, PORT_A, 6, 6); /* the sixth is held back, too, and passes nothing */
    assert_out(bench, before, 4);
    send(bench, PORT_A, 7, 7);
    uint32_t after[] = {1, 3, 5, 4, 7, 2, 6};
    assert_out(bench, after, 7);
    assert_int_equal(bench->counts.reordered[RELAY_UDP].packets, 3);
    bench_free(bench);
}

static void a_gap_says_how_many_pass(void **state) {
    (void)state;
    static const uint32_t wanted[] = {1, 2, 3, 4, 6, 7, 8, 5, 9};
    struct bench *bench = bench_make(&(struct relay_settings){.reorder_every = 5, .reorder_gap = 3});
    send(bench, PORT_A, 1, 9);
    assert_out(bench, wanted, 9);
    assert_int_equal(bench->counts.reordered[RELAY_UDP].packets, 1);
    bench_free(bench);
}

static void one_that_nobody_overtakes_goes_on_in_time_and_is_not_counted(void **state) {
    (void)state;
    struct bench *bench = bench_make(&(struct relay_settings){.reorder_every = 2});
    send(bench, PORT_A, 1, 2);
    assert_int_equal(bench->counts.queued, 1);
    assert_int_equal(relay_queue_next(bench->queue), 2 * NS_PER_MS + RELAY_HOLD_NS);
    drain(bench, 2 * NS_PER_MS + RELAY_HOLD_NS);
    assert_int_equal(bench->out_count, 2);
    assert_int_equal(bench->counts.reordered[RELAY_UDP].packets, 0);
    assert_int_equal(bench->counts.not_overtaken, 1);
    assert_int_equal(bench->counts.queued, 0);
    bench_free(bench);
}

/* The ring begins anew when it is empty, also when that happens between the last look and this one. */
static void one_that_goes_on_late_is_itself_and_not_what_stood_there_before(void **state) {
    (void)state;
    struct bench *bench = bench_make(&(struct relay_settings){.reorder_every = 61});
    uint8_t frame[FRAME_SIZE];
    struct iovec frames[64];
    uint32_t number = 1;
    for (size_t count = 40; count > 0; count -= 20) { /* 40 frames, then 20 over the first half of them */
        for (size_t i = 0; i < count; i++) {
            make_udp(frame, PORT_A, number++);
            relay_queue_put(bench->queue, frame, sizeof frame, 0);
        }
        assert_int_equal(relay_queue_due(bench->queue, 0, frames, 64), count);
        relay_queue_drop(bench->queue, count);
    }
    make_udp(frame, PORT_A, number);
    relay_queue_put(bench->queue, frame, sizeof frame, 0);
    assert_int_equal(relay_queue_due(bench->queue, 0, frames, 64), 0);
    assert_int_equal(relay_queue_due(bench->queue, RELAY_HOLD_NS, frames, 64), 1);
    uint32_t got = 0;
    memcpy(&got, (uint8_t *)frames[0].iov_base + 42, sizeof got);
    assert_int_equal(got, 61);
    bench_free(bench);
}

static void one_that_is_held_back_and_doubled_comes_late_and_twice(void **state) {
    (void)state;
    static const uint32_t wanted[] = {1, 3, 2, 2};
    struct bench *bench = bench_make(&(struct relay_settings){.reorder_every = 2, .duplicate_every = 2});
    send(bench, PORT_A, 1, 3);
    assert_out(bench, wanted, 4);
    assert_int_equal(bench->counts.reordered[RELAY_UDP].packets, 1);
    assert_int_equal(bench->counts.duplicated[RELAY_UDP].packets, 1);
    bench_free(bench);
}

/* Frames of other classes in between don't move the count of datagrams. */
static void arp_greetings_and_tcp_do_not_shift_the_count(void **state) {
    (void)state;
    struct bench *bench = bench_make(&(struct relay_settings){.duplicate_every = 2});
    uint8_t arp[FRAME_SIZE] = {[12] = 8, [13] = 6};
    uint8_t greeting[FRAME_SIZE - 26]; /* 14 + 20 + 8 + 32 */
    uint8_t whole[FRAME_SIZE];
    make_udp(whole, PORT_A, 0);
    memcpy(greeting, whole, sizeof greeting);
    greeting[17] = sizeof greeting - 14;
    greeting[39] = 8 + GREETING_SIZE;
    static const uint8_t magic[] = {'n', 's', 'm', 'u'};
    memcpy(greeting + 42, magic, sizeof magic);
    memset(greeting + 42 + GREETING_FLOW_OFFSET, 0xff, 4);
    uint8_t tcp[FRAME_SIZE];
    make_udp(tcp, PORT_A, 77);
    tcp[23] = 6;
    tcp[46] = 0x50;
    uint64_t flow = 0;
    assert_int_equal(relay_classify(arp, sizeof arp, &flow), RELAY_PASSES);
    assert_int_equal(relay_classify(greeting, sizeof greeting, &flow), RELAY_PASSES);
    assert_int_equal(relay_classify(tcp, sizeof tcp, &flow), RELAY_OTHER);
    assert_int_equal(relay_classify(whole, sizeof whole, &flow), RELAY_UDP);
    send(bench, PORT_A, 1, 1);
    relay_queue_put(bench->queue, arp, sizeof arp, NS_PER_MS);
    relay_queue_put(bench->queue, greeting, sizeof greeting, NS_PER_MS);
    relay_queue_put(bench->queue, tcp, sizeof tcp, NS_PER_MS);
    send(bench, PORT_A, 2, 2);
    assert_int_equal(bench->counts.duplicated[RELAY_UDP].packets, 1);
    assert_int_equal(bench->counts.duplicated[RELAY_OTHER].packets, 0);
    assert_int_equal(bench->out_count, 6);
    assert_int_equal(bench->out[5], 2);
    bench_free(bench);
}

static void neighbour_discovery_is_let_pass(void **state) {
    (void)state;
    uint8_t frame[86] = {[12] = 0x86, [13] = 0xdd, [14] = 0x60, [19] = 32, [20] = 58, [21] = 255, [54] = 135};
    uint64_t flow = 0;
    assert_int_equal(relay_classify(frame, sizeof frame, &flow), RELAY_PASSES);
    frame[54] = 128;
    assert_int_equal(relay_classify(frame, sizeof frame, &flow), RELAY_OTHER);
}

/* More than the ring holds: what does not fit is dropped and counted, the rest comes out whole and in order.
 */
static void a_full_ring_drops_and_says_so(void **state) {
    (void)state;
    struct bench *bench = bench_make(&(struct relay_settings){.delay_ns = NS_PER_S});
    uint8_t frame[FRAME_BYTES];
    const uint32_t all = (uint32_t)(RELAY_ROOM_BYTES / 1400);
    uint64_t taken = 0;
    for (uint32_t round = 0; round < 3; round++) {
        int64_t at_ns = (int64_t)round * 2 * NS_PER_S;
        uint64_t before = bench->counts.no_room;
        for (uint32_t number = 0; number < all; number++) {
            make_udp(frame, PORT_A, number);
            relay_queue_put(bench->queue, frame, sizeof frame - number % 64, at_ns);
        }
        taken = all - (bench->counts.no_room - before);
        assert_true(taken < all && taken > RELAY_ROOM_BYTES / (FRAME_BYTES + 32));
        uint32_t number = 0;
        struct iovec frames[7];
        size_t count;
        while ((count = relay_queue_due(bench->queue, at_ns + NS_PER_S, frames, 7)) > 0) {
            for (size_t i = 0; i < count; i++, number++) {
                uint32_t got;
                memcpy(&got, (uint8_t *)frames[i].iov_base + 42, sizeof got);
                assert_int_equal(got, number);
                assert_int_equal(frames[i].iov_len, FRAME_BYTES - number % 64);
            }
            relay_queue_drop(bench->queue, count);
        }
        assert_int_equal(number, taken);
    }
    assert_int_equal(bench->counts.queued, 0);
    bench_free(bench);
}

/* A ring whose head and tail run around for long. */
static void frames_survive_the_end_of_the_ring(void **state) {
    (void)state;
    struct bench *bench = bench_make(&(struct relay_settings){.delay_ns = 1000});
    uint8_t frame[FRAME_BYTES];
    uint32_t out = 0;
    const uint32_t all = (uint32_t)(3 * RELAY_ROOM_BYTES / 1000);
    for (uint32_t number = 0; number < all; number++) {
        make_udp(frame, PORT_A, number);
        relay_queue_put(bench->queue, frame, 300 + number % 1200, (int64_t)number * 10);
        struct iovec frames[16];
        size_t count = relay_queue_due(bench->queue, (int64_t)number * 10, frames, 16);
        for (size_t i = 0; i < count; i++, out++) {
            uint32_t got;
            memcpy(&got, (uint8_t *)frames[i].iov_base + 42, sizeof got);
            assert_int_equal(got, out);
            assert_int_equal(frames[i].iov_len, 300 + out % 1200);
        }
        relay_queue_drop(bench->queue, count);
    }
    assert_int_equal(out + bench->counts.queued, all);
    assert_int_equal(bench->counts.no_room, 0);
    bench_free(bench);
}

static void chance_is_the_same_for_the_same_seed_and_about_right(void **state) {
    (void)state;
    uint64_t got[2];
    for (size_t i = 0; i < 2; i++) {
        struct bench *bench = bench_make(&(struct relay_settings){.duplicate = 0.1});
        send(bench, PORT_A, 1, 3000);
        got[i] = bench->counts.duplicated[RELAY_UDP].packets;
        bench_free(bench);
    }
    assert_int_equal(got[0], got[1]);
    assert_in_range(got[0], 220, 380); /* 300 +- 5 sigma */
}

/* Even between the bounds, never so fast that a frame could pass another, and the middle is the delay. */
static void jitter_is_even_and_keeps_order(void **state) {
    (void)state;
    struct relay_random random;
    struct relay_jitter jitter = {.jitter_ns = 2 * NS_PER_MS};
    relay_random_init(&random, 5);
    size_t bins[8] = {0};
    int64_t last_ns = INT64_MIN;
    const size_t all = 400000;
    for (size_t i = 0; i < all; i++) {
        int64_t at_ns = NS_PER_S + (int64_t)i * 10 * NS_PER_US;
        int64_t deviation_ns = relay_jitter_at(&jitter, &random, at_ns);
        assert_true(deviation_ns >= -2 * NS_PER_MS && deviation_ns <= 2 * NS_PER_MS);
        assert_true(at_ns + deviation_ns > last_ns);
        last_ns = at_ns + deviation_ns;
        size_t bin = (size_t)((deviation_ns + 2 * NS_PER_MS) * 8 / (4 * NS_PER_MS + 1));
        bins[bin]++;
    }
    for (size_t i = 0; i < 8; i++) {
        assert_in_range(bins[i], all / 8 * 97 / 100, all / 8 * 103 / 100);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_impairments_frames_pass_at_once_and_in_order),
        cmocka_unit_test(a_delay_counts_from_the_arrival),
        cmocka_unit_test(every_nth_is_doubled_and_its_copy_follows_it),
        cmocka_unit_test(every_nth_is_held_back_past_its_successor),
        cmocka_unit_test(one_that_is_held_back_passes_only_its_own_flow),
        cmocka_unit_test(a_gap_says_how_many_pass),
        cmocka_unit_test(one_that_nobody_overtakes_goes_on_in_time_and_is_not_counted),
        cmocka_unit_test(one_that_goes_on_late_is_itself_and_not_what_stood_there_before),
        cmocka_unit_test(one_that_is_held_back_and_doubled_comes_late_and_twice),
        cmocka_unit_test(arp_greetings_and_tcp_do_not_shift_the_count),
        cmocka_unit_test(neighbour_discovery_is_let_pass),
        cmocka_unit_test(a_full_ring_drops_and_says_so),
        cmocka_unit_test(frames_survive_the_end_of_the_ring),
        cmocka_unit_test(chance_is_the_same_for_the_same_seed_and_about_right),
        cmocka_unit_test(jitter_is_even_and_keeps_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
