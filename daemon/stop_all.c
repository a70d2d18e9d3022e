/* nsmon stop --all: every lab, those that run and what is left of the others. */
#include "daemon/lab.h"

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
#include "daemon/run_dir.h"
#include "topo/attach/attach.h"
#include "topo/sweep.h"

/* A supervisor may still flush caches and write. */
enum { SUPERVISOR_END_MS = 60000, TAGS_MAX = 32 };

struct stopping {
    lab_progress_fn *progress;
    void *context;
    struct lab_stopped *stopped;
    int first; /* failure */
    struct error *error;
    /* What was found out of sessions whose tags were found. */
    struct {
        char tag[64];
        bool lives;
    } known[TAGS_MAX];
    size_t known_count;
};

static void failed(struct stopping *stopping, int code, const struct error *why) {
    if (stopping->first == 0) {
        stopping->first = error_set(stopping->error, code, "%s", why->text);
    } else {
        log_warning("%s", why->text); /* only one can be the error */
    }
}

/* --- the labs that have a run directory --- */

/* The prefix of the lab whose run directory is called 'folder' ("default" for none).  Returns false if that
 * is no lab's. */
static bool prefix_of(const char *folder, char prefix[TOPO_PREFIX_SIZE]) {
    size_t length = strlen(folder);
    if (strcmp(folder, "default") == 0) {
        prefix[0] = '\0';
        return true;
    }
    for (size_t i = 0; i < length; i++) {
        if (!islower((unsigned char)folder[i]) && !isdigit((unsigned char)folder[i])) {
            return false;
        }
    }
    snprintf(prefix, TOPO_PREFIX_SIZE, "%s", folder);
    return length > 0 && length < TOPO_PREFIX_SIZE;
}

/* Calls 'function' for the prefix of every lab that has, or had, something in the folder of run directories.
 */
static void each_prefix(struct stopping *stopping, void (*function)(struct stopping *, const char *prefix)) {
    struct run_dir any = run_dir_of("");
    DIR *root = opendir(any.root);
    struct dirent *entry = NULL;
    while (root != NULL && (entry = readdir(root)) != NULL) {
        char name[TOPO_PREFIX_SIZE + 16];
        char prefix[TOPO_PREFIX_SIZE];
        size_t length = strcspn(entry->d_name, "."); /* its lock is called x.lock */
        if (length < sizeof name && entry->d_name[0] != '.') {
            snprintf(name, sizeof name, "%.*s", (int)length, entry->d_name);
            if (prefix_of(name, prefix)) {
                function(stopping, prefix);
            }
        }
    }
    if (root != NULL) {
        closedir(root);
    }
}

static void stop_one(struct stopping *stopping, const char *prefix) {
    struct run_dir dir = run_dir_of(prefix);
    struct error why = {.text = ""};
    char text[64];
    if (access(dir.path, F_OK) != 0) {
        return; /* a lock that is held for a moment, or was forgotten */
    }
    snprintf(text, sizeof text, "stopping the lab %s", prefix[0] != '\0' ? prefix : "without a prefix");
    stopping->progress(text, false, stopping->context);
    int code = lab_stop(prefix, stopping->progress, stopping->context, &why);
    if (code == 0) {
        stopping->stopped->labs++;
    } else if (code != -ENOENT) {
        failed(stopping, code, &why);
    }
}

/* Removes the run directory of 'prefix', unless its lab lives. */
static void clear_one(struct stopping *stopping, const char *prefix) {
    struct run_dir dir = run_dir_of(prefix);
    struct error why = {.text = ""};
    int lock_fd = run_dir_lock(&dir, &why);
    if (lock_fd < 0) {
        if (lock_fd != -EALREADY) {
            failed(stopping, lock_fd, &why);
        }
        return;
    }
    bool recorded = topo_recorded(dir.path) || attach_recorded(dir.path);
    int code = recorded ? 0 : sweep_run_dir(dir.path, &why);
    if (code != 0) {
        failed(stopping, code, &why);
    } else if (!recorded) {
        run_dir_remove(&dir);
    }
    close(lock_fd);
}

/* --- what has lost its run directory --- */

/* The supervisor of the session 'tag', whose number the tag ends with, or 0 if it does not live. */
static pid_t supervisor_of(const char *tag) {
    const char *dash = strrchr(tag, '-');
    char *end = NULL;
    long pid = dash != NULL ? strtol(dash + 1, &end, 16) : 0;
    char path[64];
    char name[32] = "";
    if (pid <= 1 || *end != '\0') {
        return 0;
    }
    snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && process_is_roots((pid_t)pid) && read(fd, name, sizeof name - 1) > 0;
    if (fd >= 0) {
        close(fd);
    }
    return good && strcmp(name, "nsmon-super\n") == 0 ? (pid_t)pid : 0;
}

