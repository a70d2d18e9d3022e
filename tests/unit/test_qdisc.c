/* Whether launch times are kept: what the kernel says of qdiscs and routes, whole and broken. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "traffic/egress.h"
#include "traffic/plan/random.h"

#define SEQUENCE 7
#define LINK     3

/* An answer that is being made. */
struct answer {
    uint8_t bytes[8192];
    size_t size;
    size_t head; /* where the last message began, and where its options did; 0: none */
    size_t options;
};

static void put(struct answer *answer, const void *data, size_t size) {
    assert_true(answer->size + size + 4 <= sizeof answer->bytes);
    memcpy(answer->bytes + answer->size, data, size);
    answer->size += size;
    while (answer->size % 4 != 0) {
        answer->bytes[answer->size++] = 0;
    }
}

/* Writes how long the last message, and its options, have become. */
static void settle(struct answer *answer) {
    uint32_t size = (uint32_t)(answer->size - answer->head);
    memcpy(answer->bytes + answer->head, &size, sizeof size);
    if (answer->options != 0) {
        uint16_t length = (uint16_t)(answer->size - answer->options);
        memcpy(answer->bytes + answer->options, &length, sizeof length);
    }
}

static void attribute(struct answer *answer, uint16_t type, const void *data, size_t size) {
    struct rtattr head = {.rta_len = (uint16_t)RTA_LENGTH(size), .rta_type = type};
    put(answer, &head, sizeof head);
    put(answer, data, size);
    settle(answer);
}

static void message(struct answer *answer, uint16_t type, uint16_t flags, const void *body, size_t size) {
    struct nlmsghdr head = {.nlmsg_type = type, .nlmsg_flags = flags, .nlmsg_seq = SEQUENCE};
    answer->head = answer->size;
    answer->options = 0;
    put(answer, &head, sizeof head);
    put(answer, body, size);
    settle(answer);
}

/* One qdisc; what is put after it are its options. */
static void qdisc(struct answer *answer, int link, const char *kind, uint32_t handle, uint32_t parent) {
    struct tcmsg body = {.tcm_ifindex = link, .tcm_handle = handle, .tcm_parent = parent};
    message(answer, RTM_NEWQDISC, NLM_F_MULTI, &body, sizeof body);
    attribute(answer, TCA_KIND, kind, strlen(kind) + 1);
    attribute(answer, TCA_OPTIONS, "", 0);
    answer->options = answer->size - RTA_LENGTH(0);
}

static void fq(struct answer *answer, uint32_t parent, uint32_t limit, uint32_t flow_limit,
               uint32_t horizon_us) {
    qdisc(answer, LINK, "fq", 0, parent);
    attribute(answer, TCA_FQ_PLIMIT, &limit, sizeof limit);
    attribute(answer, TCA_FQ_FLOW_PLIMIT, &flow_limit, sizeof flow_limit);
    attribute(answer, TCA_FQ_HORIZON, &horizon_us, sizeof horizon_us);
}

static void usual_fq(struct answer *answer, uint32_t parent) {
    fq(answer, parent, 10000, 100, 10000000);
}

static void etf(struct answer *answer, uint32_t parent, int32_t clock, int32_t delta, uint32_t flags) {
    struct tc_etf_qopt options = {.delta = delta, .clockid = clock, .flags = flags};
    qdisc(answer, LINK, "etf", 0, parent);
    attribute(answer, TCA_ETF_PARMS, &options, sizeof options);
}

/* Two classes: priority 4 in queues 2 and 3, all others in 0 and 1. */
static void mqprio(struct answer *answer) {
    struct tc_mqprio_qopt options = {
        .num_tc = 2, .prio_tc_map = {[4] = 1}, .count = {2, 2}, .offset = {0, 2}};
    qdisc(answer, LINK, "mqprio", 0x80010000, TC_H_ROOT);
    put(answer, &options, sizeof options);
    settle(answer);
}

static void done(struct answer *answer) {
    int32_t zero = 0;
    message(answer, NLMSG_DONE, NLM_F_MULTI, &zero, sizeof zero);
}

