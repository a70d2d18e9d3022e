/* Requests and responses over the loopback interface, without root: every one is counted at both ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/traffic.h"
#include "traffic/wire.h"

static const struct ip_address loopback = {.family = 4, .bytes = {127, 0, 0, 1}};

static struct traffic_result run_groups(const struct traffic_group *groups, size_t count, int64_t duration_ns,
                                        unsigned int threads) {
    struct traffic_profile profile = {
        .name = "test", .summary = "", .duration_ns = duration_ns, .groups = groups, .group_count = count};
    struct traffic_plan plan;
    struct traffic_plan_settings planned = {.seed = (uint64_t)getpid()};
    struct traffic_host host = {.netns_fd = -1, .addresses = {&loopback}, .address_count = 1};
    struct error error = {.text = ""};
    struct traffic_result result;
    if (traffic_plan_make(&plan, &profile, &planned, &error) != 0) {
        fail_msg("%s", error.text);
    }
    struct traffic_settings settings = {
        .plan = &plan, .tuning = {.threads = threads}, .client = host, .server = host};
    if (traffic_run(&settings, &result, &error) != 0) {
        fail_msg("%s", error.text);
    }
    traffic_plan_free(&plan);
    return result;
}

/* Requests and responses are pairs of flows, each complete, and each request has been timed. */
static void check_pairs(const struct traffic_result *result, uint64_t times) {
    uint64_t timed = 0;
    for (size_t i = 0; i < result->flow_count; i += 2) {
        const struct traffic_flow_result *asks = &result->flows[i], *responds = &result->flows[i + 1];
        assert_string_equal(asks->failed, "");
        assert_string_equal(responds->failed, "");
        assert_true(!asks->responds && responds->responds);
        assert_int_equal(asks->sent_bytes, asks->received_bytes);
        assert_int_equal(responds->sent_bytes, responds->received_bytes);
        assert_true(responds->sent_bytes > 0 && asks->responses > 0);
        assert_int_equal(asks->key.sport, responds->key.dport);
        assert_int_equal(asks->key.dport, responds->key.sport);
        if (asks->key.protocol == PROTOCOL_UDP) {
            assert_true(asks->lost == 0 && responds->lost == 0 && responds->duplicated == 0);
            assert_int_equal(asks->sent_packets, responds->received_packets);
            assert_int_equal(asks->responses, asks->sent_packets);
        }
        assert_true(asks->response_min_ns > 0 && asks->response_min_ns <= asks->response_p50_ns);
        assert_true(asks->response_p50_ns <= asks->response_max_ns && asks->response_max_ns < 10 * NS_PER_S);
        assert_int_equal(responds->responses, TRAFFIC_NONE);
        timed += (uint64_t)asks->responses;
    }
    assert_int_equal(result->response_times.count, timed);
    assert_true(timed >= times);
}

static void each_paced_request_has_its_response(void **state) {
    (void)state;
    const struct traffic_group groups[] = {
        {.protocol = PROTOCOL_UDP,
         .family = 4,
         .count = 20,
         .packets_min = 20,
         .packets_max = 100,
         .payload_min = 64,
         .payload_max = 64,
         .response_min = 48,
         .response_max = 5000},
        {.protocol = PROTOCOL_TCP,
         .family = 4,
         .count = 10,
         .packets_min = 20,
         .packets_max = 50,
         .payload_min = 24,
         .payload_max = 5000,
         .response_min = 1,
         .response_max = 300000},
    };
    struct traffic_result result = run_groups(groups, 2, NS_PER_S, 1);
    check_pairs(&result, 20 * 20 + 10 * 20);
    for (size_t i = 0; i < result.flow_count; i += 2) {
        const struct traffic_flow_result *asks = &result.flows[i];
        int64_t planned = asks->key.protocol == PROTOCOL_UDP ? asks->planned_packets : asks->responses;
        assert_int_equal(asks->responses, planned);
        assert_true(asks->key.protocol == PROTOCOL_UDP || asks->sent_bytes == asks->planned_bytes);
    }
    traffic_result_free(&result);
}

