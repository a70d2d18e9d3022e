#include "traffic/keeper.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

/* So long, and so often, it is looked whether a wish has been fulfilled. */
#define LOOK_NS (50 * NS_PER_US)
#define LOOKS   2000

union control {
    struct cmsghdr head; /* for its alignment */
    char bytes[CMSG_SPACE(sizeof(int))];
};

/* What is asked for the socket that comes with it. */
enum wish { BUFFER, LAUNCH_TIMES };

static void ask(int keeper, int fd, enum wish wish) {
    char byte = (char)wish;
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    union control control;
    memset(&control, 0, sizeof control);
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    (void)sendmsg(keeper, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void traffic_keeper_ask(int keeper, int fd) {
    if (keeper > 0) {
        ask(keeper, fd, BUFFER);
    }
}

int traffic_keeper_ask_launch(int keeper, int fd) {
    struct sock_txtime txtime = {0};
    socklen_t size = sizeof txtime;
    if (keeper <= 0) {
        return -EPERM;
    }
    ask(keeper, fd, LAUNCH_TIMES);
    /* There is no answer but at the socket: several ask the same keeper. */
    for (int i = 0; i < LOOKS; i++) {
        if (getsockopt(fd, SOL_SOCKET, SO_TXTIME, &txtime, &size) == 0 && txtime.clockid == CLOCK_TAI) {
            return 0;
        }
        clock_sleep_ns(LOOK_NS);
    }
    return -EPERM;
}

/* Takes one socket, and what is wished for it.  Returns it, -1 for none, or -2 at the end. */
static int take(int fd, char *wish) {
    struct iovec vector = {.iov_base = wish, .iov_len = 1};
    union control control;
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (size <= 0) {
        return size < 0 && errno == EINTR ? -1 : -2;
    }
    const struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    if (part == NULL || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS ||
        part->cmsg_len != CMSG_LEN(sizeof(int))) {
        return -1;
    }
    int taken;
    memcpy(&taken, CMSG_DATA(part), sizeof taken);
    return taken;
}

static void serve(int fd) {
    static const int buffer = TRAFFIC_KEEPER_BUFFER;
    static const struct sock_txtime txtime = {.clockid = CLOCK_TAI};
    int taken;
    char wish = BUFFER;
    while ((taken = take(fd, &wish)) != -2) {
        int protocol = 0;
        socklen_t size = sizeof protocol;
        bool udp = taken >= 0 && getsockopt(taken, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
                   protocol == IPPROTO_UDP;
        if (udp && wish == BUFFER) {
            (void)setsockopt(taken, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
        } else if (udp && wish == LAUNCH_TIMES) {
            (void)setsockopt(taken, SOL_SOCKET, SO_TXTIME, &txtime, sizeof txtime);
        }
        if (taken >= 0) {
            close(taken);
        }
    }
}

/* Becomes 'identity' with CAP_NET_ADMIN and nothing else.  Returns 0 or -1. */
static int settle(const struct identity *identity) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = 1U << CAP_NET_ADMIN, .permitted = 1U << CAP_NET_ADMIN}, {0}};
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setgroups(0, NULL) != 0 ||
        setresgid(identity->gid, identity->gid, identity->gid) != 0 ||
        setresuid(identity->uid, identity->uid, identity->uid) != 0 ||
        syscall(SYS_capset, &header, data) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return -1;
    }
    prctl(PR_SET_DUMPABLE, 0);
    return 0;
}

int traffic_keeper_start(struct traffic_keeper *keeper, const struct identity *identity,
                         struct error *error) {
    *keeper = (struct traffic_keeper){0};
    int pair[2];
    if (geteuid() != 0) {
        return 0;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return error_set(error, -errno, "could not start the keeper of a capability: %s", strerror(errno));
    }
    keeper->pid = fork();
    if (keeper->pid == 0) {
        for (int number = SIGHUP; number <= SIGTERM; number++) {
            signal(number, SIG_IGN);
        }
        if (pair[0] > 3) {
            close_range(3, (unsigned int)pair[0] - 1, 0);
        }
        close_range((unsigned int)pair[0] + 1, ~0U, 0);
        if (settle(identity) == 0) {
            serve(pair[0]);
        }
        _exit(0);
    }
    int failure = keeper->pid < 0 ? -errno : 0;
    close(pair[0]);
    if (failure != 0) {
        close(pair[1]);
        keeper->pid = 0;
        return error_set(error, failure, "could not start the keeper of a capability: %s",
                         strerror(-failure));
    }
    keeper->ask = pair[1];
    return 0;
}

void traffic_keeper_end(struct traffic_keeper *keeper) {
    if (keeper->ask > 0) {
        close(keeper->ask);
    }
    if (keeper->pid > 0) {
        kill(keeper->pid, SIGKILL);
        while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    *keeper = (struct traffic_keeper){0};
}
