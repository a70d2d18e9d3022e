/* What an exporter is taken for: its dialect and its rate, by what the user says of it, its neighbours let
 * expect and its own numbers tell. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/internal.h"

#define NEIGHBOURS_MAX 256 /* exporters that are told of a neighbour's dialect */

/* What follows from the dialect: byte layer, scaling, where the rate comes from. */
static void apply_dialect(struct exporter *exporter) {
    struct exporter_row *row = &exporter->row;
    bool openvswitch = exporter->dialect.dialect == DIALECT_OPENVSWITCH;
    snprintf(row->dialect, sizeof row->dialect, "%s", dialect_name(exporter->dialect.dialect));
    memcpy(row->dialect_evidence, exporter->dialect.evidence, sizeof row->dialect_evidence);
    row->dialect_override = exporter->dialect.override;
    exporter->row_changed = true;
    if (exporter->key.protocol == EXPORT_SFLOW5) {
        row->byte_layer = LAYER_L2; /* frame_length less stripped */
        return;
    }
    int64_t configured = exporter->configured_rate;
    bool unsampled = openvswitch && exporter->key.protocol == EXPORT_NETFLOW5;
    row->byte_layer = openvswitch ? LAYER_L2 : LAYER_L3;
    row->scaled = openvswitch && exporter->key.protocol == EXPORT_IPFIX;
    row->sampling_rate = unsampled ? 1 : configured != 0 ? configured : STORE_NULL;
    row->rate_source = unsampled || configured == 0 ? RATE_NONE : RATE_CONFIG;
}

static bool same_session(const struct exporter *a, const struct exporter *b) {
    struct exporter_key key = a->key;
    key.domain = b->key.domain;
    return exporter_key_equal(&key, &b->key);
}

/* Tells 'exporter' that 'other', an Open vSwitch, is near.  True if that is news. */
static bool tell_neighbour(struct exporter *exporter, const struct exporter *other) {
    if (exporter->key.protocol == EXPORT_IPFIX) {
        return same_session(exporter, other) && dialect_see_session(&exporter->dialect);
    }
    return exporter->key.protocol == EXPORT_NETFLOW5 && other->key.protocol != EXPORT_NETFLOW5 &&
           ip_address_equal(&exporter->key.src, &other->key.src) &&
           dialect_see_neighbour(&exporter->dialect, other->row.protocol);
}

/* Its neighbours are to be told of it, those that come later, too. */
static void note_openvswitch(struct collector *collector, const struct exporter *exporter) {
    collector->saw_openvswitch =
        collector->saw_openvswitch || exporter->dialect.dialect == DIALECT_OPENVSWITCH;
}

void collector_dialect_settled(struct collector *collector, struct exporter *exporter) {
    apply_dialect(exporter);
    if (exporter->dialect.dialect != DIALECT_OPENVSWITCH) {
        return;
    }
    note_openvswitch(collector, exporter);
    if (exporter->dialect.override) {
        return;
    }
    struct exporter *other = exporter_table_newest(collector->exporters);
    for (int i = 0; other != NULL && i < NEIGHBOURS_MAX; i++, other = other->older) {
        if (tell_neighbour(other, exporter)) {
            apply_dialect(other);
        }
    }
}

/* What the user said of 'exporter', by where it sends from or else by its agent address. */
static const struct collector_override *said_of(const struct collector *collector,
                                                const struct exporter *exporter, bool dialect) {
    const struct collector_override *said =
        override_find(collector->overrides, collector->override_count, &exporter->key.src, dialect);
    return said != NULL ? said
                        : override_find(collector->overrides, collector->override_count, &exporter->key.agent,
                                        dialect);
}

const struct collector_domain *collector_domain_of(const struct collector *collector,
                                                   const struct exporter *exporter) {
    const struct collector_settings *settings = &collector->settings;
    for (size_t i = 0; exporter->key.protocol == EXPORT_IPFIX && i < settings->domain_count; i++) {
        if (settings->domains[i].domain == exporter->key.domain) {
            return &settings->domains[i];
        }
    }
    return NULL;
}

static void configure_rate(const struct collector *collector, struct exporter *exporter) {
    const struct collector_override *said = said_of(collector, exporter, false);
    const struct collector_domain *domain = collector_domain_of(collector, exporter);
    exporter->rate_override = said != NULL;
    exporter->configured_rate = said != NULL     ? said->sampling_rate
                                : domain != NULL ? domain->sampling_rate
                                                 : collector->settings.sampling_rate;
}

/* The dialect that the user wants 'exporter' to have.  NetFlow v1, v7 and v9 have but one: Open vSwitch
 * speaks none of these. */
static bool wanted_dialect(const struct collector *collector, const struct exporter *exporter,
                           enum dialect *dialect) {
    enum export_protocol protocol = exporter->key.protocol;
    if (protocol == EXPORT_NETFLOW1 || protocol == EXPORT_NETFLOW7 || protocol == EXPORT_NETFLOW9) {
        return false;
    }
    const struct collector_override *said = said_of(collector, exporter, true);
    *dialect = said != NULL ? said->dialect : collector->user_dialect;
    return said != NULL || collector->has_dialect;
}

/* A new exporter's dialect: the user's, or what its neighbours let expect. */
static void guess_dialect(struct collector *collector, struct exporter *exporter) {
    enum export_protocol protocol = exporter->key.protocol;
    enum dialect wanted;
    if (protocol == EXPORT_NETFLOW1 || protocol == EXPORT_NETFLOW7 || protocol == EXPORT_NETFLOW9) {
        exporter->dialect.settled = true;
    } else if (wanted_dialect(collector, exporter, &wanted)) {
        dialect_set(&exporter->dialect, wanted);
    }
    struct exporter *other = collector->saw_openvswitch ? exporter->older : NULL;
    for (int i = 0; other != NULL && i < NEIGHBOURS_MAX; i++, other = other->older) {
        if (other->dialect.dialect == DIALECT_OPENVSWITCH) {
            tell_neighbour(exporter, other);
        }
    }
    apply_dialect(exporter);
}

void collector_settle_new(struct collector *collector, struct exporter *exporter) {
    configure_rate(collector, exporter);
    guess_dialect(collector, exporter);
    note_openvswitch(collector, exporter);
}

int collector_set_overrides(struct collector *collector, const struct collector_override *overrides,
                            size_t count, int64_t sampling_rate) {
    struct collector_override *copy = NULL;
    if (count != 0) {
        copy = calloc(count, sizeof *copy);
        if (copy == NULL) {
            return -ENOMEM;
        }
        memcpy(copy, overrides, count * sizeof *copy);
    }
    free(collector->overrides);
    collector->overrides = copy;
    collector->override_count = count;
    collector->settings.sampling_rate = sampling_rate;
    struct exporter *exporter = exporter_table_newest(collector->exporters);
    for (; exporter != NULL; exporter = exporter->older) {
        enum dialect wanted;
        int64_t rate = exporter->configured_rate;
        configure_rate(collector, exporter);
        bool set = wanted_dialect(collector, exporter, &wanted) &&
                   (!exporter->dialect.override || exporter->dialect.dialect != wanted);
        if (set) {
            dialect_set(&exporter->dialect, wanted);
        }
        if (set || rate != exporter->configured_rate) {
            apply_dialect(exporter);
            note_openvswitch(collector, exporter);
        }
    }
    return 0;
}
