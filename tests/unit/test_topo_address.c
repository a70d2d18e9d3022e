/* The plan of the hosts' addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "topo/topo.h"

static void expect(unsigned host, unsigned index, const char *ipv4_text, const char *ipv6_text) {
    struct ip_address ipv4;
    struct ip_address ipv6;
    char text[IP_TEXT_SIZE];
    topo_host_address(host, index, &ipv4, &ipv6);
    assert_string_equal(ip_address_format(&ipv4, text), ipv4_text);
    assert_string_equal(ip_address_format(&ipv6, text), ipv6_text);
}

static void the_first_address_is_the_taps_own(void **state) {
    (void)state;
    expect(1, 0, "10.0.0.1", "fd00:6e73:6d6f:6e::1");
    expect(8, 0, "10.0.0.8", "fd00:6e73:6d6f:6e::8");
}

static void further_addresses_are_of_the_hosts_prefix(void **state) {
    (void)state;
    expect(1, 1, "10.1.0.1", "fd00:6e73:6d6f:1::1");
    expect(2, 256, "10.2.1.0", "fd00:6e73:6d6f:2::100");
    expect(8, TOPO_ADDRESSES_MAX - 1, "10.8.255.255", "fd00:6e73:6d6f:8::ffff");
    for (unsigned host = 1; host <= TOPO_HOSTS_MAX; host++) {
        struct ip_address prefix4;
        struct ip_address prefix6;
        struct ip_address ipv4;
        struct ip_address ipv6;
        topo_host_prefix(host, &prefix4, &prefix6);
        topo_host_address(host, 4711, &ipv4, &ipv6);
        assert_memory_equal(prefix4.bytes, ipv4.bytes, TOPO_PREFIX_BITS_V4 / 8);
        assert_memory_equal(prefix6.bytes, ipv6.bytes, TOPO_PREFIX_BITS_V6 / 8);
    }
}

struct seen {
    struct ip_address ipv4, ipv6;
};

static int by_ipv4(const void *a, const void *b) {
    const struct seen *left = a;
    const struct seen *right = b;
    return memcmp(&left->ipv4, &right->ipv4, sizeof left->ipv4);
}

static int by_ipv6(const void *a, const void *b) {
    const struct seen *left = a;
    const struct seen *right = b;
    return memcmp(&left->ipv6, &right->ipv6, sizeof left->ipv6);
}

static void no_address_is_given_twice(void **state) {
    (void)state;
    const size_t count = (size_t)TOPO_HOSTS_MAX * TOPO_ADDRESSES_MAX;
    struct seen *all = calloc(count, sizeof *all);
    assert_non_null(all);
    for (size_t i = 0; i < count; i++) {
        topo_host_address((unsigned)(i / TOPO_ADDRESSES_MAX) + 1, (unsigned)(i % TOPO_ADDRESSES_MAX),
                          &all[i].ipv4, &all[i].ipv6);
    }
    qsort(all, count, sizeof *all, by_ipv4);
    for (size_t i = 1; i < count; i++) {
        assert_int_not_equal(by_ipv4(&all[i - 1], &all[i]), 0);
    }
    qsort(all, count, sizeof *all, by_ipv6);
    for (size_t i = 1; i < count; i++) {
        assert_int_not_equal(by_ipv6(&all[i - 1], &all[i]), 0);
    }
    free(all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_address_is_the_taps_own),
        cmocka_unit_test(further_addresses_are_of_the_hosts_prefix),
        cmocka_unit_test(no_address_is_given_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
