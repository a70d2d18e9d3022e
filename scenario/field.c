#include "scenario/field.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/nearest.h"
#include "common/quantity.h"
#include "topo/impairment.h"

#define FIELDS_MAX   64   /* of a section */
#define ONE_LINE_MAX 1000 /* a longer text may have lines */

/* Writes 'words' as "a, b or c". */
static void format_choice(const char *words, char *text, size_t size) {
    size_t used = 0;
    while (*words != '\0' && used < size) {
        size_t length = strcspn(words, " ");
        const char *next = words + length + (words[length] == ' ');
        const char *joint = *next == '\0' ? "" : strchr(next, ' ') == NULL ? " or " : ", ";
        used += (size_t)snprintf(text + used, size - used, "%.*s%s", (int)length, words, joint);
        words = next;
    }
}

const char *scenario_expected(const struct scenario_field *field, char text[SCENARIO_EXPECTED_SIZE]) {
    size_t size = SCENARIO_EXPECTED_SIZE;
    char low[QUANTITY_TEXT_SIZE], high[QUANTITY_TEXT_SIZE];
    switch (field->kind) {
    case SCENARIO_TEXT:
    case SCENARIO_FILE:
        snprintf(text, size, "%s of %.0f to %.0f bytes%s", field->words != NULL ? field->words : "text",
                 field->minimum, field->maximum, field->maximum <= ONE_LINE_MAX ? " in one line" : "");
        break;
    case SCENARIO_WHOLE:
        snprintf(text, size, "a whole number from %.0f to %.0f", field->minimum, field->maximum);
        break;
    case SCENARIO_RANGE:
        snprintf(text, size, "a whole number from %.0f to %.0f, or two such as 64..%.0f", field->minimum,
                 field->maximum, field->maximum < 1400 ? field->maximum : 1400);
        break;
    case SCENARIO_NUMBER:
        snprintf(text, size, "a number from %g to %.0f", field->minimum, field->maximum);
        break;
    case SCENARIO_TIME:
    case SCENARIO_SECONDS:
        snprintf(text, size, "%s from %s to %s, such as %s",
                 field->kind == SCENARIO_TIME ? "a time" : "whole seconds",
                 quantity_time_format((int64_t)field->minimum, low),
                 quantity_time_format((int64_t)field->maximum, high), field->words);
        break;
    case SCENARIO_RATE:
        snprintf(text, size, "a rate up to 1000gbit, such as 10mbit");
        break;
    case SCENARIO_FLAG:
        snprintf(text, size, "true or false");
        break;
    case SCENARIO_CHOICE:
        format_choice(field->words, text, size);
        break;
    case SCENARIO_HOST:
        snprintf(text, size, "a host such as ns2");
        break;
    case SCENARIO_IMPAIRMENT:
        snprintf(text, size, "%s", field->words);
        break;
    case SCENARIO_TEXTS:
        snprintf(text, size, "a list of up to %.0f %s", field->maximum, field->words);
        break;
    case SCENARIO_SECTION:
        snprintf(text, size, "a mapping%s", field->on != 0 ? ", or off" : "");
        break;
    case SCENARIO_LIST:
        snprintf(text, size, "a list of %.0f to %.0f mappings", field->minimum, field->maximum);
        break;
    }
    return text;
}

/* "found ..., expected ...", at 'node'. */
static int wrong(const struct scenario_reading *reading, const struct scenario_field *field,
                 const struct config_node *node, struct error *error) {
    char found[CONFIG_FOUND_SIZE];
    char expected[SCENARIO_EXPECTED_SIZE];
    config_found(node, found);
    if (node->kind == CONFIG_LIST && (field->kind == SCENARIO_LIST || field->kind == SCENARIO_TEXTS)) {
        snprintf(found, sizeof found, "a list of %zu", node->count);
    }
    return config_error(&reading->scenario->file, node, error, "found %s, expected %s", found,
                        scenario_expected(field, expected));
}

static void store_whole(void *target, size_t size, uint64_t value) {
    const uint8_t u8 = (uint8_t)value;
    const uint16_t u16 = (uint16_t)value;
    const uint32_t u32 = (uint32_t)value;
    memcpy(target,
           size == 1   ? (const void *)&u8
           : size == 2 ? (const void *)&u16
           : size == 4 ? (const void *)&u32
                       : (const void *)&value,
           size);
}

static bool within(const struct scenario_field *field, double value) {
    return value >= field->minimum && value <= field->maximum;
}

static bool take_file(const struct scenario_field *field, const char *text, void *to) {
    bool one_line = field->maximum <= ONE_LINE_MAX;
    (void)to;
    return within(field, (double)strlen(text)) && (!one_line || strpbrk(text, "\n\r\t\033") == NULL);
}

