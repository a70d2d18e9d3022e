/* A flood of datagrams from random addresses: "flood [DATAGRAMS]", ten million by default.  Templates of
 * random layout, data of templates that never come, NetFlow v5 and sFlow: memory stays below 200 MB and what
 * had to go is counted. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../unit/export_maker.h"
#include "collector/collector.h"
#include "common/clock.h"
#include "forget_store.h"

#define DATAGRAMS    10000000
#define RESIDENT_KIB (200 * 1000 * 1000 / 1024)
#define FIELDS_MAX   24
#define PER_SECOND   100000

static uint64_t random_state = 88172645463325252;

/* Marsaglia's xorshift. */
static uint64_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void put_templates(struct maker *maker) {
    struct maker_field fields[FIELDS_MAX];
    size_t count = 1 + next_random() % FIELDS_MAX;
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = next_random();
        fields[i] = (struct maker_field){(uint16_t)(bits % 400), (uint16_t)(1 + (bits >> 16) % 8), 0};
    }
    maker_template(maker, (uint16_t)(256 + next_random() % 1000), fields, count, next_random() % 4 == 0);
}

static void put_data(struct maker *maker) {
    size_t set = maker_set(maker, (uint16_t)(256 + next_random() % 1000));
    for (size_t i = 4 + next_random() % 40; i > 0; i--) {
        maker_put(maker, next_random(), 8);
    }
    maker_end(maker, set);
}

static void put_netflow5(struct maker *maker) {
    maker->size = 0;
    maker_put(maker, 5, 2);
    maker_put(maker, 1, 2);
    for (size_t i = 0; i < 17; i++) {
        maker_put(maker, next_random(), 4);
    }
}

static void put_sflow5(struct maker *maker) {
    maker->size = 0;
    maker_put(maker, 5, 4);
    maker_put(maker, 1, 4);
    for (size_t i = 0; i < 4; i++) {
        maker_put(maker, next_random(), 4);
    }
    maker_put(maker, 1, 4);
    maker_put(maker, 1, 4);
    maker_put(maker, 32, 4);
    for (size_t i = 0; i < 7; i++) {
        maker_put(maker, next_random(), 4);
    }
    maker_put(maker, 0, 4);
}

static void make(struct maker *maker) {
    uint64_t kind = next_random() % 8;
    if (kind == 0) {
        put_netflow5(maker);
    } else if (kind == 1) {
        put_sflow5(maker);
    } else {
        if (kind % 2 == 0) {
            maker_ipfix(maker, (uint32_t)next_random());
        } else {
            maker_netflow9(maker, (uint32_t)next_random(), (uint32_t)next_random());
        }
        put_templates(maker);
        put_data(maker);
    }
}

/* Half from anywhere, half from any port of a few. */
static void give(struct collector *collector, const struct maker *maker, uint64_t number) {
    uint64_t bits = next_random();
    struct datagram datagram = {.bytes = maker->bytes,
                                .size = maker->size,
                                .recv_ns = (int64_t)(number / PER_SECOND) * NS_PER_S,
                                .src = {.family = 4},
                                .dst = {4, {192, 0, 2, 2}},
                                .src_port = (uint16_t)(bits >> 32),
                                .dst_port = 2055};
    uint32_t address = (bits & 1) != 0 ? (uint32_t)(bits >> 8) : (uint32_t)(bits >> 8) % 16;
    memcpy(datagram.src.bytes, &address, sizeof address);
    collector_datagram(collector, &datagram);
}

int main(int argc, char **argv) {
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : DATAGRAMS;
    struct collector_settings settings = {.keep_unknown = true};
    struct collector *collector = collector_create(&settings, NULL);
    static struct maker maker;
    if (collector == NULL) {
        return 1;
    }
    for (uint64_t i = 0; i < count; i++) {
        make(&maker);
        give(collector, &maker, i);
        if (i % PER_SECOND == PER_SECOND - 1) {
            collector_tick(collector, (int64_t)(i / PER_SECOND) * NS_PER_S);
        }
    }
    struct collector_totals totals = collector_totals(collector);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%" PRIu64 " datagrams, %" PRIu64 " rows; resident %ld MB\n", totals.datagrams,
           forget_store_rows(), usage.ru_maxrss * 1024 / 1000000);
    printf("exporters %zu, evicted %" PRIu64 "; templates %zu, evicted %" PRIu64 ", redefined %" PRIu64
           "; data sets held %zu in %zu bytes, evicted %" PRIu64 ", expired %" PRIu64 "\n",
           totals.exporters, totals.exporters_evicted, totals.templates.templates, totals.templates.evicted,
           totals.templates.redefined, totals.held.sets, totals.held.bytes, totals.held.evicted,
           totals.held.expired);
    uint64_t sum = 0;
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        sum += totals.outcomes[i];
    }
    bool good = usage.ru_maxrss < RESIDENT_KIB && totals.exporters_evicted > 0 &&
                totals.templates.evicted > 0 && totals.held.evicted > 0 && sum == count;
    collector_destroy(collector);
    forget_store_end();
    return good ? 0 : 1;
}
