#include "daemon/rates.h"

#include <string.h>

static bool less(const struct rates_count *a, const struct rates_count *b) {
    return a->frames < b->frames || a->bytes < b->bytes;
}

void rates_take(struct rates *rates, size_t point, const struct rates_reading *reading) {
    struct rates_reading *readings = rates->points[point].readings;
    size_t *count = &rates->points[point].count;
    const struct rates_reading *last = *count > 0 ? &readings[*count - 1] : NULL;
    if (last != NULL && (reading->at_ns <= last->at_ns || less(&reading->to_switch, &last->to_switch) ||
                         less(&reading->to_station, &last->to_station))) {
        *count = 0;
    }
    if (*count == RATES_INTERVALS + 1) {
        memmove(readings, readings + 1, RATES_INTERVALS * sizeof *readings);
        *count -= 1;
    }
    readings[(*count)++] = *reading;
}

static struct rate between(const struct rates_count *from, const struct rates_count *to, double seconds) {
    return (struct rate){.frames_per_s = (double)(to->frames - from->frames) / seconds,
                         .bits_per_s = 8.0 * (double)(to->bytes - from->bytes) / seconds};
}

bool rates_of(const struct rates *rates, size_t point, int64_t now_ns, struct rate *to_switch,
              struct rate *to_station) {
    const struct rates_reading *first = &rates->points[point].readings[0];
    size_t count = rates->points[point].count;
    const struct rates_reading *last = first + (count > 0 ? count - 1 : 0);
    if (count < 2 || now_ns - last->at_ns > RATES_STALE_NS) {
        return false;
    }
    double seconds = (double)(last->at_ns - first->at_ns) / 1e9;
    *to_switch = between(&first->to_switch, &last->to_switch, seconds);
    *to_station = between(&first->to_station, &last->to_station, seconds);
    return true;
}