/* Reads 'size' bytes of 'answer' out of memory of just that size. */
static int read_part(struct qdisc_table *table, const struct answer *answer, size_t size) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, answer->bytes, size);
    int code = qdisc_table_read(table, copy, size, SEQUENCE);
    free(copy);
    return code;
}

/* What 'answer', once it is done, says of datagrams of 'priority'. */
static bool keeps(struct answer *answer, unsigned int priority, struct qdisc_launch *launch) {
    struct qdisc_table table = {0};
    done(answer);
    assert_int_equal(read_part(&table, answer, answer->size), 1);
    bool kept = qdisc_keeps(&table, LINK, priority, launch);
    struct qdisc_launch other;
    assert_false(qdisc_keeps(&table, LINK + 1, priority, &other));
    qdisc_table_free(&table);
    return kept;
}

static void qdiscs_that_send_when_they_like_keep_no_launch_times(void **state) {
    (void)state;
    static const char *const kinds[] = {"noqueue", "pfifo", "pfifo_fast", "fq_codel",       "tbf",    "htb",
                                        "netem",   "sfq",   "fq_pie",     "cake",           "taprio", "fqx",
                                        "drr",     "prio",  "mq",         "fifteen_chars__"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct answer answer = {.size = 0};
        struct qdisc_launch launch;
        qdisc(&answer, LINK, kinds[i], 0x10000, TC_H_ROOT);
        assert_false(keeps(&answer, 0, &launch));
    }
    struct answer nothing = {.size = 0};
    struct qdisc_launch launch;
    assert_false(keeps(&nothing, 0, &launch));
}

static void fq_below_a_shaper_does_not_say_when_it_is_sent(void **state) {
    (void)state;
    static const char *const kinds[] = {"tbf", "htb", "prio", "taprio"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct answer answer = {.size = 0};
        struct qdisc_launch launch;
        qdisc(&answer, LINK, kinds[i], 0x10000, TC_H_ROOT);
        usual_fq(&answer, 0x10001);
        assert_false(keeps(&answer, 0, &launch));
    }
}

static void fq_keeps_launch_times_by_the_monotonic_clock(void **state) {
    (void)state;
    struct answer answer = {.size = 0};
    struct qdisc_launch launch;
    qdisc(&answer, LINK + 2, "noqueue", 0, TC_H_ROOT);
    usual_fq(&answer, TC_H_ROOT);
    qdisc(&answer, LINK, "clsact", 0xffff0000, TC_H_CLSACT);
    assert_true(keeps(&answer, 0, &launch));
    assert_int_equal(launch.clock, CLOCK_MONOTONIC);
    assert_int_equal(launch.shift_ns, 0);
    assert_int_equal(launch.guard_ns, 0);
}

static void fq_that_was_made_small_is_not_relied_on(void **state) {
    (void)state;
    static const uint32_t limits[][3] = {
        {9999, 100, 10000000}, {10000, 79, 10000000}, {10000, 100, 99999}, {0, 0, 0}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct answer answer = {.size = 0};
        struct qdisc_launch launch;
        fq(&answer, TC_H_ROOT, limits[i][0], limits[i][1], limits[i][2]);
        assert_false(keeps(&answer, 0, &launch));
    }
}

static void etf_keeps_launch_times_by_its_clock(void **state) {
    (void)state;
    struct answer soft = {.size = 0}, offload = {.size = 0}, deadline = {.size = 0}, other = {.size = 0};
    struct qdisc_launch launch;
    etf(&soft, TC_H_ROOT, CLOCK_TAI, 300000, 0);
    assert_true(keeps(&soft, 0, &launch));
    assert_int_equal(launch.clock, CLOCK_TAI);
    assert_int_equal(launch.shift_ns, 300000);
    assert_true(launch.guard_ns > 0);
    etf(&offload, TC_H_ROOT, CLOCK_TAI, 300000, TC_ETF_OFFLOAD_ON);
    assert_true(keeps(&offload, 0, &launch));
    assert_int_equal(launch.shift_ns, 0);
    assert_true(launch.guard_ns > 300000);
    etf(&deadline, TC_H_ROOT, CLOCK_TAI, 300000, TC_ETF_DEADLINE_MODE_ON);
    assert_false(keeps(&deadline, 0, &launch));
    etf(&other, TC_H_ROOT, CLOCK_REALTIME, 300000, 0);
    assert_false(keeps(&other, 0, &launch));
}

