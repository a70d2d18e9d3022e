/* Requests whose responses come back. */
#include "traffic/client.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/keeper.h"

/* How long a response is waited for, beyond a few of the longest so far, before the next request of a fast
 * flow goes out all the same; and after the last request; and after a stop, for which somebody waits. */
#define NEXT_NS      (250 * NS_PER_MS)
#define LAST_NS      (1500 * NS_PER_MS)
#define STOP_NS      (400 * NS_PER_MS)
#define LONGEST      4
#define RETRY_NS     (2 * NS_PER_MS)
#define READ_SIZE    ((size_t)256 * 1024)
#define READS_A_TURN 4

int client_responses_init(struct client *client, struct traffic_meter_flow *flows) {
    const struct traffic_job *job = client->job;
    if (flows == NULL || job->responses == NULL) {
        return 0;
    }
    /* The server took the offset off the requests, as ours less the other clock it is the other way round. */
    client->responses = traffic_meter_make(job->plan, job->responses, flows, -job->clock_offset_ns);
    client->response_times =
        (struct histogram){.min = INT64_MAX, .max = INT64_MIN, .bins = job->responses->response_bins};
    client->askings = calloc(job->plan->response_count, sizeof *client->askings);
    client->inbox = calloc(1, sizeof *client->inbox);
    int failure =
        client->askings == NULL || client->inbox == NULL ? -ENOMEM : traffic_inbox_init(client->inbox);
    size_t next = 0;
    for (size_t i = 0; i < job->plan->count && failure == 0; i++) {
        const struct traffic_flow *flow = &job->plan->flows[i];
        if (flow->response > 0 && traffic_job_has(job, flow, flow->sport)) {
            client->flows[i].asking = &client->askings[next++];
            failure = traffic_delay_init(&client->flows[i].asking->times, flow->packets);
        }
    }
    return failure;
}

void client_responses_free(struct client *client) {
    for (size_t i = 0; client->askings != NULL && i < client->job->plan->response_count; i++) {
        traffic_delay_free(&client->askings[i].times);
    }
    free(client->askings);
    if (client->inbox != NULL) {
        traffic_inbox_free(client->inbox);
    }
    free(client->inbox);
}

static void publish_times(struct client_flow *flow) {
    struct traffic_delay *times = &flow->asking->times;
    flow->client->job->board->sent[flow->plan->number].responses = (struct traffic_response_times){
        .count = (int64_t)times->count,
        .min = times->min,
        .max = times->max,
        .p50 = traffic_delay_quantile(times, 0.5),
        .p90 = traffic_delay_quantile(times, 0.9),
        .p99 = traffic_delay_quantile(times, 0.99),
        .p999 = traffic_delay_quantile(times, 0.999),
    };
}

void client_responses_publish(struct client *client, bool last) {
    for (size_t i = 0; client->askings != NULL && i < client->job->plan->count; i++) {
        struct client_flow *flow = &client->flows[i];
        if (flow->asking == NULL) {
            continue;
        }
        if (flow->plan->protocol == PROTOCOL_UDP) {
            traffic_meter_publish(&client->responses, i + 1, last);
        }
        if (last) {
            publish_times(flow);
        }
    }
    if (client->askings != NULL) {
        traffic_meter_publish_live(&client->responses);
    }
}

/* How long to wait from now on. */
static int64_t wait_ns(const struct client_flow *flow, int64_t least_ns) {
    int64_t longest = flow->asking->times.count == 0 ? 0 : flow->asking->times.max;
    return least_ns + (longest > NS_PER_S ? NS_PER_S : longest < 0 ? 0 : longest) * LONGEST;
}

static void note_time(struct client_flow *flow, int64_t asked_ns, int64_t now_ns) {
    int64_t took_ns = (int64_t)((uint64_t)now_ns - (uint64_t)asked_ns);
    flow->asking->count++;
    traffic_delay_add(&flow->asking->times, took_ns);
    histogram_add(&flow->client->response_times, took_ns);
}

