/* Drives a profile between two namespaces and prints what each flow came to, tab separated: for the lab tests
 * of traffic/ and for measuring by hand.
 *
 * traffic_drive CLIENT_NETNS SERVER_NETNS CLIENT4 SERVER4 CLIENT6 SERVER6 PROFILE SECONDS SCALE SEED [FLOWS]
 * A namespace is a path, or "-" for this one.
 *
 * traffic_drive plan PROFILE SECONDS SCALE SEED
 * only prints number, protocol, IP version, source port, packets and largest payload of each flow. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "traffic/text.h"

static volatile sig_atomic_t stop;

static void on_signal(int number) {
    (void)number;
    stop = 1;
}

static void on_interval(const struct traffic_progress *progress, void *context) {
    (void)context;
    char line[TRAFFIC_LINE_SIZE];
    if (progress->elapsed_ns < 3 * NS_PER_S / 2) {
        fprintf(stderr, "%s\n", traffic_text_heading(progress));
    }
    fprintf(stderr, "%s\n", traffic_text_progress(progress, line));
}

static int open_netns(const char *path) {
    int fd = strcmp(path, "-") == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && strcmp(path, "-") != 0) {
        perror(path);
        exit(1);
    }
    return fd;
}

static void print_flows(const struct traffic_result *result) {
    char text[FLOW_KEY_TEXT_SIZE], protocol[PROTOCOL_NAME_SIZE];
    for (size_t i = 0; i < result->flow_count; i++) {
        const struct traffic_flow_result *flow = &result->flows[i];
        printf("%s\t%u\t%u\t%u", flow_key_protocol_name(&flow->key, protocol), flow->key.family,
               flow->key.sport, flow->key.dport);
        const int64_t numbers[] = {flow->planned_packets,  flow->sent_packets,   flow->sent_bytes,
                                   flow->received_packets, flow->received_bytes, flow->lost,
                                   flow->duplicated,       flow->reordered,      flow->reorder_extent,
                                   flow->retransmitted,    flow->owd_p50_ns,     flow->jitter_ns};
        for (size_t j = 0; j < sizeof numbers / sizeof *numbers; j++) {
            if (numbers[j] == TRAFFIC_NONE) {
                printf("\t-");
            } else {
                printf("\t%" PRId64, numbers[j]);
            }
        }
        printf("\t%s\t%s\n", flow_key_format(&flow->key, text), flow->failed);
    }
}

/* What SECONDS SCALE SEED [FLOWS] ask for. */
static struct traffic_plan_settings plan_settings(char *argv[]) {
    return (struct traffic_plan_settings){.duration_ns = (int64_t)(atof(argv[0]) * 1e9),
                                          .scale = atof(argv[1]),
                                          .seed = strtoull(argv[2], NULL, 0),
                                          .flows = argv[3] == NULL ? 0 : strtoull(argv[3], NULL, 0)};
}

static int print_plan(char *argv[]) {
    struct traffic_plan plan = {0};
    struct error error = {.text = ""};
    const struct traffic_profile *profile = traffic_profile_find(argv[2]);
    struct traffic_plan_settings planned = plan_settings(argv + 3);
    if (profile == NULL || traffic_plan_make(&plan, profile, &planned, &error) != 0) {
        fprintf(stderr, "%s\n", profile == NULL ? "no such profile" : error.text);
        return 2;
    }
    for (size_t i = 0; i < plan.count; i++) {
        const struct traffic_flow *flow = &plan.flows[i];
        printf("%u\t%s\t%u\t%u\t%" PRIu64 "\t%u\n", flow->number,
               flow->protocol == PROTOCOL_TCP ? "tcp" : "udp", flow->family, flow->sport, flow->packets,
               flow->payload_max);
    }
    traffic_plan_free(&plan);
    return 0;
}

int main(int argc, char *argv[]) {
    if (argc == 6 && strcmp(argv[1], "plan") == 0) {
        return print_plan(argv);
    }
    if (argc != 11 && argc != 12) {
        fprintf(stderr, "usage: see the head of traffic_drive.c\n");
        return 2;
    }
    struct error error = {.text = ""};
    struct traffic_plan plan = {0};
    struct identity identity;
    const struct traffic_profile *profile = traffic_profile_find(argv[7]);
    struct traffic_settings settings = {.plan = &plan, .stop = &stop, .on_interval = on_interval};
    struct traffic_plan_settings planned = plan_settings(argv + 8);
    struct ip_address addresses[4];
    if (profile == NULL || privilege_find_user(&identity, &error) != 0 ||
        ip_address_parse(argv[3], &addresses[0], &error) != 0 ||
        ip_address_parse(argv[4], &addresses[1], &error) != 0 ||
        ip_address_parse(argv[5], &addresses[2], &error) != 0 ||
        ip_address_parse(argv[6], &addresses[3], &error) != 0 ||
        traffic_plan_make(&plan, profile, &planned, &error) != 0) {
        fprintf(stderr, "%s\n", profile == NULL ? "no such profile" : error.text);
        return 2;
    }
    settings.client = (struct traffic_host){
        .netns_fd = open_netns(argv[1]), .addresses = {&addresses[0], &addresses[2]}, .address_count = 1};
    settings.server = (struct traffic_host){
        .netns_fd = open_netns(argv[2]), .addresses = {&addresses[1], &addresses[3]}, .address_count = 1};
    settings.identity = &identity;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    struct traffic_load load = traffic_plan_load(&plan);
    fprintf(stderr, "plan: %zu flows, %" PRIu64 " packets, mean %.0f/s, peak %.0f/s, %.1f Mbit/s\n",
            plan.count, load.packets, load.mean_pps, load.peak_pps, load.mean_bps / 1e6);
    struct traffic_result result;
    int failure = traffic_run(&settings, &result, &error);
    char text[1024];
    fprintf(stderr, "%s%s%s", failure == 0 ? "" : error.text, failure == 0 ? "" : "\n",
            traffic_text_summary(&result, text, sizeof text));
    fprintf(stderr,
            "cpu: client %.3f s, server %.3f s; late us: p50 %.1f p99 %.1f max %.1f; foreign %" PRId64
            ", socket drops %" PRId64 "\n",
            (double)result.client_cpu_ns / 1e9, (double)result.server_cpu_ns / 1e9,
            (double)result.late_p50_ns / 1e3, (double)result.late_p99_ns / 1e3,
            (double)result.late_max_ns / 1e3, result.foreign, result.socket_drops);
    fprintf(stderr, "greetings: %" PRId64 " sent, %" PRId64 " received\n", result.greetings_sent,
            result.greetings_received);
    fprintf(stderr, "responses: %" PRIu64 " timed\n", result.response_times.count);
    print_flows(&result);
    size_t failed = result.failed_flows;
    traffic_result_free(&result);
    traffic_plan_free(&plan);
    return failure != 0 || failed != 0 ? 1 : 0;
}
