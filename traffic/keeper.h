/* Large receive buffers, and launch times by CLOCK_TAI, for processes that have given up root: a process that
 * keeps the one capability for both, runs as somebody else than root otherwise, and does nothing but set one
 * size, or one clock, at sockets that are handed to it (SO_RCVBUFFORCE, SO_TXTIME, socket(7)). */
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

/* Asks it to let the UDP socket 'fd' take launch times by CLOCK_TAI, and waits until it does.  Returns 0 or
 * -EPERM. */
int traffic_keeper_ask_launch(int keeper, int fd);

/* Ends the keeper.  Takes one that is zero. */
void traffic_keeper_end(struct traffic_keeper *keeper);
