/* What the user names: keys, sources, moments. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "reports/flows/flows.h"
#include "reports/flows/render.h"

#define NET_BITS_4 24
#define NET_BITS_6 64

/* ---- keys ---- */

/* Reads "/24" or "/24/48" behind srcnet and dstnet. */
static bool parse_bits(const char *text, struct read_key *key) {
    char *end = NULL;
    long bits4 = NET_BITS_4;
    long bits6 = NET_BITS_6;
    if (*text == '/') {
        bits4 = strtol(text + 1, &end, 10);
        text = end;
    }
    if (*text == '/') {
        bits6 = strtol(text + 1, &end, 10);
        text = end;
    }
    key->bits4 = (uint8_t)bits4;
    key->bits6 = (uint8_t)bits6;
    return *text == '\0' && bits4 >= 0 && bits4 <= 32 && bits6 >= 0 && bits6 <= 128;
}

static bool find_column(const char *name, enum read_column *column) {
    for (int i = 0; i < READ_COLUMN_COUNT; i++) {
        if (strcmp(flows_column_name((enum read_column)i), name) == 0) {
            *column = (enum read_column)i;
            return true;
        }
    }
    return false;
}

static int add_key(struct read_flow_query *query, const struct read_key *key, const char *name,
                   struct error *error) {
    if (query->key_count == READ_KEYS_MAX) {
        return error_set(error, -EINVAL, "--by takes up to %d keys", READ_KEYS_MAX);
    }
    for (size_t i = 0; i < query->key_count; i++) {
        if (query->keys[i].column == key->column) {
            return error_set(error, -EINVAL, "--by has the key '%s' twice", name);
        }
    }
    query->keys[query->key_count++] = *key;
    return 0;
}

static int parse_key(const char *name, struct read_flow_query *query, struct error *error) {
    static const enum read_column flow[] = {READ_COLUMN_PROTO, READ_COLUMN_SRCIP, READ_COLUMN_SRCPORT,
                                            READ_COLUMN_DSTIP, READ_COLUMN_DSTPORT};
    if (strcmp(name, "flow") == 0) {
        int rc = 0;
        for (size_t i = 0; rc == 0 && i < sizeof flow / sizeof *flow; i++) {
            rc = add_key(query, &(struct read_key){.column = flow[i]}, flows_column_name(flow[i]), error);
        }
        return rc;
    }
    char word[32];
    struct read_key key = {0};
    size_t length = strcspn(name, "/");
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), name);
    bool found = length < sizeof word && find_column(word, &key.column);
    bool net = found && (key.column == READ_COLUMN_SRCNET || key.column == READ_COLUMN_DSTNET);
    if (net && !parse_bits(name + length, &key)) {
        return error_set(error, -EINVAL, "--by %s: write %s/24, or %s/24/48 for the bits of IPv4 and of IPv6",
                         name, word, word);
    }
    if (!found || (!net && name[length] != '\0')) {
        return error_set(
            error, -EINVAL,
            "--by has no key '%s': it takes flow, proto, srcip, dstip, srcport, dstport, icmp, srcnet/24, "
            "dstnet/24, srcas, dstas, inif, outif, srcmac, dstmac, vlan, tos, ttl, flags, nexthop, "
            "exporter, direction, rate and session, with commas between",
            name);
    }
    return add_key(query, &key, word, error);
}

int flows_parse_keys(const char *text, struct read_flow_query *query, struct error *error) {
    char *copy = strdup(text);
    if (copy == NULL) {
        return error_set(error, -ENOMEM, "--by: out of memory");
    }
    int rc = 0;
    char *rest = copy;
    for (char *name = strsep(&rest, ","); rc == 0 && name != NULL; name = strsep(&rest, ",")) {
        rc = parse_key(name, query, error);
    }
    query->grouped = true;
    free(copy);
    return rc;
}

/* ---- sources ---- */

int flows_parse_source(const char *text, struct read_flow_query *query, struct error *error) {
    static const struct {
        const char *name;
        struct read_flow_source source;
    } sources[] = {
        {"sflow", {.protocol = "sflow*", .samples = true}},
        {"sflow5", {.protocol = "sflow5", .samples = true}},
        {"netflow", {.protocol = "netflow*", .records = true}},
        {"netflow1", {.protocol = "netflow1", .records = true}},
        {"netflow5", {.protocol = "netflow5", .records = true}},
        {"netflow7", {.protocol = "netflow7", .records = true}},
        {"netflow9", {.protocol = "netflow9", .records = true}},
        {"ipfix", {.protocol = "ipfix", .records = true}},
        {"ipfix-flow", {.protocol = "ipfix-flow", .records = true}},
        {"truth", {.protocol = "truth", .truth = true}},
    };
    if (query->source_count == READ_FLOW_SOURCES_MAX) {
        return error_set(error, -EINVAL, "--source is given more than %d times", READ_FLOW_SOURCES_MAX);
    }
    struct read_flow_source *source = &query->sources[query->source_count];
    size_t length = strcspn(text, "@");
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        if (strlen(sources[i].name) != length || strncmp(sources[i].name, text, length) != 0) {
            continue;
        }
        *source = sources[i].source;
        if (text[length] == '@' &&
            (source->truth || ip_address_parse(text + length + 1, &source->agent, NULL) != 0)) {
            break;
        }
        query->source_count++;
        return 0;
    }
    return error_set(
        error, -EINVAL,
        "--source takes sflow, netflow, ipfix, truth, a protocol such as netflow9, or sflow@ADDRESS, not "
        "'%s'",
        text);
}

