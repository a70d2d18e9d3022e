/* The filter as a condition in SQL.
 *
 * SQL's NULL is neither true nor false, and NOT NULL is NULL; here what a row does not say is simply not so,
 * as in pcap-filter.  Within AND and OR the two agree where WHERE looks, so that only NOT needs care. */
#include "collector/store/read/flow_sql.h"

static void write_range(struct flow_sql *sql, const char *column, int64_t low, int64_t high) {
    fprintf(sql->out, "%s BETWEEN ", column);
    flow_sql_number(sql, low);
    fputs(" AND ", sql->out);
    flow_sql_number(sql, high);
}

/* Blobs compare as bytes, and then by length: without a look at the length an IPv6 address could lie between
 * two of IPv4. */
static void write_net(struct flow_sql *sql, const char *column, const struct read_term *term) {
    uint8_t size = term->family == 4 ? 4 : 16;
    fprintf(sql->out, "length(%s) = %u AND %s BETWEEN ", column, size, column);
    flow_sql_address(sql, term->low_address, size);
    fputs(" AND ", sql->out);
    flow_sql_address(sql, term->high_address, size);
}

static void write_one_side(struct flow_sql *sql, const struct read_term *term, const struct flow_table *table,
                           bool src) {
    fputc('(', sql->out);
    switch (term->kind) {
    case READ_TERM_NET:
        write_net(sql, src ? "f.src" : "f.dst", term);
        break;
    case READ_TERM_PORT:
        fputs("f.protocol IN (6, 17, 132) AND ", sql->out);
        write_range(sql, src ? "f.sport" : "f.dport", term->low, term->high);
        break;
    case READ_TERM_AS:
        write_range(sql, table->columns[src ? READ_COLUMN_SRCAS : READ_COLUMN_DSTAS], term->low, term->high);
        break;
    default:
        write_range(sql, table->columns[src ? READ_COLUMN_INIF : READ_COLUMN_OUTIF], term->low, term->high);
        break;
    }
    fputc(')', sql->out);
}

static void write_sides(struct flow_sql *sql, const struct read_term *term, const struct flow_table *table) {
    if (term->side == READ_SRC || term->side == READ_DST) {
        write_one_side(sql, term, table, term->side == READ_SRC);
        return;
    }
    fputc('(', sql->out);
    write_one_side(sql, term, table, true);
    fputs(term->side == READ_BOTH ? " AND " : " OR ", sql->out);
    write_one_side(sql, term, table, false);
    fputc(')', sql->out);
}

static void write_protocol(struct flow_sql *sql, const struct read_term *term) {
    fprintf(sql->out, "(f.ethertype IN (%s) AND ",
            term->family == 4   ? "2048"
            : term->family == 6 ? "34525"
                                : "2048, 34525");
    write_range(sql, "f.protocol", term->low, term->high);
    fputc(')', sql->out);
}

static void write_term(struct flow_sql *sql, const struct read_term *term, const struct flow_table *table,
                       bool raw) {
    switch (term->kind) {
    case READ_TERM_NET:
    case READ_TERM_PORT:
    case READ_TERM_AS:
    case READ_TERM_INTERFACE:
        write_sides(sql, term, table);
        return;
    case READ_TERM_PROTOCOL:
        write_protocol(sql, term);
        return;
    default:
        break;
    }
    fputc('(', sql->out);
    switch (term->kind) {
    case READ_TERM_EXPORTER:
        write_net(sql, table->agent, term);
        break;
    case READ_TERM_ICMP_TYPE:
        fputs("f.protocol IN (1, 58) AND ", sql->out);
        write_range(sql, "f.dport", term->low * 256, term->high * 256 + 255);
        break;
    case READ_TERM_FLAGS:
        fprintf(sql->out, "(%s & ", table->columns[READ_COLUMN_FLAGS]);
        flow_sql_number(sql, term->low);
        fputs(") = ", sql->out);
        flow_sql_number(sql, term->low);
        break;
    case READ_TERM_ETHERTYPE:
        write_range(sql, "f.ethertype", term->low, term->high);
        break;
    case READ_TERM_VLAN:
        write_range(sql, table->columns[READ_COLUMN_VLAN], term->low, term->high);
        break;
    case READ_TERM_TOS:
        write_range(sql, table->columns[READ_COLUMN_TOS], term->low, term->high);
        break;
    case READ_TERM_PACKETS:
        write_range(sql, raw ? table->raw_packets : table->packets, term->low, term->high);
        break;
    default:
        write_range(sql, raw ? table->raw_bytes : table->bytes, term->low, term->high);
        break;
    }
    fputc(')', sql->out);
}

