#include "traffic/remote/streams.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/flow_key.h"
#include "traffic/plan/empirical.h"
#include "traffic/remote/message.h"
#include "traffic/traffic.h"
#include "traffic/wire.h"

/* Of IPv4: 65535 less the headers of IP and UDP. */
#define LENGTH_MAX 65507
#define GAP_MAX    (3600 * NS_PER_S)
#define SHAPE_MAX  (INT64_C(10) * REMOTE_MILLIONTHS)
/* The largest weight of a bin on the wire. */
#define WEIGHT_MAX INT64_C(1000000000)
#define BURST_MAX  100000

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
    {"length_min", offsetof(struct remote_streams, length_min), 0, LENGTH_MAX},
    {"length_law", offsetof(struct remote_streams, length_law), 0, TRAFFIC_LAW_HISTOGRAM},
    {"length_mean", offsetof(struct remote_streams, length_mean), 0, LENGTH_MAX},
    {"length_shape", offsetof(struct remote_streams, length_shape), 0, SHAPE_MAX},
    {"gap_ns", offsetof(struct remote_streams, gap_ns), 0, GAP_MAX},
    {"gap_law", offsetof(struct remote_streams, gap_law), 0, TRAFFIC_LAW_HISTOGRAM},
    {"gap_shape", offsetof(struct remote_streams, gap_shape), 0, SHAPE_MAX},
    {"burst", offsetof(struct remote_streams, burst), 0, BURST_MAX},
    {"burst_gap_ns", offsetof(struct remote_streams, burst_gap_ns), 0, NS_PER_S},
    {"response", offsetof(struct remote_streams, response), 0, TRAFFIC_RESPONSE_MAX},
    {"packets", offsetof(struct remote_streams, packets), 0, REMOTE_COUNT_MAX},
    {"bytes", offsetof(struct remote_streams, bytes), 0, REMOTE_COUNT_MAX},
    {"duration_ns", offsetof(struct remote_streams, duration_ns), NS_PER_S / 10, REMOTE_DURATION_MAX},
    {"gso", offsetof(struct remote_streams, gso), 0, TRAFFIC_GSO_MAX},
    {"threads", offsetof(struct remote_streams, threads), 0, TRAFFIC_SERVER_PORTS},
    {"txtime", offsetof(struct remote_streams, txtime), TRAFFIC_TXTIME_AUTO, TRAFFIC_TXTIME_OFF},
    {"source_port", offsetof(struct remote_streams, source_port), TRAFFIC_SOURCE_FIRST,
     TRAFFIC_SOURCE_END - 1},
    {"seed", offsetof(struct remote_streams, seed), 0, INT64_MAX},
    {"dscp", offsetof(struct remote_streams, dscp), 0, 63},
    {"ttl", offsetof(struct remote_streams, ttl), 0, 255},
    {"flow_label", offsetof(struct remote_streams, flow_label), 0, 0xfffff},
    {"mss", offsetof(struct remote_streams, mss), 0, 65495},
    {"nagle", offsetof(struct remote_streams, nagle), 0, 1},
};

enum { FIELDS = sizeof fields / sizeof *fields };

static int64_t *field_of(struct remote_streams *streams, size_t field) {
    return (int64_t *)(void *)((char *)streams + fields[field].offset);
}

void remote_streams_free(struct remote_streams *streams) {
    free(streams->length_histogram);
    free(streams->gap_histogram);
    streams->length_histogram = streams->gap_histogram = NULL;
}

/* What goes together and what does not. */
static int check_whole(const struct remote_streams *streams, struct error *error) {
    const bool tcp = streams->protocol == PROTOCOL_TCP;
    const bool random = streams->gap_law != TRAFFIC_LAW_CONSTANT || streams->burst > 0;
    const bool requests = streams->response > 0;
    const struct {
        bool bad;
        const char *why;
    } checks[] = {
        {!tcp && streams->protocol != PROTOCOL_UDP, "streams are of TCP or UDP"},
        {streams->family == 5, "streams are of IPv4 or IPv6"},
        {streams->packets != 0 && (streams->bytes != 0 || (tcp && !requests)),
         "a number of packets is for UDP and for requests, and not beside a number of bytes"},
        {streams->bytes != 0 && requests,
         "requests are numbered, not measured in bytes: give a number of packets"},
        {requests && streams->direction != REMOTE_FORWARD,
         "requests go one way and responses the other: 'reverse' and 'both' say nothing then"},
        {requests && !tcp && (streams->response < TRAFFIC_RESPONSE_SIZE || streams->response > LENGTH_MAX),
         "a response of UDP has 48 to 65507 bytes"},
        {tcp && random && !requests, "random gaps and bursts are for datagrams and requests"},
        {random && streams->gap_ns == 0, "random gaps and bursts need a rate"},
        {tcp && streams->length_law != TRAFFIC_LAW_CONSTANT, "TCP has no random lengths"},
        {streams->length_law != TRAFFIC_LAW_CONSTANT &&
             (streams->length_min < TRAFFIC_DATAGRAM_SIZE || streams->length_min > streams->length),
         "random lengths need a range of at least 32 bytes"},
        {streams->length_law != TRAFFIC_LAW_CONSTANT && streams->length_mean != 0 &&
             (streams->length_mean < streams->length_min || streams->length_mean > streams->length),
         "the mean of the lengths lies outside of their range"},
        {(streams->length_law == TRAFFIC_LAW_HISTOGRAM) != (streams->length_histogram != NULL) ||
             (streams->gap_law == TRAFFIC_LAW_HISTOGRAM) != (streams->gap_histogram != NULL),
         "a distribution without its histogram, or a histogram without"},
        {streams->gap_law == TRAFFIC_LAW_NORMAL && streams->gap_shape > REMOTE_MILLIONTHS / 2,
         "normal gaps with a shape above 0.5 would be below 0"},
        {streams->burst > 0 && streams->burst_gap_ns > streams->gap_ns,
         "the gap in a burst is longer than the mean gap"},
        {streams->flow_label != 0 && streams->family == 4, "only IPv6 has flow labels"},
        {!tcp && (streams->mss != 0 || streams->nagle != 0 || streams->congestion[0] != '\0'),
         "congestion control, MSS and Nagle's algorithm are TCP's"},
        {streams->txtime == TRAFFIC_TXTIME_ON && (tcp || requests || streams->gap_ns == 0),
         "launch times (txtime on) are for UDP with a rate, and not for requests"},
        {streams->mss != 0 && streams->mss < 88, "the MSS is 88 at least"},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (checks[i].bad) {
            return error_set(error, -EINVAL, "%s", checks[i].why);
        }
    }
    return 0;
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
    return check_whole(streams, error);
}

