#include "traffic/plan/distribution.h"
#include "traffic/plan/plan.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/plan/random.h"

/* Rows of random numbers (traffic_random_at()): two for each flow. */
#define ROW_PAYLOAD(flow) ((uint64_t)(flow)->number * 2)
#define ROW_GAPS(flow)    ((uint64_t)(flow)->number * 2 + 1)

/* Flows that one of 'group' stands for. */
static size_t flows_each(const struct traffic_group *group) {
    return group->both_ways != 0 || group->response_max > 0 ? 2 : 1;
}

/* How many times each group of 'profile' is there, into 'counts', so that there are 'flows' of them in all
 * (0: as many as the profile has): in proportion, but at least one of each.  Returns how many flows that are.
 */
static size_t share_out(const struct traffic_profile *profile, size_t flows, size_t *counts) {
    size_t own = 0, before = 0, sum = 0;
    for (size_t g = 0; g < profile->group_count; g++) {
        own += profile->groups[g].count * flows_each(&profile->groups[g]);
    }
    double each = flows == 0 || own == 0 ? 1 : (double)flows / (double)own;
    for (size_t g = 0; g < profile->group_count; g++) {
        const struct traffic_group *group = &profile->groups[g];
        before += group->count * flows_each(group);
        /* The sum is rounded, not each part, so that the parts make up the whole. */
        double wanted = floor((double)before * each + 0.5) - (double)sum;
        double here = floor(fmax(wanted, 0) / (double)flows_each(group));
        counts[g] = group->count == 0 ? 0 : here < 1 ? 1 : (size_t)here;
        sum += counts[g] * flows_each(group);
    }
    return sum;
}

static double largest_packets(const struct traffic_plan *plan) {
    double largest = 2;
    for (size_t i = 0; i < plan->count; i++) {
        largest = fmax(largest, (double)plan->flows[i].packets);
    }
    return largest;
}

/* What all flows of 'group' have alike. */
static struct traffic_flow flow_of(const struct traffic_profile *profile, size_t g) {
    const struct traffic_group *group = &profile->groups[g];
    struct traffic_flow flow = {
        .group = group,
        .protocol = group->protocol,
        .family = group->family,
        .class = (uint8_t)(g < TRAFFIC_CLASSES_MAX ? g : TRAFFIC_CLASSES_MAX - 1),
        .gaps = group->gaps,
        .random_gaps = traffic_distribution_make(group->gaps, group->gap_shape, group->gap_histogram),
        .random_payload =
            traffic_distribution_make(group->payload_law, group->payload_shape, group->payload_histogram)};
    double low = group->payload_min, high = group->payload_max;
    flow.payload_mean = group->payload_mean > 0 ? group->payload_mean : (low + high) / 2;
    flow.payload_usual = traffic_distribution_mean_within(&flow.random_payload, flow.payload_mean, low, high);
    return flow;
}

void plan_add_twin(struct traffic_plan *plan, size_t number) {
    const struct traffic_flow *flow = &plan->flows[number - 1];
    struct traffic_flow *twin = &plan->flows[number];
    *twin = *flow;
    twin->number = (uint32_t)number;
    twin->reverse = 1;
    if (flow->response == 0) {
        plan->reverse_count++;
        return;
    }
    plan->response_count++;
    twin->responds = 1;
    twin->request = twin->response = 0;
    twin->payload_min = twin->payload_max = flow->protocol == PROTOCOL_UDP ? (uint16_t)flow->response : 0;
    twin->payload_usual = twin->payload_min;
    if (flow->packets < TRAFFIC_ENDLESS) {
        twin->bytes = flow->packets * flow->response;
    }
}

/* What a flow and its twin have in common is set in the flow and copied. */
static void fill(struct traffic_plan *plan, const size_t *counts, double factor, uint64_t *random) {
    const struct traffic_profile *profile = plan->profile;
    size_t number = 0;
    for (size_t g = 0; g < profile->group_count; g++) {
        const struct traffic_flow alike = flow_of(profile, g);
        for (size_t i = 0; i < counts[g]; i++) {
            struct traffic_flow *flow = &plan->flows[number];
            *flow = alike;
            flow->number = (uint32_t)number;
            plan_set_size(flow, &profile->groups[g], i, counts[g], factor, random);
            number += flows_each(&profile->groups[g]);
        }
    }
    double largest = largest_packets(plan);
    number = 0;
    for (size_t g = 0; g < profile->group_count; g++) {
        for (size_t i = 0; i < counts[g]; i++) {
            struct traffic_flow *flow = &plan->flows[number++];
            plan_set_times(plan, flow, &profile->groups[g], i, counts[g], largest, random);
            if (flows_each(&profile->groups[g]) == 2) {
                plan_add_twin(plan, number++);
            }
        }
    }
}

