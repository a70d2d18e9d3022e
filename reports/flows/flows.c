#include "reports/flows/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reports/flows/render.h"

/* What a list has of each row: in text what fits a line, in JSON and CSV all. */
static const enum read_column listed[] = {
    READ_COLUMN_PROTO,   READ_COLUMN_SRCIP,  READ_COLUMN_SRCPORT,  READ_COLUMN_DSTIP,     READ_COLUMN_DSTPORT,
    READ_COLUMN_ICMP,    READ_COLUMN_FLAGS,  READ_COLUMN_EXPORTER, READ_COLUMN_INIF,      READ_COLUMN_OUTIF,
    READ_COLUMN_SRCMAC,  READ_COLUMN_DSTMAC, READ_COLUMN_VLAN,     READ_COLUMN_TOS,       READ_COLUMN_TTL,
    READ_COLUMN_SRCAS,   READ_COLUMN_DSTAS,  READ_COLUMN_NEXTHOP,  READ_COLUMN_DIRECTION, READ_COLUMN_RATE,
    READ_COLUMN_SESSION,
};
#define LISTED_IN_TEXT 7

struct writing {
    const struct flows_renderer *renderer;
    void *state;
    struct flows_totals *totals;
    int64_t limit;     /* rows to show, negative for all */
    bool totals_known; /* they were read before */
};

static int64_t add_count(int64_t sum, int64_t more) {
    int64_t result;
    if (sum == READ_NULL || more == READ_NULL) {
        return sum == READ_NULL ? more : sum;
    }
    return __builtin_add_overflow(sum, more, &result) ? INT64_MAX : result;
}

static void add_total(struct flows_totals *totals, const struct read_flow *flow) {
    size_t i = 0;
    while (i < totals->count && strcmp(totals->of[i].source, flow->source) != 0) {
        i++;
    }
    if (i == FLOWS_TOTALS_MAX) {
        return;
    }
    struct flows_total *total = &totals->of[i];
    if (i == totals->count) {
        totals->count++;
        *total = (struct flows_total){
            .packets = READ_NULL, .bytes = READ_NULL, .first_ns = flow->first_ns, .last_ns = flow->last_ns};
        memcpy(total->source, flow->source, sizeof total->source);
        memcpy(total->layer, flow->layer, sizeof total->layer);
    }
    if (strcmp(total->layer, flow->layer) != 0) {
        memcpy(total->layer, "mixed", sizeof "mixed");
    }
    total->flows = add_count(total->flows, flow->flows);
    total->packets = add_count(total->packets, flow->packets);
    total->bytes = add_count(total->bytes, flow->bytes);
    total->first_ns = flow->first_ns < total->first_ns ? flow->first_ns : total->first_ns;
    total->last_ns = flow->last_ns > total->last_ns ? flow->last_ns : total->last_ns;
}

static int take_total(const struct read_flow *flow, void *context) {
    struct flows_totals *totals = context;
    add_total(totals, flow);
    totals->found = add_count(totals->found, flow->flows);
    return 0;
}

static int take_row(const struct read_flow *flow, void *context) {
    struct writing *writing = context;
    if (!writing->totals_known) {
        add_total(writing->totals, flow);
        writing->totals->found++;
    }
    if (writing->limit >= 0 && writing->totals->shown >= writing->limit) {
        return 0;
    }
    writing->totals->shown++;
    return writing->renderer->row(writing->state, flow);
}

/* Of a list with a limit SQLite sorts the first rows only, and the totals are read on their own; groups are
 * all read anyway, and summed up on the way. */
static int read_rows(struct reader *reader, const struct flows_request *request, struct writing *writing,
                     struct error *error) {
    struct read_flow_query query = request->query;
    writing->limit = query.limit;
    if (query.grouped) {
        query.limit = -1;
    } else if (query.limit >= 0) {
        query.key_count = 0;
        query.grouped = true;
        query.limit = -1;
        int rc = reader_each_flow(reader, &query, take_total, writing->totals, error);
        if (rc != 0) {
            return rc;
        }
        writing->totals_known = true;
        query = request->query;
    }
    return reader_each_flow(reader, &query, take_row, writing, error);
}

int flows_write(struct reader *reader, const struct flows_request *request, FILE *out,
                struct flows_totals *totals, struct error *error) {
    static const struct flows_renderer *const renderers[] = {[FLOWS_TEXT] = &flows_text_renderer,
                                                             [FLOWS_JSON] = &flows_json_renderer,
                                                             [FLOWS_CSV] = &flows_csv_renderer};
    struct flows_request whole = *request;
    memset(totals, 0, sizeof *totals);
    if (!whole.query.grouped) {
        size_t count = whole.format == FLOWS_TEXT ? LISTED_IN_TEXT : sizeof listed / sizeof *listed;
        for (whole.query.key_count = 0; whole.query.key_count < count; whole.query.key_count++) {
            whole.query.keys[whole.query.key_count] =
                (struct read_key){.column = listed[whole.query.key_count]};
        }
    }
    struct writing writing = {.renderer = renderers[whole.format], .totals = totals};
    error->text[0] = '\0';
    int rc = writing.renderer->begin(&writing.state, &whole, out);
    if (rc == 0) {
        rc = read_rows(reader, &whole, &writing, error);
    }
    int end_rc = writing.renderer->end(writing.state, rc == 0 ? totals : NULL);
    rc = rc != 0 ? rc : end_rc;
    if (rc != 0 && error->text[0] == '\0') {
        error_set(error, rc, "writing the flows of '%s': out of memory", reader_path(reader));
    }
    return rc;
}