/* A chain of one operator stays flat, since SQLite's parser keeps what is open on a stack of 100. */
static void write_node(struct flow_sql *sql, const struct read_filter *filter, uint16_t place,
                       enum read_node_kind around, const struct flow_table *table, bool raw) {
    const struct read_node *node = &filter->nodes[place];
    if (node->kind == READ_NODE_TERM) {
        write_term(sql, &node->term, table, raw);
        return;
    }
    bool open = node->kind == READ_NODE_NOT || node->kind != around;
    fputs(open ? "(" : "", sql->out);
    if (node->kind == READ_NODE_NOT) {
        write_node(sql, filter, node->left, READ_NODE_NOT, table, raw);
        fputs(" IS NOT TRUE", sql->out);
    } else {
        write_node(sql, filter, node->left, node->kind, table, raw);
        fputs(node->kind == READ_NODE_AND ? " AND " : " OR ", sql->out);
        write_node(sql, filter, node->right, READ_NODE_NOT, table, raw);
    }
    fputs(open ? ")" : "", sql->out);
}

void flow_sql_filter(struct flow_sql *sql, const struct read_filter *filter, const struct flow_table *table,
                     bool raw) {
    write_node(sql, filter, filter->root, READ_NODE_NOT, table, raw);
}

/* True if 'node' looks at the flow alone, so that rows need not be read to know what it says. */
static bool is_of_flow(const struct read_filter *filter, const struct read_node *node) {
    if (node->kind != READ_NODE_TERM) {
        return is_of_flow(filter, &filter->nodes[node->left]) &&
               (node->kind == READ_NODE_NOT || is_of_flow(filter, &filter->nodes[node->right]));
    }
    switch (node->term.kind) {
    case READ_TERM_NET:
    case READ_TERM_PORT:
    case READ_TERM_ICMP_TYPE:
    case READ_TERM_PROTOCOL:
    case READ_TERM_ETHERTYPE:
        return true;
    default:
        return false;
    }
}

/* What 'node' says of a row whose flow is not known: none of its terms is so. */
static bool holds_for_none(const struct read_filter *filter, const struct read_node *node) {
    switch (node->kind) {
    case READ_NODE_TERM:
        return false;
    case READ_NODE_NOT:
        return !holds_for_none(filter, &filter->nodes[node->left]);
    case READ_NODE_AND:
        return holds_for_none(filter, &filter->nodes[node->left]) &&
               holds_for_none(filter, &filter->nodes[node->right]);
    default:
        return holds_for_none(filter, &filter->nodes[node->left]) ||
               holds_for_none(filter, &filter->nodes[node->right]);
    }
}

static void write_flows(struct flow_sql *sql, const struct read_filter *filter, uint16_t place) {
    const struct read_node *node = &filter->nodes[place];
    if (node->kind == READ_NODE_AND) {
        write_flows(sql, filter, node->left);
        write_flows(sql, filter, node->right);
    } else if (is_of_flow(filter, node) && !holds_for_none(filter, node)) {
        fputs(" AND r.flow_id IN (SELECT f.id FROM flow f WHERE ", sql->out);
        write_node(sql, filter, place, READ_NODE_NOT, NULL, false);
        fputc(')', sql->out);
    }
}

void flow_sql_filter_flows(struct flow_sql *sql, const struct read_filter *filter) {
    write_flows(sql, filter, filter->root);
}
