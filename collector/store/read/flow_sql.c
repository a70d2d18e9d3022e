#include "collector/store/read/flow_sql.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The largest number: a product beyond it becomes REAL, of which min() takes the number. */
#define LARGEST "9223372036854775807"

/* What an exporter that does not scale must be multiplied with, as in reports/gather.c. */
#define RECORD_RATE "CASE WHEN r.scaled THEN 1 ELSE max(coalesce(r.sampling_rate, e.sampling_rate, 1), 1) END"
#define SAMPLE_SIZE "(r.frame_bytes - coalesce(r.stripped, 0))"

#define FLOW_COLUMNS                                                                                         \
    [READ_COLUMN_SESSION] = "r.session_id", [READ_COLUMN_PROTO] = "f.proto",                                 \
    [READ_COLUMN_SRCIP] = "nullif(f.src, x'')", [READ_COLUMN_DSTIP] = "nullif(f.dst, x'')",                  \
    [READ_COLUMN_SRCPORT] = "CASE WHEN f.protocol IN (6, 17, 132) THEN f.sport END",                         \
    [READ_COLUMN_DSTPORT] = "CASE WHEN f.protocol IN (6, 17, 132) THEN f.dport END",                         \
    [READ_COLUMN_ICMP] = "CASE WHEN f.protocol IN (1, 58) THEN f.dport END"

#define RECORD_COLUMNS                                                                                       \
    [READ_COLUMN_EXPORTER] = "e.agent", [READ_COLUMN_SRCMAC] = "r.src_mac",                                  \
    [READ_COLUMN_DSTMAC] = "r.dst_mac", [READ_COLUMN_VLAN] = "r.vlan", [READ_COLUMN_TOS] = "r.tos",          \
    [READ_COLUMN_TTL] = "r.ttl", [READ_COLUMN_FLAGS] = "r.tcp_flags"

static const struct flow_table records_table = {
    .from = "flow_record r JOIN exporter e ON e.id = r.exporter_id LEFT JOIN flow f ON f.id = r.flow_id",
    .source = "e.protocol",
    .layer = "e.byte_layer",
    .first = "coalesce(r.start_ns, r.end_ns, r.recv_ns)",
    .last = "coalesce(r.end_ns, r.start_ns, r.recv_ns)",
    .packets = "min(r.packets * " RECORD_RATE ", " LARGEST ")",
    .bytes = "min(r.bytes * " RECORD_RATE ", " LARGEST ")",
    .raw_packets = "r.packets",
    .raw_bytes = "r.bytes",
    .agent = "e.agent",
    .columns = {FLOW_COLUMNS,
                RECORD_COLUMNS, [READ_COLUMN_SRCAS] = "r.src_as", [READ_COLUMN_DSTAS] = "r.dst_as",
                [READ_COLUMN_INIF] = "r.input", [READ_COLUMN_OUTIF] = "r.output",
                [READ_COLUMN_NEXTHOP] = "r.next_hop", [READ_COLUMN_DIRECTION] = "r.direction",
                [READ_COLUMN_RATE] = "coalesce(r.sampling_rate, e.sampling_rate)"},
};

static const struct flow_table samples_table = {
    .from = "sflow_sample r JOIN exporter e ON e.id = r.exporter_id AND r.discarded = 0 LEFT JOIN flow f ON "
            "f.id = r.flow_id",
    .source = "e.protocol",
    .layer = "'l2'",
    .first = "r.recv_ns",
    .last = "r.recv_ns",
    .packets = "max(r.sampling_rate, 1)",
    .bytes = "min(" SAMPLE_SIZE " * max(r.sampling_rate, 1), " LARGEST ")",
    .raw_packets = "1",
    .raw_bytes = SAMPLE_SIZE,
    .agent = "e.agent",
    .columns = {FLOW_COLUMNS, RECORD_COLUMNS, [READ_COLUMN_SRCAS] = "NULL", [READ_COLUMN_DSTAS] = "NULL",
                [READ_COLUMN_INIF] = "CASE WHEN r.input_kind = 0 THEN r.input END",
                [READ_COLUMN_OUTIF] = "CASE WHEN r.output_kind = 0 THEN r.output END",
                [READ_COLUMN_NEXTHOP] = "NULL", [READ_COLUMN_DIRECTION] = "NULL",
                [READ_COLUMN_RATE] = "r.sampling_rate"},
};

