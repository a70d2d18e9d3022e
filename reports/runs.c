/* Runs of nsmon's own endpoints: the rate, the one-way delay and what TCP met over time, how the delay is
 * distributed, and where on the way it came from. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "reports/internal.h"

/* Stamps of a run that are looked at: as many as a run has in both directions. */
#define STAMPS_LIMIT ((size_t)32768)

static int take_run(const struct read_traffic_run *run, void *context) {
    struct report *report = context;
    struct report_runs *runs = &report->runs;
    if (runs->count == REPORT_RUNS_MAX) {
        runs->left_out++;
        return 0;
    }
    runs->runs[runs->count++] = (struct report_run){.run = *run};
    return 0;
}

/* ---- the rate over time ---- */

struct seconds {
    struct report_run *run;
    int64_t begin_ns, width_ns;
};

/* What the senders' kernels say of TCP. */
static void add_tcp(struct report_run *run, struct report_run_bin *at,
                    const struct read_traffic_interval *interval) {
    if (interval->retransmitted != READ_NULL) {
        at->has_tcp = run->has_tcp = true;
        at->retransmitted += (double)report_known(interval->retransmitted);
        run->retransmitted += (double)report_known(interval->retransmitted);
    }
    if (interval->rtt_p50_ns != READ_NULL && interval->rtt_p99_ns != READ_NULL) {
        double p50 = (double)interval->rtt_p50_ns, p99 = (double)interval->rtt_p99_ns;
        at->rtt_p50_ns = at->has_rtt ? fmax(at->rtt_p50_ns, p50) : p50;
        at->rtt_p99_ns = at->has_rtt ? fmax(at->rtt_p99_ns, p99) : p99;
        at->has_rtt = true;
    }
}

/* The bin in which the middle of an interval lies; an interval is at most as long as a bin, nearly always. */
static int take_interval(const struct read_traffic_interval *interval, void *context) {
    const struct seconds *seconds = context;
    struct report_run *run = seconds->run;
    int64_t middle = interval->start_ns / 2 + interval->end_ns / 2 - seconds->begin_ns;
    int64_t place = middle < 0 ? 0 : middle / seconds->width_ns;
    size_t bin = place >= REPORT_RUN_BINS ? REPORT_RUN_BINS - 1 : (size_t)place;
    struct report_run_bin *at = &run->bins[bin];
    run->bin_count = bin >= run->bin_count ? bin + 1 : run->bin_count;
    at->sent_bytes += (double)report_known(interval->sent_bytes);
    at->received_bytes += (double)report_known(interval->received_bytes);
    at->length_ns += (double)(interval->end_ns - interval->start_ns);
    if (interval->owd_p50_ns != READ_NULL) {
        /* Of several seconds the worst: the quantiles of them together are not known. */
        at->p50_ns =
            at->has_delay ? fmax(at->p50_ns, (double)interval->owd_p50_ns) : (double)interval->owd_p50_ns;
        at->p99_ns =
            at->has_delay ? fmax(at->p99_ns, (double)interval->owd_p99_ns) : (double)interval->owd_p99_ns;
        at->has_delay = true;
    }
    add_tcp(run, at, interval);
    return 0;
}

