/* The exporters that a collector hears: who they are, what came from each and what got lost on the way.
 *
 * The table is bounded; beyond its size the exporter that was silent for longest is forgotten, and counted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/decode/template.h"
#include "collector/dialect.h"
#include "collector/protocol.h"
#include "collector/sequence.h"
#include "collector/store/rows.h"
#include "common/address.h"

/* One exporter: a protocol, an agent, a domain or sub-agent, a transport. */
struct exporter_key {
    enum export_protocol protocol;
    struct ip_address agent;
    uint32_t domain;
    struct ip_address src, dst;
    uint16_t src_port, dst_port;
};

struct exporter_counts {
    uint64_t datagrams, bytes, records;
    uint64_t duplicated;
    uint64_t unknown_templates; /* data sets without their template */
    uint64_t held;              /* of these, decoded when it came */
    uint64_t malformed;         /* datagrams that were not whole */
    uint64_t unknown_records;
    int64_t lost_samples;                           /* sFlow flow samples, by their own numbers */
    int64_t lost_counters;                          /* sFlow counter samples, likewise */
    int64_t dropped_samples;                        /* of both, those missing though no datagram was */
    struct sequence_counts sequence[DIALECT_COUNT]; /* by each dialect's rule */
    struct sequence_counts sequence_by_end;
};

bool exporter_key_equal(const struct exporter_key *a, const struct exporter_key *b);

#define EXPORTER_RECENT     32
#define EXPORTER_SAMPLERS   32
#define EXPORTER_INTERFACES 64

/* The sampling rate of one sampler or interface. */
struct exporter_rate {
    uint64_t id;
    uint64_t rate;
};

struct exporter {
    struct exporter_key key;
    struct template_owner owner; /* of its templates: the same in every run */
    struct exporter_row row;     /* as it goes to the store */
    int64_t configured_rate;     /* 0: none */
    bool row_changed;
    bool counts_changed;
    bool rate_override; /* 'configured_rate' stands above what the exporter says */
    bool has_uptime;
    bool has_sequence;
    bool own_options; /* it sent them itself */
    struct exporter_counts counts;
    struct dialect_state dialect;
    uint32_t uptime_ms;
    int64_t newest_export_ns; /* the latest moment at which a message says that it was sent */
    struct sequence sequence[DIALECT_COUNT];
    /* IPFIX whose messages are numbered by their end, options not counted, as softflowd does it: how often
     * the numbers break this rule, and how often the standard's. */
    struct sequence sequence_by_end;
    uint32_t breaks_by_end, breaks;
    struct {
        uint32_t sequence;
        uint64_t hash;
    } recent[EXPORTER_RECENT]; /* datagrams, to know a duplicate by */
    uint32_t recent_at;
    uint32_t last_sequence;
    int64_t boot_ns; /* when it came up by its own clock; INT64_MIN: not said */
    int64_t init_ms; /* the same, as an IPFIX options record says it; 0: not said */
    struct exporter_rate samplers[EXPORTER_SAMPLERS];     /* said by options records */
    struct exporter_rate by_interface[EXPORTER_SAMPLERS]; /* said of one interface */
    uint32_t sampler_count, interface_count;
    uint64_t options_rate;                    /* said of all */
    uint64_t interfaces[EXPORTER_INTERFACES]; /* hashes of the interface rows that were written last */
    int64_t blind_since_ns;                   /* data without template since then; 0: not so */
    struct exporter *newer, *older;           /* by last datagram */
    struct exporter *next, **link;            /* in the bucket */
    struct exporter *near_next, **near_link;  /* in the bucket of its address */
    uint64_t hash;
};

struct exporter_table;

/* A table of at most 'max' exporters, or NULL when memory is out. */
struct exporter_table *exporter_table_create(size_t max);

/* Takes NULL. */
void exporter_table_destroy(struct exporter_table *table);

/* The exporter of 'key', now the newest; one that was not there is made, with '*made' set and all but key and
 * owner zero.  NULL when memory is out. */
struct exporter *exporter_table_get(struct exporter_table *table, const struct exporter_key *key, bool *made);

/* Gives 'exporter' the key 'key', of another source port: it is the same exporter still, and the owner of its
 * templates. */
void exporter_table_move(struct exporter_table *table, struct exporter *exporter,
                         const struct exporter_key *key);

/* The exporter of 'key', not made when it is not there. */
struct exporter *exporter_table_find(struct exporter_table *table, const struct exporter_key *key);

/* The next exporter of the table after 'exporter' (NULL: the first) that differs from 'key' in nothing but
 * the source port, or NULL. */
struct exporter *exporter_table_near(struct exporter_table *table, const struct exporter_key *key,
                                     const struct exporter *exporter);

/* The exporter that spoke last; the others follow by 'older'. */
struct exporter *exporter_table_newest(struct exporter_table *table);

size_t exporter_table_count(const struct exporter_table *table);

/* How many were forgotten for want of room. */
uint64_t exporter_table_evicted(const struct exporter_table *table);

/* The owner of the templates of an exporter, out of what the database keeps of it. */
struct template_owner exporter_owner(enum export_protocol protocol, const struct ip_address *agent,
                                     int64_t domain, const char *transport);

/* Writes "udp/SOURCE:PORT>DESTINATION:PORT" of 'key'. */
void exporter_transport(const struct exporter_key *key, char text[STORE_TRANSPORT_SIZE]);

/* Remembers the message of 'size' bytes at 'bytes', of header sequence number 'sequence'.  False if it is
 * byte for byte one of the last that 'exporter' sent: then nothing more is to be done. */
bool exporter_accept(struct exporter *exporter, uint32_t sequence, const uint8_t *bytes, size_t size);

/* Takes note of the uptime in a datagram's header.  True if it went back by more than a second, so that the
 * exporter must have begun anew.  It may wrap after 49.7 days. */
bool exporter_uptime_back(struct exporter *exporter, uint32_t uptime_ms);

/* Takes what an options record says: the rate of a sampler, of an interface if that is its scope, or of all;
 * and when the exporter came up. */
void exporter_take_options(struct exporter *exporter, const struct flow_record *record);

/* The rate that options records gave the sampler, or else the interface, of 'record'; or, without either, all
 * records or the exporter's only sampler; 0 if unknown. */
uint64_t exporter_options_rate(const struct exporter *exporter, const struct flow_record *record);

/* True if an interface row with this 'hash' for interface 'index' was not written yet; then it is taken as
 * written. */
bool exporter_interface_is_new(struct exporter *exporter, uint64_t index, uint64_t hash);
