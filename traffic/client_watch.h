/* Looking at TCP flows while they run: TCP_INFO, once a second. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct client;
struct client_flow;

/* The TCP flows of a thread, and where it stands with looking at them. */
struct client_watch {
    uint32_t *flows; /* 'count' numbers */
    size_t count;
    size_t next;    /* the place of the flow that is looked at next */
    int64_t second; /* of the run: at whose end */
};

/* Finds the TCP flows of 'client'.  Returns 0 or -ENOMEM. */
int client_watch_init(struct client *client);
void client_watch_free(struct client *client);

/* The moment of the next turn, monotonic; there is to be a flow. */
int64_t client_watch_moment(const struct client *client);

/* Looks at some flows, so few that others need not wait long, and returns the moment of the next turn.  A
 * second's looks are over shortly before its end, when it is summed up. */
int64_t client_watch_turn(struct client *client);

/* Reads what the kernel says of 'flow', which has a socket, onto the board. */
void client_watch_look(const struct client_flow *flow);
