/* What the truth's own doubt can explain.  The ledger knows how many frames the truth may lack, and how many
 * it may have too many, but not of which flow they are: they may all be of the flows where a source differs.
 */
#include <math.h>
#include <stdlib.h>

#include "reports/internal.h"

/* At a lone tap nobody knows what was lost between it and the switch, of the flows out of its station, nor
 * behind the switch, of those into it: true if 'flow' may have been fewer at the switch, or else more. */
static bool may_be_fewer(const struct report_flow *flow) {
    return flow->entry != READ_NULL;
}

static bool lone_tap_explains_counts(const struct report *report, size_t number) {
    for (size_t i = 0; i < report->flows.count; i++) {
        const struct report_flow *flow = &report->flows.flows[i];
        const struct report_estimate *estimate = &flow->estimates[number];
        bool differs = estimate->visible && estimate->packets != flow->packets;
        if (differs && flow->met_packets > 0 && (estimate->packets < flow->packets) != may_be_fewer(flow)) {
            return false;
        }
    }
    return true;
}

bool report_doubt_explains_counts(const struct report *report, const struct report_source *source) {
    bool differs = source->over_packets > 0 || source->under_packets > 0;
    if (!differs || source->byte_faults > 0) {
        return false;
    }
    if (report->one_tap) {
        return lone_tap_explains_counts(report, (size_t)(source - report->sources));
    }
    return source->over_packets <= report->truth_may_lack &&
           source->under_packets <= report->truth_may_exceed;
}

bool report_rewriting_explains_counts(const struct report *report, const struct report_source *source) {
    size_t number = (size_t)(source - report->sources);
    if (!report->rules.rewrites || source->over_packets == 0 || source->byte_faults > 0 ||
        source->over_packets != source->under_packets || source->packets != source->truth_packets ||
        source->bytes != source->truth_bytes) {
        return false;
    }
    for (size_t i = 0; i < report->flows.count; i++) {
        const struct report_flow *flow = &report->flows.flows[i];
        const struct report_estimate *estimate = &flow->estimates[number];
        bool more = estimate->visible && estimate->packets > flow->packets;
        if (more && estimate->packets > report_add(flow->packets, flow->in_packets)) {
            return false; /* nothing like it came out */
        }
    }
    return true;
}

/* A flow of the truth, and by how many standard deviations its estimate is away. */
struct away {
    const struct report_flow *flow;
    double z;
};

/* The furthest away first. */
static int by_distance(const void *left, const void *right) {
    double a = fabs(((const struct away *)left)->z);
    double b = fabs(((const struct away *)right)->z);
    return a > b ? -1 : a < b;
}

static size_t list_flows(const struct report *report, size_t number, struct away *flows) {
    size_t count = 0;
    for (size_t i = 0; i < report->flows.count; i++) {
        const struct report_flow *flow = &report->flows.flows[i];
        const struct report_estimate *estimate = &flow->estimates[number];
        if (estimate->visible && flow->packets > 0) {
            double variance = (double)flow->packets * fmax(estimate->rate - 1.0, 1.0);
            double difference = (double)estimate->packets - (double)flow->packets;
            flows[count++] = (struct away){.flow = flow, .z = difference / sqrt(variance)};
        }
    }
    return count;
}

/* Moves 'truth' towards 'estimate' by as many frames as 'lack' and 'exceed' have left, and takes them out. */
static uint64_t move(uint64_t truth, uint64_t estimate, uint64_t *lack, uint64_t *exceed) {
    bool more = estimate > truth;
    uint64_t wanted = more ? estimate - truth : truth - estimate;
    uint64_t *pool = more ? lack : exceed;
    uint64_t step = wanted < *pool ? wanted : *pool;
    *pool -= step;
    return more ? truth + step : truth - step;
}

/* At a lone tap: by how much source 'number' says too little of all that left the station, and too much of
 * all that came into it. */
static void lone_tap_doubt(const struct report *report, size_t number, uint64_t *lack, uint64_t *exceed) {
    double out = 0.0;
    double in = 0.0;
    for (size_t i = 0; i < report->flows.count; i++) {
        const struct report_flow *flow = &report->flows.flows[i];
        const struct report_estimate *estimate = &flow->estimates[number];
        if (estimate->visible && flow->packets > 0) {
            *(may_be_fewer(flow) ? &out : &in) += (double)estimate->packets - (double)flow->packets;
        }
    }
    *exceed = out < 0.0 ? (uint64_t)-out : 0;
    *lack = in > 0.0 ? (uint64_t)in : 0;
}

/* Sums of 'flows' with the truth moved by 'lack' and 'exceed'. */
static void add_moved(const struct report *report, const struct away *flows, size_t count, size_t number,
                      uint64_t lack, uint64_t exceed, struct stats_accuracy *sums) {
    for (size_t i = 0; i < count; i++) {
        const struct report_flow *flow = flows[i].flow;
        const struct report_estimate *estimate = &flow->estimates[number];
        bool fixed = report->one_tap && (estimate->packets < flow->packets) != may_be_fewer(flow);
        uint64_t truth = fixed ? flow->packets : move(flow->packets, estimate->packets, &lack, &exceed);
        if (truth > 0) {
            const struct stats_flow moved = {.truth = (double)truth,
                                             .estimate = (double)estimate->packets,
                                             .samples = estimate->samples,
                                             .truth_packets = truth,
                                             .rate = estimate->rate,
                                             .within =
                                                 stats_interval_holds(&estimate->packets_ci, (double)truth)};
            stats_accuracy_add(sums, &moved);
        }
    }
}

bool report_doubt_explains_samples(const struct report *report, size_t number) {
    uint64_t lack = report->truth_may_lack;
    uint64_t exceed = report->truth_may_exceed;
    if (report->one_tap) {
        lone_tap_doubt(report, number, &lack, &exceed);
    }
    if (lack == 0 && exceed == 0) {
        return false;
    }
    struct away *flows = calloc(report->flows.count + 1, sizeof *flows);
    struct stats_accuracy sums;
    struct stats_summary summary = {.plausible = false};
    if (flows == NULL || stats_accuracy_init(&sums, report->flows.count) != 0) {
        free(flows);
        return false;
    }
    size_t count = list_flows(report, number, flows);
    qsort(flows, count, sizeof *flows, by_distance);
    add_moved(report, flows, count, number, lack, exceed, &sums);
    bool explained = stats_accuracy_summary(&sums, &summary) == 0 && summary.plausible;
    stats_accuracy_free(&sums);
    free(flows);
    return explained;
}
