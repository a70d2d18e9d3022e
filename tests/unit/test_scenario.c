/* A scenario is taken as it was meant, and what is wrong with one is said where it stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/flow_key.h"
#include "scenario/field.h"
#include "scenario/scenario.h"
#include "traffic/plan/empirical.h"

#define TRAFFIC "traffic: [{profile: quick}]\n"
#define GROUP   "duration: 2s\ntraffic:\n  - groups:\n      - "

static struct error error;

static struct scenario *parse(const char *text) {
    struct scenario *scenario = NULL;
    error.text[0] = '\0';
    int code = scenario_parse("x.yaml", text, strlen(text), &scenario, &error);
    assert_true((code == 0) == (scenario != NULL));
    return scenario;
}

static struct scenario *parse_well(const char *text) {
    struct scenario *scenario = parse(text);
    if (scenario == NULL) {
        fail_msg("%s", error.text);
    }
    return scenario;
}

static void every_field_gets_where_it_belongs(void **state) {
    (void)state;
    struct scenario *scenario = parse_well(
        "name: all-of-it\nsummary: one line\ndescription: |\n  two\n  lines\n"
        "duration: 1.5s\nscale: 0.5\nseed: 7\nrepetitions: 3\n"
        "lab:\n  hosts: 3\n  addresses: 100\n  mtu: 9000\n  datapath: netdev\n"
        "  sflow: {sampling: 10, header: 200, polling: 0, port: 7000}\n"
        "  netflow: off\n"
        "  ipfix: {sampling: 20, active-timeout: 1min, port: 7001}\n"
        "impairments:\n"
        "  - {to: ns2, loss: 1%, duplicate: every 10, reorder: 0.5%, reorder-gap: 3, delay: 20ms, jitter: "
        "2ms,\n"
        "     rate: 1.5mbit, seed: 9}\n"
        "  - {to: ns3, loss: every 7}\n"
        "traffic:\n"
        "  - {profile: quick, from: ns3, to: ns1, start: 500ms, duration: 2s, flows: 20, scale: 2}\n"
        "  - groups:\n"
        "      - {protocol: tcp, ip: 6, count: 3, packets: 4..400}\n"
        "      - {protocol: udp, count: 5, pps: 50, payload: 172..200, vary: true, both-ways: yes,\n"
        "         sizes: pareto, alpha: 1.2, arrivals: poisson, gaps: exponential, sources: 100,\n"
        "         destinations: 2, burst: {packets: 10, gap: 20us, period: 100ms}}\n");
    assert_string_equal(scenario->name, "all-of-it");
    assert_string_equal(scenario->summary, "one line");
    assert_string_equal(scenario->description, "two\nlines\n");
    assert_true(scenario->duration_ns == 1500000000);
    assert_true(scenario->scale == 0.5 && scenario->has_seed && scenario->seed == 7);
    assert_int_equal(scenario->repetitions, 3);
    const struct lab_settings *lab = &scenario->lab;
    assert_int_equal(lab->hosts, 3);
    assert_int_equal(lab->addresses, 100);
    assert_int_equal(lab->mtu, 9000);
    assert_int_equal(lab->datapath, TOPO_DATAPATH_NETDEV);
    assert_true(lab->sflow && !lab->netflow && lab->ipfix);
    assert_int_equal(lab->sflow_sampling, 10);
    assert_int_equal(lab->sflow_header_bytes, 200);
    assert_int_equal(lab->sflow_polling_s, 0);
    assert_int_equal(lab->sflow_port, 7000);
    assert_int_equal(lab->netflow_port, -1);
    assert_int_equal(lab->ipfix_sampling, 20);
    assert_int_equal(lab->ipfix_timeout_s, 60);
    assert_string_equal(lab->scenario_name, "all-of-it");
    assert_non_null(strstr(lab->scenario_text, "repetitions: 3"));
    const struct topo_impairment *impairment = &lab->impairments[2];
    assert_true(impairment->loss == 0.01 && impairment->duplicate_every == 10);
    assert_true(impairment->reorder_gap == 3 && impairment->delay_ns == 20000000);
    assert_true(impairment->jitter_ns == 2000000 && impairment->rate_bps == 1500000);
    assert_int_equal(impairment->seed, 9);
    assert_int_equal(lab->impairments[3].loss_every, 7);
    assert_int_equal(scenario->run_count, 2);
    const struct scenario_run *run = &scenario->runs[0];
    assert_true(run->from == 3 && run->to == 1 && run->start_ns == 500000000 && run->scale == 2);
    assert_true(run->duration_ns == 2000000000 && run->flows == 20);
    run = &scenario->runs[1];
    assert_string_equal(run->profile, "all-of-it");
    assert_true(run->from == 1 && run->to == 2 && run->shape.duration_ns == 1500000000);
    assert_int_equal(run->shape.group_count, 2);
    const struct traffic_group *group = &run->shape.groups[0];
    assert_true(group->protocol == PROTOCOL_TCP && group->family == 6 && group->count == 3);
    assert_true(group->packets_min == 4 && group->packets_max == 400);
    group = &run->shape.groups[1];
    assert_true(group->protocol == PROTOCOL_UDP && group->family == 4 && group->pps == 50);
    assert_true(group->payload_min == 172 && group->payload_max == 200 &&
                group->payload_law == TRAFFIC_LAW_UNIFORM);
    assert_true(group->both_ways == 1 && group->sizes == TRAFFIC_SIZES_PARETO && group->alpha == 1.2);
    assert_true(group->arrivals == TRAFFIC_ARRIVALS_POISSON && group->gaps == TRAFFIC_LAW_EXPONENTIAL);
    assert_true(group->sources == 100 && group->destinations == 2 && group->burst_packets == 10);
    assert_true(group->burst_gap_ns == 20000 && group->burst_period_ns == 100000000);
    scenario_free(scenario);
}

static void group_draws_from_histograms_that_lie_beside_its_file(void **state) {
    (void)state;
    char folder[] = "/tmp/nsmon-scenario-XXXXXX", path[64], text[512];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/sizes.txt", folder);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("64 3\n1000..1400 1\n", file);
    fclose(file);
    snprintf(text, sizeof text, "%s/x.yaml", folder);
    const char yaml[] =
        GROUP "{protocol: udp, count: 1, pps: 9, payload-histogram: sizes.txt, sizes: normal,\n"
              "         packets: 10..20, sizes-mean: 12, sizes-shape: 0.2}\n";
    struct scenario *scenario = NULL;
    if (scenario_parse(text, yaml, sizeof yaml - 1, &scenario, &error) != 0) {
        fail_msg("%s", error.text);
    }
    const struct traffic_group *group = &scenario->runs[0].shape.groups[0];
    assert_int_equal(group->payload_law, TRAFFIC_LAW_HISTOGRAM);
    assert_true(group->payload_histogram->count == 2 && group->payload_histogram->bins[1].low == 1000);
    assert_true(group->payload_min == 64 && group->payload_max == 1400);
    assert_true(group->sizes == TRAFFIC_SIZES_NORMAL && group->sizes_mean == 12 && group->sizes_shape == 0.2);
    scenario_free(scenario);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void what_is_not_said_is_as_nsmon_start_has_it(void **state) {
    (void)state;
    struct scenario *scenario = parse_well("traffic:\n  - profile: mixed\n");
    struct lab_settings usual = lab_settings_default();
    assert_string_equal(scenario->name, "x");
    assert_int_equal(scenario->lab.sflow_sampling, usual.sflow_sampling);
    assert_int_equal(scenario->lab.ipfix_sampling, usual.ipfix_sampling);
    assert_int_equal(scenario->lab.netflow_timeout_s, usual.netflow_timeout_s);
    assert_true(scenario->lab.sflow && scenario->lab.netflow && scenario->lab.ipfix);
    assert_true(scenario->repetitions == 1 && !scenario->has_seed);
    scenario_free(scenario);
    scenario = parse_well("lab: {ipfix: {sampling: 5}, sampling: 10}\ntraffic: [{profile: mixed}]\n");
    assert_int_equal(scenario->lab.sflow_sampling, 10);
    assert_int_equal(scenario->lab.ipfix_sampling, 5);
    scenario_free(scenario);
}

/* What is said of each broken file; the part behind "x.yaml:". */
static const struct {
    const char *text, *wanted;
} mistakes[] = {
    /* no YAML at all */
    {"lab: {mtu: 1500\n", "2:1: found no YAML: did not find expected ',' or '}'"},
    {"lab:\n\tmtu: 1500\n", "2:1: found no YAML: found character that cannot start any token"},
    {"a\xff", "1:2: found no YAML: invalid leading UTF-8 octet"},
    {"name: a\n---\nname: b\n", "2:1: found a second document, expected one"},
    /* empty files */
    {"", "1:1: found nothing, expected a mapping with fields such as 'name:'"},
    {"# nothing\n", "1:1: found nothing, expected a mapping"},
    {"- name\n", "1:1: found a list, expected a mapping"},
    {"mixed\n", "1:1: found 'mixed', expected a mapping"},
    /* unknown fields */
    {"lab:\n  mtuu: 1500\n" TRAFFIC,
     "2:3: found 'mtuu', expected a field of this place: did you mean 'mtu'?"},
    {"traffic:\n  - proflie: mixed\n", "2:5: found 'proflie', expected a field of this place: did you mean "
                                       "'profile'?"},
    {"lab: {colour: red}\n" TRAFFIC, "1:7: found 'colour', expected one of hosts, addresses, mtu, datapath"},
    /* wrong types */
    {"lab:\n  mtu: [1500]\n" TRAFFIC, "2:8: found a list, expected a whole number from 1280 to 9000"},
    {"lab: 5\n" TRAFFIC, "1:6: found '5', expected a mapping"},
    {"traffic: mixed\n", "1:10: found 'mixed', expected a list of 1 to 16 mappings"},
    {"traffic: [mixed]\n", "1:11: found 'mixed', expected a mapping with fields such as 'from:'"},
    {"lab:\n  hosts:\n" TRAFFIC, "2:9: found nothing, expected a whole number from 2 to 8"},
    {"? [a]\n: b\n", "1:3: found a list, expected a name"},
    /* numbers out of range, and what is no number */
    {"lab:\n  mtu: 9001\n" TRAFFIC, "2:8: found '9001', expected a whole number from 1280 to 9000"},
    {"lab:\n  sflow:\n    sampling: 0\n" TRAFFIC,
     "3:15: found '0', expected a whole number from 1 to 1000000"},
    {"lab: {hosts: -2}\n" TRAFFIC, "1:14: found '-2', expected a whole number from 2 to 8"},
    {"repetitions: 1.5\n" TRAFFIC, "1:14: found '1.5', expected a whole number from 1 to 100"},
    {"scale: 1e3\n" TRAFFIC, "1:8: found '1e3', expected a number from 0.001 to 1000"},
    {"duration: 10ms\n" TRAFFIC, "1:11: found '10ms', expected a time from 100ms to 168h, such as 10s"},
    {"lab: {netflow: {active-timeout: 1500ms}}\n" TRAFFIC,
     "1:33: found '1500ms', expected whole seconds from 1s to 1h, such as 5s"},
    /* bad units */
    {"duration: 10 parsecs\n" TRAFFIC, "1:11: found '10 parsecs', expected a time from 100ms to 168h"},
    {"duration: 10\n" TRAFFIC, "1:11: found '10', expected a time"},
    {"impairments:\n  - to: ns2\n    delay: 20\n" TRAFFIC,
     "3:12: found '20', expected a time up to 5s, such as 20ms"},
    {"impairments:\n  - to: ns2\n    rate: 10 apples\n" TRAFFIC,
     "3:11: found '10 apples', expected a rate from 10kbit to 10gbit, such as 10mbit"},
    {"impairments:\n  - to: ns2\n    loss: every second\n" TRAFFIC,
     "3:11: found 'every second', expected a share such as 1%, or 'every 10'"},
    /* fields that are there twice, or not at all */
    {"lab:\n  mtu: 1500\n  mtu: 1500\n" TRAFFIC, "3:3: found 'mtu' a second time, expected it once"},
    {"name: x\n", "1:1: found no 'traffic' here, expected it to be a list of 1 to 16 mappings"},
    {"impairments:\n  - loss: 1%\n" TRAFFIC, "2:5: found no 'to' here, expected it to be a host such as ns2"},
    {"traffic:\n  - from: ns1\n", "2:5: found no 'profile' here, expected it, or 'groups' of flows"},
    {GROUP "{count: 1, packets: 5, payload: 64}\n",
     "4:9: found no 'protocol' here, expected it to be udp or tcp"},
    {GROUP "{protocol: udp, count: 1, packets: 5}\n", "4:9: found no 'payload' here"},
    {GROUP "{protocol: tcp, count: 1}\n", "4:9: found no 'packets' here, expected them or 'pps'"},
    {"traffic:\n  - groups:\n      - {protocol: tcp, count: 1, packets: 5}\n",
     "2:5: found groups without a time that their sizes are for, expected the field 'duration'"},
    /* hosts that the lab does not have */
    {"impairments:\n  - {to: ns9, loss: 1%}\n" TRAFFIC,
     "2:10: found 'ns9', expected a host of this lab, ns1 to ns2"},
    {"traffic:\n  - profile: quick\n    to: ns3\n",
     "3:9: found 'ns3', expected a host of this lab, ns1 to ns2"},
    {"traffic:\n  - {profile: quick, from: 10.0.0.1}\n",
     "2:28: found '10.0.0.1', expected a host such as ns2"},
    {"traffic:\n  - {profile: quick, from: ns2}\n", "2:28: found traffic from 'ns2' to itself"},
    /* contradictions */
    {"impairments:\n  - {to: ns2, loss: 1%}\n  - {to: ns2, delay: 1ms}\n" TRAFFIC,
     "3:10: found a second impairment of the way to 'ns2', expected one with all that is done there; the "
     "first "
     "is in line 2"},
    {"impairments:\n  - to: ns2\n    delay: 1ms\n    jitter: 2ms\n" TRAFFIC,
     "4:13: found jitter '2ms', expected a jitter up to the delay: jitter is around the delay"},
    {"impairments:\n  - to: ns2\n    jitter: 2ms\n    loss: 1%\n" TRAFFIC,
     "3:13: found jitter '2ms', expected a jitter up to the delay"},
    {"impairments:\n  - to: ns2\n    jitter: 2s\n    delay: 4s\n" TRAFFIC,
     "3:13: found jitter '2s', expected delay and jitter up to 5s together"},
    {"impairments:\n  - to: ns2\n    reorder: 100%\n" TRAFFIC,
     "3:14: found reorder '100%', expected a share below 100%"},
    /* more flows than an address has source ports */
    {GROUP "{protocol: udp, count: 15000, packets: 5, payload: 64}\n"
           "      - {protocol: tcp, count: 6000, packets: 5}\n",
     "5:32: found 21000 flows from one address, expected at most 20000"},
    {"lab: {addresses: 10}\n" GROUP "{protocol: udp, count: 100000, packets: 5, payload: 64, sources: 2}\n",
     "5:32: found 50000 flows from one address"},
    {"lab: {addresses: 4}\n" GROUP
     "{protocol: udp, count: 50000, packets: 5, payload: 64, both-ways: true, destinations: 1}\n",
     "5:32: found 50000 flows from one address"},
    {"traffic:\n  - profile: quick\n    flows: 100000\n",
     "3:12: found 100000 flows, expected at most 20000 from one address"},
    {"impairments:\n  - to: ns2\n" TRAFFIC, "2:5: found nothing that is done to the frames, expected loss"},
    {"traffic:\n  - profile: quick\n    groups: []\n",
     "3:13: found a list of 0, expected a list of 1 to 128"},
    {"traffic:\n  - profile: quick\n    groups: [{protocol: tcp, count: 1, packets: 5}]\n",
     "3:5: found 'groups' beside 'profile', expected one of them"},
    {GROUP "{protocol: udp, count: 1, packets: 5, payload: 1473}\n",
     "4:56: found a payload of 1473 bytes, expected at most 1472, for a frame of an MTU of 1500"},
    {GROUP "{protocol: tcp, count: 1, packets: 5, payload: 100}\n",
     "4:56: found a payload with protocol tcp"},
    {GROUP "{protocol: tcp, count: 1, packets: 5, sources: 2}\n",
     "4:56: found 2 sources, expected at most 1, the lab's addresses"},
    {GROUP "{protocol: udp, count: 1, packets: 9..5, payload: 64}\n", "4:44: found '9..5', expected a whole"},
    {GROUP "{protocol: tcp, count: 1, packets: 5, response: 100}\n",
     "4:57: found a response without a request"},
    {GROUP "{protocol: udp, count: 1, pps: 5, payload: 64, response: 40}\n",
     "4:66: found responses beyond 48 to 8972 bytes"},
    {GROUP "{protocol: udp, count: 1, pps: 5, payload: 64, response: 1473}\n",
     "4:66: found a response of 1473 bytes, expected at most 1472"},
    {GROUP "{protocol: udp, count: 1, pps: 9, payload: 64, rate: 1mbit}\n",
     "4:56: found 'rate' beside 'pps'"},
    {GROUP "{protocol: udp, count: 1, payload: 64, fast: true, burst: {packets: 4}}\n",
     "4:60: found 'burst' beside 'fast'"},
    {GROUP "{protocol: udp, count: 1, pps: 9, payload: 64, gaps: histogram}\n",
     "4:62: found no 'gap-histogram' here, expected the file"},
    {GROUP "{protocol: udp, count: 1, pps: 9, payload: 64, gaps: normal, gap-histogram: h.txt}\n",
     "4:62: found 'normal' beside 'gap-histogram'"},
    {GROUP "{protocol: udp, count: 1, pps: 9, payload: 64, gap-shape: 1, gap-histogram: h.txt}\n",
     "4:56: found 'gap-shape' beside 'gap-histogram'"},
    {GROUP "{protocol: udp, count: 1, pps: 9, payload: 64, gap-histogram: /nowhere/h.txt}\n",
     "4:71: found '/nowhere/h.txt', expected a histogram: reading"},
    {GROUP "{protocol: udp, count: 1, pps: 9, payload: 64..99, vary: true, payload-sizes: normal}\n",
     "4:60: found 'vary' beside a distribution"},
    {GROUP "{protocol: udp, count: 1, pps: 9, payload: 64..99, payload-mean: 500, payload-sizes: normal}\n",
     "4:74: found a mean of 500, expected one within 'payload', 64 to 99"},
    {GROUP "{protocol: tcp, count: 1, pps: 9, payload-sizes: normal}\n",
     "4:58: found 'payload-sizes' with protocol tcp"},
    {GROUP "{protocol: udp, count: 1, packets: 9, payload: 64, sizes: pareto}\n",
     "4:9: found no 'alpha' here, expected it"},
    /* OpenFlow; what ovs-ofctl says of a rule is tested where it is there */
    {"openflow:\n  rules: drop\n" TRAFFIC, "2:10: found 'drop', expected a list of up to 64 flows"},
    {"openflow:\n  rules:\n    - udp,actions=drop\n    -\n" TRAFFIC,
     "4:6: found nothing, expected one of the flows as ovs-ofctl(8) writes them, in one line"},
    {"openflow:\n  rules: [\"udp,actions=drop\\nactions=drop\"]\n" TRAFFIC,
     "2:11: found 'udp,actions=drop actions="},
    {"openflow:\n  rules-file: nosuch\n  meters: [\"meter=1,kbps,band=type=drop,rate=1\"]\n" TRAFFIC,
     "2:3: found 'rules-file' beside rules or meters, expected all of them in one place"},
    {"openflow:\n  rules-file: nosuch\n" TRAFFIC,
     "2:15: found 'nosuch', expected a file of rules and meters: could not read the rules in 'nosuch'"},
    {"openflow:\n  meters:\n    - meter=1,kbps,band=type=dropp,rate=1\n" TRAFFIC, "3:7: found no meter that"},
    {"openflow:\n  meters: [\"meter=1,kbps,band=type=drop\"]\n" TRAFFIC, "2:12: found no meter that"},
    /* exporters that are in each other's way */
    {"lab:\n  sflow: {port: 99}\n  ipfix: {port: 99}\n" TRAFFIC,
     "3:17: found port 99, which sflow has, too, expected another for each exporter"},
    {"impairments: [{to: ns02, loss: 1%}]\n" TRAFFIC, "1:20: found 'ns02', expected a host such as ns2"},
    /* profiles and names */
    {"traffic:\n  - profile: mixd\n", "2:14: found 'mixd', expected a profile: mixed"},
    {"name: a b\n" TRAFFIC, "1:7: found 'a b', expected a name of letters, digits"},
    {"name: \"\"\n" TRAFFIC, "1:7: found nothing, expected text of 1 to 40 bytes"},
    {"summary: \"a\\nb\"\n" TRAFFIC, "1:10: found 'a b', expected text of 1 to 100 bytes in one line"},
    /* what is meant to hurt */
    {"name: &a x\n" TRAFFIC, "1:7: found an anchor (&), expected values without anchors and aliases"},
    {"traffic: [*a]\n", "1:11: found an alias (*), expected what it stands for, written out"},
    {"name: \"a\\0b\"\n" TRAFFIC, "1:7: found a NUL, expected text"},
    {"a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[\n", "1:19: found lists and mappings nested too deep"},
};

