#include "traffic/profile.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/flow_key.h"

/* splitmix64: the next of a row of numbers that look random, from 'state'. */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* The next random number from 0 to 1, 1 excluded. */
static double next_share(uint64_t *state) {
    return (double)(next_random(state) >> 11) * 0x1p-53;
}

/* The value number 'i' of 'count' values from 'low' to 'high' evenly on a log scale. */
static double log_spaced(double low, double high, size_t i, size_t count) {
    return count < 2 ? high : low * pow(high / low, (double)i / (double)(count - 1));
}

/* The smallest flows keep their size in a short run, so that they stay flows. */
#define SMALLEST_PACKETS 4.0

static void set_size(struct traffic_flow *flow, const struct traffic_group *group, size_t i, double factor) {
    double planned = log_spaced(group->packets_min, group->packets_max, i, group->count);
    double packets = fmax(planned * factor, fmin(planned, SMALLEST_PACKETS));
    flow->packets = packets < 1 ? 1 : (uint64_t)llround(packets);
    if (group->protocol == PROTOCOL_TCP) {
        flow->bytes = flow->packets * traffic_segment_bytes(group->family);
        return;
    }
    /* Sizes of datagrams run through the group three times, so that they don't grow with the size of the
     * flow. */
    size_t steps = group->count < 5 ? group->count : (size_t)(group->count + 2) / 3;
    flow->payload_min =
        (uint16_t)lround(log_spaced(group->payload_min, group->payload_max, i % steps, steps));
    flow->payload_max = group->datagrams_differ ? group->payload_max : flow->payload_min;
    if (group->datagrams_differ) {
        flow->payload_min = group->payload_min;
    }
    flow->bytes = flow->packets * (uint64_t)(flow->payload_min + flow->payload_max) / 2;
}

/* Large flows last nearly the whole run, small ones a tenth of it; each starts anywhere where it fits.  The
 * last twentieth of the run stays empty for the ends of TCP. */
static void set_times(struct traffic_flow *flow, int64_t duration_ns, double largest, uint64_t *random) {
    double size = log((double)flow->packets) / log(largest);
    double share = 0.1 + 0.8 * fmin(1, fmax(0, size)) * (0.9 + 0.1 * next_share(random));
    double room = 0.95 * (double)duration_ns;
    double length = share * room;
    double start = next_share(random) * (room - length);
    flow->start_ns = flow->number == 0 ? 0 : (int64_t)start;
    flow->gap_ns = flow->packets < 2 ? (int64_t)length : (int64_t)(length / (double)(flow->packets - 1));
    flow->length_ns = flow->gap_ns * (int64_t)(flow->packets - 1);
}

static double largest_packets(const struct traffic_plan *plan) {
    double largest = 2;
    for (size_t i = 0; i < plan->count; i++) {
        largest = fmax(largest, (double)plan->flows[i].packets);
    }
    return largest;
}

static void fill(struct traffic_plan *plan, double factor) {
    const struct traffic_profile *profile = plan->profile;
    size_t number = 0;
    for (size_t g = 0; g < profile->group_count; g++) {
        for (size_t i = 0; i < profile->groups[g].count; i++) {
            struct traffic_flow *flow = &plan->flows[number++];
            *flow = (struct traffic_flow){.protocol = profile->groups[g].protocol,
                                          .family = profile->groups[g].family};
            set_size(flow, &profile->groups[g], i, factor);
        }
    }
    uint64_t random = plan->seed;
    double largest = largest_packets(plan);
    size_t ports = TRAFFIC_SOURCE_END - TRAFFIC_SOURCE_FIRST;
    size_t first = next_random(&random) % ports;
    for (size_t i = 0; i < plan->count; i++) {
        struct traffic_flow *flow = &plan->flows[i];
        flow->number = (uint32_t)i;
        flow->sport = (uint16_t)(TRAFFIC_SOURCE_FIRST + (first + i) % ports);
        flow->dport = (uint16_t)(TRAFFIC_FIRST_PORT + next_random(&random) % TRAFFIC_SERVER_PORTS);
        set_times(flow, plan->duration_ns, largest, &random);
    }
}

