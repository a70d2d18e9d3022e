/* Does one part of a scenario fit the other? */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/flow_key.h"
#include "scenario/field.h"
#include "topo/openflow.h"

#define SAMPLING_DEFAULT 64

static unsigned hosts_of(const struct scenario *scenario) {
    return scenario->lab.hosts != 0 ? scenario->lab.hosts : 2;
}

/* The first item of the list 'name' of the file, or NULL. */
static const struct config_node *items_of(const struct scenario *scenario, const char *name) {
    const struct config_node *list = config_get(scenario->file.root, name);
    return list != NULL ? list->first : NULL;
}

/* Refuses a host that the lab does not have; 'node' may be NULL. */
static int check_host(const struct scenario *scenario, const struct config_node *node, struct error *error) {
    unsigned number = 0;
    if (node == NULL || (sscanf(node->text, "ns%u", &number) == 1 && number <= hosts_of(scenario))) {
        return 0;
    }
    return config_error(&scenario->file, node, error, "found '%s', expected a host of this lab, ns1 to ns%u",
                        node->text, hosts_of(scenario));
}

static int check_impairments(const struct scenario *scenario, struct error *error) {
    int code = 0;
    const struct config_node *first = items_of(scenario, "impairments");
    for (const struct config_node *item = first; code == 0 && item != NULL; item = item->next) {
        const struct config_node *to = config_get(item, "to");
        code = check_host(scenario, to, error);
        for (const struct config_node *other = first; code == 0 && other != item; other = other->next) {
            if (strcmp(config_get(other, "to")->text, to->text) == 0) {
                code = config_error(&scenario->file, to, error,
                                    "found a second impairment of the way to '%s', expected one with all "
                                    "that is done there; the first is in line %zu",
                                    to->text, other->line);
            }
        }
    }
    return code;
}

/* The MTU has to have room for the group's largest datagram, and the hosts for its addresses. */
static int check_group(const struct scenario *scenario, const struct traffic_group *group,
                       const struct config_node *node, struct error *error) {
    unsigned mtu = scenario->lab.mtu != 0 ? scenario->lab.mtu : TOPO_MTU_DEFAULT;
    unsigned addresses = scenario->lab.addresses != 0 ? scenario->lab.addresses : 1;
    unsigned largest = mtu - (group->family == 6 ? 40 : 20) - 8;
    if (group->protocol == PROTOCOL_UDP && group->response_max > largest) {
        return config_error(&scenario->file, config_get(node, "response"), error,
                            "found a response of %u bytes, expected at most %u, for a frame of an MTU of %u",
                            group->response_max, largest, mtu);
    }
    if (group->protocol == PROTOCOL_UDP && group->payload_max > largest) {
        return config_error(&scenario->file, config_get(node, "payload"), error,
                            "found a payload of %u bytes, expected at most %u, for a frame of an MTU of %u",
                            group->payload_max, largest, mtu);
    }
    const char *names[] = {"sources", "destinations"};
    const uint32_t counts[] = {group->sources, group->destinations};
    for (size_t i = 0; i < 2; i++) {
        if (counts[i] > addresses) {
            return config_error(&scenario->file, config_get(node, names[i]), error,
                                "found %u %s, expected at most %u, the lab's addresses", counts[i], names[i],
                                addresses);
        }
    }
    return 0;
}

/* How many flows a run has from its busiest address, of each side, as traffic/plan/address.c deals them out:
 * a group's flows in turn over its addresses.  'factor' is by how much the groups are multiplied. */
struct busiest {
    double flows[2];
};

static void add_flows(const struct scenario *scenario, const struct traffic_group *group, double factor,
                      struct busiest *busiest) {
    uint32_t there = scenario->lab.addresses != 0 ? scenario->lab.addresses : 1;
    const uint32_t wanted[2] = {group->sources, group->destinations};
    for (size_t side = 0; side < (group->both_ways != 0 ? 2 : 1); side++) {
        uint32_t used = wanted[side] == 0 || wanted[side] > there ? there : wanted[side];
        busiest->flows[side] += ceil(floor(group->count * factor) / used);
    }
}

static double most_flows(const struct busiest *busiest) {
    return busiest->flows[0] > busiest->flows[1] ? busiest->flows[0] : busiest->flows[1];
}

