#include "daemon/describe.h"

#include <stdio.h>

#include "topo/openflow.h"

/* Sets 'key' unless 'value' says that there is none of it. */
static void set_share(json_t *object, const char *key, double value) {
    if (value > 0.0) {
        json_object_set_new(object, key, json_real(value));
    }
}

static void set_count(json_t *object, const char *key, int64_t value) {
    if (value > 0) {
        json_object_set_new(object, key, json_integer(value));
    }
}

json_t *describe_impairment(const struct topo_impairment *impairment) {
    json_t *object = json_object();
    set_share(object, "loss", impairment->loss);
    set_count(object, "loss_every", impairment->loss_every);
    set_share(object, "duplicate", impairment->duplicate);
    set_count(object, "duplicate_every", impairment->duplicate_every);
    set_share(object, "reorder", impairment->reorder);
    set_count(object, "reorder_every", impairment->reorder_every);
    set_count(object, "reorder_gap", impairment->reorder_gap);
    set_count(object, "delay_ns", impairment->delay_ns);
    set_count(object, "jitter_ns", impairment->jitter_ns);
    set_count(object, "rate_bps",
              impairment->rate_bps > INT64_MAX ? INT64_MAX : (int64_t)impairment->rate_bps);
    return object;
}

/* Those of the hosts that have some, in the order of the hosts. */
static json_t *describe_impairments(const struct lab_settings *lab) {
    json_t *array = json_array();
    for (unsigned host = 1; host <= TOPO_HOSTS_MAX; host++) {
        json_t *object = describe_impairment(&lab->impairments[host]);
        if (json_object_size(object) == 0) {
            json_decref(object);
            continue;
        }
        char name[16];
        snprintf(name, sizeof name, "ns%u", host);
        json_object_set_new(object, "to", json_string(name));
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *describe_strings(const char *const strings[], size_t count) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *string = json_string(strings[i]);
        json_array_append_new(array, string != NULL ? string : json_string("(not UTF-8)"));
    }
    return array;
}

static json_t *describe_openflow(const struct topo_openflow *openflow) {
    json_t *sets = json_array();
    for (size_t i = 0; i < openflow->set_count; i++) {
        json_array_append_new(sets, json_integer(openflow->sets[i]));
    }
    return json_pack("{s:o, s:o, s:o}", "rules", describe_strings(openflow->rules, openflow->rule_count),
                     "meters", describe_strings(openflow->meters, openflow->meter_count), "sets", sets);
}

static void set_exporters(json_t *json, const struct lab_settings *lab, const uint16_t *ports) {
    if (lab->sflow) {
        json_object_set_new(json, "sflow",
                            json_pack("{s:I, s:I, s:I, s:i}", "sampling", (json_int_t)lab->sflow_sampling,
                                      "header_bytes", (json_int_t)lab->sflow_header_bytes, "polling_s",
                                      (json_int_t)lab->sflow_polling_s, "port", (int)ports[SOCKET_SFLOW]));
    }
    if (lab->netflow) {
        json_object_set_new(json, "netflow",
                            json_pack("{s:I, s:i}", "active_timeout_s", (json_int_t)lab->netflow_timeout_s,
                                      "port", (int)ports[SOCKET_NETFLOW]));
    }
    if (lab->ipfix) {
        json_object_set_new(json, "ipfix",
                            json_pack("{s:I, s:I, s:i}", "sampling", (json_int_t)lab->ipfix_sampling,
                                      "active_timeout_s", (json_int_t)lab->ipfix_timeout_s, "port",
                                      (int)ports[SOCKET_IPFIX]));
    }
}

/* What single rules sample; the rate of all of them, or 0 when they differ. */
static json_t *describe_samples(const struct topo_sample samples[], size_t count) {
    json_t *domains = json_array();
    uint32_t rate = count > 0 ? samples[0].rate : 0;
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(
            domains, json_pack("{s:I, s:I, s:I, s:I}", "domain", (json_int_t)samples[i].domain, "set",
                               (json_int_t)samples[i].set, "probability", (json_int_t)samples[i].probability,
                               "sampling", (json_int_t)samples[i].rate));
        rate = samples[i].rate == rate ? rate : 0;
    }
    return json_pack("{s:I, s:o}", "sampling", (json_int_t)rate, "domains", domains);
}

char *describe_lab(const struct lab_settings *lab, const struct describe_switch *on) {
    const struct topo_openflow *openflow = &lab->openflow;
    json_t *json = json_pack("{s:s, s:s, s:s, s:b, s:i, s:i, s:i}", "prefix", lab->prefix, "bridge",
                             on->bridge, "switch", on->why, "kernel_datapath", (int)on->kernel_datapath,
                             "hosts", lab->hosts == 0 ? 2 : (int)lab->hosts, "addresses",
                             lab->addresses == 0 ? 1 : (int)lab->addresses, "mtu",
                             lab->mtu == 0 ? TOPO_MTU_DEFAULT : (int)lab->mtu);
    set_exporters(json, lab, on->ports);
    json_t *impairments = describe_impairments(lab);
    if (json_array_size(impairments) > 0) {
        json_object_set(json, "impairments", impairments);
    }
    json_decref(impairments);
    if (openflow->rule_count + openflow->meter_count + openflow->set_count > 0) {
        json_object_set_new(json, "openflow", describe_openflow(openflow));
    }
    struct topo_sample samples[TOPO_SETS_MAX];
    struct topo_openflow_place where;
    size_t samples_count = 0;
    if (lab->ipfix && topo_openflow_samples(openflow, samples, &samples_count, &where, NULL) == 0 &&
        samples_count > 0) {
        json_object_set_new(json, "ipfix-flow", describe_samples(samples, samples_count));
    }
    if (lab->scenario_text != NULL) {
        json_object_set_new(json, "scenario",
                            json_pack("{s:s, s:s}", "name", lab->scenario_name, "text", lab->scenario_text));
    }
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

const char *describe_truth_rule(const struct lab_settings *lab, const char *usual) {
    return lab->hosts > 2 || lab->hosts == 1 || lab->openflow.rule_count > 0 ? "offered" : usual;
}
