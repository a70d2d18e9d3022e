/* Whole runs of traffic over the loopback interface, without root. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "traffic/traffic.h"

static const struct ip_address loopback4 = {.family = 4, .bytes = {127, 0, 0, 1}};
static const struct ip_address loopback6 = {.family = 6, .bytes = {[15] = 1}};

/* True if a socket can be bound to 'address' and 'port'. */
static int try_bind(const struct ip_address *address, uint16_t port) {
    struct sockaddr_storage name;
    socklen_t size = ip_address_to_sockaddr(address, port, &name);
    int fd = socket(address->family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&name, size) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Settings for 'plan' over loopback; IPv6 only where there is some. */
static struct traffic_settings settings_for(const struct traffic_plan *plan) {
    struct traffic_host host = {.netns_fd = -1, .addresses = {&loopback4}, .address_count = 1};
    int fd = try_bind(&loopback6, 0);
    if (fd >= 0) {
        close(fd);
        host.addresses[1] = &loopback6;
    }
    return (struct traffic_settings){.plan = plan, .client = host, .server = host};
}

static struct traffic_plan quick_plan(int64_t duration_ns, double scale, uint64_t seed) {
    struct traffic_plan plan;
    struct traffic_plan_settings settings = {.duration_ns = duration_ns, .scale = scale, .seed = seed};
    assert_int_equal(traffic_plan_make(&plan, traffic_profile_find("quick"), &settings, NULL), 0);
    return plan;
}

/* Every flow complete and exact; a family without addresses says so. */
static void check_exact(const struct traffic_result *result, const struct traffic_settings *settings) {
    int64_t packets = 0, bytes = 0, retransmitted = 0;
    for (size_t i = 0; i < result->flow_count; i++) {
        const struct traffic_flow_result *flow = &result->flows[i];
        if (flow->key.family == 6 && settings->server.addresses[1] == NULL) {
            assert_non_null(strstr(flow->failed, "no address"));
            continue;
        }
        assert_string_equal(flow->failed, "");
        assert_int_equal(flow->sent_bytes, flow->received_bytes);
        bytes += flow->sent_bytes;
        if (flow->key.protocol == PROTOCOL_UDP) {
            assert_int_equal(flow->sent_packets, flow->planned_packets);
            assert_int_equal(flow->received_packets, flow->planned_packets);
            assert_int_equal(flow->lost, 0);
            assert_true(flow->owd_min_ns <= flow->owd_p50_ns && flow->owd_p50_ns <= flow->owd_max_ns);
            packets += flow->sent_packets;
        } else {
            assert_int_equal(flow->sent_bytes, flow->planned_bytes);
            assert_int_equal(flow->lost, TRAFFIC_NONE);
            assert_true(flow->rtt_min_ns > 0 && flow->rtt_min_ns <= flow->rtt_max_ns);
            assert_true(flow->rtt_ns <= flow->rtt_max_ns && flow->rtt_mean_ns <= flow->rtt_max_ns);
            assert_true(flow->cwnd_max_bytes >= 10 * 536);
            retransmitted += flow->retransmitted;
        }
    }
    assert_int_equal(result->sum.sent_packets, packets);
    assert_int_equal(result->sum.received_packets, packets);
    assert_int_equal(result->sum.sent_bytes, bytes);
    assert_int_equal(result->owd.count, packets);
    assert_int_equal(result->retransmitted, retransmitted);
}

/* Every flow of TCP has a row for each interval from its first look to its end, and they sum to what it came
 * to.
 */
static void check_rows(const struct traffic_result *result) {
    int64_t sum = 0, looks = 0;
    for (size_t i = 0; i < result->flow_count; i++) {
        const struct traffic_flow_result *flow = &result->flows[i];
        int64_t own = 0, end_ns = 0;
        for (size_t r = 0; r < result->tcp.row_count; r++) {
            const struct traffic_tcp_row *row = &result->tcp.rows[r];
            if (row->flow == i) {
                assert_int_equal(flow->key.protocol, PROTOCOL_TCP);
                assert_true(end_ns == 0 || row->start_ns == end_ns);
                end_ns = row->end_ns;
                own += row->tcp.retransmitted;
            }
        }
        assert_true((end_ns > 0) == (flow->rtt_ns != TRAFFIC_NONE));
        assert_int_equal(own, flow->retransmitted == TRAFFIC_NONE ? 0 : flow->retransmitted);
    }
    for (size_t i = 0; i < result->interval_count; i++) {
        sum += result->intervals[i].tcp.retransmitted;
        looks += result->intervals[i].tcp.flows;
    }
    assert_int_equal(sum, result->retransmitted);
    assert_int_equal(looks, result->tcp.row_count);
    assert_true(looks > 0);
}

static void count_interval(const struct traffic_progress *progress, void *context) {
    (*(int *)context)++;
    assert_true(progress->last.end_ns > progress->last.start_ns);
}

static void every_flow_arrives_whole_and_intervals_sum_to_the_run(void **state) {
    (void)state;
    struct traffic_plan plan = quick_plan(1500 * NS_PER_MS, 1, (uint64_t)getpid());
    struct traffic_settings settings = settings_for(&plan);
    struct traffic_result result;
    struct error error = {.text = ""};
    int intervals = 0;
    settings.on_interval = count_interval;
    settings.context = &intervals;
    assert_int_equal(traffic_run(&settings, &result, &error), 0);
    check_exact(&result, &settings);
    assert_int_equal(intervals, result.interval_count);
    assert_true(intervals >= 2);
    int64_t sent = 0, received = 0, bytes = 0;
    for (size_t i = 0; i < result.interval_count; i++) {
        sent += result.intervals[i].sent_packets;
        received += result.intervals[i].received_packets;
        bytes += result.intervals[i].received_bytes;
        assert_int_equal(result.intervals[i].start_ns,
                         i == 0 ? result.started_ns : result.intervals[i - 1].end_ns);
    }
    assert_int_equal(sent, result.sum.sent_packets);
    assert_int_equal(received, result.sum.received_packets);
    assert_int_equal(bytes, result.sum.received_bytes);
    check_rows(&result);
    traffic_result_free(&result);
    traffic_plan_free(&plan);
}

/* The same plan, so the same 5-tuples, straight after the other: no port may be held by the run before. */
static void same_plan_runs_twice_in_a_row(void **state) {
    (void)state;
    struct traffic_plan plan = quick_plan(300 * NS_PER_MS, 1, (uint64_t)getpid() + 1);
    struct traffic_settings settings = settings_for(&plan);
    for (int i = 0; i < 3; i++) {
        struct traffic_result result;
        assert_int_equal(traffic_run(&settings, &result, NULL), 0);
        check_exact(&result, &settings);
        traffic_result_free(&result);
    }
    traffic_plan_free(&plan);
}

static void two_runs_at_once_do_not_disturb_each_other(void **state) {
    (void)state;
    struct traffic_plan plan = quick_plan(800 * NS_PER_MS, 1, (uint64_t)getpid() + 2);
    struct traffic_settings settings = settings_for(&plan);
    struct traffic_result result;
    pid_t other = fork();
    assert_true(other >= 0);
    int failure = traffic_run(&settings, &result, NULL);
    if (other == 0) {
        bool good = failure == 0 && result.lost == 0 && result.foreign == 0 &&
                    (result.failed_flows == 0 || settings.server.addresses[1] == NULL);
        _exit(good ? 0 : 1);
    }
    int status = -1;
    waitpid(other, &status, 0);
    assert_int_equal(failure, 0);
    check_exact(&result, &settings);
    assert_int_equal(status, 0);
    traffic_result_free(&result);
    traffic_plan_free(&plan);
}

static volatile sig_atomic_t stop_now;

static void stop_it(const struct traffic_progress *progress, void *context) {
    (void)progress;
    (void)context;
    stop_now = 1;
}

static void stopped_run_ends_early_and_is_exact(void **state) {
    (void)state;
    struct traffic_plan plan;
    const struct traffic_profile *mixed = traffic_profile_find("mixed");
    struct traffic_plan_settings planned = {
        .duration_ns = 4 * NS_PER_S, .scale = 0.5, .seed = (uint64_t)getpid() + 3};
    assert_int_equal(traffic_plan_make(&plan, mixed, &planned, NULL), 0);
    struct traffic_settings settings = settings_for(&plan);
    struct traffic_result result;
    settings.on_interval = stop_it;
    settings.stop = &stop_now;
    assert_int_equal(traffic_run(&settings, &result, NULL), 0);
    assert_true(result.stopped);
    assert_int_equal(result.lost, 0);
    assert_int_equal(result.sum.sent_packets, result.sum.received_packets);
    assert_int_equal(result.sum.sent_bytes, result.sum.received_bytes);
    size_t broken_off[2] = {0};
    for (size_t i = 0; i < result.flow_count; i++) {
        const struct traffic_flow_result *flow = &result.flows[i];
        assert_int_equal(flow->sent_bytes, flow->received_bytes);
        if (flow->key.family == 4) {
            assert_string_equal(flow->failed, "");
            broken_off[flow->key.protocol == PROTOCOL_TCP] +=
                flow->sent_bytes > 0 && flow->sent_bytes < flow->planned_bytes;
        }
    }
    assert_true(broken_off[0] > 0 && broken_off[1] > 0);
    check_rows(&result);
    traffic_result_free(&result);
    traffic_plan_free(&plan);
}

/* The children of this process, oldest first: the server, then the client. */
static size_t find_children(pid_t children[4]) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "r");
    size_t count = 0;
    int pid;
    while (file != NULL && count < 4 && fscanf(file, "%d", &pid) == 1) {
        children[count++] = pid;
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

/* Kills the child whose place '*context' says. */
static void kill_child(const struct traffic_progress *progress, void *context) {
    (void)progress;
    pid_t children[4];
    if (find_children(children) == 2) {
        kill(children[*(size_t *)context], SIGKILL);
    }
}

static void endpoint_that_is_killed_is_named_and_its_counts_are_kept(void **state) {
    (void)state;
    pid_t children[4];
    static const char *const names[] = {"server", "client"};
    for (size_t victim = 0; victim < 2; victim++) {
        struct traffic_plan plan;
        const struct traffic_profile *mixed = traffic_profile_find("mixed");
        struct traffic_plan_settings planned = {.scale = 0.5, .seed = (uint64_t)getpid() + 4 + victim};
        assert_int_equal(traffic_plan_make(&plan, mixed, &planned, NULL), 0);
        struct traffic_settings settings = settings_for(&plan);
        struct traffic_result result;
        struct error error = {.text = ""};
        settings.on_interval = kill_child;
        settings.context = &victim;
        assert_int_equal(traffic_run(&settings, &result, &error), -ECHILD);
        assert_non_null(strstr(error.text, names[victim]));
        assert_non_null(strstr(error.text, "signal 9"));
        assert_true(result.sum.sent_packets > 0);
        assert_int_equal(result.flow_count, plan.count);
        assert_true(result.failed_flows > 0);
        assert_int_equal(find_children(children), 0);
        traffic_result_free(&result);
        traffic_plan_free(&plan);
    }
}

static void address_that_is_not_here_is_said(void **state) {
    (void)state;
    struct traffic_plan plan = quick_plan(0, 1, 1);
    struct traffic_settings settings = settings_for(&plan);
    struct traffic_result result;
    struct error error = {.text = ""};
    struct ip_address elsewhere;
    assert_int_equal(ip_address_parse("192.0.2.77", &elsewhere, &error), 0);
    settings.server.addresses[0] = &elsewhere;
    assert_int_equal(traffic_run(&settings, &result, &error), -EADDRNOTAVAIL);
    assert_non_null(strstr(error.text, "192.0.2.77"));
    assert_int_equal(result.flow_count, 0);
    traffic_result_free(&result);
    traffic_plan_free(&plan);
}

static void taken_source_port_fails_its_flow_alone(void **state) {
    (void)state;
    struct traffic_plan plan = quick_plan(300 * NS_PER_MS, 1, (uint64_t)getpid() + 6);
    struct traffic_settings settings = settings_for(&plan);
    struct traffic_result result;
    int fd = try_bind(&loopback4, plan.flows[1].sport);
    assert_true(fd >= 0);
    assert_int_equal(plan.flows[1].protocol, PROTOCOL_UDP);
    assert_int_equal(plan.flows[1].family, 4);
    assert_int_equal(traffic_run(&settings, &result, NULL), 0);
    close(fd);
    assert_non_null(strstr(result.flows[1].failed, "source port"));
    assert_int_equal(result.flows[1].sent_packets, 0);
    assert_string_equal(result.flows[0].failed, "");
    assert_int_equal(result.flows[0].lost, 0);
    traffic_result_free(&result);
    traffic_plan_free(&plan);
}

static size_t open_files(void) {
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;
    while (folder != NULL && readdir(folder) != NULL) {
        count++;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return count;
}

static void run_leaves_no_files_and_no_children(void **state) {
    (void)state;
    size_t before = open_files();
    struct traffic_plan plan = quick_plan(200 * NS_PER_MS, 1, (uint64_t)getpid() + 7);
    struct traffic_settings settings = settings_for(&plan);
    struct traffic_result result;
    assert_int_equal(traffic_run(&settings, &result, NULL), 0);
    traffic_result_free(&result);
    traffic_plan_free(&plan);
    assert_int_equal(open_files(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* Runs 'group' for half a second between 'count' addresses of 127.0.1.0/24 and as many of 127.0.2.0/24. */
static void run_group(const struct traffic_group *group, size_t count, struct traffic_result *result) {
    static struct ip_address addresses[2][250];
    const struct traffic_profile profile = {"test", "", NS_PER_S / 2, group, 1};
    struct traffic_plan_settings planned = {.seed = (uint64_t)getpid() + 8,
                                            .client_addresses = (uint32_t)count,
                                            .server_addresses = (uint32_t)count};
    struct traffic_plan plan;
    assert_int_equal(traffic_plan_make(&plan, &profile, &planned, NULL), 0);
    for (uint8_t i = 0; i < count; i++) {
        addresses[0][i] = (struct ip_address){.family = 4, .bytes = {127, 0, 1, (uint8_t)(i + 1)}};
        addresses[1][i] = (struct ip_address){.family = 4, .bytes = {127, 0, 2, (uint8_t)(i + 1)}};
    }
    struct traffic_settings settings = {
        .plan = &plan,
        .client = {.netns_fd = -1, .addresses = {addresses[0]}, .address_count = count},
        .server = {.netns_fd = -1, .addresses = {addresses[1]}, .address_count = count},
    };
    struct error error = {.text = ""};
    if (traffic_run(&settings, result, &error) != 0) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(result->flow_count, plan.count);
    assert_int_equal(result->failed_flows, 0);
    assert_int_equal(result->lost, 0);
    assert_int_equal(result->foreign, 0);
    for (size_t i = 0; i < plan.count; i++) {
        const struct traffic_flow_result *flow = &result->flows[i];
        assert_int_equal(flow->received_packets, plan.flows[i].packets);
        assert_int_equal(flow->key.src[2], plan.flows[i].reverse ? 2 : 1);
        assert_int_equal(flow->key.src[3], plan.flows[i].source + 1);
        assert_int_equal(flow->key.dst[3], plan.flows[i].destination + 1);
    }
    traffic_plan_free(&plan);
}

static void flows_of_many_addresses_are_exact(void **state) {
    (void)state;
    const struct traffic_group group = {.protocol = PROTOCOL_UDP,
                                        .family = 4,
                                        .count = 1000,
                                        .packets_min = 3,
                                        .packets_max = 3,
                                        .payload_min = 50,
                                        .payload_max = 60};
    struct traffic_result result;
    run_group(&group, 200, &result);
    assert_int_equal(result.sum.received_packets, 3000);
    traffic_result_free(&result);
}

static void flows_go_both_ways(void **state) {
    (void)state;
    const struct traffic_group group = {.protocol = PROTOCOL_UDP,
                                        .family = 4,
                                        .count = 20,
                                        .payload_min = 172,
                                        .payload_max = 172,
                                        .both_ways = 1,
                                        .arrivals = TRAFFIC_ARRIVALS_TOGETHER,
                                        .pps = 50};
    struct traffic_result result;
    run_group(&group, 2, &result);
    assert_int_equal(result.flow_count, 40);
    assert_int_equal(result.sum.received_packets, result.owd.count);
    assert_true(result.greetings_received >= 2);
    traffic_result_free(&result);
}

int main(void) {
    int fd = try_bind(&loopback4, 0);
    if (fd < 0) {
        fprintf(stderr, "skipped: the loopback interface is down\n");
        return 77;
    }
    close(fd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flow_arrives_whole_and_intervals_sum_to_the_run),
        cmocka_unit_test(same_plan_runs_twice_in_a_row),
        cmocka_unit_test(two_runs_at_once_do_not_disturb_each_other),
        cmocka_unit_test(stopped_run_ends_early_and_is_exact),
        cmocka_unit_test(endpoint_that_is_killed_is_named_and_its_counts_are_kept),
        cmocka_unit_test(address_that_is_not_here_is_said),
        cmocka_unit_test(taken_source_port_fails_its_flow_alone),
        cmocka_unit_test(run_leaves_no_files_and_no_children),
        cmocka_unit_test(flows_of_many_addresses_are_exact),
        cmocka_unit_test(flows_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
