/* The filter: its grammar, and what SQLite finds by it against a look at every row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/prefix.h"
#include "report_fixture.h"
#include "reports/flows/filter.h"

#define ROWS    1200
#define BASE_NS INT64_C(1700000000000000000)
#define NONE    INT64_MIN

/* ---- random rows ---- */

struct row {
    bool sample, has_flow;
    int ethertype, protocol;
    struct ip_address src, dst;
    int sport, dport;
    int64_t vlan, tos, flags, src_as, dst_as, input, output, packets, bytes, rate;
    int exporter;
};

static struct row rows[ROWS];
static char path[64];
static uint64_t random_state = 1;

/* SplitMix64, below 'limit'. */
static unsigned int draw(unsigned int limit) {
    uint64_t z = random_state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (unsigned int)((z ^ (z >> 31)) % limit);
}

/* Addresses close to each other, of both families with the same first bytes, so that nets cut between them.
 */
static struct ip_address draw_address(uint8_t family) {
    static const uint8_t firsts[] = {10, 10, 127, 172, 192, 0x20};
    struct ip_address address = {.family = family};
    address.bytes[0] = firsts[draw(6)];
    address.bytes[1] = (uint8_t)(draw(4) * 64);
    address.bytes[2] = (uint8_t)draw(2);
    address.bytes[3] = (uint8_t)draw(4);
    if (family == 6) {
        address.bytes[15] = (uint8_t)draw(3);
    }
    return address;
}

static int64_t draw_or_none(unsigned int limit) {
    return draw(4) == 0 ? NONE : (int64_t)draw(limit);
}

static void draw_row(struct row *row) {
    static const int protocols[] = {1, 6, 6, 17, 17, 58, 132, 47};
    static const int ports[] = {0, 53, 80, 443, 1024, 2048, 65535};
    *row = (struct row){.sample = draw(2) == 0, .has_flow = draw(12) != 0, .exporter = (int)draw(2)};
    unsigned int kind = draw(10);
    uint8_t family = kind < 5 ? 4 : kind < 9 ? 6 : 0;
    row->ethertype = family == 4 ? 0x0800 : family == 6 ? 0x86dd : draw(2) == 0 ? 0x0806 : 0x88cc;
    if (family != 0) {
        row->protocol = protocols[draw(8)];
        row->src = draw_address(family);
        row->dst = draw_address(family);
        row->sport = ports[draw(7)];
        row->dport = ports[draw(7)];
    }
    row->vlan = draw_or_none(4);
    row->tos = draw_or_none(3);
    row->flags = draw_or_none(64);
    row->src_as = row->sample ? NONE : draw_or_none(3);
    row->dst_as = row->sample ? NONE : draw_or_none(3);
    row->input = draw_or_none(4);
    row->output = draw_or_none(4);
    row->rate = 1 + (int64_t)draw(20);
    row->packets = row->sample ? 1 : draw_or_none(100);
    row->bytes = draw_or_none(2000);
}

static void bind_number(sqlite3_stmt *statement, int place, int64_t value) {
    if (value == NONE) {
        sqlite3_bind_null(statement, place);
    } else {
        sqlite3_bind_int64(statement, place, value);
    }
}

static void insert_flow(sqlite3 *database, int number, const struct row *row) {
    sqlite3_stmt *statement = NULL;
    sqlite3_prepare_v2(database, "INSERT OR IGNORE INTO flow VALUES (NULL, ?, ?, ?, ?, ?, ?, '', '', '')", -1,
                       &statement, NULL);
    int size = row->src.family == 4 ? 4 : row->src.family == 6 ? 16 : 0;
    sqlite3_bind_int(statement, 1, row->ethertype);
    sqlite3_bind_int(statement, 2, row->protocol);
    sqlite3_bind_blob(statement, 3, row->src.bytes, size, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 4, row->dst.bytes, size, SQLITE_STATIC);
    sqlite3_bind_int(statement, 5, row->sport);
    sqlite3_bind_int(statement, 6, row->dport);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
    const char *table = row->sample ? "sflow_sample" : "flow_record";
    char sql[512];
    snprintf(sql, sizeof sql,
             "UPDATE %s SET flow_id = (SELECT id FROM flow WHERE ethertype = ?1 AND protocol = ?2 AND src = "
             "?3 AND "
             "dst = ?4 AND sport = ?5 AND dport = ?6) WHERE recv_ns = ?7",
             table);
    sqlite3_prepare_v2(database, sql, -1, &statement, NULL);
    sqlite3_bind_int(statement, 1, row->ethertype);
    sqlite3_bind_int(statement, 2, row->protocol);
    sqlite3_bind_blob(statement, 3, row->src.bytes, size, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 4, row->dst.bytes, size, SQLITE_STATIC);
    sqlite3_bind_int(statement, 5, row->sport);
    sqlite3_bind_int(statement, 6, row->dport);
    sqlite3_bind_int64(statement, 7, BASE_NS + number);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
}

