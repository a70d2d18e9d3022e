/* What the tests of the collector share: exports out of numbers, and a collector over a store in memory. */
#pragma once

#include "export_maker.h"

/* Begins an IPFIX message; its length is there with the end of its first set. */
void testing_ipfix(struct maker *maker, uint32_t sequence, uint32_t domain);

/* A set of the template 256: source, destination, packets, bytes. */
void testing_template(struct maker *maker);

/* A set of one record of it, with 100 bytes a packet. */
void testing_record(struct maker *maker, uint32_t packets);

/* A whole NetFlow v5 datagram of 'count' records of 3 packets. */
void testing_netflow5(struct maker *maker, uint16_t count, uint32_t sequence, uint32_t uptime_ms);

/* A collector over the store in memory, emptied; testing_stop() frees it and empties the store again. */
struct collector *testing_start(struct collector_settings settings);
void testing_stop(struct collector *collector);

/* Gives it the datagram as from 192.0.2.1 port 'port'. */
void testing_give(struct collector *collector, const struct maker *maker, uint16_t port, int64_t recv_ns);

/* The exporter that spoke last; fails when there is none. */
struct collector_exporter testing_newest(struct collector *collector);
