/* Large receive buffers for processes that have given up root: a process that keeps the one capability for
 * it, runs as somebody else than root otherwise, and does nothing but set one size at sockets that are handed
 * to it (SO_RCVBUFFORCE, socket(7)). */
#pragma once

#include <sys/types.h>

#include "common/error.h"
#include "common/privilege.h"

/* Of each such socket, bytes. */
#define TRAFFIC_KEEPER_BUFFER (8 * 1024 * 1024)

struct traffic_keeper {
    pid_t pid; /* 0: none */
    int ask;   /* for traffic_keeper_ask(), by any number of processes; 0: none */
};

/* Starts a keeper that becomes 'identity' and ends when all who could ask it have.  For a process that is not
 * root there is none, and that is no failure.  Returns 0 or a negative errno with 'error' filled. */
int traffic_keeper_start(struct traffic_keeper *keeper, const struct identity *identity, struct error *error);

/* Asks 'keeper' (its 'ask'; 0 does nothing) for a large buffer at the UDP socket 'fd': it has it soon. */
void traffic_keeper_ask(int keeper, int fd);

/* Ends the keeper.  Takes one that is zero. */
void traffic_keeper_end(struct traffic_keeper *keeper);
