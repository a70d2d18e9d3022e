/* Which address and which port a flow has. */
#include <errno.h>
#include <stdlib.h>

#include "traffic/plan/plan.h"
#include "traffic/plan/random.h"

/* Where there are several addresses, each has its source ports in so many places at random, so that an
 * address is not known by its port; but the addresses share them, for a sender needs a socket for each port.
 */
#define PORT_PLACES 64

/* How many addresses a group uses that wants 'wanted' of 'there'. */
static uint32_t used(uint32_t wanted, uint32_t there) {
    return wanted == 0 || wanted > there ? there : wanted;
}

/* The address of the flow number 'i' of 'count', of which each has one of 'addresses': all of them in turn,
 * or evenly out of them where they are more than flows; 'offset' is which of these. */
static uint32_t pick(size_t i, size_t count, uint32_t addresses, uint64_t offset) {
    size_t at = count >= addresses ? i : i * addresses / count;
    return (uint32_t)((at + offset) % addresses);
}

static void set_hosts(const struct traffic_plan *plan, const size_t *counts, uint64_t *random) {
    size_t number = 0;
    for (size_t g = 0; g < plan->profile->group_count; g++) {
        const struct traffic_group *group = &plan->profile->groups[g];
        uint32_t sources = used(group->sources, plan->client_addresses);
        uint32_t destinations = used(group->destinations, plan->server_addresses);
        uint64_t offsets[2] = {traffic_random_next(random) >> 32, traffic_random_next(random) >> 32};
        for (size_t i = 0; i < counts[g]; i++) {
            struct traffic_flow *flow = &plan->flows[number++];
            /* Another round through the sources begins one destination further, so that all may meet. */
            uint32_t from = pick(i, counts[g], sources, offsets[0]);
            uint32_t to = pick(i, counts[g], destinations, offsets[1] + i / sources);
            flow->source = from;
            flow->destination = to;
            if (number < plan->count && plan->flows[number].reverse != 0) {
                plan->flows[number].source = to;
                plan->flows[number].destination = from;
                number++;
            }
        }
    }
}

void plan_set_twin_ports(struct traffic_flow *twin, const struct traffic_flow *flow) {
    twin->sport = flow->dport;
    twin->dport = flow->sport;
}

static int set_ports(struct traffic_plan *plan, uint32_t *taken[2], uint64_t *random, struct error *error) {
    const uint32_t addresses[2] = {plan->client_addresses, plan->server_addresses};
    uint32_t most[2] = {0, 0}, places[2];
    for (size_t i = 0; i < plan->count; i++) {
        const struct traffic_flow *flow = &plan->flows[i];
        if (flow->responds != 0) {
            continue;
        }
        uint32_t count = ++taken[flow->reverse][flow->source];
        most[flow->reverse] = count > most[flow->reverse] ? count : most[flow->reverse];
    }
    for (size_t side = 0; side < 2; side++) {
        if (most[side] > TRAFFIC_SOURCE_PORTS) {
            return error_set(error, -EINVAL,
                             "%u flows from one address, which has %d source ports for them: take fewer "
                             "flows or more addresses",
                             most[side], TRAFFIC_SOURCE_PORTS);
        }
        uint32_t room = TRAFFIC_SOURCE_PORTS / (most[side] == 0 ? 1 : most[side]);
        places[side] = addresses[side] == 1 ? 1 : room < PORT_PLACES ? room : PORT_PLACES;
    }
    uint64_t first = traffic_random_next(random) % TRAFFIC_SOURCE_PORTS;
    for (size_t i = 0; i < plan->count; i++) {
        struct traffic_flow *flow = &plan->flows[i];
        if (flow->responds != 0) {
            plan_set_twin_ports(flow, &plan->flows[i - 1]);
            continue;
        }
        uint64_t rank = --taken[flow->reverse][flow->source];
        uint64_t place = rank * places[flow->reverse] + traffic_random_next(random) % places[flow->reverse];
        flow->sport = (uint16_t)(TRAFFIC_SOURCE_FIRST + (first + place) % TRAFFIC_SOURCE_PORTS);
        flow->dport = (uint16_t)(TRAFFIC_FIRST_PORT + traffic_random_next(random) % TRAFFIC_SERVER_PORTS);
    }
    return 0;
}

int plan_set_addresses(struct traffic_plan *plan, const size_t *counts, uint64_t *random,
                       struct error *error) {
    set_hosts(plan, counts, random);
    uint32_t *taken[2] = {calloc(plan->client_addresses, sizeof **taken),
                          calloc(plan->server_addresses, sizeof **taken)};
    int failure = taken[0] == NULL || taken[1] == NULL
                      ? error_set(error, -ENOMEM, "no memory for the addresses of %zu flows", plan->count)
                      : set_ports(plan, taken, random, error);
    free(taken[0]);
    free(taken[1]);
    return failure;
}