/* An address has so many source ports. */
static int check_source_ports(const struct scenario *scenario, const struct scenario_run *run,
                              const struct config_node *node, struct error *error) {
    const struct traffic_profile *profile = &run->shape;
    const struct config_node *groups = config_get(node, "groups");
    const struct config_node *flows = config_get(node, "flows");
    struct busiest busiest = {.flows = {0}};
    double own = 0;
    if (profile->group_count == 0) {
        profile = traffic_profile_find(run->profile);
    }
    for (size_t i = 0; profile != NULL && i < profile->group_count; i++) {
        own += (double)profile->groups[i].count * (profile->groups[i].both_ways != 0 ? 2 : 1);
    }
    const double factor = run->flows == 0 || own == 0 ? 1 : (double)run->flows / own;
    const struct config_node *item = groups != NULL ? groups->first : NULL;
    for (size_t i = 0; profile != NULL && i < profile->group_count; i++) {
        add_flows(scenario, &profile->groups[i], factor, &busiest);
        if (flows == NULL && item != NULL && most_flows(&busiest) > TRAFFIC_SOURCE_PORTS) {
            return config_error(&scenario->file, config_get(item, "count"), error,
                                "found %.0f flows from one address, expected at most %d, its source ports: "
                                "take fewer flows or more addresses",
                                most_flows(&busiest), TRAFFIC_SOURCE_PORTS);
        }
        item = item != NULL ? item->next : NULL;
    }
    return flows == NULL || most_flows(&busiest) <= TRAFFIC_SOURCE_PORTS
               ? 0
               : config_error(&scenario->file, flows, error,
                              "found %zu flows, expected at most %d from one address, its source ports: take "
                              "fewer flows or more addresses",
                              run->flows, TRAFFIC_SOURCE_PORTS);
}

static int check_groups(const struct scenario *scenario, const struct scenario_run *run,
                        const struct config_node *node, struct error *error) {
    int code = 0;
    const struct config_node *groups = config_get(node, "groups");
    const struct config_node *item = groups != NULL ? groups->first : NULL;
    if (item != NULL && run->shape.duration_ns == 0) {
        return config_error(&scenario->file, groups->key, error,
                            "found groups without a time that their sizes are for, expected the field "
                            "'duration' in the scenario or in this run");
    }
    for (size_t i = 0; code == 0 && item != NULL; item = item->next) {
        code = check_group(scenario, &run->shape.groups[i++], item, error);
    }
    return code == 0 ? check_source_ports(scenario, run, node, error) : code;
}

static int settle_runs(struct scenario *scenario, struct error *error) {
    int code = 0;
    const struct config_node *item = items_of(scenario, "traffic");
    for (size_t i = 0; code == 0 && item != NULL; i++, item = item->next) {
        struct scenario_run *run = &scenario->runs[i];
        const struct config_node *from = config_get(item, "from");
        const struct config_node *to = config_get(item, "to");
        run->profile = run->profile != NULL ? run->profile : scenario->name;
        run->shape.name = run->profile;
        run->shape.summary = scenario->summary;
        run->shape.duration_ns = run->duration_ns != 0 ? run->duration_ns : scenario->duration_ns;
        code = check_host(scenario, from, error);
        code = code == 0 ? check_host(scenario, to, error) : code;
        if (code == 0 && run->from == run->to) {
            code = config_error(&scenario->file, to != NULL ? to : from, error,
                                "found traffic from 'ns%u' to itself, expected two hosts", run->from);
        }
        code = code == 0 ? check_groups(scenario, run, item, error) : code;
    }
    return code;
}

/* What stands at 'index' of the list 'name' of 'section', or 'section' itself. */
static const struct config_node *find_item(const struct config_node *section, const char *name,
                                           size_t index) {
    const struct config_node *list = config_get(section, name);
    const struct config_node *item = list != NULL && list->first != NULL ? list->first : section;
    for (size_t i = 0; list != NULL && i < index && item->next != NULL; i++) {
        item = item->next;
    }
    return item;
}

/* Says of a rule whose port this lab does not have where it stands. */
static int check_ports_of_rules(const struct scenario *scenario, const struct config_node *section,
                                struct error *error) {
    const struct config_node *file = config_get(section, "rules-file");
    const unsigned hosts = hosts_of(scenario);
    size_t index = 0;
    unsigned beyond = topo_openflow_beyond(&scenario->lab.openflow, hosts, &index);
    return beyond == 0
               ? 0
               : config_error(&scenario->file, file != NULL ? file : find_item(section, "rules", index),
                              error, "found rule '%s', expected ports of this lab, ovs-tap1 to ovs-tap%u",
                              scenario->lab.openflow.rules[index], hosts);
}