static void every_queue_of_mq_must_keep_them(void **state) {
    (void)state;
    struct answer all = {.size = 0}, some = {.size = 0}, unlike = {.size = 0}, by_default = {.size = 0};
    struct qdisc_launch launch;
    qdisc(&all, LINK, "mq", 0x80010000, TC_H_ROOT);
    usual_fq(&all, 0x80010001);
    usual_fq(&all, 0x80010002);
    usual_fq(&all, 0x90010003); /* somebody else's */
    assert_true(keeps(&all, 0, &launch));
    assert_int_equal(launch.clock, CLOCK_MONOTONIC);
    qdisc(&some, LINK, "mq", 0x80010000, TC_H_ROOT);
    usual_fq(&some, 0x80010001);
    qdisc(&some, LINK, "pfifo_fast", 0, 0x80010002);
    assert_false(keeps(&some, 0, &launch));
    qdisc(&unlike, LINK, "mq", 0x80010000, TC_H_ROOT);
    usual_fq(&unlike, 0x80010001);
    etf(&unlike, 0x80010002, CLOCK_TAI, 300000, 0);
    assert_false(keeps(&unlike, 0, &launch));
    /* net.core.default_qdisc=fq: neither has a number of its own. */
    qdisc(&by_default, LINK, "mq", 0, TC_H_ROOT);
    usual_fq(&by_default, 2);
    usual_fq(&by_default, 1);
    assert_true(keeps(&by_default, 0, &launch));
}

static void mqprio_is_asked_for_the_queues_of_the_priority(void **state) {
    (void)state;
    struct answer answer = {.size = 0};
    struct qdisc_launch launch;
    mqprio(&answer);
    qdisc(&answer, LINK, "pfifo_fast", 0, 0x80010001);
    qdisc(&answer, LINK, "pfifo_fast", 0, 0x80010002);
    etf(&answer, 0x80010003, CLOCK_TAI, 300000, 0);
    struct answer half = answer;
    etf(&answer, 0x80010004, CLOCK_TAI, 300000, 0);
    struct answer plain = answer;
    assert_true(keeps(&answer, 4, &launch));
    assert_int_equal(launch.clock, CLOCK_TAI);
    assert_false(keeps(&plain, 0, &launch));
    assert_false(keeps(&half, 4, &launch));
}

static void priority_follows_the_code_point_of_ipv4(void **state) {
    (void)state;
    /* The table of tc-prio(8), by the bits of the old type of service. */
    assert_int_equal(qdisc_priority(4, 0), 0);
    assert_int_equal(qdisc_priority(4, 0x08 >> 2), 2);
    assert_int_equal(qdisc_priority(4, 0x10 >> 2), 6);
    assert_int_equal(qdisc_priority(4, 0x18 >> 2), 4);
    assert_int_equal(qdisc_priority(4, 46), 4);
    assert_int_equal(qdisc_priority(4, 10), 2);
    assert_int_equal(qdisc_priority(6, 46), 0);
}

/* A dump with one of everything. */
static struct answer whole(void) {
    struct answer answer = {.size = 0};
    qdisc(&answer, LINK + 1, "noqueue", 0, TC_H_ROOT);
    mqprio(&answer);
    etf(&answer, 0x80010003, CLOCK_TAI, 300000, 0);
    usual_fq(&answer, 0x80010001);
    done(&answer);
    return answer;
}

static void cut_answer_is_not_believed(void **state) {
    (void)state;
    struct answer answer = whole();
    for (size_t size = 0; size < answer.size; size++) {
        struct qdisc_table table = {0};
        int code = read_part(&table, &answer, size);
        assert_true(code == 0 || code == -EBADMSG);
        /* Only between two messages may it go on in the next part. */
        assert_true(code == 0 || table.count < 5);
        qdisc_table_free(&table);
    }
}

