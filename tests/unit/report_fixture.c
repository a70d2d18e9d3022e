#include "report_fixture.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND     1000000000LL
#define SECONDS    20
#define MAIN_FLOWS 60

/* SplitMix64: the same numbers everywhere. */
static uint64_t random_state;

static double draw(void) {
    uint64_t z = random_state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

void fixture_sql(sqlite3 *database, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *sql = sqlite3_vmprintf(format, arguments);
    va_end(arguments);
    char *message = NULL;
    if (sql == NULL || sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK) {
        fprintf(stderr, "fixture: %s: %s\n", sql, message == NULL ? "" : message);
        abort();
    }
    sqlite3_free(sql);
}

sqlite3 *fixture_open(const char *path) {
    remove(path);
    FILE *file = fopen(NSMON_SOURCE_DIR "/collector/store/schema.sql", "re");
    static char schema[65536];
    size_t size = file == NULL ? 0 : fread(schema, 1, sizeof schema - 1, file);
    if (file != NULL) {
        fclose(file);
    }
    schema[size] = '\0';
    sqlite3 *database = NULL;
    if (size == 0 || sqlite3_open(path, &database) != SQLITE_OK) {
        fprintf(stderr, "fixture: can't make %s\n", path);
        abort();
    }
    fixture_sql(database, "%s", schema);
    fixture_sql(database, "PRAGMA user_version = 3");
    return database;
}

struct fixture_flow {
    long long id;
    int family; /* 4, 6, or 0: ARP */
    int protocol;
    int way; /* 1: out of station 1 */
    long long packets, frame_bytes;
    long long first_second, seconds;
};

struct making {
    sqlite3 *database;
    const struct fixture_settings *settings;
    long long session, start_ns, first_exporter, first_capture;
};

static void insert_flow(struct making *making, const struct fixture_flow *flow, int sport, int dport) {
    if (flow->family == 0) {
        fixture_sql(making->database,
                    "INSERT OR IGNORE INTO flow VALUES (%lld, 2054, 0, x'', x'', 0, 0, 'arp', NULL, NULL)",
                    flow->id);
        return;
    }
    const char *proto = flow->protocol == 17 ? "udp" : flow->protocol == 6 ? "tcp" : "icmp6";
    const char *src = flow->family == 4 ? "0a00000" : "fd00000100000000000000000000000";
    const char *text = flow->family == 4 ? "10.0.0." : "fd00:1::";
    fixture_sql(
        making->database,
        "INSERT OR IGNORE INTO flow VALUES (%lld, %d, %d, x'%s%d', x'%s%d', %d, %d, '%s', '%s%d', '%s%d')",
        flow->id, flow->family == 4 ? 0x0800 : 0x86dd, flow->protocol, src, flow->way, src, 3 - flow->way,
        sport, dport, proto, text, flow->way, text, 3 - flow->way);
}

/* How many packets of 'flow' go in its second 'number': all of them in all. */
static long long packets_in(const struct fixture_flow *flow, long long number) {
    return flow->packets * (number + 1) / flow->seconds - flow->packets * number / flow->seconds;
}

static void insert_truth(struct making *making, const struct fixture_flow *flow) {
    long long lost = flow->way == 1 && flow->packets > 1000 ? making->settings->switch_loss : 0;
    for (long long i = 0; i < flow->seconds; i++) {
        long long packets = packets_in(flow, i);
        long long bucket = making->start_ns + (flow->first_second + i) * SECOND;
        for (int direction = 0; direction < 2 && packets > 0; direction++) {
            long long station = direction == 0 ? flow->way : 3 - flow->way;
            long long seen = packets + (direction == 0 && i == 0 ? lost : 0);
            fixture_sql(making->database,
                        "INSERT INTO truth VALUES (%lld, %lld, %d, %lld, %lld, %lld, %lld, %f, %lld, %lld)",
                        making->session, making->first_capture + station - 1, direction, flow->id, bucket,
                        seen, seen * flow->frame_bytes,
                        (double)seen * (double)(flow->frame_bytes * flow->frame_bytes),
                        bucket + 1000 * (direction + 1), bucket + SECOND - 5000 + direction);
        }
    }
}

static long long sample(long long packets, long long rate) {
    long long count = 0;
    for (long long i = 0; i < packets; i++) {
        count += draw() * (double)rate < 1.0;
    }
    return count;
}

static void insert_sflow(struct making *making, const struct fixture_flow *flow, long long real_rate) {
    for (long long i = 0; i < flow->seconds; i++) {
        long long samples = sample(packets_in(flow, i), real_rate);
        if (samples > 0) {
            long long at = making->start_ns + (flow->first_second + i) * SECOND + SECOND / 2;
            fixture_sql(
                making->database,
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %lld) "
                "INSERT INTO sflow_sample (session_id, exporter_id, recv_ns, flow_id, sequence, source_id, "
                "sampling_rate, sample_pool, drops, frame_bytes, stripped) "
                "SELECT %lld, %lld, %lld + i, %lld, i, 0, %lld, 0, 0, %lld, 4 FROM n",
                samples, making->session, making->first_exporter, at, flow->id, making->settings->rate,
                flow->frame_bytes + 4);
        }
    }
}

