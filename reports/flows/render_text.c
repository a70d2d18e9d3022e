/* A table for people.  The widths are those of the first rows: memory stays bounded however many follow. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "reports/flows/render.h"

#define ROWS_HELD   500
#define CELLS_MAX   (READ_KEYS_MAX + 8)
#define EXACT_BELOW 10000

struct text_row {
    char cells[CELLS_MAX][FLOWS_CELL_SIZE];
};

struct text {
    const struct flows_request *request;
    FILE *out;
    struct text_row *rows; /* ROWS_HELD of them and the head, in front */
    size_t count, cells;
    int widths[CELLS_MAX];
    bool right[CELLS_MAX];
    bool begun;
};

/* 9999, 12.3k, 1.23M; "-" for what was not said. */
static const char *short_count(int64_t value, char text[FLOWS_CELL_SIZE]) {
    static const char units[] = " kMGTPE";
    if (value == READ_NULL) {
        snprintf(text, FLOWS_CELL_SIZE, "-");
        return text;
    }
    if (value < EXACT_BELOW && value > -EXACT_BELOW) {
        snprintf(text, FLOWS_CELL_SIZE, "%lld", (long long)value);
        return text;
    }
    double rest = (double)value;
    size_t unit = 0;
    while (rest >= 999.5 && unit + 2 < sizeof units) {
        rest /= 1000.0;
        unit++;
    }
    snprintf(text, FLOWS_CELL_SIZE, "%.*f%c", rest < 9.995 ? 2 : rest < 99.95 ? 1 : 0, rest, units[unit]);
    return text;
}

/* 12,345,678. */
static const char *long_count(int64_t value, char text[FLOWS_CELL_SIZE]) {
    char digits[32];
    int count = snprintf(digits, sizeof digits, "%lld", (long long)value);
    char *to = text;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0 && digits[i - 1] != '-') {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = '\0';
    if (value == READ_NULL) {
        snprintf(text, FLOWS_CELL_SIZE, "-");
    }
    return text;
}

static const char *flags_text(int64_t flags, char text[FLOWS_CELL_SIZE]) {
    static const char names[] = "CEUAPRSF";
    for (int i = 0; i < 8; i++) {
        text[i] = flags & (0x80 >> i) ? names[i] : '.';
    }
    text[8] = '\0';
    return text;
}

/* ---- rows one by one: end points in one cell ---- */

/* The list's columns, in their order; those behind RATE only when they are among the request's. */
static const char *const list_heads[] = {"first seen", "seconds", "source",  "proto", "from",
                                         "to",         "flags",   "packets", "bytes", "layer"};

static const struct read_value *find_value(const struct text *text, const struct read_flow *flow,
                                           enum read_column column) {
    static const struct read_value none = {.kind = READ_VALUE_NULL};
    for (size_t i = 0; i < text->request->query.key_count; i++) {
        if (text->request->query.keys[i].column == column) {
            return &flow->keys[i];
        }
    }
    return &none;
}

/* "10.0.0.1:5000", "[fd00::1]:5000", "10.0.0.1". */
static void end_point(const struct text *text, const struct read_flow *flow, enum read_column address_column,
                      enum read_column port_column, char cell[FLOWS_CELL_SIZE]) {
    const struct read_value *address = find_value(text, flow, address_column);
    const struct read_value *port = find_value(text, flow, port_column);
    const struct read_key key = {.column = address_column};
    char address_text[FLOWS_CELL_SIZE];
    flows_value_text(&key, address, address_text);
    if (address->kind == READ_VALUE_NULL) {
        snprintf(cell, FLOWS_CELL_SIZE, "-");
    } else if (port->kind == READ_VALUE_NULL) {
        snprintf(cell, FLOWS_CELL_SIZE, "%s", address_text);
    } else {
        snprintf(cell, FLOWS_CELL_SIZE, address->size == 16 ? "[%.45s]:%lld" : "%.45s:%lld", address_text,
                 (long long)port->number);
    }
}

