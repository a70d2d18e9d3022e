/* A delay that wanders, and never so fast that a frame could overtake another.
 *
 * It sweeps between -jitter and +jitter, each sweep in a straight line and of a length of its own, of 4 to 12
 * times the jitter.  So each value in between is equally likely, a frame that comes a little later has a
 * little more or less delay, and the delay falls by half a nanosecond in a nanosecond at most. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "topo/relay/random.h"

struct relay_jitter {
    int64_t jitter_ns;
    int64_t from_ns, to_ns; /* the sweep under way; 0 and 0 before the first */
    bool up;
};

/* The deviation at 'at_ns', which must not go back from call to call; 0 without jitter. */
int64_t relay_jitter_at(struct relay_jitter *jitter, struct relay_random *random, int64_t at_ns);
