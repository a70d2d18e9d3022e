/* Which flows OpenFlow rules sample. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reports/rules.h"

#define SAMPLE "actions=sample(probability=1,collector_set_id=1,obs_domain_id=5),NORMAL"

static struct flow_key key(uint8_t family, uint8_t protocol, uint16_t sport, uint16_t dport) {
    struct flow_key made = {.ethertype = family == 4   ? ETHERTYPE_IPV4
                                         : family == 6 ? ETHERTYPE_IPV6
                                                       : ETHERTYPE_ARP,
                            .family = family,
                            .protocol = protocol,
                            .sport = sport,
                            .dport = dport};
    struct ip_address src;
    struct ip_address dst;
    if (family != 0) {
        assert_int_equal(ip_address_parse(family == 4 ? "10.0.0.1" : "fd00::1", &src, NULL), 0);
        assert_int_equal(ip_address_parse(family == 4 ? "10.0.0.2" : "fd00::2", &dst, NULL), 0);
        memcpy(made.src, src.bytes, sizeof made.src);
        memcpy(made.dst, dst.bytes, sizeof made.dst);
    }
    return made;
}

static void read_rules(struct report_rules *rules, const char *const texts[]) {
    json_t *array = json_array();
    for (size_t i = 0; texts[i] != NULL; i++) {
        json_array_append_new(array, json_string(texts[i]));
    }
    report_rules_read(rules, array);
    json_decref(array);
}

static void a_match_is_held_against_a_key(void **state) {
    (void)state;
    const struct flow_key dns = key(4, PROTOCOL_UDP, 5555, 53);
    const struct flow_key dns6 = key(6, PROTOCOL_UDP, 5555, 53);
    const struct flow_key web = key(4, PROTOCOL_TCP, 80, 5555);
    const struct flow_key echo = key(4, PROTOCOL_ICMP, 0, 8 * 256);
    const struct flow_key arp = key(0, 0, 0, 0);
    static const struct {
        const char *match;
        bool dns, dns6, web, echo, arp;
    } cases[] = {
        {"", true, true, true, true, true},
        {"udp,", true, false, false, false, false},
        {"udp6,tp_dst=53,", false, true, false, false, false},
        {"udp,tp_dst=53,", true, false, false, false, false},
        {"udp,udp_dst=0x35,", true, false, false, false, false},
        {"udp,tp_dst=54,", false, false, false, false, false},
        {"tcp tcp_src=80 ", false, false, true, false, false},
        {"ip,", true, false, true, true, false},
        {"dl_type=0x0800,nw_proto=17,", true, false, false, false, false},
        {"ip,nw_src=10.0.0.0/24,", true, false, true, true, false},
        {"ip,nw_src=10.0.1.0/24,", false, false, false, false, false},
        {"ip,nw_dst=10.0.0.2,", true, false, true, true, false},
        {"ipv6,ipv6_dst=fd00::2,", false, true, false, false, false},
        {"icmp,icmp_type=8,", false, false, false, true, false},
        {"icmp,icmp_type=0,", false, false, false, false, false},
        {"in_port=1,udp,", true, false, false, false, false},
        {"udp in_port=ovs-tap1 ", true, false, false, false, false},
        {"in_port=ovs-tap2,udp,", false, false, false, false, false},
        {"arp,", false, false, false, false, true},
        {"cookie=0x7,priority=1,arp,", false, false, false, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct report_rules rules;
        char text[256];
        snprintf(text, sizeof text, "%s" SAMPLE, cases[i].match);
        read_rules(&rules, (const char *const[]){text, NULL});
        assert_false(rules.inexact);
        bool right = report_rules_sample(&rules, &dns, 1) == cases[i].dns &&
                     report_rules_sample(&rules, &dns6, 1) == cases[i].dns6 &&
                     report_rules_sample(&rules, &web, 1) == cases[i].web &&
                     report_rules_sample(&rules, &echo, 1) == cases[i].echo &&
                     report_rules_sample(&rules, &arp, 1) == cases[i].arp;
        if (!right) {
            fail_msg("'%s'", text);
        }
    }
}

static void the_highest_priority_decides(void **state) {
    (void)state;
    const struct flow_key dns = key(4, PROTOCOL_UDP, 5555, 53);
    const struct flow_key ntp = key(4, PROTOCOL_UDP, 5555, 123);
    struct report_rules rules;
    read_rules(&rules,
               (const char *const[]){"priority=10,udp," SAMPLE, "priority=20,udp,tp_dst=53,actions=drop",
                                     "priority=5,ip,actions=NORMAL", NULL});
    assert_false(report_rules_sample(&rules, &dns, 1));
    assert_true(report_rules_sample(&rules, &ntp, 1));
    /* Without a word a rule has the priority 32768. */
    read_rules(&rules, (const char *const[]){"priority=32767,udp," SAMPLE, "udp,actions=drop", NULL});
    assert_false(report_rules_sample(&rules, &ntp, 1));
    read_rules(&rules, (const char *const[]){"priority=32769,udp," SAMPLE, "udp,actions=drop", NULL});
    assert_true(report_rules_sample(&rules, &ntp, 1));
}

