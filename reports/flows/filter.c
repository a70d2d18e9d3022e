/* The filter's grammar:
 *
 *   expression = operand { ("and" | "&&" | "or" | "||") operand }          from left to right
 *   operand    = ("not" | "!") operand | "(" expression ")" | primitive
 *   primitive  = [protocol] [side] [type] value | protocol | flow primitive
 */
#include "reports/flows/filter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reports/flows/filter_parser.h"

#define NESTING_MAX 60

static const char primitive_expected[] =
    "a primitive such as 'src net 10.0.0.0/8', 'dst port 443', 'tcp' or 'bytes > 1000'";

static int parse_expression(struct filter_parser *parser, uint16_t *place);

/* ---- the tree ---- */

/* Adds a node.  Returns 0, or -EINVAL with the error said when the filter is too large. */
static int add_node(struct filter_parser *parser, const struct read_node *node, uint16_t *place) {
    struct read_filter *filter = parser->filter;
    if (filter->count == READ_FILTER_NODES_MAX) {
        return error_set(parser->error, -EINVAL,
                         "in the filter, at column %zu: more than %d terms: use fewer, or a net",
                         parser->word.at + 1, READ_FILTER_NODES_MAX / 2);
    }
    if (node->depth > READ_FILTER_DEPTH_MAX) {
        return error_set(
            parser->error, -EINVAL,
            "in the filter, at column %zu: nested more than %d deep: use fewer parentheses and changes "
            "from 'and' to 'or'",
            parser->word.at + 1, READ_FILTER_DEPTH_MAX);
    }
    *place = (uint16_t)filter->count;
    filter->nodes[filter->count++] = *node;
    return 0;
}

static int add_term(struct filter_parser *parser, const struct read_term *term, uint16_t *place) {
    return add_node(parser, &(struct read_node){.kind = READ_NODE_TERM, .depth = 1, .term = *term}, place);
}

static int add_not(struct filter_parser *parser, uint16_t *place) {
    const struct read_node node = {
        .kind = READ_NODE_NOT, .left = *place, .depth = (uint16_t)(parser->filter->nodes[*place].depth + 1)};
    return add_node(parser, &node, place);
}

/* Joins 'left' and 'right' into 'place'.  A chain of the same kind grows no deeper. */
static int add_pair(struct filter_parser *parser, enum read_node_kind kind, uint16_t left, uint16_t right,
                    uint16_t *place) {
    const struct read_node *nodes = parser->filter->nodes;
    unsigned int left_depth = nodes[left].depth + (nodes[left].kind == kind ? 0U : 1U);
    unsigned int right_depth = nodes[right].depth + 1U;
    const struct read_node node = {.kind = kind,
                                   .left = left,
                                   .right = right,
                                   .depth = (uint16_t)(left_depth > right_depth ? left_depth : right_depth)};
    return add_node(parser, &node, place);
}

/* ---- primitives ---- */

static bool is_type(const struct filter_parser *parser) {
    static const char *const types[] = {"src", "dst", "host", "net", "port", "portrange", "as", "proto"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (filter_is(parser, types[i])) {
            return true;
        }
    }
    return false;
}

