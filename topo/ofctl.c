#include "topo/ofctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/process.h"
#include "topo/openflow.h"
#include "topo/ovs.h"

#define OFCTL_TIMEOUT_NS (6 * NS_PER_S)

enum { ERRORS_SIZE = 16 * 1024, ANSWER_SIZE = 128 * 1024, TARGET_SIZE = LAB_PATH_SIZE + TOPO_NAME_SIZE };

void ofctl_name_target(const struct topo *topo, char *target, size_t size) {
    if (topo->sw.private_ovs) {
        snprintf(target, size, "unix:%s/ovs/%s.mgmt", topo->run_dir, topo->bridge);
    } else {
        snprintf(target, size, "%s", topo->bridge);
    }
}

/* Runs ovs-ofctl with 'words' (NULL-terminated, up to 5). */
static int run(const char *const words[], const struct process_output *output, struct error *error) {
    char path[LAB_PATH_SIZE];
    const char *argv[12] = {path, "--timeout=5", "-O", "OpenFlow15", "-vconsole:info"};
    size_t count = 5;
    for (size_t i = 0; words[i] != NULL && count + 1 < sizeof argv / sizeof *argv; i++) {
        argv[count++] = words[i];
    }
    int code = ovs_find_program("ovs-ofctl", path, error);
    return code == 0 ? process_run_all(argv, NULL, -1, OFCTL_TIMEOUT_NS, output, error) : code;
}

/* The rules as a file in memory, a line each, at 'path'.  Returns its descriptor or a negative errno with
 * 'error' filled. */
static int write_rules(const struct topo_openflow *openflow, char path[64], struct error *error) {
    char rule[TOPO_RULE_SIZE];
    int fd = memfd_create("rules", MFD_CLOEXEC);
    int code = fd < 0 ? -errno : 0;
    for (size_t i = 0; code == 0 && i < openflow->rule_count; i++) {
        topo_openflow_resolve(openflow->rules[i], rule);
        code = dprintf(fd, "%s\n", rule) < 0 ? -errno : 0;
    }
    if (code != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return error_set(error, code, "could not write the OpenFlow rules: %s", strerror(-code));
    }
    snprintf(path, 64, "/proc/%d/fd/%d", (int)getpid(), fd);
    return fd;
}

/* The first line of 'errors' that holds 'mark', from behind it, "" if none does. */
static void find_line(const char *errors, const char *mark, char *line, size_t size) {
    const char *at = strstr(errors, mark);
    at = at == NULL ? "" : at + strlen(mark);
    snprintf(line, size, "%.*s", (int)strcspn(at, "\n"), at);
}

/* What ovs-ofctl says of line N of the file 'path': ":N: why". */
static bool explain_line(const char *errors, const char *path, const struct topo_openflow *openflow,
                         size_t *index, struct error *error) {
    char line[TOPO_RULE_SIZE];
    char *why = NULL;
    find_line(errors, path, line, sizeof line);
    unsigned long number = line[0] == ':' ? strtoul(line + 1, &why, 10) : 0;
    if (number < 1 || number > openflow->rule_count || strncmp(why, ": ", 2) != 0) {
        return false;
    }
    *index = number - 1;
    error_set(error, -EINVAL, "rule '%s': %s", openflow->rules[*index], why + 2);
    return true;
}

/* Finds the rule that ovs-ofctl took with less of a match than it has: "tp_dst=53" without "udp" matches
 * everything, and ovs-ofctl says no more than a word of it in its log. */
static int find_ignored(const struct topo_openflow *openflow, size_t *index, struct error *error) {
    for (size_t i = 0; i < openflow->rule_count; i++) {
        char rule[TOPO_RULE_SIZE];
        char errors[1024];
        char match[256];
        topo_openflow_resolve(openflow->rules[i], rule);
        int code = run((const char *const[]){"parse-flow", rule, NULL},
                       &(struct process_output){.errors = errors, .errors_size = sizeof errors}, error);
        if (code != 0) {
            return code;
        }
        if (strstr(errors, "normalization changed") != NULL) {
            find_line(errors, "post: ", match, sizeof match);
            *index = i;
            return error_set(error, -EINVAL,
                             "rule '%s': Open vSwitch would leave out a part of the match, which then is "
                             "%s%s%s; a field needs its protocol before it, 'udp,tp_dst=53'",
                             openflow->rules[i], match[0] != '\0' ? "'" : "every frame", match,
                             match[0] != '\0' ? "'" : "");
        }
    }
    return 0;
}

/* --- two rules for the same frames --- */

/* True if 'word' of a flow as ovs-ofctl prints it says how the flow is kept, not which frames it takes
 * (Open vSwitch, lib/ofp-flow.c, ofputil_flow_mod_format()). */