static void what_is_not_in_a_key_is_no_certainty(void **state) {
    (void)state;
    static const char *const texts[] = {
        "dl_vlan=1," SAMPLE,
        "udp,dl_src=00:00:00:00:00:01," SAMPLE,
        "ip,nw_src=10.0.0.1/255.0.255.0," SAMPLE,
        "udp,tp_dst=0x35/0xff," SAMPLE,
        "table=1,udp," SAMPLE,
        "udp,actions=goto_table:1",
        "udp,actions=resubmit(,1)",
        "udp",
        "udp,tp_dst=53:54," SAMPLE,
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct report_rules rules;
        read_rules(&rules, (const char *const[]){texts[i], NULL});
        if (!rules.inexact) {
            fail_msg("'%s'", texts[i]);
        }
    }
}

static bool rewrites(const char *rule) {
    struct report_rules rules;
    json_t *array = json_pack("[s]", rule);
    report_rules_read(&rules, array);
    json_decref(array);
    return rules.rewrites;
}

static void a_rule_that_changes_a_flows_key_rewrites_it(void **state) {
    (void)state;
    static const char *const yes[] = {
        "udp,tp_dst=7007,actions=mod_nw_dst:10.0.0.9,NORMAL",
        "udp,actions=mod_tp_src:9,NORMAL",
        "udp,actions=set_field:10.0.0.9->nw_dst,NORMAL",
        "udp6,actions=set_field:fd00::9->ipv6_src,NORMAL",
        "tcp,actions=set_field:80->tcp_dst,output:2",
        "ip,actions=load:0x0a000009->NXM_OF_IP_DST[],NORMAL",
        "ip,actions=move:NXM_OF_IP_SRC[]->NXM_OF_IP_DST[0..31],NORMAL",
        "ip,actions=set_field:10.0.0.9->OXM_OF_IPV4_DST,NORMAL",
        "ip,actions=ct(commit,nat(src=10.0.0.9))",
        "ip,actions=ct(table=1,nat)",
    };
    static const char *const no[] = {
        "udp,nw_dst=10.0.0.9,actions=drop",
        "udp,actions=mod_dl_dst:02:00:00:00:00:01,NORMAL",
        "ip,actions=mod_nw_tos:4,dec_ttl,NORMAL",
        "ip,actions=set_field:4->nw_tos,NORMAL",
        "ip,actions=set_field:02:00:00:00:00:01->eth_dst,NORMAL",
        "ip,actions=set_field:10.0.0.9->tun_dst,NORMAL",
        "ip,actions=move:NXM_OF_IP_SRC[]->NXM_NX_REG0[],NORMAL",
        "ip,actions=set_field:fd00::9->tun_ipv6_dst,NORMAL",
        "arp,actions=load:1->NXM_OF_ARP_OP[],NORMAL",
    };
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (!rewrites(yes[i])) {
            fail_msg("%s", yes[i]);
        }
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        if (rewrites(no[i])) {
            fail_msg("%s", no[i]);
        }
    }
}

static void no_rules_sample_nothing(void **state) {
    (void)state;
    const struct flow_key dns = key(4, PROTOCOL_UDP, 5555, 53);
    struct report_rules rules;
    report_rules_read(&rules, NULL);
    assert_false(rules.inexact);
    assert_false(report_rules_sample(&rules, &dns, 1));
    json_t *array = json_pack("[i, n]", 1);
    report_rules_read(&rules, array);
    json_decref(array);
    assert_true(rules.inexact);
    assert_int_equal(rules.count, 0);
    const char *many[REPORT_RULES_MAX + 2] = {NULL};
    for (size_t i = 0; i <= REPORT_RULES_MAX; i++) {
        many[i] = "tcp,actions=drop";
    }
    read_rules(&rules, many);
    assert_true(rules.inexact);
    assert_int_equal(rules.count, REPORT_RULES_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_match_is_held_against_a_key),
        cmocka_unit_test(the_highest_priority_decides),
        cmocka_unit_test(what_is_not_in_a_key_is_no_certainty),
        cmocka_unit_test(a_rule_that_changes_a_flows_key_rewrites_it),
        cmocka_unit_test(no_rules_sample_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
