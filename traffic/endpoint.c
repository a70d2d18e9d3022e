#include "traffic/endpoint.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

/* Files that an endpoint has beside those of its flows. */
#define SPARE_FILES 256

int traffic_endpoint_receive(int channel, struct traffic_message *message) {
    ssize_t size = recv(channel, message, sizeof *message, MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    }
    if (size != (ssize_t)sizeof *message) {
        return -1;
    }
    message->text[sizeof message->text - 1] = '\0';
    return 1;
}

static void send_message(int channel, const struct traffic_message *message) {
    while (send(channel, message, sizeof *message, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

void traffic_endpoint_report(const struct traffic_job *job, enum traffic_message_type type, uint16_t port) {
    struct traffic_message message = {.type = type, .port = port};
    send_message(job->channel, &message);
}

/* The kernel forgets the parent-death signal when the identity changes, so it is set after that; a parent
 * that died in between shows as a closed channel. */
int traffic_endpoint_settle(const struct traffic_job *job, struct error *error) {
    int failure = job->identity == NULL ? 0 : privilege_drop(job->identity, error);
    if (failure != 0) {
        return failure;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct pollfd poll_channel = {.fd = job->channel, .events = POLLIN};
    if (poll(&poll_channel, 1, 0) == 1 && (poll_channel.revents & POLLHUP) != 0) {
        return error_set(error, -ECHILD, "the process that started this endpoint has ended");
    }
    return 0;
}

/* Leaves everything behind that belongs to the parent: its signals' handlers, log and files, but for the two
 * that are given; a 'keeper' of 0 is none. */
static void leave_parent(int channel, int keeper) {
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        signal(ignored[i], SIG_IGN);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    log_set_sink(LOG_LEVEL_ERROR, NULL, NULL);
    int low = keeper > 0 && keeper < channel ? keeper : channel;
    int high = keeper > channel ? keeper : channel;
    if (low > 3) {
        close_range(3, (unsigned int)low - 1, 0);
    }
    if (high > low + 1) {
        close_range((unsigned int)low + 1, (unsigned int)high - 1, 0);
    }
    close_range((unsigned int)high + 1, ~0U, 0);
}

/* Lets the endpoint have a socket for every flow; only root may go beyond the hard limit. */
static void raise_file_limit(size_t flows) {
    struct rlimit files;
    rlim_t wanted = (rlim_t)flows + SPARE_FILES;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return;
    }
    if (files.rlim_max < wanted) {
        struct rlimit more = {.rlim_cur = wanted, .rlim_max = wanted};
        if (setrlimit(RLIMIT_NOFILE, &more) == 0) {
            return;
        }
    }
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

static int run_child(traffic_endpoint_fn *main, const struct traffic_job *job) {
    struct error error = {.text = ""};
    int failure = 0;
    if (job->netns_fd >= 0 && setns(job->netns_fd, CLONE_NEWNET) != 0) {
        failure = error_set(&error, -errno, "could not enter the network namespace: %s; run it as root",
                            strerror(errno));
    }
    leave_parent(job->channel, job->keeper);
    raise_file_limit(job->plan->count);
    if (failure == 0) {
        failure = main(job, &error);
    }
    if (failure != 0) {
        struct traffic_message message = {.type = TRAFFIC_FAILED, .code = failure};
        snprintf(message.text, sizeof message.text, "%s", error.text);
        send_message(job->channel, &message);
    }
    return failure == 0 ? 0 : 1;
}

int traffic_endpoint_start(struct traffic_endpoint *endpoint, const char *name, traffic_endpoint_fn *main,
                           const struct traffic_job *job, struct error *error) {
    *endpoint = (struct traffic_endpoint){.name = name, .channel = -1};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return error_set(error, -errno, "could not start the traffic %s: no socket pair: %s", name,
                         strerror(errno));
    }
    pid_t pid = fork();
    if (pid < 0) {
        int failure = -errno;
        close(pair[0]);
        close(pair[1]);
        return error_set(error, failure, "could not start the traffic %s: %s", name, strerror(-failure));
    }
    if (pid == 0) {
        struct traffic_job own = *job;
        own.channel = pair[1];
        _exit(run_child(main, &own));
    }
    close(pair[1]);
    endpoint->pid = pid;
    endpoint->channel = pair[0];
    return 0;
}

void traffic_endpoint_tell(struct traffic_endpoint *endpoint, enum traffic_message_type type, int64_t ns) {
    if (endpoint->channel >= 0 && !endpoint->gone) {
        struct traffic_message message = {.type = type, .start_ns = ns};
        send_message(endpoint->channel, &message);
    }
}

void traffic_endpoint_prove(struct traffic_endpoint *endpoint, uint64_t cookie, uint16_t port) {
    if (endpoint->channel >= 0 && !endpoint->gone) {
        struct traffic_message message = {.type = TRAFFIC_PROVE, .cookie = cookie, .port = port};
        send_message(endpoint->channel, &message);
    }
}

void traffic_endpoint_listen(struct traffic_endpoint *endpoint) {
    struct traffic_message message;
    int got;
    while (!endpoint->gone && endpoint->channel >= 0 &&
           (got = traffic_endpoint_receive(endpoint->channel, &message)) != 0) {
        if (got < 0) {
            endpoint->gone = true;
        } else if (message.type == TRAFFIC_READY) {
            endpoint->ready = true;
            endpoint->port = message.port;
        } else if (message.type == TRAFFIC_DONE) {
            endpoint->done = true;
        } else if (message.type == TRAFFIC_FAILED) {
            endpoint->failure = message;
        }
    }
}

void traffic_endpoint_end(struct traffic_endpoint *endpoint, int64_t grace_ns) {
    if (endpoint->channel >= 0) {
        close(endpoint->channel);
        endpoint->channel = -1;
    }
    int64_t deadline = clock_monotonic_ns() + grace_ns;
    bool killed = false;
    while (endpoint->pid > 0) {
        struct rusage usage = {0};
        pid_t reaped = wait4(endpoint->pid, &endpoint->status, killed ? 0 : WNOHANG, &usage);
        if (reaped == endpoint->pid) {
            endpoint->cpu_ns = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * NS_PER_S +
                               (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * NS_PER_US;
            endpoint->pid = 0;
        } else if (reaped < 0 && errno != EINTR) {
            endpoint->pid = 0;
        } else if (!killed && clock_monotonic_ns() >= deadline) {
            kill(endpoint->pid, SIGKILL);
            killed = true;
        } else if (!killed) {
            clock_sleep_ns(2 * NS_PER_MS);
        }
    }
}