static void a_mistake_is_named_with_its_line_and_column(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        char wanted[400];
        if (parse(mistakes[i].text) != NULL) {
            fail_msg("took '%s'", mistakes[i].text);
        }
        snprintf(wanted, sizeof wanted, "x.yaml:%s", mistakes[i].wanted);
        if (strncmp(error.text, wanted, strlen(wanted)) != 0 || strchr(error.text, '\n') != NULL) {
            fail_msg("of '%s' it says\n'%s', not\n'%s'", mistakes[i].text, error.text, wanted);
        }
    }
}

static void a_rule_that_open_vswitch_does_not_take_is_named(void **state) {
    (void)state;
    struct scenario *scenario =
        parse("openflow:\n  rules:\n    - priority=10,udp,tp_dst=53,actions=drop\n" TRAFFIC);
    if (scenario == NULL && strstr(error.text, "ovs-ofctl") != NULL) {
        skip();
    }
    assert_non_null(scenario);
    assert_int_equal(scenario->lab.openflow.rule_count, 1);
    scenario_free(scenario);
    assert_null(
        parse("openflow:\n  rules:\n    - udp,actions=drop\n    - udp,tp_dst=x,actions=drop\n" TRAFFIC));
    assert_non_null(strstr(error.text, "x.yaml:4:7: found no rule that Open vSwitch takes: "));
    assert_null(parse("openflow:\n  rules:\n    - in_port=ovs-tap3,actions=drop\n" TRAFFIC));
    assert_non_null(
        strstr(error.text, "x.yaml:3:7: found rule 'in_port=ovs-tap3,actions=drop', expected ports"));
    assert_null(parse("openflow:\n  rules:\n    - \"udp,actions=meter:1,NORMAL\"\n" TRAFFIC));
    assert_non_null(
        strstr(error.text, "x.yaml:3:7: found no rule that Open vSwitch takes: rule 'udp,actions="));
    assert_null(parse("lab: {ipfix: off}\nopenflow:\n  rules:\n    - \"udp,actions=sample(probability=1,"
                      "collector_set_id=1,obs_domain_id=10),NORMAL\"\n" TRAFFIC));
    assert_non_null(strstr(error.text, "x.yaml:1:14: found ipfix off beside rules with sample actions"));
    assert_null(parse("openflow:\n  meters:\n    - meter=1\n" TRAFFIC));
    assert_non_null(strstr(error.text, "x.yaml:3:7: found no meter that Open vSwitch takes: "));
}