static void changed_answer_is_read_within_its_bounds(void **state) {
    (void)state;
    struct answer answer = whole();
    uint64_t random = 1;
    for (int i = 0; i < 200000; i++) {
        struct answer broken = answer;
        struct qdisc_table table = {0};
        struct qdisc_launch launch;
        uint32_t link;
        for (int change = 0; change < 1 + i % 4; change++) {
            uint64_t number = traffic_random_next(&random);
            broken.bytes[number % answer.size] = (uint8_t)(number >> 32);
        }
        int code = read_part(&table, &broken, broken.size);
        assert_true(code <= 1 && table.count <= 5);
        for (unsigned int priority = 0; priority < 16; priority++) {
            (void)qdisc_keeps(&table, LINK, priority, &launch);
        }
        qdisc_table_free(&table);
        assert_true(qdisc_route_read(broken.bytes, broken.size, SEQUENCE, &link) <= 0);
    }
}

/* Reads an answer whose first bytes were changed by 'change'. */
static int read_changed(void (*change)(struct answer *answer)) {
    struct answer answer = {.size = 0};
    struct qdisc_table table = {0};
    usual_fq(&answer, TC_H_ROOT);
    change(&answer);
    done(&answer);
    int code = read_part(&table, &answer, answer.size);
    qdisc_table_free(&table);
    return code;
}

static void set_length(struct answer *answer, uint32_t length) {
    memcpy(answer->bytes, &length, sizeof length);
}

static void no_length(struct answer *answer) {
    set_length(answer, 0);
}

static void long_length(struct answer *answer) {
    set_length(answer, UINT32_MAX);
}

static void foreign_sequence(struct answer *answer) {
    answer->bytes[offsetof(struct nlmsghdr, nlmsg_seq)]++;
}

static void interrupted(struct answer *answer) {
    answer->bytes[offsetof(struct nlmsghdr, nlmsg_flags)] |= NLM_F_DUMP_INTR;
}

static void empty_attribute(struct answer *answer) {
    memset(answer->bytes + NLMSG_HDRLEN + sizeof(struct tcmsg), 0, 2);
}

static void endless_kind(struct answer *answer) {
    size_t at = NLMSG_HDRLEN + sizeof(struct tcmsg);
    answer->bytes[at] = RTA_LENGTH(QDISC_KIND_SIZE);
    memset(answer->bytes + at + RTA_LENGTH(0), 'f', QDISC_KIND_SIZE);
}

static void refused(struct answer *answer) {
    int32_t code = -EPERM;
    message(answer, NLMSG_ERROR, 0, &code, sizeof code);
}

static void refused_without_reason(struct answer *answer) {
    int32_t code = 0;
    message(answer, NLMSG_ERROR, 0, &code, sizeof code);
}

static void refused_with_success(struct answer *answer) {
    int32_t code = 5;
    message(answer, NLMSG_ERROR, 0, &code, sizeof code);
}

static void nothing(struct answer *answer) {
    (void)answer;
}

static void senseless_answers_are_told_from_refusals(void **state) {
    (void)state;
    assert_int_equal(read_changed(nothing), 1);
    assert_int_equal(read_changed(no_length), -EBADMSG);
    assert_int_equal(read_changed(long_length), -EBADMSG);
    assert_int_equal(read_changed(foreign_sequence), -EBADMSG);
    assert_int_equal(read_changed(interrupted), -EINTR);
    assert_int_equal(read_changed(empty_attribute), -EBADMSG);
    assert_int_equal(read_changed(endless_kind), -EBADMSG);
    assert_int_equal(read_changed(refused), -EPERM);
    assert_int_equal(read_changed(refused_without_reason), -EBADMSG);
    assert_int_equal(read_changed(refused_with_success), -EBADMSG);
}

static void more_qdiscs_than_are_looked_at_are_refused(void **state) {
    (void)state;
    struct answer answer = {.size = 0};
    struct qdisc_table table = {0};
    int code = 0;
    usual_fq(&answer, TC_H_ROOT);
    for (size_t i = 0; i < QDISC_MAX; i++) {
        code = read_part(&table, &answer, answer.size);
        assert_int_equal(code, 0);
    }
    assert_int_equal(read_part(&table, &answer, answer.size), -E2BIG);
    assert_int_equal(table.count, QDISC_MAX);
    qdisc_table_free(&table);
}