static const struct flow_table truth_table = {
    .from = "truth r JOIN capture c ON c.id = r.capture_id JOIN session t ON t.id = r.session_id "
            "LEFT JOIN flow f ON f.id = r.flow_id",
    .source = "'truth'",
    .layer = "'l2'",
    .first = "r.first_ns",
    .last = "r.last_ns",
    .packets = "r.packets",
    .bytes = "r.bytes",
    .raw_packets = "r.packets",
    .raw_bytes = "r.bytes",
    .agent = "NULL",
    .columns = {FLOW_COLUMNS, [READ_COLUMN_EXPORTER] = "NULL", [READ_COLUMN_SRCMAC] = "NULL",
                [READ_COLUMN_DSTMAC] = "NULL", [READ_COLUMN_VLAN] = "NULL", [READ_COLUMN_TOS] = "NULL",
                [READ_COLUMN_TTL] = "NULL", [READ_COLUMN_FLAGS] = "NULL", [READ_COLUMN_SRCAS] = "NULL",
                [READ_COLUMN_DSTAS] = "NULL", [READ_COLUMN_INIF] = "NULL", [READ_COLUMN_OUTIF] = "NULL",
                [READ_COLUMN_NEXTHOP] = "NULL", [READ_COLUMN_DIRECTION] = "r.direction",
                [READ_COLUMN_RATE] = "NULL"},
};

/* Appends a bound value, and its place to the text. */
static void add_parameter(struct flow_sql *sql, const struct flow_parameter *parameter) {
    if (sql->count == sql->capacity) {
        size_t capacity = sql->capacity == 0 ? 64 : 2 * sql->capacity;
        struct flow_parameter *more = realloc(sql->parameters, capacity * sizeof *more);
        if (more == NULL) {
            sql->failed = true;
            return;
        }
        sql->parameters = more;
        sql->capacity = capacity;
    }
    sql->parameters[sql->count++] = *parameter;
    fputc('?', sql->out);
}

void flow_sql_number(struct flow_sql *sql, int64_t number) {
    add_parameter(sql, &(struct flow_parameter){.number = number});
}

void flow_sql_text(struct flow_sql *sql, const char *text) {
    add_parameter(sql, &(struct flow_parameter){.text = text});
}

void flow_sql_address(struct flow_sql *sql, const uint8_t *bytes, uint8_t size) {
    struct flow_parameter parameter = {.size = size};
    memcpy(parameter.bytes, bytes, size);
    add_parameter(sql, &parameter);
}

/* The query's column 'key' of 'table'. */
static void write_key(struct flow_sql *sql, const struct read_key *key, const struct flow_table *table) {
    if (key->column == READ_COLUMN_SRCNET || key->column == READ_COLUMN_DSTNET) {
        fprintf(sql->out, "flow_net(%s, %u, %u)", key->column == READ_COLUMN_SRCNET ? "f.src" : "f.dst",
                key->bits4, key->bits6);
    } else {
        fputs(table->columns[key->column], sql->out);
    }
}

static void write_direction(struct flow_sql *sql, const struct flow_table *table,
                            enum read_direction direction) {
    if (table == &truth_table) {
        static const char *const conditions[] = {
            /* A port whose station was captured is no second place; nor, in a lab, is one that nobody
             * numbered. */
            [READ_DIRECTION_ONCE] =
                (" AND (c.role = 'station' OR NOT EXISTS (SELECT 1 FROM capture s WHERE s.session_id = "
                 "c.session_id AND s.role = 'station' AND (s.station = c.station OR (c.station IS NULL AND "
                 "t.kind <> 'attach')))) AND r.direction = CASE t.truth_rule WHEN 'offered' THEN 0 ELSE 1 "
                 "END"),
            [READ_DIRECTION_INGRESS] = " AND r.direction = 0",
            [READ_DIRECTION_EGRESS] = " AND r.direction = 1",
            [READ_DIRECTION_ALL] = "",
        };
        fputs(conditions[direction], sql->out);
    } else if (table == &records_table) {
        static const char *const conditions[] = {
            [READ_DIRECTION_ONCE] = (" AND NOT (e.dialect = 'openvswitch' AND e.protocol <> 'ipfix-flow' AND "
                                     "r.direction IS 1)"),
            [READ_DIRECTION_INGRESS] = " AND r.direction IS NOT 1",
            [READ_DIRECTION_EGRESS] = " AND r.direction = 1",
            [READ_DIRECTION_ALL] = "",
        };
        fputs(conditions[direction], sql->out);
    } else if (direction == READ_DIRECTION_EGRESS) {
        fputs(" AND 0", sql->out);
    }
}

/* True if 'source' has rows in 'table'. */
static bool has_rows(const struct read_flow_source *source, const struct flow_table *table) {
    return table == &truth_table     ? source->truth
           : table == &samples_table ? source->samples
                                     : source->records;
}

static void write_sources(struct flow_sql *sql, const struct read_flow_query *query,
                          const struct flow_table *table) {
    if (query->source_count == 0 || table == &truth_table) {
        return;
    }
    const char *word = " AND (";
    for (size_t i = 0; i < query->source_count; i++) {
        const struct read_flow_source *source = &query->sources[i];
        if (!has_rows(source, table)) {
            continue;
        }
        fprintf(sql->out, "%s(e.protocol GLOB ", word);
        flow_sql_text(sql, source->protocol);
        if (source->agent.family != 0) {
            fputs(" AND e.agent = ", sql->out);
            flow_sql_address(sql, source->agent.bytes, source->agent.family == 4 ? 4 : 16);
        }
        fputc(')', sql->out);
        word = " OR ";
    }
    fputc(')', sql->out);
}

