/* OpenFlow without a switch: rules out of a file, what they sample, and what ovs-ofctl prints of counters. */
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

#include "common/log.h"
#include "topo/ofstats.h"
#include "topo/openflow.h"

static bool has_ofctl(void) {
    return access("/usr/bin/ovs-ofctl", X_OK) == 0 || access("/usr/local/bin/ovs-ofctl", X_OK) == 0;
}

static int parse(const char *text, struct topo_openflow *openflow, struct error *error) {
    char path[] = "/tmp/nsmon-rules-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
    close(fd);
    int code = topo_openflow_parse_file(path, openflow, error);
    unlink(path);
    return code;
}

static void a_file_of_rules_and_meters_is_read(void **state) {
    (void)state;
    struct topo_openflow openflow;
    struct error error = {.text = ""};
    if (!has_ofctl()) {
        skip();
    }
    int code = parse("# what is dropped\n"
                     "priority=10,udp,tp_dst=53,actions=drop   # DNS\r\n"
                     "\n"
                     "  meter=1,kbps,band=type=drop,rate=1000\n"
                     "tcp,in_port=ovs-tap1,actions=meter:1,NORMAL\n"
                     "udp,actions=sample(probability=1023,collector_set_id=3,obs_domain_id=10),NORMAL",
                     &openflow, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(code, 0);
    assert_int_equal(openflow.rule_count, 3);
    assert_string_equal(openflow.rules[0], "priority=10,udp,tp_dst=53,actions=drop");
    assert_int_equal(openflow.meter_count, 1);
    assert_string_equal(openflow.meters[0], "meter=1,kbps,band=type=drop,rate=1000");
    assert_int_equal(openflow.set_count, 1);
    assert_int_equal(openflow.sets[0], 3);
    topo_openflow_free(&openflow);
    topo_openflow_free(&openflow);
}

static void what_is_wrong_is_told_with_file_and_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *place, *why;
    } cases[] = {
        {"\nudp,foo=1,actions=drop\n", ":2:", "unknown keyword foo"},
        {"udp,actions=drop\ntcp", ":2:", "must specify an action"},
        {"udp,actions=drop\ntcp,actions=drop\ntp_dst=53,actions=drop\n", ":3:", "which then is every frame"},
        {"udp,actions=drop\npriority=9,ip,tp_dst=53,actions=drop", ":2:", "which then is 'ip'"},
        {"priority=10,udp,actions=drop\ntcp,actions=drop\n"
         "udp,cookie=0x7,priority=10,idle_timeout=9,table=0,actions=NORMAL",
         ":3:", "same match and priority as 'priority=10,udp,actions=drop'"},
        {"actions=drop\nactions=NORMAL", ":2:", "same match and priority as 'actions=drop'"},
        {"ip,nw_dst=10.0.0.1/24,actions=drop\nip,nw_dst=10.0.0.9/24,actions=NORMAL", ":2:", "same match"},
        {"priority=99999,actions=drop", ":1:", "invalid priority"},
        {"delete udp", ":1:", "not the command delete"},
        {"udp,actions=sample(probability=1,collector_set_id=1),NORMAL", ":1:", "obs_domain_id"},
        {"udp,actions=sample(probability=1,collector_set_id=1,obs_domain_id=1),NORMAL",
         ":1:", "obs_domain_id"},
        {"udp,actions=sample(probability=1,collector_set_id=1,obs_domain_id=7),NORMAL\n"
         "tcp,actions=sample(probability=2,collector_set_id=2,obs_domain_id=7),NORMAL",
         ":2:", "probability 2 here and 1 elsewhere"},
        {"udp,actions=sample(probability=1,collector_set_id=1,obs_domain_id=7),NORMAL\n"
         "tcp,actions=sample(probability=1,collector_set_id=1,obs_domain_id=8),NORMAL",
         ":2:", "collector_set_id 1 is used for obs_domain_id 7 and 8"},
        {"meter=0,kbps,band=type=drop,rate=1", ":1:", "is no meter"},
        {"# \nmeter=1 kbps\n", ":2:", "is no meter"},
        {"meter=1,kbps,band=type=drop,rate=1\nmeter=1,pktps,band=type=drop,rate=1", ":2:", "two meters 1"},
    };
    if (!has_ofctl()) {
        skip();
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct topo_openflow openflow;
        struct error error = {.text = ""};
        assert_int_equal(parse(cases[i].text, &openflow, &error), -EINVAL);
        if (strstr(error.text, cases[i].place) == NULL || strstr(error.text, cases[i].why) == NULL ||
            strstr(error.text, "nsmon-rules-") == NULL) {
            fail_msg("case %zu: %s", i, error.text);
        }
        assert_null(openflow.text);
    }
}

