/* The fields of a scenario.  nsmon-scenario(5) explains them; a test holds the two together. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "scenario/field.h"
#include "topo/impairment.h"
#include "traffic/wire.h"

#define COUNT(array)       (sizeof(array) / sizeof *(array))
#define AT(STRUCT, MEMBER) .offset = offsetof(STRUCT, MEMBER), .size = sizeof(((STRUCT *)0)->MEMBER)
#define FROM(LOW, HIGH)    .minimum = (double)(LOW), .maximum = (double)(HIGH)
#define SECONDS(N)         ((double)(N) * (double)NS_PER_S)
#define SAMPLING_MAX       1000000
#define DAY_S              86400
#define FLOWS_MAX          100000

/* --- lab --- */

static const struct scenario_field sflow_fields[] = {
    {"sampling", SCENARIO_WHOLE, AT(struct lab_settings, sflow_sampling), FROM(1, SAMPLING_MAX)},
    {"header", SCENARIO_WHOLE, AT(struct lab_settings, sflow_header_bytes), FROM(64, 600)},
    {"polling", SCENARIO_SECONDS, AT(struct lab_settings, sflow_polling_s), FROM(0, SECONDS(3600)),
     .words = "5s"},
    {"port", SCENARIO_WHOLE, AT(struct lab_settings, sflow_port), FROM(0, UINT16_MAX)},
};

static const struct scenario_field netflow_fields[] = {
    {"active-timeout", SCENARIO_SECONDS, AT(struct lab_settings, netflow_timeout_s),
     FROM(SECONDS(1), SECONDS(3600)), .words = "5s"},
    {"port", SCENARIO_WHOLE, AT(struct lab_settings, netflow_port), FROM(0, UINT16_MAX)},
};

static const struct scenario_field ipfix_fields[] = {
    {"sampling", SCENARIO_WHOLE, AT(struct lab_settings, ipfix_sampling), FROM(1, SAMPLING_MAX)},
    {"active-timeout", SCENARIO_SECONDS, AT(struct lab_settings, ipfix_timeout_s), FROM(0, SECONDS(3600)),
     .words = "5s"},
    {"port", SCENARIO_WHOLE, AT(struct lab_settings, ipfix_port), FROM(0, UINT16_MAX)},
};

static const struct scenario_section sflow_section = {"sflow", sflow_fields, COUNT(sflow_fields), NULL};
static const struct scenario_section netflow_section = {"netflow", netflow_fields, COUNT(netflow_fields),
                                                        NULL};
static const struct scenario_section ipfix_section = {"ipfix", ipfix_fields, COUNT(ipfix_fields), NULL};

static const struct scenario_field lab_fields[] = {
    {"hosts", SCENARIO_WHOLE, AT(struct scenario, lab.hosts), FROM(2, TOPO_HOSTS_MAX)},
    {"addresses", SCENARIO_WHOLE, AT(struct scenario, lab.addresses), FROM(1, TOPO_ADDRESSES_MAX)},
    {"mtu", SCENARIO_WHOLE, AT(struct scenario, lab.mtu), FROM(TOPO_MTU_MIN, TOPO_MTU_MAX)},
    /* In the order of enum topo_datapath. */
    {"datapath", SCENARIO_CHOICE, AT(struct scenario, lab.datapath), .words = "auto system netdev"},
    {"sampling", SCENARIO_WHOLE, AT(struct scenario, sampling), FROM(1, SAMPLING_MAX)},
    {"sflow", SCENARIO_SECTION, AT(struct scenario, lab), .on = offsetof(struct scenario, lab.sflow),
     .section = &sflow_section},
    {"netflow", SCENARIO_SECTION, AT(struct scenario, lab), .on = offsetof(struct scenario, lab.netflow),
     .section = &netflow_section},
    {"ipfix", SCENARIO_SECTION, AT(struct scenario, lab), .on = offsetof(struct scenario, lab.ipfix),
     .section = &ipfix_section},
};

static const struct scenario_section lab_section = {"lab", lab_fields, COUNT(lab_fields), NULL};

