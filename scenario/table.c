/* The fields of a scenario.  nsmon-scenario(5) explains them; a test holds the two together. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "scenario/field.h"
#include "topo/impairment.h"

#define COUNT        SCENARIO_COUNT
#define AT           SCENARIO_AT
#define FROM         SCENARIO_FROM
#define SECONDS(N)   ((double)(N) * (double)NS_PER_S)
#define SAMPLING_MAX 1000000
#define DAY_S        86400

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

static const struct scenario_field run_fields[] = {
    {"from", SCENARIO_HOST, AT(struct scenario_run, from)},
    {"to", SCENARIO_HOST, AT(struct scenario_run, to)},
    {"start", SCENARIO_TIME, AT(struct scenario_run, start_ns), FROM(0, SECONDS(DAY_S)), .words = "2s"},
    {"duration", SCENARIO_TIME, AT(struct scenario_run, duration_ns), FROM(SECONDS(0.1), SECONDS(7 * DAY_S)),
     .words = "10s"},
    {"profile", SCENARIO_TEXT, AT(struct scenario_run, profile), FROM(1, 63), .words = "a profile's name"},
    {"groups", SCENARIO_LIST, FROM(1, SCENARIO_GROUPS_MAX), .section = &scenario_section_group,
     .item = scenario_next_group},
    {"flows", SCENARIO_WHOLE, AT(struct scenario_run, flows), FROM(1, SCENARIO_FLOWS_MAX)},
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
