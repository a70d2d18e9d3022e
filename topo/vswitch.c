#include "topo/vswitch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/process.h"
#include "topo/ovs.h"

#define START_TIMEOUT_NS (10 * NS_PER_S)
#define EXIT_TIMEOUT_MS  3000

enum { SETTING_SIZE = LAB_PATH_SIZE + 32 };

static int find_schema(char path[LAB_PATH_SIZE], struct error *error) {
    static const char *const folders[] = {"/usr/share/openvswitch", "/usr/local/share/openvswitch"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, LAB_PATH_SIZE, "%s/vswitch.ovsschema", folders[i]);
        if (access(path, R_OK) == 0) {
            return 0;
        }
    }
    return error_set(
        error, -ENOENT,
        "there is no vswitch.ovsschema in %s; install Open vSwitch: apt install openvswitch-switch",
        folders[0]);
}

/* Runs the Open vSwitch program 'name' with 'arguments' in the switch's namespace, with all folders ours. */
static int run(const struct topo *topo, const char *name, const char *const arguments[],
               struct error *error) {
    char path[LAB_PATH_SIZE];
    char settings[5][SETTING_SIZE];
    static const char *const variables[] = {"OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"};
    const char *environment[5] = {NULL};
    const char *argv[16] = {path};
    size_t count = 0;
    while (arguments[count] != NULL && count + 2 < sizeof argv / sizeof *argv) {
        argv[count + 1] = arguments[count];
        count++;
    }
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        snprintf(settings[i], sizeof settings[i], "%s=%s/ovs", variables[i], topo->run_dir);
        environment[i] = settings[i];
    }
    int code = ovs_find_program(name, path, error);
    return code != 0 ? code
                     : process_run(argv, environment, topo->netns_fd[TOPO_SWITCH], START_TIMEOUT_NS, NULL, 0,
                                   error);
}

/* Starts 'daemon', whose first argument is 'first' and its second 'second' (or NULL); returns when it serves.
 */
static int start_daemon(struct topo *topo, const char *daemon, const char *first, const char *second,
                        struct error *error) {
    char pidfile[SETTING_SIZE];
    char control[SETTING_SIZE];
    char log[SETTING_SIZE];
    snprintf(pidfile, sizeof pidfile, "--pidfile=%s/ovs/%s.pid", topo->run_dir, daemon);
    snprintf(control, sizeof control, "--unixctl=%s/ovs/%s.ctl", topo->run_dir, daemon);
    snprintf(log, sizeof log, "--log-file=%s/ovs/%s.log", topo->run_dir, daemon);
    int code = lab_begin(topo, LAB_DAEMON, daemon, error);
    if (code != 0) {
        return code;
    }
    code = run(topo, daemon,
               (const char *const[]){first, "--detach", "-vconsole:warn", "-vsyslog:off", pidfile, control,
                                     log, second, NULL},
               error);
    return code == 0 ? 0 : error_prefix(error, code, "could not start the private Open vSwitch");
}

int vswitch_start(struct topo *topo, struct error *error) {
    char schema[LAB_PATH_SIZE];
    char database[LAB_PATH_SIZE];
    char folder[LAB_PATH_SIZE];
    char remote[SETTING_SIZE];
    char socket[SETTING_SIZE];
    char option[SETTING_SIZE];
    snprintf(folder, sizeof folder, "%s/ovs", topo->run_dir);
    snprintf(database, sizeof database, "%s/conf.db", folder);
    snprintf(remote, sizeof remote, "--remote=punix:%s/db.sock", folder);
    snprintf(socket, sizeof socket, "unix:%s/db.sock", folder);
    snprintf(option, sizeof option, "--db=%s", socket);

    int code = find_schema(schema, error);
    code = code == 0 ? lab_begin(topo, LAB_OVS_DIR, "ovs", error) : code;
    if (code == 0 && mkdir(folder, 0700) != 0) {
        code = error_set(error, -errno, "could not make %s: %s", folder, strerror(errno));
    }
    code = code == 0 ? run(topo, "ovsdb-tool", (const char *const[]){"create", database, schema, NULL}, error)
                     : code;
    code = code == 0 ? start_daemon(topo, "ovsdb-server", database, remote, error) : code;
    code = code == 0 ? run(topo, "ovs-vsctl",
                           (const char *const[]){option, "--no-wait", "--timeout=5", "init", NULL}, error)
                     : code;
    return code == 0 ? start_daemon(topo, "ovs-vswitchd", socket, NULL, error) : code;
}

