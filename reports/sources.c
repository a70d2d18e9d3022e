/* Which exporters make up which source. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "reports/compare.h"
#include "reports/internal.h"

struct protocol {
    const char *name; /* in the store */
    const char *title;
    enum report_kind kind;
};

static const struct protocol protocols[] = {
    {"sflow5", "sFlow", REPORT_SFLOW},
    {"netflow1", "NetFlow v1", REPORT_NETFLOW},
    {"netflow5", "NetFlow v5", REPORT_NETFLOW},
    {"netflow7", "NetFlow v7", REPORT_NETFLOW},
    {"netflow9", "NetFlow v9", REPORT_NETFLOW},
    {"ipfix", "IPFIX", REPORT_IPFIX},
    {"ipfix-flow", "IPFIX of rules", REPORT_IPFIX_FLOW},
};

static const char *const kind_names[] = {[REPORT_SFLOW] = "sflow",
                                         [REPORT_NETFLOW] = "netflow",
                                         [REPORT_IPFIX] = "ipfix",
                                         [REPORT_IPFIX_FLOW] = "ipfix-flow"};
static const char *const kind_titles[] = {[REPORT_SFLOW] = "sFlow",
                                          [REPORT_NETFLOW] = "NetFlow",
                                          [REPORT_IPFIX] = "IPFIX",
                                          [REPORT_IPFIX_FLOW] = "IPFIX of rules"};

static const struct protocol *find_protocol(const char *name) {
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        if (strcmp(protocols[i].name, name) == 0) {
            return &protocols[i];
        }
    }
    return NULL;
}

/* A source's name, taken apart. */
struct wanted {
    enum report_kind kind;
    char protocol[16]; /* "" for each of the kind */
    struct ip_address agent;
    bool has_agent;
};

static bool parse_name(const char *name, struct wanted *wanted) {
    memset(wanted, 0, sizeof *wanted);
    char text[80];
    if (strlen(name) >= sizeof text) {
        return false;
    }
    snprintf(text, sizeof text, "%s", name);
    char *at = strchr(text, '@');
    if (at != NULL) {
        *at = '\0';
        wanted->has_agent = ip_address_parse(at + 1, &wanted->agent, NULL) == 0;
        if (!wanted->has_agent) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof kind_names / sizeof *kind_names; i++) {
        if (strcmp(kind_names[i], text) == 0) {
            wanted->kind = (enum report_kind)i;
            return true;
        }
    }
    const struct protocol *protocol = find_protocol(text);
    if (protocol == NULL) {
        return false;
    }
    wanted->kind = protocol->kind;
    snprintf(wanted->protocol, sizeof wanted->protocol, "%s", protocol->name);
    return true;
}

bool report_source_name(const char *name, enum report_kind *kind) {
    struct wanted wanted;
    if (!parse_name(name, &wanted)) {
        return false;
    }
    if (kind != NULL) {
        *kind = wanted.kind;
    }
    return true;
}

static int take_exporter(const struct read_exporter *exporter, void *context) {
    struct report *report = context;
    if (report->exporter_count == REPORT_EXPORTERS_MAX) {
        report_note(&report->notes,
                    "More than %d exporters: the others are left out.  Name one as sflow@ADDRESS.",
                    REPORT_EXPORTERS_MAX);
        return 1;
    }
    report->source_of[report->exporter_count] = -1;
    report->exporters[report->exporter_count++] = *exporter;
    return 0;
}

static bool exporter_belongs(const struct read_exporter *exporter, const struct wanted *wanted) {
    const struct protocol *protocol = find_protocol(exporter->protocol);
    return protocol != NULL && protocol->kind == wanted->kind &&
           (wanted->protocol[0] == '\0' || strcmp(wanted->protocol, exporter->protocol) == 0) &&
           (!wanted->has_agent || ip_address_equal(&wanted->agent, &exporter->agent));
}

/* What the protocol of 'exporter' can see.  OVS's IPFIX has records of all frames; other exporters of
 * templates meter IP, as far as anybody knows. */
