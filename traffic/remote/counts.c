#include "traffic/remote/counts.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "common/flow_key.h"
#include "traffic/remote/message.h"

/* Rows and bins of one message: a row is at most 20 numbers of 20 digits. */
#define ROWS_A_MESSAGE 128
#define BINS_A_MESSAGE 2048

/* What a row of "received" holds, in this order, behind the flow's number. */
static const size_t received_fields[] = {
    offsetof(struct traffic_received, packets),      offsetof(struct traffic_received, bytes),
    offsetof(struct traffic_received, duplicated),   offsetof(struct traffic_received, reordered),
    offsetof(struct traffic_received, extent),       offsetof(struct traffic_received, loss_bursts),
    offsetof(struct traffic_received, loss_longest), offsetof(struct traffic_received, owd_count),
    offsetof(struct traffic_received, owd_min),      offsetof(struct traffic_received, owd_p50),
    offsetof(struct traffic_received, owd_p90),      offsetof(struct traffic_received, owd_p99),
    offsetof(struct traffic_received, owd_p999),     offsetof(struct traffic_received, owd_max),
    offsetof(struct traffic_received, jitter),       offsetof(struct traffic_received, next),
};

/* What a row of "tcp" holds, likewise. */
static const size_t tcp_fields[] = {
    offsetof(struct traffic_tcp_seen, last.retransmitted),
    offsetof(struct traffic_tcp_seen, last.rtt_ns),
    offsetof(struct traffic_tcp_seen, last.rttvar_ns),
    offsetof(struct traffic_tcp_seen, last.rtt_min_ns),
    offsetof(struct traffic_tcp_seen, last.cwnd_bytes),
    offsetof(struct traffic_tcp_seen, last.ssthresh_bytes),
    offsetof(struct traffic_tcp_seen, last.delivery_bps),
    offsetof(struct traffic_tcp_seen, last.unacked_bytes),
    offsetof(struct traffic_tcp_seen, rtt_sum_ns),
    offsetof(struct traffic_tcp_seen, rtt_count),
    offsetof(struct traffic_tcp_seen, rtt_max_ns),
    offsetof(struct traffic_tcp_seen, cwnd_max_bytes),
    offsetof(struct traffic_tcp_seen, looks),
};

enum { TCP_FIELDS = sizeof tcp_fields / sizeof *tcp_fields };

enum { RECEIVED_FIELDS = sizeof received_fields / sizeof *received_fields };

/* The totals that the receiver, and the sender, tell. */
static const struct {
    const char *name;
    bool sending;
    size_t offset;
} live_fields[] = {
    {"received_packets", false, offsetof(struct traffic_live, received_packets)},
    {"received_bytes", false, offsetof(struct traffic_live, received_bytes)},
    {"missing", false, offsetof(struct traffic_live, missing)},
    {"foreign", false, offsetof(struct traffic_live, foreign)},
    {"socket_drops", false, offsetof(struct traffic_live, socket_drops)},
    {"greetings_received", false, offsetof(struct traffic_live, greetings_received)},
    {"receive_batch_max", false, offsetof(struct traffic_live, receive_batch_max)},
    {"sent_packets", true, offsetof(struct traffic_live, sent_packets)},
    {"sent_bytes", true, offsetof(struct traffic_live, sent_bytes)},
    {"active", true, offsetof(struct traffic_live, active)},
    {"finished", true, offsetof(struct traffic_live, finished)},
    {"greetings_sent", true, offsetof(struct traffic_live, greetings_sent)},
    {"late_p50", true, offsetof(struct traffic_live, late_p50)},
    {"late_p99", true, offsetof(struct traffic_live, late_p99)},
    {"send_batch_max", true, offsetof(struct traffic_live, send_batch_max)},
    {"late_packets", true, offsetof(struct traffic_live, late_packets)},
    {"late_max", true, offsetof(struct traffic_live, late_max)},
    {"pacing", true, offsetof(struct traffic_live, pacing)},
};

enum { LIVE_FIELDS = sizeof live_fields / sizeof *live_fields };

