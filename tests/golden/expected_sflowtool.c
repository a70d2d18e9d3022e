/* sflowtool's text of sFlow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expected.h"

#define LINE_SIZE 4096

static void read_flow_line(const char *line, struct expected *sample) {
    static const struct {
        const char *key;
        size_t at;
    } numbers[] = {
        {"sampleSequenceNo ", offsetof(struct expected, sequence)},
        {"samplePool ", offsetof(struct expected, pool)},
        {"dropEvents ", offsetof(struct expected, drops)},
        {"sampledPacketSize ", offsetof(struct expected, bytes)},
        {"strippedBytes ", offsetof(struct expected, stripped)},
        {"headerLen ", offsetof(struct expected, header_bytes)},
        {"IPProtocol ", offsetof(struct expected, protocol)},
        {"IPTOS ", offsetof(struct expected, tos)},
        {"IPTTL ", offsetof(struct expected, ttl)},
        {"TCPSrcPort ", offsetof(struct expected, sport)},
        {"UDPSrcPort ", offsetof(struct expected, sport)},
        {"TCPDstPort ", offsetof(struct expected, dport)},
        {"UDPDstPort ", offsetof(struct expected, dport)},
        {"inputPort ", offsetof(struct expected, input)},
    };
    char word[64];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        expected_number(line, numbers[i].key, (int64_t *)(void *)((char *)sample + numbers[i].at));
    }
    if (expected_word(line, "meanSkipCount ", word)) {
        sample->rate = atoll(word);
    }
    if (expected_word(line, "outputPort multiple ", word) || expected_word(line, "outputPort ", word)) {
        sample->output = atoll(word);
    }
    if (expected_word(line, "srcIP ", word) || expected_word(line, "srcIP6 ", word)) {
        snprintf(sample->src, sizeof sample->src, "%s", word);
    }
    if (expected_word(line, "dstIP ", word) || expected_word(line, "dstIP6 ", word)) {
        snprintf(sample->dst, sizeof sample->dst, "%s", word);
    }
}

static void read_counter_line(const char *line, struct expected *sample) {
    expected_number(line, "sampleSequenceNo ", &sample->sequence);
    expected_number(line, "ifIndex ", &sample->ifindex);
    expected_number(line, "ifSpeed ", &sample->speed);
    expected_number(line, "ifInOctets ", &sample->in_octets);
    expected_number(line, "ifInUcastPkts ", &sample->in_unicast);
    expected_number(line, "ifInErrors ", &sample->in_errors);
    expected_number(line, "ifOutOctets ", &sample->out_octets);
    expected_number(line, "ifOutUcastPkts ", &sample->out_unicast);
    expected_number(line, "ifOutErrors ", &sample->out_errors);
}

void expected_read_sflowtool(const char *path, struct expected_list *list) {
    char line[LINE_SIZE];
    char word[64];
    struct expected *sample = NULL;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        abort();
    }
    list->count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (expected_word(line, "startSample", word)) {
            sample = NULL;
        } else if (expected_word(line, "sampleType ", word)) {
            sample = expected_new(list);
            sample->counters = strcmp(word, "COUNTERSSAMPLE") == 0;
        } else if (sample != NULL && sample->counters) {
            read_counter_line(line, sample);
        } else if (sample != NULL) {
            read_flow_line(line, sample);
        }
    }
    fclose(file);
}
