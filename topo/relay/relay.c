#include "topo/relay/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/privilege.h"
#include "topo/relay/loop.h"

#define START_LIMIT_MS 5000
#define END_LIMIT_NS   (2 * NS_PER_S)

struct relay relay_none(void) {
    return (struct relay){.channel = -1};
}

/* Keeps standard streams and the three descriptors, in order of their numbers; closes all else: they are the
 * caller's, and some of them tell others, by being closed, that the caller has gone. */
static void close_others(int a, int b, int c) {
    int kept[4] = {STDERR_FILENO, a, b, c};
    for (size_t i = 1; i < 4; i++) {
        for (size_t j = i; j > 1 && kept[j] < kept[j - 1]; j--) {
            int other = kept[j];
            kept[j] = kept[j - 1];
            kept[j - 1] = other;
        }
    }
    for (size_t i = 0; i < 4; i++) {
        unsigned int from = (unsigned int)kept[i] + 1;
        unsigned int to = i < 3 ? (unsigned int)kept[i + 1] - 1 : ~0U;
        if (from <= to) {
            close_range(from, to, 0);
        }
    }
}

/* A cable doesn't wait for its turn: before all that is not real-time, where that is allowed.  It sleeps
 * between frames, and the kernel keeps some time for the others in any case (sched_rt_runtime_us). */
static void be_quick(void) {
    const struct sched_param first = {.sched_priority = 1};
    if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &first) != 0) {
        (void)setpriority(PRIO_PROCESS, 0, -10);
    }
    prctl(PR_SET_TIMERSLACK, 1);
}

/* The child, up to where it needs no privilege any more. */
static int settle(int in, int out, int channel, pid_t parent, struct error *error) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    struct identity identity;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        signal(signals[i], signals[i] == SIGTERM ? SIG_DFL : SIG_IGN);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    log_set_sink(LOG_LEVEL_ERROR, NULL, NULL);
    close_others(in, out, channel);
    prctl(PR_SET_NAME, RELAY_PROCESS_NAME);
    be_quick();
    int code = privilege_find_user(&identity, error);
    code = code == 0 ? privilege_drop(&identity, error) : code;
    /* Changing the user takes this away again, so it comes last. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return code == 0 && getppid() != parent ? -ECANCELED : code;
}

static int run_child(const struct relay_settings *settings, int in, int out, int channel, pid_t parent,
                     struct relay_counts *counts) {
    struct error error = {.text = ""};
    int code = settle(in, out, channel, parent, &error);
    code = code == 0 ? relay_loop(settings, in, out, channel, counts) : code;
    if (code != 0) {
        const char *why = error.text[0] != '\0' ? error.text : strerror(-code);
        (void)send(channel, why, strlen(why), MSG_NOSIGNAL);
    }
    return code == 0 ? 0 : 1;
}

/* Goes to 'netns_fd', opens both sockets there, and comes back. */
static int open_ports(int netns_fd, const char *in, const char *out, int fds[2], struct error *error) {
    int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0 || setns(netns_fd, CLONE_NEWNET) != 0) {
        int code =
            error_set(error, -errno, "could not enter the relay's network namespace: %s", strerror(errno));
        if (own >= 0) {
            close(own);
        }
        return code;
    }
    fds[0] = relay_open_port(in, error);
    fds[1] = fds[0] >= 0 ? relay_open_port(out, error) : fds[0];
    int code = fds[1] < 0 ? fds[1] : 0;
    if (setns(own, CLONE_NEWNET) != 0) {
        code = error_set(error, -errno, "could not return to the own network namespace: %s", strerror(errno));
    }
    close(own);
    return code;
}

static void close_ports(const int fds[2]) {
    for (size_t i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

/* Waits for the child's first word. */
static int await_ready(const struct relay *relay, struct error *error) {
    char text[256] = "it ended at once";
    struct pollfd polled = {.fd = relay->channel, .events = POLLIN};
    if (poll(&polled, 1, START_LIMIT_MS) <= 0) {
        return error_set(error, -ETIMEDOUT, "the relay does not start");
    }
    ssize_t got = recv(relay->channel, text, sizeof text - 1, MSG_DONTWAIT);
    if (got == 1 && text[0] == '\0') {
        return 0;
    }
    if (got > 0) {
        text[got] = '\0';
    }
    return error_set(error, -EIO, "the relay does not start: %s", text);
}

/* Forks the child, which enters the namespace for good: whoever looks for the processes of that namespace
 * finds it. */
static int launch(struct relay *relay, const struct relay_settings *settings, int netns_fd, const int fds[2],
                  struct error *error) {
    int channel[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0) {
        return error_set(error, -errno, "could not make a channel to the relay: %s", strerror(errno));
    }
    pid_t parent = getpid();
    relay->pid = fork();
    if (relay->pid == 0) {
        _exit(setns(netns_fd, CLONE_NEWNET) != 0
                  ? 1
                  : run_child(settings, fds[0], fds[1], channel[1], parent, relay->counts));
    }
    int code = relay->pid < 0 ? -errno : 0;
    close(channel[1]);
    relay->channel = channel[0];
    if (code != 0) {
        relay->pid = 0;
        return error_set(error, code, "could not start the relay: %s", strerror(-code));
    }
    return await_ready(relay, error);
}

int relay_start(struct relay *relay, const struct relay_settings *settings, int netns_fd, const char *in,
                const char *out, struct error *error) {
    int fds[2] = {-1, -1};
    *relay = relay_none();
    void *memory =
        mmap(NULL, sizeof *relay->counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return error_set(error, -errno, "no memory for the relay's counts");
    }
    relay->counts = memory;
    int code = open_ports(netns_fd, in, out, fds, error);
    code = code == 0 ? launch(relay, settings, netns_fd, fds, error) : code;
    close_ports(fds);
    if (code != 0) {
        relay_stop(relay);
        relay_release(relay);
    }
    return code;
}

bool relay_gone(const struct relay *relay) {
    siginfo_t info = {.si_pid = 0};
    return relay->pid > 0 && waitid(P_PID, (id_t)relay->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
}

void relay_stop(struct relay *relay) {
    int64_t deadline_ns = clock_monotonic_ns() + END_LIMIT_NS;
    bool killed = false;
    if (relay->channel >= 0) {
        close(relay->channel);
        relay->channel = -1;
    }
    /* Somebody else may have buried it already: then the number is not ours any more. */
    while (relay->pid > 0 && waitpid(relay->pid, NULL, WNOHANG) == 0) {
        if (!killed && clock_monotonic_ns() > deadline_ns) {
            kill(relay->pid, SIGKILL);
            killed = true;
        }
        clock_sleep_ns(NS_PER_MS);
    }
    relay->pid = 0;
}

void relay_release(struct relay *relay) {
    if (relay->channel >= 0) {
        close(relay->channel);
    }
    if (relay->counts != NULL) {
        munmap(relay->counts, sizeof *relay->counts);
    }
    *relay = relay_none();
}