static int64_t *number_at(void *base, size_t offset) {
    return (int64_t *)(void *)((char *)base + offset);
}

/* A message of 'type' about the side 'side' that holds 'rows', which it takes over. */
static int send_rows(struct remote_link *link, const char *type, uint8_t side, json_t *rows,
                     struct error *error) {
    return remote_link_send(link, json_pack("{s:s, s:i, s:o}", "type", type, "side", side, "rows", rows),
                            error);
}

/* The row of the flow number 'i'; NULL if there is nothing to tell of it. */
typedef json_t *row_fn(const struct traffic_board *board, size_t i);

static json_t *sent_row(const struct traffic_board *board, size_t i) {
    const struct traffic_sent *sent = &board->sent[i];
    return json_pack("[I, I, I, i, i, i]", (json_int_t)i, (json_int_t)traffic_board_get(&sent->packets),
                     (json_int_t)traffic_board_get(&sent->bytes), sent->state, sent->problem,
                     sent->problem_errno);
}

static json_t *received_row(const struct traffic_board *board, size_t i) {
    json_t *row = json_array();
    json_array_append_new(row, json_integer((json_int_t)i));
    for (size_t f = 0; f < RECEIVED_FIELDS; f++) {
        json_array_append_new(row, json_integer(*number_at(&board->received[i], received_fields[f])));
    }
    return row;
}

static json_t *tcp_row(const struct traffic_board *board, size_t i) {
    if (traffic_board_get(&board->sent[i].tcp.looks) == 0) {
        return NULL;
    }
    json_t *row = json_array();
    json_array_append_new(row, json_integer((json_int_t)i));
    for (size_t f = 0; f < TCP_FIELDS; f++) {
        json_array_append_new(row, json_integer(*number_at(&board->sent[i].tcp, tcp_fields[f])));
    }
    return row;
}

/* Sends rows of 'type' of the flows from 'first' to before 'end'. */
static int send_table(struct remote_link *link, const char *type, const struct traffic_plan *plan,
                      uint8_t side, const struct traffic_board *board, row_fn *make, size_t first, size_t end,
                      struct error *error) {
    json_t *rows = json_array();
    int failure = 0;
    for (size_t i = first; i < end && i < plan->count && failure == 0; i++) {
        json_t *row = traffic_flow_side(&plan->flows[i]) == side ? make(board, i) : NULL;
        if (row == NULL) {
            continue;
        }
        json_array_append_new(rows, row);
        if (json_array_size(rows) == ROWS_A_MESSAGE) {
            failure = send_rows(link, type, side, rows, error);
            rows = json_array();
        }
    }
    if (failure != 0 || json_array_size(rows) == 0) {
        json_decref(rows);
        return failure;
    }
    return send_rows(link, type, side, rows, error);
}

int remote_counts_send_sent(struct remote_link *link, const struct traffic_plan *plan, uint8_t side,
                            const struct traffic_board *board, struct error *error) {
    int failure = send_table(link, "sent", plan, side, board, sent_row, 0, plan->count, error);
    return failure != 0 ? failure
                        : send_table(link, "tcp", plan, side, board, tcp_row, 0, plan->count, error);
}

int remote_counts_send_tcp(struct remote_link *link, const struct traffic_plan *plan, uint8_t side,
                           const struct traffic_board *board, size_t *next, struct error *error) {
    size_t first = *next < plan->count ? *next : 0;
    *next = first + REMOTE_TCP_FLOWS;
    return send_table(link, "tcp", plan, side, board, tcp_row, first, *next, error);
}

