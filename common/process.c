#include "common/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/close_range.h>

#include "common/clock.h"

/* The child's exit status when it could not run the program; the errno follows on standard error's pipe. */
enum { EXIT_NOT_RUN = 127 };

struct sink {
    int fd;
    char *text;
    size_t size;   /* of 'text' */
    size_t length; /* written so far */
};

static void child_main(const char *const argv[], const char *const environment[], int netns_fd, int out,
                       int err) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        putenv((char *)environment[i]);
    }
    if (dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0 ||
        (netns_fd >= 0 && setns(netns_fd, CLONE_NEWNET) != 0)) {
        dprintf(err, "%s", strerror(errno));
        _exit(EXIT_NOT_RUN);
    }
    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    execvp(argv[0], (char *const *)argv);
    dprintf(STDERR_FILENO, "%s", strerror(errno));
    _exit(EXIT_NOT_RUN);
}

/* Reads what is there; closes the sink's descriptor at its end. */
static void sink_read(struct sink *sink) {
    char buffer[4096];
    ssize_t got = read(sink->fd, buffer, sizeof buffer);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }
    if (got <= 0) {
        close(sink->fd);
        sink->fd = -1;
        return;
    }
    if (sink->text != NULL && sink->length + 1 < sink->size) {
        size_t room = sink->size - 1 - sink->length;
        size_t count = (size_t)got < room ? (size_t)got : room;
        memcpy(sink->text + sink->length, buffer, count);
        sink->length += count;
        sink->text[sink->length] = '\0';
    }
}

/* Reads both sinks until the program closes them or 'deadline_ns' (monotonic) passes.  Returns 0 or
 * -ETIMEDOUT. */
static int read_until_closed(struct sink sinks[2], int64_t deadline_ns) {
    while (sinks[0].fd >= 0 || sinks[1].fd >= 0) {
        int64_t left_ns = deadline_ns - clock_monotonic_ns();
        if (left_ns <= 0) {
            return -ETIMEDOUT;
        }
        struct pollfd polls[2] = {{.fd = sinks[0].fd, .events = POLLIN},
                                  {.fd = sinks[1].fd, .events = POLLIN}};
        if (poll(polls, 2, (int)(left_ns / NS_PER_MS) + 1) > 0) {
            for (size_t i = 0; i < 2; i++) {
                if (polls[i].revents != 0) {
                    sink_read(&sinks[i]);
                }
            }
        }
    }
    return 0;
}

/* Waits for 'pid' until 'deadline_ns'.  Returns 0 with its status, or -ETIMEDOUT. */
static int wait_until(pid_t pid, int64_t deadline_ns, int *status) {
    for (;;) {
        pid_t ended = waitpid(pid, status, WNOHANG);
        if (ended == pid) {
            return 0;
        }
        if (ended < 0 && errno != EINTR) {
            return -errno;
        }
        if (clock_monotonic_ns() >= deadline_ns) {
            return -ETIMEDOUT;
        }
        clock_sleep_ns(NS_PER_MS);
    }
}

/* The line of 'text' that says why, and its 'length': the first with "Error:" (nft and tc write what it is
 * about below it), else the last that is not empty. */
static const char *telling_line(const char *text, size_t *length) {
    const char *mark = strstr(text, "Error:");
    size_t end = mark != NULL ? (size_t)(mark - text) + strcspn(mark, "\n") : strlen(text);
    while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == ' ')) {
        end--;
    }
    size_t start = end;
    while (start > 0 && text[start - 1] != '\n') {
        start--;
    }
    *length = end - start;
    return text + start;
}

static int explain(const char *const argv[], int result, int status, const char *errors,
                   struct error *error) {
    size_t length;
    const char *why = telling_line(errors, &length);
    if (result == -ETIMEDOUT) {
        return error_set(error, result, "'%s %s' did not end in time and was killed", argv[0],
                         argv[1] != NULL ? argv[1] : "");
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_RUN) {
        return error_set(error, -ENOENT, "could not run '%s': %.*s", argv[0], (int)length, why);
    }
    if (WIFSIGNALED(status)) {
        return error_set(error, -EIO, "'%s' was ended by signal %d", argv[0], WTERMSIG(status));
    }
    return error_set(error, -EIO, "'%s' failed with status %d: %.*s", argv[0], WEXITSTATUS(status),
                     (int)length, why);
}

int process_run(const char *const argv[], const char *const environment[], int netns_fd, int64_t timeout_ns,
                char *output, size_t output_size, struct error *error) {
    char errors[2048] = "";
    const struct process_output all = {output, output_size, errors, sizeof errors};
    return process_run_all(argv, environment, netns_fd, timeout_ns, &all, error);
}

int process_run_all(const char *const argv[], const char *const environment[], int netns_fd,
                    int64_t timeout_ns, const struct process_output *output, struct error *error) {
    int out[2];
    int err[2];
    if (output->text != NULL && output->text_size > 0) {
        output->text[0] = '\0';
    }
    output->errors[0] = '\0';
    if (pipe2(out, O_CLOEXEC) != 0) {
        return error_set(error, -errno, "could not make a pipe for '%s': %s", argv[0], strerror(errno));
    }
    if (pipe2(err, O_CLOEXEC) != 0) {
        int code = -errno;
        close(out[0]);
        close(out[1]);
        return error_set(error, code, "could not make a pipe for '%s': %s", argv[0], strerror(-code));
    }
    int64_t deadline_ns = clock_monotonic_ns() + timeout_ns;
    pid_t pid = fork();
    if (pid == 0) {
        child_main(argv, environment, netns_fd, out[1], err[1]);
    }
    int code = pid < 0 ? -errno : 0;
    close(out[1]);
    close(err[1]);
    struct sink sinks[2] = {{.fd = out[0], .text = output->text, .size = output->text_size},
                            {.fd = err[0], .text = output->errors, .size = output->errors_size}};
    int status = 0;
    if (code == 0) {
        code = read_until_closed(sinks, deadline_ns);
        code = code == 0 ? wait_until(pid, deadline_ns, &status) : code;
        if (code != 0) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        if (sinks[i].fd >= 0) {
            close(sinks[i].fd);
        }
    }
    if (pid < 0) {
        return error_set(error, code, "could not start '%s': %s", argv[0], strerror(-code));
    }
    if (code == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return 0;
    }
    return explain(argv, code, status, output->errors, error);
}

/* The folder belongs to the process's user.  Its files would not do: they are root's, too, when the process
 * has forbidden that it be dumped, which anybody may (proc(5), PR_SET_DUMPABLE). */
bool process_is_roots(pid_t pid) {
    char path[32];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    return stat(path, &status) == 0 && status.st_uid == 0;
}
