/* Groups: flows that are alike.  Their fields, and what of them goes together. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "scenario/field.h"
#include "traffic/plan/empirical.h"

#define COUNT      SCENARIO_COUNT
#define AT         SCENARIO_AT
#define FROM       SCENARIO_FROM
#define SECONDS(N) ((double)(N) * (double)NS_PER_S)

static const struct scenario_field burst_fields[] = {
    {"packets", SCENARIO_WHOLE, AT(struct traffic_group, burst_packets), FROM(1, 100000), .required = true},
    {"gap", SCENARIO_TIME, AT(struct traffic_group, burst_gap_ns), FROM(0, SECONDS(10)), .words = "20us"},
    {"period", SCENARIO_TIME, AT(struct traffic_group, burst_period_ns), FROM(0, SECONDS(3600)),
     .words = "100ms"},
};

static const struct scenario_section burst_section = {"burst", burst_fields, COUNT(burst_fields), NULL};

#define HISTOGRAM_FILE "a file's name"

/* The words of a choice are in the order of its enum in traffic/plan/profile.h. */
static const struct scenario_field group_fields[] = {
    {"protocol", SCENARIO_CHOICE, AT(struct traffic_group, protocol), .words = "udp tcp", .required = true},
    {"ip", SCENARIO_CHOICE, AT(struct traffic_group, family), .words = "4 6"},
    {"count", SCENARIO_WHOLE, AT(struct traffic_group, count), FROM(1, SCENARIO_FLOWS_MAX), .required = true},
    {"packets", SCENARIO_RANGE, AT(struct traffic_group, packets_min), FROM(1, 100000000)},
    {"sizes", SCENARIO_CHOICE, AT(struct traffic_group, sizes),
     .words = "log pareto uniform exponential normal lognormal histogram"},
    {"alpha", SCENARIO_NUMBER, AT(struct traffic_group, alpha), FROM(0.1, 10)},
    {"sizes-mean", SCENARIO_NUMBER, AT(struct traffic_group, sizes_mean), FROM(1, 100000000)},
    {"sizes-shape", SCENARIO_NUMBER, AT(struct traffic_group, sizes_shape), FROM(0.01, 10)},
    {"sizes-histogram", SCENARIO_FILE, FROM(1, 1000), .words = HISTOGRAM_FILE},
    {"payload", SCENARIO_RANGE, AT(struct traffic_group, payload_min), FROM(TRAFFIC_DATAGRAM_SIZE, 8972)},
    {"vary", SCENARIO_FLAG, AT(struct traffic_group, payload_law)},
    {"payload-sizes", SCENARIO_CHOICE, AT(struct traffic_group, payload_law),
     .words = "constant uniform exponential normal pareto lognormal histogram"},
    {"payload-mean", SCENARIO_NUMBER, AT(struct traffic_group, payload_mean),
     FROM(TRAFFIC_DATAGRAM_SIZE, 8972)},
    {"payload-shape", SCENARIO_NUMBER, AT(struct traffic_group, payload_shape), FROM(0.01, 10)},
    {"payload-histogram", SCENARIO_FILE, FROM(1, 1000), .words = HISTOGRAM_FILE},
    {"response", SCENARIO_RANGE, AT(struct traffic_group, response_min), FROM(1, TRAFFIC_RESPONSE_MAX)},
    {"both-ways", SCENARIO_FLAG, AT(struct traffic_group, both_ways)},
    {"arrivals", SCENARIO_CHOICE, AT(struct traffic_group, arrivals), .words = "fit even poisson together"},
    {"gaps", SCENARIO_CHOICE, AT(struct traffic_group, gaps),
     .words = "constant uniform exponential normal pareto lognormal histogram"},
    {"gap-shape", SCENARIO_NUMBER, AT(struct traffic_group, gap_shape), FROM(0.01, 10)},
    {"gap-histogram", SCENARIO_FILE, FROM(1, 1000), .words = HISTOGRAM_FILE},
    {"pps", SCENARIO_NUMBER, AT(struct traffic_group, pps), FROM(0.01, 1000000)},
    {"rate", SCENARIO_RATE, AT(struct traffic_group, rate_bps)},
    {"total-rate", SCENARIO_RATE, AT(struct traffic_group, total_rate_bps)},
    {"fast", SCENARIO_FLAG, AT(struct traffic_group, fast)},
    {"burst", SCENARIO_SECTION, .section = &burst_section},
    {"sources", SCENARIO_WHOLE, AT(struct traffic_group, sources), FROM(1, TOPO_ADDRESSES_MAX)},
    {"dscp", SCENARIO_WHOLE, AT(struct traffic_group, dscp), FROM(0, 63)},
    {"ttl", SCENARIO_WHOLE, AT(struct traffic_group, ttl), FROM(1, 255)},
    {"flow-label", SCENARIO_WHOLE, AT(struct traffic_group, flow_label), FROM(1, 1048575)},
    {"congestion", SCENARIO_TEXT, AT(struct traffic_group, congestion), FROM(1, 15),
     .words = "a congestion control of the kernel's"},
    {"mss", SCENARIO_WHOLE, AT(struct traffic_group, mss), FROM(88, 8948)},
    {"nagle", SCENARIO_FLAG, AT(struct traffic_group, nagle)},
    {"destinations", SCENARIO_WHOLE, AT(struct traffic_group, destinations), FROM(1, TOPO_ADDRESSES_MAX)},
};