static void rules_for_other_frames_or_with_other_priorities_live_together(void **state) {
    (void)state;
    struct topo_openflow openflow;
    struct error error = {.text = ""};
    if (!has_ofctl()) {
        skip();
    }
    int code = parse("udp,actions=drop\npriority=2,udp,actions=drop\ntable=1,udp,actions=drop\nactions=drop\n"
                     "cookie=1,tcp,actions=drop\ncookie=1,udp,tp_dst=1,actions=drop\nicmp,actions=drop",
                     &openflow, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(code, 0);
    topo_openflow_free(&openflow);
}

static void a_comment_is_no_rule(void **state) {
    (void)state;
    static const char *const texts[] = {"# x", "  # x", "  "};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct topo_openflow openflow = {.rules = {"udp,actions=drop", texts[i]}, .rule_count = 2};
        struct topo_openflow_place where = {.index = 0};
        struct error error = {.text = ""};
        assert_int_equal(topo_openflow_check(&openflow, &where, &error), -EINVAL);
        assert_int_equal(where.index, 1);
        assert_non_null(strstr(error.text, "not a comment"));
    }
}

static char warned[600];

static void keep_warning(enum log_level level, const char *message, void *context) {
    (void)level;
    (void)context;
    snprintf(warned, sizeof warned, "%s", message);
}

static void a_probability_that_the_switch_scales_wrong_is_warned_of(void **state) {
    (void)state;
    static const struct {
        unsigned probability;
        const char *says;
    } cases[] = {{40000, "1 in 1.64, but Open vSwitch multiplies by 1: its IPFIX will say 39.0 % too little; "
                         "probability 32767 (1 in 2) or 65535 (1 in 1)"},
                 {32768, "will say 50.0 % too little"},
                 {32767, ""},
                 {1023, ""},
                 {655, ""},
                 {1, ""}};
    if (!has_ofctl()) {
        skip();
    }
    log_set_sink(LOG_LEVEL_WARNING, keep_warning, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct topo_openflow openflow;
        struct error error = {.text = ""};
        char rule[120];
        snprintf(rule, sizeof rule,
                 "actions=sample(probability=%u,collector_set_id=1,obs_domain_id=9),NORMAL",
                 cases[i].probability);
        warned[0] = '\0';
        assert_int_equal(parse(rule, &openflow, &error), 0);
        topo_openflow_free(&openflow);
        if (strstr(warned, cases[i].says) == NULL || (cases[i].says[0] == '\0' && warned[0] != '\0')) {
            fail_msg("probability %u: '%s'", cases[i].probability, warned);
        }
    }
    log_set_sink(LOG_LEVEL_WARNING, NULL, NULL);
}

static void a_file_that_is_none_is_refused(void **state) {
    (void)state;
    struct topo_openflow openflow;
    struct error error = {.text = ""};
    assert_int_not_equal(topo_openflow_parse_file("/nonexistent/rules", &openflow, &error), 0);
    assert_non_null(strstr(error.text, "/nonexistent/rules"));
    char many[70 * 20] = "";
    for (int i = 0; i < 65; i++) {
        strcat(many, "udp,actions=drop\n");
    }
    assert_int_equal(parse(many, &openflow, &error), -EINVAL);
    assert_non_null(strstr(error.text, ":65: more than 64 rules"));
}

static void the_rate_of_a_sample_action_is_the_whole_number_that_the_switch_takes(void **state) {
    (void)state;
    static const struct {
        const char *rule;
        uint32_t rate;
    } cases[] = {
        {"actions=sample(probability=65535,collector_set_id=1,obs_domain_id=9),NORMAL", 1},
        {"actions=sample(probability=32768,collector_set_id=1,obs_domain_id=9),NORMAL", 1},
        {"actions=sample(probability=32767,collector_set_id=1,obs_domain_id=9),NORMAL", 2},
        {"actions=NORMAL,sample(probability=1023,collector_set_id=0x1,obs_domain_id=9,sampling_port=1,"
         "egress)",
         64},
        {"actions=sample(obs_domain_id=9,probability=0x400,collector_set_id=1)", 63},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct topo_sample samples[TOPO_SETS_MAX];
        struct topo_openflow_place where;
        size_t count;
        const struct topo_openflow openflow = {.rules = {cases[i].rule}, .rule_count = 1};
        assert_int_equal(topo_openflow_samples(&openflow, samples, &count, &where, NULL), 0);
        assert_int_equal(count, 1);
        assert_int_equal(samples[0].set, 1);
        assert_int_equal(samples[0].domain, 9);
        assert_int_equal(samples[0].rate, cases[i].rate);
    }
}

