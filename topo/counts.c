/* What the lab's own parts counted, as rows of the ledger. */
#include "topo/lab.h"
#include "topo/topo.h"

int topo_each_count(struct topo *topo, topo_count_fn *emit, void *context, struct error *error) {
    return openflow_each_count(topo, emit, context, error);
}