static void put(const char *path, const char *text) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void a_file_of_rules_is_looked_for_beside_the_scenario(void **state) {
    (void)state;
    char folder[] = "/tmp/nsmon-scenario-XXXXXX";
    char path[64];
    char rules[64];
    struct scenario *scenario = NULL;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.yaml", folder);
    snprintf(rules, sizeof rules, "%s/x.rules", folder);
    put(path, "openflow: {rules-file: x.rules}\n" TRAFFIC);
    put(rules, "meter=1,kbps,band=type=drop,rate=1\n");
    int code = scenario_read(path, &scenario, &error);
    size_t meters = code == 0 ? scenario->lab.openflow.meter_count : 0;
    scenario_free(scenario);
    put(rules, "\nmeter=1\n");
    int broken = scenario_read(path, &scenario, &error);
    unlink(path);
    unlink(rules);
    rmdir(folder);
    if (code != 0) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(meters, 1);
    assert_int_equal(broken, -EINVAL);
    assert_non_null(strstr(error.text, "x.rules:2: 'meter=1' is no meter"));
}

static void a_nul_is_found_where_it_is(void **state) {
    (void)state;
    static const char text[] = "name: x\nlab:\0\n";
    struct scenario *scenario = NULL;
    assert_int_equal(scenario_parse("x.yaml", text, sizeof text - 1, &scenario, &error), -EINVAL);
    assert_null(scenario);
    assert_non_null(strstr(error.text, "x.yaml:2:5: found a NUL, expected text in UTF-8"));
}

