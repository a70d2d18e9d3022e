/* What the sender's kernel says of TCP flows, once a second and when each ends: the client reads it onto the
 * board (client_watch.c), and who drives the run makes seconds of all flows, and rows of each, of that. */
#pragma once

#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/error.h"

struct traffic_board;
struct traffic_plan;
struct tcp_info;

/* A flow when it was looked at: TCP_INFO, tcp(7), Linux net/ipv4/tcp.c, tcp_get_info().  Each is TRAFFIC_NONE
 * where the kernel does not tell it, or does not know it yet. */
struct traffic_tcp {
    int64_t retransmitted;     /* segments, those that set the connection up included */
    int64_t rtt_ns, rttvar_ns; /* the smoothed round trip and its mean deviation, RFC 6298 */
    int64_t rtt_min_ns;        /* the shortest of the last minutes: net.ipv4.tcp_min_rtt_wlen, five */
    int64_t cwnd_bytes;        /* congestion window: segments times the largest segment */
    int64_t ssthresh_bytes;    /* slow start threshold, likewise; TRAFFIC_NONE: slow start has never ended */
    int64_t delivery_bps;      /* the latest that was measured, bits of payload a second */
    int64_t unacked_bytes;     /* on their way: sent, and the other end has not confirmed them */
};

/* What a flow was when it was looked at last, and what it has come to; on the board. */
struct traffic_tcp_seen {
    struct traffic_tcp last;
    int64_t rtt_sum_ns, rtt_count, rtt_max_ns; /* of the smoothed round trips of all looks */
    int64_t cwnd_max_bytes;
    _Atomic int64_t looks; /* so many; written last */
};

/* All flows of one interval together. */
struct traffic_tcp_second {
    int64_t flows;                              /* that were looked at in it; 0: the rest says nothing */
    int64_t retransmitted;                      /* segments, since each flow's look before */
    int64_t rtt_p50_ns, rtt_p99_ns, rtt_max_ns; /* over the flows, of their smoothed round trips */
    int64_t rtt_min_ns;                         /* the shortest of any */
    int64_t cwnd_p50_bytes;                     /* over the flows */
    int64_t delivery_bps, unacked_bytes;        /* of all */
};

/* One flow of an interval, or of several of them. */
struct traffic_tcp_row {
    uint32_t flow;            /* its number */
    int64_t start_ns, end_ns; /* since the epoch */
    struct traffic_tcp tcp;   /* as at the end; but 'retransmitted' is what came to it in the interval */
};

/* Of a run.  When they are full, each two of a flow that follow
 * each other become one, and from then on rows are twice as long.  No flow has a row if half of the room is
 * not enough for one of each. */
#define TRAFFIC_TCP_ROWS ((size_t)65536)

struct traffic_tcp_flow;

struct traffic_tcp_log {
    size_t plan_count;              /* flows of the plan */
    size_t flow_count;              /* of them of TCP; 0: nothing is kept */
    struct traffic_tcp_flow *flows; /* what is known of each of the plan */
    int64_t *scratch[2];            /* 'flow_count' each, to be sorted */
    struct traffic_tcp_row *rows;   /* by time, then by flow; NULL: too many flows for rows */
    size_t row_count;
    int64_t begin_ns; /* of the first interval, since the epoch; 0 before */
    int64_t row_ns;   /* how long a row is, unless its flow began or ended in it; 0: no rows */
};

/* Reads 'info', of which the kernel filled in 'size' bytes, into 'tcp': what a shorter struct of an older
 * kernel has not is TRAFFIC_NONE. */
void traffic_tcp_read(const struct tcp_info *info, socklen_t size, struct traffic_tcp *tcp);

/* Takes a look into account. */
void traffic_tcp_see(struct traffic_tcp_seen *seen, const struct traffic_tcp *now);

/* 'said' without what can't be: who said it is not believed. */
struct traffic_tcp traffic_tcp_believed(const struct traffic_tcp *said);

/* Prepares for runs of 'plan'.  Returns 0 or -ENOMEM; what is there is to be freed in either case. */
int traffic_tcp_open(struct traffic_tcp_log *log, const struct traffic_plan *plan);
void traffic_tcp_free(struct traffic_tcp_log *log);

/* Sums up in 'second' the flows that were looked at since the last call, as the boards of the two directions
 * say, and keeps a row of each: they are of the interval from 'start_ns' to 'end_ns', since the epoch. */
void traffic_tcp_note(struct traffic_tcp_log *log, const struct traffic_board *const boards[],
                      int64_t start_ns, int64_t end_ns, struct traffic_tcp_second *second);

/* Adds 'more', an interval that follows, to 'second'. */
void traffic_tcp_second_add(struct traffic_tcp_second *second, const struct traffic_tcp_second *more);
