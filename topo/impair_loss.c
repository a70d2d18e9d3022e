/* Loss on purpose: a table of nftables' in the host's namespace, at the ingress of its tap.  It goes with the
 * namespace. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/greeting.h"
#include "common/process.h"
#include "topo/impair.h"
#include "topo/ovs.h"

#define NFT_TIMEOUT_NS (5 * NS_PER_S)
/* Of what a chance is so many parts. */
enum { CHANCE_PARTS = 1000000000, ETHERNET_BYTES = 14 };

struct rules {
    char *text;
    size_t used;
};

static void rule(struct rules *rules, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void rule(struct rules *rules, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(rules->text + rules->used, IMPAIR_RULES_SIZE - rules->used, format, arguments);
    va_end(arguments);
    rules->used += length > 0 ? (size_t)length : 0;
    rules->used = rules->used < IMPAIR_RULES_SIZE ? rules->used : IMPAIR_RULES_SIZE - 1;
}

static const struct {
    const char *counter;
    const char *match;
} classes[RELAY_CLASS_COUNT] = {
    [RELAY_UDP] = {"lost_udp", "meta l4proto udp"},
    [RELAY_OTHER] = {"lost_other", "meta l4proto != udp"},
};

/* UDP is counted by itself, so that every n-th datagram is every n-th datagram whatever else comes; what
 * makes the link a link passes: ARP, neighbour discovery, and the greetings of nsmon's endpoints. */
const char *impair_loss_rules(const struct topo_impairment *impairment, const char *tap,
                              char text[IMPAIR_RULES_SIZE]) {
    struct rules rules = {.text = text};
    static const char add[] = "add rule netdev nsmon impaired";
    rule(&rules, "add table netdev nsmon\n");
    for (size_t i = 0; i < RELAY_CLASS_COUNT; i++) {
        rule(&rules, "add counter netdev nsmon %s\n", classes[i].counter);
    }
    rule(&rules,
         "add chain netdev nsmon impaired { type filter hook ingress device \"%s\" priority 0; "
         "policy accept; }\n",
         tap);
    rule(&rules, "%s meta protocol != { ip, ip6 } accept\n", add);
    rule(&rules, "%s icmpv6 type 133-137 accept\n", add);
    /* Bits behind the UDP header: the payload's magic number and its flow. */
    rule(&rules, "%s udp length %d @th,64,32 0x%" PRIx32 " @th,%d,32 0x%" PRIx32 " accept\n", add,
         8 + GREETING_SIZE, GREETING_MAGIC, 64 + GREETING_FLOW_OFFSET * 8, GREETING_FLOW);
    for (size_t i = 0; i < RELAY_CLASS_COUNT; i++) {
        const char *match = classes[i].match;
        const char *counter = classes[i].counter;
        if (impairment->loss_every != 0) {
            rule(&rules, "%s %s numgen inc mod %" PRIu32 " %" PRIu32 " counter name %s drop\n", add, match,
                 impairment->loss_every, impairment->loss_every - 1, counter);
        }
        const long parts = lround(impairment->loss * CHANCE_PARTS);
        if (parts >= CHANCE_PARTS) { /* nft takes no comparison that is always true */
            rule(&rules, "%s %s counter name %s drop\n", add, match, counter);
        } else if (impairment->loss > 0.0) {
            rule(&rules, "%s %s numgen random mod %d < %ld counter name %s drop\n", add, match, CHANCE_PARTS,
                 parts, counter);
        }
    }
    return text;
}

static int find_nft(char path[LAB_PATH_SIZE], struct error *error) {
    return ovs_find_program("nft", path, NULL) == 0
               ? 0
               : error_set(error, -ENOENT,
                           "loss on purpose needs nft, which is not there: apt install nftables");
}

int impair_loss_make(const struct topo *topo, unsigned host, struct error *error) {
    char path[LAB_PATH_SIZE];
    char rules[IMPAIR_RULES_SIZE];
    const char *argv[] = {path, impair_loss_rules(&topo->impairments[host], topo->ports[host].tap, rules),
                          NULL};
    int code = find_nft(path, error);
    if (code == 0) {
        code = process_run(argv, NULL, topo->netns_fd[host], NFT_TIMEOUT_NS, NULL, 0, error);
        code = code == 0
                   ? 0
                   : error_prefix(error, code, "could not have frames dropped at %s", topo->ports[host].tap);
    }
    return code;
}

/* Takes the counters out of what nft -j says.  Returns 0 or -EBADMSG. */
static int read_counters(const char *text, struct impair_loss lost[RELAY_CLASS_COUNT]) {
    json_t *root = json_loads(text, 0, NULL);
    json_t *list = json_object_get(root, "nftables");
    size_t found = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = "";
        json_int_t packets = 0;
        json_int_t bytes = 0;
        if (json_unpack(json_array_get(list, i), "{s:{s:s, s:I, s:I}}", "counter", "name", &name, "packets",
                        &packets, "bytes", &bytes) != 0) {
            continue;
        }
        for (size_t class = 0; class < RELAY_CLASS_COUNT; class ++) {
            if (strcmp(name, classes[class].counter) == 0) {
                /* The hook sees a frame without its Ethernet header. */
                lost[class] = (struct impair_loss){packets, bytes + packets * ETHERNET_BYTES};
                found++;
            }
        }
    }
    json_decref(root);
    return found == RELAY_CLASS_COUNT ? 0 : -EBADMSG;
}

int impair_loss_read(const struct topo *topo, unsigned host, struct impair_loss lost[RELAY_CLASS_COUNT],
                     struct error *error) {
    char path[LAB_PATH_SIZE];
    char output[2048];
    const char *argv[] = {path, "-j", "list", "counters", "table", "netdev", "nsmon", NULL};
    int code = find_nft(path, error);
    code = code == 0
               ? process_run(argv, NULL, topo->netns_fd[host], NFT_TIMEOUT_NS, output, sizeof output, error)
               : code;
    if (code == 0 && read_counters(output, lost) != 0) {
        code =
            error_set(error, -EBADMSG, "could not read the count of frames dropped at %s: nft said '%.80s'",
                      topo->ports[host].tap, output);
    }
    return code;
}
