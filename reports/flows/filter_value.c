/* Words and values of the filter. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/flows/filter_parser.h"

/* What names and numbers are made of; isalnum() would ask the locale. */
static bool is_name_character(char c) {
    return c != '\0' &&
           strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:/-_\\", c) != NULL;
}

static enum filter_word_kind sign_kind(const char *at, size_t *length) {
    static const struct {
        const char *text;
        enum filter_word_kind kind;
    } signs[] = {{"&&", FILTER_AND},     {"||", FILTER_OR},      {">=", FILTER_COMPARE},
                 {"<=", FILTER_COMPARE}, {"==", FILTER_COMPARE}, {"!=", FILTER_COMPARE},
                 {">", FILTER_COMPARE},  {"<", FILTER_COMPARE},  {"=", FILTER_COMPARE},
                 {"!", FILTER_NOT},      {"(", FILTER_OPEN},     {")", FILTER_CLOSE}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        *length = strlen(signs[i].text);
        if (strncmp(at, signs[i].text, *length) == 0) {
            return signs[i].kind;
        }
    }
    *length = 1;
    return FILTER_BAD;
}

void filter_next(struct filter_parser *parser) {
    const char *text = parser->text;
    while (text[parser->at] != '\0' && strchr(" \t\r\n", text[parser->at]) != NULL) {
        parser->at++;
    }
    struct filter_word *word = &parser->word;
    word->at = parser->at;
    word->text[0] = '\0';
    size_t length = 0;
    while (is_name_character(text[parser->at + length])) {
        length++;
    }
    if (length > 0) {
        word->kind = length < FILTER_WORD_SIZE ? FILTER_NAME : FILTER_BAD;
    } else if (text[parser->at] == '\0') {
        word->kind = FILTER_END;
    } else {
        word->kind = sign_kind(text + parser->at, &length);
    }
    snprintf(word->text, sizeof word->text, "%.*s",
             (int)(length < FILTER_WORD_SIZE ? length : FILTER_WORD_SIZE - 1), text + parser->at);
    parser->at += length;
}

bool filter_is(const struct filter_parser *parser, const char *text) {
    return parser->word.kind == FILTER_NAME && strcmp(parser->word.text, text) == 0;
}

bool filter_take(struct filter_parser *parser, const char *text) {
    bool found = filter_is(parser, text);
    if (found) {
        filter_next(parser);
    }
    return found;
}