static void a_file_has_an_end(void **state) {
    (void)state;
    size_t size = SCENARIO_SIZE_MAX + 1;
    char *text = malloc(size);
    struct scenario *scenario = NULL;
    assert_non_null(text);
    memset(text, '#', size);
    assert_int_equal(scenario_parse("x.yaml", text, size, &scenario, &error), -EFBIG);
    assert_non_null(strstr(error.text, "x.yaml: found more than 256 KiB"));
    /* As many values as fit into a file of that size. */
    memset(text, ',', size);
    memcpy(text, "a: [", 4);
    for (size_t i = 4; i + 1 < size; i += 2) {
        text[i] = 'x';
    }
    assert_int_equal(scenario_parse("x.yaml", text, size - 1, &scenario, &error), -EINVAL);
    assert_non_null(strstr(error.text, "found more than anybody writes"));
    free(text);
    assert_int_equal(scenario_read("/nonexistent/x.yaml", &scenario, &error), -ENOENT);
    assert_non_null(strstr(error.text, "could not read '/nonexistent/x.yaml': No such file"));
    assert_int_equal(scenario_read("/tmp", &scenario, &error), -EIO);
}

/* --- the manual --- */

static char manual[65536];

/* The paragraph of the field 'name' in the page's section 'section', its lines joined; NULL if there is none.
 */