static void fill_times(const struct read_flow *flow, char first[FLOWS_CELL_SIZE],
                       char seconds[FLOWS_CELL_SIZE]) {
    char moment[CLOCK_TEXT_SIZE];
    snprintf(first, FLOWS_CELL_SIZE, "%s", clock_format(flow->first_ns, moment));
    snprintf(seconds, FLOWS_CELL_SIZE, "%.3f", (double)flow->last_ns / 1e9 - (double)flow->first_ns / 1e9);
}

static void fill_listed(const struct text *text, const struct read_flow *flow, struct text_row *row) {
    fill_times(flow, row->cells[0], row->cells[1]);
    snprintf(row->cells[2], FLOWS_CELL_SIZE, "%s", flow->source);
    const struct read_value *proto = find_value(text, flow, READ_COLUMN_PROTO);
    snprintf(row->cells[3], FLOWS_CELL_SIZE, "%s", proto->kind == READ_VALUE_TEXT ? proto->text : "-");
    end_point(text, flow, READ_COLUMN_SRCIP, READ_COLUMN_SRCPORT, row->cells[4]);
    end_point(text, flow, READ_COLUMN_DSTIP, READ_COLUMN_DSTPORT, row->cells[5]);
    const struct read_value *icmp = find_value(text, flow, READ_COLUMN_ICMP);
    const struct read_value *flags = find_value(text, flow, READ_COLUMN_FLAGS);
    if (icmp->kind == READ_VALUE_NUMBER) {
        snprintf(row->cells[6], FLOWS_CELL_SIZE, "%lld.%lld", (long long)(icmp->number >> 8),
                 (long long)(icmp->number & 0xff));
    } else if (flags->kind == READ_VALUE_NUMBER && strcmp(row->cells[3], "tcp") == 0) {
        flags_text(flags->number, row->cells[6]);
    } else {
        snprintf(row->cells[6], FLOWS_CELL_SIZE, "-");
    }
    short_count(flow->packets, row->cells[7]);
    short_count(flow->bytes, row->cells[8]);
    snprintf(row->cells[9], FLOWS_CELL_SIZE, "%s", flow->layer);
}

static void head_listed(struct text *text) {
    text->cells = sizeof list_heads / sizeof *list_heads;
    for (size_t i = 0; i < text->cells; i++) {
        snprintf(text->rows[0].cells[i], FLOWS_CELL_SIZE, "%s", list_heads[i]);
        text->right[i] = i == 1 || i == 7 || i == 8;
    }
}

/* ---- groups ---- */

static void fill_grouped(const struct text *text, const struct read_flow *flow, struct text_row *row) {
    const struct read_flow_query *query = &text->request->query;
    size_t cell = 0;
    snprintf(row->cells[cell++], FLOWS_CELL_SIZE, "%s", flow->source);
    for (size_t i = 0; i < query->key_count; i++, cell++) {
        if (flow->keys[i].kind == READ_VALUE_NULL) {
            snprintf(row->cells[cell], FLOWS_CELL_SIZE, "-");
        } else if (query->keys[i].column == READ_COLUMN_FLAGS) {
            flags_text(flow->keys[i].number, row->cells[cell]);
        } else {
            flows_value_text(&query->keys[i], &flow->keys[i], row->cells[cell]);
        }
    }
    short_count(flow->flows, row->cells[cell++]);
    short_count(flow->packets, row->cells[cell++]);
    short_count(flow->bytes, row->cells[cell++]);
    snprintf(row->cells[cell++], FLOWS_CELL_SIZE, "%s", flow->layer);
    fill_times(flow, row->cells[cell], row->cells[cell + 1]);
}

static void head_grouped(struct text *text) {
    static const char *const behind[] = {"flows", "packets", "bytes", "layer", "first seen", "seconds"};
    const struct read_flow_query *query = &text->request->query;
    struct text_row *head = &text->rows[0];
    size_t cell = 0;
    snprintf(head->cells[cell++], FLOWS_CELL_SIZE, "source");
    for (size_t i = 0; i < query->key_count; i++, cell++) {
        snprintf(head->cells[cell], FLOWS_CELL_SIZE, "%s", flows_column_name(query->keys[i].column));
        text->right[cell] = flows_column_is_number(query->keys[i].column);
    }
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++, cell++) {
        snprintf(head->cells[cell], FLOWS_CELL_SIZE, "%s", behind[i]);
        text->right[cell] = i < 3 || i == 5;
    }
    text->cells = cell;
}

