#include "traffic/distribution.h"

#include <math.h>

#include "traffic/random.h"

#define TWO_PI 6.283185307179586

static double shape_or_default(unsigned int kind, double shape) {
    double usual = kind == TRAFFIC_GAPS_PARETO ? TRAFFIC_GAP_ALPHA_DEFAULT : TRAFFIC_GAP_CV_DEFAULT;
    return shape > 0 ? shape : usual;
}

/* The moment number 'k' of the Pareto distribution of 'alpha' from 1 to TRAFFIC_GAP_PARETO_RANGE. */
static double pareto_moment(double alpha, double k) {
    double high = TRAFFIC_GAP_PARETO_RANGE;
    double part = fabs(alpha - k) < 1e-9 ? log(high) : (1 - pow(high, k - alpha)) / (alpha - k);
    return alpha * part / (1 - pow(high, -alpha));
}

struct traffic_distribution traffic_distribution_make(unsigned int kind, double shape) {
    double own = shape_or_default(kind, shape);
    struct traffic_distribution made = {.kind = (uint8_t)kind};
    switch (kind) {
    case TRAFFIC_GAPS_NORMAL:
        made.a = own;
        break;
    case TRAFFIC_GAPS_LOGNORMAL:
        /* Of exp(m + s z) the mean is exp(m + s^2 / 2) and the squared coefficient exp(s^2) - 1. */
        made.a = sqrt(log1p(own * own));
        made.b = -made.a * made.a / 2;
        break;
    case TRAFFIC_GAPS_PARETO:
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
    double share = traffic_random_share(number);
    switch (distribution->kind) {
    case TRAFFIC_GAPS_EXPONENTIAL:
        return traffic_random_exponential(share);
    case TRAFFIC_GAPS_UNIFORM:
        return 2 * share;
    case TRAFFIC_GAPS_NORMAL:
        return fmax(0, 1 + distribution->a * standard_normal(number));
    case TRAFFIC_GAPS_LOGNORMAL:
        return exp(distribution->b + distribution->a * standard_normal(number));
    case TRAFFIC_GAPS_PARETO:
        return distribution->b * traffic_random_pareto(distribution->a, 1, TRAFFIC_GAP_PARETO_RANGE, share);
    default:
        return 1;
    }
}

double traffic_distribution_deviation(unsigned int kind, double shape) {
    double own = shape_or_default(kind, shape);
    switch (kind) {
    case TRAFFIC_GAPS_EXPONENTIAL:
        return 1;
    case TRAFFIC_GAPS_UNIFORM:
        return sqrt(1.0 / 3);
    case TRAFFIC_GAPS_NORMAL:
    case TRAFFIC_GAPS_LOGNORMAL:
        return own;
    case TRAFFIC_GAPS_PARETO: {
        double mean = pareto_moment(own, 1);
        return sqrt(pareto_moment(own, 2) / (mean * mean) - 1);
    }
    default:
        return 0;
    }
}
