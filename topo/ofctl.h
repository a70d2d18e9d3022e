/* ovs-ofctl: OpenFlow 1.5 with the lab's bridge, or with nobody. */
#pragma once

#include <stddef.h>

#include "common/error.h"
#include "topo/lab.h"
#include "topo/topo.h"

/* Writes how ovs-ofctl finds the bridge: the system's by its name, a private switch's by its socket. */
void ofctl_name_target(const struct topo *topo, char *target, size_t size);

/* Has ovs-ofctl read the rules of 'openflow', without a switch.  Returns 0; -EINVAL with 'error' and '*index'
 * of the wrong rule, also when it has the match and the priority of an earlier one, which a switch would
 * replace by it without a word (OpenFlow 1.5.1, 6.4); or another negative errno with 'error' filled. */
int ofctl_parse(const struct topo_openflow *openflow, size_t *index, struct error *error);

/* Puts the meters of 'openflow' and then its rules, all of them or none, into the bridge of 'topo', above
 * what is there.  Returns 0 or a negative errno with 'error' filled, which names the rule or meter. */
int ofctl_apply(const struct topo *topo, const struct topo_openflow *openflow, struct error *error);

/* What the bridge answers to 'request' ("dump-ports"), as a string in the 'size' bytes at 'answer'; cut if it
 * is longer.  Returns 0 or a negative errno with 'error' filled. */
int ofctl_ask(const struct topo *topo, const char *request, char *answer, size_t size, struct error *error);
