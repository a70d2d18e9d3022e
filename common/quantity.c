#include "common/quantity.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"

#define YEAR_NS  (INT64_C(365) * 86400 * NS_PER_S)
#define RATE_MAX 1e12

struct unit {
    const char *name;
    double factor;
};

/* Cuts the number off 'text' and puts what follows it into '*unit'. */
static int cut_number(const char *text, double *number, const char **unit) {
    size_t length = strspn(text, "0123456789.");
    const char *point = memchr(text, '.', length);
    char digits[64];
    if (length == 0 || length >= sizeof digits || (length == 1 && point != NULL) ||
        (point != NULL && memchr(point + 1, '.', length - (size_t)(point - text) - 1) != NULL)) {
        return -EINVAL;
    }
    memcpy(digits, text, length);
    digits[length] = '\0';
    *number = strtod(digits, NULL);
    *unit = text + length;
    return 0;
}

/* The factor of 'name', or 0 if there is no such unit. */
static double find_unit(const char *name, const struct unit *units, size_t count, bool any_case) {
    for (size_t i = 0; i < count; i++) {
        if ((any_case ? strcasecmp(name, units[i].name) : strcmp(name, units[i].name)) == 0) {
            return units[i].factor;
        }
    }
    return 0;
}

int quantity_time(const char *text, int64_t bare_ns, int64_t *value_ns) {
    static const struct unit units[] = {{"ns", 1},   {"us", 1e3},   {"ms", 1e6},  {"s", 1e9},
                                        {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}};
    double number = 0;
    const char *name = NULL;
    if (cut_number(text, &number, &name) != 0) {
        return -EINVAL;
    }
    double factor =
        *name == '\0' ? (double)bare_ns : find_unit(name, units, sizeof units / sizeof *units, false);
    if ((factor == 0 && (*name != '\0' || number != 0)) || number * factor > (double)YEAR_NS) {
        return -EINVAL;
    }
    *value_ns = (int64_t)llround(number * factor);
    return 0;
}

int quantity_rate(const char *text, uint64_t *value_bps) {
    static const struct unit units[] = {{"bit", 1},    {"bit/s", 1},    {"kbit", 1e3}, {"kbit/s", 1e3},
                                        {"mbit", 1e6}, {"mbit/s", 1e6}, {"gbit", 1e9}, {"gbit/s", 1e9}};
    double number = 0;
    const char *name = NULL;
    if (cut_number(text, &number, &name) != 0) {
        return -EINVAL;
    }
    double factor = find_unit(name, units, sizeof units / sizeof *units, true);
    if (factor == 0 || number * factor > RATE_MAX) {
        return -EINVAL;
    }
    *value_bps = (uint64_t)llround(number * factor);
    return 0;
}

int quantity_share(const char *text, double *value) {
    double number = 0;
    const char *unit = NULL;
    if (cut_number(text, &number, &unit) != 0 || number > 100 ||
        !(strcmp(unit, "%") == 0 || (*unit == '\0' && number == 0))) {
        return -EINVAL;
    }
    *value = number / 100;
    return 0;
}

int quantity_number(const char *text, double *value) {
    const char *rest = NULL;
    return cut_number(text, value, &rest) == 0 && *rest == '\0' ? 0 : -EINVAL;
}

int quantity_whole(const char *text, int64_t *value) {
    size_t length = strspn(text, "0123456789");
    if (length == 0 || text[length] != '\0') {
        return -EINVAL;
    }
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    if (errno != 0) {
        return -EINVAL;
    }
    *value = number;
    return 0;
}

const char *quantity_time_format(int64_t value_ns, char text[QUANTITY_TEXT_SIZE]) {
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"h", 3600 * NS_PER_S}, {"min", 60 * NS_PER_S}, {"s", NS_PER_S},
                 {"ms", NS_PER_MS},      {"us", NS_PER_US},      {"ns", 1}};
    size_t i = value_ns == 0 ? 2 : 0;
    while (value_ns % units[i].ns != 0) {
        i++;
    }
    snprintf(text, QUANTITY_TEXT_SIZE, "%" PRId64 "%s", value_ns / units[i].ns, units[i].name);
    return text;
}
