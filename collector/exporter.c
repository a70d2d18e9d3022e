#include "collector/exporter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#define UPTIME_SLACK_MS 1000 /* sFlow's uptime of Open vSwitch has a grain of a second */

struct exporter_table {
    size_t max, count;
    uint64_t evicted;
    size_t bucket_mask;
    struct exporter **buckets;
    struct exporter *newest, *oldest;
};

struct exporter_table *exporter_table_create(size_t max) {
    struct exporter_table *table = calloc(1, sizeof *table);
    if (table == NULL) {
        return NULL;
    }
    size_t buckets = 64;
    while (buckets < max) {
        buckets *= 2;
    }
    table->max = max;
    table->bucket_mask = buckets - 1;
    table->buckets = calloc(buckets, sizeof(struct exporter *));
    if (table->buckets == NULL) {
        free(table);
        return NULL;
    }
    return table;
}

void exporter_table_destroy(struct exporter_table *table) {
    if (table == NULL) {
        return;
    }
    for (struct exporter *exporter = table->newest; exporter != NULL;) {
        struct exporter *older = exporter->older;
        free(exporter);
        exporter = older;
    }
    free(table->buckets);
    free(table);
}

static uint64_t hash_address(const struct ip_address *address, uint64_t seed) {
    uint64_t hash = XXH3_64bits_withSeed(address->bytes, sizeof address->bytes, seed);
    return hash + address->family;
}

static uint64_t hash_key(const struct exporter_key *key) {
    uint32_t numbers[4] = {key->protocol, key->domain, key->src_port, key->dst_port};
    uint64_t hash = XXH3_64bits(numbers, sizeof numbers);
    hash = hash_address(&key->agent, hash);
    hash = hash_address(&key->src, hash);
    return hash_address(&key->dst, hash);
}

bool exporter_key_equal(const struct exporter_key *a, const struct exporter_key *b) {
    return a->protocol == b->protocol && a->domain == b->domain && a->src_port == b->src_port &&
           a->dst_port == b->dst_port && ip_address_equal(&a->agent, &b->agent) &&
           ip_address_equal(&a->src, &b->src) && ip_address_equal(&a->dst, &b->dst);
}

static void unlink_use(struct exporter_table *table, struct exporter *exporter) {
    *(exporter->newer != NULL ? &exporter->newer->older : &table->newest) = exporter->older;
    *(exporter->older != NULL ? &exporter->older->newer : &table->oldest) = exporter->newer;
}

static void link_newest(struct exporter_table *table, struct exporter *exporter) {
    exporter->newer = NULL;
    exporter->older = table->newest;
    *(table->newest != NULL ? &table->newest->newer : &table->oldest) = exporter;
    table->newest = exporter;
}

static void unlink_bucket(struct exporter_table *table, struct exporter *exporter) {
    struct exporter **link = &table->buckets[exporter->hash & table->bucket_mask];
    while (*link != exporter) {
        link = &(*link)->next;
    }
    *link = exporter->next;
}

/* Puts 'exporter' into the bucket of 'key', which becomes its own. */
static void link_bucket(struct exporter_table *table, struct exporter *exporter,
                        const struct exporter_key *key) {
    exporter->key = *key;
    exporter->hash = hash_key(key);
    exporter_transport(key, exporter->row.transport);
    exporter->owner = exporter_owner(key->protocol, &key->agent, key->domain, exporter->row.transport);
    struct exporter **bucket = &table->buckets[exporter->hash & table->bucket_mask];
    exporter->next = *bucket;
    *bucket = exporter;
}

/* Takes the exporter that was silent for longest out of the table. */
static struct exporter *evict(struct exporter_table *table) {
    struct exporter *exporter = table->oldest;
    unlink_bucket(table, exporter);
    unlink_use(table, exporter);
    table->count--;
    table->evicted++;
    return exporter;
}

struct exporter *exporter_table_find(struct exporter_table *table, const struct exporter_key *key) {
    uint64_t hash = hash_key(key);
    struct exporter *exporter = table->buckets[hash & table->bucket_mask];
    while (exporter != NULL && (exporter->hash != hash || !exporter_key_equal(&exporter->key, key))) {
        exporter = exporter->next;
    }
    return exporter;
}

struct exporter *exporter_table_get(struct exporter_table *table, const struct exporter_key *key,
                                    bool *made) {
    struct exporter *exporter = exporter_table_find(table, key);
    *made = exporter == NULL;
    if (exporter != NULL) {
        unlink_use(table, exporter);
        link_newest(table, exporter);
        return exporter;
    }
    exporter = table->count >= table->max ? evict(table) : malloc(sizeof *exporter);
    if (exporter == NULL) {
        return NULL;
    }
    memset(exporter, 0, sizeof *exporter);
    link_bucket(table, exporter, key);
    link_newest(table, exporter);
    table->count++;
    return exporter;
}

