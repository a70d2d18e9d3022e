/* Every capture of a real exporter gives what an independent decoder says of it: tshark for NetFlow and
 * IPFIX, sflowtool for sFlow.  Compared are the records as a set: addresses, ports, packets and bytes; the
 * samples in order: rate, frame length, addresses and ports. */
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
#include "fake_store.h"
#include "pcap_file.h"

#define LINE_SIZE     512
#define RECORDS_MAX   512
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

/* What the decoder says of a record or a sample; -1: nothing. */
struct expected {
    char src[64], dst[64];
    long long sport, dport, packets, bytes, rate;
    bool found;
};

static struct expected expected[RECORDS_MAX];
static size_t expected_count;

/* The word after 'key' in 'line', up to a blank; false when the line is of something else. */
static bool word_after(const char *line, const char *key, char word[64]) {
    line += strspn(line, " ");
    size_t length = strlen(key);
    return strncmp(line, key, length) == 0 && sscanf(line + length, " %63s", word) == 1;
}

static void number_after(const char *line, const char *key, long long *number) {
    char word[64];
    if (*number == -1 && word_after(line, key, word)) {
        *number = atoll(word);
    }
}

static struct expected *begin_expected(void) {
    assert_true(expected_count < RECORDS_MAX);
    struct expected *record = &expected[expected_count++];
    *record = (struct expected){.sport = -1, .dport = -1, .packets = -1, .bytes = -1, .rate = -1};
    return record;
}

static bool is_record_line(const char *line) {
    unsigned int number;
    char rest[8];
    const char *text = line + strspn(line, " ");
    return text != line && (sscanf(text, "pdu %u/%7s", &number, rest) == 2 ||
                            (sscanf(text, "Flow %u", &number) == 1 && strchr(text, ':') == NULL));
}

/* A record without addresses and counts is an options record. */
static void drop_options(void) {
    if (expected_count > 0) {
        const struct expected *last = &expected[expected_count - 1];
        if (last->src[0] == '\0' && last->packets == -1 && last->bytes == -1) {
            expected_count--;
        }
    }
}

static void read_tshark_line(const char *line, struct expected *record) {
    if (record->src[0] == '\0') {
        word_after(line, "SrcAddr:", record->src);
    }
    if (record->dst[0] == '\0') {
        word_after(line, "DstAddr:", record->dst);
    }
    number_after(line, "SrcPort:", &record->sport);
    number_after(line, "DstPort:", &record->dport);
    number_after(line, "Packets:", &record->packets);
    number_after(line, "Octets:", &record->bytes);
}

static void read_tshark(const char *path) {
    char line[LINE_SIZE];
    struct expected *record = NULL;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    expected_count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (is_record_line(line)) {
            drop_options();
            record = begin_expected();
        } else if (line[0] != ' ' && line[0] != '\n') {
            record = NULL;
        } else if (strstr(line, "Set ") != NULL && strstr(line, "[id=") != NULL) {
            record = NULL;
        } else if (record != NULL) {
            read_tshark_line(line, record);
        }
    }
    drop_options();
    fclose(file);
}

static void read_sflowtool(const char *path) {
    char line[LINE_SIZE];
    char word[64];
    struct expected *sample = NULL;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    expected_count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (word_after(line, "startSample", word)) {
            sample = NULL;
        } else if (word_after(line, "sampleType ", word) && strcmp(word, "FLOWSAMPLE") == 0) {
            sample = begin_expected();
        } else if (sample != NULL) {
            number_after(line, "meanSkipCount", &sample->rate);
            number_after(line, "sampledPacketSize", &sample->bytes);
            number_after(line, "TCPSrcPort", &sample->sport);
            number_after(line, "UDPSrcPort", &sample->sport);
            number_after(line, "TCPDstPort", &sample->dport);
            number_after(line, "UDPDstPort", &sample->dport);
            if (word_after(line, "srcIP ", word) || word_after(line, "srcIP6 ", word)) {
                snprintf(sample->src, sizeof sample->src, "%s", word);
            }
            if (word_after(line, "dstIP ", word) || word_after(line, "dstIP6 ", word)) {
                snprintf(sample->dst, sizeof sample->dst, "%s", word);
            }
        }
    }
    fclose(file);
}

/* True if 'text' is the address 'bytes' of 'key', or says nothing. */
static bool same_address(const char *text, const struct flow_key *key, const uint8_t *bytes) {
    struct ip_address address;
    struct ip_address ours = key->family == 0 ? (struct ip_address){0} : ip_address_make(key->family, bytes);
    return text[0] == '\0' ||
           (ip_address_parse(text, &address, NULL) == 0 && ip_address_equal(&address, &ours));
}

static bool same_ports(const struct expected *record, const struct flow_key *key) {
    return !protocol_has_ports(key->protocol) || record->sport == -1 ||
           (record->sport == key->sport && record->dport == key->dport);
}

static bool matches(const struct expected *record, const struct flow_record_row *row) {
    int64_t bytes = row->l3_bytes != STORE_NULL ? row->l3_bytes : row->bytes;
    return !record->found && same_address(record->src, &row->key, row->key.src) &&
           same_address(record->dst, &row->key, row->key.dst) && same_ports(record, &row->key) &&
           record->packets == (row->packets == STORE_NULL ? -1 : row->packets) &&
           record->bytes == (bytes == STORE_NULL ? -1 : bytes);
}

static bool find_expected(const struct flow_record_row *row) {
    for (size_t i = 0; i < expected_count; i++) {
        if (matches(&expected[i], row)) {
            expected[i].found = true;
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
            print_error("%s: %s, %ld packets, %ld bytes, is not what tshark says\n", name,
                        flow_key_format(&row->key, text), (long)row->packets, (long)row->bytes);
            wrong++;
        }
    }
    for (size_t i = 0; i < expected_count; i++) {
        if (!expected[i].found) {
            print_error("%s: no row for %s > %s, %lld packets, %lld bytes\n", name, expected[i].src,
                        expected[i].dst, expected[i].packets, expected[i].bytes);
            wrong++;
        }
    }
    return wrong;
}

static size_t check_samples(const char *name) {
    const struct fake_rows *rows = fake_store_rows();
    size_t at = 0;
    size_t wrong = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const struct sflow_sample_row *row = &rows->rows[i].sflow_sample;
        if (rows->rows[i].kind != ROW_SFLOW_SAMPLE) {
            continue;
        }
        const struct expected *sample = &expected[at++];
        bool good = at <= expected_count && sample->rate == row->sampling_rate &&
                    (sample->bytes == -1 || sample->bytes == row->frame_bytes) &&
                    same_address(sample->src, &row->key, row->key.src) &&
                    same_address(sample->dst, &row->key, row->key.dst) && same_ports(sample, &row->key);
        if (!good) {
            char text[FLOW_KEY_TEXT_SIZE];
            print_error("%s: sample %zu, %s, 1-in-%ld, %ld bytes, is not what sflowtool says\n", name, at,
                        flow_key_format(&row->key, text), (long)row->sampling_rate, (long)row->frame_bytes);
            wrong++;
        }
    }
    if (at != expected_count) {
        print_error("%s: %zu samples, where sflowtool has %zu\n", name, at, expected_count);
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
        read_sflowtool(path);
        return check_samples(name);
    }
    read_tshark(path);
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