int filter_expected(struct filter_parser *parser, const char *expected) {
    const struct filter_word *word = &parser->word;
    if (word->kind == FILTER_END) {
        return error_set(parser->error, -EINVAL, "in the filter, at its end: %s expected", expected);
    }
    char shown[FILTER_WORD_SIZE];
    snprintf(shown, sizeof shown, "%s", word->text);
    for (char *at = shown; *at != '\0'; at++) {
        *at = (unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e ? '?' : *at;
    }
    return error_set(parser->error, -EINVAL, "in the filter, at column %zu: %s expected, not '%s'",
                     word->at + 1, expected, shown);
}

/* The word is wrong in a way that 'what' says. */
static int wrong(struct filter_parser *parser, const char *what) {
    return error_set(parser->error, -EINVAL, "in the filter, at column %zu: '%s' %s", parser->word.at + 1,
                     parser->word.text, what);
}

/* ---- addresses ---- */

/* 'bits' of the network 'address' count: the range of addresses that it holds.  Returns false if others are
 * set, too. */
static bool set_network(const struct ip_address *address, int bits, struct read_term *term) {
    bool clean = true;
    int size = address->family == 4 ? 4 : 16;
    memset(term->low_address, 0, sizeof term->low_address);
    memset(term->high_address, 0, sizeof term->high_address);
    term->family = address->family;
    for (int i = 0; i < size; i++) {
        int kept = bits - 8 * i;
        uint8_t mask = (uint8_t)(kept >= 8 ? 0xff : kept <= 0 ? 0 : 0xff << (8 - kept));
        clean &= (address->bytes[i] & ~mask) == 0;
        term->low_address[i] = address->bytes[i] & mask;
        term->high_address[i] = (uint8_t)(address->bytes[i] | ~mask);
    }
    return clean;
}

/* "10", "10.1" and "10.1.2" are networks of as many bytes (pcap-filter(7), net).  Returns the bits, 0 for
 * none. */
static int parse_short_network(const char *text, struct ip_address *address) {
    char whole[FILTER_WORD_SIZE + 8];
    int dots = 0;
    for (const char *at = text; *at != '\0'; at++) {
        dots += *at == '.';
    }
    if (dots > 2 || strspn(text, "0123456789.") != strlen(text)) {
        return 0;
    }
    snprintf(whole, sizeof whole, "%s%s", text, dots == 0 ? ".0.0.0" : dots == 1 ? ".0.0" : ".0");
    return ip_address_parse(whole, address, NULL) == 0 ? 8 * (dots + 1) : 0;
}

/* "mask 255.255.0.0" behind a network.  Returns 0 with 'bits' changed where there is one. */
static int parse_mask(struct filter_parser *parser, const struct ip_address *address, int *bits) {
    if (!filter_take(parser, "mask")) {
        return 0;
    }
    struct ip_address mask;
    if (address->family != 4 || parser->word.kind != FILTER_NAME ||
        ip_address_parse(parser->word.text, &mask, NULL) != 0 || mask.family != 4) {
        return filter_expected(parser, "an IPv4 mask such as 255.255.255.0");
    }
    uint32_t value = (uint32_t)mask.bytes[0] << 24 | (uint32_t)mask.bytes[1] << 16 |
                     (uint32_t)mask.bytes[2] << 8 | mask.bytes[3];
    *bits = __builtin_popcount(value);
    if (*bits < 32 && value << *bits != 0) {
        return wrong(parser, "is no mask: its ones must come first");
    }
    filter_next(parser);
    return 0;
}

/* Takes "ADDRESS/BITS" apart.  Returns -1 for 'bits' that make no sense. */
static int parse_slash(char *text, int *bits) {
    char *slash = strchr(text, '/');
    if (slash == NULL) {
        return 0;
    }
    *slash = '\0';
    size_t digits = strspn(slash + 1, "0123456789");
    if (digits == 0 || digits > 3 || slash[1 + digits] != '\0') {
        return -1;
    }
    *bits = atoi(slash + 1);
    return 0;
}

int filter_address(struct filter_parser *parser, bool net, struct read_term *term) {
    const char *expected = net ? "a network such as 10.0.0.0/8" : "an IPv4 or IPv6 address";
    char text[FILTER_WORD_SIZE];
    struct ip_address address;
    int bits = -1;
    snprintf(text, sizeof text, "%s", parser->word.text);
    if (parser->word.kind != FILTER_NAME || (net && parse_slash(text, &bits) != 0)) {
        return filter_expected(parser, expected);
    }
    if (ip_address_parse(text, &address, NULL) == 0) {
        bits = bits >= 0 ? bits : address.family == 4 ? 32 : 128;
    } else {
        int short_bits = net ? parse_short_network(text, &address) : 0;
        if (short_bits == 0) {
            return filter_expected(parser, expected);
        }
        bits = bits >= 0 ? bits : short_bits;
    }
    if (bits > (address.family == 4 ? 32 : 128)) {
        return wrong(parser, "has more bits than an address");
    }
    const struct filter_word named = parser->word;
    filter_next(parser);
    if (net && parse_mask(parser, &address, &bits) != 0) {
        return -EINVAL;
    }
    if (!set_network(&address, bits, term)) {
        struct ip_address network = ip_address_make(term->family, term->low_address);
        char network_text[IP_TEXT_SIZE];
        return error_set(parser->error, -EINVAL,
                         "in the filter, at column %zu: '%s' has bits set behind its mask: write %s/%d",
                         named.at + 1, named.text, ip_address_format(&network, network_text), bits);
    }
    return 0;
}

/* ---- numbers ---- */

/* Reads a number without a sign; returns false for anything else and for what no int64_t holds. */
static bool parse_integer(const char *text, bool units, int64_t *value) {
    static const char names[] = "kMGT";
    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, hexadecimal ? 16 : 10);
    if (errno != 0 || end == text) {
        return false;
    }
    const char *unit = *end == '\0' ? NULL : strchr(names, *end);
    if (unit != NULL && units && end[1] == '\0') {
        for (const char *at = names; at <= unit; at++) {
            if (__builtin_mul_overflow(number, 1000LL, &number)) {
                return false;
            }
        }
        end++;
    }
    *value = number;
    return *end == '\0';
}

