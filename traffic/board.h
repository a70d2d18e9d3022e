/* What the endpoints count, in memory that they share with the process that started them: it can be read at
 * any moment, and stays when an endpoint dies.  The reader takes it for numbers and nothing else: an endpoint
 * has no privilege and is not believed. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/histogram.h"
#include "common/stamps.h"
#include "traffic/plan/profile.h"
#include "traffic/sequence.h"
#include "traffic/tcp.h"

enum traffic_flow_state {
    TRAFFIC_FLOW_WAITING, /* for its start */
    TRAFFIC_FLOW_ACTIVE,
    TRAFFIC_FLOW_DONE,
    TRAFFIC_FLOW_FAILED, /* 'problem' and 'problem_errno' say why */
    TRAFFIC_FLOW_STOPPED,
};

/* What went wrong with a flow; the texts are in board.c. */
enum traffic_problem {
    TRAFFIC_PROBLEM_NONE,
    TRAFFIC_PROBLEM_ADDRESS, /* there is no address of the flow's family */
    TRAFFIC_PROBLEM_SOCKET,
    TRAFFIC_PROBLEM_BIND,
    TRAFFIC_PROBLEM_OPTION, /* a socket option that its group asks for */
    TRAFFIC_PROBLEM_CONNECT,
    TRAFFIC_PROBLEM_SEND,
    TRAFFIC_PROBLEM_CLOSE, /* the server did not confirm the end of a TCP flow */
    TRAFFIC_PROBLEM_TIME,  /* the run's time was over */
};

/* The beginning of the text for 'problem', such as "could not connect". */
const char *traffic_problem_text(int problem);

/* How long the responses to the requests of a flow took, from the request's send time to the response's
 * receive time.
 */
struct traffic_response_times {
    int64_t count; /* each response once */
    int64_t min, p50, p90, p99, p999, max;
};

struct traffic_sent {
    _Atomic int64_t packets; /* datagrams */
    _Atomic int64_t bytes;   /* payload */
    int state;               /* enum traffic_flow_state */
    int problem;             /* enum traffic_problem */
    int problem_errno;
    struct traffic_response_times responses; /* at the end */
    struct traffic_tcp_seen tcp;             /* of a TCP flow */
};

struct traffic_received {
    int64_t packets; /* datagrams, each once */
    int64_t bytes;
    int64_t duplicated, reordered, extent;
    int64_t loss_bursts, loss_longest; /* rows of losses, and the datagrams of the longest, before 'next' */
    int64_t next;                      /* the number behind the largest that came */
    int64_t owd_count;
    int64_t owd_min, owd_p50, owd_p90, owd_p99, owd_p999, owd_max;
    int64_t jitter;
};

/* All flows of one direction together. */
struct traffic_live {
    _Atomic int64_t sent_packets, sent_bytes;
    _Atomic int64_t received_packets, received_bytes;
    _Atomic int64_t missing;
    _Atomic int64_t active, finished;
    int64_t foreign, socket_drops;
    int64_t greetings_sent, greetings_received;
    _Atomic int64_t round_trip_ns; /* of the slowest greeting; 0 before one was answered */
    int64_t late_p50, late_p99, late_max;
    int64_t late_packets;                      /* sent when their successor was due, too */
    int64_t send_batch_max, receive_batch_max; /* datagrams that had one stamp in common */
    int64_t pacing;                            /* enum traffic_pacing */
    int64_t loss_bins[TRAFFIC_LOSS_BINS];
    uint64_t owd_count, owd_negative;
    int64_t owd_min, owd_max;
    double owd_sum;
    uint32_t stamp_shift; /* one in 2^so many datagrams has a stamp */
};

struct traffic_board {
    struct traffic_live *live;         /* these all lie in the shared memory; the client writes 'sent' */
    struct traffic_sent *sent;         /* and the server the others */
    struct traffic_received *received; /* both by number of flow, 'flow_count' of them */
    uint32_t *owd_bins;                /* HISTOGRAM_BINS of them */
    uint32_t *response_bins;           /* likewise, of response times; the client's */
    uint32_t *class_bins;              /* of several classes: likewise of each, one behind the other */
    struct stamp *stamps;              /* STAMPS_SLOTS of them */
    size_t flow_count;
    size_t size; /* of the shared memory, bytes */
};

/* Makes a board of one direction for 'flow_count' flows, all zero.  Returns 0 or -ENOMEM with 'error' filled.
 */
int traffic_board_open(struct traffic_board *board, size_t flow_count, struct error *error);

/* Unmaps 'board'.  Takes a zeroed one. */
void traffic_board_close(struct traffic_board *board);

/* Adds 'count' to a number that only the caller writes and others read. */
static inline void traffic_board_add(_Atomic int64_t *number, int64_t count) {
    int64_t was = atomic_load_explicit(number, memory_order_relaxed);
    atomic_store_explicit(number, was + count, memory_order_relaxed);
}

static inline int64_t traffic_board_get(const _Atomic int64_t *number) {
    return atomic_load_explicit(number, memory_order_relaxed);
}
