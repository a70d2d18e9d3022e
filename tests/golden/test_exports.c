/* Every capture of a real exporter gives what an independent decoder says of it: tshark for NetFlow and
 * IPFIX, sflowtool for sFlow.  Compared are the records as a set: addresses, protocol, ports, packets, bytes,
 * interfaces, direction, times and rate; the samples in order: numbers, rate, sizes, addresses, ports,
 * interfaces, and the counters of interfaces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/collector.h"
#include "expected.h"
#include "fake_store.h"
#include "pcap_file.h"

#define LINE_SIZE     512
#define TSHARK_END    ".tshark.txt"
#define SFLOWTOOL_END ".sflowtool.txt"

/* Where we differ from the decoder on purpose: what we make of the capture is held here instead. */
static const struct {
    const char *name;
    size_t rows;
    const char *why;
} differences[] = {
    {"ipfix", 12, "tshark stops behind the datagram's first message of three"},
    {"ipfix_ixia", 3, "tshark gives up at an enterprise element"},
    {"ipfix_procera", 8, "both families of addresses, of which the one that is not zero is the flow's"},
    {"ipfix_yaf", 4, "RFC 5103: the reverse direction is a record of its own"},
    {"nf9_cisco_asa_1", 14, "the firewall counts the initiator's and the responder's bytes"},
    {"nf9_cisco_asa_2", 34, "the firewall counts the initiator's and the responder's bytes"},
    {"nf9_h3c", 16, "tshark shows the first record of the set only"},
    {"nf9_invalid01", 2, "tshark stops at a template that it takes for broken"},
    {"vflow_ipfix-03-multimessage", 2, "tshark stops at a broken options template"},
    {"tcpdump_sflow_print_segv", 0, "its UDP length says that the datagram has 8 bytes"},
    {"vflow_sflow-02-testsflowrawpacketwithpaddingaftersample", 5,
     "sflowtool stops at padding behind a sample"},
};

static struct expected_list expected;

/* True if 'text' is the address 'bytes' of 'key', or says nothing. */
static bool same_address(const char *text, const struct flow_key *key, const uint8_t *bytes) {
    struct ip_address address;
    struct ip_address ours = key->family == 0 ? (struct ip_address){0} : ip_address_make(key->family, bytes);
    return text[0] == '\0' ||
           (ip_address_parse(text, &address, NULL) == 0 && ip_address_equal(&address, &ours));
}

/* True if the row's number is what the decoder says, or the decoder says nothing. */
static bool same(int64_t said, int64_t ours) {
    return said == EXPECTED_NONE || said == ours;
}

static bool same_ports(const struct expected *record, const struct flow_key *key) {
    return !protocol_has_ports(key->protocol) || record->sport == EXPECTED_NONE ||
           (record->sport == key->sport && record->dport == key->dport);
}

/* tshark cuts the fraction of NTP's format, we cut it too, but not at the same bit. */
static bool same_time(int64_t said, int64_t ours) {
    return said == ours || (said != EXPECTED_NONE && ours != STORE_NULL && llabs(said - ours) <= 1);
}

static bool matches(const struct expected *record, const struct flow_record_row *row) {
    int64_t bytes = row->l3_bytes != STORE_NULL ? row->l3_bytes : row->bytes;
    return !record->found && same_address(record->src, &row->key, row->key.src) &&
           same_address(record->dst, &row->key, row->key.dst) && same_ports(record, &row->key) &&
           record->packets == row->packets && record->bytes == bytes &&
           same(record->protocol, row->key.protocol) && same(record->input, row->input) &&
           same(record->output, row->output) && record->direction == row->direction &&
           same_time(record->start_ns, row->start_ns) && same_time(record->end_ns, row->end_ns) &&
           record->rate == (row->sampling_rate == STORE_NULL ? 0 : row->sampling_rate);
}

static bool find_expected(const struct flow_record_row *row) {
    for (size_t i = 0; i < expected.count; i++) {
        if (matches(&expected.records[i], row)) {
            expected.records[i].found = true;
            return true;
        }
    }
    return false;
}

