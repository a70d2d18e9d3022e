/* Time is an int64_t of nanoseconds: since the epoch (real) or since some fixed moment (monotonic). */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_US INT64_C(1000)

/* Now, in nanoseconds since the epoch. */
int64_t clock_real_ns(void);

/* Now, on a clock that is never set, in nanoseconds. */
int64_t clock_monotonic_ns(void);

/* 'ts' in nanoseconds. */
int64_t clock_from_timespec(struct timespec ts);

/* 'ns' as a timespec; 'ns' may be negative. */
struct timespec clock_to_timespec(int64_t ns);

/* Sleeps 'ns' nanoseconds, also over signals. */
void clock_sleep_ns(int64_t ns);

/* Room for the longest text of clock_format(), its NUL included. */
#define CLOCK_TEXT_SIZE 32

/* Writes the moment 'ns' as local ISO 8601 with milliseconds, "2026-11-22 10:33:16.123".  Returns 'text'. */
const char *clock_format(int64_t ns, char text[CLOCK_TEXT_SIZE]);
