#include "reports/stats/chance.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include <gsl/gsl_cdf.h>

/* Up to here the Poisson-binomial distribution is folded exactly, in count^2 / 2 steps. */
#define EXACT_TRIALS 4096

static bool covers(double samples, double packets, double rate) {
    struct stats_interval interval = stats_packets_interval(samples, rate);
    return stats_interval_holds(&interval, packets);
}

double stats_coverage(uint64_t packets, double rate) {
    if (rate <= 1.0 || packets == 0) {
        return 1.0;
    }
    if (packets > UINT_MAX) {
        return 0.95;
    }
    double x = (double)packets;
    double p = 1.0 / rate;
    double half = STATS_Z95 * sqrt(x * p * (1.0 - p));
    /* The counts whose interval holds x lie around xp +- half; the ends are asked of the interval itself. */
    double low = fmax(floor(x * p - half) - 1.0, 1.0);
    while (low <= x && low < x * p && !covers(low, x, rate)) {
        low += 1.0;
    }
    double high = fmin(ceil(x * p + half) + 1.0, x);
    while (high >= low && !covers(high, x, rate)) {
        high -= 1.0;
    }
    unsigned int trials = (unsigned int)packets;
    double probability = 0.0;
    if (high >= low && covers(low, x, rate)) {
        probability = gsl_cdf_binomial_P((unsigned int)high, p, trials) -
                      gsl_cdf_binomial_P((unsigned int)low - 1, p, trials);
    }
    /* No samples have a bound of their own, which may hold x although 1 sample does not. */
    return covers(0.0, x, rate) ? probability + exp(x * log1p(-p)) : probability;
}

double stats_seen(uint64_t packets, double rate) {
    if (rate <= 1.0) {
        return packets > 0 ? 1.0 : 0.0;
    }
    return -expm1((double)packets * log1p(-1.0 / rate));
}

static struct stats_interval normal_range(const double *p, size_t count, double level) {
    double mean = 0.0;
    double variance = 0.0;
    for (size_t i = 0; i < count; i++) {
        mean += p[i];
        variance += p[i] * (1.0 - p[i]);
    }
    double half = gsl_cdf_ugaussian_Pinv(0.5 + level / 2.0) * sqrt(variance) + 0.5;
    return (struct stats_interval){fmax(ceil(mean - half), 0.0), fmin(floor(mean + half), (double)count)};
}

int stats_poisson_binomial_range(const double *p, size_t count, double level, struct stats_interval *range) {
    if (count > EXACT_TRIALS) {
        *range = normal_range(p, count, level);
        return 0;
    }
    double *mass = calloc(count + 1, sizeof *mass);
    if (mass == NULL) {
        return -ENOMEM;
    }
    mass[0] = 1.0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k > 0; k--) {
            mass[k] = mass[k] * (1.0 - p[i]) + mass[k - 1] * p[i];
        }
        mass[0] *= 1.0 - p[i];
    }
    double tail = (1.0 - level) / 2.0;
    size_t low = 0;
    for (double sum = mass[0]; low < count && sum <= tail; sum += mass[low]) {
        low++;
    }
    size_t high = count;
    for (double sum = mass[count]; high > low && sum <= tail; sum += mass[high]) {
        high--;
    }
    free(mass);
    *range = (struct stats_interval){(double)low, (double)high};
    return 0;
}

struct stats_interval stats_chi_squared_range(double freedom, double level) {
    double tail = (1.0 - level) / 2.0;
    return (struct stats_interval){gsl_cdf_chisq_Pinv(tail, freedom), gsl_cdf_chisq_Qinv(tail, freedom)};
}

/* The score interval of the proportion samples / packets (Wilson), turned over into a rate. */
static struct stats_interval rate_interval(double samples, double packets) {
    double z2 = STATS_Z95 * STATS_Z95;
    double share = samples / packets;
    double middle = share + z2 / (2.0 * packets);
    double half = STATS_Z95 * sqrt(share * (1.0 - share) / packets + z2 / (4.0 * packets * packets));
    double scale = 1.0 + z2 / packets;
    double low_share = (middle - half) / scale;
    return (struct stats_interval){scale / (middle + half), low_share > 0.0 ? 1.0 / low_share : INFINITY};
}

struct stats_rate_test stats_test_rate(uint64_t samples, uint64_t packets, double rate) {
    double n = (double)samples;
    double x = (double)packets;
    struct stats_rate_test test = {.effective_rate = INFINITY, .interval = {1.0, INFINITY}, .p_value = 1.0};
    if (samples > 0) {
        test.effective_rate = x / n;
    }
    if (packets > 0) {
        test.interval = rate_interval(n, x);
    }
    double p = rate <= 1.0 ? 1.0 : 1.0 / rate;
    double deviation = sqrt(x * p * (1.0 - p));
    double difference = n - x * p;
    test.z = deviation > 0.0     ? difference / deviation
             : difference == 0.0 ? 0.0
                                 : copysign(INFINITY, difference);
    if (samples > packets || deviation == 0.0) {
        test.p_value = difference == 0.0 ? 1.0 : 0.0;
    } else if (packets <= UINT_MAX) {
        double lower = gsl_cdf_binomial_P((unsigned int)samples, p, (unsigned int)packets);
        double upper =
            samples == 0 ? 1.0 : gsl_cdf_binomial_Q((unsigned int)samples - 1, p, (unsigned int)packets);
        test.p_value = fmin(1.0, 2.0 * fmin(lower, upper));
    } else {
        test.p_value = 2.0 * gsl_cdf_ugaussian_Q(fabs(test.z));
    }
    return test;
}

double stats_detection_packets(uint64_t packets, double rate) {
    if (rate <= 1.0 || packets == 0) {
        return 1.0;
    }
    double m = (double)packets;
    double unseen = exp(m * log1p(-1.0 / rate));
    return rate - m * unseen / (1.0 - unseen);
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

void stats_sort(double *values, size_t count) {
    if (count > 1) {
        qsort(values, count, sizeof *values, compare_doubles);
    }
}

double stats_quantile(const double *values, size_t count, double quantile) {
    if (count == 0) {
        return NAN;
    }
    double rank = ceil(quantile * (double)count);
    size_t index = rank < 1.0 ? 0 : (size_t)rank - 1;
    return values[index < count ? index : count - 1];
}
