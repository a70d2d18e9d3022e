#include "traffic/client_watch.h"

#include <errno.h>
#include <linux/tcp.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/client.h"

/* A look costs about a microsecond: 16 of them hold nobody up.  Between these turns is a millisecond, or
 * less, so that all flows have had theirs within SPREAD_NS. */
#define FLOWS_A_TURN ((size_t)16)
#define GAP_NS       NS_PER_MS
#define SPREAD_NS    (64 * NS_PER_MS)
/* The last turn comes so long before the end of the second. */
#define LEAD_NS (10 * NS_PER_MS)

int client_watch_init(struct client *client) {
    const struct traffic_plan *plan = client->job->plan;
    struct client_watch *watch = &client->watch;
    *watch = (struct client_watch){.second = 1};
    for (uint32_t i = 0; i < plan->count; i++) {
        watch->count += plan->flows[i].protocol == PROTOCOL_TCP &&
                        traffic_job_has(client->job, &plan->flows[i], plan->flows[i].sport);
    }
    watch->flows = watch->count == 0 ? NULL : calloc(watch->count, sizeof *watch->flows);
    if (watch->flows == NULL) {
        return watch->count == 0 ? 0 : -ENOMEM;
    }
    size_t place = 0;
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->flows[i].protocol == PROTOCOL_TCP &&
            traffic_job_has(client->job, &plan->flows[i], plan->flows[i].sport)) {
            watch->flows[place++] = i;
        }
    }
    return 0;
}

void client_watch_free(struct client *client) {
    free(client->watch.flows);
    client->watch = (struct client_watch){0};
}

int64_t client_watch_moment(const struct client *client) {
    const struct client_watch *watch = &client->watch;
    int64_t turns = (int64_t)((watch->count + FLOWS_A_TURN - 1) / FLOWS_A_TURN);
    int64_t gap_ns = turns * GAP_NS > SPREAD_NS ? SPREAD_NS / turns : GAP_NS;
    int64_t left = turns - (int64_t)(watch->next / FLOWS_A_TURN);
    return client->start_ns + watch->second * NS_PER_S - LEAD_NS - (left - 1) * gap_ns;
}

void client_watch_look(const struct client_flow *flow) {
    struct tcp_info info = {0};
    struct traffic_tcp now;
    socklen_t size = sizeof info;
    if (getsockopt(flow->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
        return;
    }
    traffic_tcp_read(&info, size, &now);
    /* Of a connection that never was there is nothing to tell but how often it was tried. */
    if (now.rtt_ns != TRAFFIC_NONE || now.retransmitted > 0) {
        traffic_tcp_see(&flow->client->job->board->sent[flow->plan->number].tcp, &now);
    }
}

int64_t client_watch_turn(struct client *client) {
    struct client_watch *watch = &client->watch;
    for (size_t i = 0; i < FLOWS_A_TURN && watch->next < watch->count; i++) {
        const struct client_flow *flow = &client->flows[watch->flows[watch->next++]];
        if (flow->fd >= 0) {
            client_watch_look(flow);
        }
    }
    if (watch->next == watch->count) {
        /* Who was kept from it for a while goes on with the second that is. */
        int64_t passed = (clock_monotonic_ns() - client->start_ns) / NS_PER_S;
        watch->second = passed > watch->second ? passed + 1 : watch->second + 1;
        watch->next = 0;
    }
    return client_watch_moment(client);
}
