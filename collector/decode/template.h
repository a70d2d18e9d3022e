/* Templates of NetFlow v9 and IPFIX, and the bounded cache that holds them.
 *
 * A template belongs to an owner: two numbers that the caller makes of the exporter and its domain.  The
 * cache holds no more than it was told in templates and in bytes; beyond, the one that was not used for
 * longest goes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/decode/element.h"
#include "common/cursor.h"

#define TEMPLATE_VARIABLE   65535 /* RFC 7011, 7: the length stands before the value */
#define TEMPLATE_FIELDS_MAX 1024

struct template_field {
    uint32_t enterprise; /* 0: IANA */
    uint16_t id;
    uint16_t size; /* bytes, or TEMPLATE_VARIABLE */
    struct element element;
};

/* Whose a template is.  Ids are unique within a session; that of an exporter which sends its templates and
 * its data from different ports can still be found by its address. */
struct template_owner {
    uint64_t session; /* address, ports and domain */
    uint64_t address; /* address and domain */
};

struct template {
    struct template_owner owner;
    uint16_t id; /* from 256 */
    bool options;
    uint16_t scope_count; /* of an options template: the first fields */
    uint16_t field_count;
    size_t record_size; /* of the shortest possible record */
    struct template_field fields[];
};

struct template_cache;

struct template_counts {
    size_t templates; /* in the cache now */
    size_t bytes;
    uint64_t evicted;   /* for want of room */
    uint64_t redefined; /* replaced by another layout */
    uint64_t withdrawn;
    uint64_t refused; /* too many fields, or out of memory */
};

/* A cache of at most 'max_templates' and 'max_bytes', or NULL when memory is out. */
struct template_cache *template_cache_create(size_t max_templates, size_t max_bytes);

/* Takes NULL. */
void template_cache_destroy(struct template_cache *cache);

/* The template 'id' of the session 'session', or NULL.  Holds until the cache is changed. */
const struct template *template_cache_find(struct template_cache *cache, uint64_t session, uint16_t id);

/* The newest template 'id' of any session at 'address', or NULL.  Holds as long. */
const struct template *template_cache_find_near(struct template_cache *cache, uint64_t address, uint16_t id);

struct template_counts template_cache_counts(const struct template_cache *cache);

enum template_change {
    TEMPLATE_NONE,      /* nothing was there, or it was malformed */
    TEMPLATE_SAME,      /* known, of the same layout */
    TEMPLATE_NEW,       /* new, or of another layout than before */
    TEMPLATE_WITHDRAWN, /* of one template */
    TEMPLATE_WITHDRAWN_ALL,
};

struct template_update {
    enum template_change change;
    const struct template *template; /* for SAME and NEW */
    bool options;
    uint16_t id;
    struct slice body; /* the template record on the wire, id and counts included */
};

/* Reads one template record of export 'version' 9 or 10 off 'set', an options template if 'options', into the
 * cache.  Returns 0 with 'update' filled; -EBADMSG when the record is broken, after which 'set' is of no use;
 * -E2BIG or -ENOMEM when it can't be held, with 'set' behind it.
 *
 * RFC 3954, 5.2 and 6.1; RFC 7011, 3.4 and 8.1. */
int template_cache_read(struct template_cache *cache, struct template_owner owner, uint16_t version,
                        bool options, struct cursor *set, struct template_update *update);
