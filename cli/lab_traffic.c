#include "cli/lab_traffic.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/say.h"
#include "common/clock.h"
#include "daemon/control.h"
#include "daemon/lab.h"
#include "daemon/run_dir.h"
#include "topo/topo.h"
#include "traffic/text.h"
#include "traffic/traffic.h"

static volatile sig_atomic_t stop_asked;

static void on_signal(int signal) {
    (void)signal;
    stop_asked = 1;
}

static void catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* On a terminal the heading comes again now and then; in a pipe there are no lines at all. */
static void show_second(const struct traffic_progress *progress, void *context) {
    unsigned int *lines = context;
    char line[TRAFFIC_LINE_SIZE];
    if (isatty(STDERR_FILENO)) {
        if ((*lines)++ % 20 == 0) {
            fprintf(stderr, "%s\n", traffic_text_heading());
        }
        fprintf(stderr, "%s\n", traffic_text_progress(progress, line));
    }
}

/* --- handing over --- */

static int send_run(int fd, const struct lab_traffic *settings, const struct traffic_plan *plan,
                    const struct traffic_result *result) {
    struct control_request request = {.kind = CONTROL_TRAFFIC_RUN};
    struct traffic_run_row *run = &request.run;
    snprintf(run->profile, sizeof run->profile, "%s", settings->profile);
    run->seed = (int64_t)plan->seed;
    run->started_ns = result->started_ns;
    run->ended_ns = result->ended_ns;
    snprintf(run->settings, sizeof run->settings,
             "{\"duration_ns\": %" PRId64 ", \"scale\": %g, \"stopped\": %s, \"socket_drops\": %" PRId64 "}",
             plan->duration_ns, plan->scale, result->stopped ? "true" : "false", result->socket_drops);
    return control_send(fd, &request);
}

static int send_interval(int fd, const struct traffic_interval *interval) {
    struct control_request request = {.kind = CONTROL_TRAFFIC_INTERVAL,
                                      .interval = {.start_ns = interval->start_ns,
                                                   .end_ns = interval->end_ns,
                                                   .sent_packets = interval->sent_packets,
                                                   .sent_bytes = interval->sent_bytes,
                                                   .received_packets = interval->received_packets,
                                                   .received_bytes = interval->received_bytes}};
    return control_send(fd, &request);
}

static int send_flow(int fd, const struct traffic_flow_result *flow) {
    struct control_request request = {.kind = CONTROL_TRAFFIC_FLOW};
    request.flow = (struct traffic_flow_row){
        .number = flow->number,
        .key = flow->key,
        .sent_packets = flow->sent_packets,
        .sent_bytes = flow->sent_bytes,
        .received_packets = flow->received_packets,
        .received_bytes = flow->received_bytes,
        .lost = flow->lost,
        .duplicated = flow->duplicated,
        .reordered = flow->reordered,
        .owd_min_ns = flow->owd_min_ns,
        .owd_p50_ns = flow->owd_p50_ns,
        .owd_p90_ns = flow->owd_p90_ns,
        .owd_p99_ns = flow->owd_p99_ns,
        .owd_p999_ns = flow->owd_p999_ns,
        .owd_max_ns = flow->owd_max_ns,
        .jitter_ns = flow->jitter_ns,
        .pdv_p50_ns = flow->pdv_p50_ns,
        .pdv_p99_ns = flow->pdv_p99_ns,
    };
    memcpy(request.flow.failed, flow->failed, sizeof request.flow.failed);
    return control_send(fd, &request);
}

static int send_histogram(int fd, const struct histogram *histogram) {
    int code = 0;
    for (size_t i = 0; code == 0 && histogram->bins != NULL && i < HISTOGRAM_BINS; i++) {
        if (histogram->bins[i] != 0) {
            struct control_request request = {
                .kind = CONTROL_TRAFFIC_HISTOGRAM,
                .histogram = {.low_ns = histogram_bin_low(i),
                              .high_ns = histogram_bin_low(i) + histogram_bin_width(i),
                              .count = histogram->bins[i]}};
            code = control_send(fd, &request);
        }
    }
    return code;
}

static int hand_over(const struct lab_traffic *settings, const struct traffic_plan *plan,
                     const struct traffic_result *result) {
    struct run_dir dir = run_dir_of(settings->prefix);
    int fd = control_connect(dir.control);
    if (fd < 0) {
        return fd;
    }
    int code = send_run(fd, settings, plan, result);
    for (size_t i = 0; code == 0 && i < result->interval_count; i++) {
        code = send_interval(fd, &result->intervals[i]);
    }
    for (size_t i = 0; code == 0 && i < result->flow_count; i++) {
        code = send_flow(fd, &result->flows[i]);
    }
    code = code == 0 ? send_histogram(fd, &result->owd) : code;
    code = code == 0 ? control_end(fd) : code;
    close(fd);
    return code;
}

/* --- showing --- */

static json_t *number_or_null(int64_t value) {
    return value == TRAFFIC_NONE ? json_null() : json_integer(value);
}

static json_t *flow_as_json(const struct traffic_flow_result *flow) {
    char name[PROTOCOL_NAME_SIZE];
    json_t *json = json_pack("{s:i, s:s, s:i, s:i, s:I, s:I}", "number", (int)flow->number, "protocol",
                             flow_key_protocol_name(&flow->key, name), "sport", flow->key.sport, "dport",
                             flow->key.dport, "sent_bytes", (json_int_t)flow->sent_bytes, "received_bytes",
                             (json_int_t)flow->received_bytes);
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        {"sent_packets", flow->sent_packets},
        {"received_packets", flow->received_packets},
        {"lost", flow->lost},
        {"duplicated", flow->duplicated},
        {"reordered", flow->reordered},
        {"owd_min_ns", flow->owd_min_ns},
        {"owd_p50_ns", flow->owd_p50_ns},
        {"owd_p99_ns", flow->owd_p99_ns},
        {"owd_max_ns", flow->owd_max_ns},
        {"jitter_ns", flow->jitter_ns},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        json_object_set_new(json, numbers[i].name, number_or_null(numbers[i].value));
    }
    json_object_set_new(json, "failed", flow->failed[0] == '\0' ? json_null() : json_string(flow->failed));
    return json;
}