static enum report_sight sight_of(const struct read_exporter *exporter) {
    if (strcmp(exporter->protocol, "sflow5") == 0) {
        return REPORT_SEES_ALL;
    }
    if (strcmp(exporter->protocol, "ipfix-flow") == 0) {
        return REPORT_SEES_CHOSEN;
    }
    if (strcmp(exporter->protocol, "ipfix") == 0 || strcmp(exporter->protocol, "netflow9") == 0) {
        return strcmp(exporter->dialect, "openvswitch") == 0 ? REPORT_SEES_ALL : REPORT_SEES_IP;
    }
    return REPORT_SEES_IPV4;
}

/* The host whose frames the flow's are, or -1. */
static int64_t host_of(const struct report *report, const struct report_flow *flow) {
    bool known = flow->entry >= 0 && (size_t)flow->entry < report->entry_count;
    int64_t station = known ? report->entries[flow->entry].station : READ_NULL;
    return station == READ_NULL ? -1 : station;
}

bool report_source_sees(const struct report *report, const struct report_source *source,
                        const struct report_flow *flow, const struct report_estimate *estimate) {
    const struct flow_key *key = &flow->key;
    switch (source->sight) {
    case REPORT_SEES_CHOSEN:
        /* What it spoke of it can see; of the rest its rules decide, where they are understood. */
        return estimate->packets > 0 ||
               (!report->rules.inexact && report_rules_sample(&report->rules, key, host_of(report, flow)));
    case REPORT_SEES_IPV4:
        return key->family == 4;
    case REPORT_SEES_IP:
        return key->family != 0;
    default:
        return true;
    }
}

static void add_volume(struct report_source *source, const struct read_exporter *exporter) {
    struct report_volume *volume = &source->volume;
    volume->datagrams += exporter->datagrams;
    volume->bytes += exporter->bytes;
    volume->records += exporter->records;
    volume->reordered += exporter->reordered;
    volume->duplicated += exporter->duplicated;
    volume->restarts += exporter->restarts;
    volume->unknown_templates += exporter->unknown_templates;
    volume->held += exporter->held;
    volume->malformed += exporter->malformed;
    volume->unknown_records += exporter->unknown_records;
    if (strcmp(exporter->lost_unit, "records") == 0) {
        volume->lost_records += exporter->lost;
    } else {
        volume->lost_datagrams += exporter->lost;
    }
}

static void join(struct report_source *source, const struct read_exporter *exporter) {
    if (source->exporters++ == 0) {
        snprintf(source->protocol, sizeof source->protocol, "%s", exporter->protocol);
        source->layer = exporter->layer;
        source->sight = sight_of(exporter);
        source->openvswitch = strcmp(exporter->dialect, "openvswitch") == 0;
    } else {
        /* The widest sight, which is the smallest of the enum: NetFlow v5, of IPv4 alone, may stand beside
         * v9, and an exporter whose dialect is not known beside Open vSwitch's. */
        enum report_sight sight = sight_of(exporter);
        source->sight = sight < source->sight ? sight : source->sight;
        if (source->layer != exporter->layer && exporter->records > 0) {
            report_note(&source->notes,
                        "Its exporters count bytes of different layers; all are brought to the first's.");
        }
    }
    add_volume(source, exporter);
}