/* ---- UDP ---- */

static int64_t end(struct client_flow *flow) {
    client_end(flow, flow->client->stopping ? TRAFFIC_FLOW_STOPPED : TRAFFIC_FLOW_DONE, TRAFFIC_PROBLEM_NONE,
               0);
    return 0;
}

int64_t client_ask_last(struct client_flow *flow, int64_t now_ns) {
    bool complete = flow->asking->count >= flow->done;
    flow->asking->last = true;
    flow->asking->until_ns =
        complete ? now_ns : now_ns + wait_ns(flow, flow->client->stopping ? STOP_NS : LAST_NS);
    return flow->asking->until_ns;
}

/* The next request of a fast flow.  Returns the moment until which its response is waited for. */
static int64_t ask(struct client_flow *flow, int64_t now_ns) {
    struct client_asking *asking = flow->asking;
    const struct traffic_flow *plan = flow->plan;
    if (flow->done == plan->packets || now_ns >= flow->client->start_ns + plan->start_ns + plan->length_ns) {
        return client_ask_last(flow, now_ns);
    }
    asking->waiting = client_udp_send_next(flow, now_ns);
    asking->until_ns = now_ns + (asking->waiting ? wait_ns(flow, NEXT_NS) : RETRY_NS);
    return asking->until_ns;
}

int64_t client_ask_udp_turn(struct client_flow *flow, int64_t now_ns) {
    const struct client_asking *asking = flow->asking;
    /* There is one turn, and each response puts off what it is for. */
    if ((asking->waiting || asking->last) && now_ns < asking->until_ns) {
        return asking->until_ns;
    }
    return asking->last ? end(flow) : ask(flow, now_ns);
}

/* What a response to 'request' brings about.  The turn of the flow stays as it is, and so does its socket,
 * from which is read just now: another thread might get the number of one that is closed. */
static void go_on(struct client_flow *flow, uint64_t request) {
    struct client_asking *asking = flow->asking;
    int64_t now_ns = clock_monotonic_ns();
    if (flow->plan->fast && asking->waiting && request + 1 == flow->done && !asking->last) {
        ask(flow, now_ns);
    } else if (asking->last) {
        client_ask_last(flow, now_ns);
    }
    if (asking->last && asking->count >= flow->done && !asking->is_over) {
        asking->is_over = true;
        asking->over = flow->client->over;
        flow->client->over = flow;
    }
}

static inline void take_response(int fd, const struct msghdr *header, const uint8_t *data, size_t size,
                                 int64_t received_ns, void *context) {
    struct client *client = context;
    const struct traffic_plan *plan = client->job->plan;
    struct traffic_response response;
    (void)fd;
    (void)header;
    uint32_t number = UINT32_MAX;
    if (traffic_response_read(data, size, &response)) {
        number = response.datagram.flow;
    }
    if (number >= plan->count || plan->flows[number].responds == 0 ||
        client->flows[number - 1].asking == NULL || plan->flows[number].protocol != PROTOCOL_UDP ||
        response.datagram.run != client->job->run + TRAFFIC_RESPONSE_RUN ||
        response.datagram.sequence >= plan->flows[number].packets) {
        client->job->responses->live->foreign++;
        return;
    }
    struct client_flow *flow = &client->flows[number - 1];
    if (traffic_meter_take(&client->responses, &response.datagram, size, received_ns) && flow->fd >= 0) {
        note_time(flow, response.request_ns, received_ns);
        go_on(flow, response.request);
    }
}

static void on_response(evutil_socket_t fd, short what, void *context) {
    struct client *client = context;
    struct traffic_live *live = client->job->responses->live;
    (void)what;
    int64_t together = traffic_inbox_read(client->inbox, fd, take_response, client);
    live->receive_batch_max = together > live->receive_batch_max ? together : live->receive_batch_max;
    while (client->over != NULL) {
        struct client_flow *flow = client->over;
        client->over = flow->asking->over;
        end(flow);
    }
}

