#include "traffic/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/wire.h"

/* The kernel paces at so much more than the plan, so that a flow can catch up but not burst. */
#define PACING_NUMERATOR   5
#define PACING_DENOMINATOR 4
#define PACING_MIN         20000 /* bytes/s */
#define SEND_BUFFER        (64 * 1024)

/* On a way with longer round trips the kernel sizes the buffer, or the flow would wait for it. */
#define SHORT_WAY_NS (5 * NS_PER_MS)

/* Keeps what waits in the socket small and leaves the order of moments to the plan. */
static void set_options(const struct client_flow *flow) {
    bool even = !flow->plan->fast && flow->plan->gaps == TRAFFIC_LAW_CONSTANT &&
                flow->plan->burst_packets == 0 && flow->asking == NULL;
    int one = 1;
    int buffer = SEND_BUFFER;
    int64_t segment = (int64_t)traffic_segment_bytes(flow->plan->family);
    int64_t gap = flow->plan->gap_ns < 1 ? 1 : flow->plan->gap_ns;
    int64_t rate = segment * NS_PER_S / gap * PACING_NUMERATOR / PACING_DENOMINATOR;
    uint64_t pacing = (uint64_t)(rate < PACING_MIN ? PACING_MIN : rate);
    one = flow->plan->group == NULL || flow->plan->group->nagle == 0;
    setsockopt(flow->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    bool near = traffic_board_get(&flow->client->whole->live->round_trip_ns) <= SHORT_WAY_NS;
    if (near && !flow->plan->fast && flow->asking == NULL) {
        setsockopt(flow->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    }
    if (even) {
        setsockopt(flow->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &pacing, sizeof pacing);
    }
}

/* The end of a flow, good or bad: 'code' is an errno or 0 for the server's end of file. */
static void finish(struct client_flow *flow, int code) {
    if (flow->client->stopping) {
        client_end(flow, TRAFFIC_FLOW_STOPPED, TRAFFIC_PROBLEM_NONE, 0);
    } else if ((flow->done == flow->plan->bytes || flow->closing) && code == 0) {
        client_end(flow, TRAFFIC_FLOW_DONE, TRAFFIC_PROBLEM_NONE, 0);
    } else if (flow->done == flow->plan->bytes || flow->closing) {
        client_end(flow, TRAFFIC_FLOW_FAILED, TRAFFIC_PROBLEM_CLOSE, code);
    } else {
        client_end(flow, TRAFFIC_FLOW_FAILED, TRAFFIC_PROBLEM_SEND, code == 0 ? EPIPE : code);
    }
}

/* The server never sends, but for responses: its end of file says that all has come. */
static void on_read(evutil_socket_t fd, short what, void *context) {
    (void)what;
    struct client_flow *flow = context;
    int code = 0;
    if (flow->asking != NULL) {
        if (client_ask_tcp_read(flow, &code)) {
            finish(flow, code);
        }
        return;
    }
    uint8_t byte;
    ssize_t size = recv(fd, &byte, sizeof byte, MSG_DONTWAIT);
    if (size == 0) {
        finish(flow, 0);
    } else if (size < 0 && errno != EAGAIN && errno != EINTR) {
        finish(flow, errno);
    }
}

static bool listen_for(struct client_flow *flow, short what, event_callback_fn callback) {
    if (flow->event != NULL) {
        event_free(flow->event);
    }
    flow->event = event_new(flow->client->base, flow->fd, what, callback, flow);
    return flow->event != NULL && event_add(flow->event, NULL) == 0;
}

static void on_connected(evutil_socket_t fd, short what, void *context) {
    (void)what;
    struct client_flow *flow = context;
    int code = 0;
    socklen_t size = sizeof code;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0) {
        code = errno;
    }
    if (code == 0 && !listen_for(flow, EV_READ | EV_PERSIST, on_read)) {
        code = ENOMEM;
    }
    if (code != 0) {
        client_end(flow, TRAFFIC_FLOW_FAILED, TRAFFIC_PROBLEM_CONNECT, code);
    } else {
        client_take_turn(flow);
    }
}

static void open_flow(struct client_flow *flow) {
    if (client_open(flow, SOCK_STREAM) != 0) {
        return;
    }
    set_options(flow);
    struct sockaddr_storage name;
    socklen_t size = client_peer(flow, &name);
    if ((connect(flow->fd, (const struct sockaddr *)&name, size) != 0 && errno != EINPROGRESS)) {
        client_end(flow, TRAFFIC_FLOW_FAILED, TRAFFIC_PROBLEM_CONNECT, errno);
    } else if (!listen_for(flow, EV_WRITE, on_connected)) {
        client_end(flow, TRAFFIC_FLOW_FAILED, TRAFFIC_PROBLEM_CONNECT, ENOMEM);
    }
}

/* Sends 'size' bytes from where the flow stands: the preamble as far as it isn't sent yet, then padding. */
static ssize_t send_bytes(const struct client_flow *flow, size_t size) {
    static const uint8_t padding[CLIENT_PIECE];
    uint8_t preamble[TRAFFIC_PREAMBLE_SIZE];
    size_t left = 0;
    if (flow->done < sizeof preamble) {
        struct traffic_preamble head = {
            .run = flow->client->job->run, .flow = flow->plan->number, .bytes = flow->plan->bytes};
        traffic_preamble_write(&head, preamble);
        left = sizeof preamble - (size_t)flow->done;
    }
    left = left > size ? size : left;
    struct iovec vectors[2] = {{.iov_base = preamble + sizeof preamble - left, .iov_len = left},
                               {.iov_base = (uint8_t *)(uintptr_t)padding, .iov_len = size - left}};
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 2};
    return sendmsg(flow->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool client_tcp_push(struct client_flow *flow, size_t size, int64_t now_ns, int64_t *next_ns) {
    const struct traffic_board *board = flow->client->job->board;
    ssize_t taken = send_bytes(flow, size);
    if (taken >= 0) {
        flow->done += (uint64_t)taken;
        traffic_board_add(&board->sent[flow->plan->number].bytes, taken);
        traffic_board_add(&board->live->sent_bytes, taken);
        return true;
    }
    flow->last_errno = errno;
    *next_ns = 0;
    if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) {
        *next_ns = client_wait_for_room(flow, now_ns);
    } else {
        finish(flow, errno);
    }
    return false;
}

int64_t client_tcp_turn(struct client_flow *flow, int64_t now_ns) {
    if (flow->fd < 0) {
        open_flow(flow);
        return 0;
    }
    if (flow->asking != NULL) {
        return client_ask_tcp_turn(flow, now_ns);
    }
    if (flow->plan->fast) {
        return client_fast_tcp_turn(flow, now_ns);
    }
    uint64_t segment = traffic_segment_bytes(flow->plan->family);
    uint64_t pieces = client_due(flow, flow->done / segment, flow->plan->packets, now_ns);
    uint64_t left = flow->plan->bytes - flow->done;
    uint64_t size = pieces * segment < left ? pieces * segment : left;
    int64_t wait_ns;
    if (!client_tcp_push(flow, size, now_ns, &wait_ns)) {
        return wait_ns;
    }
    if (flow->done == flow->plan->bytes) {
        return 0;
    }
    int64_t next = client_moment(flow, flow->done / segment);
    return next > now_ns || pieces < CLIENT_BATCH ? next : now_ns + flow->plan->gap_ns;
}

void client_tcp_stop(struct client_flow *flow) {
    if (shutdown(flow->fd, SHUT_WR) != 0) {
        finish(flow, errno);
    }
}