/* ---- the table ---- */

static void print_row(const struct text *text, const struct text_row *row) {
    for (size_t i = 0; i < text->cells; i++) {
        bool last = i + 1 == text->cells;
        int width = last && !text->right[i] ? 0 : text->widths[i];
        fprintf(text->out, text->right[i] ? "%*s%s" : "%-*s%s", width, row->cells[i], last ? "\n" : "  ");
    }
}

/* Prints what is held. */
static void flush(struct text *text) {
    for (size_t i = 0; !text->begun && i < text->cells; i++) {
        for (size_t row = 0; row <= text->count; row++) {
            int width = (int)strlen(text->rows[row].cells[i]);
            text->widths[i] = width > text->widths[i] ? width : text->widths[i];
        }
    }
    for (size_t row = text->begun || text->count == 0 ? 1 : 0; row <= text->count; row++) {
        print_row(text, &text->rows[row]);
    }
    text->begun = true;
    text->count = 0;
}

static int text_begin(void **state, const struct flows_request *request, FILE *out) {
    struct text *text = calloc(1, sizeof *text);
    *state = text;
    if (text == NULL) {
        return -ENOMEM;
    }
    text->request = request;
    text->out = out;
    text->rows = calloc(ROWS_HELD + 1, sizeof *text->rows);
    if (text->rows == NULL) {
        return -ENOMEM;
    }
    if (request->query.grouped) {
        head_grouped(text);
    } else {
        head_listed(text);
    }
    return 0;
}

static int text_row(void *state, const struct read_flow *flow) {
    struct text *text = state;
    struct text_row *row = &text->rows[++text->count];
    if (text->request->query.grouped) {
        fill_grouped(text, flow, row);
    } else {
        fill_listed(text, flow, row);
    }
    if (text->count == ROWS_HELD) {
        flush(text);
    }
    return 0;
}

static const char *layer_words(const char *layer) {
    return strcmp(layer, "l2") == 0      ? "of layer 2"
           : strcmp(layer, "l2fcs") == 0 ? "of layer 2 with FCS"
           : strcmp(layer, "l3") == 0    ? "of layer 3"
                                         : "of several layers";
}

static void print_totals(FILE *out, const struct flows_totals *totals, bool raw) {
    for (size_t i = 0; i < totals->count; i++) {
        const struct flows_total *total = &totals->of[i];
        char flows[FLOWS_CELL_SIZE];
        char packets[FLOWS_CELL_SIZE];
        char bytes[FLOWS_CELL_SIZE];
        char first[CLOCK_TEXT_SIZE];
        char last[CLOCK_TEXT_SIZE];
        fprintf(out, "total %s: %s flow%s, %s packets, %s bytes %s%s, %s to %s\n", total->source,
                long_count(total->flows, flows), total->flows == 1 ? "" : "s",
                long_count(total->packets, packets), long_count(total->bytes, bytes),
                layer_words(total->layer), raw ? ", not scaled" : "", clock_format(total->first_ns, first),
                clock_format(total->last_ns, last));
    }
    if (totals->count == 0) {
        fputs("total: nothing matches\n", out);
    } else if (totals->shown < totals->found) {
        char shown[FLOWS_CELL_SIZE];
        char found[FLOWS_CELL_SIZE];
        fprintf(out, "%s of %s rows shown\n", long_count(totals->shown, shown),
                long_count(totals->found, found));
    }
}

static int text_end(void *state, const struct flows_totals *totals) {
    struct text *text = state;
    if (text != NULL && text->rows != NULL && totals != NULL) {
        flush(text);
        print_totals(text->out, totals, text->request->query.raw);
    }
    if (text != NULL) {
        free(text->rows);
    }
    free(text);
    return 0;
}

const struct flows_renderer flows_text_renderer = {text_begin, text_row, text_end};
