#include "traffic/remote/link.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "traffic/remote/message.h"

/* How much of what was written may go unacknowledged for so long (tcp(7), TCP_USER_TIMEOUT). */
#define USER_TIMEOUT_MS 8000

int remote_link_open(struct remote_link *link, int fd, struct error *error) {
    *link = (struct remote_link){.fd = fd, .in = malloc(REMOTE_LINE_MAX), .heard_ns = clock_monotonic_ns()};
    int one = 1;
    unsigned int timeout = USER_TIMEOUT_MS;
    int flags = fcntl(fd, F_GETFL);
    if (link->in == NULL || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        remote_link_close(link);
        return error_set(error, -ENOMEM, "no memory for a control connection");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
    return 0;
}

void remote_link_close(struct remote_link *link) {
    if (link->fd >= 0) {
        close(link->fd);
    }
    free(link->in);
    free(link->out);
    *link = (struct remote_link){.fd = -1};
}

/* Makes room for 'size' more bytes.  Returns false if there is none. */
static bool make_room(struct remote_link *link, size_t size) {
    if (link->out_sent > 0) {
        memmove(link->out, link->out + link->out_sent, link->out_size - link->out_sent);
        link->out_size -= link->out_sent;
        link->out_sent = 0;
    }
    if (link->out_size + size > REMOTE_OUT_MAX) {
        return false;
    }
    if (link->out_size + size > link->out_room) {
        size_t room = (link->out_size + size) * 2;
        char *larger = realloc(link->out, room);
        if (larger == NULL) {
            return false;
        }
        link->out = larger;
        link->out_room = room;
    }
    return true;
}

int remote_link_send(struct remote_link *link, json_t *message, struct error *error) {
    char *line = message == NULL ? NULL : json_dumps(message, JSON_COMPACT);
    json_decref(message);
    if (line == NULL) {
        return error_set(error, -ENOMEM, "no memory for a message to the other end");
    }
    size_t size = strlen(line) + 1;
    line[size - 1] = '\n';
    bool room = size <= REMOTE_LINE_MAX && make_room(link, size);
    if (room) {
        memcpy(link->out + link->out_size, line, size);
        link->out_size += size;
    }
    free(line);
    return room ? 0 : error_set(error, -ENOBUFS, "the other end does not take what it is told");
}

bool remote_link_waits(const struct remote_link *link) {
    return link->out_sent < link->out_size;
}

static int broken(struct error *error) {
    return error_set(error, -errno, "the control connection broke: %s", strerror(errno));
}

int remote_link_pump(struct remote_link *link, struct error *error) {
    while (remote_link_waits(link)) {
        ssize_t size = send(link->fd, link->out + link->out_sent, link->out_size - link->out_sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        if (size < 0) {
            return broken(error);
        }
        link->out_sent += (size_t)size;
    }
    while (!link->ended && link->in_size < REMOTE_LINE_MAX) {
        ssize_t size =
            recv(link->fd, link->in + link->in_size, REMOTE_LINE_MAX - link->in_size, MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        if (size < 0) {
            return broken(error);
        }
        link->ended = size == 0;
        link->in_size += (size_t)size;
    }
    return 0;
}

int remote_link_next(struct remote_link *link, json_t **message, struct error *error) {
    const char *end = memchr(link->in, '\n', link->in_size);
    if (end == NULL) {
        if (link->in_size == REMOTE_LINE_MAX) {
            return error_set(error, -EPROTO, "the other end sent a line of more than %zu bytes",
                             REMOTE_LINE_MAX);
        }
        return link->ended ? error_set(error, -ECONNRESET, "the other end closed the control connection") : 0;
    }
    size_t size = (size_t)(end - link->in);
    *message = remote_message_parse(link->in, size, error);
    link->in_size -= size + 1;
    memmove(link->in, end + 1, link->in_size);
    if (*message == NULL) {
        return -EPROTO;
    }
    link->heard_ns = clock_monotonic_ns();
    return 1;
}
