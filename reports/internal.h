/* The steps of report_compare(), each in its own file. */
#pragma once

#include <string.h>

#include "reports/model.h"

/* flows.c: the flow 'id', made when it is new.  Returns NULL with 'error' filled. */
struct report_flow *report_flow_get(struct report *report, struct reader *reader, int64_t id,
                                    struct error *error);

/* flows.c: the flow 'id', or NULL when there is none. */
struct report_flow *report_flow_find(struct report_flows *flows, int64_t id);

/* flows.c: makes room for 'sources' estimates a flow.  To be called before the first report_flow_get(). */
void report_flows_init(struct report_flows *flows, size_t sources);
void report_flows_free(struct report_flows *flows);

/* flows.c: puts the largest flows first.  Afterwards the flows can't be found by id. */
void report_flows_sort(struct report_flows *flows);

/* sources.c: true if 'source' can see the flow 'key', of which it said 'estimate'. */
bool report_source_sees(const struct report_source *source, const struct flow_key *key,
                        const struct report_estimate *estimate);

/* sources.c: reads the exporters, and makes the sources of 'names'. */
int report_choose_sources(struct report *report, struct reader *reader, const char *const names[],
                          size_t name_count, struct error *error);

/* gather.c: reads truth, samples and records into the flows and the series. */
int report_gather(struct report *report, struct reader *reader, struct error *error);

/* assess.c: intervals, accuracy, detection and decades of each source. */
int report_assess(struct report *report, struct error *error);

/* ledger.c: the stages and what was lost between them. */
int report_make_ledger(struct report *report, struct reader *reader, struct error *error);

/* ledger.c: compares neighbouring stages that are already there, and says in words who lost what. */
void report_find_losses(struct report_ledger *ledger);

/* doubt.c: true if 'source', which is not sampled, differs by no more frames than the truth may lack or have
 * too many. */
bool report_doubt_explains_counts(const struct report *report, const struct report_source *source);

/* doubt.c: true if the sampled source 'number' would be within theory, were the frames that the truth may
 * lack or have too many in the flows where it is furthest away. */
bool report_doubt_explains_samples(const struct report *report, size_t number);

/* verdict.c: what is right and wrong, in words. */
void report_make_verdict(struct report *report);

/* True while the session's collector still works: caches are full and counts are of different moments. */
static inline bool report_is_running(const struct report *report) {
    return strcmp(report->session.state, "running") == 0;
}

/* a + b, or UINT64_MAX. */
static inline uint64_t report_add(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* a * b, or UINT64_MAX. */
static inline uint64_t report_multiply(uint64_t a, uint64_t b) {
    return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

/* How many bytes a frame has more in the layer 'layer' than in layer 2 without FCS. */
static inline int report_layer_offset(enum read_layer layer) {
    return layer == READ_LAYER_L3 ? -14 : layer == READ_LAYER_L2_FCS ? 4 : 0;
}

/* 'bytes' of 'packets' frames, moved by 'offset' bytes a frame, not below 0. */
static inline uint64_t report_shift_bytes(uint64_t bytes, uint64_t packets, int offset) {
    if (offset >= 0) {
        return report_add(bytes, report_multiply(packets, (uint64_t)offset));
    }
    uint64_t less = report_multiply(packets, (uint64_t)-offset);
    return less > bytes ? 0 : bytes - less;
}
