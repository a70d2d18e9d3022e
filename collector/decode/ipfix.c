#include "collector/decode/ipfix.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"

#define SET_HEADER_SIZE 4
#define SET_DATA_MIN    256

/* One message on its way through the sets. */
struct message {
    const struct export_header *header;
    struct template_cache *cache;
    struct template_owner owner;
    const struct ipfix_sink *sink;
    struct ipfix_counts *counts;
};

int ipfix_read_header(const uint8_t *bytes, size_t size, struct export_header *header) {
    struct cursor cursor = cursor_over(bytes, size);
    *header = (struct export_header){.version = cursor_u16(&cursor), .count = cursor_u16(&cursor)};
    if (!cursor.failed && header->version != 9 && header->version != 10) {
        return -EPROTONOSUPPORT;
    }
    if (header->version == 9) {
        header->has_uptime = true;
        header->uptime_ms = cursor_u32(&cursor);
    }
    header->export_ns = cursor_u32(&cursor) * NS_PER_S;
    header->sequence = cursor_u32(&cursor);
    header->domain = cursor_u32(&cursor);
    return cursor.failed ? -EBADMSG : 0;
}

/* The bytes of the next field in 'record'. */
static struct cursor field_value(const struct template_field *field, struct cursor *record) {
    size_t size = field->size;
    if (size == TEMPLATE_VARIABLE) { /* RFC 7011, 7; H3C does it in NetFlow v9 too */
        size = cursor_u8(record);
        if (size == 255) {
            size = cursor_u16(record);
        }
    }
    return cursor_sub(record, size);
}

/* Reads one record off 'set'.  False when it is cut. */
static bool read_record(const struct template *template, const struct export_header *header,
                        struct cursor *set, struct flow_record *record) {
    const uint8_t *start = set->at;
    flow_record_clear(record, header, template);
    for (size_t i = 0; i < template->field_count; i++) {
        const struct template_field *field = &template->fields[i];
        struct cursor value = field_value(field, set);
        if (field->element.kind != ELEMENT_SKIPPED && !set->failed) {
            element_read(field->element, value, record);
        }
    }
    record->bytes = (struct slice){start, (size_t)(set->at - start)};
    return !set->failed;
}

static bool all_zero(const struct cursor *cursor) {
    for (const uint8_t *at = cursor->at; at < cursor->end; at++) {
        if (*at != 0) {
            return false;
        }
    }
    return true;
}

void ipfix_decode_set(struct slice set, const struct export_header *header, const struct template *template,
                      const struct ipfix_sink *sink, struct ipfix_counts *counts) {
    struct cursor cursor = cursor_over(set.bytes, set.size);
    flow_record_fn *emit = template->options ? sink->options : sink->record;
    struct flow_record record;
    if (template->record_size == 0) {
        counts->malformed++;
        return;
    }
    while (cursor_left(&cursor) >= template->record_size) {
        if (cursor_left(&cursor) < SET_HEADER_SIZE && cursor.at != set.bytes && all_zero(&cursor)) {
            return; /* padding, RFC 7011 3.3.1, though a record this short would fit */
        }
        if (!read_record(template, header, &cursor, &record)) {
            counts->malformed++;
            return;
        }
        counts->records++;
        counts->option_records += template->options;
        if (emit != NULL) {
            emit(&record, sink->context);
        }
    }
}

bool ipfix_set_fits(struct slice set, const struct template *template) {
    struct cursor cursor = cursor_over(set.bytes, set.size);
    if (template->record_size == 0 || set.size < template->record_size) {
        return false;
    }
    while (cursor_left(&cursor) >= template->record_size &&
           !(cursor_left(&cursor) < SET_HEADER_SIZE && all_zero(&cursor))) {
        for (size_t i = 0; i < template->field_count; i++) {
            field_value(&template->fields[i], &cursor);
        }
        if (cursor.failed) {
            return false;
        }
    }
    return all_zero(&cursor);
}

