#include "topo/openflow.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "topo/ofctl.h"

/* What probabilities are parts of, and by how much a rate may be off before it is worth a word. */
enum { PROBABILITY_ONE = 65535 };
#define BIAS_TOLERATED 0.01

static int wrong(struct topo_openflow_place *where, bool meter, size_t index) {
    *where = (struct topo_openflow_place){.meter = meter, .index = index};
    return -EINVAL;
}

/* --- what is sampled --- */

static void set_sample_field(struct topo_sample *sample, const char *name, size_t length, uint32_t value) {
    const struct {
        const char *name;
        uint32_t *value;
    } fields[] = {{"probability", &sample->probability},
                  {"collector_set_id", &sample->set},
                  {"obs_domain_id", &sample->domain},
                  {"obs_point_id", &sample->point}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strlen(fields[i].name) == length && strncmp(fields[i].name, name, length) == 0) {
            *fields[i].value = value;
        }
    }
}

/* Reads the sample action that 'at' points behind the "sample(" of.  Returns where it ends. */
static const char *read_sample(const char *at, struct topo_sample *sample) {
    *sample = (struct topo_sample){.set = 0};
    while (*at != '\0' && *at != ')') {
        size_t length = strcspn(at, "=,)");
        if (at[length] == '=') {
            set_sample_field(sample, at, length, (uint32_t)strtoul(at + length + 1, NULL, 0));
        }
        at += strcspn(at, ",)");
        at += *at == ',';
    }
    sample->rate = sample->probability > 0 ? PROBABILITY_ONE / sample->probability : 0;
    return at;
}

/* Adds 'sample' to the '*count' others, or says why it doesn't fit them. */
static int add_sample(struct topo_sample samples[TOPO_SETS_MAX], size_t *count,
                      const struct topo_sample *sample, struct error *error) {
    if (sample->domain <= 1) {
        return error_set(
            error, -EINVAL,
            "a sample action needs an obs_domain_id of its own, not %u: 1 is the bridge's IPFIX, 0 "
            "is no domain's",
            sample->domain);
    }
    bool known = false;
    for (size_t i = 0; i < *count; i++) {
        const struct topo_sample *other = &samples[i];
        if (other->domain == sample->domain && other->probability != sample->probability) {
            return error_set(error, -EINVAL,
                             "obs_domain_id %u is sampled with probability %u here and %u elsewhere: what it "
                             "reports could not be scaled; use another obs_domain_id",
                             sample->domain, sample->probability, other->probability);
        }
        if (other->set == sample->set && other->domain != sample->domain) {
            return error_set(
                error, -EINVAL,
                "collector_set_id %u is used for obs_domain_id %u and %u: Open vSwitch would send "
                "the templates of one alone; use another collector_set_id",
                sample->set, other->domain, sample->domain);
        }
        known = known || (other->set == sample->set && other->domain == sample->domain);
    }
    if (!known && *count == TOPO_SETS_MAX) {
        return error_set(error, -EINVAL, "the rules name more than %d collector_set_ids", TOPO_SETS_MAX);
    }
    if (!known) {
        samples[(*count)++] = *sample;
    }
    return 0;
}

int topo_openflow_samples(const struct topo_openflow *openflow, struct topo_sample samples[TOPO_SETS_MAX],
                          size_t *count, struct topo_openflow_place *where, struct error *error) {
    *count = 0;
    for (size_t i = 0; i < openflow->rule_count; i++) {
        const char *at = openflow->rules[i];
        while ((at = strstr(at, "sample(")) != NULL) {
            struct topo_sample sample;
            at = read_sample(at + strlen("sample("), &sample);
            if (add_sample(samples, count, &sample, error) != 0) {
                return wrong(where, false, i);
            }
        }
    }
    return 0;
}

/* How much too little the switch counts by 'sample', as a share: it multiplies by a rate cut to a whole
 * number. */
static double bias(const struct topo_sample *sample) {
    return 1.0 - (double)sample->rate * sample->probability / PROBABILITY_ONE;
}

/* Says of each domain that the switch will count too little, and which probabilities it counts right. */
static void warn_of_bias(const struct topo_sample *samples, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct topo_sample *sample = &samples[i];
        double share = bias(sample);
        if (sample->rate > 0 && fabs(share) > BIAS_TOLERATED) {
            log_warning("obs_domain_id %u is sampled with probability %u of %d, 1 in %.2f, but Open "
                        "vSwitch multiplies by %u: its IPFIX will say %.1f %% too little; probability %u "
                        "(1 in %u) or %u (1 in %u) is counted right",
                        sample->domain, sample->probability, PROBABILITY_ONE,
                        (double)PROBABILITY_ONE / sample->probability, sample->rate, 100.0 * share,
                        PROBABILITY_ONE / (sample->rate + 1), sample->rate + 1,
                        PROBABILITY_ONE / sample->rate, sample->rate);
        }
    }
}

/* --- looking without a switch --- */

static const char port_name[] = "ovs-tap";