static int take_rules_file(struct scenario *scenario, const struct config_node *node, struct error *error) {
    struct error why = {.text = ""};
    char *path = scenario_path(scenario, scenario->rules_file);
    int code = path == NULL ? error_set(&why, -ENOMEM, "no memory for its name")
                            : topo_openflow_parse_file(path, &scenario->lab.openflow, &why);
    free(path);
    return code == 0 ? 0
                     : config_error(&scenario->file, node, error,
                                    "found '%s', expected a file of rules and meters: %s",
                                    scenario->rules_file, why.text);
}

/* Says of what ovs-ofctl would not take where it stands. */
static int check_rules(struct scenario *scenario, struct error *error) {
    const struct config_node *section = config_get(scenario->file.root, "openflow");
    struct topo_openflow *openflow = &scenario->lab.openflow;
    struct topo_openflow_place where = {.meter = false};
    struct error why = {.text = ""};
    const struct config_node *file = config_get(section, "rules-file");
    if (file != NULL && (openflow->rule_count > 0 || openflow->meter_count > 0)) {
        return config_error(&scenario->file, file->key, error,
                            "found 'rules-file' beside rules or meters, expected all of them in one place");
    }
    if (file != NULL) {
        int code = take_rules_file(scenario, file, error);
        return code == 0 ? check_ports_of_rules(scenario, section, error) : code;
    }
    if (openflow->rule_count == 0 && openflow->meter_count == 0) {
        return 0;
    }
    int code = topo_openflow_check(openflow, &where, &why);
    if (code == 0) {
        return check_ports_of_rules(scenario, section, error);
    }
    return code != -EINVAL ? error_set(error, code, "%s", why.text)
                           : config_error(&scenario->file,
                                          find_item(section, where.meter ? "meters" : "rules", where.index),
                                          error, "found no %s that Open vSwitch takes: %s",
                                          where.meter ? "meter" : "rule", why.text);
}

/* Do the exporters get in each other's way, or in that of the rules? */
static int check_exporters(const struct scenario *scenario, struct error *error) {
    static const char *const names[] = {"sflow", "netflow", "ipfix"};
    const struct config_node *section = config_get(scenario->file.root, "lab");
    const struct lab_settings *lab = &scenario->lab;
    const int ports[] = {lab->sflow_port, lab->netflow_port, lab->ipfix_port};
    for (size_t i = 1; i < 3; i++) {
        for (size_t j = 0; j < i; j++) {
            if (ports[i] > 0 && ports[i] == ports[j]) {
                return config_error(&scenario->file, config_get(config_get(section, names[i]), "port"), error,
                                    "found port %d, which %s has, too, expected another for each exporter",
                                    ports[i], names[j]);
            }
        }
    }
    return lab->ipfix || lab->openflow.set_count == 0
               ? 0
               : config_error(&scenario->file, config_get(section, "ipfix"), error,
                              "found ipfix off beside rules with sample actions, which export it, expected "
                              "one without the other");
}

static int check_name(const struct scenario *scenario, struct error *error) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const struct config_node *name = config_get(scenario->file.root, "name");
    return name == NULL || strspn(name->text, letters) == strlen(name->text)
               ? 0
               : config_error(&scenario->file, name, error,
                              "found '%s', expected a name of letters, digits, '.', '_' and '-'", name->text);
}

int scenario_settle(struct scenario_reading *reading, struct error *error) {
    struct scenario *scenario = reading->scenario;
    struct lab_settings *lab = &scenario->lab;
    uint32_t sampling = scenario->sampling != 0 ? scenario->sampling : SAMPLING_DEFAULT;
    lab->sflow_sampling = lab->sflow_sampling != 0 ? lab->sflow_sampling : sampling;
    lab->ipfix_sampling = lab->ipfix_sampling != 0 ? lab->ipfix_sampling : sampling;
    lab->scenario_name = scenario->name;
    lab->scenario_text = scenario_text(scenario);
    int code = check_name(scenario, error);
    code = code == 0 ? check_impairments(scenario, error) : code;
    code = code == 0 ? settle_runs(scenario, error) : code;
    code = code == 0 ? scenario_settle_replays(scenario, error) : code;
    code = code == 0 ? check_rules(scenario, error) : code;
    return code == 0 ? check_exporters(scenario, error) : code;
}
