#include "expected.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct expected *expected_new(struct expected_list *list) {
    if (list->count == EXPECTED_MAX) {
        abort();
    }
    struct expected *record = &list->records[list->count++];
    int64_t *const numbers[] = {
        &record->protocol,     &record->sport,     &record->dport,      &record->packets,
        &record->bytes,        &record->input,     &record->output,     &record->direction,
        &record->start_ns,     &record->end_ns,    &record->sequence,   &record->pool,
        &record->drops,        &record->stripped,  &record->tos,        &record->ttl,
        &record->header_bytes, &record->ifindex,   &record->speed,      &record->in_octets,
        &record->in_unicast,   &record->in_errors, &record->out_octets, &record->out_unicast,
        &record->out_errors};
    *record = (struct expected){0};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        *numbers[i] = EXPECTED_NONE;
    }
    return record;
}

bool expected_word(const char *line, const char *key, char word[64]) {
    line += strspn(line, " ");
    size_t length = strlen(key);
    return strncmp(line, key, length) == 0 && sscanf(line + length, " %63s", word) == 1;
}

void expected_number(const char *line, const char *key, int64_t *number) {
    char word[64];
    if (*number == EXPECTED_NONE && expected_word(line, key, word)) {
        *number = (int64_t)strtoull(word, NULL, 0);
    }
}
