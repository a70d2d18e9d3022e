#include "reports/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Words that stand for a protocol, ovs-fields(7). */
static const struct {
    const char *name;
    uint16_t ethertype;
    uint8_t protocol; /* 0: any */
} protocols[] = {
    {"ip", ETHERTYPE_IPV4, 0},
    {"icmp", ETHERTYPE_IPV4, PROTOCOL_ICMP},
    {"tcp", ETHERTYPE_IPV4, PROTOCOL_TCP},
    {"udp", ETHERTYPE_IPV4, PROTOCOL_UDP},
    {"sctp", ETHERTYPE_IPV4, PROTOCOL_SCTP},
    {"ipv6", ETHERTYPE_IPV6, 0},
    {"icmp6", ETHERTYPE_IPV6, PROTOCOL_ICMPV6},
    {"tcp6", ETHERTYPE_IPV6, PROTOCOL_TCP},
    {"udp6", ETHERTYPE_IPV6, PROTOCOL_UDP},
    {"sctp6", ETHERTYPE_IPV6, PROTOCOL_SCTP},
    {"arp", ETHERTYPE_ARP, 0},
};

enum field {
    FIELD_ETHERTYPE,
    FIELD_PROTOCOL,
    FIELD_SPORT,
    FIELD_DPORT,
    FIELD_ICMP_TYPE,
    FIELD_SRC,
    FIELD_DST,
    FIELD_PRIORITY,
    FIELD_COOKIE,
    FIELD_PORT
};

static const struct {
    const char *name;
    enum field field;
} fields[] = {
    {"dl_type", FIELD_ETHERTYPE},   {"eth_type", FIELD_ETHERTYPE},    {"nw_proto", FIELD_PROTOCOL},
    {"ip_proto", FIELD_PROTOCOL},   {"tp_src", FIELD_SPORT},          {"tcp_src", FIELD_SPORT},
    {"udp_src", FIELD_SPORT},       {"sctp_src", FIELD_SPORT},        {"tp_dst", FIELD_DPORT},
    {"tcp_dst", FIELD_DPORT},       {"udp_dst", FIELD_DPORT},         {"sctp_dst", FIELD_DPORT},
    {"icmp_type", FIELD_ICMP_TYPE}, {"icmpv6_type", FIELD_ICMP_TYPE}, {"nw_src", FIELD_SRC},
    {"ip_src", FIELD_SRC},          {"ipv6_src", FIELD_SRC},          {"nw_dst", FIELD_DST},
    {"ip_dst", FIELD_DST},          {"ipv6_dst", FIELD_DST},          {"priority", FIELD_PRIORITY},
    {"cookie", FIELD_COOKIE},       {"in_port", FIELD_PORT},
};

static bool take_word(struct report_rule *rule, const char *word) {
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        if (strcmp(protocols[i].name, word) == 0) {
            rule->has_ethertype = true;
            rule->ethertype = protocols[i].ethertype;
            rule->has_protocol = protocols[i].protocol != 0;
            rule->protocol = protocols[i].protocol;
            return true;
        }
    }
    return false;
}

static bool take_number(struct report_rule *rule, enum field field, const char *value) {
    char *end = NULL;
    unsigned long number = strtoul(value, &end, 0);
    if (end == value || *end != '\0' || number > UINT16_MAX) {
        return false; /* a mask, say */
    }
    switch (field) {
    case FIELD_ETHERTYPE:
        rule->has_ethertype = true;
        rule->ethertype = (uint16_t)number;
        return true;
    case FIELD_PROTOCOL:
        rule->has_protocol = true;
        rule->protocol = (uint8_t)number;
        return true;
    case FIELD_SPORT:
        rule->has_sport = true;
        rule->sport = (uint16_t)number;
        return true;
    case FIELD_DPORT:
        rule->has_dport = true;
        rule->dport = (uint16_t)number;
        return true;
    case FIELD_ICMP_TYPE:
        rule->has_icmp_type = true;
        rule->icmp_type = (uint8_t)number;
        return true;
    case FIELD_PRIORITY:
        rule->priority = (uint32_t)number;
        return true;
    default:
        return false;
    }
}

static bool take_port(struct report_rule *rule, const char *value) {
    static const char prefix[] = "ovs-tap";
    char *end = NULL;
    value += strncmp(value, prefix, sizeof prefix - 1) == 0 ? sizeof prefix - 1 : 0;
    rule->has_port = true;
    rule->port = strtol(value, &end, 10);
    return end != value && *end == '\0';
}

static bool take_field(struct report_rule *rule, const char *name, const char *value) {
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp(fields[i].name, name) != 0) {
            continue;
        }
        switch (fields[i].field) {
        case FIELD_SRC:
            rule->has_src = true;
            return ip_prefix_parse(value, &rule->src, NULL) == 0;
        case FIELD_DST:
            rule->has_dst = true;
            return ip_prefix_parse(value, &rule->dst, NULL) == 0;
        case FIELD_COOKIE:
            return true;
        case FIELD_PORT:
            return take_port(rule, value);
        default:
            return take_number(rule, fields[i].field, value);
        }
    }
    return false;
}