static int add_source(struct report *report, const char *name, struct error *error) {
    struct wanted wanted;
    if (!parse_name(name, &wanted)) {
        return error_set(error, -EINVAL,
                         "comparing '%s': no such source: use sflow, netflow, ipfix, ipfix-flow, netflow9, "
                         "or sflow@ADDRESS",
                         name);
    }
    if (report->source_count == REPORT_SOURCES_MAX) {
        return error_set(error, -EINVAL, "comparing '%s': at most %d sources at once", name,
                         REPORT_SOURCES_MAX);
    }
    struct report_source *source = &report->sources[report->source_count];
    memset(source, 0, sizeof *source);
    snprintf(source->name, sizeof source->name, "%s", name);
    source->kind = wanted.kind;
    source->sight = wanted.kind == REPORT_NETFLOW      ? REPORT_SEES_IPV4
                    : wanted.kind == REPORT_IPFIX_FLOW ? REPORT_SEES_CHOSEN
                                                       : REPORT_SEES_ALL;
    for (size_t i = 0; i < report->exporter_count; i++) {
        if (exporter_belongs(&report->exporters[i], &wanted) && report->source_of[i] < 0) {
            report->source_of[i] = (int)report->source_count;
            join(source, &report->exporters[i]);
        }
    }
    const struct protocol *protocol = find_protocol(source->protocol);
    snprintf(source->title, sizeof source->title, "%s",
             protocol != NULL ? protocol->title : kind_titles[source->kind]);
    if (source->volume.lost_records > 0 && source->volume.lost_datagrams == 0) {
        source->volume.lost_datagrams = READ_NULL;
    }
    report->source_count++;
    return 0;
}

/* True if the session has an exporter of the kind 'kind'. */
static bool has_kind(const struct report *report, enum report_kind kind) {
    const struct wanted wanted = {.kind = kind};
    for (size_t i = 0; i < report->exporter_count; i++) {
        if (exporter_belongs(&report->exporters[i], &wanted)) {
            return true;
        }
    }
    return false;
}

#define KINDS (sizeof kind_names / sizeof *kind_names)

/* The first probability of 'domains' of which 65535 is no multiple, by more than 1 %: Open vSwitch scales by
 * the quotient cut to a whole number (ofproto-dpif-ipfix.c).  0 for none. */
static uint32_t find_cut(const json_t *domains) {
    for (size_t i = 0; i < json_array_size(domains); i++) {
        json_int_t probability =
            json_integer_value(json_object_get(json_array_get(domains, i), "probability"));
        if (probability > 0 && probability <= 65535) {
            double exact = 65535.0 / (double)probability;
            if (exact / floor(exact) > 1.01) {
                return (uint32_t)probability;
            }
        }
    }
    return 0;
}

/* Which kinds the session was told to export, and 1-in-what, as its settings say: a source that never spoke
 * is missed, too, and its exporter knows its rate from its first sample only. */
static void find_configured(struct reader *reader, int64_t session_id, bool configured[KINDS],
                            double rates[KINDS], struct report_rules *rules) {
    char *settings = reader_session_settings(reader, session_id);
    json_t *object = settings == NULL ? NULL : json_loads(settings, 0, NULL);
    for (size_t kind = 0; kind < KINDS; kind++) {
        const json_t *of_kind = json_object_get(object, kind_names[kind]);
        json_int_t rate = json_integer_value(json_object_get(of_kind, "sampling"));
        configured[kind] = json_is_object(of_kind);
        rates[kind] = rate > 0 ? (double)rate : NAN;
    }
    report_rules_read(rules, json_object_get(json_object_get(object, "openflow"), "rules"));
    rules->cut = find_cut(json_object_get(json_object_get(object, "ipfix-flow"), "domains"));
    json_decref(object);
    free(settings);
}

int report_choose_sources(struct report *report, struct reader *reader, const char *const names[],
                          size_t name_count, struct error *error) {
    int rc = reader_each_exporter(reader, report->session.id, take_exporter, report, error);
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < name_count; i++) {
        rc = add_source(report, names[i], error);
        if (rc != 0) {
            return rc;
        }
    }
    bool configured[KINDS];
    double rates[KINDS];
    find_configured(reader, report->session.id, configured, rates, &report->rules);
    for (size_t kind = 0; name_count == 0 && kind < KINDS; kind++) {
        if (configured[kind] || has_kind(report, (enum report_kind)kind)) {
            rc = add_source(report, kind_names[kind], error);
            if (rc != 0) {
                return rc;
            }
        }
    }
    for (size_t i = 0; i < report->source_count; i++) {
        report->sources[i].set_rate = rates[report->sources[i].kind];
    }
    return 0;
}
