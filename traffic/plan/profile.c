#include "traffic/plan/profile.h"

#include <string.h>

#include "common/flow_key.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A run of 20 s: about 4,000 packets/s and 22 Mbit/s, a flow of 40,000 packets and many of a few. */
static const struct traffic_group mixed[] = {
    {.protocol = PROTOCOL_UDP, .family = 4, .count = 1, 40000, 40000, 200, 200, 0},
    {.protocol = PROTOCOL_UDP, .family = 6, .count = 2, 4000, 6000, 300, 900, 0},
    {.protocol = PROTOCOL_UDP, .family = 4, .count = 10, 40, 4000, 64, 1400, 0},
    {.protocol = PROTOCOL_UDP, .family = 4, .count = 3, 300, 3000, 64, 1400, 1},
    {.protocol = PROTOCOL_UDP, .family = 6, .count = 8, 40, 3000, 64, 1400, 0},
    {.protocol = PROTOCOL_UDP, .family = 4, .count = 9, 4, 40, 64, 512, 0},
    {.protocol = PROTOCOL_UDP, .family = 6, .count = 7, 4, 40, 64, 1232, 1},
    {.protocol = PROTOCOL_TCP, .family = 4, .count = 10, 20, 4000, 0, 0, 0},
    {.protocol = PROTOCOL_TCP, .family = 6, .count = 8, 20, 3000, 0, 0, 0},
    {.protocol = PROTOCOL_TCP, .family = 4, .count = 3, 4, 20, 0, 0, 0},
    {.protocol = PROTOCOL_TCP, .family = 6, .count = 3, 4, 20, 0, 0, 0},
};

/* A run of 2 s for tests: a dozen flows, a few hundred packets. */
static const struct traffic_group quick[] = {
    {.protocol = PROTOCOL_UDP, .family = 4, .count = 3, 4, 200, 64, 1400, 0},
    {.protocol = PROTOCOL_UDP, .family = 6, .count = 3, 4, 100, 64, 1232, 1},
    {.protocol = PROTOCOL_TCP, .family = 4, .count = 3, 4, 100, 0, 0, 0},
    {.protocol = PROTOCOL_TCP, .family = 6, .count = 3, 4, 50, 0, 0, 0},
};

/* A run of 20 s: four flows with nine tenths of all packets, and 2,000 with a few each. */
static const struct traffic_group elephants_and_mice[] = {
    {.protocol = PROTOCOL_UDP,
     .family = 4,
     .count = 2,
     .packets_min = 20000,
     .packets_max = 30000,
     .payload_min = 1000,
     .payload_max = 1400,
     .arrivals = TRAFFIC_ARRIVALS_TOGETHER},
    {.protocol = PROTOCOL_TCP,
     .family = 4,
     .count = 2,
     .packets_min = 10000,
     .packets_max = 15000,
     .arrivals = TRAFFIC_ARRIVALS_TOGETHER},
    {.protocol = PROTOCOL_UDP,
     .family = 4,
     .count = 1600,
     .packets_min = 1,
     .packets_max = 100,
     .payload_min = 64,
     .payload_max = 1000,
     .sizes = TRAFFIC_SIZES_PARETO,
     .alpha = 1.2,
     .arrivals = TRAFFIC_ARRIVALS_POISSON,
     .gaps = TRAFFIC_LAW_EXPONENTIAL,
     .pps = 100},
    {.protocol = PROTOCOL_UDP,
     .family = 6,
     .count = 300,
     .packets_min = 1,
     .packets_max = 100,
     .payload_min = 64,
     .payload_max = 1000,
     .sizes = TRAFFIC_SIZES_PARETO,
     .alpha = 1.2,
     .arrivals = TRAFFIC_ARRIVALS_POISSON,
     .gaps = TRAFFIC_LAW_EXPONENTIAL,
     .pps = 100},
    {.protocol = PROTOCOL_TCP,
     .family = 4,
     .count = 100,
     .packets_min = 2,
     .packets_max = 50,
     .sizes = TRAFFIC_SIZES_PARETO,
     .alpha = 1.2,
     .arrivals = TRAFFIC_ARRIVALS_POISSON,
     .pps = 100},
};

/* A run of 10 s: 5,000 sources send one host a few small datagrams each, 2,000 in a second; beside them
 * somebody's own flows. */