/* --- openflow --- */

static const struct scenario_field openflow_fields[] = {
    {"rules", SCENARIO_TEXTS, AT(struct scenario, lab.openflow.rules), FROM(0, TOPO_RULES_MAX),
     .words = "flows as ovs-ofctl(8) writes them",
     .count = offsetof(struct scenario, lab.openflow.rule_count)},
    {"meters", SCENARIO_TEXTS, AT(struct scenario, lab.openflow.meters), FROM(0, TOPO_RULES_MAX),
     .words = "meters as ovs-ofctl(8) writes them",
     .count = offsetof(struct scenario, lab.openflow.meter_count)},
    {"rules-file", SCENARIO_TEXT, AT(struct scenario, rules_file), FROM(1, 1000), .words = "a file's name"},
};

static const struct scenario_section openflow_section = {"openflow", openflow_fields, COUNT(openflow_fields),
                                                         NULL};

/* --- impairments --- */

#define SHARE "a share such as 1%, or 'every 10'"

static const struct scenario_field impairment_fields[] = {
    {"to", SCENARIO_HOST, .required = true},
    {"loss", SCENARIO_IMPAIRMENT, .words = SHARE},
    {"loss-every", SCENARIO_IMPAIRMENT, .words = "a whole number of frames from 1 on"},
    {"duplicate", SCENARIO_IMPAIRMENT, .words = SHARE},
    {"duplicate-every", SCENARIO_IMPAIRMENT, .words = "a whole number of frames from 1 on"},
    {"reorder", SCENARIO_IMPAIRMENT, .words = SHARE},
    {"reorder-every", SCENARIO_IMPAIRMENT, .words = "a whole number of frames from 2 on"},
    {"reorder-gap", SCENARIO_IMPAIRMENT, .words = "a whole number of frames from 1 to 1000"},
    {"delay", SCENARIO_IMPAIRMENT, .words = "a time up to 5s, such as 20ms"},
    {"jitter", SCENARIO_IMPAIRMENT, .words = "a time up to the delay, such as 2ms"},
    {"rate", SCENARIO_IMPAIRMENT, .words = "a rate from 10kbit to 10gbit, such as 10mbit"},
    {"seed", SCENARIO_IMPAIRMENT, .words = "a whole number"},
};

/* The section's struct is the impairment of the host that 'to' names; so that is looked up first. */
static void *next_impairment(struct scenario_reading *reading, const struct config_node *node,
                             struct error *error) {
    const struct config_node *to = config_get(node, "to");
    (void)error;
    unsigned host = 0;
    if (to != NULL && to->kind == CONFIG_VALUE && strncmp(to->text, "ns", 2) == 0 && strlen(to->text) == 3 &&
        to->text[2] >= '1' && to->text[2] <= '0' + TOPO_HOSTS_MAX) {
        host = (unsigned)(to->text[2] - '0');
    }
    return &reading->scenario->lab.impairments[host]; /* that of no host is for what is refused later */
}

/* Says where fields of an impairment contradict each other, which 'why' says in words. */
static int contradicts(const struct config *file, const struct config_node *node,
                       const struct topo_impairment *impairment, const struct error *why,
                       struct error *error) {
    const struct config_node *every = config_get(node, "reorder-every");
    const struct config_node *field = config_get(node, "jitter");
    const char *expected = impairment->jitter_ns > impairment->delay_ns
                               ? "a jitter up to the delay"
                               : "delay and jitter up to 5s together";
    if (impairment->reorder >= 1.0 || impairment->reorder_every == 1) {
        field = config_get(node, "reorder");
        field = field == NULL ? every : field;
        expected = "a share below 100%, or 'every 2' at most";
    }
    return field == NULL
               ? config_error(file, node, error, "found a contradiction, expected none: %s", why->text)
               : config_error(file, field, error, "found %s '%s', expected %s: %s", field->key->text,
                              field->text, expected, why->text);
}