/* Asks the supervisor 'pid' of 'tag', which can't be reached any more, to end its lab in order.  Returns
 * false if it did not. */
static bool end_supervisor(struct stopping *stopping, const char *tag, pid_t pid) {
    char text[96];
    int pidfd = pidfd_open(pid, 0);
    struct pollfd polled = {.fd = pidfd, .events = POLLIN};
    bool ended = pidfd < 0;
    if (!ended && supervisor_of(tag) == pid) {
        snprintf(text, sizeof text, "stopping the lab of process %d, whose run directory is gone", (int)pid);
        stopping->progress(text, false, stopping->context);
        ended = pidfd_send_signal(pidfd, SIGTERM, NULL, 0) == 0 && poll(&polled, 1, SUPERVISOR_END_MS) > 0;
        stopping->stopped->labs += ended ? 1 : 0;
    }
    if (pidfd >= 0) {
        close(pidfd);
    }
    return ended;
}

/* A sweep_spare_fn: true for a lab that lives and can't be ended. */
static bool lives(const char *tag, void *context) {
    struct stopping *stopping = context;
    for (size_t i = 0; i < stopping->known_count; i++) {
        if (strcmp(stopping->known[i].tag, tag) == 0) {
            return stopping->known[i].lives;
        }
    }
    pid_t pid = supervisor_of(tag);
    bool alive = pid > 0 && !end_supervisor(stopping, tag, pid);
    if (alive) {
        struct error why;
        error_set(&why, -EBUSY, "the lab of process %d does not end: left alone, try again", (int)pid);
        failed(stopping, -EBUSY, &why);
    }
    if (stopping->known_count < TAGS_MAX) {
        size_t i = stopping->known_count++;
        snprintf(stopping->known[i].tag, sizeof stopping->known[i].tag, "%s", tag);
        stopping->known[i].lives = alive;
    }
    return alive;
}

/* --- sessions that are attached to a bridge --- */

struct attached {
    struct {
        char bridge[64];
        char prefix[TOPO_PREFIX_SIZE];
        char tag[64];
    } sessions[TAGS_MAX];
    size_t count;
};

static void note_attached(const char *bridge, const char *prefix, const char *tag, void *context) {
    struct attached *attached = context;
    if (attached->count < TAGS_MAX) {
        size_t i = attached->count++;
        snprintf(attached->sessions[i].bridge, sizeof attached->sessions[i].bridge, "%s", bridge);
        snprintf(attached->sessions[i].prefix, sizeof attached->sessions[i].prefix, "%s", prefix);
        snprintf(attached->sessions[i].tag, sizeof attached->sessions[i].tag, "%s", tag);
    }
}

/* Detaches what bridges say is attached to them, though nothing in the run directories does any more. */
static void detach_lost(struct stopping *stopping) {
    struct attached attached = {.count = 0};
    attach_each_session(note_attached, &attached);
    for (size_t i = 0; i < attached.count; i++) {
        struct error why = {.text = ""};
        char text[128];
        snprintf(text, sizeof text, "detaching from %s", attached.sessions[i].bridge);
        stopping->progress(text, false, stopping->context);
        if (lives(attached.sessions[i].tag, stopping)) {
            continue;
        }
        int code = lab_stop(attached.sessions[i].prefix, stopping->progress, stopping->context, &why);
        if (code == 0) {
            stopping->stopped->remains++;
        } else if (code != -ENOENT) { /* its supervisor has detached already */
            failed(stopping, code, &why);
        }
    }
}

static int tell(const char *step, void *context) {
    struct stopping *stopping = context;
    stopping->progress(step, true, stopping->context);
    return 0;
}

int lab_stop_all(lab_progress_fn *progress, void *context, struct lab_stopped *stopped, struct error *error) {
    struct stopping stopping = {.progress = progress, .context = context, .stopped = stopped, .error = error};
    struct error why = {.text = ""};
    memset(stopped, 0, sizeof *stopped);
    if (geteuid() != 0) {
        return error_set(error, -EPERM, "nsmon stop needs root for namespaces: run 'sudo nsmon stop --all'");
    }
    each_prefix(&stopping, stop_one);
    progress("looking for what else labs left behind", false, context);
    detach_lost(&stopping);
    struct sweep sweep = {.spare = lives, .progress = tell, .context = &stopping};
    int code = sweep_all(&sweep, &why);
    if (code != 0) {
        failed(&stopping, code, &why);
    }
    stopped->remains += sweep.removed;
    stopped->bridges_unseen = sweep.bridges_unseen;
    each_prefix(&stopping, clear_one);
    rmdir(run_dir_of("").root); /* if it is empty */
    return stopping.first;
}
