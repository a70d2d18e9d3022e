#include "traffic/result.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

/* Intervals beyond the plan's seconds: for the tail and for stops. */
#define SPARE_INTERVALS 16

/* Room for the intervals of a run of 'duration_ns'. */
static size_t interval_room(int64_t duration_ns) {
    return (size_t)(duration_ns / NS_PER_S) + SPARE_INTERVALS;
}

int traffic_result_open(struct traffic_result *result, const struct traffic_plan *plan, struct error *error) {
    *result = (struct traffic_result){0};
    result->flows = calloc(plan->count, sizeof *result->flows);
    result->interval_room = interval_room(plan->duration_ns);
    result->intervals = calloc(result->interval_room, sizeof *result->intervals);
    result->owd_seen = calloc(HISTOGRAM_BINS, sizeof *result->owd_seen);
    if (result->flows == NULL || result->intervals == NULL || result->owd_seen == NULL ||
        histogram_init(&result->owd) != 0 || histogram_init(&result->response_times) != 0 ||
        traffic_classes_open(&result->classes, plan) != 0 || traffic_tcp_open(&result->tcp, plan) != 0) {
        return error_set(error, -ENOMEM, "no memory for the results of %zu flows", plan->count);
    }
    return 0;
}

void traffic_result_free(struct traffic_result *result) {
    free(result->flows);
    free(result->intervals);
    histogram_free(&result->owd);
    free(result->owd_seen);
    traffic_classes_free(&result->classes);
    traffic_tcp_free(&result->tcp);
    histogram_free(&result->response_times);
    for (size_t i = 0; i < TRAFFIC_SIDES; i++) {
        free(result->stamps[i].items);
    }
    *result = (struct traffic_result){0};
}

/* Adds what the endpoints of one direction say now. */
static void add_board(const struct traffic_board *board, struct traffic_progress *progress) {
    const struct traffic_live *live = board->live;
    struct traffic_interval *sum = &progress->sum;
    /* What was received is read first, so that no interval shows more received than sent. */
    sum->received_packets += traffic_board_get(&live->received_packets);
    sum->received_bytes += traffic_board_get(&live->received_bytes);
    sum->sent_packets += traffic_board_get(&live->sent_packets);
    sum->sent_bytes += traffic_board_get(&live->sent_bytes);
    progress->missing += traffic_board_get(&live->missing);
    progress->active += (size_t)traffic_board_get(&live->active);
    progress->finished += (size_t)traffic_board_get(&live->finished);
}

void traffic_result_snapshot(const struct traffic_board *const boards[], size_t count,
                             struct traffic_progress *progress, int64_t now_ns) {
    const struct traffic_interval before = progress->sum;
    struct traffic_interval *sum = &progress->sum;
    *sum = (struct traffic_interval){.start_ns = before.start_ns, .end_ns = now_ns};
    progress->missing = 0;
    progress->active = progress->finished = 0;
    for (size_t i = 0; i < count; i++) {
        add_board(boards[i], progress);
    }
    progress->last =
        (struct traffic_interval){.start_ns = progress->last.end_ns,
                                  .end_ns = now_ns,
                                  .sent_packets = sum->sent_packets - before.sent_packets,
                                  .sent_bytes = sum->sent_bytes - before.sent_bytes,
                                  .received_packets = sum->received_packets - before.received_packets,
                                  .received_bytes = sum->received_bytes - before.received_bytes};
}

/* The bins of both directions in 'fresh', less those that were there at the last call. */
static void take_new_bins(struct traffic_result *result, const struct traffic_board *const boards[],
                          size_t count, struct histogram *fresh) {
    for (size_t bin = 0; bin < HISTOGRAM_BINS; bin++) {
        uint32_t now = 0;
        for (size_t side = 0; side < count; side++) {
            now += boards[side]->owd_bins[bin];
        }
        uint32_t more = now - result->owd_seen[bin];
        result->owd_seen[bin] = now;
        if (more > 0) {
            fresh->bins[bin] = more;
            fresh->count += more;
            fresh->min = fresh->min == INT64_MAX ? histogram_bin_low(bin) : fresh->min;
            fresh->max = histogram_bin_low(bin) + histogram_bin_width(bin) - 1;
        }
    }
}

void traffic_result_interval_delays(struct traffic_result *result, const struct traffic_board *const boards[],
                                    size_t count, struct traffic_interval *interval) {
    struct histogram fresh;
    interval->owd_p50_ns = interval->owd_p99_ns = interval->owd_max_ns = TRAFFIC_NONE;
    if (histogram_init(&fresh) != 0) {
        return;
    }
    take_new_bins(result, boards, count, &fresh);
    if (fresh.count > 0) {
        interval->owd_p50_ns = histogram_quantile(&fresh, 0.5);
        interval->owd_p99_ns = histogram_quantile(&fresh, 0.99);
        interval->owd_max_ns = fresh.max;
    }
    histogram_free(&fresh);
}

