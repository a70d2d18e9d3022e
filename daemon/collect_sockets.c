#include "daemon/collect_sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"

static const struct ip_address any4 = {.family = 4};
static const struct ip_address any6 = {.family = 6};

static int open_family(const struct ip_address *address, uint16_t port, bool both, struct error *error) {
    int family = address->family == 6 ? AF_INET6 : AF_INET;
    int only6 = both ? 0 : 1;
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return error_set(error, -errno, "could not open a UDP socket: %s", strerror(errno));
    }
    if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof only6) != 0) {
        int code = -errno;
        close(fd);
        return error_set(error, code, "could not set up an IPv6 socket: %s", strerror(-code));
    }
    int bound = listen_bind(fd, address, port, INTAKE_BUFFER_BYTES, error);
    if (bound < 0) {
        close(fd);
        return bound;
    }
    return fd;
}

int collect_socket_open(const struct collect_listen *listen, struct error *error) {
    if (listen->address.family != 0) {
        return open_family(&listen->address, listen->port, false, error);
    }
    int fd = open_family(&any6, listen->port, true, error);
    /* Where there is no IPv6 a socket of IPv4 is all that there can be. */
    return fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL ? open_family(&any4, listen->port, false, error) : fd;
}

static bool same_listen(const struct collect_listen *a, const struct collect_listen *b) {
    return a->port == b->port && ip_address_equal(&a->address, &b->address);
}

static bool is_among(const struct collect_listen *wanted, const struct collect_listen *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (same_listen(wanted, &list[i])) {
            return true;
        }
    }
    return false;
}

/* A new socket can want a port that an old one still has: the old ones go first. */
size_t collect_sockets_change(struct collect_sockets *sockets, struct intake *intake,
                              const struct collect_settings *settings) {
    size_t failed = 0;
    for (size_t i = intake->listener_count; i-- > 0;) {
        if (!is_among(&sockets->asked[i], settings->listen, settings->listen_count)) {
            intake_unlisten(intake, i);
            sockets->asked[i] = sockets->asked[intake->listener_count];
        }
    }
    for (size_t i = 0; i < settings->listen_count; i++) {
        if (is_among(&settings->listen[i], sockets->asked, intake->listener_count)) {
            continue;
        }
        struct error error = {0};
        int fd = collect_socket_open(&settings->listen[i], &error);
        if (fd >= 0 && intake_listen(intake, fd, &error) == 0) {
            sockets->asked[intake->listener_count - 1] = settings->listen[i];
        } else {
            log_error("%s", error.text);
            failed++;
        }
    }
    return failed;
}
