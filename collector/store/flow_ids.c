#include "collector/store/flow_ids.h"

#include <stdlib.h>
#include <string.h>

#include "collector/store/bind.h"

/* Direct-mapped: a newcomer takes its slot.  3 MiB. */
enum { SLOTS = 1 << 16 };

struct slot {
    struct flow_key key;
    int64_t id; /* 0: empty */
};

struct flow_ids {
    sqlite3_stmt *insert;
    sqlite3_stmt *select;
    struct slot slots[SLOTS];
};

struct flow_ids *flow_ids_create(sqlite3 *database) {
    struct flow_ids *ids = calloc(1, sizeof *ids);
    if (ids == NULL) {
        return NULL;
    }
    static const char insert[] =
        "INSERT OR IGNORE INTO flow (ethertype, protocol, src, dst, sport, dport, proto, src_text, dst_text) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    static const char select[] =
        "SELECT id FROM flow WHERE ethertype = ?1 AND protocol = ?2 AND src = ?3 AND dst = ?4 AND sport = ?5 "
        "AND dport = ?6";
    if (sqlite3_prepare_v2(database, insert, -1, &ids->insert, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(database, select, -1, &ids->select, NULL) != SQLITE_OK) {
        flow_ids_destroy(ids);
        return NULL;
    }
    return ids;
}

void flow_ids_destroy(struct flow_ids *ids) {
    if (ids != NULL) {
        sqlite3_finalize(ids->insert);
        sqlite3_finalize(ids->select);
        free(ids);
    }
}

void flow_ids_forget(struct flow_ids *ids) {
    memset(ids->slots, 0, sizeof ids->slots);
}

static size_t address_size(const struct flow_key *key) {
    return key->family == 6 ? 16 : key->family == 4 ? 4 : 0;
}

static struct binder bind_key(sqlite3_stmt *statement, const struct flow_key *key) {
    struct binder binder = bind_begin(statement);
    bind_int(&binder, key->ethertype);
    bind_int(&binder, key->protocol);
    bind_blob(&binder, key->src, address_size(key));
    bind_blob(&binder, key->dst, address_size(key));
    bind_int(&binder, key->sport);
    bind_int(&binder, key->dport);
    return binder;
}

static int64_t look_up(struct flow_ids *ids, const struct flow_key *key) {
    bind_key(ids->select, key);
    int64_t id = sqlite3_step(ids->select) == SQLITE_ROW ? sqlite3_column_int64(ids->select, 0) : 0;
    sqlite3_reset(ids->select);
    return id;
}

static void add(struct flow_ids *ids, const struct flow_key *key) {
    char proto[PROTOCOL_NAME_SIZE];
    char src_text[IP_TEXT_SIZE] = "";
    char dst_text[IP_TEXT_SIZE] = "";
    if (key->family != 0) {
        struct ip_address src = ip_address_make(key->family, key->src);
        struct ip_address dst = ip_address_make(key->family, key->dst);
        ip_address_format(&src, src_text);
        ip_address_format(&dst, dst_text);
    }
    struct binder binder = bind_key(ids->insert, key);
    bind_text(&binder, flow_key_protocol_name(key, proto));
    bind_text(&binder, src_text);
    bind_text(&binder, dst_text);
    sqlite3_step(ids->insert);
    sqlite3_reset(ids->insert);
}

int64_t flow_ids_find(struct flow_ids *ids, const struct flow_key *key) {
    struct slot *slot = &ids->slots[flow_key_hash(key) % SLOTS];
    if (slot->id != 0 && flow_key_equal(&slot->key, key)) {
        return slot->id;
    }
    int64_t id = look_up(ids, key);
    if (id == 0) {
        add(ids, key);
        id = look_up(ids, key);
    }
    *slot = (struct slot){.key = *key, .id = id};
    return id;
}