static void insert_record(struct making *making, const struct fixture_flow *flow, long long exporter,
                          long long first, long long last, long long packets, const char *direction,
                          long long rate) {
    long long begin = making->start_ns + (flow->first_second + first) * SECOND;
    long long end = making->start_ns + (flow->first_second + last) * SECOND;
    char rate_text[32] = "NULL";
    if (rate > 1) {
        snprintf(rate_text, sizeof rate_text, "%lld", (long long)rate);
    }
    fixture_sql(
        making->database,
        "INSERT INTO flow_record (session_id, exporter_id, recv_ns, flow_id, packets, bytes, direction, "
        "start_ns, end_ns, sampling_rate, rate_source, scaled) "
        "VALUES (%lld, %lld, %lld, %lld, %lld, %lld, %s, %lld, %lld, %s, 3, %d)",
        making->session, making->first_exporter + exporter, end + 200000000, flow->id, packets,
        packets * flow->frame_bytes, direction, begin, end, rate_text, rate > 1);
}

/* Five seconds a record; each source draws its samples for itself. */
static void insert_records(struct making *making, const struct fixture_flow *flow, long long real_rate) {
    const struct fixture_settings *settings = making->settings;
    for (long long first = 0; first < flow->seconds; first += 5) {
        long long last = first + 5 < flow->seconds ? first + 5 : flow->seconds;
        long long packets = 0;
        for (long long i = first; i < last; i++) {
            packets += packets_in(flow, i);
        }
        bool lost = settings->lose_netflow && last == flow->seconds && flow->packets > 1000;
        if (packets > 0 && flow->family == 4 && !lost) {
            insert_record(making, flow, 1, 0, last, packets, "NULL", 1);
        }
        long long ingress = sample(packets, real_rate);
        long long egress = sample(packets, real_rate);
        if (ingress > 0) {
            insert_record(making, flow, 2, first, last, ingress * settings->rate, "0", settings->rate);
        }
        if (egress > 0) {
            insert_record(making, flow, 2, first, last, egress * settings->rate,
                          settings->egress_counted ? "0" : "1", settings->rate);
        }
    }
}

