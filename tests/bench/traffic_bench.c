/* Drives alike streams from one namespace to another, and prints in one line what came of them: what the
 * benchmarks of traffic/ measure.
 *
 * traffic_bench CLIENT_NETNS SERVER_NETNS CLIENT4 SERVER4 udp|tcp [NAME=VALUE...]
 * A namespace is a path, or "-" for this one.  Names: pps (0: as fast as it goes), length (bytes), seconds,
 * streams, gso (datagrams of a super-frame), spin (percent, -1 none), threads, burst (packets of a burst),
 * gaps (enum traffic_law), dscp, response (bytes; the next request of a fast stream waits for it), txtime (as
 * enum traffic_txtime has it: 0 auto, 1 on, 2 off, 3 blind). */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/text.h"

static int open_netns(const char *path) {
    int fd = strcmp(path, "-") == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && strcmp(path, "-") != 0) {
        perror(path);
        exit(2);
    }
    return fd;
}

/* The value of 'name' among 'words', or 'otherwise'. */
static double value_of(char *const words[], const char *name, double otherwise) {
    size_t size = strlen(name);
    for (; *words != NULL; words++) {
        if (strncmp(*words, name, size) == 0 && (*words)[size] == '=') {
            return atof(*words + size + 1);
        }
    }
    return otherwise;
}

static void print(const struct traffic_result *result, double seconds) {
    const struct traffic_interval *sum = &result->sum;
    double got = (double)sum->received_packets;
    printf("sent=%" PRId64 " received=%" PRId64 " lost=%" PRId64 " drops=%" PRId64 " duplicated=%" PRId64
           " reordered=%" PRId64 " ",
           sum->sent_packets, sum->received_packets, result->lost, result->socket_drops, result->duplicated,
           result->reordered);
    printf("sent_pps=%.0f pps=%.0f mbps=%.1f ", (double)sum->sent_packets / seconds, got / seconds,
           (double)sum->received_bytes * 8 / seconds / 1e6);
    printf("owd_p50_us=%.1f owd_p99_us=%.1f late_p50_us=%.1f late_p99_us=%.1f late=%" PRId64 " ",
           (double)histogram_quantile(&result->owd, 0.5) / 1e3,
           (double)histogram_quantile(&result->owd, 0.99) / 1e3, (double)result->late_p50_ns / 1e3,
           (double)result->late_p99_ns / 1e3, result->late_packets);
    const char *pacing = traffic_text_pacing(result->pacing[0]);
    printf("send_batch=%" PRId64 " receive_batch=%" PRId64 " client_cpu=%.3f server_cpu=%.3f failed=%zu ",
           result->send_batch_max, result->receive_batch_max, (double)result->client_cpu_ns / 1e9,
           (double)result->server_cpu_ns / 1e9, result->failed_flows);
    printf("responses=%" PRIu64 " response_p50_us=%.1f response_p99_us=%.1f ", result->response_times.count,
           (double)histogram_quantile(&result->response_times, 0.5) / 1e3,
           (double)histogram_quantile(&result->response_times, 0.99) / 1e3);
    printf("owd_min_us=%.1f owd_max_us=%.1f negative=%" PRIu64 " pacing=%s\n",
           result->owd.count == 0 ? 0 : (double)result->owd.min / 1e3,
           result->owd.count == 0 ? 0 : (double)result->owd.max / 1e3, result->owd.negative,
           pacing == NULL ? "none" : pacing);
}

/* Sent = received + lost holds for every flow; says where it does not.  Returns how many those are. */
static int count_wrong(const struct traffic_result *result) {
    int wrong = 0;
    for (size_t i = 0; i < result->flow_count; i++) {
        const struct traffic_flow_result *flow = &result->flows[i];
        if (flow->failed[0] != '\0' && wrong++ < 3) {
            fprintf(stderr, "flow %zu: %s\n", i, flow->failed);
        }
        if (flow->sent_packets != TRAFFIC_NONE && (flow->lost < 0 || flow->received_packets < 0)) {
            fprintf(stderr, "flow %zu: %" PRId64 " lost\n", i, flow->lost);
            wrong++;
        }
    }
    return wrong;
}

int main(int argc, char *argv[]) {
    if (argc < 6) {
        fprintf(stderr, "usage: see the head of traffic_bench.c\n");
        return 2;
    }
    char *const *words = argv + 6;
    double seconds = value_of(words, "seconds", 3);
    double pps = value_of(words, "pps", 0);
    uint16_t length = (uint16_t)value_of(words, "length", 64);
    struct traffic_group group = {.protocol = strcmp(argv[5], "tcp") == 0 ? PROTOCOL_TCP : PROTOCOL_UDP,
                                  .family = 4,
                                  .count = (uint32_t)value_of(words, "streams", 1),
                                  .payload_min = length,
                                  .payload_max = length,
                                  .arrivals = TRAFFIC_ARRIVALS_TOGETHER,
                                  .response_min = (uint32_t)value_of(words, "response", 0),
                                  .response_max = (uint32_t)value_of(words, "response", 0),
                                  .burst_packets = (uint32_t)value_of(words, "burst", 0),
                                  .gaps = (uint8_t)value_of(words, "gaps", TRAFFIC_LAW_CONSTANT),
                                  .dscp = (uint8_t)value_of(words, "dscp", 0),
                                  .pps = pps,
                                  .fast = pps <= 0};
    struct traffic_profile profile = {.name = "bench",
                                      .summary = "",
                                      .duration_ns = (int64_t)(seconds * 1e9),
                                      .groups = &group,
                                      .group_count = 1};
    struct traffic_plan plan;
    struct traffic_plan_settings planned = {.seed = 1};
    struct error error = {.text = ""};
    struct ip_address client, server;
    struct identity identity;
    if (privilege_find_user(&identity, &error) != 0 || ip_address_parse(argv[3], &client, &error) != 0 ||
        ip_address_parse(argv[4], &server, &error) != 0 ||
        traffic_plan_make(&plan, &profile, &planned, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        return 2;
    }
    struct traffic_settings settings = {
        .plan = &plan,
        .tuning = {.gso = (unsigned int)value_of(words, "gso", 0),
                   .spin = (int)value_of(words, "spin", 0),
                   .threads = (unsigned int)value_of(words, "threads", 0),
                   .txtime = (enum traffic_txtime)value_of(words, "txtime", TRAFFIC_TXTIME_AUTO)},
        .client = {.netns_fd = open_netns(argv[1]), .addresses = {&client}, .address_count = 1},
        .server = {.netns_fd = open_netns(argv[2]), .addresses = {&server}, .address_count = 1},
        .identity = geteuid() == 0 ? &identity : NULL,
    };
    struct traffic_result result;
    int failure = traffic_run(&settings, &result, &error);
    if (failure != 0) {
        fprintf(stderr, "%s\n", error.text);
    } else {
        print(&result, seconds);
        failure = count_wrong(&result);
    }
    traffic_result_free(&result);
    traffic_plan_free(&plan);
    return failure == 0 ? 0 : 1;
}
