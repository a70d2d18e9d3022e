#include "topo/inside.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "common/log.h"
#include "common/process.h"

#define HELPER_PREFIX  "nsmon-"
#define END_TIMEOUT_MS 1000

static bool same(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Reads the file 'file' of the process 'pid' into 'text'.  Returns its length, 0 if there is nothing. */
static size_t read_file(int pid, const char *file, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, size - 1) : 0;
    if (fd >= 0) {
        close(fd);
    }
    length = length > 0 ? length : 0;
    text[length] = '\0';
    return (size_t)length;
}

/* True if 'pid', called 'name', is a daemon of a private switch; then its run directory goes to 'run_dir'. */
static bool is_switch(int pid, const char *name, char run_dir[LAB_RUN_DIR_SIZE]) {
    static const char option[] = "--pidfile=";
    char arguments[4096];
    char tail[64];
    if ((strcmp(name, "ovs-vswitchd") != 0 && strcmp(name, "ovsdb-server") != 0) || !process_is_roots(pid)) {
        return false;
    }
    snprintf(tail, sizeof tail, "/ovs/%s.pid", name);
    size_t size = read_file(pid, "cmdline", arguments, sizeof arguments);
    for (const char *at = arguments; at < arguments + size; at += strlen(at) + 1) {
        size_t length = strlen(at);
        size_t rest = sizeof option - 1 + strlen(tail);
        if (strncmp(at, option, sizeof option - 1) == 0 && length > rest &&
            strcmp(at + length - strlen(tail), tail) == 0 && length - rest < LAB_RUN_DIR_SIZE) {
            snprintf(run_dir, LAB_RUN_DIR_SIZE, "%.*s", (int)(length - rest), at + sizeof option - 1);
            return true;
        }
    }
    return false;
}

/* True if 'pid' runs a program called nsmon, or this very one. */
static bool runs_nsmon(int pid) {
    char path[64];
    char program[LAB_PATH_SIZE];
    struct stat theirs;
    struct stat ours;
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    ssize_t length = readlink(path, program, sizeof program - 1);
    if (length <= 0) {
        return false;
    }
    program[length] = '\0';
    const char *slash = strrchr(program, '/');
    const char *base = slash != NULL ? slash + 1 : program;
    return strcmp(base, "nsmon") == 0 || strcmp(base, "nsmon (deleted)") == 0 ||
           (stat(path, &theirs) == 0 && stat("/proc/self/exe", &ours) == 0 && same(&theirs, &ours));
}

static void describe(int pid, struct inside_process *process) {
    *process = (struct inside_process){.pid = pid, .kind = INSIDE_FOREIGN};
    read_file(pid, "comm", process->name, sizeof process->name);
    process->name[strcspn(process->name, "\n")] = '\0';
    if (is_switch(pid, process->name, process->run_dir)) {
        process->kind = INSIDE_SWITCH;
    } else if (strncmp(process->name, HELPER_PREFIX, sizeof HELPER_PREFIX - 1) == 0 && runs_nsmon(pid)) {
        process->kind = INSIDE_HELPER;
    }
}

/* The next process that 'proc' lists, or 0 at the end. */
static int next_pid(DIR *proc) {
    struct dirent *entry = NULL;
    while ((entry = readdir(proc)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0])) {
            return (int)strtol(entry->d_name, NULL, 10);
        }
    }
    return 0;
}

static bool stat_namespace(int pid, const char *kind, struct stat *status) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, kind);
    return stat(path, status) == 0;
}

void inside_each(const struct stat *netns, inside_fn *emit, void *context) {
    DIR *proc = opendir("/proc");
    int pid;
    while (proc != NULL && (pid = next_pid(proc)) != 0) {
        struct stat status;
        struct inside_process process;
        if (stat_namespace(pid, "net", &status) && same(&status, netns)) {
            describe(pid, &process);
            emit(&process, context);
        }
    }
    if (proc != NULL) {
        closedir(proc);
    }
}

void inside_each_netns(inside_netns_fn *emit, void *context) {
    struct stat own_net;
    struct stat own_pid;
    struct stat last = {0}; /* neighbours in the list often share one */
    int self = (int)getpid();
    int pid;
    if (!stat_namespace(self, "net", &own_net) || !stat_namespace(self, "pid", &own_pid)) {
        return;
    }
    DIR *proc = opendir("/proc");
    while (proc != NULL && (pid = next_pid(proc)) != 0) {
        struct stat net;
        struct stat of_pid;
        char path[64];
        if (!stat_namespace(pid, "net", &net) || same(&net, &own_net) || same(&net, &last) ||
            !stat_namespace(pid, "pid", &of_pid) || !same(&of_pid, &own_pid)) {
            continue;
        }
        snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && fstat(fd, &net) == 0) {
            emit(fd, &net, context);
            last = net;
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    if (proc != NULL) {
        closedir(proc);
    }
}

int inside_end(const struct inside_process *process, struct error *error) {
    static const int signals[] = {SIGTERM, SIGKILL};
    struct inside_process now;
    int pidfd = pidfd_open(process->pid, 0);
    if (pidfd < 0) {
        return 0;
    }
    describe(process->pid, &now); /* the number may have gone to another */
    int code = strcmp(now.name, process->name) == 0 ? -ETIMEDOUT : 0;
    for (size_t i = 0; code != 0 && i < sizeof signals / sizeof *signals; i++) {
        struct pollfd polled = {.fd = pidfd, .events = POLLIN};
        if ((pidfd_send_signal(pidfd, signals[i], NULL, 0) != 0 && errno == ESRCH) ||
            poll(&polled, 1, END_TIMEOUT_MS) > 0) {
            code = 0;
        }
    }
    close(pidfd);
    return code == 0 ? 0
                     : error_set(error, code, "%s, process %d, does not end, not even by SIGKILL",
                                 process->name, (int)process->pid);
}

static void warn_of(const struct inside_process *process, void *context) {
    const char *name = context;
    if (process->kind == INSIDE_FOREIGN) {
        log_warning(
            "%s, process %d, is not nsmon's and goes on, cut off, in %s: that namespace lives, without "
            "a name, until it ends (kill %d)",
            process->name, (int)process->pid, name, (int)process->pid);
    }
}

void inside_warn_of_foreign(int netns_fd, const char *name) {
    struct stat netns;
    char copy[LAB_NETNS_SIZE + 16];
    snprintf(copy, sizeof copy, "%s", name[0] != '\0' ? name : "a nameless namespace");
    if (fstat(netns_fd, &netns) == 0) {
        inside_each(&netns, warn_of, copy);
    }
}
