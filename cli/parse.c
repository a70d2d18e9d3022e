#include "cli/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/quantity.h"
#include "topo/topo.h"

int parse_number(const char *option, const char *text, int64_t minimum, int64_t maximum, int64_t *value,
                 struct error *error) {
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < minimum || number > maximum) {
        return error_set(error, -EINVAL, "%s takes a whole number from %" PRId64 " to %" PRId64 ", not '%s'",
                         option, minimum, maximum, text);
    }
    *value = number;
    return 0;
}

int parse_duration(const char *option, const char *text, int64_t *value_ns, struct error *error) {
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"m", 60}, {"min", 60}, {"h", 3600}};
    char *end = NULL;
    double number = strtod(text, &end);
    for (size_t i = 0; end != text && i < sizeof units / sizeof *units; i++) {
        double seconds = number * units[i].seconds;
        if (strcmp(end, units[i].name) == 0 && isfinite(seconds) && seconds > 0 && seconds <= 1e6) {
            *value_ns = (int64_t)llround(seconds * (double)NS_PER_S);
            return 0;
        }
    }
    return error_set(error, -EINVAL, "%s takes a time such as 20, 500ms or 2m, not '%s'", option, text);
}

int parse_factor(const char *option, const char *text, double maximum, double *value, struct error *error) {
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !(number > 0) || number > maximum) {
        return error_set(error, -EINVAL, "%s takes a number above 0 and up to %g, not '%s'", option, maximum,
                         text);
    }
    *value = number;
    return 0;
}

int parse_speed(const char *option, const char *text, double maximum, double *value, struct error *error) {
    return quantity_number(text, value) == 0 && *value <= maximum
               ? 0
               : error_set(error, -EINVAL, "%s takes a number from 0 to %g, not '%s'", option, maximum, text);
}

int parse_host(const char *option, const char *text, unsigned *host, struct error *error) {
    const char *number = strncmp(text, "ns", 2) == 0 ? text + 2 : text;
    if (strlen(number) != 1 || *number < '1' || *number > '0' + TOPO_HOSTS_MAX) {
        return error_set(error, -EINVAL, "%s takes a host, ns1 to ns%d, not '%s'", option, TOPO_HOSTS_MAX,
                         text);
    }
    *host = (unsigned)(*number - '0');
    return 0;
}

int parse_prefix(const char *text, char prefix[6], struct error *error) {
    size_t length = strlen(text);
    if (length == 0 || length > 5 || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789") != length) {
        return error_set(error, -EINVAL, "--prefix takes 1 to 5 of a-z and 0-9, not '%s'", text);
    }
    memcpy(prefix, text, length + 1);
    return 0;
}

int parse_bytes(const char *option, const char *text, int64_t maximum, int64_t *value, struct error *error) {
    static const struct {
        const char *name;
        double bytes;
    } units[] = {{"", 1}, {"k", 1e3}, {"m", 1e6}, {"g", 1e9}};
    char *end = NULL;
    double number = strtod(text, &end);
    for (size_t i = 0; end != text && i < sizeof units / sizeof *units; i++) {
        double bytes = number * units[i].bytes;
        if (strcasecmp(end, units[i].name) == 0 && bytes >= 1 && bytes <= (double)maximum) {
            *value = (int64_t)bytes;
            return 0;
        }
    }
    return error_set(error, -EINVAL, "%s takes a number of bytes such as 1000, 500k or 1g, not '%s'", option,
                     text);
}

int parse_gap(const char *option, const char *text, int64_t bytes, int64_t *gap_ns, struct error *error) {
    uint64_t bits = 0;
    char *end = NULL;
    double packets = strtod(text, &end);
    if (strcmp(text, "0") == 0) {
        *gap_ns = 0;
        return 0;
    }
    if (quantity_rate(text, &bits) == 0 && bits > 0) {
        packets = (double)bits / 8 / (double)bytes;
    } else if (end == text || strcasecmp(end, "pps") != 0) {
        packets = 0;
    }
    /* From a packet an hour to one a nanosecond. */
    if (!(packets >= 1.0 / 3600 && packets <= 1e9)) {
        return error_set(error, -EINVAL, "%s takes a rate such as 10mbit, 1000pps or 0, not '%s'", option,
                         text);
    }
    *gap_ns = llround((double)NS_PER_S / packets);
    return 0;
}
