/* The parts of the lab's room that need neither root nor Open vSwitch. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "topo/lab.h"
#include "topo/ovs.h"
#include "topo/topo.h"

static void names_carry_the_prefix_and_fit(void **state) {
    (void)state;
    struct topo topo = {.prefix = "abcde", .hosts = TOPO_HOSTS_MAX};
    lab_name_all(&topo);
    assert_string_equal(topo.bridge, "abcde-nsmon-br0");
    assert_string_equal(topo.switch_netns, "abcde-nsmon-sw");
    assert_string_equal(topo.ports[1].ovs_tap, "abcde-ovs-tap1");
    assert_string_equal(topo.ports[TOPO_HOSTS_MAX].tap, "abcde-tap8");
    assert_string_equal(topo.ports[2].netns, "abcde-ns2");
    topo.prefix[0] = '\0';
    lab_name_all(&topo);
    assert_string_equal(topo.bridge, "nsmon-br0");
    assert_string_equal(topo.ports[2].tap, "tap2");
    assert_string_equal(topo.ports[2].ipv4, "10.0.0.2");
}

static void settings_that_make_no_sense_are_refused(void **state) {
    (void)state;
    static const struct {
        struct topo_settings settings;
        const char *word;
    } cases[] = {
        {{.prefix = "Ab", .run_dir = "/run/x", .tag = "t"}, "prefix"},
        {{.prefix = "a b", .run_dir = "/run/x", .tag = "t"}, "prefix"},
        {{.prefix = {'a', 'b', 'c', 'd', 'e', 'f'}, .run_dir = "/run/x", .tag = "t"}, "prefix"},
        {{.run_dir = "run/x", .tag = "t"}, "run directory"},
        {{.run_dir = "/run/x y", .tag = "t"}, "run directory"},
        {{.run_dir = "/run/x", .tag = ""}, "tag"},
        {{.run_dir = "/run/x", .tag = "a,b=c"}, "tag"},
        {{.run_dir = "/run/x", .tag = "t", .hosts = 9}, "hosts"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct topo *topo = (struct topo *)&cases; /* to see that it is cleared */
        struct error error = {.text = ""};
        assert_int_equal(topo_create(&cases[i].settings, &topo, &error), -EINVAL);
        assert_null(topo);
        assert_non_null(strstr(error.text, cases[i].word));
    }
}

static int make_folder(void **state) {
    static char folder[64];
    snprintf(folder, sizeof folder, "/tmp/test_topo.XXXXXX");
    *state = folder;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
    char path[128];
    snprintf(path, sizeof path, "%s/state.json", (char *)*state);
    unlink(path);
    return rmdir(*state);
}

static void a_record_is_read_as_it_was_written(void **state) {
    struct topo written = {.prefix = "ab", .tag = "session-7", .hosts = 3, .sw = {.private_ovs = true}};
    struct topo got = {.hosts = 0};
    snprintf(written.run_dir, sizeof written.run_dir, "%s", (char *)*state);
    snprintf(got.run_dir, sizeof got.run_dir, "%s", (char *)*state);
    assert_false(topo_recorded(*state));
    assert_int_equal(state_read(&got, NULL), -ENOENT);
    assert_int_equal(lab_begin(&written, LAB_NETNS, "ab-ns1", NULL), 0);
    assert_int_equal(lab_begin(&written, LAB_LINK, "1", NULL), 0);
    assert_true(topo_recorded(*state));
    assert_int_equal(state_read(&got, NULL), 0);
    assert_string_equal(got.prefix, "ab");
    assert_string_equal(got.tag, "session-7");
    assert_int_equal(got.hosts, 3);
    assert_true(got.sw.private_ovs);
    assert_int_equal(got.item_count, 2);
    assert_int_equal(got.items[0].kind, LAB_NETNS);
    assert_string_equal(got.items[0].name, "ab-ns1");
    assert_int_equal(got.items[1].kind, LAB_LINK);
    written.item_count = 0;
    assert_int_equal(state_write(&written, NULL), 0);
    assert_false(topo_recorded(*state));
}

static void a_record_that_makes_no_sense_is_refused(void **state) {
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"version\":1}",
        "{\"version\":2,\"tag\":\"t\",\"prefix\":\"\",\"hosts\":2,\"private_ovs\":true,"
        "\"kernel_datapath\":false,\"made\":[]}",
        "{\"version\":1,\"tag\":\"t\",\"prefix\":\"toolong\",\"hosts\":2,\"private_ovs\":true,"
        "\"kernel_datapath\":false,\"made\":[]}",
        "{\"version\":1,\"tag\":\"t\",\"prefix\":\"\",\"hosts\":200,\"private_ovs\":true,"
        "\"kernel_datapath\":false,\"made\":[]}",
        "{\"version\":1,\"tag\":\"t\",\"prefix\":\"\",\"hosts\":2,\"private_ovs\":true,"
        "\"kernel_datapath\":false,\"made\":[{\"kind\":\"house\",\"name\":\"x\"}]}",
    };
    char path[128];
    snprintf(path, sizeof path, "%s/state.json", (char *)*state);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct topo topo = {.hosts = 0};
        struct error error = {.text = ""};
        snprintf(topo.run_dir, sizeof topo.run_dir, "%s", (char *)*state);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(texts[i], file);
        fclose(file);
        assert_int_equal(state_read(&topo, &error), -EBADMSG);
        assert_non_null(strstr(error.text, path));
    }
}

static int break_off_at_ns1(const char *step, void *context) {
    (void)context;
    return strcmp(step, "make namespace ns1") == 0 ? -EINTR : 0;
}

static void a_step_is_recorded_before_it_can_be_broken_off(void **state) {
    struct topo topo = {.tag = "t", .hosts = 2, .progress = break_off_at_ns1};
    struct error error = {.text = ""};
    snprintf(topo.run_dir, sizeof topo.run_dir, "%s", (char *)*state);
    assert_int_equal(lab_begin(&topo, LAB_NETNS, "ns1", &error), -EINTR);
    assert_non_null(strstr(error.text, "make namespace ns1"));
    struct topo got = {.hosts = 0};
    snprintf(got.run_dir, sizeof got.run_dir, "%s", (char *)*state);
    assert_int_equal(state_read(&got, NULL), 0);
    assert_string_equal(got.items[0].name, "ns1");
}

static void nothing_recorded_is_nothing_to_recover(void **state) {
    assert_int_equal(topo_recover(*state, NULL, NULL, NULL), 0);
    assert_int_equal(topo_recover("/nonexistent/nsmon", NULL, NULL, NULL), 0);
}

static void a_transaction_that_does_not_fit_is_not_run(void **state) {
    (void)state;
    struct ovs_transaction transaction;
    struct topo topo = {.hosts = 2};
    struct error error = {.text = ""};
    ovs_begin(&transaction, &topo);
    for (size_t i = 0; i < sizeof transaction.argv / sizeof *transaction.argv; i++) {
        ovs_add(&transaction, "word%zu", i);
    }
    assert_int_equal(ovs_commit(&transaction, NULL, 0, &error), -E2BIG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_carry_the_prefix_and_fit),
        cmocka_unit_test(settings_that_make_no_sense_are_refused),
        cmocka_unit_test_setup_teardown(a_record_is_read_as_it_was_written, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_record_that_makes_no_sense_is_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_step_is_recorded_before_it_can_be_broken_off, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(nothing_recorded_is_nothing_to_recover, make_folder, remove_folder),
        cmocka_unit_test(a_transaction_that_does_not_fit_is_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
