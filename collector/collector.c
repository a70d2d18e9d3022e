#include "collector/collector.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/internal.h"
#include "common/clock.h"

#define MAX_EXPORTERS      4096
#define MAX_TEMPLATES      65536
#define MAX_TEMPLATE_BYTES (32U << 20)
#define MAX_HELD_BYTES     (16U << 20)
#define MAX_HELD_NS        (660 * NS_PER_S)
#define MALFORMED_LOG_NS   (10 * NS_PER_S)

static void set_defaults(struct collector_settings *settings) {
    settings->max_exporters = settings->max_exporters != 0 ? settings->max_exporters : MAX_EXPORTERS;
    settings->max_templates = settings->max_templates != 0 ? settings->max_templates : MAX_TEMPLATES;
    settings->max_template_bytes =
        settings->max_template_bytes != 0 ? settings->max_template_bytes : MAX_TEMPLATE_BYTES;
    settings->max_held_bytes = settings->max_held_bytes != 0 ? settings->max_held_bytes : MAX_HELD_BYTES;
    settings->max_held_ns = settings->max_held_ns != 0 ? settings->max_held_ns : MAX_HELD_NS;
}

struct collector *collector_create(const struct collector_settings *settings, struct error *error) {
    enum dialect dialect = DIALECT_GENERIC;
    if (settings->dialect != NULL && !dialect_by_name(settings->dialect, &dialect)) {
        error_set(error, -EINVAL, "There is no dialect '%s': use generic or openvswitch", settings->dialect);
        return NULL;
    }
    struct collector *collector = calloc(1, sizeof *collector);
    if (collector == NULL) {
        error_set(error, -ENOMEM, "Can't start the collector: out of memory");
        return NULL;
    }
    collector->settings = *settings;
    set_defaults(&collector->settings);
    settings = &collector->settings;
    collector->has_dialect = settings->dialect != NULL;
    collector->user_dialect = dialect;
    collector->settings.dialect = NULL; /* the caller's text is not needed any more */
    collector->exporters = exporter_table_create(settings->max_exporters);
    collector->sessions = exporter_table_create(settings->max_exporters);
    collector->templates = template_cache_create(settings->max_templates, settings->max_template_bytes);
    collector->held = held_create(settings->max_held_bytes, settings->max_held_ns);
    collector->samples = sample_numbers_create();
    if (collector->exporters == NULL || collector->sessions == NULL || collector->templates == NULL ||
        collector->held == NULL || collector->samples == NULL) {
        collector_destroy(collector);
        error_set(error, -ENOMEM, "Can't start the collector: out of memory");
        return NULL;
    }
    return collector;
}

void collector_destroy(struct collector *collector) {
    if (collector == NULL) {
        return;
    }
    exporter_table_destroy(collector->exporters);
    exporter_table_destroy(collector->sessions);
    template_cache_destroy(collector->templates);
    held_destroy(collector->held);
    sample_numbers_destroy(collector->samples);
    free(collector->overrides);
    free(collector);
}

static void write_exporter(struct collector *collector, struct exporter *exporter) {
    *store_append(collector->settings.appender, ROW_EXPORTER)->exporter = exporter->row;
    exporter->row_changed = false;
}

/* What an options record said to one from another port of the address holds here, too. */
static void take_near_options(struct collector *collector, struct exporter *exporter) {
    struct exporter *near = NULL;
    for (int i = 0; i < COLLECTOR_NEAR_MAX; i++) {
        near = exporter_table_near(collector->exporters, &exporter->key, near);
        if (near == NULL) {
            return;
        }
        if (near->own_options) {
            memcpy(exporter->samplers, near->samplers, sizeof exporter->samplers);
            memcpy(exporter->by_interface, near->by_interface, sizeof exporter->by_interface);
            exporter->sampler_count = near->sampler_count;
            exporter->interface_count = near->interface_count;
            exporter->options_rate = near->options_rate;
            exporter->init_ms = near->init_ms;
            return;
        }
    }
}

static void start_exporter(struct collector *collector, struct exporter *exporter, int64_t now_ns) {
    struct exporter_row *row = &exporter->row;
    row->id = store_next_id(collector->settings.store);
    snprintf(row->protocol, sizeof row->protocol, "%s",
             collector_domain_of(collector, exporter) != NULL ? PROTOCOL_IPFIX_FLOW
                                                              : protocol_name(exporter->key.protocol));
    row->agent = exporter->key.agent;
    row->domain = exporter->key.domain;
    row->sampling_rate = STORE_NULL;
    row->first_ns = row->last_ns = now_ns;
    collector_settle_new(collector, exporter);
    take_near_options(collector, exporter);
    write_exporter(collector, exporter); /* before the rows that refer to it */
}