/* A row is known again by the time of its receipt. */
static void insert_row(sqlite3 *database, int number, const struct row *row) {
    sqlite3_stmt *statement = NULL;
    const char *sql = row->sample ? "INSERT INTO sflow_sample (session_id, sequence, source_id, sample_pool, "
                                    "drops, input_kind, output_kind, "
                                    "stripped, exporter_id, recv_ns, vlan, tos, tcp_flags, input, output, "
                                    "sampling_rate, frame_bytes) "
                                    "VALUES (1, 1, 1, 1, 0, 0, 0, 4, ?, ?, ?, ?, ?, ?, ?, ?, ? + 4)"
                                  : "INSERT INTO flow_record (session_id, rate_source, scaled, exporter_id, "
                                    "recv_ns, vlan, tos, tcp_flags, "
                                    "input, output, sampling_rate, bytes, packets, src_as, dst_as) "
                                    "VALUES (1, 1, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    const int64_t values[] = {row->exporter + 1, BASE_NS + number, row->vlan,   row->tos,
                              row->flags,        row->input,       row->output, row->rate,
                              row->bytes,        row->packets,     row->src_as, row->dst_as};
    for (int i = 0; i < (row->sample ? 9 : 12); i++) {
        bind_number(statement, i + 1, values[i]);
    }
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
    if (row->has_flow) {
        insert_flow(database, number, row);
    }
}

static int make_database(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/nsmon-filter-%d.db", (int)getpid());
    sqlite3 *database = fixture_open(path);
    fixture_sql(database,
                "BEGIN; INSERT INTO session VALUES (1, NULL, 'collect', 'stopped', NULL, 1, 2, NULL, NULL, "
                "'delivered', '{}')");
    for (int i = 0; i < 2; i++) {
        fixture_sql(database,
                    "INSERT INTO exporter (id, session_id, protocol, agent, domain, transport, dialect, "
                    "dialect_override, byte_layer, sampling_source, scaled, first_ns, last_ns) VALUES (%d, "
                    "1, 'ipfix', "
                    "x'%s', 0, '', 'generic', 0, 'l2', 'record', 0, 1, 2)",
                    i + 1, i == 0 ? "c0000201" : "20010db8000000000000000000000001");
    }
    for (int i = 0; i < ROWS; i++) {
        draw_row(&rows[i]);
        insert_row(database, i, &rows[i]);
    }
    fixture_sql(database, "COMMIT");
    sqlite3_close(database);
    return 0;
}

static int remove_database(void **state) {
    (void)state;
    remove(path);
    return 0;
}

/* ---- what each primitive means, said once more ---- */

static bool in(const struct row *row, bool src, const char *net) {
    struct ip_prefix prefix;
    assert_int_equal(ip_prefix_parse(net, &prefix, NULL), 0);
    const struct ip_address *address = src ? &row->src : &row->dst;
    return row->has_flow && address->family == prefix.address.family && ip_prefix_contains(&prefix, address);
}

static bool ip(const struct row *row, int family, int protocol) {
    return row->has_flow && row->src.family != 0 && (family == 0 || row->src.family == family) &&
           row->protocol == protocol;
}

