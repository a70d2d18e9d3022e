#include "traffic/crew_sum.h"

/* Numbers that a client's or a server's threads write and others read while they do. */
#define CLIENT_COUNTS(count) count(sent_packets) count(sent_bytes) count(active) count(finished)
#define SERVER_COUNTS(count) count(received_packets) count(received_bytes) count(missing)

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Adds up 'name' of all boards. */
#define COUNT(name)                                                                                          \
    {                                                                                                        \
        int64_t all = 0;                                                                                     \
        for (unsigned int i = 0; i < count; i++) {                                                           \
            all += traffic_board_get(&from[i]->live->name);                                                  \
        }                                                                                                    \
        atomic_store_explicit(&to->live->name, all, memory_order_relaxed);                                   \
    }

/* What is looked at when all is over. */
static void finish_client(struct traffic_live *to, const struct traffic_live *live) {
    to->late_packets += live->late_packets;
    to->late_p50 = larger(to->late_p50, live->late_p50);
    to->late_p99 = larger(to->late_p99, live->late_p99);
    to->late_max = larger(to->late_max, live->late_max);
    to->send_batch_max = larger(to->send_batch_max, live->send_batch_max);
    to->pacing |= live->pacing;
}

static void finish_server(struct traffic_live *to, const struct traffic_live *live) {
    to->foreign += live->foreign;
    to->socket_drops += live->socket_drops;
    to->greetings_received += live->greetings_received;
    to->receive_batch_max = larger(to->receive_batch_max, live->receive_batch_max);
    for (unsigned int bin = 0; bin < TRAFFIC_LOSS_BINS; bin++) {
        to->loss_bins[bin] += live->loss_bins[bin];
    }
    if (live->owd_count > 0) {
        bool first = to->owd_count == 0;
        to->owd_min = first || live->owd_min < to->owd_min ? live->owd_min : to->owd_min;
        to->owd_max = first || live->owd_max > to->owd_max ? live->owd_max : to->owd_max;
        to->owd_count += live->owd_count;
        to->owd_negative += live->owd_negative;
        to->owd_sum += live->owd_sum;
    }
}

void crew_sum_live(const struct traffic_board *to, const struct traffic_board *const from[],
                   unsigned int count, bool receives, bool last) {
    if (receives) {
        SERVER_COUNTS(COUNT)
    } else {
        CLIENT_COUNTS(COUNT)
    }
    for (unsigned int i = 0; i < count && last; i++) {
        if (receives) {
            finish_server(to->live, from[i]->live);
        } else {
            finish_client(to->live, from[i]->live);
        }
    }
}

void crew_sum_bins(const struct traffic_board *to, const struct traffic_board *const from[],
                   unsigned int count, size_t classes) {
    for (size_t bin = 0; bin < HISTOGRAM_BINS; bin++) {
        uint32_t all = 0;
        for (unsigned int i = 0; i < count; i++) {
            all += from[i]->owd_bins[bin];
        }
        to->owd_bins[bin] = all;
        all = 0;
        for (unsigned int i = 0; i < count; i++) {
            all += from[i]->response_bins[bin];
        }
        to->response_bins[bin] = all;
    }
    for (size_t bin = 0; bin < classes * HISTOGRAM_BINS; bin++) {
        uint32_t all = 0;
        for (unsigned int i = 0; i < count; i++) {
            all += from[i]->class_bins[bin];
        }
        to->class_bins[bin] = all;
    }
}

void crew_sum_stamps(const struct traffic_board *to, const struct traffic_board *const from[],
                     unsigned int count) {
    struct stamps stamps = {.slots = to->stamps};
    for (unsigned int i = 0; i < count; i++) {
        stamps_thin(&stamps, from[i]->live->stamp_shift);
    }
    for (unsigned int i = 0; i < count; i++) {
        for (size_t slot = 0; slot < STAMPS_SLOTS; slot++) {
            const struct stamp *stamp = &from[i]->stamps[slot];
            if (stamp->used != 0) {
                stamps_note(&stamps, STAMP_RECEIVED, stamp->flow, stamp->sequence, stamp->sent_ns,
                            stamp->at_ns[STAMP_RECEIVED]);
            }
        }
    }
    to->live->stamp_shift = stamps.shift;
}