struct exporter *collector_exporter(struct collector *collector, const struct datagram *datagram,
                                    enum export_protocol protocol, const struct ip_address *agent,
                                    uint32_t domain) {
    struct exporter_key key = {
        .protocol = protocol,
        .agent = *agent,
        .domain = domain,
        .src = datagram->src,
        .dst = datagram->dst,
        .src_port = datagram->src_port,
        .dst_port = datagram->dst_port,
    };
    bool made;
    struct exporter *exporter = exporter_table_get(collector->exporters, &key, &made);
    if (exporter == NULL) {
        return NULL;
    }
    if (made) {
        start_exporter(collector, exporter, datagram->recv_ns);
    }
    if (datagram->recv_ns > exporter->row.last_ns) {
        exporter->row.last_ns = datagram->recv_ns;
    }
    exporter->counts_changed = true;
    return exporter;
}

void collector_follow(struct collector *collector, const struct datagram *datagram,
                      enum export_protocol protocol, const struct export_header *header,
                      collector_goes_on_fn *goes_on) {
    struct exporter_key key = {.protocol = protocol,
                               .agent = datagram->src,
                               .domain = header->domain,
                               .src = datagram->src,
                               .dst = datagram->dst,
                               .src_port = datagram->src_port,
                               .dst_port = datagram->dst_port};
    if (exporter_table_find(collector->exporters, &key) != NULL) {
        return;
    }
    struct exporter *exporter = NULL;
    for (int i = 0; i < COLLECTOR_NEAR_MAX; i++) {
        exporter = exporter_table_near(collector->exporters, &key, exporter);
        if (exporter == NULL) {
            return;
        }
        if (goes_on(exporter, header)) {
            exporter_table_move(collector->exporters, exporter, &key);
            return;
        }
    }
}

bool collector_accept(struct collector *collector, struct exporter *exporter, uint32_t sequence,
                      const uint8_t *bytes, size_t size) {
    bool is_new = exporter_accept(exporter, sequence, bytes, size);
    if (collector->counted == NULL) {
        collector->counted = exporter;
        exporter->counts.datagrams += is_new;
        exporter->counts.duplicated += !is_new;
        collector->outcome = is_new ? collector->outcome : OUTCOME_DUPLICATE;
    }
    exporter->counts.bytes += is_new ? size : 0;
    return is_new;
}

void collector_malformed(struct collector *collector, struct exporter *exporter,
                         const struct datagram *datagram, enum export_protocol protocol) {
    if (collector->malformed) {
        return;
    }
    collector->malformed = true;
    exporter = collector->counted != NULL ? collector->counted : exporter;
    if (exporter != NULL) {
        exporter->counts.malformed++;
    } else {
        collector->totals.malformed++;
    }
    uint64_t allowed = log_limiter_allow(&collector->malformed_log, MALFORMED_LOG_NS);
    if (allowed != 0) {
        char text[IP_TEXT_SIZE];
        ip_address_format(&datagram->src, text);
        log_warning("Malformed %s datagram of %zu bytes from %s port %u (%" PRIu64
                    " since the last such message): what is whole in it was taken",
                    protocol_name(protocol), datagram->size, text, datagram->src_port, allowed);
    }
}

/* The ports that exporters are pointed at by custom; in a capture, a datagram to one is taken for an export
 * even if its lengths disagree. */
static bool is_export_port(uint16_t port) {
    static const uint16_t ports[] = {2055, 2056, 4432, 4739, 6343, 9555, 9995, 9996};
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        if (ports[i] == port) {
            return true;
        }
    }
    return false;
}

static void decode(struct collector *collector, const struct datagram *datagram,
                   enum export_protocol protocol) {
    switch (protocol) {
    case EXPORT_NONE:
        break;
    case EXPORT_SFLOW5:
        collector_sflow5(collector, datagram);
        break;
    case EXPORT_NETFLOW1:
    case EXPORT_NETFLOW5:
    case EXPORT_NETFLOW7:
        collector_netflow5(collector, datagram, protocol);
        break;
    case EXPORT_NETFLOW9:
    case EXPORT_IPFIX:
        collector_ipfix(collector, datagram, protocol);
        break;
    }
}

bool collector_datagram(struct collector *collector, const struct datagram *datagram) {
    bool strict = collector->settings.strict && !is_export_port(datagram->dst_port);
    enum export_protocol protocol = protocol_recognise(datagram->bytes, datagram->size, strict);
    struct collector_totals *totals = &collector->totals;
    totals->datagrams++;
    totals->bytes += datagram->size;
    if (protocol == EXPORT_NONE) {
        totals->unrecognised++;
        totals->outcomes[OUTCOME_UNRECOGNISED]++;
        return false;
    }
    collector->counted = NULL;
    collector->malformed = false;
    collector->outcome = OUTCOME_EMPTY;
    decode(collector, datagram, protocol);
    totals->outcomes[collector->malformed ? OUTCOME_MALFORMED : collector->outcome]++;
    return true;
}

