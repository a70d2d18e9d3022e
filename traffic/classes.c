#include "traffic/classes.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "traffic/traffic.h"

#define SPARE_INTERVALS 2

int traffic_classes_open(struct traffic_classes *classes, const struct traffic_plan *plan) {
    *classes = (struct traffic_classes){.count = plan->class_count};
    if (classes->count == 0) {
        return 0;
    }
    classes->least_ns = plan->duration_ns / (TRAFFIC_CLASS_INTERVALS - 64);
    classes->intervals =
        calloc((TRAFFIC_CLASS_INTERVALS + SPARE_INTERVALS) * classes->count, sizeof *classes->intervals);
    classes->sums = calloc(classes->count, sizeof *classes->sums);
    int code = classes->intervals == NULL || classes->sums == NULL ? -ENOMEM : 0;
    for (size_t i = 0; code == 0 && classes->count > 1 && i < classes->count; i++) {
        code = histogram_init(&classes->owd[i]);
    }
    return code;
}

void traffic_classes_free(struct traffic_classes *classes) {
    free(classes->intervals);
    free(classes->sums);
    for (size_t i = 0; i < TRAFFIC_CLASSES_MAX; i++) {
        histogram_free(&classes->owd[i]);
    }
    *classes = (struct traffic_classes){0};
}

/* Adds what was counted of the plan's flows to 'sums'. */
static void sum_up(const struct traffic_plan *plan, const struct traffic_board *const boards[],
                   struct traffic_interval *sums) {
    for (size_t i = 0; i < plan->count; i++) {
        const struct traffic_flow *flow = &plan->flows[i];
        const struct traffic_board *board = boards[traffic_flow_side(flow)];
        struct traffic_interval *sum = &sums[flow->class];
        /* What was received is read first, so that no interval shows more received than sent. */
        sum->received_packets += board->received[i].packets;
        sum->received_bytes += board->received[i].bytes;
        sum->sent_packets += traffic_board_get(&board->sent[i].packets);
        sum->sent_bytes += traffic_board_get(&board->sent[i].bytes);
    }
}

void traffic_classes_note(struct traffic_classes *classes, const struct traffic_plan *plan,
                          const struct traffic_board *const boards[], int64_t start_ns, int64_t now_ns,
                          bool last) {
    struct traffic_interval now[TRAFFIC_CLASSES_MAX] = {0};
    int64_t before_ns = classes->interval_count == 0 ? start_ns : classes->sums[0].end_ns;
    bool is_room = classes->interval_count < TRAFFIC_CLASS_INTERVALS;
    if (classes->count == 0 || (!last && (now_ns - before_ns < classes->least_ns || !is_room)) ||
        classes->interval_count == TRAFFIC_CLASS_INTERVALS + SPARE_INTERVALS) {
        return;
    }
    sum_up(plan, boards, now);
    for (size_t i = 0; i < classes->count; i++) {
        struct traffic_interval *interval = &classes->intervals[classes->interval_count * classes->count + i];
        const struct traffic_interval *was = &classes->sums[i];
        *interval =
            (struct traffic_interval){.start_ns = before_ns,
                                      .end_ns = now_ns,
                                      .sent_packets = now[i].sent_packets - was->sent_packets,
                                      .sent_bytes = now[i].sent_bytes - was->sent_bytes,
                                      .received_packets = now[i].received_packets - was->received_packets,
                                      .received_bytes = now[i].received_bytes - was->received_bytes};
        classes->sums[i] = now[i];
        classes->sums[i].end_ns = now_ns;
    }
    classes->interval_count++;
}

void traffic_classes_add_delays(struct traffic_classes *classes, const struct traffic_board *board) {
    for (size_t i = 0; i < classes->count && classes->count > 1; i++) {
        struct histogram *owd = &classes->owd[i];
        const uint32_t *bins = board->class_bins + i * HISTOGRAM_BINS;
        for (size_t bin = 0; bin < HISTOGRAM_BINS; bin++) {
            owd->bins[bin] += bins[bin];
            owd->count += bins[bin];
        }
    }
}
