#include "collector/listen/listen.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

/* A wake-up reads at most BATCHES * BATCH datagrams, so that other sockets and timers get their turn. */
enum { BATCH = 64, BATCHES = 8, DATAGRAM_MAX = 65536, CONTROL_SIZE = 128 };

/* How many rounds listener_drain() reads at most: more than any receive buffer holds. */
enum { DRAIN_ROUNDS = 1 << 14 };

struct listener {
    int fd;
    struct event *event;
    listen_fn *receive;
    void *context;
    struct ip_address address; /* bound to */
    uint16_t port;
    struct listen_counts counts;
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    struct sockaddr_storage sources[BATCH];
    uint8_t controls[BATCH][CONTROL_SIZE] __attribute__((aligned(_Alignof(struct cmsghdr))));
    uint8_t *buffers; /* BATCH * DATAGRAM_MAX; only touched pages take memory */
};

static int set_option(int fd, int option, int value) {
    return setsockopt(fd, SOL_SOCKET, option, &value, sizeof value);
}

int listen_bind(int fd, const struct ip_address *address, uint16_t port, int buffer_bytes,
                struct error *error) {
    char text[IP_TEXT_SIZE];
    struct sockaddr_storage sockaddr;
    socklen_t length = ip_address_to_sockaddr(address, port, &sockaddr);
    if (bind(fd, (struct sockaddr *)&sockaddr, length) != 0) {
        int code = -errno;
        ip_address_format(address, text);
        if (code == -EADDRINUSE) {
            return error_set(
                error, code,
                "could not listen on udp/%s:%u: somebody else does; stop that, or choose another port", text,
                port);
        }
        return error_set(error, code, "could not listen on udp/%s:%u: %s", text, port, strerror(-code));
    }
    if (set_option(fd, SO_RCVBUFFORCE, buffer_bytes) != 0) {
        set_option(fd, SO_RCVBUF, buffer_bytes);
    }
    if (set_option(fd, SO_RXQ_OVFL, 1) != 0 || set_option(fd, SO_TIMESTAMPNS, 1) != 0) {
        return error_set(error, -errno, "could not set up the socket of udp port %u: %s", port,
                         strerror(errno));
    }
    length = sizeof sockaddr;
    if (getsockname(fd, (struct sockaddr *)&sockaddr, &length) != 0) {
        return error_set(error, -errno, "could not read the port of a socket: %s", strerror(errno));
    }
    struct ip_address bound;
    ip_address_from_sockaddr(&sockaddr, &bound, &port);
    return port;
}

/* Takes the receive time and the drop count out of a message's control data. */
static int64_t read_control(struct listener *listener, struct msghdr *message) {
    int64_t recv_ns = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET) {
            continue;
        }
        if (c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
            recv_ns = clock_from_timespec(stamp);
        } else if (c->cmsg_type == SO_RXQ_OVFL) {
            uint32_t drops;
            memcpy(&drops, CMSG_DATA(c), sizeof drops);
            /* 32 bits and wrapping: carry on from what is known. */
            listener->counts.kernel_drops += drops - (uint32_t)listener->counts.kernel_drops;
        }
    }
    return recv_ns != 0 ? recv_ns : clock_real_ns();
}

static void take(struct listener *listener, size_t i) {
    struct mmsghdr *message = &listener->messages[i];
    struct listen_datagram datagram = {
        .bytes = listener->vectors[i].iov_base,
        .size = message->msg_len,
        .recv_ns = read_control(listener, &message->msg_hdr),
        .dst = listener->address,
        .dst_port = listener->port,
    };
    ip_address_from_sockaddr(&listener->sources[i], &datagram.src, &datagram.src_port);
    if (datagram.src.family != datagram.dst.family) { /* a socket of IPv6 that takes IPv4 as well */
        datagram.dst = (struct ip_address){.family = datagram.src.family};
    }
    listener->counts.datagrams++;
    listener->counts.bytes += datagram.size;
    if ((message->msg_hdr.msg_flags & MSG_TRUNC) != 0) {
        listener->counts.truncated++;
        return;
    }
    listener->receive(&datagram, listener->context);
}

/* Reads one batch.  Returns how many datagrams that was. */
static int read_batch(struct listener *listener) {
    for (size_t i = 0; i < BATCH; i++) {
        listener->messages[i].msg_hdr.msg_namelen = sizeof listener->sources[i];
        listener->messages[i].msg_hdr.msg_controllen = CONTROL_SIZE;
    }
    int count = recvmmsg(listener->fd, listener->messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        take(listener, (size_t)i);
    }
    return count;
}

static void on_readable(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct listener *listener = context;
    for (int i = 0; i < BATCHES && read_batch(listener) == BATCH; i++) {
    }
}

void listener_drain(struct listener *listener) {
    for (int i = 0; i < DRAIN_ROUNDS && read_batch(listener) > 0; i++) {
    }
}

static void prepare_messages(struct listener *listener) {
    for (size_t i = 0; i < BATCH; i++) {
        listener->vectors[i] =
            (struct iovec){.iov_base = listener->buffers + i * DATAGRAM_MAX, .iov_len = DATAGRAM_MAX};
        listener->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &listener->sources[i],
            .msg_iov = &listener->vectors[i],
            .msg_iovlen = 1,
            .msg_control = listener->controls[i],
        };
    }
}

struct listener *listener_create(struct event_base *base, int fd, listen_fn *receive, void *context,
                                 struct error *error) {
    struct listener *listener = calloc(1, sizeof *listener);
    uint8_t *buffers = malloc((size_t)BATCH * DATAGRAM_MAX);
    if (listener == NULL || buffers == NULL) {
        error_set(error, -ENOMEM, "could not listen: out of memory");
        free(listener);
        free(buffers);
        close(fd);
        return NULL;
    }
    listener->fd = fd;
    listener->receive = receive;
    listener->context = context;
    listener->buffers = buffers;
    prepare_messages(listener);
    struct sockaddr_storage sockaddr = {0};
    socklen_t length = sizeof sockaddr;
    getsockname(fd, (struct sockaddr *)&sockaddr, &length);
    ip_address_from_sockaddr(&sockaddr, &listener->address, &listener->port);
    int buffer = 0;
    length = sizeof buffer;
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, &length);
    listener->counts.buffer_bytes = (uint64_t)buffer;
    listener->counts.address = listener->address;
    listener->counts.port = listener->port;
    listener->event = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, listener);
    if (listener->event == NULL || event_add(listener->event, NULL) != 0) {
        error_set(error, -ENOMEM, "could not listen on udp port %u: the event loop refused", listener->port);
        listener_destroy(listener);
        return NULL;
    }
    return listener;
}

void listener_destroy(struct listener *listener) {
    if (listener != NULL) {
        if (listener->event != NULL) {
            event_free(listener->event);
        }
        close(listener->fd);
        free(listener->buffers);
        free(listener);
    }
}

/* SO_RXQ_OVFL tells of drops with the next datagram that gets through; SO_MEMINFO tells at once. */
struct listen_counts listener_counts(const struct listener *listener) {
    struct listen_counts counts = listener->counts;
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof memory;
    if (getsockopt(listener->fd, SOL_SOCKET, SO_MEMINFO, memory, &length) == 0) {
        counts.kernel_drops += memory[SK_MEMINFO_DROPS] - (uint32_t)counts.kernel_drops;
    }
    return counts;
}
