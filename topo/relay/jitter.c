#include "topo/relay/jitter.h"

#include "common/clock.h"

/* After so long without a frame nobody can tell that the sweep begins anywhere. */
#define FORGET_NS NS_PER_S

static int64_t sweep_ns(const struct relay_jitter *jitter, struct relay_random *random) {
    return (int64_t)((4.0 + 8.0 * relay_random_next(random)) * (double)jitter->jitter_ns) + 1;
}

int64_t relay_jitter_at(struct relay_jitter *jitter, struct relay_random *random, int64_t at_ns) {
    if (jitter->jitter_ns == 0) {
        return 0;
    }
    if (jitter->to_ns == 0 || at_ns - jitter->to_ns > FORGET_NS) {
        int64_t length_ns = sweep_ns(jitter, random);
        jitter->from_ns = at_ns - (int64_t)(relay_random_next(random) * (double)length_ns);
        jitter->to_ns = jitter->from_ns + length_ns;
        jitter->up = relay_random_hit(random, 0.5);
    }
    while (at_ns >= jitter->to_ns) {
        jitter->from_ns = jitter->to_ns;
        jitter->to_ns += sweep_ns(jitter, random);
        jitter->up = !jitter->up;
    }
    double done = (double)(at_ns - jitter->from_ns) / (double)(jitter->to_ns - jitter->from_ns);
    double share = jitter->up ? 2.0 * done - 1.0 : 1.0 - 2.0 * done;
    return (int64_t)(share * (double)jitter->jitter_ns);
}