static_assert(offsetof(struct traffic_group, packets_max) ==
                  offsetof(struct traffic_group, packets_min) + sizeof(uint32_t),
              "a range is two numbers side by side");
static_assert(offsetof(struct traffic_group, payload_max) ==
                  offsetof(struct traffic_group, payload_min) + sizeof(uint16_t),
              "a range is two numbers side by side");
static_assert(offsetof(struct traffic_group, response_max) ==
                  offsetof(struct traffic_group, response_min) + sizeof(uint32_t),
              "a range is two numbers side by side");

void *scenario_next_group(struct scenario_reading *reading, const struct config_node *node,
                          struct error *error) {
    struct scenario *scenario = reading->scenario;
    struct traffic_profile *shape = &scenario->runs[scenario->run_count - 1].shape;
    if (scenario->group_count == SCENARIO_GROUPS_MAX) {
        config_error(&scenario->file, node, error, "found more groups, expected at most %d in all",
                     SCENARIO_GROUPS_MAX);
        return NULL;
    }
    struct traffic_group *group = &scenario->groups[scenario->group_count++];
    shape->groups = shape->group_count++ == 0 ? group : shape->groups;
    return group;
}

/* --- distributions --- */

/* The three things of a group that may be random, and the fields that say how. */
static const struct randomness {
    const char *law, *shape, *mean, *histogram;
    size_t law_at, histogram_at; /* in struct traffic_group */
    uint8_t of_histogram;        /* the law that a histogram is */
    enum traffic_empirical_unit unit;
} randomness[] = {
    {"gaps", "gap-shape", NULL, "gap-histogram", offsetof(struct traffic_group, gaps),
     offsetof(struct traffic_group, gap_histogram), TRAFFIC_LAW_HISTOGRAM, TRAFFIC_EMPIRICAL_TIME},
    {"sizes", "sizes-shape", "sizes-mean", "sizes-histogram", offsetof(struct traffic_group, sizes),
     offsetof(struct traffic_group, sizes_histogram), TRAFFIC_SIZES_HISTOGRAM, TRAFFIC_EMPIRICAL_COUNT},
    {"payload-sizes", "payload-shape", "payload-mean", "payload-histogram",
     offsetof(struct traffic_group, payload_law), offsetof(struct traffic_group, payload_histogram),
     TRAFFIC_LAW_HISTOGRAM, TRAFFIC_EMPIRICAL_COUNT},
};

/* Reads the histogram that 'node' names into the group 'group'. */
static int read_histogram(struct scenario *scenario, const struct randomness *of,
                          const struct config_node *node, struct traffic_group *group, struct error *error) {
    struct traffic_empirical *histogram = NULL;
    struct error why = {.text = ""};
    if (scenario->histogram_count == SCENARIO_HISTOGRAMS_MAX) {
        return config_error(&scenario->file, node, error, "found more histograms, expected at most %d in all",
                            SCENARIO_HISTOGRAMS_MAX);
    }
    char *path = scenario_path(scenario, node->text);
    int code = path == NULL ? error_set(&why, -ENOMEM, "no memory for the name of a file")
                            : traffic_empirical_read(path, of->unit, &histogram, &why);
    free(path);
    if (code != 0) {
        return config_error(&scenario->file, node, error, "found '%s', expected a histogram: %s", node->text,
                            why.text);
    }
    scenario->histograms[scenario->histogram_count++] = histogram;
    *(const struct traffic_empirical **)(void *)((char *)group + of->histogram_at) = histogram;
    ((uint8_t *)group)[of->law_at] = of->of_histogram;
    return 0;
}