/* ---- moments ---- */

/* "-10m" and the like. */
static bool parse_relative(const char *text, int64_t now_ns, int64_t *time_ns) {
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {{"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}, {"", 1}};
    char *end = NULL;
    double number = strtod(text + 1, &end);
    if (text[0] != '-' || end == text + 1 || !(number >= 0) || number > 1e7) {
        return false;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].name) == 0) {
            *time_ns = now_ns - (int64_t)(number * (double)units[i].seconds * (double)NS_PER_S);
            return true;
        }
    }
    return false;
}

/* Exactly 'digits' digits at 'at'.  Returns what is behind, or NULL. */
static const char *take_digits(const char *at, size_t digits, int low, int high, int *value) {
    if (at == NULL || strspn(at, "0123456789") < digits) {
        return NULL;
    }
    *value = 0;
    for (size_t i = 0; i < digits; i++) {
        *value = 10 * *value + (at[i] - '0');
    }
    return *value >= low && *value <= high ? at + digits : NULL;
}

static const char *take_sign(const char *at, const char *signs) {
    return at != NULL && *at != '\0' && strchr(signs, *at) != NULL ? at + 1 : NULL;
}

/* ":SS" and a fraction behind, both optional. */
static const char *take_seconds(const char *at, struct tm *tm, int64_t *fraction_ns) {
    if (at == NULL || *at != ':') {
        return at;
    }
    at = take_digits(at + 1, 2, 0, 59, &tm->tm_sec);
    if (at == NULL || *at != '.') {
        return at;
    }
    int64_t unit = NS_PER_S;
    for (at++; *at >= '0' && *at <= '9'; at++) {
        unit /= 10;
        *fraction_ns += unit * (*at - '0');
    }
    return at;
}

/* "Z" or "+01:00" up to the end; nothing is local time.  Returns false for anything else. */
static bool take_zone(const char *at, bool *local, int64_t *offset_s) {
    *local = *at == '\0';
    *offset_s = 0;
    if (*local || strcmp(at, "Z") == 0) {
        return true;
    }
    int hours = 0;
    int minutes = 0;
    const char *zone = at;
    at = take_digits(take_sign(at, "+-"), 2, 0, 23, &hours);
    at = take_digits(at != NULL && *at == ':' ? at + 1 : at, 2, 0, 59, &minutes);
    *offset_s = ((int64_t)hours * 60 + minutes) * (*zone == '-' ? -60 : 60);
    return at != NULL && *at == '\0';
}

/* ISO 8601, as far as people type it. */
static bool parse_absolute(const char *text, int64_t *time_ns) {
    struct tm tm = {.tm_isdst = -1};
    int64_t fraction_ns = 0;
    int year;
    int month;
    const char *at = take_digits(text, 4, 1970, 2200, &year);
    at = take_digits(take_sign(at, "-"), 2, 1, 12, &month);
    at = take_digits(take_sign(at, "-"), 2, 1, 31, &tm.tm_mday);
    if (at != NULL && *at != '\0') {
        at = take_digits(take_sign(at, "T "), 2, 0, 23, &tm.tm_hour);
        at = take_digits(take_sign(at, ":"), 2, 0, 59, &tm.tm_min);
        at = take_seconds(at, &tm, &fraction_ns);
    }
    bool local;
    int64_t offset_s;
    if (at == NULL || !take_zone(at, &local, &offset_s)) {
        return false;
    }
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    int day = tm.tm_mday;
    time_t seconds = local ? mktime(&tm) : timegm(&tm);
    *time_ns = ((int64_t)seconds - offset_s) * NS_PER_S + fraction_ns;
    return tm.tm_mday == day; /* no February 30 */
}

int flows_parse_time(const char *option, const char *text, int64_t now_ns, int64_t *time_ns,
                     struct error *error) {
    if (strcmp(text, "now") == 0) {
        *time_ns = now_ns;
        return 0;
    }
    if (parse_relative(text, now_ns, time_ns) || parse_absolute(text, time_ns)) {
        return 0;
    }
    return error_set(
        error, -EINVAL,
        "%s takes a moment such as '2026-11-22 10:33', 2026-11-22T10:33:16Z, -10m or now, not '%s'", option,
        text);
}
