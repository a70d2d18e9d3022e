#include "daemon/link.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

int link_open(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : -errno;
}

int link_send(int fd, const struct link_message *message) {
    ssize_t sent;
    do {
        sent = send(fd, message, sizeof *message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
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