static int compare(const void *a, const void *b) {
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

/* The smallest that at least the share 'share' of all do not exceed; 'sorted' has at least one. */
static double quantile(const double *sorted, size_t count, double share) {
    size_t rank = (size_t)ceil(share * (double)count);
    return sorted[rank == 0 ? 0 : rank - 1];
}

/* The round trips of the run, bin by bin. */
static void add_round_trips(struct report_run *run) {
    double medians[REPORT_RUN_BINS];
    size_t count = 0;
    run->rtt_p50_ns = run->rtt_p99_ns = NAN;
    for (size_t i = 0; i < run->bin_count; i++) {
        if (run->bins[i].has_rtt) {
            medians[count++] = run->bins[i].rtt_p50_ns;
            run->rtt_p99_ns = fmax(run->rtt_p99_ns, run->bins[i].rtt_p99_ns);
        }
    }
    if (count > 0) {
        qsort(medians, count, sizeof *medians, compare);
        run->rtt_p50_ns = quantile(medians, count, 0.5);
    }
}

static int add_seconds(struct report_run *run, struct reader *reader, struct error *error) {
    int64_t end_ns = run->run.ended_ns == READ_NULL ? run->run.started_ns : run->run.ended_ns;
    int64_t length_ns = end_ns > run->run.started_ns ? end_ns - run->run.started_ns : 0;
    int64_t seconds = length_ns / NS_PER_S / REPORT_RUN_BINS + 1;
    run->width_ns = seconds * NS_PER_S;
    struct seconds context = {.run = run, .begin_ns = run->run.started_ns, .width_ns = run->width_ns};
    int rc = reader_each_traffic_interval(reader, run->run.id, take_interval, &context, error);
    add_round_trips(run);
    return rc;
}

/* ---- the distribution of the delay ---- */

/* The shares whose delays are told: closer and closer to 1, where the slow ones are. */
static const double shares[REPORT_CDF_POINTS] = {
    0,    0.01,  0.02, 0.05,   0.1,   0.15,   0.2,   0.25,  0.3,    0.35,   0.4,  0.45,
    0.5,  0.55,  0.6,  0.65,   0.7,   0.75,   0.8,   0.85,  0.9,    0.925,  0.95, 0.965,
    0.98, 0.985, 0.99, 0.9925, 0.995, 0.9965, 0.998, 0.999, 0.9995, 0.9999, 1};

struct walk {
    struct report_cdf *cdf;
    uint64_t seen;
};

static int count_bin(const struct read_traffic_bin *bin, void *context) {
    struct walk *walk = context;
    walk->cdf->count = report_add(walk->cdf->count, report_known(bin->count));
    return 0;
}

static int take_bin(const struct read_traffic_bin *bin, void *context) {
    struct walk *walk = context;
    struct report_cdf *cdf = walk->cdf;
    walk->seen = report_add(walk->seen, report_known(bin->count));
    double middle = ((double)bin->low_ns + (double)bin->high_ns - 1) / 2;
    while (cdf->point_count < REPORT_CDF_POINTS &&
           (double)walk->seen >= shares[cdf->point_count] * (double)cdf->count && walk->seen > 0) {
        cdf->points[cdf->point_count] =
            (struct report_cdf_point){.share = shares[cdf->point_count], .ns = middle};
        cdf->point_count++;
    }
    return 0;
}

static int add_times(struct report_cdf *cdf, struct reader *reader, int64_t run_id,
                     enum read_traffic_times times, struct error *error) {
    struct walk walk = {.cdf = cdf};
    int rc = reader_each_traffic_bin(reader, run_id, times, count_bin, &walk, error);
    return rc == 0 ? reader_each_traffic_bin(reader, run_id, times, take_bin, &walk, error) : rc;
}

static int add_delays(struct report_run *run, struct reader *reader, struct error *error) {
    int rc = add_times(&run->owd, reader, run->run.id, READ_ONE_WAY_DELAYS, error);
    return rc == 0 ? add_times(&run->responses, reader, run->run.id, READ_RESPONSE_TIMES, error) : rc;
}

/* ---- where it came from ---- */

struct stamps {
    double *parts[REPORT_DELAY_PARTS]; /* STAMPS_LIMIT each */
    size_t count;
};

/* In whole nanoseconds first: a double holds times since the epoch to 256 ns only. */
static double between(int64_t from_ns, int64_t to_ns) {
    return (double)(int64_t)((uint64_t)to_ns - (uint64_t)from_ns);
}

static int take_stamp(const struct read_traffic_stamp *stamp, void *context) {
    struct stamps *stamps = context;
    if (stamps->count < STAMPS_LIMIT) {
        size_t i = stamps->count++;
        stamps->parts[REPORT_DELAY_SENDER][i] = between(stamp->sent_ns, stamp->tap_out_ns);
        stamps->parts[REPORT_DELAY_SWITCH][i] = between(stamp->tap_out_ns, stamp->tap_in_ns);
        stamps->parts[REPORT_DELAY_RECEIVER][i] = between(stamp->tap_in_ns, stamp->received_ns);
        stamps->parts[REPORT_DELAY_ALL][i] = between(stamp->sent_ns, stamp->received_ns);
    }
    return 0;
}

static void add_parts(struct report_run *run, struct stamps *stamps) {
    run->stamps = stamps->count;
    for (size_t i = 0; i < REPORT_DELAY_PARTS && stamps->count > 0; i++) {
        qsort(stamps->parts[i], stamps->count, sizeof *stamps->parts[i], compare);
        run->parts[i] = (struct report_delay_part){.p50_ns = quantile(stamps->parts[i], stamps->count, 0.5),
                                                   .p99_ns = quantile(stamps->parts[i], stamps->count, 0.99)};
    }
}

static int take_loss(const struct read_traffic_loss *loss, void *context) {
    struct report_run *run = context;
    if (run->loss_count < REPORT_LOSS_BINS) {
        run->losses[run->loss_count++] = *loss;
    }
    return 0;
}

int report_add_runs(struct report *report, struct reader *reader, struct error *error) {
    struct stamps stamps = {.count = 0};
    int rc = reader_each_traffic_run(reader, report->session.id, take_run, report, error);
    for (size_t i = 0; i < REPORT_DELAY_PARTS && rc == 0 && report->runs.count > 0; i++) {
        stamps.parts[i] = calloc(STAMPS_LIMIT, sizeof *stamps.parts[i]);
        rc = stamps.parts[i] == NULL ? -ENOMEM : 0;
    }
    for (size_t i = 0; i < report->runs.count && rc == 0; i++) {
        struct report_run *run = &report->runs.runs[i];
        stamps.count = 0;
        rc = add_seconds(run, reader, error);
        rc = rc == 0 ? add_delays(run, reader, error) : rc;
        rc = rc == 0 ? reader_each_traffic_loss(reader, run->run.id, take_loss, run, error) : rc;
        rc = rc == 0 ? reader_each_traffic_stamp(reader, run->run.id, take_stamp, &stamps, error) : rc;
        if (rc == 0) {
            add_parts(run, &stamps);
        }
    }
    for (size_t i = 0; i < REPORT_DELAY_PARTS; i++) {
        free(stamps.parts[i]);
    }
    return rc;
}
