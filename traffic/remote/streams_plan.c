/* The plan that both ends make of the streams that are asked for. */
#include <errno.h>
#include <stdlib.h>

#include "common/flow_key.h"
#include "traffic/plan/distribution.h"
#include "traffic/plan/plan.h"
#include "traffic/remote/streams.h"
#include "traffic/wire.h"

static const struct traffic_profile profile = {.name = "streams", .summary = "streams that are alike"};

bool remote_streams_timed(const struct remote_streams *streams) {
    return streams->packets == 0 && streams->bytes == 0;
}

static double of_millionths(int64_t value) {
    return (double)value / REMOTE_MILLIONTHS;
}

static double mean_of_range(const struct remote_streams *streams) {
    return streams->length_mean > 0 ? (double)streams->length_mean
                                    : ((double)streams->length_min + (double)streams->length) / 2;
}

/* The mean of the lengths of datagrams. */
static double usual_length(const struct remote_streams *streams) {
    if (streams->length_law == TRAFFIC_LAW_CONSTANT) {
        return (double)streams->length;
    }
    const struct traffic_distribution lengths = traffic_distribution_make(
        (unsigned int)streams->length_law, of_millionths(streams->length_shape), streams->length_histogram);
    return traffic_distribution_mean_within(&lengths, mean_of_range(streams), (double)streams->length_min,
                                            (double)streams->length);
}

int64_t remote_streams_piece(const struct remote_streams *streams) {
    if (streams->protocol == PROTOCOL_TCP && streams->response == 0) {
        return (int64_t)traffic_segment_bytes((uint8_t)streams->family);
    }
    int64_t usual = (int64_t)(usual_length(streams) + 0.5);
    return usual < 1 ? 1 : usual;
}

int64_t remote_streams_rate(const struct remote_streams *streams) {
    if (streams->gap_ns == 0) {
        return INT64_MAX;
    }
    int64_t piece = remote_streams_piece(streams);
    double bytes = (double)(streams->response > piece ? streams->response : piece);
    double rate = (double)streams->count * bytes * 8 * (double)NS_PER_S / (double)streams->gap_ns;
    return rate < 9e18 ? (int64_t)(rate + 0.5) : INT64_MAX;
}

/* True if only the clock knows when a stream is over: how many gaps fit is random, or how many round trips.
 */
static bool ends_by_clock(const struct remote_streams *streams) {
    bool random = streams->gap_law != TRAFFIC_LAW_CONSTANT || streams->burst > 0;
    bool waits = streams->protocol == PROTOCOL_TCP && streams->response > 0 && streams->gap_ns > 0;
    return remote_streams_timed(streams) && (random || waits);
}

/* How many pieces a stream has. */
static uint64_t pieces_of(const struct remote_streams *streams) {
    int64_t piece = remote_streams_piece(streams);
    if (streams->packets > 0) {
        return (uint64_t)streams->packets;
    }
    if (streams->bytes > 0) {
        return (uint64_t)((streams->bytes + piece - 1) / piece);
    }
    if (streams->gap_ns == 0 || ends_by_clock(streams)) {
        return TRAFFIC_ENDLESS;
    }
    int64_t pieces = streams->duration_ns / streams->gap_ns;
    return pieces < 1 ? 1 : (uint64_t)pieces;
}

/* What sockets are told. */
static struct traffic_group group_of(const struct remote_streams *streams) {
    return (struct traffic_group){
        .protocol = (uint8_t)streams->protocol,
        .family = (uint8_t)streams->family,
        .count = (uint32_t)streams->count,
        .dscp = (uint8_t)streams->dscp,
        .ttl = (uint8_t)streams->ttl,
        .flow_label = (uint32_t)streams->flow_label,
        .mss = (uint16_t)streams->mss,
        .nagle = (uint8_t)streams->nagle,
        .congestion = streams->congestion[0] == '\0' ? NULL : streams->congestion,
    };
}

static void set_rhythm(const struct remote_streams *streams, struct traffic_flow *flow) {
    flow->gap_ns = streams->gap_ns;
    flow->fast = streams->gap_ns == 0;
    flow->timed = ends_by_clock(streams);
    flow->gaps = (uint8_t)streams->gap_law;
    flow->random_gaps = traffic_distribution_make((unsigned int)streams->gap_law,
                                                  of_millionths(streams->gap_shape), streams->gap_histogram);
    if (streams->burst > 0) {
        flow->burst_packets = (uint32_t)streams->burst;
        flow->gap_ns = streams->burst_gap_ns;
        flow->pause_ns = streams->burst * streams->gap_ns - (streams->burst - 1) * streams->burst_gap_ns;
    }
}

