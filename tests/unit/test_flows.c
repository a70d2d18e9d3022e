/* Flow queries: sums, scales, directions, keys; and the arguments that make them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "report_fixture.h"
#include "reports/flows/flows.h"

#define SECOND INT64_C(1000000000)

static char path[64];

static void insert_exporter(sqlite3 *database, int id, const char *protocol, const char *dialect,
                            const char *layer, const char *rate) {
    fixture_sql(database,
                "INSERT INTO exporter (id, session_id, protocol, agent, domain, transport, dialect, "
                "dialect_override, "
                "byte_layer, sampling_rate, sampling_source, scaled, first_ns, last_ns) VALUES "
                "(%d, %d, '%s', x'c00002%02x', 0, '', '%s', 0, '%s', %s, 'record', 0, 1, 2)",
                id, id < 10 ? 1 : 2, protocol, id, dialect, layer, rate);
}

/* 'values': session, exporter, received, flow, packets, bytes, direction, end, rate, scaled. */
static void insert_record(sqlite3 *database, const char *values) {
    fixture_sql(
        database,
        "INSERT INTO flow_record (rate_source, session_id, exporter_id, recv_ns, flow_id, packets, bytes, "
        "direction, end_ns, sampling_rate, scaled) VALUES (0, %s)",
        values);
}

static int make_database(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/nsmon-flows-%d.db", (int)getpid());
    sqlite3 *database = fixture_open(path);
    fixture_sql(database,
                "INSERT INTO session VALUES (1, NULL, 'lab', 'stopped', NULL, 1, 2, NULL, NULL, 'delivered', "
                "'{}'), (2, NULL, 'lab', 'stopped', NULL, 1, 2, NULL, NULL, 'offered', '{}')");
    insert_exporter(database, 1, "netflow9", "generic", "l3", "10");
    insert_exporter(database, 2, "netflow9", "generic", "l2", "NULL");
    insert_exporter(database, 3, "ipfix", "openvswitch", "l2", "NULL");
    insert_exporter(database, 4, "ipfix", "generic", "l3", "NULL");
    insert_exporter(database, 5, "netflow7", "generic", "l3", "NULL");
    insert_exporter(database, 6, "sflow5", "generic", "l2", "NULL");
    insert_exporter(database, 11, "netflow9", "generic", "l3", "NULL");
    fixture_sql(database,
                "INSERT INTO flow VALUES "
                "(1, 2048, 6, x'0a0102ff', x'0a010301', 1000, 80, 'tcp', '', ''), "
                "(2, 34525, 17, x'20010db8000100020003000400050006', x'20010db8000100ff0003000400050006', "
                "53, 53, 'udp', '', ''), "
                "(3, 2048, 1, x'0a010203', x'0a010301', 0, 2048, 'icmp', '', '')");
    insert_record(database, "1, 1, 100, 1, 3, 300, NULL, 5000000000, NULL, 0"); /* the exporter's rate: 10 */
    insert_record(database, "1, 1, 100, 1, 2, 100, NULL, 6000000000, 4, 0");    /* its own: 4 */
    insert_record(database, "1, 1, 100, 2, 7, 700, NULL, 7000000000, 4, 1");    /* scaled before */
    insert_record(database, "1, 2, 8000000000, 3, NULL, 64, NULL, NULL, NULL, 0"); /* no packets, no times */
    insert_record(database, "1, 3, 100, 1, 5, 500, 0, 1, NULL, 1");
    insert_record(database, "1, 3, 100, 1, 6, 600, 1, 1, NULL, 1");
    insert_record(database, "1, 4, 100, 1, 1, 10, 1, 1, NULL, 0");
    insert_record(database, "1, 5, 100, 1, 9223372036854775807, 9223372036854775807, NULL, 1, 1000, 0");
    insert_record(database, "1, 5, 100, 1, 9223372036854775807, 1, NULL, 1, NULL, 0");
    insert_record(database, "2, 11, 100, 1, 1, 40, NULL, 1, NULL, 0");
    fixture_sql(database,
                "INSERT INTO sflow_sample (session_id, exporter_id, recv_ns, flow_id, sequence, source_id, "
                "sampling_rate, sample_pool, drops, frame_bytes, stripped) VALUES "
                "(1, 6, 3, 1, 1, 1, 64, 1, 0, 104, 4), (1, 6, 9, NULL, 2, 1, 64, 1, 0, NULL, NULL)");
    for (int session = 1; session <= 2; session++) {
        fixture_sql(database,
                    "INSERT INTO capture VALUES (%d, %d, 'tap1', 'station', NULL, 1, 0, 0, 0, 0, 0, 0), "
                    "(%d, %d, 'port', 'port', NULL, NULL, 0, 0, 0, 0, 0, 0)",
                    session, session, session + 10, session);
        fixture_sql(database,
                    "INSERT INTO truth VALUES (%d, %d, 0, 1, 0, 11, 1100, 0, 1, 2), (%d, %d, 1, 1, 0, 10, "
                    "1000, 0, 1, "
                    "2), (%d, %d, 0, 1, 0, 99, 9900, 0, 1, 2)",
                    session, session, session, session, session, session + 10);
    }
    sqlite3_close(database);
    return 0;
}