/* What a route of 'type' by 'link', with 'size' bytes for its number, is read as. */
static int route(uint8_t type, uint32_t link, size_t size, uint16_t kind, uint32_t *found) {
    struct answer answer = {.size = 0};
    struct rtmsg body = {.rtm_family = AF_INET, .rtm_type = type};
    message(&answer, kind, 0, &body, sizeof body);
    attribute(&answer, RTA_DST, "abcd", 4);
    attribute(&answer, RTA_OIF, &link, size);
    return qdisc_route_read(answer.bytes, answer.size, SEQUENCE, found);
}

static void route_says_by_which_link_it_goes(void **state) {
    (void)state;
    uint32_t link;
    assert_int_equal(route(RTN_UNICAST, 5, 4, RTM_NEWROUTE, &link), 0);
    assert_int_equal(link, 5);
    assert_int_equal(route(RTN_LOCAL, 1, 4, RTM_NEWROUTE, &link), 0);
    assert_int_equal(route(RTN_UNREACHABLE, 5, 4, RTM_NEWROUTE, &link), -ENETUNREACH);
    assert_int_equal(route(RTN_BLACKHOLE, 5, 4, RTM_NEWROUTE, &link), -ENETUNREACH);
    assert_int_equal(route(RTN_UNICAST, 0, 4, RTM_NEWROUTE, &link), -ENETUNREACH);
    assert_int_equal(route(RTN_UNICAST, 5, 3, RTM_NEWROUTE, &link), -EBADMSG);
    assert_int_equal(route(RTN_UNICAST, 5, 4, RTM_NEWQDISC, &link), -EBADMSG);
    assert_int_equal(qdisc_route_read("", 0, SEQUENCE, &link), -EBADMSG);
}

static void kernel_is_asked_without_root_and_says_no_of_loopback(void **state) {
    (void)state;
    const struct ip_address loopback = {.family = 4, .bytes = {127, 0, 0, 1}};
    const struct egress_way way = {.source = &loopback,
                                   .destination = &loopback,
                                   .source_port = 10000,
                                   .destination_port = 7700,
                                   .dscp = 46};
    struct egress egress;
    struct qdisc_launch launch;
    uint32_t link = 0;
    char text[EGRESS_TEXT_SIZE];
    assert_int_equal(egress_open(&egress), 0);
    assert_true(egress.qdiscs.count > 0);
    assert_false(egress_keeps(&egress, &way, &launch, &link));
    assert_int_equal(link, if_nametoindex("lo"));
    assert_string_equal(egress_describe(&egress, link, text), "lo, whose qdisc is noqueue");
    egress_close(&egress);
    assert_false(egress_keeps(&egress, &way, &launch, &link));
    assert_int_equal(link, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qdiscs_that_send_when_they_like_keep_no_launch_times),
        cmocka_unit_test(fq_below_a_shaper_does_not_say_when_it_is_sent),
        cmocka_unit_test(fq_keeps_launch_times_by_the_monotonic_clock),
        cmocka_unit_test(fq_that_was_made_small_is_not_relied_on),
        cmocka_unit_test(etf_keeps_launch_times_by_its_clock),
        cmocka_unit_test(every_queue_of_mq_must_keep_them),
        cmocka_unit_test(mqprio_is_asked_for_the_queues_of_the_priority),
        cmocka_unit_test(priority_follows_the_code_point_of_ipv4),
        cmocka_unit_test(cut_answer_is_not_believed),
        cmocka_unit_test(changed_answer_is_read_within_its_bounds),
        cmocka_unit_test(senseless_answers_are_told_from_refusals),
        cmocka_unit_test(more_qdiscs_than_are_looked_at_are_refused),
        cmocka_unit_test(route_says_by_which_link_it_goes),
        cmocka_unit_test(kernel_is_asked_without_root_and_says_no_of_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
