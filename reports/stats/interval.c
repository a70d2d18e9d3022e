#include "reports/stats/interval.h"

#include <math.h>

bool stats_interval_holds(const struct stats_interval *interval, double value) {
    /* A point of a large estimate is no further from the truth than its last binary digit. */
    double slack = 1e-12 * fabs(value);
    return value >= interval->low - slack && value <= interval->high + slack;
}

struct stats_interval stats_packets_interval(double samples, double rate) {
    if (rate <= 1.0) {
        return (struct stats_interval){samples, samples};
    }
    double p = 1.0 / rate;
    double q = 1.0 - p;
    if (samples <= 0.0) {
        return (struct stats_interval){0.0, log(0.025) / log1p(-p)};
    }
    double z2q = STATS_Z95 * STATS_Z95 * q;
    double middle = 2.0 * samples + z2q;
    double half = STATS_Z95 * sqrt(q) * sqrt(4.0 * samples + z2q);
    /* What was sampled was there. */
    return (struct stats_interval){fmax((middle - half) / (2.0 * p), samples), (middle + half) / (2.0 * p)};
}

struct stats_interval stats_bytes_interval(double sum, double square_sum, double rate) {
    if (rate <= 1.0) {
        return (struct stats_interval){sum, sum};
    }
    if (sum <= 0.0 || square_sum <= 0.0) {
        return (struct stats_interval){0.0, INFINITY};
    }
    double weight = square_sum / sum;
    struct stats_interval effective = stats_packets_interval(sum / weight, rate);
    return (struct stats_interval){fmax(effective.low * weight, sum), effective.high * weight};
}

double stats_bytes_relative_error(double sum, double square_sum, double rate) {
    if (sum <= 0.0) {
        return INFINITY;
    }
    double q = rate <= 1.0 ? 0.0 : 1.0 - 1.0 / rate;
    return sqrt(q * square_sum) / sum;
}

struct stats_share stats_share_of_total(double class_samples, double samples, double total) {
    if (samples <= 0.0) {
        return (struct stats_share){0.0, {0.0, total}, INFINITY};
    }
    double share = class_samples / samples;
    double half = STATS_Z95 * total * sqrt(share * (1.0 - share) / samples);
    return (struct stats_share){
        .estimate = total * share,
        .interval = {fmax(total * share - half, 0.0), fmin(total * share + half, total)},
        .relative_error_bound = class_samples > 0.0 ? 1.96 * sqrt(1.0 / class_samples) : INFINITY,
    };
}
