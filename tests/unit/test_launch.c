/* Launch times: what the datagrams carry that are handed over ahead of their moment.  Whole runs over the
 * loopback interface, which keeps no launch times, so that they leave at once; what the client hands to the
 * kernel is noted on the way there (the linker's --wrap), in memory that its process shares with this one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/client_launch.h"
#include "traffic/traffic.h"
#include "traffic/wire.h"

#define NOTES_MAX 100000
#define FLOWS_MAX 200

/* A datagram, or several that were handed over as one. */
struct note {
    int64_t handed_ns; /* monotonic */
    int64_t time_ns;   /* the launch time; 0: none */
    struct traffic_datagram first;
    uint32_t call, count; /* which call handed it over, and how many it is */
    bool named;           /* it says where it comes from */
};

static struct {
    _Atomic uint32_t count, calls;
    _Atomic uint32_t allowed; /* sockets that take launch times */
    struct note notes[NOTES_MAX];
} * shared;

static void note(const struct msghdr *header, uint32_t call) {
    struct note made = {.handed_ns = clock_monotonic_ns(), .call = call, .count = 1};
    size_t size = 0;
    uint16_t each = 0;
    for (size_t i = 0; i < header->msg_iovlen; i++) {
        size += header->msg_iov[i].iov_len;
    }
    struct msghdr copy = *header;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&copy); part != NULL; part = CMSG_NXTHDR(&copy, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TXTIME) {
            memcpy(&made.time_ns, CMSG_DATA(part), sizeof made.time_ns);
        } else if (part->cmsg_level == SOL_UDP && part->cmsg_type == UDP_SEGMENT) {
            memcpy(&each, CMSG_DATA(part), sizeof each);
            made.count = (uint32_t)(size / each);
        } else if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
            made.named = true;
        }
    }
    uint32_t place = atomic_fetch_add(&shared->count, 1);
    if (place < NOTES_MAX &&
        traffic_datagram_read(header->msg_iov[0].iov_base, header->msg_iov[0].iov_len, &made.first)) {
        shared->notes[place] = made;
    }
}

int __real_sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);