/* "tcp", "ip6" and so on: a term of its own, or in front of another. */
static bool take_protocol(struct filter_parser *parser, struct read_term *term) {
    static const struct {
        const char *name;
        struct read_term term;
    } protocols[] = {
        {"tcp", {.kind = READ_TERM_PROTOCOL, .low = PROTOCOL_TCP, .high = PROTOCOL_TCP}},
        {"udp", {.kind = READ_TERM_PROTOCOL, .low = PROTOCOL_UDP, .high = PROTOCOL_UDP}},
        {"sctp", {.kind = READ_TERM_PROTOCOL, .low = PROTOCOL_SCTP, .high = PROTOCOL_SCTP}},
        {"icmp", {.kind = READ_TERM_PROTOCOL, .family = 4, .low = PROTOCOL_ICMP, .high = PROTOCOL_ICMP}},
        {"icmp6", {.kind = READ_TERM_PROTOCOL, .family = 6, .low = PROTOCOL_ICMPV6, .high = PROTOCOL_ICMPV6}},
        {"ip", {.kind = READ_TERM_ETHERTYPE, .low = ETHERTYPE_IPV4, .high = ETHERTYPE_IPV4}},
        {"ip6", {.kind = READ_TERM_ETHERTYPE, .low = ETHERTYPE_IPV6, .high = ETHERTYPE_IPV6}},
        {"arp", {.kind = READ_TERM_ETHERTYPE, .low = ETHERTYPE_ARP, .high = ETHERTYPE_ARP}},
        {"lldp", {.kind = READ_TERM_ETHERTYPE, .low = ETHERTYPE_LLDP, .high = ETHERTYPE_LLDP}},
    };
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        if (filter_take(parser, protocols[i].name)) {
            *term = protocols[i].term;
            return true;
        }
    }
    return false;
}

/* "src", "dst", "src or dst", "src and dst", "in", "out". */
static int take_side(struct filter_parser *parser, struct read_term *term, bool *interface) {
    static const char *const names[] = {"src", "dst", "in", "out"};
    size_t first = 0;
    while (first < 4 && !filter_take(parser, names[first])) {
        first++;
    }
    if (first == 4) {
        return 0;
    }
    *interface = first >= 2;
    term->side = first % 2 == 0 ? READ_SRC : READ_DST;
    const struct filter_parser before = *parser;
    enum read_side both =
        filter_is(parser, "and") || parser->word.kind == FILTER_AND ? READ_BOTH : READ_EITHER;
    if (filter_is(parser, "and") || filter_is(parser, "or") || parser->word.kind == FILTER_AND ||
        parser->word.kind == FILTER_OR) {
        filter_next(parser);
        if (!filter_take(parser, names[first ^ 1])) {
            *parser = before;
            return filter_expected(parser, "a type such as host, net or port, or a value,");
        }
        term->side = both;
    }
    return 0;
}

/* The value of a primitive of the kind that the parser took last. */
static int take_value(struct filter_parser *parser, struct read_term *term, bool *negated) {
    *negated = false;
    switch (term->kind) {
    case READ_TERM_NET:
        return filter_address(parser,
                              parser->last_is_range ||
                                  (parser->last_is_address && strchr(parser->word.text, '/') != NULL),
                              term);
    case READ_TERM_PORT:
        return parser->last_is_range ? filter_port_range(parser, term)
                                     : filter_range(parser, 65535, false, "a port number", term, negated);
    case READ_TERM_AS:
        return filter_range(parser, UINT32_MAX, false, "an AS number", term, negated);
    case READ_TERM_INTERFACE:
        return filter_range(parser, UINT32_MAX, false, "an interface's number", term, negated);
    case READ_TERM_EXPORTER:
        return filter_address(parser, strchr(parser->word.text, '/') != NULL, term);
    case READ_TERM_VLAN:
        return filter_range(parser, 4095, false, "a VLAN number", term, negated);
    case READ_TERM_TOS:
        return filter_range(parser, 255, false, "a type of service", term, negated);
    case READ_TERM_PACKETS:
    case READ_TERM_BYTES:
        return filter_range(parser, INT64_MAX, true, "a number such as 1000 or 10M", term, negated);
    case READ_TERM_ICMP_TYPE:
        return filter_number(parser, 0, 255, false, "an ICMP type", term);
    case READ_TERM_FLAGS:
        return filter_flags(parser, term);
    case READ_TERM_ETHERTYPE:
        return filter_number(parser, 0, 65535, false, "an EtherType such as 0x88cc", term);
    default:
        return filter_protocol(parser, term);
    }
}

