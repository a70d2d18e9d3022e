/* The inside of the plan: from a group to its flows.  traffic/plan/profile.h is for others. */
#pragma once

#include "common/error.h"
#include "traffic/plan/profile.h"

/* Looks whether 'group', the number 'number' of 'profile', makes sense.  Returns 0, or -EINVAL with 'error'
 * filled. */
int plan_check_group(const struct traffic_profile *profile, size_t number, struct error *error);

/* Sets the size of the flow number 'i' of 'count' of 'group', and of its datagrams.  'factor' is the run's
 * scale times how much longer it is than the profile's own duration; 'random' is where random numbers come
 * from. */
void plan_set_size(struct traffic_flow *flow, const struct traffic_group *group, size_t i, size_t count,
                   double factor, uint64_t *random);

/* Sets start, length and gaps of that flow within 'plan', whose largest flow has 'largest' packets; a flow
 * for which there is no time is cut short.  Sets 'bytes', too. */
void plan_set_times(const struct traffic_plan *plan, struct traffic_flow *flow,
                    const struct traffic_group *group, size_t i, size_t count, double largest,
                    uint64_t *random);

/* Gives every flow of 'plan' its addresses and ports.  'random' as above.  Returns 0, -EINVAL with 'error'
 * filled when an address has more flows than source ports, or -ENOMEM. */
int plan_set_addresses(struct traffic_plan *plan, const size_t *counts, uint64_t *random,
                       struct error *error);

/* Makes the flow number 'number' of 'plan' the twin of the one before it: what goes back, or the responses to
 * it. */
void plan_add_twin(struct traffic_plan *plan, size_t number);

/* Gives the responses 'twin' the ports of 'flow', whose they are, the other way round. */
void plan_set_twin_ports(struct traffic_flow *twin, const struct traffic_flow *flow);