void exporter_table_move(struct exporter_table *table, struct exporter *exporter,
                         const struct exporter_key *key) {
    unlink_bucket(table, exporter);
    link_bucket(table, exporter, key);
    exporter->row_changed = true;
}

struct exporter *exporter_table_newest(struct exporter_table *table) {
    return table->newest;
}

size_t exporter_table_count(const struct exporter_table *table) {
    return table->count;
}

uint64_t exporter_table_evicted(const struct exporter_table *table) {
    return table->evicted;
}

uint64_t exporter_owner(enum export_protocol protocol, const struct ip_address *agent, int64_t domain,
                        const char *transport) {
    uint64_t hash = XXH3_64bits_withSeed(transport, strlen(transport), (uint64_t)protocol);
    hash = hash_address(agent, hash);
    return XXH3_64bits_withSeed(&domain, sizeof domain, hash);
}

void exporter_transport(const struct exporter_key *key, char text[STORE_TRANSPORT_SIZE]) {
    char src[IP_TEXT_SIZE];
    char dst[IP_TEXT_SIZE];
    ip_address_format(&key->src, src);
    ip_address_format(&key->dst, dst);
    bool ipv6 = key->src.family == 6;
    snprintf(text, STORE_TRANSPORT_SIZE, ipv6 ? "udp/[%s]:%u>[%s]:%u" : "udp/%s:%u>%s:%u", src, key->src_port,
             dst, key->dst_port);
}

static bool is_recent(const struct exporter *exporter, uint32_t sequence, uint64_t hash) {
    if (exporter->counts.datagrams == 0 || (int32_t)(sequence - exporter->last_sequence) > 0) {
        return false;
    }
    for (uint32_t i = 0; i < EXPORTER_RECENT; i++) {
        if (exporter->recent[i].hash == hash && exporter->recent[i].sequence == sequence) {
            return true;
        }
    }
    return false;
}

bool exporter_accept(struct exporter *exporter, uint32_t sequence, const uint8_t *bytes, size_t size) {
    uint64_t hash = XXH3_64bits(bytes, size);
    if (is_recent(exporter, sequence, hash)) {
        exporter->counts.duplicated++;
        return false;
    }
    exporter->counts.datagrams++;
    exporter->counts.bytes += size;
    exporter->recent[exporter->recent_at].sequence = sequence;
    exporter->recent[exporter->recent_at].hash = hash;
    exporter->recent_at = (exporter->recent_at + 1) % EXPORTER_RECENT;
    exporter->last_sequence = sequence;
    return true;
}

bool exporter_uptime_back(struct exporter *exporter, uint32_t uptime_ms) {
    int32_t forward_ms = (int32_t)(uptime_ms - exporter->uptime_ms);
    bool back = exporter->has_uptime && forward_ms < -UPTIME_SLACK_MS;
    exporter->has_uptime = true;
    exporter->uptime_ms = uptime_ms;
    return back;
}

void exporter_keep_sampler(struct exporter *exporter, bool has_id, uint64_t id, uint64_t rate) {
    if (!has_id) {
        exporter->options_rate = rate;
        return;
    }
    uint32_t i = 0;
    while (i < exporter->sampler_count && exporter->samplers[i].id != id) {
        i++;
    }
    if (i < EXPORTER_SAMPLERS) {
        exporter->samplers[i].id = id;
        exporter->samplers[i].rate = rate;
        exporter->sampler_count = i == exporter->sampler_count ? i + 1 : exporter->sampler_count;
    }
}

uint64_t exporter_sampler_rate(const struct exporter *exporter, bool has_id, uint64_t id) {
    for (uint32_t i = 0; has_id && i < exporter->sampler_count; i++) {
        if (exporter->samplers[i].id == id) {
            return exporter->samplers[i].rate;
        }
    }
    if (has_id && id == 0 && exporter->sampler_count != 0) {
        return 0; /* sampler 0 is Cisco's word for none */
    }
    if (exporter->options_rate == 0 && !has_id && exporter->sampler_count == 1) {
        return exporter->samplers[0].rate;
    }
    return exporter->options_rate;
}

bool exporter_interface_is_new(struct exporter *exporter, uint64_t index, uint64_t hash) {
    uint64_t *known = &exporter->interfaces[index % EXPORTER_INTERFACES];
    bool is_new = *known != hash;
    *known = hash;
    return is_new;
}
