/* The steps of report_compare(), each in its own file. */
#pragma once

#include <string.h>

#include "reports/model.h"

/* flows.c: the flow 'id', made when it is new.  Returns NULL with 'error' filled. */
struct report_flow *report_flow_get(struct report *report, struct reader *reader, int64_t id,
                                    struct error *error);

/* flows.c: the flow 'id', or NULL when there is none. */
struct report_flow *report_flow_find(struct report_flows *flows, int64_t id);

/* flows.c: makes room for 'sources' estimates and 'entries' counts a flow.  To be called before the first
 * report_flow_get(). */
void report_flows_init(struct report_flows *flows, size_t sources, size_t entries);
void report_flows_free(struct report_flows *flows);

/* flows.c: puts the largest flows first.  Afterwards the flows can't be found by id. */
void report_flows_sort(struct report_flows *flows);

/* sources.c: true if 'source' can see 'flow', of which it said 'estimate'. */
bool report_source_sees(const struct report *report, const struct report_source *source,
                        const struct report_flow *flow, const struct report_estimate *estimate);

/* sources.c: reads the exporters, and makes the sources of 'names'. */
int report_choose_sources(struct report *report, struct reader *reader, const char *const names[],
                          size_t name_count, struct error *error);

/* setup.c: reads how the session was shaped out of its settings. */
void report_read_setup(struct report *report, struct reader *reader);

/* entries.c: reads the captures, and makes the entries of the switch out of them, of the setup and of the
 * ledger, which is to be read before. */
int report_find_entries(struct report *report, struct reader *reader, struct error *error);

/* entries.c: true if there are two entries and no other port, so that what came in by the one can only have
 * come out by the other. */
bool report_two_way(const struct report *report);

/* truth.c: reads the truth into the flows and the series, after report_read_stages(). */
int report_read_truth(struct report *report, struct reader *reader, struct error *error);

/* ingress.c: decides for each entry from where it is known what the switch took in there. */
void report_decide_truth(struct report *report);

/* ingress.c: is the truth the truth?  Says so in the ledger's notes. */
void report_judge_truth(struct report *report);

/* series.c: lays out the bins for what lies between 'low' and 'high', or the exporters' own times. */
int report_series_init(struct report *report, int64_t low, int64_t high);

/* series.c: adds 'bytes', spread evenly over 'begin_ns' to 'end_ns', to the bins; 'offset' is the field
 * within a bin. */
void report_series_add(struct report_series *series, size_t offset, int64_t begin_ns, int64_t end_ns,
                       double bytes);

/* series.c: makes 'low' to 'high' hold 'time_ns', unless that is not known. */
void report_widen(int64_t time_ns, int64_t *low, int64_t *high);

/* gather.c: reads samples and records into the flows and the series, after the truth. */
int report_gather(struct report *report, struct reader *reader, struct error *error);

/* assess.c: intervals, accuracy, detection and decades of each source. */
int report_assess(struct report *report, struct error *error);

/* ledger.c: the stages that the database has; the taps' own come from the truth. */
int report_read_stages(struct report *report, struct reader *reader, struct error *error);

/* ledger.c: how many frames 'stage' counted in 'direction', by the first witness, or READ_NULL. */
int64_t report_stage_packets(const struct report_ledger *ledger, const char *stage, const char *direction);

/* ledger.c: all stages and what was lost between them. */
int report_make_ledger(struct report *report, struct reader *reader, struct error *error);

/* ledger.c: adds a row, unless the ledger is full. */
void report_add_stage(struct report_ledger *ledger, const char *stage, const char *direction, int64_t packets,
                      int64_t bytes, const char *source);

/* ledger.c: where 'stage' stands on a frame's way, from 0, or -1 for what is no stage. */
int report_stage_rank(const char *stage);

/* ledger.c: orders the rows by direction and along the way. */
void report_sort_ledger(struct report_ledger *ledger);

/* loss.c: compares neighbouring stages that are already there, and says in words who lost what. */
void report_find_losses(struct report_ledger *ledger);

/* loss.c: notes that 'packets' of 'what' are missing (below 0: too many) between 'from' and 'to', unless
 * nothing is, and who did it. */
void report_add_loss(struct report_ledger *ledger, const char *direction, const char *from, const char *to,
                     int64_t packets, const char *what);

/* loss.c: likewise of nsmon's own datagrams; what was done on purpose was done to 'others', too, which passed
 * the same place: more may have been dropped then than nsmon's own miss. */
void report_add_own_loss(struct report_ledger *ledger, const char *direction, const char *from,
                         const char *to, int64_t packets, const char *what, uint64_t others);

/* endpoints.c: what nsmon's own endpoints counted, and whether it agrees with what was done on purpose. */
int report_add_endpoints(struct report *report, struct reader *reader, struct error *error);

/* runs.c: what each run of them measured over time, and where its delay came from. */
int report_add_runs(struct report *report, struct reader *reader, struct error *error);

/* doubt.c: true if 'source', which is not sampled, differs by no more frames than the truth may lack or have
 * too many. */
bool report_doubt_explains_counts(const struct report *report, const struct report_source *source);

/* doubt.c: true if OpenFlow rules rewrite frames and 'source', which is not sampled, only says of them what
 * they came out as: it lacks as many of the flows that came in as it has of flows that went out. */
bool report_rewriting_explains_counts(const struct report *report, const struct report_source *source);

/* doubt.c: true if the sampled source 'number' would be within theory, were the frames that the truth may
 * lack or have too many in the flows where it is furthest away. */
bool report_doubt_explains_samples(const struct report *report, size_t number);

/* cause.c: says in 'text' what is known to have gone wrong with the exports of 'source', or "". */
void report_known_losses(const struct report *report, const struct report_source *source, char *text,
                         size_t size);

/* cause.c: says in 'text' the likely cause why the counts of 'source' are off. */
void report_cause_of_counts(const struct report *report, const struct report_source *source, char *text,
                            size_t size);

/* cause.c: says in 'text' how the sampled packets of 'source' differ in size from those of their flows. */
void report_cause_of_sizes(const struct report_source *source, char *text, size_t size);

/* cause.c: says in 'text' how much 'source' reports that no tap saw. */
void report_cause_of_phantoms(const struct report_source *source, char *text, size_t size);

/* verdict.c: what is right and wrong, in words. */
void report_make_verdict(struct report *report);

/* True while the session's collector still works: caches are full and counts are of different moments. */
static inline bool report_is_running(const struct report *report) {
    return strcmp(report->session.state, "running") == 0;
}

/* True if what happened between 'first_ns' and 'last_ns' is, in part at least, in the measurement window. */
static inline bool report_in_window(const struct read_session *session, int64_t first_ns, int64_t last_ns) {
    return (session->window_start_ns == READ_NULL || last_ns >= session->window_start_ns) &&
           (session->window_end_ns == READ_NULL || first_ns <= session->window_end_ns);
}

/* "1 flow", "2 flows": of 'count' things. */
static inline const char *report_plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

/* A count that the store gives, never negative. */
static inline uint64_t report_known(int64_t value) {
    return value < 0 ? 0 : (uint64_t)value;
}

/* A count for the ledger. */
static inline int64_t report_signed(uint64_t value) {
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
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
