#include "traffic/plan/empirical.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/quantity.h"

#define LINE_SIZE  256
#define COUNT_MAX  INT64_C(1000000000)
#define TIME_MAX   (3600 * NS_PER_S)
#define WEIGHT_MAX 1e15

/* How many values a bin has. */
static double width_of(const struct traffic_empirical_bin *bin) {
    return (double)(bin->high - bin->low) + 1;
}

int traffic_empirical_finish(struct traffic_empirical *empirical, size_t *bad) {
    double all = 0, sum = 0, squares = 0;
    for (size_t i = 0; i < empirical->count; i++) {
        const struct traffic_empirical_bin *bin = &empirical->bins[i];
        *bad = i;
        if (bin->low < 0 || bin->high < bin->low || bin->high > TIME_MAX ||
            !(bin->weight > 0 && bin->weight <= WEIGHT_MAX) ||
            (i > 0 && bin->low <= empirical->bins[i - 1].high)) {
            return -EINVAL;
        }
        double middle = ((double)bin->low + (double)bin->high) / 2;
        double width = width_of(bin);
        all += bin->weight;
        sum += bin->weight * middle;
        squares += bin->weight * (middle * middle + (width * width - 1) / 12);
    }
    *bad = 0;
    if (empirical->count == 0 || !(sum > 0)) {
        return -EINVAL;
    }
    empirical->mean = sum / all;
    empirical->deviation = sqrt(fmax(squares / all - empirical->mean * empirical->mean, 0));
    double before = 0;
    for (size_t i = 0; i < empirical->count; i++) {
        before += empirical->bins[i].weight;
        empirical->bins[i].end = i + 1 == empirical->count ? 1 : before / all;
    }
    return 0;
}

double traffic_empirical_at(const struct traffic_empirical *empirical, double share) {
    size_t low = 0, high = empirical->count - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (share < empirical->bins[middle].end) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    const struct traffic_empirical_bin *bin = &empirical->bins[low];
    double begin = low == 0 ? 0 : empirical->bins[low - 1].end;
    double within = bin->end > begin ? (share - begin) / (bin->end - begin) : 0;
    return (double)bin->low + fmin(floor(within * width_of(bin)), width_of(bin) - 1);
}

/* One value of a bin.  Returns 0 or -EINVAL. */
static int read_value(const char *text, enum traffic_empirical_unit unit, int64_t *value) {
    int64_t most = unit == TRAFFIC_EMPIRICAL_TIME ? TIME_MAX : COUNT_MAX;
    int code = unit == TRAFFIC_EMPIRICAL_TIME ? quantity_time(text, 0, value) : quantity_whole(text, value);
    bool small = unit == TRAFFIC_EMPIRICAL_COUNT && *value < 1;
    return code == 0 && !small && *value <= most ? 0 : -EINVAL;
}

/* The bin that the words of 'line' are, which is cut up.  Returns 1, 0 for a line without words, or -EINVAL.
 */
static int read_bin(char *line, enum traffic_empirical_unit unit, struct traffic_empirical_bin *bin) {
    static const char blanks[] = " \t\r";
    char *rest = NULL;
    line[strcspn(line, "#")] = '\0';
    char *range = strtok_r(line, blanks, &rest);
    if (range == NULL) {
        return 0;
    }
    const char *weight = strtok_r(NULL, blanks, &rest);
    char *dots = strstr(range, "..");
    if (dots != NULL) {
        *dots = '\0';
    }
    bool good = weight != NULL && strtok_r(NULL, blanks, &rest) == NULL &&
                read_value(range, unit, &bin->low) == 0 &&
                read_value(dots == NULL ? range : dots + 2, unit, &bin->high) == 0 &&
                quantity_number(weight, &bin->weight) == 0;
    return good ? 1 : -EINVAL;
}

/* Copies the next line of the text, from '*at' on, without its end.  Returns false if it is too long. */
static bool next_line(const char **at, const char *end, char line[LINE_SIZE]) {
    const char *stop = memchr(*at, '\n', (size_t)(end - *at));
    size_t length = (size_t)((stop == NULL ? end : stop) - *at);
    bool fits = length < LINE_SIZE;
    length = fits ? length : 0;
    memcpy(line, *at, length);
    line[length] = '\0';
    *at = stop == NULL ? end : stop + 1;
    return fits;
}

static int take_lines(const char *path, const char *text, size_t size, enum traffic_empirical_unit unit,
                      struct traffic_empirical *empirical, struct error *error) {
    const char *const expected = unit == TRAFFIC_EMPIRICAL_TIME ? "20us..50us 3" : "64..128 3";
    size_t lines[TRAFFIC_EMPIRICAL_BINS] = {0}, line = 0, bad = 0;
    const char *at = text;
    while (at < text + size) {
        char words[LINE_SIZE];
        struct traffic_empirical_bin bin = {.weight = 0};
        line++;
        int got = next_line(&at, text + size, words) ? read_bin(words, unit, &bin) : -EINVAL;
        if (got < 0) {
            return error_set(error, -EINVAL,
                             "%s:%zu: expected a value or a range and how often it is, such as '%s'", path,
                             line, expected);
        }
        if (got > 0 && empirical->count == TRAFFIC_EMPIRICAL_BINS) {
            return error_set(error, -EINVAL, "%s:%zu: expected at most %u bins", path, line,
                             TRAFFIC_EMPIRICAL_BINS);
        }
        if (got > 0) {
            lines[empirical->count] = line;
            empirical->bins[empirical->count++] = bin;
        }
    }
    if (traffic_empirical_finish(empirical, &bad) != 0) {
        return error_set(error, -EINVAL,
                         "%s:%zu: expected bins that go up and don't overlap, each with a number above 0",
                         path, empirical->count == 0 ? 1 : lines[bad]);
    }
    return 0;
}

int traffic_empirical_parse(const char *path, const char *text, size_t size, enum traffic_empirical_unit unit,
                            struct traffic_empirical **made, struct error *error) {
    struct traffic_empirical *empirical = calloc(1, sizeof *empirical);
    *made = NULL;
    if (empirical == NULL) {
        return error_set(error, -ENOMEM, "no memory for the histogram '%s'", path);
    }
    int failure = take_lines(path, text, size, unit, empirical, error);
    if (failure != 0) {
        free(empirical);
        return failure;
    }
    *made = empirical;
    return 0;
}

int traffic_empirical_read(const char *path, enum traffic_empirical_unit unit,
                           struct traffic_empirical **made, struct error *error) {
    *made = NULL;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return error_set(error, -errno, "reading the histogram '%s': %s", path, strerror(errno));
    }
    char *text = malloc(TRAFFIC_EMPIRICAL_SIZE + 1);
    size_t size = text == NULL ? 0 : fread(text, 1, TRAFFIC_EMPIRICAL_SIZE + 1, file);
    int failure = 0;
    if (text == NULL) {
        failure = error_set(error, -ENOMEM, "no memory for the histogram '%s'", path);
    } else if (ferror(file)) {
        failure = error_set(error, -EIO, "reading the histogram '%s': %s", path, strerror(errno));
    } else if (size > TRAFFIC_EMPIRICAL_SIZE) {
        failure = error_set(error, -EFBIG, "the histogram '%s' has more than %zu bytes", path,
                            TRAFFIC_EMPIRICAL_SIZE);
    } else {
        failure = traffic_empirical_parse(path, text, size, unit, made, error);
    }
    free(text);
    fclose(file);
    return failure;
}