static void print_json(const struct traffic_plan *plan, const struct traffic_result *result) {
    json_t *flows = json_array();
    for (size_t i = 0; i < result->flow_count; i++) {
        json_array_append_new(flows, flow_as_json(&result->flows[i]));
    }
    json_t *json = json_pack(
        "{s:s, s:I, s:f, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "profile", plan->profile->name,
        "seed", (json_int_t)plan->seed, "seconds", (double)(result->ended_ns - result->started_ns) / 1e9,
        "stopped", result->stopped, "sent_packets", (json_int_t)result->sum.sent_packets, "sent_bytes",
        (json_int_t)result->sum.sent_bytes, "received_packets", (json_int_t)result->sum.received_packets,
        "received_bytes", (json_int_t)result->sum.received_bytes, "lost", (json_int_t)result->lost,
        "duplicated", (json_int_t)result->duplicated, "reordered", (json_int_t)result->reordered,
        "failed_flows", (json_int_t)result->failed_flows, "flows", flows);
    json_dumpf(json, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(json);
}

static void show_result(const struct lab_traffic *settings, const struct traffic_plan *plan,
                        const struct traffic_result *result) {
    char text[2048];
    char line[TRAFFIC_LINE_SIZE * 2];
    if (settings->json) {
        print_json(plan, result);
        return;
    }
    FILE *out = settings->quiet ? stderr : stdout;
    fputs(traffic_text_summary(result, text, sizeof text), out);
    bool heading = false;
    for (size_t i = 0; i < result->flow_count; i++) {
        if (settings->per_flow || result->flows[i].failed[0] != '\0') {
            if (!heading) {
                fprintf(out, "%s\n", traffic_text_flow_heading());
                heading = true;
            }
            fprintf(out, "%s\n", traffic_text_flow(&result->flows[i], line));
        }
    }
}

/* --- running --- */

uint64_t lab_traffic_new_seed(void) {
    /* Short enough to type again. */
    return (uint64_t)(clock_real_ns() / NS_PER_MS + getpid()) % 1000000;
}

static int drive(const struct lab_traffic *settings, const struct traffic_plan *plan, const int netns[2],
                 struct traffic_result *result, struct error *error) {
    struct identity identity;
    unsigned int lines = 0;
    int code = privilege_find_user(&identity, error);
    struct traffic_settings traffic = {
        .plan = plan,
        .identity = &identity,
        .stop = &stop_asked,
        .on_interval = show_second,
        .context = &lines,
    };
    struct ip_address addresses[2][2];
    for (unsigned i = 0; i < 2; i++) {
        topo_host_address(i + 1, 0, &addresses[i][0], &addresses[i][1]);
        *(i == 0 ? &traffic.client : &traffic.server) = (struct traffic_host){
            .netns_fd = netns[i], .addresses = {&addresses[i][0], &addresses[i][1]}, .address_count = 1};
    }
    struct traffic_load load = traffic_plan_load(plan);
    say_step("%s: %zu flows in %.0f s, about %.0f packets/s and %.1f Mbit/s (seed %" PRIu64 ")",
             settings->profile, plan->count, (double)plan->duration_ns / 1e9, load.mean_pps,
             load.mean_bps / 1e6, plan->seed);
    return code == 0 ? traffic_run(&traffic, result, error) : code;
}

int lab_traffic_run(const struct lab_traffic *settings, struct error *error) {
    const struct traffic_profile *profile =
        settings->shape != NULL ? settings->shape : traffic_profile_find(settings->profile);
    if (profile == NULL) {
        return error_set(error, -EINVAL, "there is no profile '%s'; 'nsmon traffic --list' shows them",
                         settings->profile);
    }
    catch_signals();
    int lab_fd = lab_join(settings->prefix, error);
    if (lab_fd < 0) {
        return lab_fd;
    }
    struct traffic_plan plan = {0};
    struct traffic_result result = {0};
    int netns[2] = {-1, -1};
    int code = traffic_plan_make(&plan, profile,
                                 &(struct traffic_plan_settings){.duration_ns = settings->duration_ns,
                                                                 .scale = settings->scale,
                                                                 .seed = settings->seed,
                                                                 .flows = settings->flows},
                                 error);
    for (unsigned i = 0; code == 0 && i < 2; i++) {
        netns[i] = topo_namespace_open(settings->prefix, i + 1, error);
        code = netns[i] < 0 ? netns[i] : 0;
    }
    code = code == 0 ? drive(settings, &plan, netns, &result, error) : code;
    if (result.flow_count > 0) {
        int handed = hand_over(settings, &plan, &result);
        if (handed != 0 && code == 0) {
            code = error_set(error, handed, "the result was not taken into the lab's session: %s",
                             strerror(-handed));
        }
        show_result(settings, &plan, &result);
    }
    for (size_t i = 0; i < 2; i++) {
        if (netns[i] >= 0) {
            close(netns[i]);
        }
    }
    close(lab_fd);
    traffic_result_free(&result);
    traffic_plan_free(&plan);
    return code;
}

int lab_traffic_run_all(const struct lab_traffic *runs, size_t count, struct error *error) {
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++) {
        code = lab_traffic_run(&runs[i], error);
    }
    return code;
}
