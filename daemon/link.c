#include "daemon/link.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

/* Whoever does not read for so long is stuck. */
enum { LINK_SEND_LIMIT_S = 5 };

int link_open(int ends[2]) {
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return -errno;
    }
    struct timeval limit = {.tv_sec = LINK_SEND_LIMIT_S};
    setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return 0;
}

static int send_message(int fd, const struct link_message *message, int flags) {
    ssize_t sent;
    do {
        sent = send(fd, message, sizeof *message, MSG_NOSIGNAL | flags);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int link_send(int fd, const struct link_message *message) {
    return send_message(fd, message, 0);
}

int link_offer(int fd, const struct link_message *message) {
    return send_message(fd, message, MSG_DONTWAIT);
}

int link_receive(int fd, struct link_message *message, int timeout_ms) {
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    int ready;
    do {
        ready = poll(&readable, 1, timeout_ms);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) {
        return ready == 0 ? -ETIMEDOUT : -errno;
    }
    ssize_t got = recv(fd, message, sizeof *message, MSG_DONTWAIT);
    if (got < 0) {
        return errno == EAGAIN ? -ETIMEDOUT : errno == ECONNRESET ? -EPIPE : -errno;
    }
    if (got == 0) {
        return -EPIPE;
    }
    message->text[sizeof message->text - 1] = '\0';
    return (size_t)got == sizeof *message && message->kind >= LINK_READY && message->kind <= LINK_FINISHED
               ? 0
               : -EBADMSG;
}