static int remove_database(void **state) {
    (void)state;
    remove(path);
    return 0;
}

/* ---- asking ---- */

static struct read_flow found[64];
static size_t found_count;

static int take(const struct read_flow *flow, void *context) {
    (void)context;
    assert_in_range(found_count, 0, sizeof found / sizeof *found - 1);
    found[found_count++] = *flow;
    return 0;
}

/* Asks session 1 with 'source' by 'keys' (NULL: row by row) and lets 'query' say the rest. */
static void ask(struct read_flow_query *query, const char *source, const char *keys) {
    struct error error = {""};
    struct reader *reader = reader_open(path, &error);
    assert_non_null(reader);
    if (source != NULL) {
        assert_int_equal(flows_parse_source(source, query, &error), 0);
    }
    if (keys != NULL) {
        assert_int_equal(flows_parse_keys(keys, query, &error), 0);
    }
    found_count = 0;
    if (reader_each_flow(reader, query, take, NULL, &error) != 0) {
        fail_msg("%s", error.text);
    }
    reader_close(reader);
}

static struct read_flow_query plain(void) {
    return (struct read_flow_query){.session_id = 1, .from_ns = READ_NULL, .to_ns = READ_NULL, .limit = -1};
}

/* ---- sums ---- */

static void counts_are_scaled_by_the_records_rate_else_the_exporters_unless_they_were(void **state) {
    (void)state;
    struct read_flow_query query = plain();
    ask(&query, "netflow9@192.0.2.1", NULL);
    assert_int_equal(found_count, 3);
    assert_int_equal(found[0].packets, 30);
    assert_int_equal(found[0].bytes, 3000);
    assert_int_equal(found[1].packets, 8);
    assert_int_equal(found[2].packets, 7);
    query = plain();
    query.raw = true;
    ask(&query, "netflow9@192.0.2.1", NULL);
    assert_int_equal(found[0].packets, 3);
    assert_int_equal(found[1].bytes, 100);
}

static void samples_count_their_rate_and_the_frame_without_what_was_stripped(void **state) {
    (void)state;
    struct read_flow_query query = plain();
    ask(&query, "sflow", NULL);
    assert_int_equal(found_count, 2);
    assert_int_equal(found[0].packets, 64);
    assert_int_equal(found[0].bytes, 6400);
    assert_int_equal(found[1].bytes, READ_NULL);
    query = plain();
    query.raw = true;
    ask(&query, "sflow5", "proto");
    assert_int_equal(found_count, 2);
    assert_int_equal(found[0].packets, 1);
    assert_int_equal(found[0].bytes, 100);
    assert_int_equal(found[1].keys[0].kind, READ_VALUE_NULL);
}

static void sums_stop_at_the_largest_number(void **state) {
    (void)state;
    struct read_flow_query query = plain();
    ask(&query, "netflow7", "proto");
    assert_int_equal(found_count, 1);
    assert_int_equal(found[0].packets, INT64_MAX);
    assert_int_equal(found[0].bytes, INT64_MAX);
}

