/* What the lab's own parts counted, as rows of the ledger. */
#include "topo/impair.h"
#include "topo/lab.h"

typedef int part_fn(struct topo *topo, topo_count_fn *emit, void *context, struct error *error);

static part_fn *const parts[] = {impair_each_count, openflow_each_count};

int topo_each_count(struct topo *topo, topo_count_fn *emit, void *context, struct error *error) {
    int first = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        int code = parts[i](topo, emit, context, first == 0 ? error : NULL);
        first = first == 0 ? code : first;
    }
    return first;
}
