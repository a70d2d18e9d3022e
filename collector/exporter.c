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
    struct exporter **nears;
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
    table->nears = calloc(buckets, sizeof(struct exporter *));
    if (table->buckets == NULL || table->nears == NULL) {
        exporter_table_destroy(table);
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
    free(table->nears);
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

static void unlink_bucket(struct exporter *exporter) {
    *exporter->link = exporter->next;
    if (exporter->next != NULL) {
        exporter->next->link = exporter->link;
    }
    *exporter->near_link = exporter->near_next;
    if (exporter->near_next != NULL) {
        exporter->near_next->near_link = exporter->near_link;
    }
}

/* The bucket of those that differ in the source port alone. */
static struct exporter **near_bucket_of(struct exporter_table *table, const struct exporter_key *key) {
    struct exporter_key near = *key;
    near.src_port = 0;
    return &table->nears[hash_key(&near) & table->bucket_mask];
}

/* Puts 'exporter' into the buckets of 'key', which becomes its own. */
static void link_bucket(struct exporter_table *table, struct exporter *exporter,
                        const struct exporter_key *key) {
    exporter->key = *key;
    exporter->hash = hash_key(key);
    exporter_transport(key, exporter->row.transport);
    struct exporter **bucket = &table->buckets[exporter->hash & table->bucket_mask];
    exporter->link = bucket;
    exporter->next = *bucket;
    if (*bucket != NULL) {
        (*bucket)->link = &exporter->next;
    }
    *bucket = exporter;
    struct exporter **near = near_bucket_of(table, key);
    exporter->near_link = near;
    exporter->near_next = *near;
    if (*near != NULL) {
        (*near)->near_link = &exporter->near_next;
    }
    *near = exporter;
}

/* Takes the exporter that was silent for longest out of the table. */
static struct exporter *evict(struct exporter_table *table) {
    struct exporter *exporter = table->oldest;
    unlink_bucket(exporter);
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
    exporter->owner = exporter_owner(key->protocol, &key->agent, key->domain, exporter->row.transport);
    exporter->boot_ns = INT64_MIN;
    link_newest(table, exporter);
    table->count++;
    return exporter;
}

void exporter_table_move(struct exporter_table *table, struct exporter *exporter,
                         const struct exporter_key *key) {
    unlink_bucket(exporter);
    link_bucket(table, exporter, key);
    exporter->row_changed = true;
}

struct exporter *exporter_table_near(struct exporter_table *table, const struct exporter_key *key,
                                     const struct exporter *exporter) {
    struct exporter *near = exporter == NULL ? *near_bucket_of(table, key) : exporter->near_next;
    for (; near != NULL; near = near->near_next) {
        struct exporter_key same = near->key;
        same.src_port = key->src_port;
        if (exporter_key_equal(&same, key)) {
            return near;
        }
    }
    return NULL;
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

struct template_owner exporter_owner(enum export_protocol protocol, const struct ip_address *agent,
                                     int64_t domain, const char *transport) {
    uint64_t address = hash_address(agent, (uint64_t)protocol);
    address = XXH3_64bits_withSeed(&domain, sizeof domain, address);
    return (struct template_owner){.session = XXH3_64bits_withSeed(transport, strlen(transport), address),
                                   .address = address};
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
    if (!exporter->has_sequence || (int32_t)(sequence - exporter->last_sequence) > 0) {
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
        return false;
    }
    exporter->has_sequence = true;
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

/* Sets the rate of 'id' in a table of 'count'; what has no room is left out. */
static void keep_rate(struct exporter_rate *rates, uint32_t *count, uint64_t id, uint64_t rate) {
    uint32_t i = 0;
    while (i < *count && rates[i].id != id) {
        i++;
    }
    if (i < EXPORTER_SAMPLERS) {
        rates[i] = (struct exporter_rate){id, rate};
        *count = i == *count ? i + 1 : *count;
    }
}

static uint64_t find_rate(const struct exporter_rate *rates, uint32_t count, uint64_t id) {
    for (uint32_t i = 0; i < count; i++) {
        if (rates[i].id == id) {
            return rates[i].rate;
        }
    }
    return 0;
}

/* True if what the options record says is of one interface: that is among its scopes. */
static bool of_interface(const struct flow_record *record) {
    const struct template *template = record->template;
    for (size_t i = 0; template != NULL && i < template->scope_count; i++) {
        const struct element *element = &template->fields[i].element;
        if (element->kind == ELEMENT_NUMBER &&
            (element->field == FLOW_INPUT || element->field == FLOW_OUTPUT)) {
            return flow_record_has(record, (enum flow_field)element->field);
        }
    }
    return false;
}

void exporter_take_options(struct exporter *exporter, const struct flow_record *record) {
    uint64_t rate = flow_record_sampling(record);
    int64_t init_ms = (int64_t)flow_record_get(record, FLOW_INIT_MS, 0);
    exporter->init_ms = init_ms > 0 ? init_ms : exporter->init_ms;
    if (rate == 0) {
        return;
    }
    if (flow_record_has(record, FLOW_SAMPLER_ID)) {
        keep_rate(exporter->samplers, &exporter->sampler_count, record->value[FLOW_SAMPLER_ID], rate);
    } else if (of_interface(record)) {
        uint64_t output = flow_record_get(record, FLOW_OUTPUT, 0);
        keep_rate(exporter->by_interface, &exporter->interface_count,
                  flow_record_get(record, FLOW_INPUT, output), rate);
    } else {
        exporter->options_rate = rate;
    }
}

uint64_t exporter_options_rate(const struct exporter *exporter, const struct flow_record *record) {
    bool has_id = flow_record_has(record, FLOW_SAMPLER_ID);
    if (has_id) {
        uint64_t id = record->value[FLOW_SAMPLER_ID];
        uint64_t rate = find_rate(exporter->samplers, exporter->sampler_count, id);
        if (rate != 0 || (id == 0 && exporter->sampler_count != 0)) { /* 0 is Cisco's word for none */
            return rate;
        }
    }
    bool egress = flow_record_get(record, FLOW_DIRECTION, 0) == 1;
    uint64_t index = flow_record_get(record, egress ? FLOW_OUTPUT : FLOW_INPUT, 0);
    uint64_t rate = find_rate(exporter->by_interface, exporter->interface_count, index);
    if (rate != 0) {
        return rate;
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
