/* Whoever sees the same datagrams keeps the same sample of them, however the room runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "common/stamps.h"

static struct stamps make(void) {
    struct stamps stamps = {.slots = calloc(STAMPS_SLOTS, sizeof(struct stamp))};
    assert_non_null(stamps.slots);
    return stamps;
}

static const struct stamp *find(const struct stamps *stamps, uint32_t flow, uint64_t sequence) {
    for (size_t i = 0; i < STAMPS_SLOTS; i++) {
        const struct stamp *stamp = &stamps->slots[i];
        if (stamp->used != 0 && stamp->flow == flow && stamp->sequence == sequence) {
            return stamp;
        }
    }
    return NULL;
}

/* Datagrams of three flows, the 'i'th of 'count'; 'backwards' from the last to the first. */
static void note_all(struct stamps *stamps, enum stamp_place place, uint64_t count, bool backwards,
                     int64_t later) {
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = backwards ? count - 1 - i : i;
        int64_t sent_ns = 1000 + (int64_t)at;
        stamps_note(stamps, place, (uint32_t)(at % 3), at / 3, sent_ns, sent_ns + later);
    }
}

static void few_datagrams_are_all_kept_with_their_times(void **state) {
    (void)state;
    struct stamps stamps = make();
    note_all(&stamps, STAMP_TAP_OUT, STAMPS_MAX, false, 5);
    note_all(&stamps, STAMP_RECEIVED, STAMPS_MAX, true, 9);
    assert_int_equal(stamps.count, STAMPS_MAX);
    assert_int_equal(stamps.shift, 0);
    for (uint64_t i = 0; i < STAMPS_MAX; i += 97) {
        const struct stamp *stamp = find(&stamps, (uint32_t)(i % 3), i / 3);
        assert_non_null(stamp);
        assert_int_equal(stamp->sent_ns, 1000 + (int64_t)i);
        assert_int_equal(stamp->at_ns[STAMP_TAP_OUT], stamp->sent_ns + 5);
        assert_int_equal(stamp->at_ns[STAMP_TAP_IN], 0);
        assert_int_equal(stamp->at_ns[STAMP_RECEIVED], stamp->sent_ns + 9);
    }
    free(stamps.slots);
}

static void two_samples_of_the_same_run_are_the_same_in_any_order(void **state) {
    (void)state;
    struct stamps here = make(), there = make();
    note_all(&here, STAMP_TAP_OUT, 1000000, false, 5);
    note_all(&there, STAMP_RECEIVED, 1000000, true, 9);
    assert_int_equal(here.shift, there.shift);
    assert_int_equal(here.count, there.count);
    assert_true(here.count <= STAMPS_MAX && here.count >= STAMPS_MAX / 3);
    for (size_t i = 0; i < STAMPS_SLOTS; i++) {
        const struct stamp *stamp = &here.slots[i];
        if (stamp->used != 0) {
            assert_true(stamps_belongs(stamp->flow, stamp->sequence, here.shift));
            stamps_note(&there, STAMP_TAP_OUT, stamp->flow, stamp->sequence, stamp->sent_ns, 1);
        }
    }
    assert_int_equal(there.count, here.count);
    free(here.slots);
    free(there.slots);
}

static void a_sample_is_thinned_to_that_of_another(void **state) {
    (void)state;
    struct stamps stamps = make();
    note_all(&stamps, STAMP_TAP_OUT, 8000, false, 5);
    stamps_thin(&stamps, 3);
    size_t count = stamps.count;
    assert_in_range(count, 850, 1150);
    stamps_thin(&stamps, 2);
    assert_int_equal(stamps.shift, 3);
    note_all(&stamps, STAMP_RECEIVED, 8000, false, 9);
    assert_int_equal(stamps.count, count);
    for (size_t i = 0; i < STAMPS_SLOTS; i++) {
        const struct stamp *stamp = &stamps.slots[i];
        assert_true(stamp->used == 0 || (stamp->at_ns[STAMP_TAP_OUT] == stamp->sent_ns + 5 &&
                                         stamp->at_ns[STAMP_RECEIVED] == stamp->sent_ns + 9));
    }
    free(stamps.slots);
}

static void a_duplicate_and_a_forgery_change_nothing(void **state) {
    (void)state;
    struct stamps stamps = make();
    stamps_note(&stamps, STAMP_TAP_IN, 1, 2, 100, 105);
    stamps_note(&stamps, STAMP_TAP_IN, 1, 2, 100, 205);
    stamps_note(&stamps, STAMP_RECEIVED, 1, 2, 101, 106);
    assert_int_equal(stamps.count, 1);
    const struct stamp *stamp = find(&stamps, 1, 2);
    assert_int_equal(stamp->at_ns[STAMP_TAP_IN], 105);
    assert_int_equal(stamp->at_ns[STAMP_RECEIVED], 0);
    free(stamps.slots);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_datagrams_are_all_kept_with_their_times),
        cmocka_unit_test(two_samples_of_the_same_run_are_the_same_in_any_order),
        cmocka_unit_test(a_sample_is_thinned_to_that_of_another),
        cmocka_unit_test(a_duplicate_and_a_forgery_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
