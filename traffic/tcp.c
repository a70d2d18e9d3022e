#include "traffic/tcp.h"

#include <errno.h>
#include <linux/tcp.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/board.h"
#include "traffic/plan/profile.h"
#include "traffic/traffic.h"

/* ---- what the kernel says ---- */

/* "No threshold yet" and "no round trip yet", Linux include/net/tcp.h, TCP_INFINITE_SSTHRESH, and
 * net/ipv4/tcp.c, tcp_init_sock(). */
#define SSTHRESH_NONE 0x7fffffffU
#define RTT_NONE      UINT32_MAX

static int64_t bounded(uint64_t value) {
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* Microseconds; 0 and 'none' are what is not known yet. */
static int64_t round_trip(uint32_t us) {
    return us == 0 || us == RTT_NONE ? TRAFFIC_NONE : (int64_t)us * NS_PER_US;
}

void traffic_tcp_read(const struct tcp_info *info, socklen_t size, struct traffic_tcp *tcp) {
#define HAS(field) (size >= offsetof(struct tcp_info, field) + sizeof info->field)
    const int64_t none = TRAFFIC_NONE;
    int64_t mss = HAS(tcpi_snd_mss) ? (int64_t)info->tcpi_snd_mss : 0;
    bool begun = HAS(tcpi_rtt) && info->tcpi_rtt != 0;
    *tcp = (struct traffic_tcp){
        .retransmitted = HAS(tcpi_total_retrans) ? (int64_t)info->tcpi_total_retrans : none,
        .rtt_ns = begun ? round_trip(info->tcpi_rtt) : none,
        .rttvar_ns = begun && HAS(tcpi_rttvar) ? (int64_t)info->tcpi_rttvar * NS_PER_US : none,
        .rtt_min_ns = HAS(tcpi_min_rtt) ? round_trip(info->tcpi_min_rtt) : none,
        .cwnd_bytes = HAS(tcpi_snd_cwnd) ? (int64_t)info->tcpi_snd_cwnd * mss : none,
        .ssthresh_bytes = HAS(tcpi_snd_ssthresh) && info->tcpi_snd_ssthresh < SSTHRESH_NONE
                              ? (int64_t)info->tcpi_snd_ssthresh * mss
                              : none,
        .delivery_bps = HAS(tcpi_delivery_rate) ? bounded(info->tcpi_delivery_rate) : none,
        .unacked_bytes = none,
    };
    if (tcp->delivery_bps != none) {
        tcp->delivery_bps = tcp->delivery_bps > INT64_MAX / 8 ? INT64_MAX : tcp->delivery_bps * 8;
    }
    if (HAS(tcpi_bytes_retrans)) {
        /* The SYN counts as a byte that was acknowledged, and so does the FIN. */
        int64_t acked = bounded(info->tcpi_bytes_acked);
        int64_t once = bounded(info->tcpi_bytes_sent) - bounded(info->tcpi_bytes_retrans);
        int64_t left = once - (acked > 0 ? acked - 1 : 0);
        tcp->unacked_bytes = left < 0 ? 0 : left;
    }
#undef HAS
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

void traffic_tcp_see(struct traffic_tcp_seen *seen, const struct traffic_tcp *now) {
    int64_t looks = atomic_load_explicit(&seen->looks, memory_order_relaxed);
    if (looks == 0) {
        seen->rtt_max_ns = seen->cwnd_max_bytes = TRAFFIC_NONE;
    }
    seen->last = *now;
    if (now->rtt_ns != TRAFFIC_NONE) {
        seen->rtt_sum_ns += now->rtt_ns;
        seen->rtt_count++;
        seen->rtt_max_ns = larger(seen->rtt_max_ns, now->rtt_ns);
    }
    seen->cwnd_max_bytes = larger(seen->cwnd_max_bytes, now->cwnd_bytes);
    atomic_store_explicit(&seen->looks, looks + 1, memory_order_release);
}

/* More than this is not believed; so many segments of all flows together can be summed up. */
#define VALUE_MAX    (INT64_C(1) << 60)
#define SEGMENTS_MAX (INT64_C(1) << 40)

static int64_t believed(int64_t value, int64_t most) {
    return value < 0 || value > most ? TRAFFIC_NONE : value;
}

struct traffic_tcp traffic_tcp_believed(const struct traffic_tcp *said) {
    return (struct traffic_tcp){.retransmitted = believed(said->retransmitted, SEGMENTS_MAX),
                                .rtt_ns = believed(said->rtt_ns, VALUE_MAX),
                                .rttvar_ns = believed(said->rttvar_ns, VALUE_MAX),
                                .rtt_min_ns = believed(said->rtt_min_ns, VALUE_MAX),
                                .cwnd_bytes = believed(said->cwnd_bytes, VALUE_MAX),
                                .ssthresh_bytes = believed(said->ssthresh_bytes, VALUE_MAX),
                                .delivery_bps = believed(said->delivery_bps, VALUE_MAX),
                                .unacked_bytes = believed(said->unacked_bytes, VALUE_MAX)};
}

/* ---- seconds and rows ---- */

/* The reader's side of a flow. */
struct traffic_tcp_flow {
    bool tcp;
    uint8_t side;          /* enum traffic_side */
    int64_t looks;         /* that have been taken into account */
    int64_t retransmitted; /* likewise */
    int64_t end_ns;        /* of the last interval in which it was looked at; 0: none */
    size_t row;            /* its last one; TRAFFIC_TCP_ROWS: none */
};

static bool has_room(const struct traffic_tcp_log *log) {
    return log->flows != NULL && log->scratch[0] != NULL && log->scratch[1] != NULL &&
           (log->row_ns == 0 || log->rows != NULL);
}

/* Clients look at their connections; responses come over them, and have none of their own. */
static bool is_looked_at(const struct traffic_flow *flow) {
    return flow->protocol == PROTOCOL_TCP && flow->responds == 0;
}

int traffic_tcp_open(struct traffic_tcp_log *log, const struct traffic_plan *plan) {
    *log = (struct traffic_tcp_log){.plan_count = plan->count};
    for (size_t i = 0; i < plan->count; i++) {
        log->flow_count += is_looked_at(&plan->flows[i]);
    }
    if (plan->count == 0 || log->flow_count == 0) {
        return 0;
    }
    log->flows = calloc(plan->count, sizeof *log->flows);
    log->scratch[0] = calloc(log->flow_count, sizeof *log->scratch[0]);
    log->scratch[1] = calloc(log->flow_count, sizeof *log->scratch[1]);
    if (log->flow_count <= TRAFFIC_TCP_ROWS / 2) {
        log->rows = calloc(TRAFFIC_TCP_ROWS, sizeof *log->rows);
        log->row_ns = NS_PER_S;
    }
    if (!has_room(log)) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < plan->count; i++) {
        log->flows[i] = (struct traffic_tcp_flow){.tcp = is_looked_at(&plan->flows[i]),
                                                  .side = (uint8_t)traffic_flow_side(&plan->flows[i]),
                                                  .row = TRAFFIC_TCP_ROWS};
    }
    return 0;
}

void traffic_tcp_free(struct traffic_tcp_log *log) {
    free(log->flows);
    free(log->scratch[0]);
    free(log->scratch[1]);
    free(log->rows);
    *log = (struct traffic_tcp_log){0};
}

/* Which stretch of 'row_ns' of the run an interval that begins at 'start_ns' is of: it begins a little after
 * the second's end before it. */
static int64_t stretch_of(const struct traffic_tcp_log *log, int64_t start_ns) {
    int64_t since = start_ns - log->begin_ns + NS_PER_S / 2;
    return since < 0 ? 0 : since / log->row_ns;
}

/* Adds 'row' to the one before of its flow if both are of one stretch, or appends it. */
static void put_row(struct traffic_tcp_log *log, const struct traffic_tcp_row *row) {
    struct traffic_tcp_flow *flow = &log->flows[row->flow];
    struct traffic_tcp_row *before = flow->row == TRAFFIC_TCP_ROWS ? NULL : &log->rows[flow->row];
    if (before == NULL || stretch_of(log, before->start_ns) != stretch_of(log, row->start_ns)) {
        flow->row = log->row_count;
        log->rows[log->row_count++] = *row;
        return;
    }
    int64_t retransmitted = before->tcp.retransmitted + row->tcp.retransmitted;
    before->end_ns = row->end_ns;
    before->tcp = row->tcp;
    before->tcp.retransmitted = retransmitted;
}

/* Makes rows twice as long, and again, until there is room for one more of each flow: which there is when
 * each has one alone. */
static void make_coarser(struct traffic_tcp_log *log) {
    while (log->row_count > TRAFFIC_TCP_ROWS - log->flow_count) {
        size_t count = log->row_count;
        log->row_ns *= 2;
        log->row_count = 0;
        for (size_t i = 0; i < log->plan_count; i++) {
            log->flows[i].row = TRAFFIC_TCP_ROWS;
        }
        for (size_t i = 0; i < count; i++) {
            const struct traffic_tcp_row row = log->rows[i];
            put_row(log, &row);
        }
    }
}

static int64_t smaller(int64_t a, int64_t b) {
    return a == TRAFFIC_NONE ? b : b == TRAFFIC_NONE ? a : a < b ? a : b;
}

/* The sum of what is known. */
static int64_t sum(int64_t a, int64_t b) {
    return a == TRAFFIC_NONE ? b : b == TRAFFIC_NONE ? a : a > INT64_MAX - b ? INT64_MAX : a + b;
}

/* What the flow 'number' came to in the interval that ends at 'end_ns'. */
static struct traffic_tcp_row look_at(struct traffic_tcp_flow *flow, uint32_t number,
                                      const struct traffic_tcp_seen *seen, int64_t start_ns, int64_t end_ns) {
    struct traffic_tcp_row row = {.flow = number,
                                  .start_ns = flow->end_ns == 0 ? start_ns : flow->end_ns,
                                  .end_ns = end_ns,
                                  .tcp = traffic_tcp_believed(&seen->last)};
    int64_t segments = row.tcp.retransmitted;
    row.tcp.retransmitted = 0;
    if (segments > flow->retransmitted) {
        row.tcp.retransmitted = segments - flow->retransmitted;
        flow->retransmitted = segments;
    }
    flow->end_ns = end_ns;
    return row;
}

static int compare(const void *a, const void *b) {
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

/* The smallest of 'sorted' that at least 'percent' of them do not exceed; TRAFFIC_NONE if there are none. */
static int64_t percentile(const int64_t *sorted, size_t count, size_t percent) {
    size_t rank = (count * percent + 99) / 100;
    return count == 0 ? TRAFFIC_NONE : sorted[rank == 0 ? 0 : rank - 1];
}

/* Sorts what was gathered in the log's scratch room, and says how it is distributed. */
static void sum_up(struct traffic_tcp_log *log, size_t rtts, size_t windows,
                   struct traffic_tcp_second *second) {
    if (rtts > 0) {
        qsort(log->scratch[0], rtts, sizeof *log->scratch[0], compare);
    }
    if (windows > 0) {
        qsort(log->scratch[1], windows, sizeof *log->scratch[1], compare);
    }
    second->rtt_p50_ns = percentile(log->scratch[0], rtts, 50);
    second->rtt_p99_ns = percentile(log->scratch[0], rtts, 99);
    second->rtt_max_ns = percentile(log->scratch[0], rtts, 100);
    second->cwnd_p50_bytes = percentile(log->scratch[1], windows, 50);
}

void traffic_tcp_note(struct traffic_tcp_log *log, const struct traffic_board *const boards[],
                      int64_t start_ns, int64_t end_ns, struct traffic_tcp_second *second) {
    size_t rtts = 0, windows = 0;
    *second = (struct traffic_tcp_second){
        .rtt_min_ns = TRAFFIC_NONE, .delivery_bps = TRAFFIC_NONE, .unacked_bytes = TRAFFIC_NONE};
    log->begin_ns = log->begin_ns == 0 ? start_ns : log->begin_ns;
    for (uint32_t i = 0; i < log->plan_count && log->flow_count > 0; i++) {
        struct traffic_tcp_flow *flow = &log->flows[i];
        if (!flow->tcp) {
            continue;
        }
        const struct traffic_tcp_seen *seen = &boards[flow->side]->sent[i].tcp;
        int64_t looks = atomic_load_explicit(&seen->looks, memory_order_acquire);
        if (looks == flow->looks) {
            continue;
        }
        flow->looks = looks;
        const struct traffic_tcp_row row = look_at(flow, i, seen, start_ns, end_ns);
        second->flows++;
        second->retransmitted += row.tcp.retransmitted;
        second->delivery_bps = sum(second->delivery_bps, row.tcp.delivery_bps);
        second->unacked_bytes = sum(second->unacked_bytes, row.tcp.unacked_bytes);
        second->rtt_min_ns = smaller(second->rtt_min_ns, row.tcp.rtt_min_ns);
        log->scratch[0][rtts] = row.tcp.rtt_ns;
        rtts += row.tcp.rtt_ns != TRAFFIC_NONE;
        log->scratch[1][windows] = row.tcp.cwnd_bytes;
        windows += row.tcp.cwnd_bytes != TRAFFIC_NONE;
        if (log->rows != NULL) {
            put_row(log, &row);
            if (log->row_count == TRAFFIC_TCP_ROWS) {
                make_coarser(log);
            }
        }
    }
    sum_up(log, rtts, windows, second);
}

void traffic_tcp_second_add(struct traffic_tcp_second *second, const struct traffic_tcp_second *more) {
    int64_t retransmitted = second->retransmitted + more->retransmitted;
    if (more->flows > 0) {
        *second = *more;
    }
    second->retransmitted = retransmitted;
}
