#include "daemon/lab_shape.h"

#include <string.h>

#include "daemon/run_dir.h"
#include "topo/recipe.h"

const uint16_t lab_shape_ports[SOCKET_COUNT] = {6343, 2055, 4739};

struct topo_settings lab_shape(const struct lab_settings *lab) {
    struct topo_settings topo = {
        .datapath = lab->datapath,
        .hosts = lab->hosts,
        .addresses = lab->addresses,
        .mtu = lab->mtu,
        .impairments = lab->impairments,
        .openflow = &lab->openflow,
    };
    memcpy(topo.prefix, lab->prefix, sizeof topo.prefix);
    return topo;
}

struct topo_export lab_shape_export(const struct lab_settings *lab, const uint16_t ports[SOCKET_COUNT]) {
    return (struct topo_export){
        .sflow = {.port = ports[SOCKET_SFLOW],
                  .sampling = lab->sflow_sampling,
                  .header_bytes = lab->sflow_header_bytes,
                  .polling_s = lab->sflow_polling_s},
        .netflow = {.port = ports[SOCKET_NETFLOW], .active_timeout_s = lab->netflow_timeout_s},
        .ipfix = {.port = ports[SOCKET_IPFIX],
                  .sampling = lab->ipfix_sampling,
                  .cache_active_timeout_s = lab->ipfix_timeout_s,
                  .domain = 1,
                  .point = 1},
    };
}

int lab_recipe(const struct lab_settings *lab, topo_recipe_fn *emit, void *context, struct error *error) {
    const struct run_dir dir = run_dir_of(lab->prefix);
    const bool on[SOCKET_COUNT] = {lab->sflow, lab->netflow, lab->ipfix};
    const int wanted[SOCKET_COUNT] = {lab->sflow_port, lab->netflow_port, lab->ipfix_port};
    uint16_t ports[SOCKET_COUNT] = {0};
    struct topo_settings topo = lab_shape(lab);
    topo.run_dir = dir.path;
    topo.tag = "by-hand";
    for (size_t i = 0; i < SOCKET_COUNT; i++) {
        ports[i] = on[i] ? (uint16_t)(wanted[i] > 0 ? wanted[i] : lab_shape_ports[i]) : 0;
    }
    const struct topo_export export = lab_shape_export(lab, ports);
    return topo_recipe(&topo, &export, emit, context, error);
}