/* True if a port's name in the default lab begins at 'at', within 'rule'. */
static bool is_port_name(const char *rule, const char *at) {
    bool begins = at == rule || (!isalnum((unsigned char)at[-1]) && strchr("-_", at[-1]) == NULL);
    return begins && strncmp(at, port_name, sizeof port_name - 1) == 0 &&
           isdigit((unsigned char)at[sizeof port_name - 1]);
}

unsigned topo_openflow_beyond(const struct topo_openflow *openflow, unsigned hosts, size_t *index) {
    for (size_t i = 0; i < openflow->rule_count; i++) {
        const char *rule = openflow->rules[i];
        for (const char *at = rule; (at = strstr(at, port_name)) != NULL; at++) {
            unsigned long host = is_port_name(rule, at) ? strtoul(at + sizeof port_name - 1, NULL, 10) : 1;
            if (host < 1 || host > hosts) {
                *index = i;
                return host < 1 || host > UINT16_MAX ? UINT16_MAX : (unsigned)host;
            }
        }
    }
    return 0;
}

void topo_openflow_resolve(const char *rule, char resolved[TOPO_RULE_SIZE]) {
    size_t used = 0;
    for (const char *at = rule; *at != '\0' && used + 1 < TOPO_RULE_SIZE;) {
        if (is_port_name(rule, at)) {
            at += sizeof port_name - 1;
        }
        resolved[used++] = *at++;
    }
    resolved[used] = '\0';
}

/* What ovs-ofctl itself would take for something else than a flow, or not at all. */
static int check_rule_text(const char *rule, struct error *error) {
    static const char *const commands[] = {"add", "modify", "modify_strict", "delete", "delete_strict"};
    size_t word = strcspn(rule, " \t");
    size_t blanks = strspn(rule, " \t");
    if (rule[blanks] == '#' || rule[blanks] == '\0') {
        return error_set(error, -EINVAL, "'%.80s': a rule is a flow, not a comment or nothing", rule);
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strlen(commands[i]) == word && strncmp(commands[i], rule, word) == 0) {
            return error_set(error, -EINVAL, "'%s': a rule is a flow, not the command %s", rule, commands[i]);
        }
    }
    if (strlen(rule) >= TOPO_RULE_SIZE) {
        return error_set(error, -EINVAL, "a rule is longer than %d characters: '%.40s...'",
                         TOPO_RULE_SIZE - 1, rule);
    }
    if (strchr(rule, '\n') != NULL) {
        return error_set(error, -EINVAL, "a rule is one line: '%.*s'", (int)strcspn(rule, "\n"), rule);
    }
    return 0;
}

/* True if what stands behind 'name' in 'meter' is one of the 'count' 'words'. */
static bool meter_has(const char *meter, const char *name, const char *const words[], size_t count) {
    const char *at = strstr(meter, name);
    size_t length = at == NULL ? 0 : strcspn(at += strlen(name), ", \t");
    for (size_t i = 0; i < count; i++) {
        if (length > 0 && strlen(words[i]) == length && strncmp(words[i], at, length) == 0) {
            return true;
        }
    }
    return false;
}

static int check_meter_text(const char *meter, struct error *error) {
    static const char *const types[] = {"drop", "dscp_remark"};
    char *end = NULL;
    unsigned long id = strncmp(meter, "meter=", 6) == 0 ? strtoul(meter + 6, &end, 10) : 0;
    if (id == 0 || id > 0xffff0000 || *end != ',' || strstr(meter, "band") == NULL ||
        strlen(meter) >= TOPO_RULE_SIZE || strchr(meter, '\n') != NULL ||
        !meter_has(meter, "type=", types, 2) || strstr(meter, "rate=") == NULL) {
        return error_set(error, -EINVAL,
                         "'%.80s' is no meter, such as 'meter=1,kbps,band=type=drop,rate=1000' or "
                         "'meter=2,pktps,burst,band=type=drop,rate=100,burst_size=10'",
                         meter);
    }
    return 0;
}

/* Looks whether the meters are there that the rules send frames through. */
static int check_meters_of_rules(const struct topo_openflow *openflow, struct topo_openflow_place *where,
                                 struct error *error) {
    static const char mark[] = "meter:";
    for (size_t i = 0; i < openflow->rule_count; i++) {
        for (const char *at = openflow->rules[i]; (at = strstr(at, mark)) != NULL;) {
            at += sizeof mark - 1;
            unsigned long id = isdigit((unsigned char)*at) ? strtoul(at, NULL, 0) : 0;
            size_t j = 0;
            while (j < openflow->meter_count && strtoul(openflow->meters[j] + 6, NULL, 10) != id) {
                j++;
            }
            if (id != 0 && j == openflow->meter_count) {
                error_set(error, -EINVAL, "rule '%s': there is no meter %lu among the meters",
                          openflow->rules[i], id);
                return wrong(where, false, i);
            }
        }
    }
    return 0;
}