void traffic_result_add_interval(struct traffic_result *result, const struct traffic_interval *interval) {
    if (result->interval_count < result->interval_room) {
        result->intervals[result->interval_count++] = *interval;
        return;
    }
    struct traffic_interval *last = &result->intervals[result->interval_count - 1];
    last->end_ns = interval->end_ns;
    last->sent_packets += interval->sent_packets;
    last->sent_bytes += interval->sent_bytes;
    last->received_packets += interval->received_packets;
    last->received_bytes += interval->received_bytes;
    last->owd_p50_ns = last->owd_p99_ns = last->owd_max_ns = TRAFFIC_NONE;
    traffic_tcp_second_add(&last->tcp, &interval->tcp);
}

/* The server wrote them: only what makes sense is taken. */
void traffic_result_add_stamps(struct traffic_result *result, size_t which, uint64_t run,
                               const struct traffic_board *board) {
    struct traffic_stamps *stamps = &result->stamps[which];
    uint32_t shift = board->live->stamp_shift;
    *stamps = (struct traffic_stamps){.run = run, .shift = shift < 32 ? shift : 31};
    stamps->items = calloc(STAMPS_MAX, sizeof *stamps->items);
    for (size_t i = 0; stamps->items != NULL && i < STAMPS_SLOTS && stamps->count < STAMPS_MAX; i++) {
        const struct stamp *stamp = &board->stamps[i];
        if (stamp->used != 0 && stamp->flow < board->flow_count && stamp->sent_ns > 0 &&
            stamp->at_ns[STAMP_RECEIVED] > 0) {
            stamps->items[stamps->count++] = *stamp;
        }
    }
}

static struct flow_key key_of(const struct traffic_flow *flow, const struct traffic_settings *settings,
                              uint16_t port) {
    size_t which = flow->family == 6;
    struct flow_key key = {.ethertype = which == 1 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4,
                           .protocol = flow->protocol,
                           .family = flow->family,
                           .sport = flow->sport,
                           .dport = (uint16_t)(port + flow->dport - TRAFFIC_FIRST_PORT)};
    if (flow->responds != 0) {
        key.sport = (uint16_t)(port + flow->sport - TRAFFIC_FIRST_PORT);
        key.dport = flow->dport;
    }
    const struct traffic_host *from = flow->reverse ? &settings->server : &settings->client;
    const struct traffic_host *to = flow->reverse ? &settings->client : &settings->server;
    if (from->addresses[which] != NULL) {
        memcpy(key.src, from->addresses[which][flow->source].bytes, sizeof key.src);
    }
    if (to->addresses[which] != NULL) {
        memcpy(key.dst, to->addresses[which][flow->destination].bytes, sizeof key.dst);
    }
    return key;
}

