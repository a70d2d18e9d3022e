#include "cli/collect_options.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/parse.h"

static const struct ip_address loopback = {.family = 4, .bytes = {127, 0, 0, 1}};

/* sFlow; NetFlow by custom; IPFIX; NetFlow by another custom. */
static const uint16_t default_ports[] = {6343, 2055, 4739, 9995};

static const char listen_form[] =
    "udp/ADDRESS:PORT, such as udp/127.0.0.1:6343, udp/[::1]:4739 or udp/*:2055";

/* Cuts "ADDRESS:PORT" in two: the address without the brackets of IPv6, and the port. */
static int split_listen(const char *text, char address[IP_TEXT_SIZE], const char **port) {
    const char *colon = strrchr(text, ':');
    size_t size = colon == NULL ? 0 : (size_t)(colon - text);
    if (size > 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    } else if (colon != NULL && memchr(text, ':', size) != NULL) {
        return -EINVAL; /* IPv6 without brackets */
    }
    if (size == 0 || size >= IP_TEXT_SIZE) {
        return -EINVAL;
    }
    snprintf(address, IP_TEXT_SIZE, "%.*s", (int)size, text);
    *port = colon + 1;
    return 0;
}

static int take_listen(struct collect_settings *settings, const char *value, struct error *error) {
    struct collect_listen *listen = &settings->listen[settings->listen_count];
    char address[IP_TEXT_SIZE];
    const char *port = NULL;
    int64_t number = 0;
    if (settings->listen_count == INTAKE_LISTENERS_MAX) {
        return error_set(error, -EINVAL, "at most %d addresses can be listened on", INTAKE_LISTENERS_MAX);
    }
    *listen = (struct collect_listen){0};
    if (strncmp(value, "udp/", 4) != 0 || split_listen(value + 4, address, &port) != 0 ||
        (strcmp(address, "*") != 0 && ip_address_parse(address, &listen->address, NULL) != 0) ||
        parse_number("", port, 0, UINT16_MAX, &number, NULL) != 0) {
        return error_set(error, -EINVAL, "found '%s', expected %s", value, listen_form);
    }
    listen->port = (uint16_t)number;
    settings->listen_count++;
    return 0;
}

static int take_allow(struct collect_settings *settings, const char *value, struct error *error) {
    if (settings->allow_count == INTAKE_ALLOW_MAX) {
        return error_set(error, -EINVAL, "at most %d networks can be allowed", INTAKE_ALLOW_MAX);
    }
    int code = ip_prefix_parse(value, &settings->allow[settings->allow_count], error);
    settings->allow_count += code == 0;
    return code;
}

/* The next override, for the network that is the 'size' characters at 'text'.  NULL with 'error' filled. */
static struct collector_override *next_override(struct collect_settings *settings, const char *text,
                                                size_t size, struct error *error) {
    char network[IP_TEXT_SIZE + 8];
    struct collector_override *override = &settings->overrides[settings->override_count];
    if (settings->override_count == COLLECT_OVERRIDES_MAX) {
        error_set(error, -EINVAL, "at most %d rates and dialects can be given", COLLECT_OVERRIDES_MAX);
        return NULL;
    }
    snprintf(network, sizeof network, "%.*s", (int)size, text);
    *override = (struct collector_override){0};
    if (ip_prefix_parse(network, &override->exporters, error) != 0) {
        return NULL;
    }
    settings->override_count++;
    return override;
}

static int take_sampling(struct collect_settings *settings, const char *value, struct error *error) {
    const char *equals = strchr(value, '=');
    const char *number = equals != NULL ? equals + 1 : value;
    int64_t rate = 0;
    if (parse_number("", number, 1, UINT32_MAX, &rate, NULL) != 0) {
        return error_set(error, -EINVAL, "found '%s', expected a rate such as 1000, or 192.0.2.1=1000",
                         value);
    }
    if (equals == NULL) {
        settings->sampling_rate = rate;
        return 0;
    }
    struct collector_override *override = next_override(settings, value, (size_t)(equals - value), error);
    if (override == NULL) {
        return -EINVAL;
    }
    override->sampling_rate = rate;
    return 0;
}

static int set_dialect(struct collect_settings *settings, const char *network, size_t size,
                       enum dialect dialect, struct error *error) {
    struct collector_override *override = next_override(settings, network, size, error);
    if (override == NULL) {
        return -EINVAL;
    }
    override->has_dialect = true;
    override->dialect = dialect;
    return 0;
}

static int take_dialect(struct collect_settings *settings, const char *value, struct error *error) {
    static const char all4[] = "0.0.0.0/0";
    static const char all6[] = "::/0";
    const char *equals = strchr(value, '=');
    enum dialect dialect;
    if (!dialect_by_name(equals != NULL ? equals + 1 : value, &dialect)) {
        return error_set(error, -EINVAL,
                         "found '%s', expected openvswitch or generic, or 192.0.2.1=openvswitch", value);
    }
    if (equals != NULL) {
        return set_dialect(settings, value, (size_t)(equals - value), dialect, error);
    }
    int code = set_dialect(settings, all4, strlen(all4), dialect, error);
    return code == 0 ? set_dialect(settings, all6, strlen(all6), dialect, error) : code;
}