/* True if the process 'pid' is root's, is called 'daemon' and has 'argument' among its arguments. */
static bool process_is(pid_t pid, const char *daemon, const char *argument) {
    char path[64];
    char arguments[4096];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t size = read(fd, arguments, sizeof arguments - 1);
    close(fd);
    if (!process_is_roots(pid) || size <= 0) {
        return false;
    }
    arguments[size] = '\0';
    const char *slash = strrchr(arguments, '/');
    bool found = false;
    for (const char *at = arguments; at < arguments + size; at += strlen(at) + 1) {
        found = found || strcmp(at, argument) == 0;
    }
    return found && strcmp(slash != NULL ? slash + 1 : arguments, daemon) == 0;
}

pid_t vswitch_pid(const char *run_dir, const char *daemon) {
    char argument[SETTING_SIZE];
    snprintf(argument, sizeof argument, "--pidfile=%s/ovs/%s.pid", run_dir, daemon);
    pid_t pid = 0;
    DIR *proc = opendir("/proc");
    struct dirent *entry = NULL;
    while (proc != NULL && pid == 0 && (entry = readdir(proc)) != NULL) {
        pid_t candidate = (pid_t)strtol(entry->d_name, NULL, 10);
        if (candidate > 0 && process_is(candidate, daemon, argument)) {
            pid = candidate;
        }
    }
    if (proc != NULL) {
        closedir(proc);
    }
    return pid;
}

int vswitch_settle(const struct topo *topo, struct error *error) {
    char path[LAB_PATH_SIZE];
    char control[SETTING_SIZE] = "ovs-vswitchd";
    if (topo->sw.private_ovs) {
        snprintf(control, sizeof control, "%s/ovs/ovs-vswitchd.ctl", topo->run_dir);
    }
    const char *argv[] = {path, "--timeout=5", "-t", control, "revalidator/wait", NULL};
    int code = ovs_find_program("ovs-appctl", path, error);
    return code == 0 ? process_run(argv, NULL, -1, 6 * NS_PER_S, NULL, 0, error) : code;
}

static bool ended_within(int pidfd, int timeout_ms) {
    struct pollfd polled = {.fd = pidfd, .events = POLLIN};
    return poll(&polled, 1, timeout_ms) > 0;
}

/* Asks 'daemon' to leave, then makes it. */
static int end_process(const char *run_dir, const char *daemon, int pidfd, struct error *error) {
    char path[LAB_PATH_SIZE];
    char control[SETTING_SIZE];
    snprintf(control, sizeof control, "%s/ovs/%s.ctl", run_dir, daemon);
    const char *argv[] = {path, "--timeout=2", "-t", control, "exit", NULL, NULL};
    if (strcmp(daemon, "ovs-vswitchd") == 0) {
        argv[5] = "--cleanup";
    }
    if (ovs_find_program("ovs-appctl", path, NULL) == 0 &&
        process_run(argv, NULL, -1, 3 * NS_PER_S, NULL, 0, NULL) == 0 &&
        ended_within(pidfd, EXIT_TIMEOUT_MS)) {
        return 0;
    }
    static const int signals[] = {SIGTERM, SIGKILL};
    for (size_t i = 0; i < 2; i++) {
        if ((pidfd_send_signal(pidfd, signals[i], NULL, 0) != 0 && errno == ESRCH) ||
            ended_within(pidfd, 1000)) {
            return 0;
        }
    }
    return error_set(error, -ETIMEDOUT, "the private switch's %s does not end, not even by SIGKILL", daemon);
}

int vswitch_stop(const char *run_dir, const char *daemon, struct error *error) {
    int code = 0;
    /* A daemon that was cut off while it detached may be two processes. */
    for (int round = 0; code == 0 && round < 4; round++) {
        pid_t pid = vswitch_pid(run_dir, daemon);
        int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
        if (pidfd < 0) {
            return 0;
        }
        /* The number may have gone to another process before the descriptor was there. */
        if (vswitch_pid(run_dir, daemon) == pid) {
            code = end_process(run_dir, daemon, pidfd, error);
        }
        close(pidfd);
    }
    if (code == 0 && vswitch_pid(run_dir, daemon) > 0) {
        code = error_set(error, -EBUSY, "the private switch's %s comes back again and again", daemon);
    }
    return code;
}

int vswitch_remove_files(const char *run_dir, struct error *error) {
    char path[LAB_PATH_SIZE];
    snprintf(path, sizeof path, "%s/ovs", run_dir);
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return errno == ENOENT ? 0 : error_set(error, -errno, "could not read %s: %s", path, strerror(errno));
    }
    struct dirent *entry = NULL;
    while ((entry = readdir(folder)) != NULL) {
        unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
    if (rmdir(path) != 0 && errno != ENOENT) {
        return error_set(error, -errno, "could not remove %s: %s", path, strerror(errno));
    }
    return 0;
}
