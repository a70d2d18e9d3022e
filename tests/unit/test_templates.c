/* Templates: whose they are, what waits for them, what is lost meanwhile, how long they are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../golden/fake_store.h"
#include "collector_testing.h"
#include "common/clock.h"

static void ipfix_data_before_template_is_held_and_decoded(void **state) {
    (void)state;
    struct collector *collector = testing_start((struct collector_settings){0});
    struct maker maker;
    testing_ipfix(&maker, 0, 7);
    testing_record(&maker, 11);
    testing_give(collector, &maker, 1, 1000);
    testing_ipfix(&maker, 1, 7);
    testing_record(&maker, 22);
    testing_give(collector, &maker, 1, 2000);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 0);
    assert_int_equal(testing_newest(collector).unknown_templates, 2);
    assert_int_equal(testing_newest(collector).blind_since_ns, 1000);
    testing_ipfix(&maker, 2, 7);
    testing_template(&maker);
    testing_give(collector, &maker, 1, 3000);
    const struct fake_rows *rows = fake_store_rows();
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 2);
    int64_t packets = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].kind == ROW_FLOW_RECORD) {
            assert_int_equal(rows->rows[i].flow_record.recv_ns, packets == 0 ? 1000 : 2000);
            packets += rows->rows[i].flow_record.packets;
        }
    }
    assert_int_equal(packets, 33);
    assert_int_equal(testing_newest(collector).unknown_templates, 0);
    assert_int_equal(testing_newest(collector).held, 2);
    assert_int_equal(testing_newest(collector).lost, 0);
    assert_int_equal(testing_newest(collector).blind_since_ns, 0);
    assert_int_equal(collector_totals(collector).held.bytes, 0);
    testing_stop(collector);
}

static void held_data_is_bounded_in_bytes_and_time(void **state) {
    (void)state;
    struct collector *collector =
        testing_start((struct collector_settings){.max_held_bytes = 1000, .max_held_ns = 60 * NS_PER_S});
    struct maker maker;
    for (uint32_t i = 0; i < 100; i++) {
        testing_ipfix(&maker, i, 7);
        testing_record(&maker, i);
        testing_give(collector, &maker, 1, NS_PER_S);
        assert_true(collector_totals(collector).held.bytes <= 1000);
    }
    struct held_counts held = collector_totals(collector).held;
    assert_true(held.sets > 0);
    assert_int_equal(held.evicted, 100 - held.sets);
    collector_tick(collector, 62 * NS_PER_S);
    assert_int_equal(collector_totals(collector).held.sets, 0);
    testing_stop(collector);
}

static void template_of_another_domain_is_not_used(void **state) {
    (void)state;
    struct collector *collector = testing_start((struct collector_settings){0});
    struct maker maker;
    testing_ipfix(&maker, 0, 7);
    testing_template(&maker);
    testing_give(collector, &maker, 1, 1000);
    testing_ipfix(&maker, 0, 8);
    testing_record(&maker, 1);
    testing_give(collector, &maker, 1, 1000);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 0);
    testing_stop(collector);
}

static void template_from_another_port_of_the_address_is_used_if_the_data_fits(void **state) {
    (void)state;
    struct collector *collector = testing_start((struct collector_settings){0});
    struct maker maker;
    testing_ipfix(&maker, 0, 7);
    testing_record(&maker, 1); /* before its template, which then comes from another port */
    testing_give(collector, &maker, 2, 1000);
    testing_ipfix(&maker, 0, 7);
    testing_template(&maker);
    testing_give(collector, &maker, 1, 1001);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 1);
    testing_ipfix(&maker, 1, 7);
    testing_record(&maker, 1);
    testing_give(collector, &maker, 2, 1002);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 2);
    testing_ipfix(&maker, 5, 7);
    size_t set = maker_set(&maker, 256); /* 13 bytes of a template that only has the id in common */
    maker_put(&maker, 0x0102030405060708, 8);
    maker_put(&maker, 0x0102030405, 5);
    maker_end(&maker, set);
    testing_give(collector, &maker, 3, 1003);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 2);
    assert_int_equal(testing_newest(collector).unknown_templates, 1);
    testing_stop(collector);
}

