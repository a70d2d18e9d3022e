/* What a plan will offer. */
#include <math.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/plan/profile.h"

#define TENTHS 10

/* Adds the packets of 'flow' to the tenths of the run in which they are sent. */
static void spread(const struct traffic_flow *flow, int64_t duration_ns, double tenths[TENTHS]) {
    double tenth = (double)duration_ns / TENTHS;
    double packets = (double)flow->packets;
    double start = (double)flow->start_ns;
    /* A gap after the last packet, so that the rate is that of the flow. */
    double length = packets > 1 ? (double)flow->length_ns * packets / (packets - 1) : 1;
    double end = start + fmax(length, 1);
    for (int i = 0; i < TENTHS; i++) {
        double overlap = fmin(end, tenth * (i + 1)) - fmax(start, tenth * i);
        tenths[i] += overlap > 0 ? packets * overlap / (end - start) : 0;
    }
}

struct traffic_load traffic_plan_load(const struct traffic_plan *plan) {
    struct traffic_load load = {0};
    double tenths[TENTHS] = {0};
    double seconds = (double)plan->duration_ns / (double)NS_PER_S;
    for (size_t i = 0; i < plan->count; i++) {
        const struct traffic_flow *flow = &plan->flows[i];
        if (flow->fast) {
            load.fast++;
            continue;
        }
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