static int check_meters(const struct topo_openflow *openflow, struct topo_openflow_place *where,
                        struct error *error) {
    for (size_t i = 0; i < openflow->meter_count; i++) {
        if (check_meter_text(openflow->meters[i], error) != 0) {
            return wrong(where, true, i);
        }
        for (size_t j = 0; j < i; j++) {
            if (strtoul(openflow->meters[i] + 6, NULL, 10) == strtoul(openflow->meters[j] + 6, NULL, 10)) {
                error_set(error, -EINVAL, "there are two meters %lu",
                          strtoul(openflow->meters[i] + 6, NULL, 10));
                return wrong(where, true, i);
            }
        }
    }
    return 0;
}

int topo_openflow_check(struct topo_openflow *openflow, struct topo_openflow_place *where,
                        struct error *error) {
    struct topo_sample samples[TOPO_SETS_MAX];
    size_t count;
    for (size_t i = 0; i < openflow->rule_count; i++) {
        if (check_rule_text(openflow->rules[i], error) != 0) {
            return wrong(where, false, i);
        }
    }
    int code = check_meters(openflow, where, error);
    if (code == 0 && openflow->rule_count > 0) {
        size_t index = 0;
        code = ofctl_parse(openflow, &index, error);
        code = code == -EINVAL ? wrong(where, false, index) : code;
    }
    code = code == 0 ? check_meters_of_rules(openflow, where, error) : code;
    code = code == 0 ? topo_openflow_samples(openflow, samples, &count, where, error) : code;
    if (code == 0) {
        warn_of_bias(samples, count);
    }
    openflow->set_count = 0;
    for (size_t i = 0; code == 0 && i < count; i++) {
        openflow->sets[openflow->set_count++] = samples[i].set;
    }
    return code;
}

/* --- files --- */

enum { FILE_SIZE_MAX = 64 * 1024 };

/* The whole file as a string that the caller frees, or NULL with 'error' filled. */
static char *read_whole(const char *path, struct error *error) {
    FILE *file = fopen(path, "re");
    char *text = file == NULL ? NULL : malloc(FILE_SIZE_MAX + 1);
    if (text == NULL) {
        error_set(error, -errno, "could not read the rules in '%s': %s", path, strerror(errno));
    } else {
        size_t size = fread(text, 1, FILE_SIZE_MAX + 1, file);
        if (ferror(file) != 0 || size > FILE_SIZE_MAX || memchr(text, '\0', size) != NULL) {
            error_set(error, -EINVAL, "could not read the rules in '%s': %s", path,
                      ferror(file) != 0      ? strerror(errno)
                      : size > FILE_SIZE_MAX ? "it is longer than 64 KiB"
                                             : "it is no text");
            free(text);
            text = NULL;
        } else {
            text[size] = '\0';
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

/* Cuts comment and blanks off 'line', in place. */
static char *trim(char *line) {
    line[strcspn(line, "#")] = '\0';
    line += strspn(line, " \t\r");
    size_t length = strlen(line);
    while (length > 0 && strchr(" \t\r", line[length - 1]) != NULL) {
        line[--length] = '\0';
    }
    return line;
}

/* The lines at which rules and meters stand. */
struct lines {
    unsigned rules[TOPO_RULES_MAX], meters[TOPO_RULES_MAX];
};

static int split(const char *path, struct topo_openflow *openflow, struct lines *lines, struct error *error) {
    char *rest = openflow->text;
    for (unsigned number = 1; rest != NULL; number++) {
        char *line = trim(strsep(&rest, "\n"));
        if (*line == '\0') {
            continue;
        }
        bool meter = strncmp(line, "meter=", 6) == 0;
        size_t *count = meter ? &openflow->meter_count : &openflow->rule_count;
        if (*count == TOPO_RULES_MAX) {
            return error_set(error, -EINVAL, "%s:%u: more than %d %s", path, number, TOPO_RULES_MAX,
                             meter ? "meters" : "rules");
        }
        (meter ? lines->meters : lines->rules)[*count] = number;
        (meter ? openflow->meters : openflow->rules)[(*count)++] = line;
    }
    return 0;
}

int topo_openflow_parse_file(const char *path, struct topo_openflow *openflow, struct error *error) {
    struct lines lines = {.rules = {0}};
    struct topo_openflow_place where = {.meter = false};
    *openflow = (struct topo_openflow){.text = read_whole(path, error)};
    int code = openflow->text == NULL ? -EINVAL : split(path, openflow, &lines, error);
    if (code == 0) {
        code = topo_openflow_check(openflow, &where, error);
        if (code == -EINVAL) {
            error_prefix(error, code, "%s:%u", path, (where.meter ? lines.meters : lines.rules)[where.index]);
        }
    }
    if (code != 0) {
        topo_openflow_free(openflow);
    }
    return code;
}

void topo_openflow_free(struct topo_openflow *openflow) {
    if (openflow->text != NULL) {
        free(openflow->text);
        *openflow = (struct topo_openflow){.text = NULL};
    }
}