/* The bins that are not empty, and the figures beside them. */
static int send_delays(struct remote_link *link, uint8_t side, const struct traffic_board *board,
                       struct error *error) {
    const struct traffic_live *live = board->live;
    json_t *bins = json_array();
    int failure = 0;
    for (size_t i = 0; i < HISTOGRAM_BINS && failure == 0; i++) {
        if (board->owd_bins[i] != 0) {
            json_array_append_new(bins, json_pack("[I, I]", (json_int_t)i, (json_int_t)board->owd_bins[i]));
        }
        if (json_array_size(bins) == BINS_A_MESSAGE || (i == HISTOGRAM_BINS - 1 && live->owd_count > 0)) {
            json_t *message = json_pack("{s:s, s:i, s:o, s:I, s:I, s:I, s:I, s:f}", "type", "delays", "side",
                                        side, "bins", bins, "count", (json_int_t)live->owd_count, "negative",
                                        (json_int_t)live->owd_negative, "min", (json_int_t)live->owd_min,
                                        "max", (json_int_t)live->owd_max, "sum", live->owd_sum);
            failure = remote_link_send(link, message, error);
            bins = json_array();
        }
    }
    json_decref(bins);
    return failure;
}

int remote_counts_send_received(struct remote_link *link, const struct traffic_plan *plan, uint8_t side,
                                const struct traffic_board *board, bool last, struct error *error) {
    int failure = send_table(link, "received", plan, side, board, received_row, 0, plan->count, error);
    return failure == 0 && last ? send_delays(link, side, board, error) : failure;
}

int remote_counts_send_live(struct remote_link *link, uint8_t side, const struct traffic_board *board,
                            bool sending, struct error *error) {
    json_t *message = json_pack("{s:s, s:i}", "type", sending ? "sending" : "receiving", "side", side);
    for (size_t i = 0; i < LIVE_FIELDS; i++) {
        if (live_fields[i].sending == sending) {
            int64_t value = *number_at(board->live, live_fields[i].offset);
            json_object_set_new(message, live_fields[i].name, json_integer(value));
        }
    }
    json_t *losses = sending ? NULL : json_array();
    for (size_t i = 0; i < TRAFFIC_LOSS_BINS && losses != NULL; i++) {
        json_array_append_new(losses, json_integer(board->live->loss_bins[i]));
    }
    if (losses != NULL) {
        json_object_set_new(message, "loss_bins", losses);
    }
    return remote_link_send(link, message, error);
}

static int senseless(const json_t *message, struct error *error) {
    return error_set(error, -EPROTO, "the other end's message '%.32s' does not fit what was agreed",
                     remote_message_type(message));
}

/* Reads a row of 'count' whole numbers, of which the first is that of a flow of the side 'side'. */
static bool read_row(const json_t *row, size_t count, const struct traffic_plan *plan, uint8_t side,
                     int64_t *numbers) {
    if (json_array_size(row) != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!json_is_integer(json_array_get(row, i))) {
            return false;
        }
        numbers[i] = json_integer_value(json_array_get(row, i));
    }
    return numbers[0] >= 0 && (uint64_t)numbers[0] < plan->count &&
           traffic_flow_side(&plan->flows[numbers[0]]) == side;
}

int remote_counts_take_sent(const json_t *message, const struct traffic_plan *plan, uint8_t side,
                            struct traffic_board *board, struct error *error) {
    const json_t *rows = json_object_get(message, "rows");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        int64_t numbers[6];
        if (!read_row(json_array_get(rows, i), 6, plan, side, numbers) || numbers[1] < 0 || numbers[2] < 0 ||
            numbers[3] < 0 || numbers[3] > TRAFFIC_FLOW_STOPPED || numbers[4] < 0 ||
            numbers[4] > TRAFFIC_PROBLEM_TIME || numbers[5] < 0 || numbers[5] > 4095) {
            return senseless(message, error);
        }
        struct traffic_sent *sent = &board->sent[numbers[0]];
        atomic_store_explicit(&sent->packets, numbers[1], memory_order_relaxed);
        atomic_store_explicit(&sent->bytes, numbers[2], memory_order_relaxed);
        sent->state = (int)numbers[3];
        sent->problem = (int)numbers[4];
        sent->problem_errno = (int)numbers[5];
    }
    return 0;
}

