/* Flow records for people: what the store finds, as text, JSON or CSV. */
#pragma once

#include <stdio.h>

#include "collector/store/read/flow_query.h"

enum flows_format { FLOWS_TEXT, FLOWS_JSON, FLOWS_CSV };

struct flows_request {
    struct read_flow_query query; /* without keys: rows one by one; else grouped by them */
    const char *filter_text;      /* as the user wrote it; "" for none */
    struct read_session session;  /* id READ_NULL: all of them */
    enum flows_format format;
};

/* ---- arguments; each returns 0, or -EINVAL with 'error' filled ---- */

/* Appends the keys that 'text' lists to 'query': "srcip,dstport", "srcnet/24", "srcnet/24/48" (bits of IPv4
 * and of IPv6), "flow" for proto, addresses and ports. */
int flows_parse_keys(const char *text, struct read_flow_query *query, struct error *error);

/* Appends the source 'text': sflow, netflow, ipfix, truth, a protocol such as netflow9, or one of them with
 * its agent, "sflow@10.0.0.1". */
int flows_parse_source(const char *text, struct read_flow_query *query, struct error *error);

/* Reads a moment for 'option' ("--from"): "2026-11-22", "2026-11-22T10:33", "2026-11-22 10:33:16.5", local
 * time unless "Z" or "+01:00" follows; "now"; "-10m" before 'now_ns', in s, m, h or d. */
int flows_parse_time(const char *option, const char *text, int64_t now_ns, int64_t *time_ns,
                     struct error *error);

/* ---- */

/* Sums of one source.  Packets and bytes stop at INT64_MAX. */
struct flows_total {
    char source[16];
    char layer[8];
    int64_t flows, packets, bytes;
    int64_t first_ns, last_ns;
};

/* A source is a protocol of an exporter, or the truth: there are not more. */
#define FLOWS_TOTALS_MAX 16

struct flows_totals {
    struct flows_total of[FLOWS_TOTALS_MAX];
    size_t count;
    int64_t shown, found; /* rows or groups */
};

/* Reads what 'request' asks for and writes it to 'out'; 'totals' is over all that was found, shown or not.
 * Returns 0, or a negative errno with 'error' filled. */
int flows_write(struct reader *reader, const struct flows_request *request, FILE *out,
                struct flows_totals *totals, struct error *error);
