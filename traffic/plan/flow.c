/* Sizes and times of one flow. */
#include <errno.h>
#include <math.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/plan/distribution.h"
#include "traffic/plan/empirical.h"
#include "traffic/plan/plan.h"
#include "traffic/plan/random.h"

/* The last twentieth of a run stays empty for the ends of TCP, and for random gaps. */
#define ROOM 0.95
/* Of the room, the part in which flows arrive that come evenly or as a Poisson process, */
#define ARRIVALS 0.9
/* and that in which those begin that are to be there together. */
#define TOGETHER 0.2
/* A row of n random gaps is longer than n means and this times their standard deviation, which is the root of
 * n means, about once in ten thousand rows; short ones up to seven times in a thousand. */
#define SPREAD 4.0
/* The smallest flows keep their size in a short run, so that they stay flows. */
#define SMALLEST_PACKETS 4.0
/* Of a datagram: the largest that IPv4 takes. */
#define PAYLOAD_MAX    65507
#define PPS_MAX        1e8
#define RATE_MAX       1e12
#define DSCP_MAX       63
#define FLOW_LABEL_MAX 0xfffffU

/* The value number 'i' of 'count' values from 'low' to 'high' evenly on a log scale. */
static double log_spaced(double low, double high, size_t i, size_t count) {
    return count < 2 ? high : low * pow(high / low, (double)i / (double)(count - 1));
}

static bool has_rate(const struct traffic_group *group) {
    return group->pps > 0 || group->rate_bps > 0 || group->total_rate_bps > 0 ||
           group->gap_histogram != NULL || (group->burst_packets > 0 && group->burst_period_ns > 0);
}

/* How many things of 'group' say how fast its flows are. */
static int rates_of(const struct traffic_group *group) {
    return (group->pps > 0) + (group->rate_bps > 0) + (group->total_rate_bps > 0) +
           (group->burst_packets > 0 && group->burst_period_ns > 0);
}

/* A shape that 'law' can have. */
static bool is_shape(unsigned int law, double shape) {
    return shape >= 0 && shape <= 10 && (law != TRAFFIC_LAW_NORMAL || shape <= 0.5);
}

/* What is a histogram has one, and nothing else has. */
static bool has_histogram(unsigned int law, unsigned int histogram_law,
                          const struct traffic_empirical *histogram) {
    return (law == histogram_law) == (histogram != NULL);
}

