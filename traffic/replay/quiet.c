#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/process.h"
#include "traffic/replay/internal.h"

#define NFT_NS    (10 * NS_PER_S)
#define RULE_SIZE 256

/* A table by this process's number, so that replays beside each other have their own. */
static void name_table(char name[32]) {
    snprintf(name, 32, "nsmon_replay_%ld", (long)getpid());
}

/* netfilter's hook at a link's ingress stands behind the packet sockets: libpcap has the frame when it is
 * dropped here, and IP, ARP and ICMP never do (Linux, net/core/dev.c, __netif_receive_skb_core()).  The
 * priority is behind that of losses on purpose, which count what they drop. */
static int begin(const struct replay_part *part, struct error *error) {
    char table[32];
    char rule[RULE_SIZE];
    const uint8_t *mac = part->quieted;
    name_table(table);
    snprintf(rule, sizeof rule,
             "table netdev %s { chain quiet { type filter hook ingress device \"%s\" priority 100; "
             "ether saddr %02x:%02x:%02x:%02x:%02x:%02x counter drop; }; }",
             table, part->host->tap, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    const char *argv[] = {"nft", rule, NULL};
    int code = process_run(argv, NULL, -1, NFT_NS, NULL, 0, error);
    return code == -ENOENT ? error_set(error, code,
                                       "a replay needs nft, which keeps the receiving host from answering "
                                       "its frames, and which is not there: apt install nftables")
                           : code;
}

static void end(void) {
    char table[32];
    char command[64];
    name_table(table);
    snprintf(command, sizeof command, "delete table netdev %s", table);
    const char *argv[] = {"nft", command, NULL};
    /* Where the lab is gone the table is, too. */
    process_run(argv, NULL, -1, NFT_NS, NULL, 0, NULL);
}

int replay_quiet_main(const struct traffic_job *job, struct error *error) {
    const struct replay_part *part = job->context;
    int code = part->address == NULL ? 0 : replay_look_at_tap(part->host->tap, part->address, NULL, error);
    code = code == 0 ? begin(part, error) : code;
    if (code != 0) {
        return code;
    }
    traffic_endpoint_report(job, TRAFFIC_READY, 0);
    struct traffic_message message = {0};
    int got = 0;
    while (got >= 0 && message.type != TRAFFIC_FINISH) {
        struct pollfd channel = {.fd = job->channel, .events = POLLIN};
        poll(&channel, 1, -1);
        got = traffic_endpoint_receive(job->channel, &message);
    }
    end();
    traffic_endpoint_report(job, TRAFFIC_DONE, 0);
    return 0;
}