static const char *paragraph(const char *section, const char *name, char *text, size_t size) {
    char wanted[128];
    snprintf(wanted, sizeof wanted, "\n.Ss %s\n", section);
    const char *start = strstr(manual, wanted);
    const char *end = start == NULL ? NULL : strstr(start + 1, "\n.El");
    snprintf(wanted, sizeof wanted, "\n.It Cm %s\n", name);
    const char *item = end == NULL ? NULL : strstr(start, wanted);
    if (item == NULL || item > end) {
        return NULL;
    }
    item += strlen(wanted);
    const char *stop = strstr(item, "\n.It ");
    stop = stop == NULL || stop > end ? end : stop;
    snprintf(text, size, "%.*s", (int)(stop - item), item);
    for (char *at = strchr(text, '\n'); at != NULL; at = strchr(at, '\n')) {
        *at = ' ';
    }
    return text;
}

/* How many fields the page's section has. */
static size_t count_items(const char *section) {
    char wanted[128];
    size_t count = 0;
    snprintf(wanted, sizeof wanted, "\n.Ss %s\n", section);
    const char *at = strstr(manual, wanted);
    const char *end = at == NULL ? NULL : strstr(at + 1, "\n.El");
    while (at != NULL && (at = strstr(at + 1, "\n.It Cm ")) != NULL && at < end) {
        count++;
    }
    return count;
}

