/* Which flow sends next: a heap of moments.  Nothing is allocated after traffic_pacer_init(). */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct traffic_turn {
    int64_t at_ns; /* monotonic */
    uint32_t flow;
};

struct traffic_pacer {
    struct traffic_turn *turns;
    size_t count, capacity;
};

/* Makes room for 'capacity' flows, each with at most one turn.  Returns 0 or -ENOMEM. */
int traffic_pacer_init(struct traffic_pacer *pacer, size_t capacity);

/* Frees what 'pacer' holds.  Takes a zeroed one. */
void traffic_pacer_free(struct traffic_pacer *pacer);

/* Gives 'flow' its turn at 'at_ns'.  It must not have one already. */
void traffic_pacer_push(struct traffic_pacer *pacer, int64_t at_ns, uint32_t flow);

/* The next turn, or NULL when there is none. */
const struct traffic_turn *traffic_pacer_next(const struct traffic_pacer *pacer);

/* Takes the next turn away; there must be one. */
struct traffic_turn traffic_pacer_pop(struct traffic_pacer *pacer);
