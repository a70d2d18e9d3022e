/* CSV (RFC 4180): one line a row, no totals, times in nanoseconds. */
#include <errno.h>
#include <stdlib.h>

#include "reports/flows/render.h"

struct csv {
    const struct flows_request *request;
    FILE *out;
};

static int csv_begin(void **state, const struct flows_request *request, FILE *out) {
    struct csv *csv = calloc(1, sizeof *csv);
    *state = csv;
    if (csv == NULL) {
        return -ENOMEM;
    }
    csv->request = request;
    csv->out = out;
    fputs("source", out);
    for (size_t i = 0; i < request->query.key_count; i++) {
        fprintf(out, ",%s", flows_column_name(request->query.keys[i].column));
    }
    fputs(",flows,packets,bytes,layer,first_ns,last_ns\r\n", out);
    return 0;
}

static void write_count(FILE *out, int64_t value) {
    if (value == READ_NULL) {
        fputc(',', out);
    } else {
        fprintf(out, ",%lld", (long long)value);
    }
}

/* No text of a row can hold a comma or a quote: they are all nsmon's own words, numbers and addresses. */
static int csv_row(void *state, const struct read_flow *flow) {
    const struct csv *csv = state;
    const struct read_flow_query *query = &csv->request->query;
    char text[FLOWS_CELL_SIZE];
    fputs(flow->source, csv->out);
    for (size_t i = 0; i < query->key_count; i++) {
        fprintf(csv->out, ",%s", flows_value_text(&query->keys[i], &flow->keys[i], text));
    }
    fprintf(csv->out, ",%lld", (long long)flow->flows);
    write_count(csv->out, flow->packets);
    write_count(csv->out, flow->bytes);
    fprintf(csv->out, ",%s,%lld,%lld\r\n", flow->layer, (long long)flow->first_ns, (long long)flow->last_ns);
    return 0;
}

static int csv_end(void *state, const struct flows_totals *totals) {
    (void)totals;
    free(state);
    return 0;
}

const struct flows_renderer flows_csv_renderer = {csv_begin, csv_row, csv_end};