/* 'histogram' as [[low, high, weight], ...]; weights are told to a billionth of the largest. */
static json_t *write_histogram(const struct traffic_empirical *histogram) {
    json_t *bins = json_array();
    double largest = 0;
    for (size_t i = 0; i < histogram->count; i++) {
        largest = fmax(largest, histogram->bins[i].weight);
    }
    for (size_t i = 0; i < histogram->count; i++) {
        const struct traffic_empirical_bin *bin = &histogram->bins[i];
        int64_t weight = llround(bin->weight / largest * (double)WEIGHT_MAX);
        json_array_append_new(bins, json_pack("[I, I, I]", (json_int_t)bin->low, (json_int_t)bin->high,
                                              (json_int_t)(weight < 1 ? 1 : weight)));
    }
    return bins;
}

/* Reads the histogram 'name' of 'object', if there is one. */
static int read_histogram(const json_t *object, const char *name, struct traffic_empirical **made,
                          struct error *error) {
    const json_t *bins = json_object_get(object, name);
    size_t count = json_array_size(bins), bad;
    *made = NULL;
    if (bins == NULL) {
        return 0;
    }
    if (count == 0 || count > REMOTE_HISTOGRAM_BINS) {
        return error_set(error, -EPROTO, "the other end's '%s' has not 1 to %d bins", name,
                         REMOTE_HISTOGRAM_BINS);
    }
    struct traffic_empirical *histogram = calloc(1, sizeof *histogram);
    if (histogram == NULL) {
        return error_set(error, -ENOMEM, "no memory for a histogram");
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *bin = json_array_get(bins, i);
        json_int_t weight = json_integer_value(json_array_get(bin, 2));
        histogram->bins[i] =
            (struct traffic_empirical_bin){.low = json_integer_value(json_array_get(bin, 0)),
                                           .high = json_integer_value(json_array_get(bin, 1)),
                                           .weight = weight > 0 && weight <= WEIGHT_MAX ? (double)weight : 0};
    }
    histogram->count = count;
    if (traffic_empirical_finish(histogram, &bad) != 0) {
        free(histogram);
        return error_set(error, -EPROTO, "the other end's '%s' is no histogram", name);
    }
    *made = histogram;
    return 0;
}

json_t *remote_streams_write(const struct remote_streams *streams) {
    struct remote_streams copy = *streams;
    json_t *object = json_object();
    bool good = object != NULL;
    for (size_t i = 0; i < FIELDS && good; i++) {
        good = json_object_set_new(object, fields[i].name, json_integer(*field_of(&copy, i))) == 0;
    }
    good = good && json_object_set_new(object, "congestion", json_string(streams->congestion)) == 0;
    if (good && streams->length_histogram != NULL) {
        good =
            json_object_set_new(object, "length_histogram", write_histogram(streams->length_histogram)) == 0;
    }
    if (good && streams->gap_histogram != NULL) {
        good = json_object_set_new(object, "gap_histogram", write_histogram(streams->gap_histogram)) == 0;
    }
    if (!good) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* A name of the kernel's: letters, digits, '_' and '-'. */
static int read_congestion(const json_t *object, struct remote_streams *streams, struct error *error) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const char *name = json_string_value(json_object_get(object, "congestion"));
    if (name == NULL || strlen(name) >= sizeof streams->congestion || strspn(name, letters) != strlen(name)) {
        return error_set(error, -EPROTO, "the other end's 'congestion' is no name of a congestion control");
    }
    memcpy(streams->congestion, name, strlen(name) + 1);
    return 0;
}

int remote_streams_read(const json_t *object, struct remote_streams *streams, struct error *error) {
    *streams = (struct remote_streams){0};
    int failure = 0;
    for (size_t i = 0; i < FIELDS && failure == 0; i++) {
        failure = remote_take_integer(object, fields[i].name, fields[i].minimum, fields[i].maximum,
                                      field_of(streams, i), error);
    }
    failure = failure != 0 ? failure : read_congestion(object, streams, error);
    failure = failure != 0 ? failure
                           : read_histogram(object, "length_histogram", &streams->length_histogram, error);
    failure =
        failure != 0 ? failure : read_histogram(object, "gap_histogram", &streams->gap_histogram, error);
    return failure != 0 ? failure : remote_streams_check(streams, error);
}
