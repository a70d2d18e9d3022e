#include "traffic/remote/clock.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/clock.h"

/* Beyond this an exchange says nothing. */
#define ROUND_TRIP_MAX_NS (10 * NS_PER_S)
/* Readings must be so far apart for a drift. */
#define DRIFT_MIN_NS (NS_PER_S / 2)

/* 'a' - 'b' of times that may be any number. */
static int64_t difference(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

void remote_reading_add(struct remote_reading *reading, const struct remote_exchange *exchange) {
    int64_t there = difference(exchange->answered_ns, exchange->heard_ns);
    int64_t away = difference(exchange->back_ns, exchange->asked_ns);
    if (there < 0 || away < there || away > ROUND_TRIP_MAX_NS) {
        return;
    }
    int64_t out = difference(exchange->heard_ns, exchange->asked_ns);
    int64_t home = difference(exchange->answered_ns, exchange->back_ns);
    if (reading->count++ == 0 || away - there < reading->round_trip_ns) {
        reading->round_trip_ns = away - there;
        reading->offset_ns = out / 2 + home / 2;
        reading->at_ns = exchange->asked_ns;
    }
}

int64_t remote_clocks_drift(const struct remote_clocks *clocks) {
    int64_t apart = difference(clocks->after.at_ns, clocks->before.at_ns);
    if (clocks->same || clocks->before.count == 0 || clocks->after.count == 0 || apart < DRIFT_MIN_NS) {
        return 0;
    }
    double gained = (double)difference(clocks->after.offset_ns, clocks->before.offset_ns);
    return (int64_t)(gained / (double)apart * (double)NS_PER_S);
}

int64_t remote_clocks_offset(const struct remote_clocks *clocks, int64_t at_ns) {
    if (clocks->same || clocks->before.count == 0) {
        return 0;
    }
    double since = (double)difference(at_ns, clocks->before.at_ns);
    return clocks->before.offset_ns +
           (int64_t)((double)remote_clocks_drift(clocks) / (double)NS_PER_S * since);
}

int64_t remote_clocks_uncertainty(const struct remote_clocks *clocks) {
    if (clocks->same || clocks->before.count == 0) {
        return 0;
    }
    int64_t longest = clocks->before.round_trip_ns;
    int64_t drifted = 0;
    if (clocks->after.count > 0) {
        longest = clocks->after.round_trip_ns > longest ? clocks->after.round_trip_ns : longest;
        drifted = difference(clocks->after.offset_ns, clocks->before.offset_ns);
    }
    return longest / 2 + (drifted < 0 ? -(drifted / 2) : drifted / 2);
}

uint64_t remote_clock_identity(uint64_t nonce) {
    char text[64];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (fd >= 0) {
        close(fd);
    }
    return size <= 0 ? 0 : XXH64(text, (size_t)size, nonce);
}