static const char *lost_unit(enum export_protocol protocol) {
    return protocol == EXPORT_SFLOW5 || protocol == EXPORT_NETFLOW9 ? "datagrams" : "records";
}

/* A late datagram can be noted by another domain than the gap that it fills: never less than none. */
static int64_t at_least_zero(int64_t count) {
    return count < 0 ? 0 : count;
}

/* What is lost by the rule that the exporter's numbers follow. */
static const struct sequence_counts *sequence_of(const struct exporter *exporter) {
    bool by_end = exporter->key.protocol == EXPORT_IPFIX && exporter->dialect.dialect == DIALECT_GENERIC &&
                  exporter->breaks > 2 * exporter->breaks_by_end;
    return by_end ? &exporter->counts.sequence_by_end : &exporter->counts.sequence[exporter->dialect.dialect];
}

static struct collector_exporter describe(const struct exporter *exporter) {
    const struct exporter_counts *counts = &exporter->counts;
    const struct sequence_counts *sequence = sequence_of(exporter);
    return (struct collector_exporter){
        .row = &exporter->row,
        .datagrams = counts->datagrams,
        .bytes = counts->bytes,
        .records = counts->records,
        .lost = at_least_zero(sequence->lost),
        .lost_unit = lost_unit(exporter->key.protocol),
        .reordered = sequence->reordered,
        .duplicated = (int64_t)counts->duplicated,
        .restarts = sequence->restarts,
        .unknown_templates = counts->unknown_templates,
        .held = counts->held,
        .malformed = counts->malformed,
        .lost_samples = counts->lost_samples,
        .lost_counters = counts->lost_counters,
        .dropped_samples = counts->dropped_samples,
        .unknown_records = counts->unknown_records,
        .blind_since_ns = exporter->blind_since_ns,
    };
}

static void write_health(struct collector *collector, struct exporter *exporter, int64_t now_ns) {
    struct collector_exporter seen = describe(exporter);
    struct exporter_health_row *row =
        &store_append(collector->settings.appender, ROW_EXPORTER_HEALTH)->exporter_health;
    row->exporter_id = exporter->row.id;
    row->at_ns = now_ns;
    row->datagrams = store_count(seen.datagrams);
    row->bytes = store_count(seen.bytes);
    row->records = store_count(seen.records);
    row->lost = seen.lost;
    snprintf(row->lost_unit, sizeof row->lost_unit, "%s", seen.lost_unit);
    row->reordered = seen.reordered;
    row->duplicated = seen.duplicated;
    row->restarts = seen.restarts;
    row->unknown_templates = store_count(seen.unknown_templates);
    row->held = store_count(seen.held);
    row->malformed = store_count(seen.malformed);
    row->unknown_records = store_count(seen.unknown_records);
    row->lost_samples = seen.lost_samples;
    row->lost_counters = seen.lost_counters;
    row->dropped_samples = seen.dropped_samples;
    exporter->counts_changed = false;
}

void collector_tick(struct collector *collector, int64_t now_ns) {
    held_expire(collector->held, now_ns);
    struct exporter *exporter = exporter_table_newest(collector->exporters);
    for (; exporter != NULL; exporter = exporter->older) {
        if (exporter->row_changed || exporter->counts_changed) {
            write_exporter(collector, exporter);
        }
        if (exporter->counts_changed) {
            write_health(collector, exporter, now_ns);
        }
    }
}

void collector_finish(struct collector *collector, int64_t now_ns) {
    collector_tick(collector, now_ns);
}

int collector_load_template(struct collector *collector, const struct template_row *row) {
    enum export_protocol protocol = protocol_by_name(row->protocol);
    if ((protocol != EXPORT_NETFLOW9 && protocol != EXPORT_IPFIX) || row->size > sizeof row->body) {
        return -EINVAL;
    }
    struct template_owner owner = exporter_owner(protocol, &row->agent, row->domain, row->transport);
    struct cursor body = cursor_over(row->body, row->size);
    struct template_update update;
    return template_cache_read(collector->templates, owner, protocol == EXPORT_IPFIX ? 10 : 9, row->options,
                               &body, &update);
}

void collector_each_exporter(struct collector *collector, collector_exporter_fn *each, void *context) {
    struct exporter *exporter = exporter_table_newest(collector->exporters);
    for (; exporter != NULL; exporter = exporter->older) {
        struct collector_exporter seen = describe(exporter);
        each(&seen, context);
    }
}

struct collector_totals collector_totals(const struct collector *collector) {
    struct collector_totals totals = collector->totals;
    totals.exporters = exporter_table_count(collector->exporters);
    totals.exporters_evicted = exporter_table_evicted(collector->exporters);
    totals.templates = template_cache_counts(collector->templates);
    totals.held = held_counts(collector->held);
    return totals;
}
