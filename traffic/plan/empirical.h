/* A distribution as it was measured somewhere: a histogram that a file has, to draw sizes or gaps from.
 *
 * The file is text, a bin a line: a value, or a range LOW..HIGH, and behind it how often, a number above 0 of
 * any scale.  Bins go up and don't overlap.  What follows a '#' is a remark. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define TRAFFIC_EMPIRICAL_BINS 1024U
#define TRAFFIC_EMPIRICAL_SIZE ((size_t)64 * 1024) /* of a file, bytes */

/* What the values of a histogram are: they are read with the units of common/quantity.h. */
enum traffic_empirical_unit {
    TRAFFIC_EMPIRICAL_COUNT, /* whole numbers from 1 on: bytes, packets */
    TRAFFIC_EMPIRICAL_TIME,  /* "20us": nanoseconds, at most an hour */
};

struct traffic_empirical_bin {
    int64_t low, high; /* both are in it */
    double weight;
    double end; /* the share of all that this bin and those before it have: the last one's is 1 */
};

struct traffic_empirical {
    size_t count;
    double mean, deviation; /* standard deviation */
    struct traffic_empirical_bin bins[TRAFFIC_EMPIRICAL_BINS];
};

/* Reads the file 'path' into '*made', to be freed with free().  Returns 0; -EINVAL with "PATH:LINE: ..." in
 * 'error' for what is no histogram; another negative errno for what can't be read; or -ENOMEM. */
int traffic_empirical_read(const char *path, enum traffic_empirical_unit unit,
                           struct traffic_empirical **made, struct error *error);

/* The same out of the 'size' bytes at 'text', called 'path' in messages. */
int traffic_empirical_parse(const char *path, const char *text, size_t size, enum traffic_empirical_unit unit,
                            struct traffic_empirical **made, struct error *error);

/* Makes shares, mean and deviation out of bins whose 'low', 'high' and 'weight' are set, 'count' of them.
 * Returns 0, or -EINVAL with the number of the bin that does not fit in '*bad'. */
int traffic_empirical_finish(struct traffic_empirical *empirical, size_t *bad);

/* The value at 'share', from 0 to 1, 1 excluded: the inverse of the distribution, even within a bin. */
double traffic_empirical_at(const struct traffic_empirical *empirical, double share);
