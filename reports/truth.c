/* Reads the truth into the flows: first what went by at each tap, then, when it is decided by which rule,
 * what of it the switch took in. */
#include <errno.h>
#include <stddef.h>

#include "reports/internal.h"

struct pass {
    struct report *report;
    struct reader *reader;
    struct error *error;
    int64_t first_ns, last_ns; /* of the frames in the window */
};

/* The capture 'id', and in '*entry' where it stands; NULL for one that another covers. */
static const struct read_capture *find_capture(const struct report *report, int64_t id, size_t *entry,
                                               size_t *number) {
    for (size_t i = 0; i < report->capture_count; i++) {
        if (report->captures[i].id == id) {
            *entry = (size_t)report->entry_of[i];
            *number = i;
            return report->entry_of[i] < 0 ? NULL : &report->captures[i];
        }
    }
    return NULL;
}

/* The earliest frame of 'flow' counts out of its station; where nobody saw that, into the other. */
static void note_times(struct report_flow *flow, const struct read_truth *truth, size_t entry) {
    bool first_out = !truth->into_station && flow->out_packets == 0;
    bool better = flow->first_ns == READ_NULL || truth->first_ns < flow->first_ns;
    if (first_out || (better && (!truth->into_station || flow->out_packets == 0))) {
        flow->first_ns = truth->first_ns;
    }
    flow->last_ns =
        flow->last_ns == READ_NULL || truth->last_ns > flow->last_ns ? truth->last_ns : flow->last_ns;
    if (!truth->into_station) {
        flow->entry = (int64_t)entry;
    }
}

/* What a tap saw, whichever way it went. */
static int take_frames(const struct read_truth *truth, void *context) {
    struct pass *pass = context;
    struct report *report = pass->report;
    size_t entry;
    size_t number;
    if (find_capture(report, truth->capture_id, &entry, &number) == NULL) {
        return 0;
    }
    struct report_flow *flow = report_flow_get(report, pass->reader, truth->flow_id, pass->error);
    if (flow == NULL) {
        return -EIO;
    }
    uint64_t packets = report_known(truth->packets);
    note_times(flow, truth, entry);
    struct report_tap *total = &report->taps[number];
    uint64_t *flow_sum = truth->into_station ? &flow->in_packets : &flow->out_packets;
    uint64_t *packet_sum = truth->into_station ? &total->in_packets : &total->out_packets;
    uint64_t *byte_sum = truth->into_station ? &total->in_bytes : &total->out_bytes;
    *flow_sum = report_add(*flow_sum, packets);
    *packet_sum = report_add(*packet_sum, packets);
    *byte_sum = report_add(*byte_sum, report_known(truth->bytes));
    bool in_window = report_in_window(&report->session, truth->first_ns, truth->last_ns);
    if (truth->into_station) {
        flow->came_to[entry] = report_add(flow->came_to[entry], packets);
        flow->arrived_packets = report_add(flow->arrived_packets, in_window ? packets : 0);
    }
    if (in_window) {
        report_widen(truth->first_ns, &pass->first_ns, &pass->last_ns);
        report_widen(truth->last_ns, &pass->first_ns, &pass->last_ns);
    }
    return 0;
}

static bool is_delivered(enum report_basis rule) {
    return rule == REPORT_DELIVERED || rule == REPORT_AT_OTHER;
}

/* True if what went by at 'entry', into the station or out of it, is what the switch took in somewhere. */
static bool is_truth(const struct report *report, size_t entry, bool into_station) {
    if (report->one_tap) {
        return true;
    }
    if (!into_station) {
        return !is_delivered(report->entries[entry].rule);
    }
    return report_two_way(report) && is_delivered(report->entries[1 - entry].rule);
}

static int take_truth(const struct read_truth *truth, void *context) {
    struct pass *pass = context;
    struct report *report = pass->report;
    size_t entry;
    size_t number;
    if (find_capture(report, truth->capture_id, &entry, &number) == NULL ||
        !is_truth(report, entry, truth->into_station)) {
        return 0;
    }
    struct report_flow *flow = report_flow_get(report, pass->reader, truth->flow_id, pass->error);
    if (flow == NULL) {
        return -EIO;
    }
    uint64_t packets = report_known(truth->packets);
    uint64_t bytes = report_known(truth->bytes);
    flow->met_packets = report_add(flow->met_packets, packets);
    flow->met_bytes = report_add(flow->met_bytes, bytes);
    flow->met_squares += truth->square_sum;
    if (report_in_window(&report->session, truth->first_ns, truth->last_ns)) {
        report->has_truth = true;
        flow->packets = report_add(flow->packets, packets);
        flow->bytes = report_add(flow->bytes, bytes);
        report_series_add(&report->series, offsetof(struct report_bin, truth_bytes), truth->first_ns,
                          truth->last_ns, (double)truth->bytes);
    }
    return 0;
}

/* Where frames come out as another flow only the balance of all is known. */
static void sum_all_delivery(struct report *report) {
    uint64_t in = 0;
    uint64_t out = 0;
    for (size_t i = 0; i < report->flows.count; i++) {
        in = report_add(in, report->flows.flows[i].packets);
        out = report_add(out, report->flows.flows[i].arrived_packets);
    }
    report->delivered_packets = out < in ? out : in;
    report->undelivered_packets = in - report->delivered_packets;
    report->copied_packets = out - report->delivered_packets;
}

/* What of the truth came out of the switch again. */
static void sum_delivery(struct report *report) {
    if (report->has_delivery && !report->flow_delivery) {
        sum_all_delivery(report);
        return;
    }
    for (size_t i = 0; i < report->flows.count && report->has_delivery; i++) {
        const struct report_flow *flow = &report->flows.flows[i];
        uint64_t delivered = report_delivered(flow);
        report->delivered_packets = report_add(report->delivered_packets, delivered);
        report->undelivered_packets = report_add(report->undelivered_packets, flow->packets - delivered);
        report->copied_packets = report_add(report->copied_packets, report_copied(flow));
    }
}

int report_read_truth(struct report *report, struct reader *reader, struct error *error) {
    struct pass pass = {
        .report = report, .reader = reader, .error = error, .first_ns = READ_NULL, .last_ns = READ_NULL};
    int rc = reader_each_truth(reader, report->session.id, take_frames, &pass, error);
    if (rc != 0) {
        return rc;
    }
    report_decide_truth(report);
    rc = report_series_init(report, pass.first_ns, pass.last_ns);
    if (rc == 0) {
        rc = reader_each_truth(reader, report->session.id, take_truth, &pass, error);
    }
    sum_delivery(report);
    return rc;
}
