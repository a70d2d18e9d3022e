/* What 'nsmon collect' is told is taken as it was meant, and what is wrong is said where it stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/collect_config.h"
#include "cli/collect_options.h"

static struct collect_settings settings;
static struct error error;

/* Reads 'text' as a file; its name is cut off the error. */
static int read_text(const char *text) {
    char path[] = "/tmp/nsmon-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    settings = (struct collect_settings){0};
    error.text[0] = '\0';
    int code = collect_config_read(path, &settings, &error);
    unlink(path);
    size_t length = strlen(path);
    if (strncmp(error.text, path, length) == 0) {
        memmove(error.text, error.text + length, strlen(error.text) - length + 1);
    }
    return code;
}

static struct ip_address address(const char *text) {
    struct ip_address parsed;
    assert_int_equal(ip_address_parse(text, &parsed, NULL), 0);
    return parsed;
}

static void a_file_says_all_that_options_say(void **state) {
    (void)state;
    assert_int_equal(read_text("# a comment\n"
                               "listen: [udp/127.0.0.1:2055, \"udp/[::1]:4739\", 'udp/*:6343']\n"
                               "allow:\n  - 10.0.0.0/8\n  - 2001:db8::/32\n"
                               "sampling:\n  192.0.2.1: 1000\n  10.0.0.0/8: 10\n"
                               "dialect: openvswitch\n"
                               "label: a name\nname: two\ndb: x.db\nkeep-unknown: true\nduration: 10m\n"),
                     0);
    assert_int_equal(settings.listen_count, 3);
    assert_int_equal(settings.listen[1].address.family, 6);
    assert_int_equal(settings.listen[1].port, 4739);
    assert_int_equal(settings.listen[2].address.family, 0);
    assert_int_equal(settings.allow_count, 2);
    struct ip_address inside = address("10.255.0.1"), outside = address("11.0.0.1");
    assert_true(ip_prefix_contains(&settings.allow[0], &inside));
    assert_false(ip_prefix_contains(&settings.allow[0], &outside));
    assert_string_equal(settings.label, "a name");
    assert_string_equal(settings.name, "two");
    assert_string_equal(settings.database, "x.db");
    assert_true(settings.keep_unknown);
    assert_true(settings.duration_ns == INT64_C(600000000000));
}

static void the_longest_network_says_the_rate(void **state) {
    (void)state;
    assert_int_equal(
        read_text("sampling: {10.1.0.0/16: 16, 10.0.0.0/8: 8, 10.1.2.3: 32}\ndialect: generic\n"), 0);
    static const struct {
        const char *exporter;
        int64_t rate;
    } cases[] = {{"10.2.0.1", 8}, {"10.1.0.1", 16}, {"10.1.2.3", 32}, {"11.0.0.1", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ip_address exporter = address(cases[i].exporter);
        const struct collector_override *found =
            override_find(settings.overrides, settings.override_count, &exporter, false);
        assert_int_equal(found != NULL ? found->sampling_rate : 0, cases[i].rate);
        assert_non_null(override_find(settings.overrides, settings.override_count, &exporter, true));
    }
    assert_int_equal(read_text("sampling: [7, 10.0.0.0/8=9]\n"), 0);
    assert_int_equal(settings.sampling_rate, 7);
    assert_int_equal(settings.override_count, 1);
}

static void a_mistake_is_named_with_its_line_and_column(void **state) {
    (void)state;
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"listen: udp/*:1\nlisen: x\n", ":2:1: found 'lisen', expected one of listen, allow,"},
        {"listen: udp/1.2.3.4\n", ":1:9: found 'udp/1.2.3.4', expected udp/ADDRESS:PORT"},
        {"listen: udp/::1:2055\n", ":1:9: found 'udp/::1:2055', expected udp/ADDRESS:PORT"},
        {"listen: udp/1.2.3.4:65536\n", ":1:9: found"},
        {"allow:\n  - 10.0.0.0/8\n  - 10.0.0.0/33\n",
         ":3:5: the network '10.0.0.0/33' needs a length of 0 to 32"},
        {"allow: {a: b}\n", ":1:8: found a mapping, expected a network"},
        {"sampling:\n  10.0.0.1: often\n", ":2:3: found '10.0.0.1=often', expected a rate"},
        {"sampling: 0\n", ":1:11: found '0', expected a rate"},
        {"dialect: [cisco]\n", ":1:11: found 'cisco', expected openvswitch or generic"},
        {"db: [a]\n", ":1:5: found a list, expected the name of a file"},
        {"label: a\nlabel: b\n", ":2:1: found 'label' a second time"},
        {"label: \"a\\0b\"\n", ":1:8: found a NUL"},
        {"label:\n", ":1:7: found nothing, expected 1 to 64 characters"},
        {"keep-unknown: perhaps\n", ":1:15: found 'perhaps', expected true or false"},
        {"duration: -1\n", ":1:11: found '-1', expected a time"},
        {"- listen\n", ":1:1: found a list, expected fields"},
        {"listen: [a\n", ":2:1: found no YAML"},
        {"allow: &x [*x]\n", ":1:8: found an anchor"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_not_equal(read_text(cases[i].text), 0);
        if (strstr(error.text, cases[i].wanted) == NULL) {
            fail_msg("of '%s' it says '%s', not '%s'", cases[i].text, error.text, cases[i].wanted);
        }
    }
}