int remote_counts_take_tcp(const json_t *message, const struct traffic_plan *plan, uint8_t side,
                           struct traffic_board *board, struct error *error) {
    const json_t *rows = json_object_get(message, "rows");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        int64_t numbers[1 + TCP_FIELDS];
        if (!read_row(json_array_get(rows, i), 1 + TCP_FIELDS, plan, side, numbers) ||
            plan->flows[numbers[0]].protocol != PROTOCOL_TCP) {
            return senseless(message, error);
        }
        /* What these numbers can't be, traffic_tcp_believed() leaves out. */
        for (size_t f = 0; f < TCP_FIELDS; f++) {
            *number_at(&board->sent[numbers[0]].tcp, tcp_fields[f]) = numbers[1 + f];
        }
    }
    return 0;
}

int remote_counts_take_received(const json_t *message, const struct traffic_plan *plan, uint8_t side,
                                struct traffic_board *board, struct error *error) {
    const json_t *rows = json_object_get(message, "rows");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        int64_t numbers[1 + RECEIVED_FIELDS];
        if (!read_row(json_array_get(rows, i), 1 + RECEIVED_FIELDS, plan, side, numbers)) {
            return senseless(message, error);
        }
        struct traffic_received *received = &board->received[numbers[0]];
        for (size_t f = 0; f < RECEIVED_FIELDS; f++) {
            *number_at(received, received_fields[f]) = numbers[1 + f];
        }
        /* Delays may be below zero, counts may not. */
        if (received->packets < 0 || received->bytes < 0 || received->duplicated < 0 ||
            received->reordered < 0 || received->extent < 0 || received->loss_bursts < 0 ||
            received->loss_longest < 0 || received->owd_count < 0 || received->jitter < 0 ||
            received->next < 0) {
            *received = (struct traffic_received){0};
            return senseless(message, error);
        }
    }
    return 0;
}

int remote_counts_take_delays(const json_t *message, struct traffic_board *board, struct error *error) {
    const json_t *bins = json_object_get(message, "bins");
    int64_t count, negative, min, max;
    if (remote_take_integer(message, "count", 0, INT64_MAX, &count, error) != 0 ||
        remote_take_integer(message, "negative", 0, INT64_MAX, &negative, error) != 0 ||
        remote_take_integer(message, "min", INT64_MIN, INT64_MAX, &min, error) != 0 ||
        remote_take_integer(message, "max", INT64_MIN, INT64_MAX, &max, error) != 0) {
        return -EPROTO;
    }
    for (size_t i = 0; i < json_array_size(bins); i++) {
        const json_t *pair = json_array_get(bins, i);
        json_int_t bin = json_integer_value(json_array_get(pair, 0));
        json_int_t value = json_integer_value(json_array_get(pair, 1));
        if (json_array_size(pair) != 2 || bin < 0 || (uint64_t)bin >= HISTOGRAM_BINS || value < 0 ||
            value > UINT32_MAX) {
            return senseless(message, error);
        }
        board->owd_bins[bin] = (uint32_t)value;
    }
    board->live->owd_count = (uint64_t)count;
    board->live->owd_negative = (uint64_t)negative;
    board->live->owd_min = min;
    board->live->owd_max = max;
    board->live->owd_sum = json_number_value(json_object_get(message, "sum"));
    return 0;
}

int remote_counts_take_live(const json_t *message, bool sending, struct traffic_board *board,
                            struct error *error) {
    for (size_t i = 0; i < LIVE_FIELDS; i++) {
        int64_t value;
        if (live_fields[i].sending != sending) {
            continue;
        }
        if (remote_take_integer(message, live_fields[i].name, INT64_MIN / 4, INT64_MAX / 4, &value, error) !=
            0) {
            return -EPROTO;
        }
        *number_at(board->live, live_fields[i].offset) = value;
    }
    const json_t *losses = json_object_get(message, "loss_bins");
    for (size_t i = 0; i < TRAFFIC_LOSS_BINS && !sending; i++) {
        json_int_t value = json_integer_value(json_array_get(losses, i));
        board->live->loss_bins[i] = value < 0 || value > INT64_MAX / 64 ? 0 : value;
    }
    return 0;
}
