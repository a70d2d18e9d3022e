#include "collector/decode/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#define ENTERPRISE_BIT 0x8000

/* Three ways to find a template, each a hash table of its own. */
enum { BY_ID, BY_SESSION, BY_ADDRESS, WAY_COUNT };

/* A template in the cache: in a bucket of each way, the newest first, and in the list by last use. */
struct entry {
    struct {
        struct entry *next, **link;
    } chain[WAY_COUNT];
    struct entry *newer, *older;
    size_t bytes;
    struct template template;
};

struct template_cache {
    size_t max_templates, max_bytes;
    size_t bucket_mask;
    struct entry **buckets[WAY_COUNT];
    struct entry *newest, *oldest;
    struct template_counts counts;
    struct template_field scratch[TEMPLATE_FIELDS_MAX];
};

struct template_cache *template_cache_create(size_t max_templates, size_t max_bytes) {
    struct template_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL) {
        return NULL;
    }
    size_t buckets = 64;
    while (buckets < max_templates) {
        buckets *= 2;
    }
    cache->max_templates = max_templates;
    cache->max_bytes = max_bytes;
    cache->bucket_mask = buckets - 1;
    for (size_t i = 0; i < WAY_COUNT; i++) {
        cache->buckets[i] = calloc(buckets, sizeof(struct entry *));
        if (cache->buckets[i] == NULL) {
            template_cache_destroy(cache);
            return NULL;
        }
    }
    return cache;
}

void template_cache_destroy(struct template_cache *cache) {
    if (cache == NULL) {
        return;
    }
    for (struct entry *entry = cache->newest; entry != NULL;) {
        struct entry *older = entry->older;
        free(entry);
        entry = older;
    }
    for (size_t i = 0; i < WAY_COUNT; i++) {
        free(cache->buckets[i]);
    }
    free(cache);
}

struct template_counts template_cache_counts(const struct template_cache *cache) {
    return cache->counts;
}

/* The bucket of one way; 'number' is a session's or an address'. */
static struct entry **bucket_of(struct template_cache *cache, size_t way, uint64_t number, uint16_t id) {
    uint64_t hash = XXH3_64bits_withSeed(&number, sizeof number, way == BY_SESSION ? 0 : id);
    return &cache->buckets[way][hash & cache->bucket_mask];
}

static struct entry *find(struct template_cache *cache, uint64_t session, uint16_t id) {
    struct entry *entry = *bucket_of(cache, BY_ID, session, id);
    while (entry != NULL && (entry->template.owner.session != session || entry->template.id != id)) {
        entry = entry->chain[BY_ID].next;
    }
    return entry;
}

