/* Which flows the OpenFlow rules of a lab sample: those that the IPFIX of these rules can know of. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/flow_key.h"
#include "common/prefix.h"

#define REPORT_RULES_MAX 64

/* A rule's match; what has no "has" is any. */
struct report_rule {
    uint32_t priority;
    bool samples;
    bool has_port, has_ethertype, has_protocol, has_sport, has_dport, has_icmp_type, has_src, has_dst;
    int64_t port; /* the host behind it: of ovs-tapN, and of OpenFlow's number N, that is N */
    uint16_t ethertype, sport, dport;
    uint8_t protocol, icmp_type;
    struct ip_prefix src, dst;
};

struct report_rules {
    bool inexact;  /* some rule looks at what is not in a flow key, or leads to others */
    bool rewrites; /* some rule changes what is in a flow key: frames come out as another flow */
    uint32_t cut;  /* a sample action's probability that Open vSwitch scales wrong by over 1 %, or 0 */
    size_t count;
    struct report_rule rules[REPORT_RULES_MAX];
};

/* Reads 'array', strings as ovs-ofctl(8) writes flows; NULL is none. */
void report_rules_read(struct report_rules *rules, const json_t *array);

/* True if the frames of 'key' that come in from 'host' (-1: not known) meet a rule that samples them: the one
 * of the highest priority that matches; of two alike the first.  Where 'rules' are inexact that is no more
 * than likely. */
bool report_rules_sample(const struct report_rules *rules, const struct flow_key *key, int64_t host);