/* Reads one rule.  False if it is not wholly understood. */
static bool read_rule(struct report_rule *rule, const char *text) {
    char match[512];
    *rule = (struct report_rule){.priority = 32768}; /* OFP_DEFAULT_PRIORITY */
    const char *actions = strstr(text, "actions=");
    if (actions == NULL || (size_t)(actions - text) >= sizeof match) {
        return false;
    }
    rule->samples = strstr(actions, "sample(") != NULL;
    bool exact = strstr(actions, "table") == NULL && strstr(actions, "resubmit") == NULL;
    snprintf(match, sizeof match, "%.*s", (int)(actions - text), text);
    char *rest = NULL;
    for (char *word = strtok_r(match, ", \t", &rest); word != NULL; word = strtok_r(NULL, ", \t", &rest)) {
        char *value = strchr(word, '=');
        if (value == NULL) {
            exact = take_word(rule, word) && exact;
        } else {
            *value++ = '\0';
            exact = take_field(rule, word, value) && exact;
        }
    }
    return exact;
}

/* True if 'field', the target of a set_field, load or move, is of the flow key: addresses, ports, ICMP. */
static bool is_of_key(const char *field) {
    static const char *const names[] = {
        "nw_src", "nw_dst",  "ip_src",  "ip_dst",  "ipv4_src", "ipv4_dst", "ipv6_src", "ipv6_dst", "tp_src",
        "tp_dst", "tcp_src", "tcp_dst", "udp_src", "udp_dst",  "sctp_src", "sctp_dst", "icmp"};
    bool tunnel = strncasecmp(field, "tun_", 4) == 0 || strcasestr(field, "NX_TUN_") != NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !tunnel; i++) {
        const char *at = strcasestr(field, names[i]);
        if (at != NULL && (at == field || at[-1] == '_')) {
            return true;
        }
    }
    return false;
}

/* True if 'actions' change a frame's flow key, ovs-actions(7). */
static bool rewrites_key(const char *actions) {
    static const char *const words[] = {"mod_nw_src", "mod_nw_dst", "mod_tp_src", "mod_tp_dst",
                                        "nat(",       "nat)",       "nat,"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strstr(actions, words[i]) != NULL) {
            return true;
        }
    }
    for (const char *at = strstr(actions, "->"); at != NULL; at = strstr(at + 2, "->")) {
        char field[64];
        size_t length = strcspn(at + 2, ",)[ ");
        snprintf(field, sizeof field, "%.*s", (int)(length < sizeof field ? length : sizeof field - 1),
                 at + 2);
        if (is_of_key(field)) {
            return true;
        }
    }
    return false;
}

void report_rules_read(struct report_rules *rules, const json_t *array) {
    size_t i;
    const json_t *item;
    *rules = (struct report_rules){.count = 0};
    json_array_foreach(array, i, item) {
        const char *text = json_string_value(item);
        const char *actions = text != NULL ? strstr(text, "actions=") : NULL;
        rules->rewrites = rules->rewrites || (actions != NULL && rewrites_key(actions));
        if (text == NULL || rules->count == REPORT_RULES_MAX ||
            !read_rule(&rules->rules[rules->count], text)) {
            rules->inexact = true;
        }
        rules->count += text != NULL && rules->count < REPORT_RULES_MAX;
    }
}

static bool matches(const struct report_rule *rule, const struct flow_key *key, int64_t host) {
    struct ip_address src = ip_address_make(key->family == 6 ? 6 : 4, key->src);
    struct ip_address dst = ip_address_make(key->family == 6 ? 6 : 4, key->dst);
    return (!rule->has_port || rule->port == host) &&
           (!rule->has_ethertype || rule->ethertype == key->ethertype) &&
           (!rule->has_protocol || (key->family != 0 && rule->protocol == key->protocol)) &&
           (!rule->has_sport || (protocol_has_ports(key->protocol) && rule->sport == key->sport)) &&
           (!rule->has_dport || (protocol_has_ports(key->protocol) && rule->dport == key->dport)) &&
           (!rule->has_icmp_type || rule->icmp_type == key->dport / 256) &&
           (!rule->has_src || (key->family != 0 && ip_prefix_contains(&rule->src, &src))) &&
           (!rule->has_dst || (key->family != 0 && ip_prefix_contains(&rule->dst, &dst)));
}

bool report_rules_sample(const struct report_rules *rules, const struct flow_key *key, int64_t host) {
    const struct report_rule *best = NULL;
    for (size_t i = 0; i < rules->count; i++) {
        const struct report_rule *rule = &rules->rules[i];
        if ((best == NULL || rule->priority > best->priority) && matches(rule, key, host)) {
            best = rule;
        }
    }
    return best != NULL && best->samples;
}