static bool take_text(const struct scenario_field *field, const char *text, void *to) {
    if (!take_file(field, text, to)) {
        return false;
    }
    memcpy(to, &text, sizeof text);
    return true;
}

static bool take_whole(const struct scenario_field *field, const char *text, void *to) {
    int64_t value = 0;
    if (quantity_whole(text, &value) != 0 || !within(field, (double)value)) {
        return false;
    }
    store_whole(to, field->size, (uint64_t)value);
    return true;
}

static bool take_range(const struct scenario_field *field, const char *text, void *to) {
    const char *dots = strstr(text, "..");
    size_t length = dots == NULL ? strlen(text) : (size_t)(dots - text);
    char low[32];
    int64_t minimum = 0, maximum = 0;
    if (length >= sizeof low) {
        return false;
    }
    memcpy(low, text, length);
    low[length] = '\0';
    if (quantity_whole(low, &minimum) != 0 || quantity_whole(dots == NULL ? low : dots + 2, &maximum) != 0 ||
        !within(field, (double)minimum) || !within(field, (double)maximum) || minimum > maximum) {
        return false;
    }
    store_whole(to, field->size, (uint64_t)minimum);
    store_whole((char *)to + field->size, field->size, (uint64_t)maximum);
    return true;
}

static bool take_number(const struct scenario_field *field, const char *text, void *to) {
    double value = 0;
    if (quantity_number(text, &value) != 0 || !within(field, value)) {
        return false;
    }
    memcpy(to, &value, sizeof value);
    return true;
}

static bool take_time(const struct scenario_field *field, const char *text, void *to) {
    int64_t value = 0;
    if (quantity_time(text, 0, &value) != 0 || !within(field, (double)value)) {
        return false;
    }
    if (field->kind == SCENARIO_SECONDS) {
        store_whole(to, field->size, (uint64_t)(value / NS_PER_S));
        return value % NS_PER_S == 0;
    }
    memcpy(to, &value, sizeof value);
    return true;
}

static bool take_rate(const struct scenario_field *field, const char *text, void *to) {
    uint64_t rate = 0;
    (void)field;
    if (quantity_rate(text, &rate) != 0 || rate == 0) {
        return false;
    }
    double value = (double)rate;
    memcpy(to, &value, sizeof value);
    return true;
}

/* Of 'yes' and 'no' and their like, as YAML 1.1 knows them. */
static bool read_flag(const char *text, bool *value) {
    *value = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "on") == 0;
    return *value || strcmp(text, "false") == 0 || strcmp(text, "no") == 0 || strcmp(text, "off") == 0;
}

static bool take_flag(const struct scenario_field *field, const char *text, void *to) {
    bool value = false;
    (void)field;
    if (!read_flag(text, &value)) {
        return false;
    }
    store_whole(to, 1, value);
    return true;
}

static bool take_choice(const struct scenario_field *field, const char *text, void *to) {
    const char *word = field->words;
    uint64_t place = 0;
    for (; *word != '\0'; place++) {
        size_t length = strcspn(word, " ");
        if (strlen(text) == length && strncmp(text, word, length) == 0) {
            store_whole(to, field->size, place);
            return true;
        }
        word += length + (word[length] == ' ');
    }
    return false;
}

static bool take_host(const struct scenario_field *field, const char *text, void *to) {
    int64_t number = 0;
    if (strncmp(text, "ns", 2) != 0 || text[2] == '0' || strlen(text) > 4 ||
        quantity_whole(text + 2, &number) != 0 || number < 1) {
        return false;
    }
    store_whole(to, field->size, (uint64_t)number);
    return true;
}

static bool take_impairment(const struct scenario_field *field, const char *text, void *to) {
    return topo_impairment_set(to, field->name, text, NULL) == 0;
}

typedef bool take_fn(const struct scenario_field *field, const char *text, void *to);

static take_fn *const takers[] = {
    [SCENARIO_TEXT] = take_text,   [SCENARIO_WHOLE] = take_whole,
    [SCENARIO_RANGE] = take_range, [SCENARIO_NUMBER] = take_number,
    [SCENARIO_TIME] = take_time,   [SCENARIO_SECONDS] = take_time,
    [SCENARIO_FLAG] = take_flag,   [SCENARIO_CHOICE] = take_choice,
    [SCENARIO_HOST] = take_host,   [SCENARIO_IMPAIRMENT] = take_impairment,
    [SCENARIO_FILE] = take_file,   [SCENARIO_RATE] = take_rate,
};