static void set_lengths(const struct remote_streams *streams, struct traffic_flow *flow) {
    flow->payload_min = flow->payload_max = (uint16_t)streams->length;
    flow->payload_usual = usual_length(streams);
    if (streams->length_law != TRAFFIC_LAW_CONSTANT) {
        flow->payload_min = (uint16_t)streams->length_min;
        flow->payload_mean = mean_of_range(streams);
        flow->random_payload =
            traffic_distribution_make((unsigned int)streams->length_law, of_millionths(streams->length_shape),
                                      streams->length_histogram);
    }
}

/* What all streams have alike. */
static struct traffic_flow alike_of(const struct remote_streams *streams) {
    uint64_t pieces = pieces_of(streams);
    bool tcp = streams->protocol == PROTOCOL_TCP;
    struct traffic_flow flow = {.protocol = (uint8_t)streams->protocol,
                                .family = (uint8_t)streams->family,
                                .packets = pieces,
                                .bytes = pieces,
                                .length_ns = streams->duration_ns,
                                .request = tcp && streams->response > 0 ? (uint32_t)streams->length : 0,
                                .response = (uint32_t)streams->response};
    set_rhythm(streams, &flow);
    set_lengths(streams, &flow);
    if (pieces < TRAFFIC_ENDLESS) {
        flow.bytes = pieces * (uint64_t)remote_streams_piece(streams);
    }
    if (tcp && streams->bytes > 0) {
        flow.bytes =
            (uint64_t)(streams->bytes < TRAFFIC_PREAMBLE_SIZE ? TRAFFIC_PREAMBLE_SIZE : streams->bytes);
    }
    return flow;
}

/* The stream number 'stream' of both directions, as the flow number 'number'. */
static void place(const struct remote_streams *streams, struct traffic_flow *flow, uint32_t stream,
                  uint32_t number, const struct traffic_group *group) {
    uint32_t count = (uint32_t)streams->count;
    flow->number = number;
    flow->group = group;
    flow->reverse = streams->direction == REMOTE_REVERSE || stream >= count;
    flow->sport = (uint16_t)(TRAFFIC_SOURCE_FIRST +
                             (streams->source_port - TRAFFIC_SOURCE_FIRST + stream) % TRAFFIC_SOURCE_PORTS);
    flow->dport = (uint16_t)(TRAFFIC_FIRST_PORT + stream % TRAFFIC_SERVER_PORTS);
    /* Streams that keep a rate don't send in step. */
    flow->start_ns = streams->gap_ns / count * (stream % count);
}

int remote_streams_plan(const struct remote_streams *streams, struct traffic_plan *plan,
                        struct error *error) {
    *plan = (struct traffic_plan){0};
    int failure = remote_streams_check(streams, error);
    if (failure != 0) {
        return failure;
    }
    size_t each = streams->response > 0 ? 2 : 1;
    size_t count = (size_t)streams->count * (streams->direction == REMOTE_BOTH ? 2 : 1);
    *plan = (struct traffic_plan){.profile = &profile,
                                  .seed = (uint64_t)streams->seed,
                                  .duration_ns = streams->duration_ns,
                                  .scale = 1,
                                  .client_addresses = 1,
                                  .server_addresses = 1,
                                  .count = count * each};
    plan->flows = calloc(plan->count, sizeof *plan->flows);
    plan->group = calloc(1, sizeof *plan->group);
    if (plan->flows == NULL || plan->group == NULL) {
        traffic_plan_free(plan);
        return error_set(error, -ENOMEM, "no memory for a plan of %zu streams", count);
    }
    *plan->group = group_of(streams);
    const struct traffic_flow alike = alike_of(streams);
    for (size_t i = 0; i < count; i++) {
        struct traffic_flow *flow = &plan->flows[i * each];
        *flow = alike;
        place(streams, flow, (uint32_t)i, (uint32_t)(i * each), plan->group);
        plan->reverse_count += flow->reverse;
        if (each == 2) {
            plan_add_twin(plan, i * each + 1);
            plan_set_twin_ports(&flow[1], flow);
        }
    }
    return 0;
}

uint64_t remote_streams_digest(const struct traffic_plan *plan) {
    uint64_t digest = UINT64_C(0xcbf29ce484222325); /* FNV-1a, a whole number at a time */
    for (size_t i = 0; i < plan->count; i++) {
        const struct traffic_flow *flow = &plan->flows[i];
        const uint64_t numbers[] = {flow->protocol,
                                    flow->family,
                                    flow->reverse,
                                    flow->responds,
                                    flow->sport,
                                    flow->dport,
                                    flow->payload_min,
                                    flow->payload_max,
                                    flow->packets,
                                    flow->bytes,
                                    (uint64_t)flow->start_ns,
                                    (uint64_t)flow->gap_ns,
                                    (uint64_t)flow->pause_ns,
                                    flow->burst_packets,
                                    flow->gaps,
                                    flow->random_payload.law,
                                    flow->request,
                                    flow->response};
        for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
            digest = (digest ^ numbers[n]) * UINT64_C(0x100000001b3);
        }
    }
    return digest;
}