static void ports_are_called_alike_in_every_lab(void **state) {
    (void)state;
    char rule[TOPO_RULE_SIZE];
    topo_openflow_resolve("in_port=ovs-tap1,actions=output:ovs-tap12,x-ovs-tap1,ovs-tapx", rule);
    assert_string_equal(rule, "in_port=1,actions=output:12,x-ovs-tap1,ovs-tapx");
    char longest[2 * TOPO_RULE_SIZE];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    topo_openflow_resolve(longest, rule);
    assert_int_equal(strlen(rule), TOPO_RULE_SIZE - 1);
}

/* --- what ovs-ofctl 3.1.0 printed --- */

static const char dump_ports[] =
    "OFPST_PORT reply (OF1.5) (xid=0x2): 3 ports\n"
    "  port LOCAL: rx pkts=0, bytes=0, drop=0, errs=0, frame=0, over=0, crc=0\n"
    "           tx pkts=0, bytes=0, drop=13, errs=0, coll=0\n"
    "           duration=4.015s\n"
    "  port  1: rx pkts=1207, bytes=171038, drop=0, errs=0, frame=0, over=0, crc=0\n"
    "           tx pkts=14, bytes=1828, drop=0, errs=0, coll=0\n"
    "           duration=4.016s\n"
    "  port  2: rx pkts=14, bytes=1828, drop=0, errs=0, frame=?, over=0, crc=0\n"
    "           tx pkts=1007, bytes=?, drop=0, errs=0, coll=0\n"
    "           duration=4.015s\n";

struct seen {
    struct ofstats_port ports[4];
    struct ofstats_rule rules[16];
    struct ofstats_band bands[8];
    size_t count;
};

static void see_port(const struct ofstats_port *port, void *context) {
    struct seen *seen = context;
    seen->ports[seen->count++] = *port;
}

static void see_rule(const struct ofstats_rule *rule, void *context) {
    struct seen *seen = context;
    seen->rules[seen->count++] = *rule;
}

static void see_band(const struct ofstats_band *band, void *context) {
    struct seen *seen = context;
    seen->bands[seen->count++] = *band;
}

static void ports_are_read_without_the_bridges_own(void **state) {
    (void)state;
    struct seen seen = {.count = 0};
    assert_int_equal(ofstats_ports(dump_ports, see_port, &seen), 2);
    assert_int_equal(seen.ports[0].number, 1);
    assert_int_equal(seen.ports[0].rx_packets, 1207);
    assert_int_equal(seen.ports[0].rx_bytes, 171038);
    assert_int_equal(seen.ports[0].tx_packets, 14);
    assert_int_equal(seen.ports[0].tx_bytes, 1828);
    assert_int_equal(seen.ports[1].tx_packets, 1007);
    assert_int_equal(seen.ports[1].tx_bytes, -1);
}

static const char dump_flows[] =
    "OFPST_FLOW reply (OF1.5) (xid=0x2):\n"
    " cookie=0x0, duration=4.517s, table=0, n_packets=2000, n_bytes=284000, idle_age=0, "
    "priority=30,udp,tp_dst=7001 actions=drop\n"
    " cookie=0x0, duration=4.517s, table=0, n_packets=1999, n_bytes=284001, idle_age=0, "
    "priority=20,udp,tp_dst=7002 actions=sample(probability=65535,collector_set_id=1,obs_domain_id=10,"
    "obs_point_id=20),NORMAL\n"
    " cookie=0x0, duration=4.517s, table=0, n_packets=3, n_bytes=426, idle_age=0, "
    "priority=20,udp,tp_dst=7005 "
    "actions=sample(probability=65535,collector_set_id=4,obs_domain_id=13,obs_point_id=23)\n"
    " cookie=0x0, duration=4.517s, table=0, n_packets=2000, n_bytes=2000000, idle_age=0, "
    "priority=20,udp,in_port=1,tp_dst=7007 actions=meter:2,output:2\n"
    " cookie=0x0, duration=4.517s, table=0, n_packets=7, n_bytes=7000, idle_age=0, udp actions=meter:2\n"
    " cookie=0x0, duration=4.517s, table=0, n_packets=8, n_bytes=8000, idle_age=0,  "
    "actions=CONTROLLER:65535\n"
    " cookie=0x0, duration=4.730s, table=0, n_packets=2024, n_bytes=287816, idle_age=0, priority=0 "
    "actions=NORMAL\n"
    " cookie=0x0, duration=4.7"; /* cut by the buffer */

