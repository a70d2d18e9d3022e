/* What 'lab_settings' mean for the network: for those who build it and for those who say how. */
#pragma once

#include "daemon/lab.h"
#include "daemon/worker.h"
#include "topo/topo.h"

/* The network of 'lab', without run directory, tag and progress; it points into 'lab'. */
struct topo_settings lab_shape(const struct lab_settings *lab);

/* Its exporters, which send to 'ports'; 0 is one that is off. */
struct topo_export lab_shape_export(const struct lab_settings *lab, const uint16_t ports[SOCKET_COUNT]);

/* Where the collector listens for each exporter unless told otherwise. */
extern const uint16_t lab_shape_ports[SOCKET_COUNT];
