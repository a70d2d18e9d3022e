/* What the user says of exporters, by their address. */
#pragma once

#include <stddef.h>

#include "collector/dialect.h"
#include "common/prefix.h"

struct collector_override {
    struct ip_prefix exporters;
    int64_t sampling_rate; /* whatever they say; 0: nothing said of it.  sFlow samples keep their own */
    bool has_dialect;
    enum dialect dialect;
};

/* Of the 'count' entries at 'overrides', the one with the longest prefix that holds 'address' and says a
 * rate, or with 'dialect' a dialect; of two alike the later.  NULL when there is none. */
const struct collector_override *override_find(const struct collector_override *overrides, size_t count,
                                               const struct ip_address *address, bool dialect);