static void check_section(const struct scenario_section *section) {
    char text[2048];
    char expected[SCENARIO_EXPECTED_SIZE];
    for (size_t i = 0; i < section->count; i++) {
        const struct scenario_field *field = &section->fields[i];
        if (paragraph(section->name, field->name, text, sizeof text) == NULL) {
            fail_msg("the page has no %s.%s", section->name, field->name);
        }
        scenario_expected(field, expected);
        if (strncmp(text, expected, strlen(expected)) != 0) {
            fail_msg("of %s.%s the page says '%s', not '%s'", section->name, field->name, text, expected);
        }
        if (field->required != (strstr(text, "This field has to be there.") != NULL)) {
            fail_msg("the page is wrong on whether %s.%s has to be there", section->name, field->name);
        }
        if (field->section != NULL) {
            check_section(field->section);
        }
    }
    assert_int_equal(count_items(section->name), section->count);
}

static void the_manual_has_every_field_and_what_it_takes(void **state) {
    (void)state;
    FILE *file = fopen(NSMON_SOURCE_DIR "/docs/man/nsmon-scenario.5.in", "re");
    assert_non_null(file);
    size_t size = fread(manual, 1, sizeof manual - 1, file);
    fclose(file);
    assert_true(size > 0 && size < sizeof manual - 1);
    check_section(&scenario_section_file);
}

