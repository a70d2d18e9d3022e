/* Flow records, sampled packets and truth as one table, filtered, scaled and grouped by the store.
 *
 * Everything that the user gave travels as a bound parameter; the words of the query are all nsmon's own. */
#pragma once

#include "collector/store/read/reader.h"

/* ---- the filter: a tree of terms ---- */

enum read_term_kind {
    READ_TERM_NET,       /* addresses low_address to high_address of 'family' */
    READ_TERM_EXPORTER,  /* the exporter's agent address, likewise */
    READ_TERM_PORT,      /* TCP, UDP and SCTP only */
    READ_TERM_ICMP_TYPE, /* ICMP and ICMPv6 only */
    READ_TERM_PROTOCOL,  /* of IP; with a 'family' only over that one */
    READ_TERM_ETHERTYPE,
    READ_TERM_AS,
    READ_TERM_INTERFACE, /* READ_SRC: where it came in, READ_DST: where it went out */
    READ_TERM_VLAN,
    READ_TERM_TOS,
    READ_TERM_FLAGS,   /* all bits of 'low' are set in the TCP flags */
    READ_TERM_PACKETS, /* as shown: scaled unless the query is raw */
    READ_TERM_BYTES,   /* likewise */
};

enum read_side { READ_EITHER, READ_SRC, READ_DST, READ_BOTH };

/* A term is true if what it looks at lies between 'low' and 'high', both included; what a row does not say is
 * in no range. */
struct read_term {
    enum read_term_kind kind;
    enum read_side side;
    uint8_t family; /* 4 or 6; 0 where either will do */
    uint8_t low_address[16], high_address[16];
    int64_t low, high;
};

enum read_node_kind { READ_NODE_TERM, READ_NODE_AND, READ_NODE_OR, READ_NODE_NOT };

struct read_node {
    enum read_node_kind kind;
    uint16_t left, right; /* places in 'nodes'; NOT has a left only */
    uint16_t depth;       /* of the parentheses in SQL: at most READ_FILTER_DEPTH_MAX */
    struct read_term term;
};

#define READ_FILTER_NODES_MAX 512
#define READ_FILTER_DEPTH_MAX 20 /* SQLite's parser has a stack of 100 */

struct read_filter {
    size_t count; /* 0: every row */
    uint16_t root;
    struct read_node nodes[READ_FILTER_NODES_MAX];
};

/* ---- what to show of a row ---- */

/* X(name in enum, name for people) */
#define READ_COLUMNS(X)                                                                                      \
    X(SESSION, "session")                                                                                    \
    X(EXPORTER, "exporter")                                                                                  \
    X(PROTO, "proto")                                                                                        \
    X(SRCIP, "srcip")                                                                                        \
    X(SRCPORT, "srcport")                                                                                    \
    X(DSTIP, "dstip")                                                                                        \
    X(DSTPORT, "dstport")                                                                                    \
    X(ICMP, "icmp") /* type * 256 + code */                                                                  \
    X(SRCNET, "srcnet")                                                                                      \
    X(DSTNET, "dstnet")                                                                                      \
    X(SRCAS, "srcas")                                                                                        \
    X(DSTAS, "dstas")                                                                                        \
    X(INIF, "inif")                                                                                          \
    X(OUTIF, "outif")                                                                                        \
    X(SRCMAC, "srcmac")                                                                                      \
    X(DSTMAC, "dstmac")                                                                                      \
    X(VLAN, "vlan")                                                                                          \
    X(TOS, "tos")                                                                                            \
    X(TTL, "ttl")                                                                                            \
    X(FLAGS, "flags") /* of TCP */                                                                           \
    X(NEXTHOP, "nexthop")                                                                                    \
    X(DIRECTION, "direction") /* 0 ingress, 1 egress */                                                      \
    X(RATE, "rate")           /* 1-in-this; NULL: none said */

enum read_column {
#define READ_COLUMN_ENUM(name, text) READ_COLUMN_##name,
    READ_COLUMNS(READ_COLUMN_ENUM)
#undef READ_COLUMN_ENUM
        READ_COLUMN_COUNT,
};

struct read_key {
    enum read_column column;
    uint8_t bits4, bits6; /* of SRCNET and DSTNET: prefix lengths */
};

#define READ_KEYS_MAX 24

enum read_value_kind { READ_VALUE_NULL, READ_VALUE_NUMBER, READ_VALUE_TEXT, READ_VALUE_BYTES };

struct read_value {
    enum read_value_kind kind;
    int64_t number;
    char text[16];
    uint8_t size, bytes[16]; /* an address of 4, 6 (MAC) or 16 bytes */
};

/* ---- the query ---- */

enum read_direction {
    READ_DIRECTION_ONCE,    /* each packet once: no egress records of Open vSwitch's IPFIX, which exports a
                             * packet at ingress and again at egress; of the truth, what the session's rule
                             * counts */
    READ_DIRECTION_INGRESS, /* all but what is said to be egress; of the truth, out of a station */
    READ_DIRECTION_EGRESS,  /* what is said to be egress; of the truth, into a station */
    READ_DIRECTION_ALL,
};

enum read_sort { READ_SORT_TIME, READ_SORT_BYTES, READ_SORT_PACKETS, READ_SORT_FLOWS };

/* Whose rows: protocols as in struct read_exporter, or "truth". */
struct read_flow_source {
    char protocol[16]; /* a GLOB pattern, "netflow*" */
    bool truth, samples, records;
    struct ip_address agent; /* family 0: any */
};

#define READ_FLOW_SOURCES_MAX 16

struct read_flow_query {
    int64_t session_id; /* READ_NULL: all sessions */
    struct read_flow_source sources[READ_FLOW_SOURCES_MAX];
    size_t source_count;    /* 0: all exporters, without the truth */
    int64_t from_ns, to_ns; /* a row belongs where it ends: from_ns <= end < to_ns; READ_NULL: open */
    enum read_direction direction;
    bool raw;     /* counts as they were said, not multiplied by the sampling rate */
    bool grouped; /* rows of one source with equal keys become one */
    struct read_key keys[READ_KEYS_MAX];
    size_t key_count;
    enum read_sort sort; /* largest first, or earliest first */
    int64_t limit;       /* rows at most; negative: all */
    const struct read_filter *filter;
};

/* A row, or a group of rows of one source. */
struct read_flow {
    char source[16]; /* the exporter's protocol, or truth */
    char layer[8];   /* of 'bytes': l2, l2fcs, l3, or mixed */
    int64_t flows;   /* rows in the group */
    int64_t packets; /* READ_NULL: none of the rows said it; sums stop at INT64_MAX */
    int64_t bytes;   /* likewise */
    int64_t first_ns, last_ns;
    struct read_value keys[READ_KEYS_MAX]; /* as the query's */
};

typedef int read_flow_fn(const struct read_flow *flow, void *context);

/* Calls 'fn' with each row or group that 'query' finds, in its order, and stops at the first result that is
 * not 0, which it returns.  Returns -EIO or -ENOMEM with 'error' filled when it can't be read.  Sorting is
 * SQLite's, which spills to a temporary file: memory is bounded. */
int reader_each_flow(struct reader *reader, const struct read_flow_query *query, read_flow_fn *fn,
                     void *context, struct error *error);