static void sources_are_never_added_and_layers_that_differ_are_said(void **state) {
    (void)state;
    struct read_flow_query query = plain();
    query.sort = READ_SORT_BYTES;
    ask(&query, NULL, "exporter");
    assert_int_equal(found_count, 6);
    query = plain();
    query.grouped = true;
    ask(&query, NULL, NULL);
    assert_int_equal(found_count, 4);
    query = plain();
    query.grouped = true;
    ask(&query, "netflow9", NULL);
    assert_int_equal(found_count, 1);
    assert_string_equal(found[0].layer, "mixed");
    assert_int_equal(found[0].flows, 4);
    assert_int_equal(found[0].packets, 45);
    assert_int_equal(found[0].bytes, 3000 + 400 + 700 + 64);
    assert_int_equal(found[0].first_ns, 5 * SECOND);
    assert_int_equal(found[0].last_ns, 8 * SECOND);
    query = plain();
    query.grouped = true;
    ask(&query, "netflow9@192.0.2.2", NULL);
    assert_int_equal(found[0].packets, READ_NULL);
    query = plain();
    query.grouped = true;
    query.session_id = READ_NULL;
    ask(&query, "netflow9", NULL);
    assert_int_equal(found[0].flows, 5);
}

static void each_packet_is_taken_once(void **state) {
    (void)state;
    static const struct {
        enum read_direction direction;
        int64_t ipfix, truth, offered; /* packets; the same truth in session 2, whose rule is the other */
    } cases[] = {{READ_DIRECTION_ONCE, 5 + 1, 10, 11},
                 {READ_DIRECTION_INGRESS, 5, 11 + 99, 11 + 99},
                 {READ_DIRECTION_EGRESS, 6 + 1, 10, 10},
                 {READ_DIRECTION_ALL, 5 + 6 + 1, 11 + 10 + 99, 11 + 10 + 99}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct read_flow_query query = plain();
        query.direction = cases[i].direction;
        ask(&query, "ipfix", "proto");
        assert_int_equal(found[0].packets, cases[i].ipfix);
        query = plain();
        query.direction = cases[i].direction;
        ask(&query, "truth", "proto");
        assert_int_equal(found[0].packets, cases[i].truth);
        query = plain();
        query.session_id = 2;
        query.direction = cases[i].direction;
        ask(&query, "truth", "proto");
        assert_int_equal(found[0].packets, cases[i].offered);
    }
}

static void a_row_belongs_to_the_moment_of_its_end(void **state) {
    (void)state;
    struct read_flow_query query = plain();
    query.from_ns = 6 * SECOND;
    query.to_ns = 8 * SECOND;
    ask(&query, "netflow9", NULL);
    assert_int_equal(found_count, 2);
    query = plain();
    query.from_ns = 8 * SECOND;
    ask(&query, "netflow9", NULL);
    assert_int_equal(found_count, 1);
}

static void nets_are_cut_by_bits_for_both_families(void **state) {
    (void)state;
    static const uint8_t six[] = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0xf0};
    struct read_flow_query query = plain();
    query.sort = READ_SORT_PACKETS;
    ask(&query, "netflow9@192.0.2.1", "dstnet/23/60,srcnet/25");
    assert_int_equal(found_count, 2);
    assert_int_equal(found[0].packets, 38);
    assert_memory_equal(found[0].keys[0].bytes, ((uint8_t[]){10, 1, 2, 0}), 4);
    assert_memory_equal(found[0].keys[1].bytes, ((uint8_t[]){10, 1, 2, 128}), 4);
    assert_int_equal(found[1].keys[0].size, 16);
    assert_memory_equal(found[1].keys[0].bytes, six, sizeof six);
    assert_memory_equal(found[1].keys[0].bytes + 8, ((uint8_t[8]){0}), 8);
}

static void ports_are_of_what_has_ports_and_icmp_has_its_type(void **state) {
    (void)state;
    struct read_flow_query query = plain();
    ask(&query, "netflow9@192.0.2.2", "dstport,icmp,proto");
    assert_int_equal(found[0].keys[0].kind, READ_VALUE_NULL);
    assert_int_equal(found[0].keys[1].number, 2048);
    assert_string_equal(found[0].keys[2].text, "icmp");
}

