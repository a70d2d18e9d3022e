#include "traffic/plan/distribution.h"

#include <math.h>

#include "traffic/plan/empirical.h"
#include "traffic/plan/random.h"

/* What is outside a range is drawn again so often. */
#define REDRAWS    32
#define MEAN_DRAWS 4096
#define TWO_PI     6.283185307179586

const char *traffic_law_name(unsigned int law) {
    static const char *const names[] = {"constant", "uniform",   "exponential", "normal",
                                        "pareto",   "lognormal", "histogram"};
    return law < sizeof names / sizeof *names ? names[law] : "unknown";
}

static double shape_or_default(unsigned int law, double shape) {
    double usual = law == TRAFFIC_LAW_PARETO ? TRAFFIC_ALPHA_DEFAULT : TRAFFIC_CV_DEFAULT;
    return shape > 0 ? shape : usual;
}

/* The moment number 'k' of the Pareto distribution of 'alpha' from 1 to TRAFFIC_GAP_PARETO_RANGE. */
static double pareto_moment(double alpha, double k) {
    double high = TRAFFIC_GAP_PARETO_RANGE;
    double part = fabs(alpha - k) < 1e-9 ? log(high) : (1 - pow(high, k - alpha)) / (alpha - k);
    return alpha * part / (1 - pow(high, -alpha));
}

struct traffic_distribution traffic_distribution_make(unsigned int law, double shape,
                                                      const struct traffic_empirical *histogram) {
    double own = shape_or_default(law, shape);
    struct traffic_distribution made = {.law = (uint8_t)law, .histogram = histogram};
    switch (law) {
    case TRAFFIC_LAW_NORMAL:
        made.a = own;
        break;
    case TRAFFIC_LAW_LOGNORMAL:
        /* Of exp(m + s z) the mean is exp(m + s^2 / 2) and the squared coefficient exp(s^2) - 1. */
        made.a = sqrt(log1p(own * own));
        made.b = -made.a * made.a / 2;
        break;
    case TRAFFIC_LAW_PARETO:
        made.a = own;
        made.b = 1 / pareto_moment(own, 1);
        break;
    default:
        break;
    }
    return made;
}

/* A standard normal value (Box and Muller, 1958) out of one number, whose mix is the second. */
static double standard_normal(uint64_t number) {
    double radius = sqrt(2 * traffic_random_exponential(traffic_random_share(number)));
    uint64_t other = traffic_random_mix(number ^ UINT64_C(0xd1b54a32d192ed03));
    return radius * cos(TWO_PI * traffic_random_share(other));
}

double traffic_distribution_draw(const struct traffic_distribution *distribution, uint64_t number) {
    const struct traffic_empirical *histogram = distribution->histogram;
    double share = traffic_random_share(number);
    if (histogram != NULL) {
        return traffic_empirical_at(histogram, share) / histogram->mean;
    }
    switch (distribution->law) {
    case TRAFFIC_LAW_EXPONENTIAL:
        return traffic_random_exponential(share);
    case TRAFFIC_LAW_UNIFORM:
        return 2 * share;
    case TRAFFIC_LAW_NORMAL:
        return fmax(0, 1 + distribution->a * standard_normal(number));
    case TRAFFIC_LAW_LOGNORMAL:
        return exp(distribution->b + distribution->a * standard_normal(number));
    case TRAFFIC_LAW_PARETO:
        return distribution->b * traffic_random_pareto(distribution->a, 1, TRAFFIC_GAP_PARETO_RANGE, share);
    default:
        return 1;
    }
}

double traffic_distribution_within(const struct traffic_distribution *distribution, double mean, double low,
                                   double high, uint64_t number) {
    double share = traffic_random_share(number);
    if (distribution->law == TRAFFIC_LAW_UNIFORM) {
        return low + share * (high - low);
    }
    if (distribution->law == TRAFFIC_LAW_PARETO) {
        return traffic_random_pareto(distribution->a, low, high, share);
    }
    const struct traffic_empirical *histogram = distribution->histogram;
    double value = 0;
    for (int i = 0; i < REDRAWS; i++) {
        value = histogram != NULL ? traffic_empirical_at(histogram, traffic_random_share(number))
                                  : mean * traffic_distribution_draw(distribution, number);
        if (value >= low && value <= high) {
            return value;
        }
        number = traffic_random_mix(number + UINT64_C(0x9e3779b97f4a7c15));
    }
    return value < low ? low : high;
}

double traffic_distribution_mean_within(const struct traffic_distribution *distribution, double mean,
                                        double low, double high) {
    double sum = 0;
    for (uint64_t i = 0; i < MEAN_DRAWS; i++) {
        sum += traffic_distribution_within(distribution, mean, low, high, traffic_random_at(0, 0, i));
    }
    return sum / MEAN_DRAWS;
}

double traffic_distribution_deviation(const struct traffic_distribution *distribution) {
    double a = distribution->a;
    if (distribution->histogram != NULL) {
        return distribution->histogram->deviation / distribution->histogram->mean;
    }
    switch (distribution->law) {
    case TRAFFIC_LAW_EXPONENTIAL:
        return 1;
    case TRAFFIC_LAW_UNIFORM:
        return sqrt(1.0 / 3);
    case TRAFFIC_LAW_NORMAL:
        return a;
    case TRAFFIC_LAW_LOGNORMAL:
        return sqrt(expm1(a * a));
    case TRAFFIC_LAW_PARETO: {
        double mean = pareto_moment(a, 1);
        return sqrt(pareto_moment(a, 2) / (mean * mean) - 1);
    }
    default:
        return 0;
    }
}
