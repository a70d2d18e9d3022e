/* What independent decoders say of a capture, out of their text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPECTED_NONE INT64_MIN /* the decoder says nothing of it */
#define EXPECTED_MAX  512

/* A flow record, a flow sample, or the interface counters of a counter sample. */
struct expected {
    bool counters;
    char src[64], dst[64];
    int64_t protocol, sport, dport;
    int64_t packets, bytes; /* of a sample: 1, and the frame's size */
    int64_t input, output, direction;
    int64_t start_ns, end_ns; /* since the epoch */
    int64_t rate;             /* of the record, its header or an options record before it; 0: none */
    int64_t sequence, pool, drops, stripped, header_bytes, tos, ttl;
    int64_t ifindex, speed, in_octets, in_unicast, in_errors, out_octets, out_unicast, out_errors;
    bool found;
};

struct expected_list {
    struct expected records[EXPECTED_MAX];
    size_t count;
};

/* Reads the text of "tshark -V", or of sflowtool, at 'path'. */
void expected_read_tshark(const char *path, struct expected_list *list);
void expected_read_sflowtool(const char *path, struct expected_list *list);

/* A new record of 'list', in which nothing is said yet. */
struct expected *expected_new(struct expected_list *list);

/* If 'line' begins with 'key', blanks aside, the word after it, up to a blank. */
bool expected_word(const char *line, const char *key, char word[64]);

/* Likewise a number; only the first of a record counts. */
void expected_number(const char *line, const char *key, int64_t *number);
