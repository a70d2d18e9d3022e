#include "traffic/profile.h"

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

static const struct traffic_profile profiles[] = {
    {"mixed", "64 flows over four decades of size, TCP and UDP, IPv4 and IPv6, about 4,000 packets/s",
     INT64_C(20000000000), mixed, COUNT(mixed)},
    {"quick", "12 flows and a few hundred packets in two seconds, for trying things out", INT64_C(2000000000),
     quick, COUNT(quick)},
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
