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
        histogram_init(&result->owd) != 0 || traffic_classes_open(&result->classes, plan) != 0) {
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
    free(result->stamps[0].items);
    free(result->stamps[1].items);
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
    result->retransmitted = TRAFFIC_NONE;
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

/* Says in 'result' what was not as it should be. */
static void fill_failed(struct traffic_flow_result *result, const struct traffic_sent *sent, bool stopped,
                        bool tail_seen) {
    size_t size = sizeof result->failed;
    if (sent->state == TRAFFIC_FLOW_FAILED) {
        snprintf(result->failed, size, "%s%s%s", traffic_problem_text(sent->problem),
                 sent->problem_errno > 0 ? ": " : "",
                 sent->problem_errno > 0 ? strerror(sent->problem_errno) : "");
    } else if (sent->state != TRAFFIC_FLOW_DONE && !stopped) {
        snprintf(result->failed, size, "the client ended before this flow did");
    } else if (!tail_seen) {
        snprintf(result->failed, size, "the server ended before this flow did");
    } else if (result->sent_packets == TRAFFIC_NONE && result->received_bytes < result->sent_bytes &&
               sent->state == TRAFFIC_FLOW_DONE) {
        snprintf(result->failed, size, "the server received %" PRId64 " of %" PRId64 " bytes",
                 result->received_bytes, result->sent_bytes);
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
    if (flow->protocol == PROTOCOL_UDP) {
        result->sent_packets = traffic_board_get(&sent->packets);
        fill_udp(result, received, tail_seen);
    } else {
        result->sent_packets = result->received_packets = TRAFFIC_NONE;
        result->lost = result->duplicated = result->reordered = result->reorder_extent = TRAFFIC_NONE;
        result->loss_bursts = result->loss_longest = TRAFFIC_NONE;
        result->retransmitted = sent->retransmitted;
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
                         const struct traffic_board *const boards[2], const uint16_t ports[2],
                         const bool tails_seen[2]) {
    const struct traffic_plan *plan = settings->plan;
    result->flow_count = plan->count;
    for (size_t i = 0; i < plan->count; i++) {
        struct traffic_flow_result *flow = &result->flows[i];
        size_t side = plan->flows[i].reverse;
        const struct traffic_sent *sent = &boards[side]->sent[i];
        flow->key = key_of(&plan->flows[i], settings, ports[side]);
        fill_flow(flow, &plan->flows[i], sent, &boards[side]->received[i], tails_seen[side]);
        fill_failed(flow, sent, result->stopped, tails_seen[side]);
        result->failed_flows += flow->failed[0] != '\0';
        if (plan->flows[i].protocol == PROTOCOL_UDP) {
            result->lost += flow->lost == TRAFFIC_NONE ? 0 : flow->lost;
            result->duplicated += flow->duplicated;
            result->reordered += flow->reordered;
        }
    }
    for (size_t side = 0; side < (plan->reverse_count > 0 ? 2 : 1); side++) {
        add_live(result, boards[side]->live);
        result->pacing[side] = (int)(boards[side]->live->pacing & TRAFFIC_PACING_ALL);
        add_delays(&result->owd, boards[side]);
        traffic_classes_add_delays(&result->classes, boards[side]);
    }
}