/* 'a' - 'b', also for numbers that make no sense. */
static int64_t difference(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static void fill_udp(struct traffic_flow_result *result, const struct traffic_received *received,
                     bool tail_seen) {
    result->received_packets = received->packets;
    result->lost = tail_seen ? difference(result->sent_packets, received->packets) : TRAFFIC_NONE;
    result->duplicated = received->duplicated;
    result->reordered = received->reordered;
    result->loss_bursts = tail_seen ? received->loss_bursts : TRAFFIC_NONE;
    result->loss_longest = tail_seen ? received->loss_longest : TRAFFIC_NONE;
    result->reorder_extent = received->extent;
    if (received->owd_count == 0) {
        return;
    }
    result->owd_min_ns = received->owd_min;
    result->owd_max_ns = received->owd_max;
    result->jitter_ns = received->jitter;
    if (tail_seen) {
        result->owd_p50_ns = received->owd_p50;
        result->owd_p90_ns = received->owd_p90;
        result->owd_p99_ns = received->owd_p99;
        result->owd_p999_ns = received->owd_p999;
        result->pdv_p50_ns = difference(received->owd_p50, received->owd_min);
        result->pdv_p99_ns = difference(received->owd_p99, received->owd_min);
    }
}

static void fill_tcp(struct traffic_flow_result *result, const struct traffic_tcp_seen *seen) {
    if (traffic_board_get(&seen->looks) == 0) {
        return;
    }
    const struct traffic_tcp last = traffic_tcp_believed(&seen->last);
    const struct traffic_tcp most = traffic_tcp_believed(
        &(struct traffic_tcp){.rtt_ns = seen->rtt_max_ns, .cwnd_bytes = seen->cwnd_max_bytes});
    result->retransmitted = last.retransmitted;
    result->rtt_ns = last.rtt_ns;
    result->rtt_min_ns = last.rtt_min_ns;
    result->rtt_max_ns = most.rtt_ns;
    result->cwnd_max_bytes = most.cwnd_bytes;
    if (seen->rtt_count > 0 && seen->rtt_sum_ns >= 0) {
        result->rtt_mean_ns = seen->rtt_sum_ns / seen->rtt_count;
    }
}

/* Adds the row of what was sent behind the last datagram that came, and lost. */
static void add_tail(struct traffic_result *result, struct traffic_flow_result *flow,
                     const struct traffic_received *received) {
    int64_t tail = flow->sent_packets - received->next;
    if (flow->lost == TRAFFIC_NONE || flow->lost <= 0 || tail <= 0 || tail > flow->lost) {
        return;
    }
    flow->loss_bursts++;
    flow->loss_longest = tail > flow->loss_longest ? tail : flow->loss_longest;
    result->loss_bins[traffic_losses_bin((uint64_t)tail)]++;
}

/* Says in 'result' what was not as it should be. */
static void fill_failed(struct traffic_flow_result *result, const struct traffic_sent *sent, bool stopped,
                        bool tail_seen) {
    size_t size = sizeof result->failed;
    if (result->responds) {
        /* Whether all requests were sent their own flow says. */
        snprintf(result->failed, size, "%s", tail_seen ? "" : "an end broke off before all was counted");
    } else if (sent->state == TRAFFIC_FLOW_FAILED) {
        snprintf(result->failed, size, "%s%s%s", traffic_problem_text(sent->problem),
                 sent->problem_errno > 0 ? ": " : "",
                 sent->problem_errno > 0 ? strerror(sent->problem_errno) : "");
    } else if (sent->state != TRAFFIC_FLOW_DONE && !stopped) {
        snprintf(result->failed, size, "the client ended before this flow did");
    } else if (!tail_seen) {
        snprintf(result->failed, size, "an end broke off before all was counted");
    } else if (result->sent_packets == TRAFFIC_NONE && result->received_bytes < result->sent_bytes &&
               sent->state == TRAFFIC_FLOW_DONE) {
        snprintf(result->failed, size, "the server received %" PRId64 " of %" PRId64 " bytes",
                 result->received_bytes, result->sent_bytes);
    }
}

static void fill_responses(struct traffic_flow_result *result, const struct traffic_flow *flow,
                           const struct traffic_response_times *times) {
    const struct {
        int64_t *to, from;
    } values[] = {{&result->response_min_ns, times->min},   {&result->response_p50_ns, times->p50},
                  {&result->response_p90_ns, times->p90},   {&result->response_p99_ns, times->p99},
                  {&result->response_p999_ns, times->p999}, {&result->response_max_ns, times->max}};
    result->responses = flow->response > 0 ? times->count : TRAFFIC_NONE;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        *values[i].to = flow->response > 0 && times->count > 0 ? values[i].from : TRAFFIC_NONE;
    }
}

static void fill_flow(struct traffic_flow_result *result, const struct traffic_flow *flow,
                      const struct traffic_sent *sent, const struct traffic_received *received,
                      bool tail_seen) {
    result->number = flow->number;
    result->class = flow->class;
    bool endless = flow->packets >= TRAFFIC_ENDLESS;
    result->planned_packets = endless ? TRAFFIC_NONE : (int64_t)flow->packets;
    result->planned_bytes = endless ? TRAFFIC_NONE : (int64_t)flow->bytes;
    result->sent_bytes = traffic_board_get(&sent->bytes);
    result->received_bytes = received->bytes;
    result->owd_min_ns = result->owd_p50_ns = result->owd_p90_ns = result->owd_p99_ns = TRAFFIC_NONE;
    result->owd_p999_ns = result->owd_max_ns = result->jitter_ns = TRAFFIC_NONE;
    result->pdv_p50_ns = result->pdv_p99_ns = TRAFFIC_NONE;
    result->responds = flow->responds != 0;
    fill_responses(result, flow, &sent->responses);
    result->retransmitted = TRAFFIC_NONE;
    result->rtt_ns = result->rtt_mean_ns = result->rtt_max_ns = result->rtt_min_ns = TRAFFIC_NONE;
    result->cwnd_max_bytes = TRAFFIC_NONE;
    if (flow->protocol == PROTOCOL_UDP) {
        result->sent_packets = traffic_board_get(&sent->packets);
        fill_udp(result, received, tail_seen);
    } else {
        result->sent_packets = result->received_packets = TRAFFIC_NONE;
        result->lost = result->duplicated = result->reordered = result->reorder_extent = TRAFFIC_NONE;
        result->loss_bursts = result->loss_longest = TRAFFIC_NONE;
        fill_tcp(result, &sent->tcp);
    }
}