static void write_conditions(struct flow_sql *sql, const struct read_flow_query *query,
                             const struct flow_table *table) {
    fputs(" WHERE 1", sql->out);
    if (query->session_id != READ_NULL) {
        fputs(" AND r.session_id = ", sql->out);
        flow_sql_number(sql, query->session_id);
    }
    write_direction(sql, table, query->direction);
    write_sources(sql, query, table);
    if (query->from_ns != READ_NULL) {
        fprintf(sql->out, " AND %s >= ", table->last);
        flow_sql_number(sql, query->from_ns);
    }
    if (query->to_ns != READ_NULL) {
        fprintf(sql->out, " AND %s < ", table->last);
        flow_sql_number(sql, query->to_ns);
    }
    if (query->filter != NULL && query->filter->count > 0) {
        fputs(" AND ", sql->out);
        flow_sql_filter(sql, query->filter, table, query->raw);
        flow_sql_filter_flows(sql, query->filter);
    }
}

static void write_table(struct flow_sql *sql, const struct read_flow_query *query,
                        const struct flow_table *table) {
    fprintf(sql->out, "SELECT %s AS source, %s AS layer, %s AS packets, %s AS bytes, %s AS first, %s AS last",
            table->source, table->layer, query->raw ? table->raw_packets : table->packets,
            query->raw ? table->raw_bytes : table->bytes, table->first, table->last);
    for (size_t i = 0; i < query->key_count; i++) {
        fputs(", ", sql->out);
        write_key(sql, &query->keys[i], table);
        fprintf(sql->out, " AS k%zu", i);
    }
    fprintf(sql->out, " FROM %s", table->from);
    write_conditions(sql, query, table);
}

/* True if 'query' wants rows of 'table'. */
static bool is_wanted(const struct read_flow_query *query, const struct flow_table *table) {
    if (query->source_count == 0) {
        return table != &truth_table;
    }
    for (size_t i = 0; i < query->source_count; i++) {
        if (has_rows(&query->sources[i], table)) {
            return true;
        }
    }
    return false;
}

/* The query's keys, each with a comma in front. */
static void write_key_names(struct flow_sql *sql, const struct read_flow_query *query) {
    for (size_t i = 0; i < query->key_count; i++) {
        fprintf(sql->out, ", k%zu", i);
    }
}

/* Ties are in the order of the keys, so that the same rows always come in the same order. */
static void write_order(struct flow_sql *sql, const struct read_flow_query *query) {
    static const char *const orders[] = {
        [READ_SORT_TIME] = "first_ns, last_ns",
        [READ_SORT_BYTES] = "all_bytes DESC, all_packets DESC",
        [READ_SORT_PACKETS] = "all_packets DESC, all_bytes DESC",
        [READ_SORT_FLOWS] = "flows DESC, all_bytes DESC",
    };
    fprintf(sql->out, " ORDER BY %s, source", orders[query->sort]);
    write_key_names(sql, query);
    if (query->limit >= 0) {
        fputs(" LIMIT ", sql->out);
        flow_sql_number(sql, query->limit);
    }
}

int flow_sql_write(struct flow_sql *sql, const struct read_flow_query *query) {
    enum { TABLES = 3 };
    static const struct flow_table *const tables[TABLES] = {&samples_table, &records_table, &truth_table};
    memset(sql, 0, sizeof *sql);
    sql->out = open_memstream(&sql->text, &sql->text_size);
    if (sql->out == NULL) {
        return -ENOMEM;
    }
    fputs(query->grouped
              ? "SELECT source, CASE WHEN min(layer) = max(layer) THEN min(layer) ELSE 'mixed' END, count(*) "
                "AS "
                "flows, flow_sum(packets) AS all_packets, flow_sum(bytes) AS all_bytes, min(first) AS "
                "first_ns, "
                "max(last) AS last_ns"
              : "SELECT source, layer, 1 AS flows, packets AS all_packets, bytes AS all_bytes, first AS "
                "first_ns, last AS last_ns",
          sql->out);
    write_key_names(sql, query);
    fputs(" FROM (", sql->out);
    const char *word = "";
    for (size_t i = 0; i < TABLES; i++) {
        if (is_wanted(query, tables[i])) {
            fputs(word, sql->out);
            write_table(sql, query, tables[i]);
            word = " UNION ALL ";
        }
    }
    fputc(')', sql->out);
    if (query->grouped) {
        /* The source last: most rows differ before SQLite comes to compare it. */
        fputs(" GROUP BY ", sql->out);
        for (size_t i = 0; i < query->key_count; i++) {
            fprintf(sql->out, "k%zu, ", i);
        }
        fputs("source", sql->out);
    }
    write_order(sql, query);
    bool failed = fclose(sql->out) != 0 || sql->failed;
    sql->out = NULL;
    return failed ? -ENOMEM : 0;
}

void flow_sql_free(struct flow_sql *sql) {
    free(sql->text);
    free(sql->parameters);
    memset(sql, 0, sizeof *sql);
}
