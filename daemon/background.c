#include "daemon/background.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_others(int keep, int keep_too) {
    int low = keep < keep_too ? keep : keep_too;
    int high = keep < keep_too ? keep_too : keep;
    unsigned int ranges[3][2] = {{STDERR_FILENO + 1, (unsigned int)low - 1},
                                 {(unsigned int)low + 1, (unsigned int)high - 1},
                                 {(unsigned int)high + 1, ~0U}};
    for (size_t i = 0; i < 3; i++) {
        if (ranges[i][0] <= ranges[i][1]) {
            close_range(ranges[i][0], ranges[i][1], 0);
        }
    }
}

int background_begin(const char *log, int keep, int keep_too) {
    close_others(keep, keep_too);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    umask(022);
    prctl(PR_SET_NAME, "nsmon-super");
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* the switch's daemons are ours to bury */
    if (chdir("/") != 0) {
        return signal_fd;
    }
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
    }
    if (log_fd >= 0) {
        dup2(log_fd, STDOUT_FILENO);
        dup2(log_fd, STDERR_FILENO);
    }
    return signal_fd;
}
