/* Real exports of Open vSwitch give the numbers that were measured beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "collector/collector.h"
#include "fake_store.h"
#include "pcap_file.h"

#define EXPORTS CORPORA "/exports/"
#define MATCHED CORPORA "/matched/exports.pcap"

static struct collector *collector;

static void collect(const char *path, int64_t sampling_rate) {
    struct collector_settings settings = {.sampling_rate = sampling_rate};
    fake_store_reset();
    collector = collector_create(&settings, NULL);
    assert_non_null(collector);
    assert_true(pcap_collect(path, collector) > 0);
    assert_int_equal(collector_totals(collector).unrecognised, 0);
}

static int finish(void **state) {
    (void)state;
    collector_destroy(collector);
    collector = NULL;
    fake_store_reset();
    return 0;
}

static void check_no_trouble(const struct collector_exporter *exporter, void *context) {
    (void)context;
    assert_int_equal(exporter->lost, 0);
    assert_int_equal(exporter->reordered, 0);
    assert_int_equal(exporter->duplicated, 0);
    assert_int_equal(exporter->unknown_templates, 0);
    assert_int_equal(exporter->malformed, 0);
    if (exporter->records > 1) { /* not the domain of the one options record */
        assert_string_equal(exporter->row->dialect, "openvswitch");
        assert_true(exporter->row->dialect_evidence[0] != '\0');
    }
}

struct sum {
    int64_t packets, bytes;
};

/* True if exporter 'id' is of 'protocol'; IPFIX has one exporter a domain. */
static bool is_of(int64_t id, const char *protocol) {
    const struct fake_rows *rows = fake_store_rows();
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].kind == ROW_EXPORTER && rows->rows[i].exporter->id == id) {
            return strcmp(rows->rows[i].exporter->protocol, protocol) == 0;
        }
    }
    fail_msg("row of an unknown exporter");
    return false;
}

static struct sum sum_flow_records(const char *protocol, bool ingress_only) {
    struct sum sum = {0};
    const struct fake_rows *rows = fake_store_rows();
    for (size_t i = 0; i < rows->count; i++) {
        const struct flow_record_row *row = &rows->rows[i].flow_record;
        if (rows->rows[i].kind == ROW_FLOW_RECORD && is_of(row->exporter_id, protocol) &&
            (!ingress_only || row->direction == FLOW_INGRESS)) {
            assert_true(row->has_key);
            sum.packets += row->packets;
            sum.bytes += row->bytes;
        }
    }
    return sum;
}

static struct sum sum_samples(void) {
    struct sum sum = {0};
    const struct fake_rows *rows = fake_store_rows();
    for (size_t i = 0; i < rows->count; i++) {
        const struct sflow_sample_row *row = &rows->rows[i].sflow_sample;
        if (rows->rows[i].kind == ROW_SFLOW_SAMPLE) {
            assert_true(row->has_key);
            sum.packets += row->sampling_rate;
            sum.bytes += (row->frame_bytes - row->stripped) * row->sampling_rate;
        }
    }
    return sum;
}

static void ipfix_at_ingress_is_87_packets_and_7790_bytes(void **state) {
    (void)state;
    collect(EXPORTS "ovs_ipfix.pcap", 1);
    struct sum sum = sum_flow_records("ipfix", true);
    assert_int_equal(sum.packets, 87);
    assert_int_equal(sum.bytes, 7790);
    collector_each_exporter(collector, check_no_trouble, NULL);
    const struct exporter_row *exporter = fake_store_exporter("ipfix");
    assert_int_equal(exporter->byte_layer, LAYER_L2);
    assert_true(exporter->scaled);
    assert_int_equal(exporter->rate_source, RATE_CONFIG);
}

static void netflow5_is_81_packets_and_7238_bytes_without_a_gap(void **state) {
    (void)state;
    collect(EXPORTS "ovs_netflow5.pcap", 16);
    struct sum sum = sum_flow_records("netflow5", false);
    assert_int_equal(sum.packets, 81);
    assert_int_equal(sum.bytes, 7238);
    collector_each_exporter(collector, check_no_trouble, NULL);
    const struct exporter_row *exporter = fake_store_exporter("netflow5");
    assert_int_equal(exporter->byte_layer, LAYER_L2);
    assert_int_equal(exporter->sampling_rate, 1);
    const struct fake_rows *rows = fake_store_rows();
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].kind == ROW_FLOW_RECORD) {
            assert_true(rows->rows[i].flow_record.sampling_rate == STORE_NULL);
        }
    }
}

static void sflow5_is_87_packets_and_7790_bytes(void **state) {
    (void)state;
    collect(EXPORTS "ovs_sflow5.pcap", 0);
    struct sum sum = sum_samples();
    assert_int_equal(sum.packets, 87);
    assert_int_equal(sum.bytes, 7790);
    collector_each_exporter(collector, check_no_trouble, NULL);
    assert_true(fake_store_count(ROW_COUNTER_SAMPLE) > 0);
    assert_true(fake_store_count(ROW_INTERFACE) > 0);
}

static void all_three_at_once_are_each_recognised_without_trouble(void **state) {
    (void)state;
    collect(MATCHED, 16);
    assert_int_equal(collector_totals(collector).malformed, 0);
    collector_each_exporter(collector, check_no_trouble, NULL);
    struct sum netflow = sum_flow_records("netflow5", false);
    struct sum ipfix = sum_flow_records("ipfix", true);
    struct sum sflow = sum_samples();
    print_message("netflow5 %ld/%ld ipfix %ld/%ld sflow %ld/%ld\n", netflow.packets, netflow.bytes,
                  ipfix.packets, ipfix.bytes, sflow.packets, sflow.bytes);
    assert_true(netflow.packets > 0 && ipfix.packets > 0 && sflow.packets > 0);
}

int main(void) {
    if (access(MATCHED, R_OK) != 0) {
        print_message("The corpora are not at " CORPORA ": 4 cases skipped\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(ipfix_at_ingress_is_87_packets_and_7790_bytes, finish),
        cmocka_unit_test_teardown(netflow5_is_81_packets_and_7238_bytes_without_a_gap, finish),
        cmocka_unit_test_teardown(sflow5_is_87_packets_and_7790_bytes, finish),
        cmocka_unit_test_teardown(all_three_at_once_are_each_recognised_without_trouble, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