static bool type(const struct row *row, int ethertype) {
    return row->has_flow && row->ethertype == ethertype;
}

static bool ports(const struct row *row) {
    return ip(row, 0, 6) || ip(row, 0, 17) || ip(row, 0, 132);
}

static bool port(const struct row *row, bool src, int low, int high) {
    int value = src ? row->sport : row->dport;
    return ports(row) && value >= low && value <= high;
}

static bool is(int64_t value, int64_t low, int64_t high) {
    return value != NONE && value >= low && value <= high;
}

static int64_t scaled(const struct row *row, int64_t value) {
    return value == NONE ? NONE : value * row->rate;
}

#define SRC(net) in(r, true, net)
#define DST(net) in(r, false, net)
#define CASES(X)                                                                                             \
    X("", true)                                                                                              \
    X("host 10.64.0.1", SRC("10.64.0.1") || DST("10.64.0.1"))                                                \
    X("src host 10.64.0.1", SRC("10.64.0.1"))                                                                \
    X("dst 10.64.0.1", DST("10.64.0.1"))                                                                     \
    X("10.64.0.1", SRC("10.64.0.1") || DST("10.64.0.1"))                                                     \
    X("src or dst host 10.64.0.1", SRC("10.64.0.1") || DST("10.64.0.1"))                                     \
    X("src and dst net 10.0.0.0/8", SRC("10.0.0.0/8") && DST("10.0.0.0/8"))                                  \
    X("net 10.0.0.0/8", SRC("10.0.0.0/8") || DST("10.0.0.0/8"))                                              \
    X("src net 10.0.0.0/9", SRC("10.0.0.0/9"))                                                               \
    X("dst net 10.128.0.0/10", DST("10.128.0.0/10"))                                                         \
    X("src net 10.64.0.0/23", SRC("10.64.0.0/23"))                                                           \
    X("src net 10.64.0.2/31", SRC("10.64.0.2/31"))                                                           \
    X("net 0.0.0.0/0", SRC("0.0.0.0/0") || DST("0.0.0.0/0"))                                                 \
    X("net ::/0", SRC("::/0") || DST("::/0"))                                                                \
    X("src net a00::/8", SRC("a00::/8"))                                                                     \
    X("src net a40::/11", SRC("a40::/11"))                                                                   \
    X("dst net a40:1::/32", DST("a40:1::/32"))                                                               \
    X("dst host a40:1::2", DST("a40:1::2"))                                                                  \
    X("src net 10", SRC("10.0.0.0/8"))                                                                       \
    X("src net 10.64", SRC("10.64.0.0/16"))                                                                  \
    X("src net 10.64.1", SRC("10.64.1.0/24"))                                                                \
    X("src net 10.64.0.0 mask 255.255.0.0", SRC("10.64.0.0/16"))                                             \
    X("port 53", port(r, true, 53, 53) || port(r, false, 53, 53))                                            \
    X("src port 53", port(r, true, 53, 53))                                                                  \
    X("dst port 2048", port(r, false, 2048, 2048))                                                           \
    X("dst port 0", port(r, false, 0, 0))                                                                    \
    X("portrange 80-1024", port(r, true, 80, 1024) || port(r, false, 80, 1024))                              \
    X("src and dst portrange 80-1024", port(r, true, 80, 1024) && port(r, false, 80, 1024))                  \
    X("tcp dst port 443", ip(r, 0, 6) && port(r, false, 443, 443))                                           \
    X("udp portrange 0-53", ip(r, 0, 17) && (port(r, true, 0, 53) || port(r, false, 0, 53)))                 \
    X("ip6 src net a00::/8", type(r, 0x86dd) && SRC("a00::/8"))                                              \
    X("src port > 443", port(r, true, 444, 65535))                                                           \
    X("src port != 443", !port(r, true, 443, 443))                                                           \
    X("tcp", ip(r, 0, 6))                                                                                    \
    X("udp", ip(r, 0, 17))                                                                                   \
    X("sctp", ip(r, 0, 132))                                                                                 \
    X("icmp", ip(r, 4, 1))                                                                                   \
    X("icmp6", ip(r, 6, 58))                                                                                 \
    X("arp", type(r, 0x0806))                                                                                \
    X("lldp", type(r, 0x88cc))                                                                               \
    X("ip", type(r, 0x0800))                                                                                 \
    X("ip6", type(r, 0x86dd))                                                                                \
    X("ether proto 0x88cc", type(r, 0x88cc))                                                                 \
    X("proto 47", ip(r, 0, 47))                                                                              \
    X("proto gre", ip(r, 0, 47))                                                                             \
    X("proto \\tcp", ip(r, 0, 6))                                                                            \
    X("ip6 proto 6", ip(r, 6, 6))                                                                            \
    X("ip proto icmp6", ip(r, 4, 58))                                                                        \
    X("icmp-type 8", (ip(r, 0, 1) || ip(r, 0, 58)) && r->dport >> 8 == 8)                                    \
    X("src as 1", is(r->src_as, 1, 1))                                                                       \
    X("dst as > 0", is(r->dst_as, 1, 9))                                                                     \
    X("as 2", is(r->src_as, 2, 2) || is(r->dst_as, 2, 2))                                                    \
    X("in if 3", is(r->input, 3, 3))                                                                         \
    X("out if 3", is(r->output, 3, 3))                                                                       \
    X("if 3", is(r->input, 3, 3) || is(r->output, 3, 3))                                                     \
    X("in and out if 3", is(r->input, 3, 3) && is(r->output, 3, 3))                                          \
    X("vlan", is(r->vlan, 1, 4095))                                                                          \
    X("vlan 2", is(r->vlan, 2, 2))                                                                           \
    X("vlan and tcp", is(r->vlan, 1, 4095) && ip(r, 0, 6))                                                   \
    X("tos 1", is(r->tos, 1, 1))                                                                             \
    X("tos >= 0x1", is(r->tos, 1, 255))                                                                      \
    X("flags S", r->flags != NONE && (r->flags & 2) == 2)                                                    \
    X("flags SA", r->flags != NONE && (r->flags & 18) == 18)                                                 \
    X("flags 0x12", r->flags != NONE && (r->flags & 18) == 18)                                               \
    X("bytes > 1k", is(scaled(r, r->bytes), 1001, INT64_MAX))                                                \
    X("bytes<=1000", is(scaled(r, r->bytes), 0, 1000))                                                       \
    X("bytes < 1000", is(scaled(r, r->bytes), 0, 999))                                                       \
    X("packets >= 100", is(scaled(r, r->packets), 100, INT64_MAX))                                           \
    X("packets = 7", is(scaled(r, r->packets), 7, 7))                                                        \
    X("packets != 7", !is(scaled(r, r->packets), 7, 7))                                                      \
    X("bytes > 9223372036854775807", false)                                                                  \
    X("exporter 192.0.2.1", r->exporter == 0)                                                                \
    X("exporter 2001:db8::/32", r->exporter == 1)                                                            \
    X("not tcp", !ip(r, 0, 6))                                                                               \
    X("! ! tcp", ip(r, 0, 6))                                                                                \
    X("not src as 1", !is(r->src_as, 1, 1))                                                                  \
    X("not (src as 1 or tos 1)", !(is(r->src_as, 1, 1) || is(r->tos, 1, 1)))                                 \
    X("not (src as 1 and tos 1)", !(is(r->src_as, 1, 1) && is(r->tos, 1, 1)))                                \
    X("not host 10.64.0.1 and 10.64.0.2",                                                                    \
      !(SRC("10.64.0.1") || DST("10.64.0.1")) && (SRC("10.64.0.2") || DST("10.64.0.2")))                     \
    X("udp or tcp and dst port 53", (ip(r, 0, 17) || ip(r, 0, 6)) && port(r, false, 53, 53))                 \
    X("udp or (tcp and dst port 53)", ip(r, 0, 17) || (ip(r, 0, 6) && port(r, false, 53, 53)))               \
    X("dst port 53 && tcp || udp", (port(r, false, 53, 53) && ip(r, 0, 6)) || ip(r, 0, 17))                  \
    X("not udp and tos 1", !ip(r, 0, 17) && is(r->tos, 1, 1))                                                \
    X("not (udp and tos 1)", !(ip(r, 0, 17) && is(r->tos, 1, 1)))                                            \
    X("dst port 53 or 80", port(r, false, 53, 53) || port(r, false, 80, 80))                                 \
    X("tcp dst port 53 or 80", ip(r, 0, 6) && (port(r, false, 53, 53) || port(r, false, 80, 80)))            \
    X("src net 10.64.0.0/16 or a00::/8", SRC("10.64.0.0/16") || SRC("a00::/8"))