/* Adds the term of the parser's last keywords with the value that comes now. */
static int add_valued(struct filter_parser *parser, uint16_t *place) {
    struct read_term term = parser->last;
    bool negated;
    int rc = take_value(parser, &term, &negated);
    if (rc != 0) {
        return rc;
    }
    rc = add_term(parser, &term, place);
    if (rc == 0 && negated) {
        rc = add_not(parser, place);
    }
    uint16_t protocol = 0;
    if (rc == 0 && parser->last_has_protocol) {
        rc = add_term(parser, &parser->last_protocol, &protocol);
        rc = rc == 0 ? add_pair(parser, READ_NODE_AND, protocol, *place, place) : rc;
    }
    return rc;
}

/* "host", "net", "port" and so on behind an optional side. */
static int take_type(struct filter_parser *parser, bool has_side, bool interface) {
    static const struct {
        const char *name;
        enum read_term_kind kind;
        bool range;
    } types[] = {{"host", READ_TERM_NET, false},  {"net", READ_TERM_NET, true},
                 {"port", READ_TERM_PORT, false}, {"portrange", READ_TERM_PORT, true},
                 {"as", READ_TERM_AS, false},     {"if", READ_TERM_INTERFACE, false}};
    parser->last_is_address = false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        bool is_interface = types[i].kind == READ_TERM_INTERFACE;
        bool fits = has_side ? is_interface == interface : true;
        if (fits && filter_take(parser, types[i].name)) {
            parser->last.kind = types[i].kind;
            parser->last_is_range = types[i].range;
            return 0;
        }
    }
    if (interface) {
        return filter_expected(parser, "'if' and an interface's number");
    }
    parser->last.kind = READ_TERM_NET;
    parser->last_is_range = false;
    parser->last_is_address = true;
    return 0;
}

/* Primitives that have neither protocol nor side in front. */
static bool take_flow_type(struct filter_parser *parser) {
    static const struct {
        const char *name;
        enum read_term_kind kind;
    } types[] = {{"vlan", READ_TERM_VLAN},          {"tos", READ_TERM_TOS},
                 {"flags", READ_TERM_FLAGS},        {"packets", READ_TERM_PACKETS},
                 {"bytes", READ_TERM_BYTES},        {"exporter", READ_TERM_EXPORTER},
                 {"icmp-type", READ_TERM_ICMP_TYPE}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (filter_take(parser, types[i].name)) {
            parser->last = (struct read_term){.kind = types[i].kind};
            return true;
        }
    }
    return false;
}

/* "vlan" alone: any tag. */
static bool is_bare_vlan(const struct filter_parser *parser) {
    return parser->last.kind == READ_TERM_VLAN && parser->word.kind != FILTER_COMPARE &&
           (parser->word.kind != FILTER_NAME || strchr("0123456789", parser->word.text[0]) == NULL);
}

/* "proto 6" behind what 'protocol' says, "ether proto 0x88cc". */
static int take_proto(struct filter_parser *parser, const struct read_term *protocol, uint16_t *place) {
    parser->last = (struct read_term){.kind = READ_TERM_PROTOCOL};
    parser->last_has_protocol = false;
    if (protocol != NULL && protocol->kind == READ_TERM_ETHERTYPE) {
        parser->last.family = protocol->low == ETHERTYPE_IPV4 ? 4 : 6;
    }
    return add_valued(parser, place);
}