int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags) {
    uint32_t call = atomic_fetch_add(&shared->calls, 1);
    for (unsigned int i = 0; i < count; i++) {
        note(&messages[i].msg_hdr, call);
    }
    return __real_sendmmsg(fd, messages, count, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags) {
    note(message, atomic_fetch_add(&shared->calls, 1));
    return __real_sendmsg(fd, message, flags);
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size) {
    if (level == SOL_SOCKET && name == SO_TXTIME) {
        uint32_t left = atomic_load(&shared->allowed);
        if (left == 0) {
            errno = ENOPROTOOPT;
            return -1;
        }
        atomic_store(&shared->allowed, left - 1);
    }
    return __real_setsockopt(fd, level, name, value, size);
}

static const struct traffic_group even = {.protocol = PROTOCOL_UDP,
                                          .family = 4,
                                          .count = 1,
                                          .payload_min = 64,
                                          .payload_max = 64,
                                          .arrivals = TRAFFIC_ARRIVALS_TOGETHER,
                                          .pps = 10000};

/* Runs 'group' for 'duration_ns' between 'addresses' addresses of each side.  Returns as traffic_run(). */
static int run(const struct traffic_group *group, int64_t duration_ns, uint8_t addresses,
               struct traffic_tuning tuning, struct traffic_result *result, struct error *error) {
    static struct ip_address ends[2][FLOWS_MAX];
    const struct traffic_profile profile = {"test", "", duration_ns, group, 1};
    struct traffic_plan_settings planned = {
        .seed = (uint64_t)getpid(), .client_addresses = addresses, .server_addresses = addresses};
    struct traffic_plan plan;
    assert_int_equal(traffic_plan_make(&plan, &profile, &planned, NULL), 0);
    for (uint8_t i = 0; i < addresses; i++) {
        ends[0][i] = (struct ip_address){.family = 4, .bytes = {127, 0, 1, (uint8_t)(i + 1)}};
        ends[1][i] = (struct ip_address){.family = 4, .bytes = {127, 0, 2, (uint8_t)(i + 1)}};
    }
    struct traffic_settings settings = {
        .plan = &plan,
        .tuning = tuning,
        .client = {.netns_fd = -1, .addresses = {ends[0]}, .address_count = addresses},
        .server = {.netns_fd = -1, .addresses = {ends[1]}, .address_count = addresses}};
    atomic_store(&shared->count, 0);
    int code = traffic_run(&settings, result, error);
    traffic_plan_free(&plan);
    return code;
}

/* Such a run with launch times, as if there were an fq: complete, and every datagram was noted. */
static uint32_t launch(const struct traffic_group *group, int64_t duration_ns, uint8_t addresses,
                       unsigned int threads) {
    struct traffic_result result;
    struct error error = {.text = ""};
    struct traffic_tuning tuning = {.threads = threads, .txtime = TRAFFIC_TXTIME_BLIND};
    atomic_store(&shared->allowed, UINT32_MAX);
    if (run(group, duration_ns, addresses, tuning, &result, &error) != 0) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(result.failed_flows, 0);
    assert_int_equal(result.lost, 0);
    assert_int_equal(result.pacing[0], TRAFFIC_PACING_TXTIME);
    for (size_t i = 0; i < result.flow_count; i++) {
        assert_int_equal(result.flows[i].sent_packets, result.flows[i].planned_packets);
        assert_int_equal(result.flows[i].received_packets, result.flows[i].planned_packets);
    }
    uint32_t count = atomic_load(&shared->count);
    int64_t datagrams = 0;
    assert_true(count <= NOTES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        datagrams += shared->notes[i].count;
    }
    assert_int_equal(datagrams, result.sum.sent_packets);
    traffic_result_free(&result);
    return count;
}

/* What holds of all that were handed over, 'count' of them: each has a launch time of its own, the send time
 * in it is the same moment, none is ahead of it by more than may be, and of no flow are there more than the
 * qdisc takes. */
static void check(uint32_t count) {
    static int64_t last_ns[FLOWS_MAX];
    memset(last_ns, 0, sizeof last_ns);
    int64_t distance_ns = shared->notes[0].first.sent_ns - shared->notes[0].time_ns;
    for (uint32_t i = 0; i < count; i++) {
        const struct note *at = &shared->notes[i];
        assert_true(at->first.flow < FLOWS_MAX);
        assert_true(at->time_ns > 0);
        assert_true(at->time_ns - at->handed_ns <= CLIENT_LAUNCH_MOST_NS);
        assert_true(at->time_ns >= last_ns[at->first.flow]);
        assert_in_range(at->first.sent_ns - at->time_ns - distance_ns + NS_PER_S, NS_PER_S - 5 * NS_PER_MS,
                        NS_PER_S + 5 * NS_PER_MS);
        last_ns[at->first.flow] = at->time_ns;
        uint32_t ahead = 0;
        for (uint32_t j = i; j > 0 && i - j < 1000; j--) {
            ahead +=
                shared->notes[j].first.flow == at->first.flow && shared->notes[j].time_ns > at->handed_ns;
        }
        assert_true(ahead < 2 * CLIENT_LAUNCHES);
    }
}

static void every_datagram_is_told_its_own_moment(void **state) {
    (void)state;
    uint32_t count = launch(&even, NS_PER_S / 2, 1, 0);
    check(count);
    uint32_t on_time = 0, calls = 1;
    for (uint32_t i = 1; i < count; i++) {
        const struct note *at = &shared->notes[i];
        assert_int_equal(at->first.sequence, i);
        /* Whoever came too late asks for a later time, so only those that did not are a gap apart. */
        on_time += at->time_ns - at[-1].time_ns == 100000;
        calls += at->call != at[-1].call;
    }
    assert_true(on_time > count / 2);
    assert_true(calls < count / 4);
}

static void datagrams_ahead_are_no_more_than_a_qdisc_takes(void **state) {
    (void)state;
    struct traffic_group group = even;
    group.pps = 60000;
    check(launch(&group, NS_PER_S / 2, 1, 0));
}

static void random_gaps_are_kept(void **state) {
    (void)state;
    struct traffic_group group = even;
    group.gaps = TRAFFIC_LAW_PARETO;
    group.count = 3;
    check(launch(&group, NS_PER_S / 2, 1, 0));
}

static void burst_has_one_moment(void **state) {
    (void)state;
    struct traffic_group group = even;
    group.burst_packets = 100;
    group.payload_law = TRAFFIC_LAW_UNIFORM;
    group.payload_max = 80;
    uint32_t count = launch(&group, NS_PER_S / 2, 1, 0);
    check(count);
    for (uint32_t i = 1; i < count; i++) {
        const struct note *at = &shared->notes[i];
        bool on_time = at->time_ns > at->handed_ns && at[-1].time_ns > at[-1].handed_ns;
        if (on_time && i / 100 == (i - 1) / 100) {
            assert_int_equal(at->time_ns, at[-1].time_ns);
        }
    }
    /* Of one size they go as one, with one time. */
    group.payload_law = 0;
    group.payload_max = 64;
    group.burst_packets = 20;
    count = launch(&group, NS_PER_S / 2, 1, 0);
    check(count);
    assert_int_equal(shared->notes[0].count, 20);
}

static void large_datagrams_are_fewer_ahead(void **state) {
    (void)state;
    struct traffic_group group = even;
    group.payload_min = group.payload_max = 20000;
    group.pps = 2000;
    uint32_t count = launch(&group, NS_PER_S / 2, 1, 0);
    check(count);
    for (uint32_t i = 6; i < count; i++) {
        assert_true(shared->notes[i].time_ns <= shared->notes[i].handed_ns ||
                    shared->notes[i - 6].time_ns <= shared->notes[i].handed_ns);
    }
}

static void flows_of_one_socket_have_times_of_their_own(void **state) {
    (void)state;
    struct traffic_group group = even;
    group.count = 100;
    group.pps = 100;
    uint32_t count = launch(&group, NS_PER_S / 2, 50, 0), named = 0;
    check(count);
    for (uint32_t i = 0; i < count; i++) {
        named += shared->notes[i].named;
    }
    assert_true(named > 0);
}

static void several_threads_do_the_same(void **state) {
    (void)state;
    struct traffic_group group = even;
    group.count = 8;
    group.pps = 1000;
    check(launch(&group, NS_PER_S / 2, 1, 4));
}

/* Runs 'group' with 'tuning' where 'allowed' sockets take launch times. */
static void run_otherwise(const struct traffic_group *group, struct traffic_tuning tuning, uint32_t allowed,
                          struct traffic_result *result) {
    struct error error = {.text = ""};
    atomic_store(&shared->allowed, allowed);
    if (run(group, NS_PER_S / 5, 1, tuning, result, &error) != 0) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(result->failed_flows, 0);
}

static void without_a_qdisc_that_keeps_them_there_are_none(void **state) {
    (void)state;
    static const enum traffic_txtime wishes[] = {TRAFFIC_TXTIME_AUTO, TRAFFIC_TXTIME_OFF};
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        struct traffic_result result;
        run_otherwise(&even, (struct traffic_tuning){.txtime = wishes[i], .spin = -1}, UINT32_MAX, &result);
        assert_int_equal(result.pacing[0], TRAFFIC_PACING_SLEEP);
        for (uint32_t n = 0; n < atomic_load(&shared->count); n++) {
            assert_int_equal(shared->notes[n].time_ns, 0);
        }
        traffic_result_free(&result);
    }
}

