/* Chance for the relay: fast, repeatable, and good enough for a link. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct relay_random {
    uint64_t state;
};

/* Begins with 'seed'; 0 takes one that nobody knows. */
void relay_random_init(struct relay_random *random, uint64_t seed);

/* The next number, even over 0 to below 1. */
double relay_random_next(struct relay_random *random);

/* True with the probability 'chance'. */
bool relay_random_hit(struct relay_random *random, double chance);
