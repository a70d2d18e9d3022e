/* UDP sockets that exports arrive at: opened where the exporter can reach them, read in batches on an event
 * loop. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "common/address.h"
#include "common/error.h"

/* One datagram as it came. */
struct listen_datagram {
    const uint8_t *bytes;
    size_t size;
    int64_t recv_ns; /* when the kernel took it in */
    struct ip_address src, dst;
    uint16_t src_port, dst_port;
};

typedef void listen_fn(const struct listen_datagram *datagram, void *context);

struct listen_counts {
    uint64_t datagrams;
    uint64_t bytes;            /* UDP payload */
    uint64_t kernel_drops;     /* SO_RXQ_OVFL: lost because the buffer was full */
    uint64_t truncated;        /* longer than any export can be */
    uint64_t buffer_bytes;     /* the real size of the receive buffer */
    struct ip_address address; /* listened on */
    uint16_t port;
};

/* Binds the UDP socket 'fd' to 'address' and 'port' (0: any free one) and asks for 'buffer_bytes' of receive
 * buffer (SO_RCVBUFFORCE where allowed), receive times and drop counts.  Returns the port, or a negative
 * errno with 'error' filled: -EADDRINUSE when somebody else listens there. */
int listen_bind(int fd, const struct ip_address *address, uint16_t port, int buffer_bytes,
                struct error *error);

struct listener;

/* Reads 'fd', which was bound by listen_bind() and now belongs to the listener, on 'base', and hands every
 * datagram to 'receive'.  Returns NULL with 'error' filled. */
struct listener *listener_create(struct event_base *base, int fd, listen_fn *receive, void *context,
                                 struct error *error);

/* Reads what is still in the socket, at most a buffer's worth. */
void listener_drain(struct listener *listener);

/* Closes the socket and frees 'listener'.  Takes NULL. */
void listener_destroy(struct listener *listener);

struct listen_counts listener_counts(const struct listener *listener);