static size_t check_records(const char *name) {
    const struct fake_rows *rows = fake_store_rows();
    size_t wrong = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].kind == ROW_FLOW_RECORD && !find_expected(&rows->rows[i].flow_record)) {
            char text[FLOW_KEY_TEXT_SIZE];
            const struct flow_record_row *row = &rows->rows[i].flow_record;
            print_error(
                "%s: %s, %ld packets, %ld bytes, %ld to %ld ns, in %ld, out %ld, direction %ld, 1-in-%ld, is "
                "not what tshark says\n",
                name, flow_key_format(&row->key, text), (long)row->packets, (long)row->bytes,
                (long)row->start_ns, (long)row->end_ns, (long)row->input, (long)row->output,
                (long)row->direction, (long)row->sampling_rate);
            wrong++;
        }
    }
    for (size_t i = 0; i < expected.count; i++) {
        const struct expected *record = &expected.records[i];
        if (!record->found) {
            print_error(
                "%s: no row for %s > %s, %ld packets, %ld bytes, %ld to %ld ns, in %ld, out %ld, direction "
                "%ld, 1-in-%ld\n",
                name, record->src, record->dst, (long)record->packets, (long)record->bytes,
                (long)record->start_ns, (long)record->end_ns, (long)record->input, (long)record->output,
                (long)record->direction, (long)record->rate);
            wrong++;
        }
    }
    return wrong;
}

/* An interface that is not known is 0 there and null here. */
static bool same_interface(int64_t said, int64_t ours) {
    return same(said, ours == STORE_NULL ? 0 : ours);
}

static bool same_sample(const struct expected *sample, const struct sflow_sample_row *row) {
    const struct flow_key *key = &row->key;
    return !sample->counters && sample->rate == row->sampling_rate && same(sample->bytes, row->frame_bytes) &&
           same_address(sample->src, key, key->src) && same_address(sample->dst, key, key->dst) &&
           same_ports(sample, key) && (key->family == 0 || same(sample->protocol, key->protocol)) &&
           same(sample->sequence, row->sequence) && same(sample->pool, row->sample_pool) &&
           same(sample->drops, row->drops) && same(sample->stripped, row->stripped) &&
           same(sample->header_bytes, row->header_bytes) && same(sample->tos, row->tos) &&
           same(sample->ttl, row->ttl) && same_interface(sample->input, row->input) &&
           same_interface(sample->output, row->output);
}

/* A counter that is not kept is all ones there and null here. */
static bool same_counter(int64_t said, int64_t ours) {
    return same(said, ours) || (ours == STORE_NULL && (said == UINT32_MAX || said == -1));
}

static bool same_counters(const struct expected *sample, const struct counter_sample_row *row) {
    return sample->counters && same(sample->sequence, row->sequence) && same(sample->ifindex, row->ifindex) &&
           same_counter(sample->speed, row->if_speed) && same_counter(sample->in_octets, row->in_octets) &&
           same_counter(sample->in_unicast, row->in_unicast) &&
           same_counter(sample->in_errors, row->in_errors) &&
           same_counter(sample->out_octets, row->out_octets) &&
           same_counter(sample->out_unicast, row->out_unicast) &&
           same_counter(sample->out_errors, row->out_errors);
}

static bool same_row(const struct expected *sample, const struct row *row) {
    return row->kind == ROW_SFLOW_SAMPLE ? same_sample(sample, &row->sflow_sample)
                                         : same_counters(sample, &row->counter_sample);
}

