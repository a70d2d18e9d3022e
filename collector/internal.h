/* What the collector's own files share. */
#pragma once

#include "collector/collector.h"
#include "collector/decode/template.h"
#include "collector/sample_sequence.h"
#include "common/log.h"

#define COLLECTOR_EXTRA_SIZE 8192 /* the longest 'extra' of a row */
#define COLLECTOR_NEAR_MAX   64   /* exporters at one address that are looked at */

struct collector {
    struct collector_settings settings;
    bool has_dialect;
    enum dialect user_dialect;
    struct exporter_table *exporters;
    struct exporter_table
        *sessions; /* an IPFIX transport session each: Open vSwitch's sequence is of the session */
    struct template_cache *templates;
    struct held_sets *held;
    struct sample_numbers *samples;
    bool saw_openvswitch;           /* some exporter is one */
    struct exporter *counted;       /* where the datagram at hand was counted, or NULL */
    bool malformed;                 /* ... and that it is malformed, too */
    enum collector_outcome outcome; /* the best so far */
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

/* True if 'exporter' would send a message of 'header' next. */
typedef bool collector_goes_on_fn(const struct exporter *exporter, const struct export_header *header);

/* Some exporters send from changing source ports: if 'datagram' comes from a new one and 'goes_on' says of an
 * exporter that is known at its address that the message goes on from there, gives that exporter the port. */
void collector_follow(struct collector *collector, const struct datagram *datagram,
                      enum export_protocol protocol, const struct export_header *header,
                      collector_goes_on_fn *goes_on);

/* Counts the message of 'size' bytes at 'bytes', of header sequence number 'sequence', as 'exporter's; the
 * datagram at hand is counted once, whatever it holds.  False if the message was there before. */
bool collector_accept(struct collector *collector, struct exporter *exporter, uint32_t sequence,
                      const uint8_t *bytes, size_t size);

/* Counts 'datagram', once, as malformed: at 'exporter', or where else it was counted, and logs one line, not
 * too often. */
void collector_malformed(struct collector *collector, struct exporter *exporter,
                         const struct datagram *datagram, enum export_protocol protocol);

/* Something of the datagram at hand was taken: the better outcome stands. */
static inline void collector_outcome(struct collector *collector, enum collector_outcome outcome) {
    collector->outcome = outcome < collector->outcome ? outcome : collector->outcome;
}

/* Writes the row of a flow record, and the one of its other direction. */
void collector_flow_record(struct collector *collector, struct exporter *exporter,
                           const struct flow_record *record, int64_t recv_ns);

/* Writes rows for the interfaces that 'record' names. */
void collector_interface_names(struct collector *collector, struct exporter *exporter,
                               const struct flow_record *record);

/* What the settings say of the domain of 'exporter', or NULL. */
const struct collector_domain *collector_domain_of(const struct collector *collector,
                                                   const struct exporter *exporter);

/* Gives a new exporter its rate and dialect: the user's, or what its neighbours let expect. */
void collector_settle_new(struct collector *collector, struct exporter *exporter);

/* To be called when an exporter's dialect was settled: takes what follows from it into its row, and tells the
 * other exporters of the address. */
void collector_dialect_settled(struct collector *collector, struct exporter *exporter);

/* The protocols. */
void collector_sflow5(struct collector *collector, const struct datagram *datagram);
void collector_netflow5(struct collector *collector, const struct datagram *datagram,
                        enum export_protocol protocol);
void collector_ipfix(struct collector *collector, const struct datagram *datagram,
                     enum export_protocol protocol);