static int check(const struct traffic_plan *plan, struct error *error) {
    if (plan->duration_ns < NS_PER_S / 10 || plan->duration_ns > 7 * INT64_C(86400) * NS_PER_S) {
        return error_set(error, -EINVAL,
                         "can't plan traffic for %.3f s: take a duration from 0.1 s to a week",
                         (double)plan->duration_ns / (double)NS_PER_S);
    }
    if (!(plan->scale >= 0.001 && plan->scale <= 1000)) {
        return error_set(error, -EINVAL, "can't scale the traffic by %g: take a factor from 0.001 to 1000",
                         plan->scale);
    }
    if (plan->client_addresses > TRAFFIC_MAX_ADDRESSES || plan->server_addresses > TRAFFIC_MAX_ADDRESSES) {
        return error_set(error, -EINVAL, "can't spread traffic over more than %u addresses",
                         TRAFFIC_MAX_ADDRESSES);
    }
    for (size_t g = 0; g < plan->profile->group_count; g++) {
        int failure = plan_check_group(plan->profile, g, error);
        if (failure != 0) {
            return failure;
        }
    }
    return 0;
}

static int make(struct traffic_plan *plan, const struct traffic_plan_settings *settings, size_t *counts,
                struct error *error) {
    const struct traffic_profile *profile = plan->profile;
    plan->count = share_out(profile, settings->flows, counts);
    if (plan->count == 0 || plan->count > TRAFFIC_MAX_FLOWS) {
        size_t count = plan->count;
        plan->count = 0;
        return error_set(error, -EINVAL, "profile '%s' would have %zu flows: it may have 1 to %zu",
                         profile->name, count, TRAFFIC_MAX_FLOWS);
    }
    plan->class_count =
        profile->group_count < TRAFFIC_CLASSES_MAX ? profile->group_count : TRAFFIC_CLASSES_MAX;
    plan->flows = calloc(plan->count, sizeof *plan->flows);
    if (plan->flows == NULL) {
        return error_set(error, -ENOMEM, "no memory for a plan of %zu flows", plan->count);
    }
    uint64_t random = plan->seed;
    fill(plan, counts, plan->scale * (double)plan->duration_ns / (double)profile->duration_ns, &random);
    return plan_set_addresses(plan, counts, &random, error);
}

int traffic_plan_make(struct traffic_plan *plan, const struct traffic_profile *profile,
                      const struct traffic_plan_settings *settings, struct error *error) {
    *plan = (struct traffic_plan){
        .profile = profile,
        .seed = settings->seed,
        .duration_ns = settings->duration_ns == 0 ? profile->duration_ns : settings->duration_ns,
        .scale = settings->scale == 0 ? 1 : settings->scale,
        .client_addresses = settings->client_addresses == 0 ? 1 : settings->client_addresses,
        .server_addresses = settings->server_addresses == 0 ? 1 : settings->server_addresses,
    };
    int failure = check(plan, error);
    if (failure != 0) {
        return failure;
    }
    size_t *counts = calloc(profile->group_count + 1, sizeof *counts);
    if (counts == NULL) {
        return error_set(error, -ENOMEM, "no memory for a plan of %zu groups", profile->group_count);
    }
    failure = make(plan, settings, counts, error);
    free(counts);
    if (failure != 0) {
        traffic_plan_free(plan);
    }
    return failure;
}

uint16_t traffic_plan_payload(const struct traffic_plan *plan, const struct traffic_flow *flow,
                              uint64_t sequence) {
    if (flow->payload_min >= flow->payload_max) {
        return flow->payload_min;
    }
    uint64_t number = traffic_random_at(plan->seed, ROW_PAYLOAD(flow), sequence);
    uint64_t range = (uint64_t)flow->payload_max - flow->payload_min + 1;
    if (flow->random_payload.law == TRAFFIC_LAW_UNIFORM) {
        return (uint16_t)(flow->payload_min + number % range);
    }
    return (uint16_t)lround(traffic_distribution_within(&flow->random_payload, flow->payload_mean,
                                                        flow->payload_min, flow->payload_max, number));
}

int64_t traffic_plan_gap(const struct traffic_plan *plan, const struct traffic_flow *flow, uint64_t packet) {
    bool bursts = flow->burst_packets != 0;
    if (bursts && (packet + 1) % flow->burst_packets != 0) {
        return flow->gap_ns;
    }
    int64_t mean_ns = bursts ? flow->pause_ns : flow->gap_ns;
    if (flow->gaps == TRAFFIC_LAW_CONSTANT) {
        return mean_ns;
    }
    uint64_t number = traffic_random_at(plan->seed, ROW_GAPS(flow), packet);
    return (int64_t)((double)mean_ns * traffic_distribution_draw(&flow->random_gaps, number));
}

void traffic_plan_free(struct traffic_plan *plan) {
    if (plan != NULL) {
        free(plan->flows);
        free(plan->group);
        *plan = (struct traffic_plan){0};
    }
}