static void describe(const char *name, const struct expected *sample, const struct row *row) {
    char text[FLOW_KEY_TEXT_SIZE];
    const struct sflow_sample_row *ours = &row->sflow_sample;
    if (row->kind == ROW_SFLOW_SAMPLE) {
        print_error("%s: sample %ld, %s, 1-in-%ld, %ld bytes, in %ld, out %ld, where sflowtool has %ld, %s > "
                    "%s, 1-in-%ld, %ld bytes, in %ld, out %ld\n",
                    name, (long)ours->sequence, flow_key_format(&ours->key, text), (long)ours->sampling_rate,
                    (long)ours->frame_bytes, (long)ours->input, (long)ours->output, (long)sample->sequence,
                    sample->src, sample->dst, (long)sample->rate, (long)sample->bytes, (long)sample->input,
                    (long)sample->output);
    } else {
        print_error("%s: counter sample %ld of ifIndex %ld is not sflowtool's %ld of %ld\n", name,
                    (long)row->counter_sample.sequence, (long)row->counter_sample.ifindex,
                    (long)sample->sequence, (long)sample->ifindex);
    }
}

static size_t check_samples(const char *name) {
    const struct fake_rows *rows = fake_store_rows();
    size_t at = 0;
    size_t wrong = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->rows[i];
        if (row->kind != ROW_SFLOW_SAMPLE && row->kind != ROW_COUNTER_SAMPLE) {
            continue;
        }
        const struct expected *sample = &expected.records[at++];
        if (at <= expected.count && !same_row(sample, row)) {
            describe(name, sample, row);
            wrong++;
        }
    }
    if (at != expected.count) {
        print_error("%s: %zu samples, where sflowtool has %zu\n", name, at, expected.count);
        wrong++;
    }
    return wrong;
}

/* Holds a capture in which we differ to the number of rows that it gave.  True if 'name' is one. */
static bool check_difference(const char *name, size_t *wrong) {
    for (size_t i = 0; i < sizeof differences / sizeof *differences; i++) {
        if (strcmp(differences[i].name, name) == 0) {
            size_t rows = fake_store_count(ROW_FLOW_RECORD) + fake_store_count(ROW_SFLOW_SAMPLE);
            if (rows != differences[i].rows) {
                print_error("%s: %zu rows and not %zu (%s)\n", name, rows, differences[i].rows,
                            differences[i].why);
                (*wrong)++;
            }
            return true;
        }
    }
    return false;
}

static size_t check_case(const char *path, const char *end) {
    char name[128];
    char capture[LINE_SIZE];
    const char *base = strrchr(path, '/') + 1;
    size_t wrong = 0;
    snprintf(name, sizeof name, "%.*s", (int)(strlen(base) - strlen(end)), base);
    snprintf(capture, sizeof capture, CORPORA "/exports/%s.pcap", name);
    struct collector_settings settings = {.keep_unknown = true};
    struct collector *collector = collector_create(&settings, NULL);
    fake_store_reset();
    assert_true(pcap_collect(capture, collector) > 0);
    assert_int_equal(collector_totals(collector).unrecognised, 0);
    collector_destroy(collector);
    if (check_difference(name, &wrong)) {
        return wrong;
    }
    if (strcmp(end, TSHARK_END) != 0) {
        expected_read_sflowtool(path, &expected);
        return check_samples(name);
    }
    expected_read_tshark(path, &expected);
    return check_records(name);
}

static void check_cases(const char *end) {
    char pattern[LINE_SIZE];
    glob_t found;
    size_t wrong = 0;
    snprintf(pattern, sizeof pattern, CORPORA "/expected/*%s", end);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        wrong += strstr(found.gl_pathv[i], "ovs_export.") == NULL ? check_case(found.gl_pathv[i], end) : 0;
    }
    print_message("%zu captures\n", found.gl_pathc);
    globfree(&found);
    fake_store_reset();
    assert_int_equal(wrong, 0);
}

static void netflow_and_ipfix_records_are_what_tshark_says(void **state) {
    (void)state;
    check_cases(TSHARK_END);
}

static void sflow_samples_are_what_sflowtool_says(void **state) {
    (void)state;
    check_cases(SFLOWTOOL_END);
}

int main(void) {
    if (access(CORPORA "/expected", R_OK) != 0) {
        print_message("The corpora are not at " CORPORA ": 93 cases skipped\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(netflow_and_ipfix_records_are_what_tshark_says),
        cmocka_unit_test(sflow_samples_are_what_sflowtool_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