static int take_randomness(struct scenario *scenario, const struct randomness *of,
                           const struct config_node *node, struct traffic_group *group, struct error *error) {
    const struct config *file = &scenario->file;
    const struct config_node *law = config_get(node, of->law);
    const struct config_node *histogram = config_get(node, of->histogram);
    const bool named = law != NULL && strcmp(law->text, "histogram") == 0;
    if (histogram == NULL && named) {
        return config_error(file, law, error, "found no '%s' here, expected the file of the histogram",
                            of->histogram);
    }
    if (histogram != NULL && law != NULL && !named) {
        return config_error(file, law, error, "found '%s' beside '%s', expected one of them", law->text,
                            of->histogram);
    }
    const char *others[] = {of->shape, of->mean};
    for (size_t i = 0; i < COUNT(others) && histogram != NULL; i++) {
        const struct config_node *other = others[i] == NULL ? NULL : config_get(node, others[i]);
        if (other != NULL) {
            return config_error(file, other->key, error, "found '%s' beside '%s', expected one of them",
                                others[i], of->histogram);
        }
    }
    return histogram == NULL ? 0 : read_histogram(scenario, of, histogram, group, error);
}

/* A range that is not given is the histogram's. */
static int take_ranges(const struct config *file, const struct config_node *node, struct traffic_group *group,
                       struct error *error) {
    const struct traffic_empirical *sizes = group->sizes_histogram, *payload = group->payload_histogram;
    if (sizes != NULL && group->packets_max == 0) {
        group->packets_min = (uint32_t)sizes->bins[0].low;
        group->packets_max = (uint32_t)sizes->bins[sizes->count - 1].high;
    }
    if (payload == NULL || config_get(node, "payload") != NULL) {
        return 0;
    }
    if (payload->bins[0].low < TRAFFIC_DATAGRAM_SIZE || payload->bins[payload->count - 1].high > 8972) {
        return config_error(
            file, config_get(node, "payload-histogram"), error,
            "found sizes beyond %d to 8972 bytes in it, expected a 'payload' of the range that is to "
            "be drawn",
            TRAFFIC_DATAGRAM_SIZE);
    }
    group->payload_min = (uint16_t)payload->bins[0].low;
    group->payload_max = (uint16_t)payload->bins[payload->count - 1].high;
    return 0;
}

/* Means lie in the range that they are of. */
static int check_means(const struct config *file, const struct config_node *node,
                       const struct traffic_group *group, struct error *error) {
    const struct {
        const char *name, *of;
        double mean, low, high;
    } means[] = {{"sizes-mean", "packets", group->sizes_mean, group->packets_min, group->packets_max},
                 {"payload-mean", "payload", group->payload_mean, group->payload_min, group->payload_max}};
    for (size_t i = 0; i < COUNT(means); i++) {
        if (means[i].mean > 0 && (means[i].mean < means[i].low || means[i].mean > means[i].high)) {
            return config_error(file, config_get(node, means[i].name), error,
                                "found a mean of %g, expected one within '%s', %g to %g", means[i].mean,
                                means[i].of, means[i].low, means[i].high);
        }
    }
    return 0;
}

static int take_distributions(struct scenario *scenario, const struct config_node *node,
                              struct traffic_group *group, struct error *error) {
    const struct config *file = &scenario->file;
    const struct config_node *vary = config_get(node, "vary");
    if (vary != NULL &&
        (config_get(node, "payload-sizes") != NULL || config_get(node, "payload-histogram") != NULL)) {
        return config_error(file, vary->key, error,
                            "found 'vary' beside a distribution of sizes, expected one of them");
    }
    int code = 0;
    for (size_t i = 0; i < COUNT(randomness) && code == 0; i++) {
        code = take_randomness(scenario, &randomness[i], node, group, error);
    }
    code = code == 0 ? take_ranges(file, node, group, error) : code;
    code = code == 0 ? check_means(file, node, group, error) : code;
    if (code == 0 && group->gaps == TRAFFIC_LAW_NORMAL && group->gap_shape > 0.5) {
        return config_error(
            file, config_get(node, "gap-shape"), error,
            "found a gap-shape above 0.5, expected less of normal gaps, or they would be below 0");
    }
    if (code == 0 && group->sizes == TRAFFIC_SIZES_PARETO && group->alpha == 0) {
        return config_error(file, node, error,
                            "found no 'alpha' here, expected it with sizes of a Pareto distribution");
    }
    return code;
}