static void the_shipped_scenarios_are_sound(void **state) {
    (void)state;
    size_t count = 0;
    const struct scenario_shipped *all = scenario_shipped(&count);
    assert_true(count >= 8);
    for (size_t i = 0; i < count; i++) {
        struct scenario *scenario = parse_well(all[i].text);
        assert_string_equal(scenario->name, all[i].name);
        assert_true(scenario->summary[0] != '\0');
        assert_ptr_equal(scenario_shipped_find(all[i].name), &all[i]);
        scenario_free(scenario);
    }
    assert_null(scenario_shipped_find("nosuch"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_gets_where_it_belongs),
        cmocka_unit_test(group_draws_from_histograms_that_lie_beside_its_file),
        cmocka_unit_test(what_is_not_said_is_as_nsmon_start_has_it),
        cmocka_unit_test(a_mistake_is_named_with_its_line_and_column),
        cmocka_unit_test(a_rule_that_open_vswitch_does_not_take_is_named),
        cmocka_unit_test(a_file_of_rules_is_looked_for_beside_the_scenario),
        cmocka_unit_test(a_nul_is_found_where_it_is),
        cmocka_unit_test(a_file_has_an_end),
        cmocka_unit_test(the_manual_has_every_field_and_what_it_takes),
        cmocka_unit_test(the_shipped_scenarios_are_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