/* One switch over all cases: each says what its filter should find. */
static bool holds(size_t number, const struct row *r) {
    size_t i = 0;
#define HOLDS(text, condition)                                                                               \
    if (i++ == number) {                                                                                     \
        return (condition);                                                                                  \
    }
    CASES(HOLDS)
#undef HOLDS
    return false;
}

static const char *const texts[] = {
#define TEXT(text, condition) text,
    CASES(TEXT)
#undef TEXT
};

struct found {
    bool rows[ROWS];
    size_t count;
};

static int take(const struct read_flow *flow, void *context) {
    struct found *found = context;
    int64_t number = flow->first_ns - BASE_NS;
    assert_in_range(number, 0, ROWS - 1);
    assert_false(found->rows[number]);
    found->rows[number] = true;
    found->count++;
    return 0;
}

static void find(struct reader *reader, const struct read_filter *filter, int64_t session,
                 struct found *found) {
    struct error error = {""};
    const struct read_flow_query query = {
        .session_id = session, .from_ns = READ_NULL, .to_ns = READ_NULL, .limit = -1, .filter = filter};
    memset(found, 0, sizeof *found);
    int rc = reader_each_flow(reader, &query, take, found, &error);
    if (rc != 0) {
        fail_msg("%s", error.text);
    }
}