/* --- what goes together --- */

/* What only one of the protocols, or of the IP versions, has. */
static int check_protocol(const struct config *file, const struct config_node *node,
                          const struct traffic_group *group, struct error *error) {
    static const char *const of_tcp[] = {"congestion", "mss", "nagle"};
    static const char *const of_udp[] = {"payload-sizes", "payload-mean", "payload-shape",
                                         "payload-histogram", "vary"};
    const bool tcp = group->protocol == PROTOCOL_TCP;
    const char *const *others = tcp ? of_udp : of_tcp;
    const struct config_node *payload = config_get(node, "payload");
    if (!tcp && payload == NULL && group->payload_histogram == NULL) {
        return config_error(file, node, error,
                            "found no 'payload' here, expected it to be the bytes of an UDP datagram's");
    }
    if (tcp && payload != NULL && group->response_max == 0) {
        return config_error(file, payload, error,
                            "found a payload with protocol tcp, expected it with udp, or beside a response");
    }
    if (tcp && payload == NULL && group->response_max > 0) {
        return config_error(file, config_get(node, "response"), error,
                            "found a response without a request, expected 'payload', its bytes");
    }
    if (!tcp && group->response_max > 0 &&
        (group->response_min < TRAFFIC_RESPONSE_SIZE || group->response_max > 8972)) {
        return config_error(file, config_get(node, "response"), error,
                            "found responses beyond %d to 8972 bytes, expected them to fit a datagram",
                            TRAFFIC_RESPONSE_SIZE);
    }
    if (group->response_max > 0 && group->both_ways != 0) {
        return config_error(file, config_get(node, "both-ways"), error,
                            "found both ways beside responses, expected one of them");
    }
    for (size_t i = 0; i < (tcp ? COUNT(of_udp) : COUNT(of_tcp)); i++) {
        const struct config_node *other = config_get(node, others[i]);
        if (other != NULL) {
            return config_error(file, other, error, "found '%s' with protocol %s, expected it with %s alone",
                                others[i], tcp ? "tcp" : "udp", tcp ? "udp" : "tcp");
        }
    }
    if (group->flow_label != 0 && group->family == 4) {
        return config_error(file, config_get(node, "flow-label"), error,
                            "found a flow label with ip 4, expected it with 6 alone");
    }
    return 0;
}

/* One thing says how fast a flow is, and something how much it sends. */
static int check_rates(const struct config *file, const struct config_node *node,
                       const struct traffic_group *group, struct error *error) {
    static const char *const names[] = {"fast", "pps", "rate", "total-rate"};
    const struct config_node *first = NULL;
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct config_node *rate = config_get(node, names[i]);
        if (rate == NULL || (i == 0 && group->fast == 0)) {
            continue;
        }
        if (first != NULL) {
            return config_error(file, rate->key, error, "found '%s' beside '%s', expected one of them",
                                names[i], first->key->text);
        }
        first = rate;
    }
    const struct config_node *burst = config_get(node, "burst"), *gaps = config_get(node, "gaps");
    gaps = gaps == NULL ? config_get(node, "gap-histogram") : gaps;
    if (group->fast != 0 && (burst != NULL || gaps != NULL)) {
        return config_error(file, (burst != NULL ? burst : gaps)->key, error,
                            "found '%s' beside 'fast', expected one of them",
                            (burst != NULL ? burst : gaps)->key->text);
    }
    if (first == NULL && group->packets_max == 0 && group->gap_histogram == NULL) {
        return config_error(file, node, error,
                            "found no 'packets' here, expected them or 'pps' to say how much is sent");
    }
    return 0;
}

static int finish_group(struct scenario_reading *reading, const struct config_node *node, void *target,
                        struct error *error) {
    struct traffic_group *group = target;
    group->protocol = group->protocol == 0 ? PROTOCOL_UDP : PROTOCOL_TCP;
    group->family = group->family == 0 ? 4 : 6;
    int code = take_distributions(reading->scenario, node, group, error);
    code = code == 0 ? check_protocol(&reading->scenario->file, node, group, error) : code;
    return code == 0 ? check_rates(&reading->scenario->file, node, group, error) : code;
}

const struct scenario_section scenario_section_group = {"groups", group_fields, COUNT(group_fields),
                                                        finish_group};