static int finish_impairment(struct scenario_reading *reading, const struct config_node *node, void *target,
                             struct error *error) {
    struct topo_impairment *impairment = target;
    struct error why = {.text = ""};
    if (!topo_impairment_any(impairment)) {
        return config_error(&reading->scenario->file, node, error,
                            "found nothing that is done to the frames, expected loss, duplicate, reorder, "
                            "delay or rate");
    }
    if (topo_impairment_check(impairment, &why) != 0) {
        return contradicts(&reading->scenario->file, node, impairment, &why, error);
    }
    return 0;
}

static const struct scenario_section impairment_section = {"impairments", impairment_fields,
                                                           COUNT(impairment_fields), finish_impairment};

/* --- traffic --- */

static const struct scenario_field burst_fields[] = {
    {"packets", SCENARIO_WHOLE, AT(struct traffic_group, burst_packets), FROM(1, 100000), .required = true},
    {"gap", SCENARIO_TIME, AT(struct traffic_group, burst_gap_ns), FROM(0, SECONDS(10)), .words = "20us"},
    {"period", SCENARIO_TIME, AT(struct traffic_group, burst_period_ns), FROM(0, SECONDS(3600)),
     .words = "100ms"},
};

static const struct scenario_section burst_section = {"burst", burst_fields, COUNT(burst_fields), NULL};

/* The words of a choice are in the order of its enum in traffic/profile.h. */
static const struct scenario_field group_fields[] = {
    {"protocol", SCENARIO_CHOICE, AT(struct traffic_group, protocol), .words = "udp tcp", .required = true},
    {"ip", SCENARIO_CHOICE, AT(struct traffic_group, family), .words = "4 6"},
    {"count", SCENARIO_WHOLE, AT(struct traffic_group, count), FROM(1, FLOWS_MAX), .required = true},
    {"packets", SCENARIO_RANGE, AT(struct traffic_group, packets_min), FROM(1, 100000000)},
    {"payload", SCENARIO_RANGE, AT(struct traffic_group, payload_min), FROM(TRAFFIC_DATAGRAM_SIZE, 8972)},
    {"vary", SCENARIO_FLAG, AT(struct traffic_group, datagrams_differ)},
    {"both-ways", SCENARIO_FLAG, AT(struct traffic_group, both_ways)},
    {"sizes", SCENARIO_CHOICE, AT(struct traffic_group, sizes), .words = "log pareto"},
    {"alpha", SCENARIO_NUMBER, AT(struct traffic_group, alpha), FROM(0.1, 10)},
    {"arrivals", SCENARIO_CHOICE, AT(struct traffic_group, arrivals), .words = "fit even poisson together"},
    {"gaps", SCENARIO_CHOICE, AT(struct traffic_group, gaps),
     .words = "constant exponential uniform normal pareto lognormal"},
    {"gap-shape", SCENARIO_NUMBER, AT(struct traffic_group, gap_shape), FROM(0.01, 10)},
    {"pps", SCENARIO_NUMBER, AT(struct traffic_group, pps), FROM(0.01, 1000000)},
    {"burst", SCENARIO_SECTION, .section = &burst_section},
    {"sources", SCENARIO_WHOLE, AT(struct traffic_group, sources), FROM(1, TOPO_ADDRESSES_MAX)},
    {"dscp", SCENARIO_WHOLE, AT(struct traffic_group, dscp), FROM(0, 63)},
    {"ttl", SCENARIO_WHOLE, AT(struct traffic_group, ttl), FROM(1, 255)},
    {"flow-label", SCENARIO_WHOLE, AT(struct traffic_group, flow_label), FROM(1, 1048575)},
    {"congestion", SCENARIO_TEXT, AT(struct traffic_group, congestion), FROM(1, 15),
     .words = "a congestion control of the kernel's"},
    {"mss", SCENARIO_WHOLE, AT(struct traffic_group, mss), FROM(88, 8948)},
    {"nagle", SCENARIO_FLAG, AT(struct traffic_group, nagle)},
    {"destinations", SCENARIO_WHOLE, AT(struct traffic_group, destinations), FROM(1, TOPO_ADDRESSES_MAX)},
};