static void every_sort_and_every_key_is_a_statement_that_runs(void **state) {
    (void)state;
    for (int sort = READ_SORT_TIME; sort <= READ_SORT_FLOWS; sort++) {
        struct read_flow_query query = plain();
        query.sort = (enum read_sort)sort;
        query.limit = 3;
        ask(&query, NULL,
            "flow,icmp,srcnet,dstnet,srcas,dstas,inif,outif,srcmac,dstmac,vlan,tos,ttl,flags,nexthop,"
            "exporter,"
            "direction,rate,session");
        assert_int_equal(found_count, 3);
    }
    struct read_flow_query query = plain();
    struct error error;
    assert_int_equal(flows_parse_source("truth", &query, &error), 0);
    ask(&query, "sflow", "flow,exporter,session,rate,nexthop,vlan,srcmac");
    assert_int_equal(found_count, 3);
}

/* ---- arguments ---- */

static void keys_and_sources_that_are_none_are_refused(void **state) {
    (void)state;
    static const char *const keys[] = {
        "",         "foo",         "srcip,",     "srcip/24",       "srcnet/33", "srcnet/24/129",
        "srcnet/x", "srcip,srcip", "flow,proto", "srcnet/24/48/1", "srcnet/-1"};
    static const char *const sources[] = {"",          "foo", "sflow@", "sflow@x", "truth@10.0.0.1",
                                          "netflow10", "sflo"};
    struct error error;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct read_flow_query query = plain();
        error.text[0] = '\0';
        assert_int_not_equal(flows_parse_keys(keys[i], &query, &error), 0);
        assert_non_null(strstr(error.text, "--by"));
    }
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        struct read_flow_query query = plain();
        assert_int_not_equal(flows_parse_source(sources[i], &query, &error), 0);
        assert_int_equal(query.source_count, 0);
    }
}

static void moments_are_read_as_people_write_them(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t time_ns;
    } good[] = {
        {"now", 1000 * SECOND},
        {"-10m", 400 * SECOND},
        {"-1.5s", 1000 * SECOND - 3 * SECOND / 2},
        {"-0.25h", 100 * SECOND},
        {"2026-11-22T10:33:16Z", 1795343596 * SECOND},
        {"2026-11-22 10:33:16.25Z", 1795343596 * SECOND + SECOND / 4},
        {"2026-11-22T10:33Z", 1795343580 * SECOND},
        {"2026-11-22T10:33+01:00", 1795339980 * SECOND},
        {"2026-11-22T10:33-0530", 1795363380 * SECOND},
        {"2026-11-22 11:33", 1795343580 * SECOND}, /* local: an hour before UTC, see main() */
        {"2026-11-22", 1795302000 * SECOND},
    };
    static const char *const bad[] = {"",
                                      "10m",
                                      "-",
                                      "-10x",
                                      "2026",
                                      "2026-13-01",
                                      "2026-02-30",
                                      "2026-11-22T",
                                      "2026-11-22T25:00",
                                      "2026-11-22T10",
                                      "2026-11-22T10:33:16+",
                                      "2026-11-22T10:33 foo",
                                      "-nan",
                                      "-1e300"};
    struct error error;
    int64_t time_ns;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(flows_parse_time("--from", good[i].text, 1000 * SECOND, &time_ns, &error), 0);
        if (time_ns != good[i].time_ns) {
            fail_msg("'%s' is %lld", good[i].text, (long long)time_ns);
        }
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (flows_parse_time("--from", bad[i], 1000 * SECOND, &time_ns, &error) == 0) {
            fail_msg("'%s' is %lld", bad[i], (long long)time_ns);
        }
    }
}

int main(void) {
    setenv("TZ", "XXX-1", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_scaled_by_the_records_rate_else_the_exporters_unless_they_were),
        cmocka_unit_test(samples_count_their_rate_and_the_frame_without_what_was_stripped),
        cmocka_unit_test(sums_stop_at_the_largest_number),
        cmocka_unit_test(sources_are_never_added_and_layers_that_differ_are_said),
        cmocka_unit_test(each_packet_is_taken_once),
        cmocka_unit_test(a_row_belongs_to_the_moment_of_its_end),
        cmocka_unit_test(nets_are_cut_by_bits_for_both_families),
        cmocka_unit_test(ports_are_of_what_has_ports_and_icmp_has_its_type),
        cmocka_unit_test(every_sort_and_every_key_is_a_statement_that_runs),
        cmocka_unit_test(keys_and_sources_that_are_none_are_refused),
        cmocka_unit_test(moments_are_read_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, make_database, remove_database);
}