static int parse_primitive(struct filter_parser *parser, uint16_t *place) {
    struct read_term protocol = {.kind = READ_TERM_PROTOCOL};
    parser->has_last = true;
    parser->last_has_protocol = false;
    parser->last_is_range = parser->last_is_address = false;
    if (filter_take(parser, "ether")) {
        if (!filter_take(parser, "proto")) {
            return filter_expected(parser, "'proto' and an EtherType");
        }
        parser->last = (struct read_term){.kind = READ_TERM_ETHERTYPE};
        return add_valued(parser, place);
    }
    if (take_flow_type(parser)) {
        const struct read_term any = {.kind = READ_TERM_VLAN, .low = 1, .high = 4095};
        return is_bare_vlan(parser) ? add_term(parser, &any, place) : add_valued(parser, place);
    }
    parser->last_has_protocol = take_protocol(parser, &protocol);
    if (parser->last_has_protocol && !is_type(parser)) {
        parser->has_last = false;
        return add_term(parser, &protocol, place);
    }
    parser->last_protocol = protocol;
    bool is_ip =
        !parser->last_has_protocol || (protocol.kind == READ_TERM_ETHERTYPE &&
                                       (protocol.low == ETHERTYPE_IPV4 || protocol.low == ETHERTYPE_IPV6));
    if (is_ip && filter_take(parser, "proto")) {
        return take_proto(parser, parser->last_has_protocol ? &protocol : NULL, place);
    }
    struct read_term side = {.side = READ_EITHER};
    bool interface = false;
    size_t before = parser->word.at;
    int rc = take_side(parser, &side, &interface);
    bool has_side = parser->word.at != before;
    parser->last = side;
    rc = rc == 0 ? take_type(parser, has_side, interface) : rc;
    if (rc == 0 && !has_side && parser->last_is_address && strpbrk(parser->word.text, ".:") == NULL) {
        rc = filter_expected(parser, primitive_expected);
    }
    return rc == 0 ? add_valued(parser, place) : rc;
}

/* True if the word is a value that takes the keywords of the primitive before. */
static bool is_bare_value(const struct filter_parser *parser) {
    const char *text = parser->word.text;
    return parser->has_last && parser->word.kind == FILTER_NAME &&
           ((text[0] >= '0' && text[0] <= '9') || strchr(text, ':') != NULL || text[0] == '\\');
}

static int parse_operand(struct filter_parser *parser, uint16_t *place) {
    *place = 0;
    if (parser->nesting == NESTING_MAX) {
        return error_set(parser->error, -EINVAL, "in the filter, at column %zu: nested more than %d deep",
                         parser->word.at + 1, NESTING_MAX);
    }
    parser->nesting++;
    int rc;
    if (parser->word.kind == FILTER_NOT || filter_is(parser, "not")) {
        filter_next(parser);
        rc = parse_operand(parser, place);
        rc = rc == 0 ? add_not(parser, place) : rc;
    } else if (parser->word.kind == FILTER_OPEN) {
        filter_next(parser);
        rc = parse_expression(parser, place);
        if (rc == 0 && parser->word.kind != FILTER_CLOSE) {
            rc = filter_expected(parser, "'and', 'or' or ')'");
        } else if (rc == 0) {
            filter_next(parser);
        }
    } else if (is_bare_value(parser)) {
        rc = add_valued(parser, place);
    } else if (parser->word.kind != FILTER_NAME) {
        rc = filter_expected(parser, primitive_expected);
    } else {
        rc = parse_primitive(parser, place);
    }
    parser->nesting--;
    return rc;
}

static int parse_expression(struct filter_parser *parser, uint16_t *place) {
    int rc = parse_operand(parser, place);
    while (rc == 0) {
        enum read_node_kind kind;
        if (parser->word.kind == FILTER_AND || filter_is(parser, "and")) {
            kind = READ_NODE_AND;
        } else if (parser->word.kind == FILTER_OR || filter_is(parser, "or")) {
            kind = READ_NODE_OR;
        } else {
            return 0;
        }
        filter_next(parser);
        uint16_t right = 0;
        rc = parse_operand(parser, &right);
        rc = rc == 0 ? add_pair(parser, kind, *place, right, place) : rc;
    }
    return rc;
}

int filter_parse(const char *text, struct read_filter *filter, struct error *error) {
    struct filter_parser parser = {.text = text, .filter = filter, .error = error};
    filter->count = 0;
    filter->root = 0;
    if (strlen(text) > FILTER_TEXT_MAX) {
        return error_set(error, -EINVAL, "the filter is longer than %d characters: use fewer terms, or nets",
                         FILTER_TEXT_MAX);
    }
    filter_next(&parser);
    if (parser.word.kind == FILTER_END) {
        return 0;
    }
    int rc = parse_expression(&parser, &filter->root);
    if (rc == 0 && parser.word.kind != FILTER_END) {
        rc = filter_expected(&parser, "'and', 'or' or the end");
    }
    return rc;
}
