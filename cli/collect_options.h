/* What 'nsmon collect' can be told, by options and by a file alike: one table of fields. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/collect.h"

struct collect_field {
    const char *name;     /* of the option, without "--", and of the key in a file */
    const char *expected; /* for people: what its value looks like */
    bool many;            /* may be given several times; in a file a list */
    bool flag;            /* takes no argument; in a file true or false */
    int (*take)(struct collect_settings *settings, const char *value, struct error *error);
};

extern const struct collect_field collect_fields[];
extern const size_t collect_field_count;

/* The field called 'name', or NULL. */
const struct collect_field *collect_field_find(const char *name);

/* Gives 'settings' the default listeners if it has none. */
void collect_settings_complete(struct collect_settings *settings);

/* The settings as a JSON object, for the session's row; the caller frees it.  NULL when memory is out. */
char *collect_settings_describe(const struct collect_settings *settings);

/* Writes "udp/ADDRESS:PORT" of 'address' (family 0: "*") and 'port' to 'text'.  Returns 'text'. */
#define COLLECT_LISTEN_SIZE (IP_TEXT_SIZE + 16)
const char *collect_listen_format(const struct ip_address *address, uint16_t port,
                                  char text[COLLECT_LISTEN_SIZE]);
