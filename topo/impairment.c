#include "topo/impairment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/quantity.h"

struct unit {
    const char *name;
    double factor;
};

static bool read_whole(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *value) {
    char *end = NULL;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *value >= minimum &&
           *value <= maximum;
}

static int set_every(uint32_t *every, uint32_t minimum, const char *name, const char *value,
                     struct error *error) {
    uint64_t number = 0;
    if (!read_whole(value, minimum, UINT32_MAX, &number)) {
        return error_set(error, -EINVAL, "%s takes a whole number of frames from %u on, not '%s'", name,
                         (unsigned)minimum, value);
    }
    *every = (uint32_t)number;
    return 0;
}

/* A chance, or "every N". */
static int set_share(double *chance, uint32_t *every, uint32_t minimum, const char *name, const char *value,
                     struct error *error) {
    if (strncmp(value, "every ", 6) == 0) {
        return set_every(every, minimum, name, value + 6 + strspn(value + 6, " "), error);
    }
    return quantity_share(value, chance) == 0
               ? 0
               : error_set(error, -EINVAL, "%s takes a share such as 1%% or 'every 10', not '%s'", name,
                           value);
}

static int set_time(int64_t *ns, const char *name, const char *value, struct error *error) {
    if (quantity_time(value, 0, ns) != 0 || *ns > TOPO_DELAY_MAX_NS) {
        return error_set(error, -EINVAL, "%s takes a time of up to 5 s with its unit, such as 20ms, not '%s'",
                         name, value);
    }
    return 0;
}

static int set_rate(uint64_t *bps, const char *name, const char *value, struct error *error) {
    if (quantity_rate(value, bps) != 0 || *bps < TOPO_RATE_MIN_BPS || *bps > TOPO_RATE_MAX_BPS) {
        return error_set(error, -EINVAL, "%s takes 10kbit to 10gbit, such as 10mbit, not '%s'", name, value);
    }
    return 0;
}

static int set_seed(uint64_t *seed, const char *name, const char *value, struct error *error) {
    return read_whole(value, 0, UINT64_MAX, seed)
               ? 0
               : error_set(error, -EINVAL, "%s takes a whole number, not '%s'", name, value);
}

/* A frame that is held back needs later ones that are not. */
enum { EVERY_MIN = 1, REORDER_EVERY_MIN = 2 };

int topo_impairment_set(struct topo_impairment *to, const char *name, const char *value,
                        struct error *error) {
    if (strcmp(name, "loss") == 0) {
        return set_share(&to->loss, &to->loss_every, EVERY_MIN, name, value, error);
    } else if (strcmp(name, "loss-every") == 0) {
        return set_every(&to->loss_every, EVERY_MIN, name, value, error);
    } else if (strcmp(name, "duplicate") == 0) {
        return set_share(&to->duplicate, &to->duplicate_every, EVERY_MIN, name, value, error);
    } else if (strcmp(name, "duplicate-every") == 0) {
        return set_every(&to->duplicate_every, EVERY_MIN, name, value, error);
    } else if (strcmp(name, "reorder") == 0) {
        return set_share(&to->reorder, &to->reorder_every, REORDER_EVERY_MIN, name, value, error);
    } else if (strcmp(name, "reorder-every") == 0) {
        return set_every(&to->reorder_every, REORDER_EVERY_MIN, name, value, error);
    } else if (strcmp(name, "reorder-gap") == 0) {
        return set_every(&to->reorder_gap, EVERY_MIN, name, value, error);
    } else if (strcmp(name, "delay") == 0) {
        return set_time(&to->delay_ns, name, value, error);
    } else if (strcmp(name, "jitter") == 0) {
        return set_time(&to->jitter_ns, name, value, error);
    } else if (strcmp(name, "rate") == 0) {
        return set_rate(&to->rate_bps, name, value, error);
    } else if (strcmp(name, "seed") == 0) {
        return set_seed(&to->seed, name, value, error);
    }
    return error_set(error, -ENOENT,
                     "there is no impairment '%s'; there are loss, loss-every, duplicate, duplicate-every, "
                     "reorder, reorder-every, reorder-gap, delay, jitter, rate and seed",
                     name);
}

bool topo_impairment_any(const struct topo_impairment *impairment) {
    return impairment->loss > 0.0 || impairment->loss_every != 0 || impairment->duplicate > 0.0 ||
           impairment->duplicate_every != 0 || impairment->reorder > 0.0 || impairment->reorder_every != 0 ||
           impairment->delay_ns != 0 || impairment->jitter_ns != 0 || impairment->rate_bps != 0;
}

static bool is_chance(double value) {
    return value >= 0.0 && value <= 1.0;
}

int topo_impairment_check(const struct topo_impairment *impairment, struct error *error) {
    if (!is_chance(impairment->loss) || !is_chance(impairment->duplicate) ||
        !is_chance(impairment->reorder)) {
        return error_set(error, -EINVAL, "a chance of loss, duplication or reordering is from 0 to 100%%");
    }
    if (impairment->reorder >= 1.0 || impairment->reorder_every == 1) {
        return error_set(error, -EINVAL,
                         "reordering every frame leaves none to pass the ones that are held back; hold back "
                         "every second at most");
    }
    if (impairment->reorder_gap > TOPO_REORDER_GAP_MAX) {
        return error_set(error, -EINVAL, "reorder-gap is up to %d frames, not %" PRIu32, TOPO_REORDER_GAP_MAX,
                         impairment->reorder_gap);
    }
    if (impairment->delay_ns < 0 || impairment->jitter_ns < 0 ||
        impairment->jitter_ns > impairment->delay_ns) {
        return error_set(error, -EINVAL, "jitter is around the delay: it can't be the larger of the two");
    }
    if (impairment->delay_ns > TOPO_DELAY_MAX_NS - impairment->jitter_ns) {
        return error_set(error, -EINVAL, "delay and jitter together are up to 5 s");
    }
    if (impairment->rate_bps != 0 &&
        (impairment->rate_bps < TOPO_RATE_MIN_BPS || impairment->rate_bps > TOPO_RATE_MAX_BPS)) {
        return error_set(error, -EINVAL, "a rate is from 10kbit to 10gbit");
    }
    return 0;
}

