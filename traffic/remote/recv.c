#include "traffic/remote/recv.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "traffic/remote/message.h"
#include "traffic/remote/respond.h"

#define BACKLOG 128
/* How often 'stop' and the children are looked at. */
#define LOOK_MS 50
/* Connections that have not agreed on a test yet, in all and from one address: whoever opens thousands keeps
 * nobody else out. */
#define KNOCKING_MAX         32
#define KNOCKING_ONE_ADDRESS 16
#define SLOTS                (REMOTE_CLIENTS_MAX + KNOCKING_MAX)
/* Connections taken in one after the other before the children are looked at. */
#define ACCEPTS_A_TURN 64
/* How long tests may take to end well when the server is stopped. */
#define STOP_NS (6 * NS_PER_S)

struct child {
    pid_t pid; /* 0: none */
    struct ip_address client;
};

struct remote_listener {
    const struct remote_recv *recv;
    int fds[2]; /* -1: none */
    struct child children[SLOTS];
    struct remote_slot *slots; /* SLOTS of them, shared with the children */
    bool tested;               /* a test has come to its end */
    int status;                /* of the last one */
};

/* Opens a listening socket of 'address'.  Returns a descriptor or a negative errno. */
static int open_socket(const struct ip_address *address, uint16_t port) {
    struct sockaddr_storage name;
    int one = 1;
    socklen_t size = ip_address_to_sockaddr(address, port, &name);
    int fd = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        (address->family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0) ||
        bind(fd, (const struct sockaddr *)&name, size) != 0 || listen(fd, BACKLOG) != 0) {
        int code = -errno;
        close(fd);
        return code;
    }
    return fd;
}

int remote_recv_open(const struct remote_recv *recv, struct remote_listener **listener, struct error *error) {
    struct remote_listener *opened = calloc(1, sizeof *opened);
    uint16_t port = recv->port == 0 ? REMOTE_PORT : recv->port;
    if (opened == NULL) {
        return error_set(error, -ENOMEM, "no memory for the server");
    }
    *opened = (struct remote_listener){.recv = recv, .fds = {-1, -1}};
    opened->slots =
        mmap(NULL, SLOTS * sizeof *opened->slots, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int code = opened->slots == MAP_FAILED ? -ENOMEM : 0;
    for (size_t i = 0; i < 2 && code == 0; i++) {
        const struct ip_address any = {.family = i == 0 ? 4 : 6};
        bool wanted = recv->bind.family == 0 || recv->bind.family == any.family;
        int fd = !wanted ? -1 : open_socket(recv->bind.family == 0 ? &any : &recv->bind, port);
        /* A machine without IPv6 is none of our business. */
        bool lacking = wanted && fd == -EAFNOSUPPORT && i == 1 && recv->bind.family == 0;
        code = !wanted || lacking ? 0 : fd < 0 ? fd : 0;
        opened->fds[i] = fd < 0 ? -1 : fd;
    }
    if (code != 0) {
        char text[IP_TEXT_SIZE];
        remote_recv_close(opened);
        return error_set(error, code,
                         "could not listen on %s, TCP port %u: %s; give another with --port or --bind",
                         recv->bind.family == 0 ? "all addresses" : ip_address_format(&recv->bind, text),
                         port, strerror(-code));
    }
    *listener = opened;
    return 0;
}

void remote_recv_close(struct remote_listener *listener) {
    if (listener == NULL) {
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        if (listener->fds[i] >= 0) {
            close(listener->fds[i]);
        }
    }
    if (listener->slots != NULL && listener->slots != MAP_FAILED) {
        munmap(listener->slots, SLOTS * sizeof *listener->slots);
    }
    free(listener);
}

/* Says why to a client that is not even listened to, and closes. */
static void turn_away(int fd, const char *why) {
    char line[160];
    int size = snprintf(line, sizeof line, "{\"type\":\"error\",\"text\":\"%s\"}\n", why);
    (void)send(fd, line, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
}

/* A place for one more connection from 'client', or SLOTS when too many have it. */
static size_t find_slot(const struct remote_listener *listener, const struct ip_address *client) {
    size_t unused = SLOTS, knocking = 0, same = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        bool used = listener->children[i].pid != 0;
        if (!used) {
            unused = i;
        } else if (atomic_load(&listener->slots[i].state) == REMOTE_SLOT_KNOCKING) {
            knocking++;
            same += ip_address_equal(&listener->children[i].client, client);
        }
    }
    return knocking >= KNOCKING_MAX || same >= KNOCKING_ONE_ADDRESS ? SLOTS : unused;
}

/* Gives the connection 'fd' a process of its own. */
static void take_in(struct remote_listener *listener, int fd, const struct ip_address *client, int keeper) {
    size_t slot = find_slot(listener, client);
    if (slot == SLOTS) {
        turn_away(fd, "too many connections wait to be served: try later");
        return;
    }
    atomic_store(&listener->slots[slot].state, REMOTE_SLOT_KNOCKING);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        /* A test ends well when the server is gone. */
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent) {
            _exit(1);
        }
        close(listener->fds[0]);
        close(listener->fds[1]);
        int code = remote_respond(listener->recv, fd, keeper, listener->slots, SLOTS, slot);
        fflush(NULL);
        _exit(code == 0 ? 0 : 1);
    }
    if (pid < 0) {
        turn_away(fd, "the server has no process left");
        atomic_store(&listener->slots[slot].state, REMOTE_SLOT_FREE);
        return;
    }
    close(fd);
    listener->children[slot] = (struct child){.pid = pid, .client = *client};
}

