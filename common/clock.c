#include "common/clock.h"

#include <errno.h>
#include <stdio.h>

int64_t clock_from_timespec(struct timespec ts) {
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

struct timespec clock_to_timespec(int64_t ns) {
    int64_t seconds = ns / NS_PER_S;
    int64_t rest = ns % NS_PER_S;
    if (rest < 0) {
        rest += NS_PER_S;
        seconds--;
    }
    return (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)rest};
}

static int64_t read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return clock_from_timespec(now);
}

int64_t clock_real_ns(void) {
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

void clock_sleep_ns(int64_t ns) {
    struct timespec until = clock_to_timespec(clock_monotonic_ns() + ns);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
}

const char *clock_format(int64_t ns, char text[CLOCK_TEXT_SIZE]) {
    struct timespec ts = clock_to_timespec(ns);
    struct tm local;
    if (localtime_r(&ts.tv_sec, &local) == NULL) {
        snprintf(text, CLOCK_TEXT_SIZE, "?");
        return text;
    }
    size_t length = strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%d %H:%M:%S", &local);
    snprintf(text + length, CLOCK_TEXT_SIZE - length, ".%03ld", ts.tv_nsec / 1000000);
    return text;
}
