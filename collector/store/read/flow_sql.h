/* The words and the bound values of a flow query. */
#pragma once

#include <stdio.h>

#include "collector/store/read/flow_query.h"

/* A bound value: a number, a text, or an address. */
struct flow_parameter {
    const char *text;
    int64_t number;
    uint8_t size, bytes[16]; /* size 0: not an address */
};

struct flow_sql {
    char *text; /* whole after flow_sql_write(), to be freed with flow_sql_free() */
    size_t text_size;
    FILE *out;
    struct flow_parameter *parameters;
    size_t count, capacity;
    bool failed; /* out of memory */
};

/* Writes 'query' as SQL; 'sql' points into 'query' afterwards.  Returns 0 or -ENOMEM. */
int flow_sql_write(struct flow_sql *sql, const struct read_flow_query *query);
void flow_sql_free(struct flow_sql *sql);

/* Used between the two files that write it. */
void flow_sql_number(struct flow_sql *sql, int64_t number);
void flow_sql_text(struct flow_sql *sql, const char *text);
void flow_sql_address(struct flow_sql *sql, const uint8_t *bytes, uint8_t size);

/* One of the three tables that rows come from: what each column is called there. */
struct flow_table {
    const char *from;
    const char *source;
    const char *layer;
    const char *first, *last;
    const char *packets, *bytes;         /* scaled */
    const char *raw_packets, *raw_bytes; /* as said */
    const char *agent;
    const char *columns[READ_COLUMN_COUNT];
};

/* Writes 'filter' as a condition on 'table'. */
void flow_sql_filter(struct flow_sql *sql, const struct read_filter *filter, const struct flow_table *table,
                     bool raw);

/* Writes what 'filter' demands of the flow alone as conditions on r.flow_id, " AND ..." each or nothing. They
 * follow from the filter; written on their own they let SQLite look for a few flows first, and for their rows
 * by index. */
void flow_sql_filter_flows(struct flow_sql *sql, const struct read_filter *filter);
