/* From what an exporter said to rows of the store: one meaning for all dialects.
 *
 * Counts stay as they were said; beside them stands how they are to be read. */
#pragma once

#include "collector/decode/flow_record.h"
#include "collector/decode/sflow5.h"
#include "collector/exporter.h"
#include "collector/store/rows.h"

/* Fills 'row' from 'record' of 'exporter', but for 'extra'.  'configured' is the sampling rate by
 * configuration, 0 for none.  The counts are the forward ones. */
void normalize_flow_record(const struct flow_record *record, const struct exporter *exporter,
                           int64_t configured, int64_t recv_ns, struct flow_record_row *row);

/* If 'record' also counts the other direction (RFC 5103, or a responder's counts), turns 'row', filled in by
 * the call above, into that direction's and returns true. */
bool normalize_reverse(const struct flow_record *record, struct flow_record_row *row);

/* Fills 'row' from an sFlow flow sample, but for 'extra'. */
void normalize_flow_sample(const struct sflow5_flow_sample *sample, const struct exporter *exporter,
                           int64_t recv_ns, struct sflow_sample_row *row);

/* Fills 'row' from an sFlow counter sample, but for 'extra'.  Counters that sFlow calls unknown become
 * STORE_NULL. */
void normalize_counter_sample(const struct sflow5_counter_sample *sample, const struct exporter *exporter,
                              int64_t recv_ns, struct counter_sample_row *row);

/* Copies the text 'name' into 'text' as UTF-8 without control characters. */
void normalize_name(struct slice name, char text[STORE_NAME_SIZE]);