static void each_primitive_finds_what_a_look_at_every_row_finds(void **state) {
    (void)state;
    struct error error = {""};
    struct reader *reader = reader_open(path, &error);
    assert_non_null(reader);
    static struct read_filter filter;
    static struct found found;
    size_t trivial = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (filter_parse(texts[i], &filter, &error) != 0) {
            fail_msg("'%s': %s", texts[i], error.text);
        }
        find(reader, &filter, i % 2 == 0 ? 1 : READ_NULL, &found);
        for (size_t row = 0; row < ROWS; row++) {
            if (found.rows[row] != holds(i, &rows[row])) {
                fail_msg("'%s': row %zu is %s", texts[i], row, found.rows[row] ? "found" : "missed");
            }
        }
        trivial += found.count == 0 || found.count == ROWS;
    }
    /* "", and the bytes that nothing has: the others must tell rows apart, or they test nothing. */
    assert_int_equal(trivial, 2);
    reader_close(reader);
}

/* ---- grammar ---- */

static void an_error_says_where_and_what_was_expected(void **state) {
    (void)state;
    static const struct {
        const char *text, *where, *expected;
    } cases[] = {
        {"src foo", "column 5", "address expected, not 'foo'"},
        {"foo", "column 1", "primitive such as"},
        {"tcp and", "at its end", "primitive such as"},
        {"(tcp", "at its end", "')' expected"},
        {"tcp)", "column 4", "the end expected, not ')'"},
        {"()", "column 2", "primitive such as"},
        {"tcp udp", "column 5", "'and', 'or' or the end expected"},
        {"port 65536", "column 6", "from 0 to 65535"},
        {"port http", "column 6", "a port number expected, not 'http'"},
        {"port -1", "column 6", "a port number expected"},
        {"portrange 80", "column 11", "two ports"},
        {"portrange 80-70", "column 11", "from high to low"},
        {"net 10.0.0.1/8", "column 5", "write 10.0.0.0/8"},
        {"net 2001:db8::1/32", "column 5", "write 2001:db8::/32"},
        {"net 10.0.0.0/33", "column 5", "more bits"},
        {"net 10.0.0.0/", "column 5", "a network such as"},
        {"net 10.0.0.0 mask 255.0.255.0", "column 19", "ones must come first"},
        {"host 10.0.0.0/8", "column 6", "address expected"},
        {"host 10.1", "column 6", "address expected"},
        {"src or port 5", "column 5", "a type such as host"},
        {"in port 3", "column 4", "'if' and"},
        {"in if eth0", "column 7", "an interface's number"},
        {"flags Q", "column 7", "FSRPAUEC"},
        {"bytes >", "at its end", "a number"},
        {"bytes > 10X", "column 9", "a number"},
        {"bytes > 99999999999999999999", "column 9", "a number"},
        {"bytes > 9999999999999999T", "column 9", "a number"},
        {"bytes > -5", "column 9", "a number"},
        {"vlan 4096", "column 6", "from 0 to 4095"},
        {"ether host 1", "column 7", "'proto'"},
        {"tcp & udp", "column 5", "'and', 'or' or the end expected, not '&'"},
        {"host 10.0.0.1;", "column 14", "not ';'"},
        {"host 10.0.0.1 or 'x'", "column 18", "primitive"},
        {"\x01", "column 1", "not '?'"},
        {"80", "column 1", "primitive such as"},
        {"tcp and 80", "column 9", "primitive such as"},
    };
    static struct read_filter filter;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {""};
        int rc = filter_parse(cases[i].text, &filter, &error);
        if (rc == 0 || strstr(error.text, cases[i].where) == NULL ||
            strstr(error.text, cases[i].expected) == NULL) {
            fail_msg("'%s': %d: %s", cases[i].text, rc, error.text);
        }
    }
}