static const struct traffic_group ddos[] = {
    {.protocol = PROTOCOL_UDP,
     .family = 4,
     .count = 5000,
     .packets_min = 2,
     .packets_max = 6,
     .payload_min = 32,
     .payload_max = 64,
     .arrivals = TRAFFIC_ARRIVALS_POISSON,
     .gaps = TRAFFIC_LAW_EXPONENTIAL,
     .pps = 10,
     .destinations = 1},
    {.protocol = PROTOCOL_UDP,
     .family = 4,
     .count = 5,
     .packets_min = 200,
     .packets_max = 2000,
     .payload_min = 200,
     .payload_max = 1200},
    {.protocol = PROTOCOL_TCP, .family = 4, .count = 5, .packets_min = 50, .packets_max = 1000},
};

/* A run of 10 s: 40 calls, each 50 datagrams/s of 160 bytes of G.711 and RTP's 12 both ways. */
static const struct traffic_group voip[] = {
    {.protocol = PROTOCOL_UDP,
     .family = 4,
     .count = 30,
     .payload_min = 172,
     .payload_max = 172,
     .both_ways = 1,
     .arrivals = TRAFFIC_ARRIVALS_TOGETHER,
     .pps = 50},
    {.protocol = PROTOCOL_UDP,
     .family = 6,
     .count = 10,
     .payload_min = 172,
     .payload_max = 172,
     .both_ways = 1,
     .arrivals = TRAFFIC_ARRIVALS_TOGETHER,
     .pps = 50},
};

/* A run of 10 s: eight streams of video, 25 pictures a second of a dozen datagrams each, about 3 Mbit/s a
 * stream, and what their viewers send back. */
static const struct traffic_group video[] = {
    {.protocol = PROTOCOL_UDP,
     .family = 4,
     .count = 6,
     .payload_min = 1200,
     .payload_max = 1200,
     .arrivals = TRAFFIC_ARRIVALS_TOGETHER,
     .burst_packets = 12,
     .burst_gap_ns = 200000,
     .burst_period_ns = 40000000},
    {.protocol = PROTOCOL_UDP,
     .family = 6,
     .count = 2,
     .payload_min = 1200,
     .payload_max = 1200,
     .arrivals = TRAFFIC_ARRIVALS_TOGETHER,
     .burst_packets = 12,
     .burst_gap_ns = 200000,
     .burst_period_ns = 40000000},
    {.protocol = PROTOCOL_UDP,
     .family = 4,
     .count = 8,
     .payload_min = 60,
     .payload_max = 120,
     .payload_law = TRAFFIC_LAW_UNIFORM,
     .arrivals = TRAFFIC_ARRIVALS_TOGETHER,
     .gaps = TRAFFIC_LAW_NORMAL,
     .pps = 1},
};

/* A run of 10 s: bursts of 2 ms at 20,000 packets/s out of ten sources, at random; in between next to
 * nothing. */
static const struct traffic_group microbursts[] = {
    {.protocol = PROTOCOL_UDP,
     .family = 4,
     .count = 10,
     .payload_min = 200,
     .payload_max = 1000,
     .arrivals = TRAFFIC_ARRIVALS_TOGETHER,
     .gaps = TRAFFIC_LAW_EXPONENTIAL,
     .burst_packets = 40,
     .burst_gap_ns = 50000,
     .burst_period_ns = 200000000},
    {.protocol = PROTOCOL_UDP,
     .family = 4,
     .count = 5,
     .payload_min = 100,
     .payload_max = 500,
     .arrivals = TRAFFIC_ARRIVALS_TOGETHER,
     .gaps = TRAFFIC_LAW_EXPONENTIAL,
     .pps = 20},
};

/* A run of 10 s: what NetFlow v5 can't see. */
static const struct traffic_group ipv6[] = {
    {.protocol = PROTOCOL_UDP, .family = 6, .count = 1, 10000, 10000, 300, 300, 0},
    {.protocol = PROTOCOL_UDP, .family = 6, .count = 20, 4, 2000, 64, 1232, 0},
    {.protocol = PROTOCOL_UDP, .family = 6, .count = 5, 10, 500, 64, 1232, 1},
    {.protocol = PROTOCOL_TCP, .family = 6, .count = 14, 4, 2000, 0, 0, 0},
};