int traffic_plan_make(struct traffic_plan *plan, const struct traffic_profile *profile, int64_t duration_ns,
                      double scale, uint64_t seed, struct error *error) {
    duration_ns = duration_ns == 0 ? profile->duration_ns : duration_ns;
    scale = scale == 0 ? 1 : scale;
    *plan =
        (struct traffic_plan){.profile = profile, .seed = seed, .duration_ns = duration_ns, .scale = scale};
    if (duration_ns < NS_PER_S / 10 || duration_ns > 7 * INT64_C(86400) * NS_PER_S) {
        return error_set(error, -EINVAL,
                         "can't plan traffic for %.3f s: take a duration from 0.1 s to a week",
                         (double)duration_ns / (double)NS_PER_S);
    }
    if (!(scale >= 0.001 && scale <= 1000)) {
        return error_set(error, -EINVAL, "can't scale the traffic by %g: take a factor from 0.001 to 1000",
                         scale);
    }
    for (size_t i = 0; i < profile->group_count; i++) {
        plan->count += profile->groups[i].count;
    }
    if (plan->count == 0 || plan->count > TRAFFIC_MAX_FLOWS) {
        return error_set(error, -EINVAL, "profile '%s' has %zu flows: it may have 1 to %zu", profile->name,
                         plan->count, TRAFFIC_MAX_FLOWS);
    }
    plan->flows = calloc(plan->count, sizeof *plan->flows);
    if (plan->flows == NULL) {
        return error_set(error, -ENOMEM, "no memory for a plan of %zu flows", plan->count);
    }
    fill(plan, scale * (double)duration_ns / (double)profile->duration_ns);
    return 0;
}

uint16_t traffic_plan_payload(const struct traffic_plan *plan, const struct traffic_flow *flow,
                              uint64_t sequence) {
    if (flow->payload_min >= flow->payload_max) {
        return flow->payload_min;
    }
    uint64_t state = plan->seed ^ (uint64_t)flow->number << 48 ^ sequence;
    uint64_t range = (uint64_t)flow->payload_max - flow->payload_min + 1;
    return (uint16_t)(flow->payload_min + next_random(&state) % range);
}

void traffic_plan_free(struct traffic_plan *plan) {
    if (plan != NULL) {
        free(plan->flows);
        *plan = (struct traffic_plan){0};
    }
}

#define TENTHS 10

/* Adds the packets of 'flow' to the tenths of the run in which they are sent. */
static void spread(const struct traffic_flow *flow, int64_t duration_ns, double tenths[TENTHS]) {
    double tenth = (double)duration_ns / TENTHS;
    double start = (double)flow->start_ns;
    double end = start + (double)flow->gap_ns * (double)flow->packets;
    for (int i = 0; i < TENTHS; i++) {
        double overlap = fmin(end, tenth * (i + 1)) - fmax(start, tenth * i);
        tenths[i] += overlap > 0 ? (double)flow->packets * overlap / (end - start) : 0;
    }
}

struct traffic_load traffic_plan_load(const struct traffic_plan *plan) {
    struct traffic_load load = {0};
    double tenths[TENTHS] = {0};
    double seconds = (double)plan->duration_ns / (double)NS_PER_S;
    for (size_t i = 0; i < plan->count; i++) {
        const struct traffic_flow *flow = &plan->flows[i];
        uint64_t headers =
            14U + (flow->family == 6 ? 40U : 20U) + (flow->protocol == PROTOCOL_TCP ? 32U : 8U);
        load.packets += flow->packets;
        load.bytes += flow->bytes + flow->packets * headers;
        spread(flow, plan->duration_ns, tenths);
    }
    for (int i = 0; i < TENTHS; i++) {
        load.peak_pps = fmax(load.peak_pps, tenths[i] * TENTHS / seconds);
    }
    load.mean_pps = (double)load.packets / seconds;
    load.mean_bps = (double)load.bytes * 8 / seconds;
    return load;
}
