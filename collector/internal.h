/* What the collector's own files share. */
#pragma once

#include "collector/collector.h"
#include "collector/decode/template.h"
#include "common/log.h"

#define COLLECTOR_EXTRA_SIZE 8192 /* the longest 'extra' of a row */

struct collector {
    struct collector_settings settings;
    bool has_dialect;
    enum dialect user_dialect;
    struct exporter_table *exporters;
    struct exporter_table
        *sessions; /* an IPFIX transport session each: Open vSwitch's sequence is of the session */
    struct template_cache *templates;
    struct held_sets *held;
    struct collector_totals totals;
    struct log_limiter malformed_log;
    struct collector_override *overrides;
    size_t override_count;
    char extra[COLLECTOR_EXTRA_SIZE];
};

/* The exporter of 'domain' and 'agent' that sent 'datagram', made if need be; NULL when memory is out. */
struct exporter *collector_exporter(struct collector *collector, const struct datagram *datagram,
                                    enum export_protocol protocol, const struct ip_address *agent,
                                    uint32_t domain);

/* Counts 'count' broken things in 'datagram' of 'exporter' (NULL: unknown) and logs one line, not too often.
 */
void collector_malformed(struct collector *collector, struct exporter *exporter,
                         const struct datagram *datagram, enum export_protocol protocol, uint64_t count);

/* To be called when an exporter's dialect was settled: takes what follows from it into its row, and tells the
 * other exporters of the address. */
void collector_dialect_settled(struct collector *collector, struct exporter *exporter);

/* The protocols. */
void collector_sflow5(struct collector *collector, const struct datagram *datagram);
void collector_netflow5(struct collector *collector, const struct datagram *datagram,
                        enum export_protocol protocol);
void collector_ipfix(struct collector *collector, const struct datagram *datagram,
                     enum export_protocol protocol);
