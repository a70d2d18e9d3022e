#include "traffic/meter.h"

#include <stdlib.h>

#include "common/flow_key.h"

static bool is_counted(const struct traffic_flow *flow, unsigned int side) {
    return flow->protocol == PROTOCOL_UDP && traffic_flow_side(flow) == side;
}

struct traffic_meter_flow *traffic_meter_make_flows(const struct traffic_plan *plan, unsigned int side) {
    struct traffic_meter_flow *flows = calloc(plan->count, sizeof *flows);
    int failure = flows == NULL ? -1 : 0;
    for (size_t i = 0; i < plan->count && failure == 0; i++) {
        if (is_counted(&plan->flows[i], side)) {
            failure = traffic_sequence_init(&flows[i].sequence, plan->flows[i].packets);
            failure = failure != 0 ? failure : traffic_delay_init(&flows[i].delay, plan->flows[i].packets);
        }
    }
    if (failure != 0) {
        traffic_meter_free_flows(flows, plan);
        return NULL;
    }
    return flows;
}

void traffic_meter_free_flows(struct traffic_meter_flow *flows, const struct traffic_plan *plan) {
    for (size_t i = 0; i < plan->count && flows != NULL; i++) {
        traffic_sequence_free(&flows[i].sequence);
        traffic_delay_free(&flows[i].delay);
    }
    free(flows);
}

struct traffic_meter traffic_meter_make(const struct traffic_plan *plan, const struct traffic_board *board,
                                        struct traffic_meter_flow *flows, int64_t clock_offset_ns) {
    return (struct traffic_meter){
        .plan = plan,
        .board = board,
        .flows = flows,
        .clock_offset_ns = clock_offset_ns,
        .owd = {.min = INT64_MAX, .max = INT64_MIN, .bins = board->owd_bins},
        .stamps = {.slots = board->stamps},
    };
}

bool traffic_meter_take(struct traffic_meter *meter, const struct traffic_datagram *datagram, size_t size,
                        int64_t received_ns) {
    const struct traffic_plan *plan = meter->plan;
    const struct traffic_board *board = meter->board;
    struct traffic_meter_flow *flow = &meter->flows[datagram->flow];
    struct traffic_live *live = board->live;
    uint64_t next = flow->sequence.next;
    enum traffic_arrival arrival = traffic_sequence_note(&flow->sequence, datagram->sequence);
    traffic_board_add(&live->missing, (int64_t)(flow->sequence.next - next));
    if (arrival == TRAFFIC_ARRIVAL_DUPLICATE || arrival == TRAFFIC_ARRIVAL_LATE) {
        return false;
    }
    traffic_board_add(&live->missing, -1);
    traffic_board_add(&live->received_packets, 1);
    traffic_board_add(&live->received_bytes, (int64_t)size);
    board->received[datagram->flow].bytes += (int64_t)size;
    /* Unsigned, for the time on the wire may be any number. */
    int64_t delay_ns =
        (int64_t)((uint64_t)received_ns - (uint64_t)datagram->sent_ns - (uint64_t)meter->clock_offset_ns);
    traffic_delay_add(&flow->delay, delay_ns);
    histogram_add(&meter->owd, delay_ns);
    if (plan->class_count > 1) {
        size_t bin = plan->flows[datagram->flow].class * HISTOGRAM_BINS + histogram_bin(delay_ns);
        board->class_bins[bin]++;
    }
    stamps_note(&meter->stamps, STAMP_RECEIVED, datagram->flow, datagram->sequence, datagram->sent_ns,
                received_ns);
    return true;
}

/* Puts the losses of the flow number 'i' on the board, as far as something came behind them: what was sent
 * after that may not be known here. */
static void publish_losses(const struct traffic_meter *meter, size_t i) {
    const struct traffic_board *board = meter->board;
    struct traffic_losses losses = traffic_sequence_losses(&meter->flows[i].sequence, 0);
    board->received[i].loss_bursts = (int64_t)losses.bursts;
    board->received[i].loss_longest = (int64_t)losses.longest;
    for (size_t bin = 0; bin < TRAFFIC_LOSS_BINS; bin++) {
        board->live->loss_bins[bin] += (int64_t)losses.bins[bin];
    }
}

void traffic_meter_publish(struct traffic_meter *meter, size_t i, bool last) {
    struct traffic_meter_flow *flow = &meter->flows[i];
    struct traffic_received *received = &meter->board->received[i];
    received->packets = (int64_t)flow->sequence.unique;
    received->duplicated = (int64_t)flow->sequence.duplicated;
    received->reordered = (int64_t)flow->sequence.reordered;
    received->extent = (int64_t)flow->sequence.extent;
    received->next = (int64_t)flow->sequence.next;
    received->owd_count = (int64_t)flow->delay.count;
    received->owd_min = flow->delay.min;
    received->owd_max = flow->delay.max;
    received->jitter = (int64_t)flow->delay.jitter;
    if (last && flow->delay.count > 0) {
        received->owd_p50 = traffic_delay_quantile(&flow->delay, 0.5);
        received->owd_p90 = traffic_delay_quantile(&flow->delay, 0.9);
        received->owd_p99 = traffic_delay_quantile(&flow->delay, 0.99);
        received->owd_p999 = traffic_delay_quantile(&flow->delay, 0.999);
    }
    if (last && flow->sequence.bits != NULL) {
        publish_losses(meter, i);
    }
}

void traffic_meter_publish_live(const struct traffic_meter *meter) {
    struct traffic_live *live = meter->board->live;
    live->owd_count = meter->owd.count;
    live->owd_negative = meter->owd.negative;
    live->owd_min = meter->owd.min;
    live->owd_max = meter->owd.max;
    live->owd_sum = meter->owd.sum;
    live->stamp_shift = meter->stamps.shift;
}
