#include "traffic/remote/streams.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/remote/message.h"
#include "traffic/traffic.h"
#include "traffic/wire.h"

/* Of IPv4: 65535 less the headers of IP and UDP. */
#define LENGTH_MAX 65507
#define GAP_MAX    (3600 * NS_PER_S)

static const struct traffic_profile profile = {.name = "streams", .summary = "streams that are alike"};

static const struct {
    const char *name;
    size_t offset;
    int64_t minimum, maximum;
} fields[] = {
    {"protocol", offsetof(struct remote_streams, protocol), PROTOCOL_TCP, PROTOCOL_UDP},
    {"family", offsetof(struct remote_streams, family), 4, 6},
    {"direction", offsetof(struct remote_streams, direction), REMOTE_FORWARD, REMOTE_BOTH},
    {"count", offsetof(struct remote_streams, count), 1, REMOTE_STREAMS_MAX},
    {"length", offsetof(struct remote_streams, length), TRAFFIC_DATAGRAM_SIZE, LENGTH_MAX},
    {"gap_ns", offsetof(struct remote_streams, gap_ns), 0, GAP_MAX},
    {"packets", offsetof(struct remote_streams, packets), 0, REMOTE_COUNT_MAX},
    {"bytes", offsetof(struct remote_streams, bytes), 0, REMOTE_COUNT_MAX},
    {"duration_ns", offsetof(struct remote_streams, duration_ns), NS_PER_S / 10, REMOTE_DURATION_MAX},
    {"gso", offsetof(struct remote_streams, gso), 0, TRAFFIC_GSO_MAX},
    {"threads", offsetof(struct remote_streams, threads), 0, TRAFFIC_SERVER_PORTS},
    {"txtime", offsetof(struct remote_streams, txtime), TRAFFIC_TXTIME_AUTO, TRAFFIC_TXTIME_OFF},
    {"source_port", offsetof(struct remote_streams, source_port), TRAFFIC_SOURCE_FIRST,
     TRAFFIC_SOURCE_END - 1},
};

enum { FIELDS = sizeof fields / sizeof *fields };

static int64_t *field_of(struct remote_streams *streams, size_t field) {
    return (int64_t *)(void *)((char *)streams + fields[field].offset);
}

int remote_streams_check(const struct remote_streams *streams, struct error *error) {
    struct remote_streams copy = *streams;
    for (size_t i = 0; i < FIELDS; i++) {
        int64_t value = *field_of(&copy, i);
        if (value < fields[i].minimum || value > fields[i].maximum) {
            return error_set(error, -EINVAL,
                             "streams can't have a %s of %" PRId64 ": it is %" PRId64 " to %" PRId64,
                             fields[i].name, value, fields[i].minimum, fields[i].maximum);
        }
    }
    if (streams->protocol != PROTOCOL_TCP && streams->protocol != PROTOCOL_UDP) {
        return error_set(error, -EINVAL, "streams are of TCP or UDP");
    }
    if (streams->family == 5) {
        return error_set(error, -EINVAL, "streams are of IPv4 or IPv6");
    }
    if (streams->txtime == TRAFFIC_TXTIME_ON && (streams->protocol != PROTOCOL_UDP || streams->gap_ns == 0)) {
        return error_set(error, -EINVAL, "launch times (txtime on) are for UDP with a rate");
    }
    if (streams->packets != 0 && (streams->bytes != 0 || streams->protocol == PROTOCOL_TCP)) {
        return error_set(error, -EINVAL, "a number of packets is for UDP, and not beside a number of bytes");
    }
    return 0;
}

bool remote_streams_timed(const struct remote_streams *streams) {
    return streams->packets == 0 && streams->bytes == 0;
}

/* What one gap stands for, bytes of payload. */
static int64_t piece_bytes(const struct remote_streams *streams) {
    return streams->protocol == PROTOCOL_UDP ? streams->length
                                             : (int64_t)traffic_segment_bytes((uint8_t)streams->family);
}

int64_t remote_streams_rate(const struct remote_streams *streams) {
    if (streams->gap_ns == 0) {
        return INT64_MAX;
    }
    /* At most 5000 streams of 65507 bytes: below 2^32 bits, so the product is below 2^62. */
    return streams->count * piece_bytes(streams) * 8 * NS_PER_S / streams->gap_ns;
}

/* How many pieces a stream has. */
static uint64_t pieces_of(const struct remote_streams *streams) {
    int64_t piece = piece_bytes(streams);
    if (streams->packets > 0) {
        return (uint64_t)streams->packets;
    }
    if (streams->bytes > 0) {
        return (uint64_t)((streams->bytes + piece - 1) / piece);
    }
    if (streams->gap_ns == 0) {
        return TRAFFIC_ENDLESS;
    }
    int64_t pieces = streams->duration_ns / streams->gap_ns;
    return pieces < 1 ? 1 : (uint64_t)pieces;
}