/* A run of 10 s: clients that ask and wait, as of a name server and of a web server. */
static const struct traffic_group requests[] = {
    {.protocol = PROTOCOL_UDP,
     .family = 4,
     .count = 20,
     .payload_min = 48,
     .payload_max = 100,
     .response_min = 100,
     .response_max = 1200,
     .arrivals = TRAFFIC_ARRIVALS_TOGETHER,
     .gaps = TRAFFIC_LAW_EXPONENTIAL,
     .pps = 20},
    {.protocol = PROTOCOL_UDP,
     .family = 6,
     .count = 10,
     .payload_min = 48,
     .payload_max = 100,
     .response_min = 100,
     .response_max = 1200,
     .arrivals = TRAFFIC_ARRIVALS_TOGETHER,
     .gaps = TRAFFIC_LAW_EXPONENTIAL,
     .pps = 20},
    {.protocol = PROTOCOL_TCP,
     .family = 4,
     .count = 10,
     .packets_min = 5,
     .packets_max = 100,
     .payload_min = 300,
     .payload_max = 900,
     .response_min = 1000,
     .response_max = 50000},
    {.protocol = PROTOCOL_TCP,
     .family = 6,
     .count = 5,
     .packets_min = 5,
     .packets_max = 100,
     .payload_min = 300,
     .payload_max = 900,
     .response_min = 1000,
     .response_max = 50000},
};

/* A run of 30 s: 10,000 flows of UDP and 1,000 of TCP, all there at the same time. */
static const struct traffic_group concurrent[] = {
    {.protocol = PROTOCOL_UDP,
     .family = 4,
     .count = 7000,
     .payload_min = 64,
     .payload_max = 1000,
     .arrivals = TRAFFIC_ARRIVALS_TOGETHER,
     .pps = 0.25},
    {.protocol = PROTOCOL_UDP,
     .family = 6,
     .count = 3000,
     .payload_min = 64,
     .payload_max = 1000,
     .arrivals = TRAFFIC_ARRIVALS_TOGETHER,
     .pps = 0.25},
    {.protocol = PROTOCOL_TCP, .family = 4, .count = 700, .arrivals = TRAFFIC_ARRIVALS_TOGETHER, .pps = 0.25},
    {.protocol = PROTOCOL_TCP, .family = 6, .count = 300, .arrivals = TRAFFIC_ARRIVALS_TOGETHER, .pps = 0.25},
};

#define SECONDS(n) (INT64_C(1000000000) * (n))

static const struct traffic_profile profiles[] = {
    {"mixed", "64 flows over four decades of size, TCP and UDP, IPv4 and IPv6, about 4,000 packets/s",
     SECONDS(20), mixed, COUNT(mixed)},
    {"quick", "12 flows and a few hundred packets in two seconds, for trying things out", SECONDS(2), quick,
     COUNT(quick)},
    {"elephants-and-mice", "4 flows with nine tenths of the packets, 2,000 small ones (Pareto) beside them",
     SECONDS(20), elephants_and_mice, COUNT(elephants_and_mice)},
    {"ddos", "5,000 sources of 2 to 6 small datagrams to one address; best with --addresses", SECONDS(10),
     ddos, COUNT(ddos)},
    {"voip", "40 calls, 50 datagrams/s of 172 bytes both ways, IPv4 and IPv6", SECONDS(10), voip,
     COUNT(voip)},
    {"video",
     "8 streams of 25 pictures a second, a dozen datagrams each, and a small datagram a second beside each",
     SECONDS(10), video, COUNT(video)},
    {"microbursts", "bursts of 2 ms at 20,000 packets/s from ten flows, next to nothing in between",
     SECONDS(10), microbursts, COUNT(microbursts)},
    {"ipv6", "40 flows of IPv6, TCP and UDP: what NetFlow v5 can't see", SECONDS(10), ipv6, COUNT(ipv6)},
    {"requests", "30 clients of UDP and 15 of TCP that ask and get responses of 100 bytes to 50 KB",
     SECONDS(10), requests, COUNT(requests)},
    {"concurrent", "10,000 flows of UDP and 1,000 of TCP at the same time, each a packet every 4 s",
     SECONDS(30), concurrent, COUNT(concurrent)},
};

const struct traffic_profile *traffic_profiles(size_t *count) {
    *count = COUNT(profiles);
    return profiles;
}

const struct traffic_profile *traffic_profile_find(const char *name) {
    for (size_t i = 0; i < COUNT(profiles); i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            return &profiles[i];
        }
    }
    return NULL;
}