static void fast_requests_follow_their_responses(void **state) {
    (void)state;
    const struct traffic_group groups[] = {
        {.protocol = PROTOCOL_UDP,
         .family = 4,
         .count = 2,
         .payload_min = 64,
         .payload_max = 64,
         .response_min = 1000,
         .response_max = 1000,
         .fast = 1},
        {.protocol = PROTOCOL_UDP,
         .family = 4,
         .count = 1,
         .packets_min = 50,
         .packets_max = 50,
         .payload_min = 64,
         .payload_max = 64,
         .response_min = 100,
         .response_max = 100,
         .fast = 1},
        {.protocol = PROTOCOL_TCP,
         .family = 4,
         .count = 2,
         .payload_min = 100,
         .payload_max = 100,
         .response_min = 1000,
         .response_max = 1000,
         .fast = 1},
    };
    struct traffic_result result = run_groups(groups, 3, NS_PER_S / 2, 1);
    check_pairs(&result, 100);
    assert_int_equal(result.flows[4].responses, 50);
    for (size_t i = 6; i < 10; i += 2) {
        assert_int_equal(result.flows[i].sent_bytes, 100 * result.flows[i].responses);
        assert_int_equal(result.flows[i + 1].received_bytes, 1000 * result.flows[i].responses);
    }
    traffic_result_free(&result);
}

static void threads_share_requests_and_responses(void **state) {
    (void)state;
    const struct traffic_group groups[] = {
        {.protocol = PROTOCOL_UDP,
         .family = 4,
         .count = 40,
         .packets_min = 50,
         .packets_max = 50,
         .payload_min = 64,
         .payload_max = 64,
         .response_min = 500,
         .response_max = 500},
        {.protocol = PROTOCOL_TCP,
         .family = 4,
         .count = 20,
         .packets_min = 20,
         .packets_max = 20,
         .payload_min = 100,
         .payload_max = 100,
         .response_min = 500,
         .response_max = 500},
        {.protocol = PROTOCOL_UDP,
         .family = 4,
         .count = 4,
         .payload_min = 64,
         .payload_max = 64,
         .response_min = 100,
         .response_max = 100,
         .fast = 1},
    };
    struct traffic_result result = run_groups(groups, 3, NS_PER_S / 2, 4);
    check_pairs(&result, 40 * 50 + 20 * 20);
    traffic_result_free(&result);
}

/* Beside flows of other kinds, in both directions: none is taken for another. */
static void responses_do_not_get_among_other_flows(void **state) {
    (void)state;
    const struct traffic_group groups[] = {
        {.protocol = PROTOCOL_UDP,
         .family = 4,
         .count = 5,
         .packets_min = 50,
         .packets_max = 50,
         .payload_min = 64,
         .payload_max = 64,
         .response_min = 200,
         .response_max = 200},
        {.protocol = PROTOCOL_UDP,
         .family = 4,
         .count = 5,
         .packets_min = 50,
         .packets_max = 50,
         .payload_min = 64,
         .payload_max = 64,
         .both_ways = 1},
        {.protocol = PROTOCOL_TCP, .family = 4, .count = 5, .packets_min = 5, .packets_max = 50},
    };
    struct traffic_result result = run_groups(groups, 3, NS_PER_S / 2, 1);
    assert_int_equal(result.flow_count, 25);
    for (size_t i = 0; i < result.flow_count; i++) {
        const struct traffic_flow_result *flow = &result.flows[i];
        assert_string_equal(flow->failed, "");
        assert_int_equal(flow->sent_bytes, flow->received_bytes);
        assert_int_equal(flow->responses == TRAFFIC_NONE, i >= 10 || i % 2 == 1);
    }
    assert_int_equal(result.foreign, 0);
    assert_int_equal(result.sum.sent_packets, 1000);
    assert_int_equal(result.sum.received_packets, 1000);
    assert_int_equal(result.owd.count, 1000);
    assert_int_equal(result.response_times.count, 250);
    traffic_result_free(&result);
}

static void response_is_read_as_it_was_written(void **state) {
    (void)state;
    const struct traffic_response written = {
        .datagram = {.run = 1, .flow = 2, .sequence = 3, .sent_ns = -4}, .request = 5, .request_ns = -6};
    struct traffic_response read;
    uint8_t bytes[TRAFFIC_RESPONSE_SIZE];
    traffic_response_write(&written, bytes);
    assert_true(traffic_response_read(bytes, sizeof bytes, &read));
    assert_true(read.datagram.run == 1 && read.datagram.flow == 2 && read.datagram.sequence == 3);
    assert_true(read.datagram.sent_ns == -4 && read.request == 5 && read.request_ns == -6);
    assert_false(traffic_response_read(bytes, sizeof bytes - 1, &read));
    bytes[0] ^= 1;
    assert_false(traffic_response_read(bytes, sizeof bytes, &read));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_paced_request_has_its_response),
        cmocka_unit_test(fast_requests_follow_their_responses),
        cmocka_unit_test(threads_share_requests_and_responses),
        cmocka_unit_test(responses_do_not_get_among_other_flows),
        cmocka_unit_test(response_is_read_as_it_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