/* Appends 'count' times 'text'. */
static void repeat(char *to, const char *text, size_t count) {
    to += strlen(to);
    for (size_t i = 0; i < count; i++) {
        to = stpcpy(to, text);
    }
}

static void what_the_parser_takes_sqlite_takes(void **state) {
    (void)state;
    static struct read_filter filter;
    static struct found found;
    static char text[4 * FILTER_TEXT_MAX];
    struct error error = {""};
    struct reader *reader = reader_open(path, &error);
    assert_non_null(reader);
    size_t taken = 0;
    for (size_t depth = 1; depth < 40; depth++) {
        static const char *const openings[] = {"not (tcp and ", "(tcp or (udp and ", "not not ",
                                               "tcp and (udp or ("};
        static const char *const closings[] = {")", "))", "", "))"};
        for (size_t shape = 0; shape < 4; shape++) {
            text[0] = '\0';
            repeat(text, openings[shape], depth);
            repeat(text, "src and dst net 10.0.0.0/8", 1);
            repeat(text, closings[shape], depth);
            if (filter_parse(text, &filter, &error) == 0) {
                find(reader, &filter, 1, &found);
                taken++;
            }
        }
        text[0] = '\0';
        repeat(text, "tcp and udp or ", depth);
        repeat(text, "icmp", 1);
        if (filter_parse(text, &filter, &error) == 0) {
            find(reader, &filter, 1, &found);
            taken++;
        }
    }
    assert_in_range(taken, 40, 120);
    text[0] = '\0';
    repeat(text, "host 10.0.0.1 or ", 255);
    repeat(text, "tcp", 1);
    assert_int_equal(filter_parse(text, &filter, &error), 0);
    find(reader, &filter, 1, &found);
    assert_true(found.count > 0);
    repeat(text, " or host 10.0.0.1", 2);
    assert_int_not_equal(filter_parse(text, &filter, &error), 0);
    text[0] = '\0';
    repeat(text, "(", 10000);
    assert_int_not_equal(filter_parse(text, &filter, &error), 0);
    repeat(text, "(", 10000);
    assert_int_not_equal(filter_parse(text, &filter, &error), 0);
    reader_close(reader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_primitive_finds_what_a_look_at_every_row_finds),
        cmocka_unit_test(an_error_says_where_and_what_was_expected),
        cmocka_unit_test(what_the_parser_takes_sqlite_takes),
    };
    return cmocka_run_group_tests(tests, make_database, remove_database);
}