static void insert_exporters(struct making *making) {
    static const char *const protocols[] = {"sflow5", "netflow5", "ipfix"};
    char rate[32];
    snprintf(rate, sizeof rate, "%lld", making->settings->rate);
    for (int i = 0; i < 3; i++) {
        fixture_sql(
            making->database,
            "INSERT INTO exporter VALUES (%lld, %lld, '%s', x'7f000001', %d, 'udp/127.0.0.1:4000%d>"
            "127.0.0.1:%d', 'openvswitch', 'frames carry <layer 2> & FCS', 0, 'l2', %s, 'config', %d, %lld, "
            "%lld)",
            making->first_exporter + i, making->session, protocols[i], i, i, i == 0 ? 6343 : 2055,
            i == 1 ? "NULL" : rate, i == 2, making->start_ns, making->start_ns + SECONDS * SECOND);
        fixture_sql(making->database,
                    "INSERT INTO exporter_health VALUES (%lld, %lld, %d, %d, %d, %d, '%s', 0, 0, 0, 0, 0, 0, "
                    "0, 0, 0, 0)",
                    making->first_exporter + i, making->start_ns + 10 * SECOND, 1, 1, 1, 0, "datagrams");
        fixture_sql(making->database,
                    "INSERT INTO exporter_health VALUES (%lld, %lld, %d, %d, %d, %d, '%s', 0, 0, 0, 0, 0, 0, "
                    "0, 0, 0, 0)",
                    making->first_exporter + i, making->start_ns + 20 * SECOND, 100 + i, 50000 + i, 400,
                    i == 1 && making->settings->lose_netflow ? 17 : 0, i == 0 ? "datagrams" : "records");
    }
}

static void insert_session(struct making *making) {
    const struct fixture_settings *settings = making->settings;
    char *label = sqlite3_mprintf("%Q", settings->label);
    fixture_sql(making->database,
                "INSERT INTO session VALUES (%lld, %s, 'lab', '%s', 'ns', %lld, %s, NULL, NULL, '%s', '{}')",
                making->session, label, settings->running ? "running" : "stopped", making->start_ns,
                settings->running ? "NULL" : "1700000130000000000",
                settings->offered ? "offered" : "delivered");
    sqlite3_free(label);
    if (!settings->running) {
        fixture_sql(making->database,
                    "UPDATE session SET window_start_ns = %lld, window_end_ns = %lld WHERE id = %lld",
                    making->start_ns - SECOND, making->start_ns + 25 * SECOND, making->session);
    }
    for (int i = 0; i < 2; i++) {
        fixture_sql(
            making->database,
            "INSERT INTO capture VALUES (%lld, %lld, 'tap%d', 'station', x'02000000000%d', %d, 1000, 0, 0, "
            "1000, 0, 0)",
            making->first_capture + i, making->session, i + 1, i + 1, i + 1);
    }
}

/* The 'number'th flow: four decades of size, UDP and TCP, IPv4 and IPv6. */
static struct fixture_flow main_flow(const struct making *making, int number) {
    long long scale = making->settings->flow_scale > 0 ? making->settings->flow_scale : 1;
    struct fixture_flow flow = {.id = making->session * 1000 + number,
                                .family = number % 3 == 2 ? 6 : 4,
                                .protocol = number % 2 == 0 ? 17 : 6,
                                .way = number % 5 == 4 ? 2 : 1,
                                .packets = scale * (long long)pow(10.0, 0.5 + 3.5 * number / MAIN_FLOWS),
                                .frame_bytes = 64 + (number * 397) % 1450,
                                .first_second = number % 7,
                                .seconds = 1 + number % 13};
    return flow;
}

/* Four seconds of the endpoints: a delay of 100 us, of every 20th datagram 5 ms, of which all but 20 us were
 * spent in the switch. */
static void insert_delays(struct making *making) {
    fixture_sql(
        making->database,
        "INSERT INTO traffic_interval SELECT %lld, %lld + column1 * %lld, %lld + (column1 + 1) * %lld, 1000, "
        "125000, 1000, 125000, iif(column1 = 2, NULL, 100000), iif(column1 = 2, NULL, 5000000), 5000000, "
        "iif(column1 = 3, NULL, 8), iif(column1 = 3, NULL, column1 * 10), iif(column1 = 3, NULL, 1000000), "
        "iif(column1 = 3, NULL, iif(column1 = 1, 9000000, 3000000)), NULL, NULL, NULL, NULL, NULL "
        "FROM (VALUES (0), (1), (2), (3))",
        making->session, making->start_ns, SECOND, making->start_ns, SECOND);
    fixture_sql(
        making->database,
        "INSERT INTO traffic_histogram VALUES (%lld, 100000, 100001, 3800), (%lld, 5000000, 5000001, 200)",
        making->session, making->session);
    fixture_sql(making->database,
                "INSERT INTO traffic_loss VALUES (%lld, 1, 1, 40), (%lld, 3, 4, 2), (%lld, 4194305, NULL, 1)",
                making->session, making->session, making->session);
    fixture_sql(making->database,
                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199) "
                "INSERT INTO traffic_stamp SELECT %lld, 0, i, %lld + i * 1000, %lld + i * 1000 + 15000, "
                "iif(i = 7, NULL, %lld + i * 1000 + iif(i %% 20 = 0, 4995000, 95000)), "
                "%lld + i * 1000 + iif(i %% 20 = 0, 5000000, 100000) FROM n",
                making->session, making->start_ns, making->start_ns, making->start_ns, making->start_ns);
}