static int take_db(struct collect_settings *settings, const char *value, struct error *error) {
    size_t length = strlen(value);
    if (length == 0 || length >= sizeof settings->database) {
        return error_set(error, -EINVAL, "found '%s', expected the name of a file", value);
    }
    memcpy(settings->database, value, length + 1);
    return 0;
}

static int take_label(struct collect_settings *settings, const char *value, struct error *error) {
    size_t length = strlen(value);
    if (length == 0 || length >= sizeof settings->label) {
        return error_set(error, -EINVAL, "found '%s', expected 1 to 64 characters", value);
    }
    memcpy(settings->label, value, length + 1);
    return 0;
}

static int take_name(struct collect_settings *settings, const char *value, struct error *error) {
    return parse_prefix(value, settings->name, NULL) == 0
               ? 0
               : error_set(error, -EINVAL, "found '%s', expected 1 to 5 of a-z and 0-9", value);
}

static int take_keep_unknown(struct collect_settings *settings, const char *value, struct error *error) {
    settings->keep_unknown = strcmp(value, "true") == 0 || strcmp(value, "yes") == 0;
    return settings->keep_unknown || strcmp(value, "false") == 0 || strcmp(value, "no") == 0
               ? 0
               : error_set(error, -EINVAL, "found '%s', expected true or false", value);
}

static int take_duration(struct collect_settings *settings, const char *value, struct error *error) {
    return parse_duration("", value, &settings->duration_ns, NULL) == 0
               ? 0
               : error_set(error, -EINVAL, "found '%s', expected a time such as 20, 500ms or 2h", value);
}

const struct collect_field collect_fields[] = {
    {"listen", listen_form, true, false, take_listen},
    {"allow", "a network such as 192.0.2.0/24", true, false, take_allow},
    {"sampling", "a rate such as 1000, or 192.0.2.1=1000", true, false, take_sampling},
    {"dialect", "openvswitch or generic, or 192.0.2.1=openvswitch", true, false, take_dialect},
    {"db", "the name of a file", false, false, take_db},
    {"label", "1 to 64 characters", false, false, take_label},
    {"name", "1 to 5 of a-z and 0-9", false, false, take_name},
    {"keep-unknown", "true or false", false, true, take_keep_unknown},
    {"duration", "a time such as 20, 500ms or 2h", false, false, take_duration},
};

const size_t collect_field_count = sizeof collect_fields / sizeof *collect_fields;

const struct collect_field *collect_field_find(const char *name) {
    for (size_t i = 0; i < collect_field_count; i++) {
        if (strcmp(collect_fields[i].name, name) == 0) {
            return &collect_fields[i];
        }
    }
    return NULL;
}

void collect_settings_complete(struct collect_settings *settings) {
    if (settings->listen_count != 0) {
        return;
    }
    for (size_t i = 0; i < sizeof default_ports / sizeof *default_ports; i++) {
        settings->listen[settings->listen_count++] =
            (struct collect_listen){.address = loopback, .port = default_ports[i]};
    }
}

const char *collect_listen_format(const struct ip_address *address, uint16_t port,
                                  char text[COLLECT_LISTEN_SIZE]) {
    char ip[IP_TEXT_SIZE];
    ip_address_format(address, ip);
    snprintf(text, COLLECT_LISTEN_SIZE, address->family == 6 ? "udp/[%s]:%u" : "udp/%s:%u",
             address->family == 0 ? "*" : ip, port);
    return text;
}

static void format_prefix(const struct ip_prefix *prefix, char *text, size_t size) {
    char ip[IP_TEXT_SIZE];
    snprintf(text, size, "%s/%u", ip_address_format(&prefix->address, ip), prefix->length);
}

char *collect_settings_describe(const struct collect_settings *settings) {
    char text[128];
    json_t *json = json_object();
    json_t *listen = json_array();
    json_t *allow = json_array();
    json_t *overrides = json_array();
    for (size_t i = 0; i < settings->listen_count; i++) {
        const struct collect_listen *one = &settings->listen[i];
        json_array_append_new(listen, json_string(collect_listen_format(&one->address, one->port, text)));
    }
    for (size_t i = 0; i < settings->allow_count; i++) {
        format_prefix(&settings->allow[i], text, sizeof text);
        json_array_append_new(allow, json_string(text));
    }
    for (size_t i = 0; i < settings->override_count; i++) {
        const struct collector_override *one = &settings->overrides[i];
        json_t *entry = json_object();
        format_prefix(&one->exporters, text, sizeof text);
        json_object_set_new(entry, "exporters", json_string(text));
        if (one->sampling_rate != 0) {
            json_object_set_new(entry, "sampling", json_integer(one->sampling_rate));
        }
        if (one->has_dialect) {
            json_object_set_new(entry, "dialect", json_string(dialect_name(one->dialect)));
        }
        json_array_append_new(overrides, entry);
    }
    json_object_set_new(json, "listen", listen);
    json_object_set_new(json, "allow", allow);
    json_object_set_new(json, "overrides", overrides);
    json_object_set_new(json, "sampling", json_integer(settings->sampling_rate));
    json_object_set_new(json, "keep_unknown", json_boolean(settings->keep_unknown));
    char *result = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return result;
}