static void fast_flows_have_no_moments(void **state) {
    (void)state;
    struct traffic_group group = even;
    struct traffic_result result;
    group.pps = 0;
    group.fast = 1;
    run_otherwise(&group, (struct traffic_tuning){.txtime = TRAFFIC_TXTIME_BLIND}, UINT32_MAX, &result);
    assert_int_equal(result.pacing[0], 0);
    assert_true(atomic_load(&shared->count) > 0);
    assert_int_equal(shared->notes[0].time_ns, 0);
    traffic_result_free(&result);
}

/* Of two flows the socket of one takes no launch times; then not even the first try succeeds. */
static void kernel_that_refuses_is_done_without(void **state) {
    (void)state;
    struct traffic_group group = even;
    group.count = 2;
    group.pps = 1000;
    for (uint32_t allowed = 0; allowed <= 2; allowed += 2) {
        struct traffic_result result;
        uint32_t with = 0, count;
        run_otherwise(&group, (struct traffic_tuning){.txtime = TRAFFIC_TXTIME_BLIND, .spin = -1}, allowed,
                      &result);
        assert_int_equal(result.lost, 0);
        assert_int_equal(result.pacing[0],
                         allowed == 0 ? TRAFFIC_PACING_SLEEP : TRAFFIC_PACING_SLEEP | TRAFFIC_PACING_TXTIME);
        count = atomic_load(&shared->count);
        for (uint32_t i = 0; i < count; i++) {
            with += shared->notes[i].time_ns != 0;
        }
        assert_true(allowed == 0 ? with == 0 : with > 0 && with < count);
        traffic_result_free(&result);
    }
}

static void whoever_insists_is_told_why_not(void **state) {
    (void)state;
    struct traffic_result result;
    struct error error = {.text = ""};
    struct traffic_tuning tuning = {.txtime = TRAFFIC_TXTIME_ON};
    atomic_store(&shared->allowed, UINT32_MAX);
    assert_int_equal(run(&even, NS_PER_S / 5, 1, tuning, &result, &error), -EOPNOTSUPP);
    assert_non_null(strstr(error.text, "127.0.2.1: they leave by lo, whose qdisc is noqueue"));
    traffic_result_free(&result);
}

int main(void) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (const struct sockaddr *)&name, sizeof name) != 0) {
        fprintf(stderr, "skipped: the loopback interface is down\n");
        return 77;
    }
    close(fd);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_datagram_is_told_its_own_moment),
        cmocka_unit_test(datagrams_ahead_are_no_more_than_a_qdisc_takes),
        cmocka_unit_test(random_gaps_are_kept),
        cmocka_unit_test(burst_has_one_moment),
        cmocka_unit_test(large_datagrams_are_fewer_ahead),
        cmocka_unit_test(flows_of_one_socket_have_times_of_their_own),
        cmocka_unit_test(several_threads_do_the_same),
        cmocka_unit_test(without_a_qdisc_that_keeps_them_there_are_none),
        cmocka_unit_test(fast_flows_have_no_moments),
        cmocka_unit_test(kernel_that_refuses_is_done_without),
        cmocka_unit_test(whoever_insists_is_told_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