static void fill(const struct remote_streams *streams, struct traffic_flow *flow, uint32_t number,
                 uint8_t reverse) {
    uint64_t pieces = pieces_of(streams);
    bool tcp = streams->protocol == PROTOCOL_TCP;
    *flow = (struct traffic_flow){
        .number = number,
        .protocol = (uint8_t)streams->protocol,
        .family = (uint8_t)streams->family,
        .reverse = reverse,
        .gaps = TRAFFIC_GAPS_CONSTANT,
        .sport = (uint16_t)(TRAFFIC_SOURCE_FIRST +
                            (streams->source_port - TRAFFIC_SOURCE_FIRST + number) % TRAFFIC_SOURCE_PORTS),
        .dport = (uint16_t)(TRAFFIC_FIRST_PORT + number % TRAFFIC_SERVER_PORTS),
        .payload_min = (uint16_t)streams->length,
        .payload_max = (uint16_t)streams->length,
        .packets = pieces,
        .bytes = pieces == TRAFFIC_ENDLESS ? pieces : pieces * (uint64_t)piece_bytes(streams),
        .length_ns = streams->duration_ns,
        .gap_ns = streams->gap_ns,
        .fast = streams->gap_ns == 0};
    if (tcp && streams->bytes > 0) {
        flow->bytes =
            (uint64_t)(streams->bytes < TRAFFIC_PREAMBLE_SIZE ? TRAFFIC_PREAMBLE_SIZE : streams->bytes);
    }
    /* Streams that keep a rate don't send in step. */
    uint32_t count = streams->count > 0 ? (uint32_t)streams->count : 1;
    flow->start_ns = streams->gap_ns / count * (number % count);
}

int remote_streams_plan(const struct remote_streams *streams, struct traffic_plan *plan,
                        struct error *error) {
    *plan = (struct traffic_plan){0};
    int failure = remote_streams_check(streams, error);
    if (failure != 0) {
        return failure;
    }
    bool both = streams->direction == REMOTE_BOTH;
    *plan = (struct traffic_plan){.profile = &profile,
                                  .seed = (uint64_t)streams->source_port,
                                  .duration_ns = streams->duration_ns,
                                  .scale = 1,
                                  .client_addresses = 1,
                                  .server_addresses = 1,
                                  .count = (size_t)streams->count * (both ? 2 : 1)};
    plan->flows = calloc(plan->count, sizeof *plan->flows);
    if (plan->flows == NULL) {
        return error_set(error, -ENOMEM, "no memory for a plan of %zu streams", plan->count);
    }
    for (size_t i = 0; i < plan->count; i++) {
        uint8_t reverse = streams->direction == REMOTE_REVERSE || i >= (size_t)streams->count;
        fill(streams, &plan->flows[i], (uint32_t)i, reverse);
        plan->reverse_count += reverse;
    }
    return 0;
}

uint64_t remote_streams_digest(const struct traffic_plan *plan) {
    uint64_t digest = UINT64_C(0xcbf29ce484222325); /* FNV-1a, a whole number at a time */
    for (size_t i = 0; i < plan->count; i++) {
        const struct traffic_flow *flow = &plan->flows[i];
        const uint64_t numbers[] = {
            flow->protocol,        flow->family,      flow->reverse, flow->sport, flow->dport,
            flow->payload_min,     flow->payload_max, flow->packets, flow->bytes, (uint64_t)flow->start_ns,
            (uint64_t)flow->gap_ns};
        for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
            digest = (digest ^ numbers[n]) * UINT64_C(0x100000001b3);
        }
    }
    return digest;
}

json_t *remote_streams_write(const struct remote_streams *streams) {
    struct remote_streams copy = *streams;
    json_t *object = json_object();
    for (size_t i = 0; i < FIELDS && object != NULL; i++) {
        if (json_object_set_new(object, fields[i].name, json_integer(*field_of(&copy, i))) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

int remote_streams_read(const json_t *object, struct remote_streams *streams, struct error *error) {
    *streams = (struct remote_streams){0};
    for (size_t i = 0; i < FIELDS; i++) {
        int failure = remote_take_integer(object, fields[i].name, fields[i].minimum, fields[i].maximum,
                                          field_of(streams, i), error);
        if (failure != 0) {
            return failure;
        }
    }
    return remote_streams_check(streams, error);
}
