/* 'nsmon recv': the other end of 'nsmon send', for many at once.  The listener takes connections and keeps
 * the limits; each test is a process of its own, which is the only one to read what its client says. */
#pragma once

#include <signal.h>

#include "common/address.h"
#include "traffic/keeper.h"
#include "traffic/remote/streams.h"
#include "traffic/traffic.h"

struct remote_limits {
    int64_t rate;        /* bits of payload a second of one test in one direction; 0: any */
    int64_t duration_ns; /* of a test */
    int64_t clients;     /* tests at the same time, 1 to REMOTE_CLIENTS_MAX */
    int64_t streams;     /* of a test in one direction */
};

#define REMOTE_CLIENTS_MAX     64
#define REMOTE_CLIENTS_DEFAULT 16

/* Where a test stands, for whoever shows it; called in the test's own process. */
struct remote_watch {
    void (*begins)(const struct ip_address *client, const struct remote_streams *streams, void *context);
    traffic_interval_fn *on_interval;
    /* 'error' is "" when nothing went wrong; 'result' holds what is known in any case. */
    void (*ends)(const struct ip_address *client, const struct traffic_result *result, const char *why,
                 const char *error, void *context);
    /* A client that did not come as far as a test. */
    void (*refuses)(const struct ip_address *client, const char *error, void *context);
    void *context;
};

struct remote_recv {
    struct ip_address bind; /* family 0: all addresses, IPv4 and IPv6 */
    uint16_t port;          /* 0: REMOTE_PORT */
    struct remote_limits limits;
    bool one; /* end after one test */
    const volatile sig_atomic_t *stop;
    struct remote_watch watch;
};

struct remote_listener;

/* Binds the sockets.  Returns 0 with '*listener', or a negative errno with 'error' filled: -EADDRINUSE, ...
 */
int remote_recv_open(const struct remote_recv *recv, struct remote_listener **listener, struct error *error);

/* Serves until recv->stop is not 0, or after one test.  Root is to be given up before; 'keeper' is 0 or a
 * keeper's.  Returns 0, or what the only test failed with and 'error' filled. */
int remote_recv_serve(struct remote_listener *listener, int keeper, struct error *error);

/* Closes the sockets and frees 'listener'.  Takes NULL. */
void remote_recv_close(struct remote_listener *listener);