static_assert(offsetof(struct traffic_group, packets_max) ==
                  offsetof(struct traffic_group, packets_min) + sizeof(uint32_t),
              "a range is two numbers side by side");
static_assert(offsetof(struct traffic_group, payload_max) ==
                  offsetof(struct traffic_group, payload_min) + sizeof(uint16_t),
              "a range is two numbers side by side");

static void *next_group(struct scenario_reading *reading, const struct config_node *node,
                        struct error *error) {
    struct scenario *scenario = reading->scenario;
    struct traffic_profile *shape = &scenario->runs[scenario->run_count - 1].shape;
    if (scenario->group_count == SCENARIO_GROUPS_MAX) {
        config_error(&scenario->file, node, error, "found more groups, expected at most %d in all",
                     SCENARIO_GROUPS_MAX);
        return NULL;
    }
    struct traffic_group *group = &scenario->groups[scenario->group_count++];
    shape->groups = shape->group_count++ == 0 ? group : shape->groups;
    return group;
}

static int finish_group(struct scenario_reading *reading, const struct config_node *node, void *target,
                        struct error *error) {
    const struct config *file = &reading->scenario->file;
    struct traffic_group *group = target;
    const struct config_node *payload = config_get(node, "payload");
    group->protocol = group->protocol == 0 ? PROTOCOL_UDP : PROTOCOL_TCP;
    group->family = group->family == 0 ? 4 : 6;
    if (group->protocol == PROTOCOL_UDP && payload == NULL) {
        return config_error(file, node, error,
                            "found no 'payload' here, expected it to be the bytes of an UDP datagram's");
    }
    if (group->protocol == PROTOCOL_TCP && payload != NULL) {
        return config_error(file, payload, error,
                            "found a payload with protocol tcp, expected it with udp alone");
    }
    const char *of_tcp[] = {"congestion", "mss", "nagle"};
    for (size_t i = 0; i < COUNT(of_tcp) && group->protocol == PROTOCOL_UDP; i++) {
        if (config_get(node, of_tcp[i]) != NULL) {
            return config_error(file, config_get(node, of_tcp[i]), error,
                                "found '%s' with protocol udp, expected it with tcp alone", of_tcp[i]);
        }
    }
    if (group->gaps == TRAFFIC_GAPS_NORMAL && group->gap_shape > 0.5) {
        return config_error(
            file, config_get(node, "gap-shape"), error,
            "found a gap-shape above 0.5, expected less of normal gaps, or they would be below 0");
    }
    if (group->flow_label != 0 && group->family == 4) {
        return config_error(file, config_get(node, "flow-label"), error,
                            "found a flow label with ip 4, expected it with 6 alone");
    }
    if (group->packets_max == 0 && group->pps == 0) {
        return config_error(file, node, error,
                            "found no 'packets' here, expected them or 'pps' to say how much is sent");
    }
    if (group->sizes == TRAFFIC_SIZES_PARETO && group->alpha == 0) {
        return config_error(file, node, error,
                            "found no 'alpha' here, expected it with sizes of a Pareto distribution");
    }
    return 0;
}

static const struct scenario_section group_section = {"groups", group_fields, COUNT(group_fields),
                                                      finish_group};

static const struct scenario_field run_fields[] = {
    {"from", SCENARIO_HOST, AT(struct scenario_run, from)},
    {"to", SCENARIO_HOST, AT(struct scenario_run, to)},
    {"start", SCENARIO_TIME, AT(struct scenario_run, start_ns), FROM(0, SECONDS(DAY_S)), .words = "2s"},
    {"duration", SCENARIO_TIME, AT(struct scenario_run, duration_ns), FROM(SECONDS(0.1), SECONDS(7 * DAY_S)),
     .words = "10s"},
    {"profile", SCENARIO_TEXT, AT(struct scenario_run, profile), FROM(1, 63), .words = "a profile's name"},
    {"groups", SCENARIO_LIST, FROM(1, SCENARIO_GROUPS_MAX), .section = &group_section, .item = next_group},
    {"flows", SCENARIO_WHOLE, AT(struct scenario_run, flows), FROM(1, FLOWS_MAX)},
    {"scale", SCENARIO_NUMBER, AT(struct scenario_run, scale), FROM(0.001, 1000)},
    {"replay", SCENARIO_TEXT, AT(struct scenario_run, replay), FROM(1, 1000), .words = "a file's name"},
    {"speed", SCENARIO_NUMBER, AT(struct scenario_run, speed), FROM(0, 1000)},
    {"loop", SCENARIO_WHOLE, AT(struct scenario_run, loops), FROM(1, 1000000)},
};

