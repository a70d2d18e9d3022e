#include "reports/stats/sizes.h"

#include <math.h>
#include <string.h>

/* Exporters that scale may round: less than this is no difference. */
#define SIZE_SLACK 0.25

/* Doubles count exactly up to here. */
#define EXACT_DOUBLE 9007199254740992.0

/* The normal quantile of two-sided 99.9 %. */
#define WIDE_Z 3.2905

/* Fewer effective samples make no normal sum. */
#define NORMAL_SAMPLES 30.0

void stats_sizes_init(struct stats_sizes *sizes, double largest) {
    memset(sizes, 0, sizeof *sizes);
    sizes->largest = largest;
    sizes->smallest_p = 1.0;
}

/* True if every frame of 'flow' has the same size. */
static bool one_size(const struct stats_size_flow *flow) {
    double size = (double)flow->bytes / (double)flow->packets;
    double squares = (double)flow->packets * size * size;
    return flow->bytes % flow->packets == 0 && squares < EXACT_DOUBLE && flow->square_sum == squares;
}

static void add_exact(struct stats_sizes *sizes, const struct stats_size_flow *flow, double size) {
    double offset = flow->sampled_bytes / flow->samples - size;
    double ratio = flow->sampled_bytes / flow->samples / size;
    sizes->exact++;
    if (fabs(offset * flow->samples) < SIZE_SLACK) {
        return;
    }
    bool first = sizes->wrong++ == 0;
    sizes->offset_low = first || offset < sizes->offset_low ? offset : sizes->offset_low;
    sizes->offset_high = first || offset > sizes->offset_high ? offset : sizes->offset_high;
    sizes->ratio_low = first || ratio < sizes->ratio_low ? ratio : sizes->ratio_low;
    sizes->ratio_high = first || ratio > sizes->ratio_high ? ratio : sizes->ratio_high;
}

double stats_size_bound(double difference, double variance, double range) {
    double away = fabs(difference);
    if (away < SIZE_SLACK) {
        return 1.0;
    }
    double chebyshev = variance / (away * away);
    double bernstein = 2.0 * exp(-away * away / (2.0 * (variance + range * away / 3.0)));
    return fmin(1.0, fmin(chebyshev, bernstein));
}

/* The samples are some of the flow's frames, so (B - n mu)^2 <= n (X - n) sigma^2, always: the differences
 * between two parts of a whole are no larger than those within it. */
static bool impossible(const struct stats_size_flow *flow, double difference, double variance) {
    double packets = (double)flow->packets;
    double most = flow->samples * fmax(packets - flow->samples, 0.0) * variance;
    return flow->samples <= packets && fabs(difference) > sqrt(most) * (1.0 + 1e-6) + 1.0;
}

void stats_sizes_add(struct stats_sizes *sizes, const struct stats_size_flow *flow) {
    if (flow->packets == 0 || !(flow->samples > 0.0) || !isfinite(flow->samples)) {
        return;
    }
    double packets = (double)flow->packets;
    double size = (double)flow->bytes / packets;
    sizes->flows++;
    sizes->samples_of += (uint64_t)llround(fmin(flow->samples, 9e18));
    if (one_size(flow)) {
        add_exact(sizes, flow, size);
        return;
    }
    /* The last bits of a large sum of squares are rounded: a byte squared is no news. */
    double variance = fmax(flow->square_sum / packets - size * size, 0.0) + 1e-12 * size * size;
    double difference = flow->sampled_bytes - flow->samples * size;
    double spread = flow->samples * variance;
    double p =
        impossible(flow, difference, variance) ? 0.0 : stats_size_bound(difference, spread, sizes->largest);
    sizes->smallest_p = fmin(sizes->smallest_p, p);
    sizes->difference += difference;
    sizes->variance += spread;
}

double stats_sizes_flows_p(const struct stats_sizes *sizes) {
    uint64_t tested = sizes->flows - sizes->exact;
    return tested == 0 ? 1.0 : fmin(1.0, sizes->smallest_p * (double)tested);
}

double stats_sizes_total_p(const struct stats_sizes *sizes) {
    return sizes->variance > 0.0 ? stats_size_bound(sizes->difference, sizes->variance, sizes->largest) : 1.0;
}

bool stats_sizes_plausible(const struct stats_sizes *sizes) {
    return stats_sizes_flows_p(sizes) >= STATS_SIZE_ALPHA && stats_sizes_total_p(sizes) >= STATS_SIZE_ALPHA;
}

struct stats_bytes_test stats_test_bytes(double sampled_bytes, double bytes, double square_sum, double rate,
                                         double largest) {
    struct stats_bytes_test test = {NAN, NAN, NAN};
    double p = 1.0 / rate;
    if (!(rate > 1.0) || !(square_sum > 0.0) || p * bytes * bytes / square_sum < NORMAL_SAMPLES) {
        return test;
    }
    double skewness = largest / sqrt(p * square_sum);
    test.z = (sampled_bytes - bytes * p) / sqrt(p * (1.0 - p) * square_sum);
    test.low = -WIDE_Z;
    test.high = WIDE_Z + (WIDE_Z * WIDE_Z - 1.0) / 6.0 * skewness;
    return test;
}

bool stats_bytes_test_ok(const struct stats_bytes_test *test) {
    return isnan(test->z) || (test->z >= test->low && test->z <= test->high);
}
