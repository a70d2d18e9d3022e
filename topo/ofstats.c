#include "topo/ofstats.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copies the line at '*text' into 'line', cut if it is longer, and moves on.  False at the end. */
static bool next_line(const char **text, char *line, size_t size) {
    if (**text == '\0') {
        return false;
    }
    size_t length = strcspn(*text, "\n");
    snprintf(line, size, "%.*s", (int)length, *text);
    *text += length + ((*text)[length] == '\n');
    return true;
}

/* The number behind 'name' in 'line', or -1. */
static int64_t number_after(const char *line, const char *name) {
    const char *at = strstr(line, name);
    char *end = NULL;
    if (at == NULL) {
        return -1;
    }
    at += strlen(name);
    long long value = strtoll(at, &end, 10);
    return end == at || value < 0 ? -1 : (int64_t)value;
}

/*   port  1: rx pkts=18007, bytes=5988638, drop=0, errs=0, frame=0, over=0, crc=0
 *            tx pkts=17, bytes=3178, drop=0, errs=0, coll=0 */
size_t ofstats_ports(const char *text, void (*emit)(const struct ofstats_port *port, void *context),
                     void *context) {
    char line[512];
    size_t count = 0;
    struct ofstats_port port = {.number = 0};
    while (next_line(&text, line, sizeof line)) {
        int64_t number = number_after(line, "port ");
        if (strstr(line, ": rx pkts=") != NULL) {
            port = (struct ofstats_port){.number = number > 0 && number < UINT32_MAX ? (uint32_t)number : 0,
                                         .rx_packets = number_after(line, "rx pkts="),
                                         .rx_bytes = number_after(line, "bytes=")};
        } else if (port.number != 0 && strstr(line, "tx pkts=") != NULL) {
            port.tx_packets = number_after(line, "tx pkts=");
            port.tx_bytes = number_after(line, "bytes=");
            emit(&port, context);
            port.number = 0;
            count++;
        }
    }
    return count;
}

/* What may be done with a frame that does not forward it. */
static bool is_idle_action(const char *action, size_t length) {
    static const char *const idle[] = {"drop", "sample(", "meter:", "clear_actions"};
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++) {
        size_t size = strlen(idle[i]);
        if (length >= size && strncmp(action, idle[i], size) == 0) {
            return true;
        }
    }
    return length == 0;
}

/* True if none of 'actions', which are parted by commas outside of brackets, forwards. */
static bool all_idle(const char *actions) {
    while (*actions != '\0') {
        size_t length = 0;
        int depth = 0;
        while (actions[length] != '\0' && (depth > 0 || actions[length] != ',')) {
            depth += actions[length] == '(';
            depth -= actions[length] == ')';
            length++;
        }
        if (!is_idle_action(actions, length)) {
            return false;
        }
        actions += length + (actions[length] == ',');
    }
    return true;
}

/* cookie=0x0, duration=4.517s, table=0, n_packets=2000, n_bytes=284000, idle_age=0,
 * priority=30,udp,tp_dst=7001 actions=drop; what stands before the match ends with ", ", and the match begins
 * with "priority=" or, for the priority 32768, without it. */
static bool read_rule(const char *line, struct ofstats_rule *rule) {
    const char *actions = strstr(line, " actions=");
    const char *match = line;
    if (actions == NULL || strstr(line, "n_packets=") == NULL) {
        return false;
    }
    for (const char *at = line; at < actions; at++) {
        match = at[0] == ',' && at[1] == ' ' ? at + 2 : match;
    }
    /* A rule of no match and of the priority 32768 has but its actions. */
    match += *match == ' ';
    *rule = (struct ofstats_rule){.packets = number_after(line, "n_packets="),
                                  .bytes = number_after(line, "n_bytes="),
                                  .drops = all_idle(actions + strlen(" actions="))};
    snprintf(rule->text, sizeof rule->text, "%s", match);
    const char *port = strstr(match, "in_port=");
    int64_t number = port != NULL && port < actions ? number_after(port, "in_port=") : 0;
    rule->in_port = number > 0 && number < UINT32_MAX ? (uint32_t)number : 0;
    return true;
}

size_t ofstats_rules(const char *text, void (*emit)(const struct ofstats_rule *rule, void *context),
                     void *context) {
    char line[4096];
    size_t count = 0;
    while (next_line(&text, line, sizeof line)) {
        struct ofstats_rule rule;
        if (read_rule(line, &rule)) {
            emit(&rule, context);
            count++;
        }
    }
    return count;
}

/* meter:1 flow_count:1 packet_in_count:2000 byte_in_count:2000000 duration:4.586s bands:
 * 0: packet_count:1488 byte_count:1488000 */
size_t ofstats_bands(const char *text, void (*emit)(const struct ofstats_band *band, void *context),
                     void *context) {
    char line[512];
    size_t count = 0;
    uint32_t meter = 0;
    while (next_line(&text, line, sizeof line)) {
        int64_t number = strncmp(line, "meter:", 6) == 0 ? number_after(line, "meter:") : -1;
        if (number > 0 && number < UINT32_MAX) {
            meter = (uint32_t)number;
        } else if (meter != 0 && isdigit((unsigned char)line[0])) {
            const struct ofstats_band band = {.meter = meter,
                                              .band = (uint32_t)strtoul(line, NULL, 10),
                                              .packets = number_after(line, " packet_count:"),
                                              .bytes = number_after(line, " byte_count:")};
            emit(&band, context);
            count++;
        }
    }
    return count;
}