static bool is_keeping(const char *word) {
    static const char *const begins[] = {"cookie:",      "idle:",         "hard:",         "importance:",
                                         "out_port:",    "out_group:",    "send_flow_rem", "check_overlap",
                                         "reset_counts", "no_packet_cou", "no_byte_counts"};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        if (strncmp(word, begins[i], strlen(begins[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Finds the next flow in 'text', "...: ADD table:2 priority=10,udp cookie:0x5 actions=drop", and leaves of it
 * at 'match' the table, the priority and the match alone, in place.  Returns where to look on, or NULL when
 * there is no more. */
static char *next_match(char *text, char **match) {
    static const char mark[] = "): ADD ";
    char *at = strstr(text, mark);
    if (at == NULL) {
        return NULL;
    }
    *match = at += sizeof mark - 1;
    char *end = at + strcspn(at, "\n");
    char *rest = end + (*end == '\n');
    *end = '\0';
    char *to = at;
    for (char *word = strsep(&at, " "); word != NULL && strncmp(word, "actions=", 8) != 0;
         word = strsep(&at, " ")) {
        size_t length = is_keeping(word) ? 0 : strlen(word);
        memmove(to, word, length);
        to += length;
        *to = length > 0 ? ' ' : *to;
        to += length > 0;
    }
    *to = '\0';
    return rest;
}

/* Looks for two rules with one match and priority in what ovs-ofctl understood of them, 'text', which is
 * written over: the number of a flow there is the number of its rule. */
static int find_double(const struct topo_openflow *openflow, char *text, size_t *index, struct error *error) {
    char *matches[TOPO_RULES_MAX];
    size_t count = 0;
    while (count < openflow->rule_count && (text = next_match(text, &matches[count])) != NULL) {
        for (size_t i = 0; i < count; i++) {
            if (strcmp(matches[i], matches[count]) == 0) {
                *index = count;
                return error_set(error, -EINVAL,
                                 "rule '%s' has the same match and priority as '%s': the switch would keep "
                                 "the later alone; give one of them another priority",
                                 openflow->rules[count], openflow->rules[i]);
            }
        }
        count++;
    }
    return 0;
}

int ofctl_parse(const struct topo_openflow *openflow, size_t *index, struct error *error) {
    char path[64];
    char errors[ERRORS_SIZE];
    char *answer = malloc(ANSWER_SIZE);
    if (answer == NULL) {
        return error_set(error, -ENOMEM, "no memory for the OpenFlow rules");
    }
    int fd = write_rules(openflow, path, error);
    if (fd < 0) {
        free(answer);
        return fd;
    }
    const struct process_output output = {
        .text = answer, .text_size = ANSWER_SIZE, .errors = errors, .errors_size = sizeof errors};
    int code = run((const char *const[]){"parse-flows", path, NULL}, &output, error);
    if (code == -EIO && explain_line(errors, path, openflow, index, error)) {
        code = -EINVAL;
    } else if (code == 0 && strstr(errors, "normalization changed") != NULL) {
        code = find_ignored(openflow, index, error);
    }
    code = code == 0 ? find_double(openflow, answer, index, error) : code;
    free(answer);
    close(fd);
    return code;
}

/* The switch refused: "Error OFPBAC_BAD_OUT_GROUP for: OFPT_FLOW_MOD (OF1.5) (xid=0x7): ADD udp actions=..."
 * names what and why; other failures keep the error that they have. */
static int explain_refusal(int code, const char *what, const char *errors, struct error *error) {
    char line[TOPO_RULE_SIZE];
    char why[64];
    find_line(errors, "Error ", line, sizeof line);
    if (code == -EIO && line[0] != '\0') {
        const char *rule = strstr(line, "): ADD ");
        snprintf(why, sizeof why, "%.*s", (int)strcspn(line, " "), line);
        return error_set(error, -EINVAL, "the switch refused %s '%s': %s", what,
                         rule != NULL ? rule + strlen("): ADD ") : line, why);
    }
    return error_prefix(error, code, "could not set %s", what);
}

static int add_meter(const char *target, const char *meter, struct error *error) {
    char errors[1024];
    char why[64];
    int code = run((const char *const[]){"add-meter", target, meter, NULL},
                   &(struct process_output){.errors = errors, .errors_size = sizeof errors}, error);
    find_line(errors, "OFPT_ERROR (OF1.5) (xid=0x2): ", why, sizeof why);
    if (code == -EIO && why[0] != '\0') {
        return error_set(error, -EINVAL, "the switch refused the meter '%s': %s", meter, why);
    }
    return code == 0 ? 0 : error_prefix(error, code, "could not set the meter '%s'", meter);
}

int ofctl_apply(const struct topo *topo, const struct topo_openflow *openflow, struct error *error) {
    char target[TARGET_SIZE];
    char path[64];
    char errors[ERRORS_SIZE];
    size_t index;
    ofctl_name_target(topo, target, sizeof target);
    for (size_t i = 0; i < openflow->meter_count; i++) {
        int code = add_meter(target, openflow->meters[i], error);
        if (code != 0) {
            return code;
        }
    }
    if (openflow->rule_count == 0) {
        return 0;
    }
    int fd = write_rules(openflow, path, error);
    if (fd < 0) {
        return fd;
    }
    int code = run((const char *const[]){"--bundle", "add-flows", target, path, NULL},
                   &(struct process_output){.errors = errors, .errors_size = sizeof errors}, error);
    if (code == -EIO && explain_line(errors, path, openflow, &index, error)) {
        code = -EINVAL;
    } else if (code != 0) {
        code = explain_refusal(code, "the rule", errors, error);
    }
    close(fd);
    return code;
}

int ofctl_ask(const struct topo *topo, const char *request, char *answer, size_t size, struct error *error) {
    char target[TARGET_SIZE];
    char errors[1024];
    ofctl_name_target(topo, target, sizeof target);
    const struct process_output output = {
        .text = answer, .text_size = size, .errors = errors, .errors_size = sizeof errors};
    int code = run((const char *const[]){"--no-names", request, target, NULL}, &output, error);
    return code == 0 ? 0 : error_prefix(error, code, "could not read %s of %s", request, topo->bridge);
}