void client_responses_note_drops(const struct client_flow *flow) {
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof memory;
    if (flow->asking != NULL && flow->plan->protocol == PROTOCOL_UDP &&
        getsockopt(flow->fd, SOL_SOCKET, SO_MEMINFO, memory, &size) == 0) {
        flow->client->job->responses->live->socket_drops += memory[SK_MEMINFO_DROPS];
    }
}

int client_responses_listen(struct client_flow *flow) {
    struct client_asking *asking = flow->asking;
    int buffer = TRAFFIC_KEEPER_BUFFER;
    int failure = traffic_inbox_prepare(flow->fd);
    /* The keeper may have the kernel give it, where this one gives less. */
    (void)setsockopt(flow->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    traffic_keeper_ask(flow->client->job->keeper, flow->fd);
    if (failure == 0) {
        asking->responses =
            event_new(flow->client->base, flow->fd, EV_READ | EV_PERSIST, on_response, flow->client);
        failure = asking->responses != NULL && event_add(asking->responses, NULL) == 0 ? 0 : -ENOMEM;
    }
    if (failure != 0) {
        client_end(flow, TRAFFIC_FLOW_FAILED, TRAFFIC_PROBLEM_SOCKET, -failure);
        return -1;
    }
    return 0;
}

/* ---- TCP: one request at a time ---- */

/* True if no request is to follow. */
static bool has_asked(const struct client_flow *flow, int64_t now_ns) {
    const struct traffic_flow *plan = flow->plan;
    const struct client *client = flow->client;
    return flow->done == plan->bytes ||
           (plan->fast && now_ns >= client->start_ns + plan->start_ns + plan->length_ns) ||
           (plan->timed && now_ns >= client->start_ns + client->job->plan->duration_ns);
}

int64_t client_ask_tcp_turn(struct client_flow *flow, int64_t now_ns) {
    struct client_asking *asking = flow->asking;
    const struct traffic_flow *plan = flow->plan;
    uint64_t within = flow->done % plan->request;
    if (asking->waiting) {
        return 0;
    }
    if (within == 0 && has_asked(flow, now_ns)) {
        /* The server closes when it has responded to all; to an endless flow's end it has to be told. */
        flow->closing = flow->done < plan->bytes;
        if (flow->closing) {
            client_tcp_stop(flow);
        }
        return 0;
    }
    asking->asked_ns = within == 0 ? clock_real_ns() : asking->asked_ns;
    int64_t next_ns;
    if (!client_tcp_push(flow, plan->request - (size_t)within, now_ns, &next_ns)) {
        return next_ns;
    }
    asking->waiting = flow->done % plan->request == 0;
    return asking->waiting ? 0 : now_ns;
}

/* The response to the request under way is complete: the next one goes out when it is its turn, or at once.
 */
static void take_whole(struct client_flow *flow, int64_t now_ns) {
    note_time(flow, flow->asking->asked_ns, now_ns);
    flow->asking->waiting = false;
    int64_t next_ns = clock_monotonic_ns();
    if (!flow->plan->fast && flow->done < flow->plan->bytes) {
        int64_t moment_ns = client_moment(flow, flow->done / flow->plan->request);
        next_ns = moment_ns > next_ns ? moment_ns : next_ns;
    }
    client_turn_at(flow, next_ns);
}

bool client_ask_tcp_read(struct client_flow *flow, int *code) {
    struct client_asking *asking = flow->asking;
    const struct traffic_board *board = flow->client->job->responses;
    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t size = recv(flow->fd, NULL, READ_SIZE, MSG_DONTWAIT | MSG_TRUNC);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            return false;
        }
        if (size <= 0) {
            *code = size == 0 ? 0 : errno;
            return true;
        }
        asking->got += (uint64_t)size;
        board->received[flow->plan->number + 1].bytes += (int64_t)size;
        traffic_board_add(&board->live->received_bytes, size);
        if (asking->waiting && asking->got >= (asking->count + 1) * flow->plan->response) {
            take_whole(flow, clock_real_ns());
        }
    }
    return false;
}
