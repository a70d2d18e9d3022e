#include "collector/override.h"

const struct collector_override *override_find(const struct collector_override *overrides, size_t count,
                                               const struct ip_address *address, bool dialect) {
    const struct collector_override *best = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct collector_override *override = &overrides[i];
        bool says = dialect ? override->has_dialect : override->sampling_rate != 0;
        if (says && ip_prefix_contains(&override->exporters, address) &&
            (best == NULL || override->exporters.length >= best->exporters.length)) {
            best = override;
        }
    }
    return best;
}