static void nothing_said_is_the_loopback_alone(void **state) {
    (void)state;
    assert_int_equal(read_text("\n"), 0);
    collect_settings_complete(&settings);
    assert_int_equal(settings.listen_count, 4);
    struct ip_address loopback = address("127.0.0.1");
    for (size_t i = 0; i < settings.listen_count; i++) {
        assert_true(ip_address_equal(&settings.listen[i].address, &loopback));
    }
    char *json = collect_settings_describe(&settings);
    assert_non_null(strstr(json, "udp/127.0.0.1:6343"));
    free(json);
}

static void a_list_has_an_end(void **state) {
    (void)state;
    char text[16384] = "allow:\n";
    for (size_t i = 0; i <= INTAKE_ALLOW_MAX; i++) {
        strcat(text, "  - 10.0.0.0/8\n");
    }
    assert_int_not_equal(read_text(text), 0);
    assert_non_null(strstr(error.text, ":258:5: at most 256 networks"));
}

static void a_network_is_read_with_the_bits_that_count(void **state) {
    (void)state;
    struct ip_prefix prefix;
    assert_int_equal(ip_prefix_parse("192.0.2.77/25", &prefix, NULL), 0);
    struct ip_address low = address("192.0.2.127"), high = address("192.0.2.128"), other = address("::1");
    assert_true(ip_prefix_contains(&prefix, &low));
    assert_false(ip_prefix_contains(&prefix, &high));
    assert_false(ip_prefix_contains(&prefix, &other));
    assert_int_equal(ip_prefix_parse("::/0", &prefix, NULL), 0);
    assert_true(ip_prefix_contains(&prefix, &other));
    assert_false(ip_prefix_contains(&prefix, &low));
    assert_int_equal(ip_prefix_parse("2001:db8::1", &prefix, NULL), 0);
    assert_int_equal(prefix.length, 128);
    static const char *const wrong[] = {
        "", "/8", "10.0.0.0/", "10.0.0.0/ 8", "10.0.0.0/-1", "10.0.0.0/8x", "::/129"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_not_equal(ip_prefix_parse(wrong[i], &prefix, NULL), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_says_all_that_options_say),
        cmocka_unit_test(the_longest_network_says_the_rate),
        cmocka_unit_test(a_mistake_is_named_with_its_line_and_column),
        cmocka_unit_test(nothing_said_is_the_loopback_alone),
        cmocka_unit_test(a_list_has_an_end),
        cmocka_unit_test(a_network_is_read_with_the_bits_that_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