static void records_of_unknown_templates_are_no_loss_and_loss_beside_them_is(void **state) {
    (void)state;
    struct collector *collector = testing_start((struct collector_settings){0});
    struct maker maker;
    testing_ipfix(&maker, 0, 7);
    testing_record(&maker, 1); /* blind: one record in 16 bytes */
    testing_give(collector, &maker, 1, 1000);
    testing_ipfix(&maker, 1, 7);
    testing_record(&maker, 1);
    testing_give(collector, &maker, 1, 1001);
    assert_int_equal(testing_newest(collector).lost, 0);
    testing_ipfix(&maker, 4, 7); /* two are missing, or stood in what can't be read */
    testing_record(&maker, 1);
    testing_give(collector, &maker, 1, 1002);
    assert_int_equal(testing_newest(collector).lost, 0);
    testing_ipfix(&maker, 5, 7);
    testing_template(&maker);
    testing_give(collector, &maker, 1, 1003);
    assert_int_equal(testing_newest(collector).lost, 2); /* now it is known */
    testing_ipfix(&maker, 5, 7);
    testing_record(&maker, 1);
    testing_give(collector, &maker, 1, 1004);
    assert_int_equal(testing_newest(collector).lost, 2);
    testing_ipfix(&maker, 2, 7); /* one comes late */
    testing_record(&maker, 9);
    testing_give(collector, &maker, 1, 1005);
    assert_int_equal(testing_newest(collector).lost, 1);
    assert_int_equal(testing_newest(collector).restarts, 0);
    assert_int_equal(testing_newest(collector).reordered, 1);
    testing_stop(collector);
}

static void more_than_a_blind_message_can_hold_is_lost_at_once(void **state) {
    (void)state;
    struct collector *collector = testing_start((struct collector_settings){0});
    struct maker maker;
    testing_ipfix(&maker, 0, 7);
    testing_record(&maker, 1);
    testing_give(collector, &maker, 1, 1000);
    testing_ipfix(&maker, 1016, 7); /* 16 bytes hold at most 16 records */
    testing_record(&maker, 1);
    testing_give(collector, &maker, 1, 1001);
    assert_true(testing_newest(collector).lost >= 1000 - 16 && testing_newest(collector).lost <= 1016);
    testing_stop(collector);
}

static const struct template_row *newest_template(void) {
    const struct fake_rows *rows = fake_store_rows();
    for (size_t i = rows->count; i > 0; i--) {
        if (rows->rows[i - 1].kind == ROW_TEMPLATE) {
            return rows->rows[i - 1].template;
        }
    }
    fail_msg("no template row");
    return NULL;
}

static void withdrawal_reaches_the_database_of_one_and_of_all(void **state) {
    (void)state;
    struct collector *collector = testing_start((struct collector_settings){0});
    struct maker maker;
    testing_ipfix(&maker, 0, 7);
    testing_template(&maker);
    testing_give(collector, &maker, 1, 1000);
    testing_ipfix(&maker, 0, 7);
    size_t set = maker_set(&maker, 2);
    maker_put(&maker, 256 << 16, 4);
    maker_end(&maker, set);
    testing_give(collector, &maker, 1, 1001);
    assert_true(newest_template()->withdrawn);
    assert_int_equal(newest_template()->template_id, 256);
    testing_ipfix(&maker, 0, 7);
    set = maker_set(&maker, 3);
    maker_put(&maker, 3 << 16, 4);
    maker_end(&maker, set);
    testing_give(collector, &maker, 1, 1002);
    assert_true(newest_template()->withdrawn);
    assert_int_equal(newest_template()->template_id, 0);
    assert_true(newest_template()->options);
    testing_stop(collector);
}