int filter_number(struct filter_parser *parser, int64_t minimum, int64_t maximum, bool units,
                  const char *expected, struct read_term *term) {
    int64_t value;
    if (parser->word.kind != FILTER_NAME || !parse_integer(parser->word.text, units, &value)) {
        return filter_expected(parser, expected);
    }
    if (value < minimum || value > maximum) {
        return error_set(
            parser->error, -EINVAL, "in the filter, at column %zu: %s from %lld to %lld expected, not '%s'",
            parser->word.at + 1, expected, (long long)minimum, (long long)maximum, parser->word.text);
    }
    term->low = term->high = value;
    filter_next(parser);
    return 0;
}

int filter_range(struct filter_parser *parser, int64_t maximum, bool units, const char *expected,
                 struct read_term *term, bool *negated) {
    char compare[4] = "=";
    if (parser->word.kind == FILTER_COMPARE) {
        snprintf(compare, sizeof compare, "%.3s", parser->word.text);
        filter_next(parser);
    }
    if (filter_number(parser, 0, maximum, units, expected, term) != 0) {
        return -EINVAL;
    }
    *negated = compare[0] == '!';
    if (compare[0] == '>') {
        /* Nothing is above the largest: an empty range. */
        bool beyond = compare[1] != '=' && term->low == INT64_MAX;
        term->low += compare[1] != '=' && !beyond ? 1 : 0;
        term->high = beyond ? 0 : INT64_MAX;
    } else if (compare[0] == '<') {
        term->high -= compare[1] != '=' ? 1 : 0;
        term->low = INT64_MIN + 1;
    }
    return 0;
}

int filter_port_range(struct filter_parser *parser, struct read_term *term) {
    const char *expected = "two ports such as 1000-2000";
    char text[FILTER_WORD_SIZE];
    snprintf(text, sizeof text, "%s", parser->word.text);
    char *dash = strchr(text, '-');
    if (parser->word.kind != FILTER_NAME || dash == NULL) {
        return filter_expected(parser, expected);
    }
    *dash = '\0';
    if (!parse_integer(text, false, &term->low) || !parse_integer(dash + 1, false, &term->high) ||
        term->low > 65535 || term->high > 65535) {
        return filter_expected(parser, expected);
    }
    if (term->low > term->high) {
        return wrong(parser, "goes from high to low");
    }
    filter_next(parser);
    return 0;
}

int filter_flags(struct filter_parser *parser, struct read_term *term) {
    static const char names[] = "FSRPAUEC"; /* from the lowest bit on: RFC 9293, RFC 3168 */
    const char *expected = "TCP flags out of FSRPAUEC, or their number";
    if (parser->word.kind != FILTER_NAME) {
        return filter_expected(parser, expected);
    }
    if (isdigit((unsigned char)parser->word.text[0])) {
        return filter_number(parser, 0, 0xffff, false, expected, term);
    }
    term->low = 0;
    for (const char *at = parser->word.text; *at != '\0'; at++) {
        const char *name = strchr(names, *at);
        if (name == NULL) {
            return filter_expected(parser, expected);
        }
        term->low |= INT64_C(1) << (name - names);
    }
    filter_next(parser);
    return 0;
}

int filter_protocol(struct filter_parser *parser, struct read_term *term) {
    static const struct {
        const char *name;
        int64_t number;
    } protocols[] = {{"icmp", PROTOCOL_ICMP},
                     {"igmp", 2},
                     {"tcp", PROTOCOL_TCP},
                     {"udp", PROTOCOL_UDP},
                     {"gre", 47},
                     {"esp", 50},
                     {"ah", 51},
                     {"icmp6", PROTOCOL_ICMPV6},
                     {"ospf", 89},
                     {"pim", 103},
                     {"sctp", PROTOCOL_SCTP}};
    const char *name = parser->word.text + (parser->word.text[0] == '\\' ? 1 : 0);
    for (size_t i = 0; parser->word.kind == FILTER_NAME && i < sizeof protocols / sizeof *protocols; i++) {
        if (strcmp(name, protocols[i].name) == 0) {
            term->low = term->high = protocols[i].number;
            filter_next(parser);
            return 0;
        }
    }
    return filter_number(parser, 0, 255, false, "a protocol such as tcp, or its number", term);
}