/* The template of data set 'id', by which 'set' can be decoded, or NULL. */
static const struct template *find_template(const struct message *message, uint16_t id, struct slice set) {
    const struct template *template = template_cache_find(message->cache, message->owner.session, id);
    if (template != NULL) {
        return template;
    }
    template = template_cache_find_near(message->cache, message->owner.address, id);
    return template != NULL && ipfix_set_fits(set, template) ? template : NULL;
}

static void read_data(struct message *message, uint16_t id, struct cursor *set) {
    struct slice slice = {set->at, cursor_left(set)};
    const struct template *template = find_template(message, id, slice);
    if (template != NULL) {
        ipfix_decode_set(slice, message->header, template, message->sink, message->counts);
        return;
    }
    message->counts->missing_sets++;
    message->counts->missing_bytes += (uint32_t)slice.size;
    if (message->sink->missing != NULL) {
        message->sink->missing(id, slice, message->header, message->sink->context);
    }
}

static void read_templates(struct message *message, bool options, struct cursor *set) {
    while (cursor_left(set) >= SET_HEADER_SIZE && !all_zero(set)) {
        struct template_update update;
        int result = template_cache_read(message->cache, message->owner, message->header->version, options,
                                         set, &update);
        if (result != 0) {
            message->counts->malformed++;
        }
        if (result == -EBADMSG) {
            return;
        }
        if (result == 0) {
            message->counts->templates++;
            if (message->sink->changed != NULL) {
                message->sink->changed(&update, message->header, message->sink->context);
            }
        }
    }
}

static void read_set(struct message *message, uint16_t id, struct cursor *set) {
    uint16_t templates = message->header->version == 9 ? 0 : 2;
    if (id == templates || id == templates + 1) {
        read_templates(message, id != templates, set);
    } else if (id >= SET_DATA_MIN) {
        read_data(message, id, set);
    } else {
        message->counts->unknown_sets++;
    }
}

size_t ipfix_decode(const uint8_t *bytes, size_t size, const struct export_header *header,
                    struct template_cache *cache, struct template_owner owner, const struct ipfix_sink *sink,
                    struct ipfix_counts *counts) {
    struct message message = {header, cache, owner, sink, counts};
    memset(counts, 0, sizeof *counts);
    size_t header_size = header->version == 9 ? NETFLOW9_HEADER_SIZE : IPFIX_HEADER_SIZE;
    size_t length = size;
    bool lies = false;
    if (header->version == 10) {
        if (header->count < IPFIX_HEADER_SIZE || header->count > size) {
            counts->malformed++;
            lies = true;
        } else {
            length = header->count;
        }
    }
    struct cursor cursor = cursor_over(bytes, length);
    cursor_skip(&cursor, header_size);
    while (cursor_left(&cursor) >= SET_HEADER_SIZE) {
        if (all_zero(&cursor)) { /* some exporters send a zero-filled buffer of fixed size */
            return length;
        }
        uint16_t id = cursor_u16(&cursor);
        size_t left = cursor_left(&cursor) - 2;
        uint16_t set_size = cursor_u16(&cursor);
        bool foreign = lies && id > 3 && id < SET_DATA_MIN; /* the next message, most likely */
        if (foreign) {
            return length;
        }
        if (set_size < SET_HEADER_SIZE) {
            counts->malformed++;
            return length;
        }
        size_t content = set_size - SET_HEADER_SIZE;
        if (content > left) { /* the set says more than there is: what is whole in it still counts */
            counts->malformed++;
            content = left;
        }
        struct cursor set = cursor_sub(&cursor, content);
        read_set(&message, id, &set);
    }
    return length;
}

void ipfix_each_field(const struct flow_record *record,
                      void (*field)(const struct template_field *field, struct slice value, void *context),
                      void *context) {
    struct cursor cursor = cursor_over(record->bytes.bytes, record->bytes.size);
    const struct template *template = record->template;
    for (size_t i = 0; template != NULL && i < template->field_count; i++) {
        struct cursor value = field_value(&template->fields[i], &cursor);
        if (cursor.failed) {
            return;
        }
        field(&template->fields[i], (struct slice){value.at, cursor_left(&value)}, context);
    }
}
