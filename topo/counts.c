/* What the lab's own parts counted, as rows of the ledger. */
#include "topo/topo.h"

int topo_each_count(struct topo *topo, topo_count_fn *emit, void *context, struct error *error) {
    (void)topo;
    (void)emit;
    (void)context;
    (void)error;
    return 0;
}