int plan_check_group(const struct traffic_profile *profile, size_t number, struct error *error) {
    const struct traffic_group *group = &profile->groups[number];
    bool tcp = group->protocol == PROTOCOL_TCP;
    bool endless = group->packets_max == 0 && group->packets_min == 0;
    const struct {
        bool bad;
        const char *why;
    } checks[] = {
        {!tcp && group->protocol != PROTOCOL_UDP, "the protocol must be TCP or UDP"},
        {group->family != 4 && group->family != 6, "the IP version must be 4 or 6"},
        {!tcp && (group->payload_min < TRAFFIC_DATAGRAM_SIZE || group->payload_max > PAYLOAD_MAX ||
                  group->payload_min > group->payload_max),
         "the payload of datagrams must be a range within 32 to 65507 bytes"},
        {!endless && (group->packets_min == 0 || group->packets_min > group->packets_max),
         "the sizes of flows must be a range from 1 packet on"},
        {endless && !has_rate(group) && group->fast == 0, "it needs a size or a rate"},
        {group->sizes > TRAFFIC_SIZES_HISTOGRAM || group->arrivals > TRAFFIC_ARRIVALS_TOGETHER ||
             group->gaps > TRAFFIC_LAW_HISTOGRAM || group->payload_law > TRAFFIC_LAW_HISTOGRAM,
         "unknown kind of sizes, arrivals or gaps"},
        {!has_histogram(group->sizes, TRAFFIC_SIZES_HISTOGRAM, group->sizes_histogram) ||
             !has_histogram(group->gaps, TRAFFIC_LAW_HISTOGRAM, group->gap_histogram) ||
             !has_histogram(group->payload_law, TRAFFIC_LAW_HISTOGRAM, group->payload_histogram),
         "a distribution without its histogram, or a histogram without"},
        {group->sizes == TRAFFIC_SIZES_PARETO && !(group->alpha > 0 && group->alpha <= 100),
         "the alpha of Pareto sizes must be above 0 and at most 100"},
        {!is_shape(group->gaps, group->gap_shape),
         "the shape of gaps must be 0 to 10, of normal ones at most 0.5"},
        {!(group->sizes_shape >= 0 && group->sizes_shape <= 10) ||
             !(group->payload_shape >= 0 && group->payload_shape <= 10),
         "the shape of sizes must be 0 to 10"},
        {!(group->sizes_mean >= 0) || group->sizes_mean > group->packets_max || !(group->payload_mean >= 0) ||
             group->payload_mean > group->payload_max,
         "the mean of sizes must lie within their range"},
        {!(group->pps >= 0 && group->pps <= PPS_MAX), "the rate must be 0 to 100000000 packets/s"},
        {group->burst_gap_ns < 0 || group->burst_period_ns < 0 || group->burst_gap_ns > NS_PER_S ||
             group->burst_period_ns > 3600 * NS_PER_S,
         "the gap in a burst must be 0 to 1 s, and from burst to burst up to an hour"},
        {!(group->rate_bps >= 0 && group->rate_bps <= RATE_MAX) ||
             !(group->total_rate_bps >= 0 && group->total_rate_bps <= RATE_MAX),
         "the rate must be 0 to 1000 Gbit/s"},
        {rates_of(group) > 1, "a period of bursts and several rates contradict each other"},
        {group->dscp > DSCP_MAX || group->flow_label > FLOW_LABEL_MAX, "unknown DSCP or flow label"},
        {group->flow_label != 0 && group->family != 6, "only IPv6 has flow labels"},
        {!tcp && (group->congestion != NULL || group->mss != 0 || group->nagle != 0),
         "congestion control, MSS and Nagle's algorithm are TCP's"},
        {group->both_ways != 0 && tcp, "only UDP goes both ways"},
        {group->both_ways != 0 && group->response_max > 0,
         "what is answered does not go both ways by itself"},
        {group->response_min > group->response_max ||
             group->response_max > (tcp ? TRAFFIC_RESPONSE_MAX : PAYLOAD_MAX) ||
             (group->response_max > 0 && group->response_min < (tcp ? 1 : TRAFFIC_RESPONSE_SIZE)),
         "responses must be a range within 48 to 65507 bytes, of TCP within 1 to 100000000"},
        {tcp && group->response_max > 0 &&
             (group->payload_min < TRAFFIC_PREAMBLE_SIZE || group->payload_min > group->payload_max),
         "requests of TCP must be a range within 24 to 65535 bytes"},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (checks[i].bad) {
            return error_set(error, -EINVAL, "group %zu of the traffic '%s': %s", number + 1, profile->name,
                             checks[i].why);
        }
    }
    return 0;
}

/* The size of the flow number 'i' of 'count', packets. */
static double draw_size(const struct traffic_group *group, size_t i, size_t count, uint64_t *random) {
    static const uint8_t laws[] = {
        [TRAFFIC_SIZES_UNIFORM] = TRAFFIC_LAW_UNIFORM,
        [TRAFFIC_SIZES_EXPONENTIAL] = TRAFFIC_LAW_EXPONENTIAL,
        [TRAFFIC_SIZES_NORMAL] = TRAFFIC_LAW_NORMAL,
        [TRAFFIC_SIZES_LOGNORMAL] = TRAFFIC_LAW_LOGNORMAL,
        [TRAFFIC_SIZES_HISTOGRAM] = TRAFFIC_LAW_HISTOGRAM,
    };
    double low = group->packets_min, high = group->packets_max;
    if (group->sizes == TRAFFIC_SIZES_LOG) {
        return log_spaced(low, high, i, count);
    }
    uint64_t number = traffic_random_next(random);
    if (group->sizes == TRAFFIC_SIZES_PARETO) {
        return traffic_random_pareto(group->alpha, low, high, traffic_random_share(number));
    }
    const struct traffic_distribution distribution =
        traffic_distribution_make(laws[group->sizes], group->sizes_shape, group->sizes_histogram);
    double mean = group->sizes_mean > 0 ? group->sizes_mean : (low + high) / 2;
    return traffic_distribution_within(&distribution, mean, low, high, number);
}