static void accept_waiting(struct remote_listener *listener, int fd, int keeper) {
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage name = {0};
        socklen_t size = sizeof name;
        struct ip_address client;
        uint16_t port;
        int accepted = accept4(fd, (struct sockaddr *)&name, &size, SOCK_CLOEXEC);
        if (accepted < 0) {
            return;
        }
        ip_address_from_sockaddr(&name, &client, &port);
        take_in(listener, accepted, &client, keeper);
    }
}

/* Takes back the places of the children that have ended.  Returns how many live. */
static size_t reap(struct remote_listener *listener) {
    size_t living = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        struct child *child = &listener->children[i];
        int status;
        if (child->pid == 0) {
            continue;
        }
        if (waitpid(child->pid, &status, WNOHANG) == 0) {
            living++;
            continue;
        }
        if (atomic_load(&listener->slots[i].state) == REMOTE_SLOT_TESTING) {
            listener->tested = true;
            listener->status = status;
        }
        child->pid = 0;
        atomic_store(&listener->slots[i].state, REMOTE_SLOT_FREE);
    }
    return living;
}

static void end_children(struct remote_listener *listener, int signal) {
    for (size_t i = 0; i < SLOTS; i++) {
        if (listener->children[i].pid != 0) {
            kill(listener->children[i].pid, signal);
        }
    }
}

int remote_recv_serve(struct remote_listener *listener, int keeper, struct error *error) {
    const struct remote_recv *recv = listener->recv;
    while (*recv->stop == 0 && !(recv->one && listener->tested)) {
        struct pollfd ends[2] = {{.fd = listener->fds[0], .events = POLLIN},
                                 {.fd = listener->fds[1], .events = POLLIN}};
        poll(ends, 2, LOOK_MS);
        reap(listener);
        for (size_t i = 0; i < 2; i++) {
            if ((ends[i].revents & POLLIN) != 0) {
                accept_waiting(listener, listener->fds[i], keeper);
            }
        }
    }
    end_children(listener, SIGTERM);
    int64_t deadline = clock_monotonic_ns() + STOP_NS;
    while (reap(listener) > 0) {
        if (clock_monotonic_ns() > deadline) {
            end_children(listener, SIGKILL);
        }
        clock_sleep_ns(LOOK_MS * NS_PER_MS / 5);
    }
    if (recv->one && listener->tested && listener->status != 0) {
        return error_set(error, -EIO, "the test did not come to its end");
    }
    return 0;
}
