#include "reports/stats/accuracy.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/stats/chance.h"

int stats_accuracy_init(struct stats_accuracy *accuracy, size_t flows) {
    memset(accuracy, 0, sizeof *accuracy);
    if (flows > 0) {
        accuracy->coverage = calloc(flows, sizeof *accuracy->coverage);
        accuracy->coverage_capacity = flows;
        return accuracy->coverage == NULL ? -ENOMEM : 0;
    }
    return 0;
}

void stats_accuracy_free(struct stats_accuracy *accuracy) {
    free(accuracy->coverage);
    accuracy->coverage = NULL;
    accuracy->coverage_capacity = 0;
}

/* Adds what is known of the sampling of 'flow': how often it should have been sampled, and how often it was.
 */
static void add_sampling(struct stats_accuracy *accuracy, const struct stats_flow *flow) {
    double p = flow->rate <= 1.0 ? 1.0 : 1.0 / flow->rate;
    double expected = (double)flow->truth_packets * p;
    double variance = expected * (1.0 - p);
    accuracy->samples += flow->samples;
    accuracy->expected_samples += expected;
    accuracy->samples_variance += variance;
    if (expected >= STATS_TESTED_SAMPLES && variance > 0.0) {
        double difference = flow->samples - expected;
        accuracy->tested++;
        accuracy->chi_squared += difference * difference / variance;
    }
    double seen = stats_seen(flow->truth_packets, flow->rate);
    accuracy->seen += flow->samples > 0.0;
    accuracy->expected_seen += seen;
    accuracy->seen_variance += seen * (1.0 - seen);
}

void stats_accuracy_add(struct stats_accuracy *accuracy, const struct stats_flow *flow) {
    double error = flow->estimate - flow->truth;
    accuracy->truth += flow->truth;
    accuracy->error += error;
    accuracy->absolute_error += fabs(error);
    accuracy->relative_error += fabs(error) / flow->truth;
    accuracy->square_error += error * error;
    accuracy->covered += flow->within;
    if (accuracy->flows < accuracy->coverage_capacity) {
        accuracy->coverage[accuracy->flows] = stats_coverage(flow->truth_packets, flow->rate);
    }
    add_sampling(accuracy, flow);
    accuracy->flows++;
}

void stats_accuracy_add_extra(struct stats_accuracy *accuracy, double estimate) {
    accuracy->extra += estimate;
}

static int summarise_coverage(const struct stats_accuracy *accuracy, struct stats_summary *summary) {
    size_t flows = accuracy->flows;
    double count = (double)flows;
    summary->coverage = (double)accuracy->covered / count;
    summary->expected_coverage = NAN;
    summary->coverage_range = (struct stats_interval){NAN, NAN};
    summary->coverage_ok = true;
    if (flows > accuracy->coverage_capacity) {
        return 0;
    }
    double sum = 0.0;
    for (size_t i = 0; i < flows; i++) {
        sum += accuracy->coverage[i];
    }
    struct stats_interval range;
    struct stats_interval wide;
    int rc = stats_poisson_binomial_range(accuracy->coverage, flows, STATS_RANGE_LEVEL, &range);
    if (rc == 0) {
        rc = stats_poisson_binomial_range(accuracy->coverage, flows, STATS_WIDE_LEVEL, &wide);
    }
    if (rc != 0) {
        return rc;
    }
    summary->expected_coverage = sum / count;
    summary->coverage_range = (struct stats_interval){range.low / count, range.high / count};
    summary->coverage_ok = stats_interval_holds(&range, (double)accuracy->covered);
    summary->plausible = summary->plausible && stats_interval_holds(&wide, (double)accuracy->covered);
    return 0;
}

static void summarise_sampling(const struct stats_accuracy *accuracy, struct stats_summary *summary) {
    summary->seen = accuracy->seen;
    summary->missed = accuracy->flows - accuracy->seen;
    summary->expected_seen = accuracy->expected_seen;
    double half = 2.5758 * sqrt(accuracy->seen_variance);
    summary->seen_range =
        (struct stats_interval){fmax(accuracy->expected_seen - half, 0.0),
                                fmin(accuracy->expected_seen + half, (double)accuracy->flows)};
    summary->samples = accuracy->samples;
    summary->expected_samples = accuracy->expected_samples;
    double difference = accuracy->samples - accuracy->expected_samples;
    bool certain = accuracy->samples_variance <= 0.0;
    summary->samples_z = certain ? NAN : difference / sqrt(accuracy->samples_variance);
    summary->samples_ok = certain ? fabs(difference) < 0.5 : fabs(summary->samples_z) <= 3.0;
    /* 3.29 standard deviations: 99.9 %. */
    summary->plausible = certain ? summary->samples_ok : fabs(summary->samples_z) <= 3.29;
    summary->tested = accuracy->tested;
    summary->chi_squared = accuracy->tested > 0 ? accuracy->chi_squared : NAN;
    summary->chi_squared_range = (struct stats_interval){NAN, NAN};
    summary->chi_squared_ok = true;
    if (accuracy->tested > 0) {
        summary->chi_squared_range = stats_chi_squared_range((double)accuracy->tested, STATS_RANGE_LEVEL);
        summary->chi_squared_ok = stats_interval_holds(&summary->chi_squared_range, accuracy->chi_squared);
        struct stats_interval wide = stats_chi_squared_range((double)accuracy->tested, STATS_WIDE_LEVEL);
        summary->plausible = summary->plausible && stats_interval_holds(&wide, accuracy->chi_squared);
    }
}

int stats_accuracy_summary(const struct stats_accuracy *accuracy, struct stats_summary *summary) {
    memset(summary, 0, sizeof *summary);
    summary->bias = summary->weighted_error = summary->are = summary->aae = summary->rmse = NAN;
    summary->coverage = summary->expected_coverage = summary->chi_squared = summary->samples_z = NAN;
    summary->coverage_range = summary->chi_squared_range = (struct stats_interval){NAN, NAN};
    summary->coverage_ok = summary->chi_squared_ok = summary->samples_ok = summary->plausible = true;
    if (accuracy->flows == 0) {
        return 0;
    }
    double count = (double)accuracy->flows;
    summary->bias = (accuracy->error + accuracy->extra) / accuracy->truth;
    summary->weighted_error = (accuracy->absolute_error + accuracy->extra) / accuracy->truth;
    summary->are = accuracy->relative_error / count;
    summary->aae = accuracy->absolute_error / count;
    summary->rmse = sqrt(accuracy->square_error / count);
    summarise_sampling(accuracy, summary);
    int rc = summarise_coverage(accuracy, summary);
    summary->failed = (unsigned int)!summary->coverage_ok + !summary->chi_squared_ok + !summary->samples_ok;
    summary->plausible = summary->plausible && summary->failed < 2;
    return rc;
}
