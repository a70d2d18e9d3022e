/* Captures of exports, for tests. */
#pragma once

#include "collector/collector.h"

#define CORPORA NSMON_SOURCE_DIR "/../shared/corpora"

/* Calls 'each' for every UDP datagram in the capture 'path', in order.  Returns how many there were, or -1
 * when the file can't be read. */
int pcap_each_datagram(const char *path, void (*each)(const struct datagram *datagram, void *context),
                       void *context);

/* Gives every datagram of the capture 'path' to 'collector', and a tick at the end.  Returns as above. */
int pcap_collect(const char *path, struct collector *collector);