/* Adds the delays of one direction; its numbers are not believed beyond what a histogram can hold. */
static void add_delays(struct histogram *owd, const struct traffic_board *board) {
    struct histogram side = {.bins = board->owd_bins, .min = INT64_MAX, .max = INT64_MIN};
    for (size_t i = 0; i < HISTOGRAM_BINS; i++) {
        side.count += side.bins[i];
    }
    if (side.count > 0) {
        side.negative = board->live->owd_negative;
        side.min = board->live->owd_min;
        side.max = board->live->owd_max;
        side.sum = board->live->owd_sum;
        histogram_merge(owd, &side);
    }
}

/* Adds the times of all requests; their ends are those of the flows. */
static void add_response_times(struct traffic_result *result, const struct traffic_board *board) {
    struct histogram all = {.bins = board->response_bins, .min = INT64_MAX, .max = INT64_MIN};
    for (size_t i = 0; i < HISTOGRAM_BINS; i++) {
        all.count += all.bins[i];
        all.sum += (double)all.bins[i] * (double)histogram_bin_low(i);
    }
    for (size_t i = 0; i < result->flow_count; i++) {
        const struct traffic_flow_result *flow = &result->flows[i];
        if (flow->response_min_ns != TRAFFIC_NONE) {
            all.min = flow->response_min_ns < all.min ? flow->response_min_ns : all.min;
            all.max = flow->response_max_ns > all.max ? flow->response_max_ns : all.max;
        }
    }
    if (all.count > 0 && all.max >= all.min) {
        histogram_merge(&result->response_times, &all);
    }
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static void add_live(struct traffic_result *result, const struct traffic_live *live) {
    result->late_p50_ns = larger(result->late_p50_ns, live->late_p50);
    result->late_p99_ns = larger(result->late_p99_ns, live->late_p99);
    result->late_max_ns = larger(result->late_max_ns, live->late_max);
    result->late_packets += live->late_packets;
    result->send_batch_max = larger(result->send_batch_max, live->send_batch_max);
    result->receive_batch_max = larger(result->receive_batch_max, live->receive_batch_max);
    for (size_t i = 0; i < TRAFFIC_LOSS_BINS; i++) {
        result->loss_bins[i] += live->loss_bins[i];
    }
    result->greetings_sent += live->greetings_sent;
    result->greetings_received += live->greetings_received;
    result->foreign += live->foreign;
    result->socket_drops += live->socket_drops;
}

void traffic_result_fill(struct traffic_result *result, const struct traffic_settings *settings,
                         const struct traffic_board *const boards[TRAFFIC_SIDES],
                         const uint16_t ports[TRAFFIC_SIDES], const bool tails_seen[TRAFFIC_SIDES]) {
    const struct traffic_plan *plan = settings->plan;
    result->flow_count = plan->count;
    for (size_t i = 0; i < plan->count; i++) {
        struct traffic_flow_result *flow = &result->flows[i];
        size_t side = traffic_flow_side(&plan->flows[i]);
        const struct traffic_sent *sent = &boards[side]->sent[i];
        flow->key = key_of(&plan->flows[i], settings, ports[side]);
        fill_flow(flow, &plan->flows[i], sent, &boards[side]->received[i], tails_seen[side]);
        fill_failed(flow, sent, result->stopped, tails_seen[side]);
        result->failed_flows += flow->failed[0] != '\0';
        if (plan->flows[i].protocol == PROTOCOL_UDP) {
            add_tail(result, flow, &boards[side]->received[i]);
            result->lost += flow->lost == TRAFFIC_NONE ? 0 : flow->lost;
            result->duplicated += flow->duplicated;
            result->reordered += flow->reordered;
        } else if (flow->retransmitted > 0) {
            result->retransmitted += flow->retransmitted;
        }
    }
    for (size_t side = 0; side < TRAFFIC_SIDES; side++) {
        add_live(result, boards[side]->live);
        add_delays(&result->owd, boards[side]);
        traffic_classes_add_delays(&result->classes, boards[side]);
    }
    for (size_t side = 0; side < TRAFFIC_SIDE_RESPONSES; side++) {
        result->pacing[side] = (int)(boards[side]->live->pacing & TRAFFIC_PACING_ALL);
    }
    add_response_times(result, boards[TRAFFIC_SIDE_RESPONSES]);
}