void plan_set_size(struct traffic_flow *flow, const struct traffic_group *group, size_t i, size_t count,
                   double factor, uint64_t *random) {
    if (group->packets_max > 0) {
        double planned = draw_size(group, i, count, random);
        double packets = fmax(planned * factor, fmin(planned, SMALLEST_PACKETS));
        flow->packets = packets < 1 ? 1 : (uint64_t)llround(packets);
    }
    if (group->response_max > 0) {
        flow->response = (uint32_t)lround(log_spaced(group->response_min, group->response_max, i, count));
    }
    if (group->protocol == PROTOCOL_TCP) {
        if (group->response_max > 0) {
            flow->request = (uint32_t)lround(log_spaced(group->payload_min, group->payload_max, i, count));
        }
        return;
    }
    /* Sizes of datagrams run through the group three times, so that they don't grow with the size of the
     * flow. */
    size_t steps = count < 5 ? count : (count + 2) / 3;
    flow->payload_min =
        (uint16_t)lround(log_spaced(group->payload_min, group->payload_max, i % steps, steps));
    flow->payload_max = flow->payload_min;
    if (group->payload_law == TRAFFIC_LAW_CONSTANT) {
        flow->payload_usual = flow->payload_min;
    } else {
        flow->payload_min = group->payload_min;
        flow->payload_max = group->payload_max;
    }
}

/* How the packets of a flow follow each other: bursts, of one packet each where there are none. */
struct rhythm {
    double packets;  /* of a burst */
    double fixed_ns; /* from the first to the last packet of a burst */
    double gap_ns;   /* within a burst */
    double each_ns;  /* from burst to burst, the mean; 0: the flow's length is to say so */
    double spread;   /* SPREAD times the deviation of random pauses between bursts, or 0 */
};

/* The packets/s that the group gives 'flow', one of 'count'; 0: none. */
static double rate_of(const struct traffic_group *group, const struct traffic_flow *flow, size_t count) {
    double bits =
        8 * (flow->protocol == PROTOCOL_TCP ? (double)traffic_flow_piece(flow) : flow->payload_usual);
    double rate = group->total_rate_bps > 0 ? group->total_rate_bps / (double)count : group->rate_bps;
    return rate > 0 ? rate / bits : group->pps;
}

static struct rhythm rhythm_of(const struct traffic_group *group, const struct traffic_flow *flow,
                               size_t count, double scale) {
    double pps = rate_of(group, flow, count);
    struct rhythm rhythm = {.packets = group->burst_packets > 0 ? group->burst_packets : 1,
                            .spread = SPREAD * traffic_distribution_deviation(&flow->random_gaps)};
    rhythm.gap_ns = group->burst_packets > 0 ? (double)group->burst_gap_ns : 0;
    rhythm.fixed_ns = rhythm.gap_ns * (rhythm.packets - 1);
    if (pps == 0 && group->gap_histogram != NULL && group->burst_period_ns == 0) {
        rhythm.each_ns = rhythm.fixed_ns + group->gap_histogram->mean / scale;
    } else if (pps > 0) {
        rhythm.each_ns = rhythm.packets * (double)NS_PER_S / (pps * scale);
    } else if (group->burst_packets > 0) {
        rhythm.each_ns = (double)group->burst_period_ns / scale;
    }
    if (rhythm.each_ns > 0) {
        rhythm.each_ns = fmax(rhythm.each_ns, fmax(rhythm.fixed_ns + rhythm.gap_ns, 1));
    }
    return rhythm;
}

/* How long 'pauses' + 1 bursts take, at most. */
static double length_of(const struct rhythm *rhythm, double pauses) {
    return pauses * rhythm->each_ns + rhythm->spread * sqrt(pauses) * (rhythm->each_ns - rhythm->fixed_ns) +
           rhythm->fixed_ns;
}

/* The largest number of pauses for which length_of() is at most 'length': its inverse. */
static double pauses_within(const struct rhythm *rhythm, double length) {
    double left = fmax(length - rhythm->fixed_ns, 0);
    double wide = rhythm->spread * (rhythm->each_ns - rhythm->fixed_ns);
    double root = (sqrt(wide * wide + 4 * rhythm->each_ns * left) - wide) / (2 * rhythm->each_ns);
    return floor(root * root + 1e-6);
}

/* Sets the time from burst to burst so that 'pauses' + 1 of them take 'length'. */
static void fit_rhythm(struct rhythm *rhythm, double pauses, double length) {
    double wide = rhythm->spread * sqrt(pauses);
    double each = (length - rhythm->fixed_ns + wide * rhythm->fixed_ns) / (pauses + wide);
    rhythm->each_ns = fmax(pauses < 1 ? length : each, rhythm->fixed_ns + rhythm->gap_ns);
}

/* The share of the room that a flow takes for which nothing else is said: large ones nearly all of it, small
 * ones a tenth. */
static double natural_share(const struct traffic_flow *flow, double largest, uint64_t *random) {
    double size = log((double)flow->packets) / log(largest);
    return 0.1 +
           0.8 * fmin(1, fmax(0, size)) * (0.9 + 0.1 * traffic_random_share(traffic_random_next(random)));
}