static bool read_host(const char *text, unsigned *host) {
    uint64_t number = 0;
    bool good = strncmp(text, "ns", 2) == 0 && read_whole(text + 2, 1, TOPO_HOSTS_MAX, &number);
    *host = (unsigned)number;
    return good;
}

int topo_impairment_parse(const char *text, unsigned *host, struct topo_impairment *impairment,
                          struct error *error) {
    char copy[512];
    char *rest = NULL;
    *impairment = (struct topo_impairment){.loss = 0.0};
    *host = 0;
    if (strlen(text) >= sizeof copy) {
        return error_set(error, -EINVAL, "--impair takes up to %zu letters", sizeof copy - 1);
    }
    memcpy(copy, text, strlen(text) + 1);
    for (char *word = strtok_r(copy, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        char *equals = strchr(word, '=');
        if (equals == NULL) {
            return error_set(error, -EINVAL,
                             "--impair takes NAME=VALUE, separated by commas, such as to=ns2,loss=1%%; "
                             "there is no '=' in '%s'",
                             word);
        }
        *equals = '\0';
        if (strcmp(word, "to") == 0) {
            if (!read_host(equals + 1, host)) {
                return error_set(error, -EINVAL, "--impair to= takes a host, ns1 to ns%d, not '%s'",
                                 TOPO_HOSTS_MAX, equals + 1);
            }
        } else if (topo_impairment_set(impairment, word, equals + 1, error) != 0) {
            return error_prefix(error, -EINVAL, "--impair");
        }
    }
    if (*host == 0 || !topo_impairment_any(impairment)) {
        return error_set(error, -EINVAL,
                         "--impair takes a host and what is done to the frames on their way to it, such as "
                         "to=ns2,loss=1%%, not '%s'",
                         text);
    }
    return topo_impairment_check(impairment, error) == 0 ? 0 : error_prefix(error, -EINVAL, "--impair");
}

const char *topo_impairment_share(uint32_t every, double chance, char text[48]) {
    static const char *const endings[] = {"th", "st", "nd", "rd"};
    unsigned last = every % 10 <= 3 && (every / 10) % 10 != 1 ? every % 10 : 0;
    size_t used = 0;
    text[0] = '\0';
    if (every == 1) {
        used = (size_t)snprintf(text, 48, "every");
    } else if (every > 1) {
        used = (size_t)snprintf(text, 48, "every %" PRIu32 "%s", every, endings[last]);
    }
    if (chance > 0.0 && used < 48) {
        snprintf(text + used, 48 - used, "%s%g %%", used > 0 ? " and " : "", chance * 100.0);
    }
    return text;
}

const char *topo_impairment_time(int64_t ns, char text[24]) {
    static const struct unit units[] = {{"s", 1e9}, {"ms", 1e6}, {"\302\265s", 1e3}, {"ns", 1.0}};
    size_t i = 0;
    while (i < 3 && (double)ns < units[i].factor) {
        i++;
    }
    snprintf(text, 24, "%.6g %s", (double)ns / units[i].factor, units[i].name);
    return text;
}

const char *topo_impairment_rate(uint64_t bps, char text[24]) {
    static const struct unit units[] = {{"Gbit/s", 1e9}, {"Mbit/s", 1e6}, {"kbit/s", 1e3}, {"bit/s", 1.0}};
    size_t i = 0;
    while (i < 3 && (double)bps < units[i].factor) {
        i++;
    }
    snprintf(text, 24, "%.6g %s", (double)bps / units[i].factor, units[i].name);
    return text;
}

static void add(char text[TOPO_IMPAIRMENT_TEXT_SIZE], const char *what, const char *how, const char *more) {
    size_t used = strlen(text);
    if (how[0] != '\0' && used < TOPO_IMPAIRMENT_TEXT_SIZE) {
        snprintf(text + used, TOPO_IMPAIRMENT_TEXT_SIZE - used, "%s%s %s%s", used > 0 ? ", " : "", what, how,
                 more);
    }
}

const char *topo_impairment_describe(const struct topo_impairment *impairment,
                                     char text[TOPO_IMPAIRMENT_TEXT_SIZE]) {
    char share[48];
    char number[24];
    char jitter[48] = "";
    char gap[32] = "";
    text[0] = '\0';
    add(text, "loss", topo_impairment_share(impairment->loss_every, impairment->loss, share), "");
    add(text, "duplicate", topo_impairment_share(impairment->duplicate_every, impairment->duplicate, share),
        "");
    if (impairment->reorder_gap > 1) {
        snprintf(gap, sizeof gap, " past %" PRIu32, impairment->reorder_gap);
    }
    add(text, "reorder", topo_impairment_share(impairment->reorder_every, impairment->reorder, share), gap);
    if (impairment->jitter_ns > 0) {
        snprintf(jitter, sizeof jitter, " \302\261 %s", topo_impairment_time(impairment->jitter_ns, number));
    }
    if (impairment->delay_ns > 0) {
        add(text, "delay", topo_impairment_time(impairment->delay_ns, number), jitter);
    }
    if (impairment->rate_bps > 0) {
        add(text, "rate", topo_impairment_rate(impairment->rate_bps, number), "");
    }
    return text;
}
