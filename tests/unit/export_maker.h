/* Exports put together from numbers, for tests. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "collector/collector.h"

struct maker {
    uint8_t bytes[4096];
    size_t size;
};

/* Appends 'value' in 'size' bytes, big endian. */
void maker_put(struct maker *maker, uint64_t value, size_t size);

/* Puts 'value' into the two bytes at 'at'. */
void maker_patch(struct maker *maker, size_t at, size_t value);

/* Begins an IPFIX message of domain 7, or a NetFlow v9 datagram of source 7 that was up for 'uptime_ms'. */
void maker_ipfix(struct maker *maker, uint32_t sequence);
void maker_netflow9(struct maker *maker, uint32_t sequence, uint32_t uptime_ms);

/* Begins a set; maker_end() takes what this returns. */
size_t maker_set(struct maker *maker, uint16_t id);
void maker_end(struct maker *maker, size_t set);

struct maker_field {
    uint16_t id; /* with the upper bit: of 'enterprise' */
    uint16_t size;
    uint32_t enterprise;
};

/* A set of one template, 'id'; with 'scopes' an options template. */
void maker_template(struct maker *maker, uint16_t id, const struct maker_field *fields, size_t count,
                    size_t scopes);

/* Gives the datagram to 'collector' as from 192.0.2.1 port 1. */
void maker_give(const struct maker *maker, struct collector *collector);
