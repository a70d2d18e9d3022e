#include "daemon/keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static sigset_t kept_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    return signals;
}

pid_t keeper_fork(struct error *error) {
    sigset_t signals = kept_signals();
    sigset_t old;
    sigprocmask(SIG_BLOCK, &signals, &old);
    pid_t child = fork();
    int code = -errno;
    if (child <= 0) {
        sigprocmask(SIG_SETMASK, &old, NULL);
    }
    return child >= 0
               ? child
               : error_set(error, code, "could not start the unprivileged process: %s", strerror(-code));
}

int keeper_wait(pid_t child) {
    sigset_t signals = kept_signals();
    int status = 0;
    for (;;) {
        int number = sigwaitinfo(&signals, NULL);
        if (number == SIGCHLD && waitpid(child, &status, WNOHANG) == child) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
        }
        if (number > 0 && number != SIGCHLD) {
            kill(child, number);
        }
    }
}

void keeper_watch(pid_t keeper) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != keeper) {
        raise(SIGTERM); /* it died before we asked */
    }
}
