/* The control connection: messages in and out of a TCP socket that never blocks, in bounded memory. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* What may wait for the other end to take it. */
#define REMOTE_OUT_MAX ((size_t)8 << 20)

struct remote_link {
    int fd; /* -1: none */
    char *in;
    size_t in_size;
    char *out;
    size_t out_size, out_sent, out_room;
    int64_t heard_ns; /* monotonic: the last whole message; bytes alone don't count */
    bool ended;       /* the other end has closed it */
};

/* Takes over the connected socket 'fd', also when it fails: then it is closed.  Returns 0 or a negative errno
 * with 'error' filled. */
int remote_link_open(struct remote_link *link, int fd, struct error *error);

/* Closes the socket and frees what 'link' holds.  Takes one that was closed. */
void remote_link_close(struct remote_link *link);

/* Puts 'message', which it takes over (NULL is -ENOMEM), behind what waits.  Returns 0, or a negative errno
 * with 'error' filled: -ENOBUFS when the other end takes nothing. */
int remote_link_send(struct remote_link *link, json_t *message, struct error *error);

/* True if something waits to be written. */
bool remote_link_waits(const struct remote_link *link);

/* Writes and reads as much as goes at once.  Returns 0, or a negative errno with 'error' filled when the
 * connection broke; that the other end closed it is told by remote_link_next(). */
int remote_link_pump(struct remote_link *link, struct error *error);

/* Takes the next message.  Returns 1 with '*message', which is to be released, 0 if there is none yet, or a
 * negative errno with 'error' filled: -EPROTO for what is no message, -ECONNRESET at the end. */
int remote_link_next(struct remote_link *link, json_t **message, struct error *error);