static void rules_are_read_and_those_that_drop_are_known(void **state) {
    (void)state;
    struct seen seen = {.count = 0};
    assert_int_equal(ofstats_rules(dump_flows, see_rule, &seen), 7);
    assert_string_equal(seen.rules[0].text, "priority=30,udp,tp_dst=7001 actions=drop");
    assert_int_equal(seen.rules[0].packets, 2000);
    assert_int_equal(seen.rules[0].bytes, 284000);
    static const bool drops[] = {true, false, true, false, true, false, false};
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(seen.rules[i].drops, drops[i]);
        assert_int_equal(seen.rules[i].in_port, i == 3 ? 1 : 0);
    }
    assert_string_equal(seen.rules[3].text, "priority=20,udp,in_port=1,tp_dst=7007 actions=meter:2,output:2");
    assert_string_equal(seen.rules[4].text, "udp actions=meter:2");
    assert_string_equal(seen.rules[5].text, "actions=CONTROLLER:65535");
    assert_string_equal(seen.rules[6].text, "priority=0 actions=NORMAL");
}

static void bands_of_meters_are_read(void **state) {
    (void)state;
    struct seen seen = {.count = 0};
    assert_int_equal(ofstats_bands("OFPST_METER reply (OF1.5) (xid=0x2):\n"
                                   "meter:1 flow_count:1 packet_in_count:2000 byte_in_count:2000000 "
                                   "duration:4.586s bands:\n"
                                   "0: packet_count:1488 byte_count:1488000\n"
                                   "\n"
                                   "meter:2 flow_count:1 packet_in_count:2000 byte_in_count:2000000 "
                                   "duration:4.577s bands:\n"
                                   "0: packet_count:1501 byte_count:1501000\n"
                                   "1: packet_count:3 byte_count:400\n",
                                   see_band, &seen),
                     3);
    assert_int_equal(seen.bands[0].meter, 1);
    assert_int_equal(seen.bands[0].packets, 1488);
    assert_int_equal(seen.bands[0].bytes, 1488000);
    assert_int_equal(seen.bands[2].meter, 2);
    assert_int_equal(seen.bands[2].band, 1);
    assert_int_equal(seen.bands[2].packets, 3);
}

static void nonsense_is_no_count(void **state) {
    (void)state;
    struct seen seen = {.count = 0};
    static const char *const texts[] = {"",
                                        "\n\n",
                                        "port",
                                        "  port 1: rx pkts=",
                                        "tx pkts=1",
                                        "actions=",
                                        "0:",
                                        " n_packets= actions=drop",
                                        "meter:-1\n0: packet_count:1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ofstats_ports(texts[i], see_port, &seen);
        ofstats_bands(texts[i], see_band, &seen);
        assert_int_equal(seen.count, 0);
    }
    assert_int_equal(ofstats_rules(texts[7], see_rule, &seen), 1);
    assert_int_equal(seen.rules[0].packets, -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_rules_and_meters_is_read),
        cmocka_unit_test(what_is_wrong_is_told_with_file_and_line),
        cmocka_unit_test(rules_for_other_frames_or_with_other_priorities_live_together),
        cmocka_unit_test(a_comment_is_no_rule),
        cmocka_unit_test(a_probability_that_the_switch_scales_wrong_is_warned_of),
        cmocka_unit_test(a_file_that_is_none_is_refused),
        cmocka_unit_test(the_rate_of_a_sample_action_is_the_whole_number_that_the_switch_takes),
        cmocka_unit_test(ports_are_called_alike_in_every_lab),
        cmocka_unit_test(ports_are_read_without_the_bridges_own),
        cmocka_unit_test(rules_are_read_and_those_that_drop_are_known),
        cmocka_unit_test(bands_of_meters_are_read),
        cmocka_unit_test(nonsense_is_no_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