static size_t common_divisor(size_t a, size_t b) {
    while (b != 0) {
        size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The place of the flow number 'i' among 'count' equal steps: not in order of 'i', by which sizes may go. */
static size_t step_of(size_t i, size_t count) {
    size_t stride = (size_t)((double)count * 0.618) + 1;
    while (common_divisor(stride, count) != 1) {
        stride++;
    }
    return i * stride % count;
}

static double start_of(const struct traffic_group *group, size_t i, size_t count, double room, double length,
                       double step, uint64_t *random) {
    double share = traffic_random_share(traffic_random_next(random));
    switch (group->arrivals) {
    case TRAFFIC_ARRIVALS_EVEN:
        return room * ARRIVALS * (double)step_of(i, count) / (double)count;
    case TRAFFIC_ARRIVALS_POISSON:
        /* Of a Poisson process of which the number is known the arrivals are independent and uniform. */
        return room * ARRIVALS * share;
    case TRAFFIC_ARRIVALS_TOGETHER:
        return fmin(step, room * TOGETHER) * share;
    default:
        return fmax(room - length, 0) * share;
    }
}

/* Writes the rhythm into 'flow', whose number of packets is final. */
static void set_gaps(struct traffic_flow *flow, const struct traffic_group *group,
                     const struct rhythm *rhythm) {
    double pauses = ceil((double)flow->packets / rhythm->packets) - 1;
    flow->burst_packets = group->burst_packets;
    if (group->burst_packets > 0) {
        flow->gap_ns = group->burst_gap_ns;
        flow->pause_ns = llround(rhythm->each_ns - rhythm->fixed_ns);
    } else {
        flow->gap_ns = (int64_t)rhythm->each_ns;
    }
    if (group->burst_packets == 0 && rhythm->spread <= 0) {
        flow->length_ns = flow->gap_ns * (int64_t)(flow->packets - 1);
    } else {
        double missing = (pauses + 1) * rhythm->packets - (double)flow->packets;
        flow->length_ns = (int64_t)(length_of(rhythm, pauses) - missing * rhythm->gap_ns);
    }
}

static void set_bytes(struct traffic_flow *flow) {
    flow->bytes = flow->protocol == PROTOCOL_TCP
                      ? flow->packets * traffic_flow_piece(flow)
                      : (uint64_t)((double)flow->packets * flow->payload_usual + 0.5);
}

/* A fast flow has the whole run. */
static void set_fast(const struct traffic_plan *plan, struct traffic_flow *flow) {
    bool endless = flow->packets == 0;
    flow->fast = 1;
    flow->length_ns = plan->duration_ns;
    flow->packets = endless ? TRAFFIC_ENDLESS : flow->packets;
    if (endless) {
        flow->bytes = TRAFFIC_ENDLESS;
    } else {
        set_bytes(flow);
    }
}

void plan_set_times(const struct traffic_plan *plan, struct traffic_flow *flow,
                    const struct traffic_group *group, size_t i, size_t count, double largest,
                    uint64_t *random) {
    if (group->fast != 0) {
        set_fast(plan, flow);
        return;
    }
    double room = ROOM * (double)plan->duration_ns;
    struct rhythm rhythm = rhythm_of(group, flow, count, plan->scale);
    bool paced = rhythm.each_ns > 0;
    bool endless = flow->packets == 0;
    double pauses = endless ? 0 : ceil((double)flow->packets / rhythm.packets) - 1;
    double length = paced ? endless ? room * (1 - ARRIVALS) : length_of(&rhythm, pauses)
                          : natural_share(flow, largest, random) * room;
    double step = paced ? rhythm.each_ns : room / (pauses + 1);
    flow->start_ns = (int64_t)start_of(group, i, count, room, length, step, random);
    flow->start_ns = flow->number == 0 ? 0 : flow->start_ns;
    double left = room - (double)flow->start_ns;
    if (!paced) {
        bool whole = group->arrivals == TRAFFIC_ARRIVALS_TOGETHER;
        fit_rhythm(&rhythm, pauses, whole ? left : fmin(length, left));
    }
    if (endless || length_of(&rhythm, pauses) > left + 1) {
        double most = fmax((pauses_within(&rhythm, left) + 1) * rhythm.packets, 1);
        flow->packets = endless || (double)flow->packets > most ? (uint64_t)most : flow->packets;
    }
    set_gaps(flow, group, &rhythm);
    set_bytes(flow);
    /* One request at a time: on a long way fewer of them fit. */
    flow->timed = flow->request > 0;
}
