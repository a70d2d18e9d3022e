#include <stdio.h>

#include "reports/flows/render.h"

const char *flows_column_name(enum read_column column) {
    static const char *const names[] = {
#define NAME(name, text) [READ_COLUMN_##name] = (text),
        READ_COLUMNS(NAME)
#undef NAME
    };
    return names[column];
}

bool flows_column_is_number(enum read_column column) {
    switch (column) {
    case READ_COLUMN_SRCPORT:
    case READ_COLUMN_DSTPORT:
    case READ_COLUMN_SRCAS:
    case READ_COLUMN_DSTAS:
    case READ_COLUMN_INIF:
    case READ_COLUMN_OUTIF:
    case READ_COLUMN_VLAN:
    case READ_COLUMN_TOS:
    case READ_COLUMN_TTL:
    case READ_COLUMN_RATE:
    case READ_COLUMN_SESSION:
    case READ_COLUMN_FLAGS:
        return true;
    default:
        return false;
    }
}

/* An address, a MAC, or a network. */
static void bytes_text(const struct read_key *key, const struct read_value *value,
                       char text[FLOWS_CELL_SIZE]) {
    if (value->size == 6) {
        mac_format(value->bytes, text);
        return;
    }
    struct ip_address address = ip_address_make(value->size == 4 ? 4 : 6, value->bytes);
    char address_text[IP_TEXT_SIZE];
    ip_address_format(&address, address_text);
    if (key->column == READ_COLUMN_SRCNET || key->column == READ_COLUMN_DSTNET) {
        snprintf(text, FLOWS_CELL_SIZE, "%s/%u", address_text, value->size == 4 ? key->bits4 : key->bits6);
    } else {
        snprintf(text, FLOWS_CELL_SIZE, "%s", address_text);
    }
}

const char *flows_value_text(const struct read_key *key, const struct read_value *value,
                             char text[FLOWS_CELL_SIZE]) {
    text[0] = '\0';
    switch (value->kind) {
    case READ_VALUE_NULL:
        break;
    case READ_VALUE_TEXT:
        snprintf(text, FLOWS_CELL_SIZE, "%s", value->text);
        break;
    case READ_VALUE_BYTES:
        bytes_text(key, value, text);
        break;
    case READ_VALUE_NUMBER:
        if (key->column == READ_COLUMN_ICMP) {
            snprintf(text, FLOWS_CELL_SIZE, "%lld.%lld", (long long)(value->number >> 8),
                     (long long)(value->number & 0xff));
        } else if (key->column == READ_COLUMN_DIRECTION) {
            snprintf(text, FLOWS_CELL_SIZE, "%s", value->number == 1 ? "egress" : "ingress");
        } else {
            snprintf(text, FLOWS_CELL_SIZE, "%lld", (long long)value->number);
        }
        break;
    }
    return text;
}
