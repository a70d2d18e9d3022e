/* The OpenFlow of a lab before there is a lab: rules and meters out of a file, what is wrong with them, and
 * what they sample.  topo_create() puts them into the bridge. */
#pragma once

#include "common/error.h"
#include "topo/topo.h"

#define TOPO_RULE_SIZE 512 /* the longest rule or meter, its NUL included */

/* What a rule's sample action says, ovs-actions(7): IPFIX of single packets of that rule. */
struct topo_sample {
    uint32_t set; /* collector_set_id */
    uint32_t domain, point;
    uint32_t probability; /* of 65535 */
    uint32_t rate;        /* by which Open vSwitch multiplies the counts, 65535 / 'probability' cut to a whole
                           * number (ofproto/ofproto-dpif-ipfix.c, ipfix_cache_entry_init()) */
};

/* Which of the rules, or of the meters, is wrong. */
struct topo_openflow_place {
    bool meter;
    size_t index;
};

/* Lists what the rules of 'openflow' sample, each observation domain once, and sets '*count'.
 *
 * Returns 0, or -EINVAL with 'error' and 'where' filled for what could not be told apart later: a domain of 0
 * (Open vSwitch's options template is there) or 1 (the bridge's own IPFIX), a domain at two rates, one set
 * for two domains (Open vSwitch 3.1 sends a set's templates for one of them alone), or more sets than
 * TOPO_SETS_MAX. */
int topo_openflow_samples(const struct topo_openflow *openflow, struct topo_sample samples[TOPO_SETS_MAX],
                          size_t *count, struct topo_openflow_place *where, struct error *error);

/* Looks at the rules and meters of 'openflow' as far as that needs no switch, by `ovs-ofctl parse-flows`, and
 * fills in its sets.  Needs no root.  Warns in the log of a sample action that the switch will scale wrong by
 * more than 1 %.
 *
 * Returns 0, or with 'error' filled -EINVAL when something is wrong with the rule or meter '*where', or
 * another negative errno: -ENOENT without ovs-ofctl. */
int topo_openflow_check(struct topo_openflow *openflow, struct topo_openflow_place *where,
                        struct error *error);

/* Reads the file 'path' into 'openflow' and checks it: a flow a line as ovs-ofctl(8) writes it, and a meter
 * in each line that begins with "meter="; empty lines and what follows a # are left out.
 *
 * Returns 0, and then topo_openflow_free() is to be called; or a negative errno with 'error' filled, -EINVAL
 * when something is wrong in it: then the error begins with FILE:LINE. */
int topo_openflow_parse_file(const char *path, struct topo_openflow *openflow, struct error *error);

/* Frees what topo_openflow_parse_file() made; does nothing to another. */
void topo_openflow_free(struct topo_openflow *openflow);

/* The first rule of 'openflow' that calls a port by the name of a host beyond 'hosts', and that host; 0 when
 * there is none. */
unsigned topo_openflow_beyond(const struct topo_openflow *openflow, unsigned hosts, size_t *index);

/* Copies 'rule' with each port called by its name in the default lab, "ovs-tap2", as the OpenFlow number that
 * it has in every lab, "2", whatever the lab's prefix is. */
void topo_openflow_resolve(const char *rule, char resolved[TOPO_RULE_SIZE]);
