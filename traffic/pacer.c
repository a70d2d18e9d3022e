#include "traffic/pacer.h"

#include <errno.h>
#include <stdlib.h>

int traffic_pacer_init(struct traffic_pacer *pacer, size_t capacity) {
    *pacer = (struct traffic_pacer){.turns = calloc(capacity, sizeof *pacer->turns), .capacity = capacity};
    return pacer->turns == NULL ? -ENOMEM : 0;
}

void traffic_pacer_free(struct traffic_pacer *pacer) {
    free(pacer->turns);
    *pacer = (struct traffic_pacer){0};
}

void traffic_pacer_push(struct traffic_pacer *pacer, int64_t at_ns, uint32_t flow) {
    struct traffic_turn *turns = pacer->turns;
    size_t place = pacer->count++;
    while (place > 0 && turns[(place - 1) / 2].at_ns > at_ns) {
        turns[place] = turns[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    turns[place] = (struct traffic_turn){.at_ns = at_ns, .flow = flow};
}

const struct traffic_turn *traffic_pacer_next(const struct traffic_pacer *pacer) {
    return pacer->count == 0 ? NULL : &pacer->turns[0];
}

struct traffic_turn traffic_pacer_pop(struct traffic_pacer *pacer) {
    struct traffic_turn *turns = pacer->turns;
    struct traffic_turn first = turns[0];
    struct traffic_turn last = turns[--pacer->count];
    size_t place = 0;
    for (;;) {
        size_t child = place * 2 + 1;
        if (child >= pacer->count) {
            break;
        }
        if (child + 1 < pacer->count && turns[child + 1].at_ns < turns[child].at_ns) {
            child++;
        }
        if (turns[child].at_ns >= last.at_ns) {
            break;
        }
        turns[place] = turns[child];
        place = child;
    }
    turns[place] = last;
    return first;
}