static int take_texts(const struct scenario_reading *reading, const struct scenario_field *field,
                      const struct config_node *node, void *target, struct error *error) {
    const char **to = (const char **)(void *)((char *)target + field->offset);
    size_t count = 0;
    if (node->kind != CONFIG_LIST || (double)node->count > field->maximum) {
        return wrong(reading, field, node, error);
    }
    for (const struct config_node *item = node->first; item != NULL; item = item->next) {
        if (item->kind != CONFIG_VALUE || item->text[0] == '\0' || strchr(item->text, '\n') != NULL) {
            char found[CONFIG_FOUND_SIZE];
            return config_error(&reading->scenario->file, item, error,
                                "found %s, expected one of the %s, in one line", config_found(item, found),
                                field->words);
        }
        to[count++] = item->text;
    }
    memcpy((char *)target + field->count, &count, sizeof count);
    return 0;
}

static int take_list(struct scenario_reading *reading, const struct scenario_field *field,
                     const struct config_node *node, struct error *error) {
    int code = 0;
    if (node->kind != CONFIG_LIST || !within(field, (double)node->count)) {
        return wrong(reading, field, node, error);
    }
    for (const struct config_node *item = node->first; code == 0 && item != NULL; item = item->next) {
        void *target = field->item(reading, item, error);
        code = target == NULL ? -EINVAL : scenario_take(reading, field->section, item, target, error);
    }
    return code;
}

static int take_section(struct scenario_reading *reading, const struct scenario_field *field,
                        const struct config_node *node, void *target, struct error *error) {
    bool on = true;
    if (field->on != 0 && node->kind == CONFIG_VALUE) {
        if (!read_flag(node->text, &on) || on) {
            return wrong(reading, field, node, error);
        }
        memcpy((char *)target + field->on, &on, sizeof on);
        return 0;
    }
    return node->kind == CONFIG_MAPPING
               ? scenario_take(reading, field->section, node, (char *)target + field->offset, error)
               : wrong(reading, field, node, error);
}

static int take_field(struct scenario_reading *reading, const struct scenario_field *field,
                      const struct config_node *node, void *target, struct error *error) {
    switch (field->kind) {
    case SCENARIO_SECTION:
        return take_section(reading, field, node, target, error);
    case SCENARIO_LIST:
        return take_list(reading, field, node, error);
    case SCENARIO_TEXTS:
        return take_texts(reading, field, node, target, error);
    default:
        return node->kind == CONFIG_VALUE &&
                       takers[field->kind](field, node->text, (char *)target + field->offset)
                   ? 0
                   : wrong(reading, field, node, error);
    }
}

static int unknown(const struct scenario_reading *reading, const struct scenario_section *section,
                   const struct config_node *key, struct error *error) {
    const char *names[FIELDS_MAX];
    char list[400] = "";
    char found[CONFIG_FOUND_SIZE];
    for (size_t i = 0; i < section->count; i++) {
        size_t used = strlen(list);
        names[i] = section->fields[i].name;
        snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : ", ", names[i]);
    }
    const char *near = nearest_name(key->text, names, section->count);
    return config_error(&reading->scenario->file, key, error, "found %s, expected %s%s%s%s",
                        config_found(key, found),
                        near == NULL ? "one of " : "a field of this place: did you mean '",
                        near == NULL ? list : near, near == NULL ? "" : "'?", "");
}

int scenario_take(struct scenario_reading *reading, const struct scenario_section *section,
                  const struct config_node *node, void *target, struct error *error) {
    const struct config *file = &reading->scenario->file;
    bool seen[FIELDS_MAX] = {false};
    char text[SCENARIO_EXPECTED_SIZE];
    if (node->kind != CONFIG_MAPPING) {
        char found[CONFIG_FOUND_SIZE];
        return config_error(file, node, error, "found %s, expected a mapping with fields such as '%s:'",
                            config_found(node, found), section->fields[0].name);
    }
    for (const struct config_node *child = node->first; child != NULL; child = child->next) {
        size_t i = 0;
        while (i < section->count && strcmp(section->fields[i].name, child->key->text) != 0) {
            i++;
        }
        if (i == section->count) {
            return unknown(reading, section, child->key, error);
        }
        if (seen[i]) {
            return config_error(file, child->key, error, "found '%s' a second time, expected it once",
                                child->key->text);
        }
        seen[i] = true;
        int code = take_field(reading, &section->fields[i], child, target, error);
        if (code != 0) {
            return code;
        }
    }
    for (size_t i = 0; i < section->count; i++) {
        if (section->fields[i].required && !seen[i]) {
            return config_error(file, node, error, "found no '%s' here, expected it to be %s",
                                section->fields[i].name, scenario_expected(&section->fields[i], text));
        }
    }
    return section->finish != NULL ? section->finish(reading, node, target, error) : 0;
}