static void unlink_use(struct template_cache *cache, struct entry *entry) {
    *(entry->newer != NULL ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void link_newest(struct template_cache *cache, struct entry *entry) {
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void drop(struct template_cache *cache, struct entry *entry) {
    for (size_t i = 0; i < WAY_COUNT; i++) {
        *entry->chain[i].link = entry->chain[i].next;
        if (entry->chain[i].next != NULL) {
            entry->chain[i].next->chain[i].link = entry->chain[i].link;
        }
    }
    unlink_use(cache, entry);
    cache->counts.templates--;
    cache->counts.bytes -= entry->bytes;
    free(entry);
}

static void insert(struct template_cache *cache, struct entry *entry) {
    const struct template *template = &entry->template;
    for (size_t i = 0; i < WAY_COUNT; i++) {
        uint64_t number = i == BY_ADDRESS ? template->owner.address : template->owner.session;
        struct entry **bucket = bucket_of(cache, i, number, template->id);
        entry->chain[i].link = bucket;
        entry->chain[i].next = *bucket;
        if (*bucket != NULL) {
            (*bucket)->chain[i].link = &entry->chain[i].next;
        }
        *bucket = entry;
    }
    link_newest(cache, entry);
    cache->counts.templates++;
    cache->counts.bytes += entry->bytes;
}

static const struct template *use(struct template_cache *cache, struct entry *entry) {
    if (entry == NULL) {
        return NULL;
    }
    if (entry != cache->newest) {
        unlink_use(cache, entry);
        link_newest(cache, entry);
    }
    return &entry->template;
}

const struct template *template_cache_find(struct template_cache *cache, uint64_t session, uint16_t id) {
    return use(cache, find(cache, session, id));
}

const struct template *template_cache_find_near(struct template_cache *cache, uint64_t address, uint16_t id) {
    struct entry *entry = *bucket_of(cache, BY_ADDRESS, address, id);
    while (entry != NULL && (entry->template.owner.address != address || entry->template.id != id)) {
        entry = entry->chain[BY_ADDRESS].next;
    }
    return use(cache, entry);
}

static uint64_t drop_all(struct template_cache *cache, uint64_t session, bool options) {
    uint64_t count = 0;
    for (struct entry *entry = *bucket_of(cache, BY_SESSION, session, 0); entry != NULL;) {
        struct entry *next = entry->chain[BY_SESSION].next;
        if (entry->template.owner.session == session && entry->template.options == options) {
            drop(cache, entry);
            count++;
        }
        entry = next;
    }
    return count;
}

/* Drops what was not used for longest until 'bytes' more fit. */
static void make_room(struct template_cache *cache, size_t bytes) {
    while (cache->oldest != NULL && (cache->counts.templates >= cache->max_templates ||
                                     cache->counts.bytes + bytes > cache->max_bytes)) {
        drop(cache, cache->oldest); /* NOLINT(clang-analyzer-unix.Malloc): what was dropped is in no list */
        cache->counts.evicted++;
    }
}

/* The head of a template record, in whichever form. */
struct head {
    uint16_t version;
    uint16_t id;
    bool options;
    size_t field_count; /* scopes included */
    size_t scope_count;
};

/* NetFlow v9 counts an options template's fields in bytes, scopes first (RFC 3954, 6.1); IPFIX counts all
 * fields and then the scopes among them (RFC 7011, 3.4.2.2). */
static int read_head(struct cursor *set, struct head *head) {
    head->id = cursor_u16(set);
    head->field_count = cursor_u16(set);
    head->scope_count = 0;
    if (head->options && head->version == 9) {
        size_t scope_bytes = head->field_count;
        size_t option_bytes = cursor_u16(set);
        if (scope_bytes % 4 != 0 || option_bytes % 4 != 0) {
            return -EBADMSG;
        }
        head->scope_count = scope_bytes / 4;
        head->field_count = head->scope_count + option_bytes / 4;
    } else if (head->options && head->field_count != 0) {
        head->scope_count = cursor_u16(set);
    }
    return set->failed || head->scope_count > head->field_count ? -EBADMSG : 0;
}

static struct template_field read_field(const struct head *head, size_t number, struct cursor *set) {
    struct template_field field = {.id = cursor_u16(set), .size = cursor_u16(set)};
    if (head->version == 10 && (field.id & ENTERPRISE_BIT) != 0) {
        field.id &= 0x7fff;
        field.enterprise = cursor_u32(set);
    }
    if (head->version == 9 && number < head->scope_count) {
        field.element = element_find_v9_scope(field.id);
    } else {
        field.element = element_find(field.enterprise, field.id);
    }
    return field;
}

static bool same_layout(const struct template *template, const struct head *head,
                        const struct template_field *fields) {
    if (template->options != head->options || template->field_count != head->field_count ||
        template->scope_count != head->scope_count) {
        return false;
    }
    for (size_t i = 0; i < head->field_count; i++) {
        const struct template_field *old = &template->fields[i];
        if (old->enterprise != fields[i].enterprise || old->id != fields[i].id ||
            old->size != fields[i].size) {
            return false;
        }
    }
    return true;
}

static size_t shortest_record(const struct head *head, const struct template_field *fields) {
    size_t size = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        size += fields[i].size == TEMPLATE_VARIABLE ? 1 : fields[i].size;
    }
    return size;
}

/* Puts the template in 'scratch' into the cache. */
static int store(struct template_cache *cache, struct template_owner owner, const struct head *head,
                 struct template_update *update) {
    const struct template_field *fields = cache->scratch;
    struct entry *old = find(cache, owner.session, head->id);
    if (old != NULL && same_layout(&old->template, head, fields)) {
        update->change = TEMPLATE_SAME;
        update->template = use(cache, old);
        return 0;
    }
    if (old != NULL) {
        drop(cache, old);
        cache->counts.redefined++;
    }
    size_t bytes = sizeof(struct entry) + head->field_count * sizeof *fields;
    struct entry *entry = bytes > cache->max_bytes ? NULL : malloc(bytes);
    if (entry == NULL) {
        cache->counts.refused++;
        return -ENOMEM;
    }
    make_room(cache, bytes);
    entry->bytes = bytes;
    entry->template = (struct template){
        .owner = owner,
        .id = head->id,
        .options = head->options,
        .scope_count = (uint16_t)head->scope_count,
        .field_count = (uint16_t)head->field_count,
        .record_size = shortest_record(head, fields),
    };
    memcpy(entry->template.fields, fields, head->field_count * sizeof *fields);
    insert(cache, entry);
    update->change = TEMPLATE_NEW;
    update->template = &entry->template;
    return 0;
}

/* A template record without fields: the template, or with the set's own id all of its kind, is no more. */
static void withdraw(struct template_cache *cache, uint64_t session, const struct head *head,
                     struct template_update *update) {
    if (head->id < 256) {
        cache->counts.withdrawn += drop_all(cache, session, head->options);
        update->change = TEMPLATE_WITHDRAWN_ALL;
        return;
    }
    struct entry *entry = find(cache, session, head->id);
    if (entry != NULL) {
        drop(cache, entry);
        cache->counts.withdrawn++;
    }
    update->change = TEMPLATE_WITHDRAWN;
}

int template_cache_read(struct template_cache *cache, struct template_owner owner, uint16_t version,
                        bool options, struct cursor *set, struct template_update *update) {
    const uint8_t *start = set->at;
    struct head head = {.version = version, .options = options};
    *update = (struct template_update){.change = TEMPLATE_NONE, .options = options};
    int result = read_head(set, &head);
    if (result != 0) {
        return result;
    }
    update->id = head.id;
    if (head.field_count == 0 && version == 10) {
        bool whole_kind = head.id == (options ? 3 : 2);
        if (head.id < 256 && !whole_kind) {
            return -EBADMSG;
        }
        withdraw(cache, owner.session, &head, update);
        update->body = (struct slice){start, (size_t)(set->at - start)};
        return 0;
    }
    if (head.id < 256 || head.field_count == 0) {
        return -EBADMSG;
    }
    for (size_t i = 0; i < head.field_count && !set->failed; i++) {
        struct template_field field = read_field(&head, i, set);
        if (i < TEMPLATE_FIELDS_MAX) {
            cache->scratch[i] = field;
        }
    }
    if (set->failed) {
        return -EBADMSG;
    }
    update->body = (struct slice){start, (size_t)(set->at - start)};
    if (head.field_count > TEMPLATE_FIELDS_MAX) {
        cache->counts.refused++;
        return -E2BIG;
    }
    return store(cache, owner, &head, update);
}