static void loaded_template_decodes_the_first_data(void **state) {
    (void)state;
    struct collector *collector = testing_start((struct collector_settings){0});
    struct maker maker;
    testing_ipfix(&maker, 0, 7);
    testing_template(&maker);
    testing_give(collector, &maker, 1, 1000);
    const struct fake_rows *rows = fake_store_rows();
    struct template_row kept = {0};
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].kind == ROW_TEMPLATE) {
            kept = *rows->rows[i].template;
        }
    }
    assert_int_equal(kept.template_id, 256);
    testing_stop(collector);
    collector = testing_start((struct collector_settings){0});
    assert_int_equal(collector_load_template(collector, &kept), 0);
    testing_ipfix(&maker, 5, 7);
    testing_record(&maker, 1);
    testing_give(collector, &maker, 1, 2000);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD), 1);
    testing_stop(collector);
}

static void templates_are_bounded_redefined_and_withdrawn(void **state) {
    (void)state;
    struct template_cache *cache = template_cache_create(4, 100000);
    struct template_update update;
    for (uint16_t id = 256; id < 266; id++) {
        struct maker maker = {.size = 0};
        maker_put(&maker, (uint64_t)id << 16 | 1, 4);
        maker_put(&maker, 8 << 16 | 4, 4);
        struct cursor set = cursor_over(maker.bytes, maker.size);
        assert_int_equal(template_cache_read(cache, (struct template_owner){1, 1}, 10, false, &set, &update),
                         0);
        assert_int_equal(update.change, TEMPLATE_NEW);
    }
    assert_int_equal(template_cache_counts(cache).templates, 4);
    assert_int_equal(template_cache_counts(cache).evicted, 6);
    struct maker maker = {.size = 0};
    maker_put(&maker, 265 << 16 | 1, 4);
    maker_put(&maker, 8 << 16 | 4, 4);
    struct cursor set = cursor_over(maker.bytes, maker.size);
    template_cache_read(cache, (struct template_owner){1, 1}, 10, false, &set, &update);
    assert_int_equal(update.change, TEMPLATE_SAME);
    maker.bytes[5] = 12;
    set = cursor_over(maker.bytes, maker.size);
    template_cache_read(cache, (struct template_owner){1, 1}, 10, false, &set, &update);
    assert_int_equal(update.change, TEMPLATE_NEW);
    assert_int_equal(template_cache_counts(cache).redefined, 1);
    maker_patch(&maker, 2, 0);
    set = cursor_over(maker.bytes, 4);
    template_cache_read(cache, (struct template_owner){1, 1}, 10, false, &set, &update);
    assert_int_equal(update.change, TEMPLATE_WITHDRAWN);
    assert_null(template_cache_find(cache, 1, 265));
    maker_patch(&maker, 0, 2);
    set = cursor_over(maker.bytes, 4);
    template_cache_read(cache, (struct template_owner){1, 1}, 10, false, &set, &update);
    assert_int_equal(update.change, TEMPLATE_WITHDRAWN_ALL);
    assert_int_equal(template_cache_counts(cache).templates, 0);
    template_cache_destroy(cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipfix_data_before_template_is_held_and_decoded),
        cmocka_unit_test(held_data_is_bounded_in_bytes_and_time),
        cmocka_unit_test(template_of_another_domain_is_not_used),
        cmocka_unit_test(template_from_another_port_of_the_address_is_used_if_the_data_fits),
        cmocka_unit_test(records_of_unknown_templates_are_no_loss_and_loss_beside_them_is),
        cmocka_unit_test(more_than_a_blind_message_can_hold_is_lost_at_once),
        cmocka_unit_test(withdrawal_reaches_the_database_of_one_and_of_all),
        cmocka_unit_test(loaded_template_decodes_the_first_data),
        cmocka_unit_test(templates_are_bounded_redefined_and_withdrawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