static void *next_run(struct scenario_reading *reading, const struct config_node *node, struct error *error) {
    struct scenario *scenario = reading->scenario;
    (void)node;
    (void)error; /* the list has no more items than there is room */
    scenario->runs[scenario->run_count] = (struct scenario_run){.from = 1, .to = 2, .speed = 1};
    return &scenario->runs[scenario->run_count++];
}

static int unknown_profile(const struct config *file, const struct config_node *node, struct error *error) {
    char names[256] = "";
    char found[CONFIG_FOUND_SIZE];
    size_t count = 0;
    const struct traffic_profile *profiles = traffic_profiles(&count);
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s",
                 i == 0           ? ""
                 : i + 1 == count ? " or "
                                  : ", ",
                 profiles[i].name);
    }
    return config_error(file, node, error, "found %s, expected a profile: %s", config_found(node, found),
                        names);
}

static int finish_run(struct scenario_reading *reading, const struct config_node *node, void *target,
                      struct error *error) {
    const struct config *file = &reading->scenario->file;
    const struct scenario_run *run = target;
    const struct config_node *profile = config_get(node, "profile");
    const struct config_node *groups = config_get(node, "groups");
    int code = scenario_check_replay(reading->scenario, node, error);
    if (code != 0 || run->replay != NULL) {
        return code;
    }
    if (profile == NULL && (groups == NULL || groups->count == 0)) {
        return config_error(
            file, node, error,
            "found no 'profile' here, expected it, or 'groups' of flows, to say what is sent");
    }
    if (profile != NULL && groups != NULL) {
        return config_error(file, groups->key, error,
                            "found 'groups' beside 'profile', expected one of them");
    }
    return profile != NULL && traffic_profile_find(run->profile) == NULL
               ? unknown_profile(file, profile, error)
               : 0;
}

static const struct scenario_section run_section = {"traffic", run_fields, COUNT(run_fields), finish_run};

/* --- the file --- */

static const struct scenario_field file_fields[] = {
    {"name", SCENARIO_TEXT, AT(struct scenario, name), FROM(1, 40)},
    {"summary", SCENARIO_TEXT, AT(struct scenario, summary), FROM(1, 100)},
    {"description", SCENARIO_TEXT, AT(struct scenario, description), FROM(1, 4000)},
    {"duration", SCENARIO_TIME, AT(struct scenario, duration_ns), FROM(SECONDS(0.1), SECONDS(7 * DAY_S)),
     .words = "10s"},
    {"scale", SCENARIO_NUMBER, AT(struct scenario, scale), FROM(0.001, 1000)},
    {"seed", SCENARIO_WHOLE, AT(struct scenario, seed), FROM(0, UINT32_MAX)},
    {"repetitions", SCENARIO_WHOLE, AT(struct scenario, repetitions), FROM(1, SCENARIO_REPETITIONS_MAX)},
    {"lab", SCENARIO_SECTION, .section = &lab_section},
    {"openflow", SCENARIO_SECTION, .section = &openflow_section},
    {"impairments", SCENARIO_LIST, FROM(0, TOPO_HOSTS_MAX), .section = &impairment_section,
     .item = next_impairment},
    {"traffic", SCENARIO_LIST, FROM(1, SCENARIO_RUNS_MAX), .required = true, .section = &run_section,
     .item = next_run},
};

const struct scenario_section scenario_section_file = {"file", file_fields, COUNT(file_fields), NULL};
