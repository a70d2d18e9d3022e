/* The datagram by which a traffic client finds its server, before any flow: what traffic/ writes and what a
 * path that is impaired on purpose lets pass, so that the first counted datagram is the first of a flow.
 *
 * Its payload, big endian: magic 4, run 8, flow 4, sequence 8, time 8. */
#pragma once

#include <stdint.h>

#define GREETING_SIZE        32
#define GREETING_MAGIC       UINT32_C(0x6e736d75) /* nsmu, at the beginning; of each datagram of a run, too */
#define GREETING_FLOW_OFFSET 12
#define GREETING_FLOW        UINT32_MAX
