/* How the session was shaped, out of its settings: docs/database.md, "The session's settings". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "reports/internal.h"

/* Appends what 'key' of 'object' says, unless it says nothing: a share of 1 as a percentage, or a count. */
static void add_chance(struct report_text *text, const json_t *object, const char *key, const char *done) {
    size_t used = strlen(text->text);
    char every[32];
    snprintf(every, sizeof every, "%s_every", key);
    double share = json_number_value(json_object_get(object, key));
    json_int_t each = json_integer_value(json_object_get(object, every));
    if (share > 0.0) {
        used += (size_t)snprintf(text->text + used, sizeof text->text - used, "%s %.4g %% %s",
                                 used > 0 ? "," : "", share * 100.0, done);
        used = used < sizeof text->text ? used : sizeof text->text - 1;
    }
    if (each > 0) {
        snprintf(text->text + used, sizeof text->text - used, "%s every %lldth %s", used > 0 ? "," : "",
                 (long long)each, done);
    }
}

static void add_quantity(struct report_text *text, const json_t *object, const char *key, double unit,
                         const char *words) {
    double value = json_number_value(json_object_get(object, key));
    size_t used = strlen(text->text);
    if (value > 0.0) {
        snprintf(text->text + used, sizeof text->text - used, "%s %.6g %s", used > 0 ? "," : "", value / unit,
                 words);
    }
}

static struct report_text describe_impairment(const json_t *object) {
    struct report_text what = {""};
    struct report_text text;
    add_chance(&what, object, "loss", "lost");
    add_chance(&what, object, "duplicate", "duplicated");
    add_chance(&what, object, "reorder", "held back");
    add_quantity(&what, object, "delay_ns", 1e6, "ms delay");
    add_quantity(&what, object, "jitter_ns", 1e6, "ms jitter");
    add_quantity(&what, object, "rate_bps", 1e6, "Mbit/s at most");
    const char *to = json_string_value(json_object_get(object, "to"));
    snprintf(text.text, sizeof text.text, "to %.32s:%.200s", to != NULL ? to : "?", what.text);
    return text;
}

static void read_impairments(struct report_setup *setup, const json_t *array) {
    for (size_t i = 0; i < json_array_size(array) && setup->impairment_count < REPORT_CAPTURES_MAX; i++) {
        setup->impairments[setup->impairment_count++] = describe_impairment(json_array_get(array, i));
    }
}

static void read_rules(struct report_setup *setup, const json_t *array, const char *word) {
    for (size_t i = 0; i < json_array_size(array) && setup->rule_count < REPORT_RULES_MAX; i++) {
        const char *rule = json_string_value(json_array_get(array, i));
        snprintf(setup->rules[setup->rule_count++].text, sizeof setup->rules[0].text, "%s %.240s", word,
                 rule != NULL ? rule : "?");
    }
}

static int64_t number_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : READ_NULL;
}

static void read_ports(struct report_setup *setup, const json_t *array) {
    for (size_t i = 0; i < json_array_size(array) && setup->port_count < REPORT_PORTS_MAX; i++) {
        const json_t *object = json_array_get(array, i);
        const char *name = json_string_value(json_object_get(object, "name"));
        struct report_port *port = &setup->ports[setup->port_count++];
        *port = (struct report_port){.ifindex = number_of(object, "ifindex"),
                                     .of_port = number_of(object, "of_port")};
        const char *capture = json_string_value(json_object_get(object, "capture"));
        snprintf(port->capture, sizeof port->capture, "%s", capture != NULL ? capture : "");
        snprintf(port->name, sizeof port->name, "%s", name != NULL ? name : "?");
    }
}

void report_read_setup(struct report *report, struct reader *reader) {
    struct report_setup *setup = &report->setup;
    char *settings = reader_session_settings(reader, report->session.id);
    json_t *object = settings == NULL ? NULL : json_loads(settings, 0, NULL);
    const json_t *openflow = json_object_get(object, "openflow");
    const json_t *scenario = json_object_get(object, "scenario");
    const char *name = json_string_value(json_object_get(scenario, "name"));
    setup->hosts = json_integer_value(json_object_get(object, "hosts"));
    setup->addresses = json_integer_value(json_object_get(object, "addresses"));
    snprintf(setup->scenario, sizeof setup->scenario, "%s", name != NULL ? name : "");
    read_impairments(setup, json_object_get(object, "impairments"));
    read_rules(setup, json_object_get(openflow, "rules"), "rule");
    read_rules(setup, json_object_get(openflow, "meters"), "meter");
    read_ports(setup, json_object_get(object, "ports"));
    json_decref(object);
    free(settings);
}
