/* The collector: datagram in, rows out.
 *
 * Each datagram is recognised by its content, given to its exporter, checked for loss, decoded, and turned
 * into rows of the store.  One thread uses a collector; it does no I/O of its own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/decode/template.h"
#include "collector/exporter.h"
#include "collector/held.h"
#include "collector/override.h"
#include "collector/store/rows.h"
#include "collector/store/store.h"
#include "common/address.h"
#include "common/error.h"

/* The payload of a UDP datagram. */
struct datagram {
    const uint8_t *bytes;
    size_t size;
    int64_t recv_ns; /* when it was received, or captured */
    struct ip_address src, dst;
    uint16_t src_port, dst_port;
};

/* An observation domain of IPFIX of which the user knows more than the exporter says: records of single
 * rules, Open vSwitch's sample action.  In the database its protocol is "ipfix-flow". */
struct collector_domain {
    uint32_t domain;
    int64_t sampling_rate;
};

/* What is 0 or NULL takes its default. */
struct collector_settings {
    struct store *store;
    struct store_appender *appender;
    int64_t sampling_rate; /* the 1-in-N of exporters that say none; 0: unknown */
    const char *dialect;   /* "generic" or "openvswitch" for all exporters; NULL: recognise */
    bool strict;           /* the datagrams are of a capture, in which not all are exports */
    bool keep_unknown;     /* elements without a column go to 'extra' */
    const struct collector_domain *domains; /* kept by the caller */
    size_t domain_count;
    size_t max_exporters;      /* 4096 */
    size_t max_templates;      /* 65536 */
    size_t max_template_bytes; /* 32 MiB */
    size_t max_held_bytes;     /* 16 MiB: data that waits for its template */
    int64_t max_held_ns;       /* 11 minutes: Open vSwitch repeats its templates every ten */
};

struct collector;

/* Returns a collector, or NULL with 'error' filled when a setting is wrong or memory is out.  The store and
 * the appender stay the caller's and must outlive it. */
struct collector *collector_create(const struct collector_settings *settings, struct error *error);

/* Takes NULL.  Nothing is written: call collector_finish() first. */
void collector_destroy(struct collector *collector);

/* Takes in one datagram.  Whatever is wrong with it is counted.  Returns whether it is an export. */
bool collector_datagram(struct collector *collector, const struct datagram *datagram);

/* To be called about once a second with the time on the datagrams' clock: writes what changed about the
 * exporters and lets go of what has waited too long. */
void collector_tick(struct collector *collector, int64_t now_ns);

/* Writes the last of the exporters' state. */
void collector_finish(struct collector *collector, int64_t now_ns);

/* Takes the 'count' overrides at 'overrides', a copy of them, in place of those before, and 'sampling_rate'
 * in place of the setting; also for the exporters that are known.  What was recognised of a dialect is not
 * taken back.  Returns 0 or -ENOMEM, and then all is as before. */
int collector_set_overrides(struct collector *collector, const struct collector_override *overrides,
                            size_t count, int64_t sampling_rate);

/* Takes in a template that the database kept, as it was written in 'row'.  Returns 0 or a negative errno. */
int collector_load_template(struct collector *collector, const struct template_row *row);

/* An exporter and what is counted of it. */
struct collector_exporter {
    const struct exporter_row *row;
    uint64_t datagrams, bytes, records;
    int64_t lost; /* in lost_unit */
    const char *lost_unit;
    int64_t reordered, duplicated, restarts;
    uint64_t unknown_templates, held, malformed, unknown_records;
    int64_t lost_samples,
        lost_counters;       /* sFlow samples missing by their own numbers, of flows and of counters */
    int64_t dropped_samples; /* of these, those missing though no datagram is: the agent dropped them */
    int64_t blind_since_ns;  /* no template for its data since then; 0: not so */
};

typedef void collector_exporter_fn(const struct collector_exporter *exporter, void *context);

/* Calls 'each' for every exporter, the one that spoke last first. */
void collector_each_exporter(struct collector *collector, collector_exporter_fn *each, void *context);

/* What became of a datagram, one of these each. */
enum collector_outcome {
    OUTCOME_RECORDS,   /* records or samples were taken */
    OUTCOME_TEMPLATES, /* templates or options, and no records */
    OUTCOME_WAITING,   /* nothing, until the template of its data comes */
    OUTCOME_EMPTY,     /* nothing was in it, or nothing that is known */
    OUTCOME_DUPLICATE,
    OUTCOME_MALFORMED, /* what was whole in it was taken */
    OUTCOME_UNRECOGNISED,
    OUTCOME_COUNT,
};

struct collector_totals {
    uint64_t datagrams, bytes;
    uint64_t outcomes[OUTCOME_COUNT]; /* their sum is 'datagrams' */
    uint64_t unrecognised;            /* no export protocol's */
    uint64_t malformed;               /* of a known protocol, but too broken to say whose they are */
    size_t exporters;
    uint64_t exporters_evicted;
    struct template_counts templates;
    struct held_counts held;
};

struct collector_totals collector_totals(const struct collector *collector);
