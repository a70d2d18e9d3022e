/* The sequence numbers of sFlow samples: each source of an agent numbers its flow samples and its counter
 * samples by itself.
 *
 * The table is bounded; beyond, the source that was silent for longest begins anew. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sample_numbers;

/* One source of samples. */
struct sample_source {
    int64_t exporter_id;
    uint32_t type, index; /* the sFlow source id */
    uint32_t kind;        /* flow, counter and discarded samples are numbered apart */
};

/* NULL when memory is out. */
struct sample_numbers *sample_numbers_create(void);

/* Takes NULL. */
void sample_numbers_destroy(struct sample_numbers *numbers);

/* Takes note of the sample of 'source' with number 'sequence'.  'datagrams_lost' is how many datagrams of the
 * exporter were lost until now, 'restarts' how often it began anew.  Returns how many samples are missing
 * before it, or -1 for one that came late, and so was counted as missing; '*dropped' is set if no datagram
 * was lost since the one before, so that the agent itself has dropped them. */
int64_t sample_numbers_note(struct sample_numbers *numbers, const struct sample_source *source,
                            uint32_t sequence, int64_t datagrams_lost, int64_t restarts, bool *dropped);
