#include "topo/relay/random.h"

#include <sys/random.h>

#include "common/clock.h"

void relay_random_init(struct relay_random *random, uint64_t seed) {
    random->state = seed;
    if (seed == 0 && getrandom(&random->state, sizeof random->state, GRND_NONBLOCK) < 0) {
        random->state = (uint64_t)clock_real_ns();
    }
}

/* SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. */
double relay_random_next(struct relay_random *random) {
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53;
}

bool relay_random_hit(struct relay_random *random, double chance) {
    return chance > 0.0 && relay_random_next(random) < chance;
}