static void insert_stages(struct making *making) {
    static const char *const ways[] = {"ns1>ns2", "ns2>ns1"};
    for (int way = 0; way < 2; way++) {
        fixture_sql(making->database,
                    "INSERT INTO stage SELECT %lld, s.column1, '%s', sum(packets), sum(bytes), "
                    "'Open vSwitch, port counters' FROM truth, (VALUES ('switch_in'), ('switch_out')) s "
                    "WHERE session_id = %lld AND direction = 1 AND capture_id = %lld GROUP BY s.column1",
                    making->session, ways[way], making->session, making->first_capture + 1 - way);
    }
    fixture_sql(making->database,
                "INSERT INTO traffic_run VALUES (%lld, %lld, 'mixed', 1, %lld, NULL, '{}', NULL, 1500000000, "
                "700000000, 1, 16, 3, 2000, 40000, 300000)",
                making->session, making->session, making->start_ns);
    fixture_sql(
        making->database,
        "INSERT INTO traffic_flow (run_id, number, flow_id, sent_packets, sent_bytes, received_packets, "
        "received_bytes, lost, duplicated, reordered) "
        "SELECT %lld, f.id, f.id, iif(f.proto = 'udp', sum(t.packets), NULL), sum(t.bytes) - 42 * "
        "sum(t.packets), "
        "iif(f.proto = 'udp', sum(t.packets), NULL), sum(t.bytes) - 42 * sum(t.packets), 0, 0, 0 "
        "FROM flow f JOIN truth t ON t.flow_id = f.id WHERE t.session_id = %lld AND t.direction = 0 "
        "GROUP BY f.id",
        making->session, making->session);
    insert_delays(making);
}

void fixture_session(sqlite3 *database, long long id, const struct fixture_settings *settings) {
    struct making making = {.database = database,
                            .settings = settings,
                            .session = id,
                            .start_ns = (FIXTURE_START_S + 100 * id) * SECOND,
                            .first_exporter = id * 10,
                            .first_capture = id * 10};
    long long real_rate = settings->real_rate > 0 ? settings->real_rate : settings->rate;
    random_state = 20;
    fixture_sql(database, "BEGIN");
    insert_session(&making);
    if (!settings->no_exporters) {
        insert_exporters(&making);
    }
    for (int i = 0; i < MAIN_FLOWS + 2; i++) {
        struct fixture_flow flow = main_flow(&making, i);
        if (i >= MAIN_FLOWS) {
            flow = (struct fixture_flow){.id = making.session * 1000 + i,
                                         .family = i == MAIN_FLOWS ? 0 : 6,
                                         .protocol = i == MAIN_FLOWS ? 0 : 58,
                                         .way = 1,
                                         .packets = 4,
                                         .frame_bytes = 60,
                                         .seconds = 2};
        }
        insert_flow(&making, &flow, i < MAIN_FLOWS ? 40000 + i : 0, i < MAIN_FLOWS ? 5000 : 135 << 8);
        if (!settings->no_truth) {
            insert_truth(&making, &flow);
        }
        if (!settings->no_rows && !settings->no_exporters) {
            insert_sflow(&making, &flow, real_rate);
            insert_records(&making, &flow, real_rate);
        }
    }
    if (!settings->no_truth) {
        insert_stages(&making);
    }
    fixture_sql(database, "COMMIT");
}
