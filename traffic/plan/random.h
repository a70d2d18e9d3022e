/* Numbers that look random and come again from the same seed: splitmix64 (Steele, Lea, Flood: "Fast
 * Splittable Pseudorandom Number Generators", 2014), and the distributions that traffic is made of. */
#pragma once

#include <math.h>
#include <stdint.h>

/* A number that depends on all bits of 'value'. */
static inline uint64_t traffic_random_mix(uint64_t value) {
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

/* The next number of the row that 'state' stands in. */
static inline uint64_t traffic_random_next(uint64_t *state) {
    return traffic_random_mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

/* The number at the place 'index' of the row called 'row' of 'seed': no row has to be gone through. */
static inline uint64_t traffic_random_at(uint64_t seed, uint64_t row, uint64_t index) {
    uint64_t state = traffic_random_mix(seed ^ traffic_random_mix(row + 1)) + index;
    return traffic_random_next(&state);
}

/* 'number' as a share from 0 to 1, 1 excluded. */
static inline double traffic_random_share(uint64_t number) {
    return (double)(number >> 11) * 0x1p-53;
}

/* The exponential distribution of mean 1 at 'share', from 0 to 1. */
static inline double traffic_random_exponential(double share) {
    return -log1p(-share);
}

/* The Pareto distribution of 'alpha' between 'low' and 'high', above 0, at 'share', from 0 to 1: its inverse.
 */
static inline double traffic_random_pareto(double alpha, double low, double high, double share) {
    return low * pow(1 - share * (1 - pow(low / high, alpha)), -1 / alpha);
}
