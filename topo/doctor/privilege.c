/* What this process may, and what can be made in namespaces of a child. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/process.h"
#include "topo/doctor/internal.h"
#include "topo/link.h"
#include "topo/ovs.h"

#define PROGRAM_LIMIT_NS (5 * NS_PER_S)

static int write_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int code = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -EIO;
    close(fd);
    return code;
}

/* Goes into a user namespace, in which this process is root over the namespaces that it makes. */
static int enter_user_namespace(void) {
    char map[64];
    unsigned uid = geteuid();
    unsigned gid = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        return -errno;
    }
    snprintf(map, sizeof map, "0 %u 1", uid);
    (void)write_text("/proc/self/setgroups", "deny");
    int code = write_text("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "0 %u 1", gid);
    return code == 0 ? write_text("/proc/self/gid_map", map) : code;
}

/* Runs the program 'name', which must be there.  Returns 0 or a negative errno. */
static int try_program(const char *name, const char *const arguments[]) {
    char path[LAB_PATH_SIZE];
    const char *argv[24] = {path};
    size_t count = 0;
    while (arguments[count] != NULL && count + 2 < sizeof argv / sizeof *argv) {
        argv[count + 1] = arguments[count];
        count++;
    }
    int code = ovs_find_program(name, path, NULL);
    return code == 0 ? process_run(argv, NULL, -1, PROGRAM_LIMIT_NS, NULL, 0, NULL) : code;
}

static int try_veth(void) {
    struct nl_sock *sock = NULL;
    int code = link_socket(-1, &sock, NULL);
    code = code == 0 ? link_make_pair(sock, "doctor1", "doctor2", TOPO_MTU_DEFAULT, NULL) : code;
    link_socket_close(sock);
    return code;
}

static void try_all(bool root, struct doctor_trial *trial) {
    if (root) {
        trial->netns = unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 ? 0 : -errno;
    } else {
        trial->user_namespace = true;
        trial->netns = enter_user_namespace();
    }
    if (trial->netns != 0) {
        return;
    }
    trial->veth = try_veth();
    if (trial->veth != 0) {
        return;
    }
    trial->netem = try_program(
        "tc", (const char *const[]){"qdisc", "add", "dev", "doctor1", "root", "netem", "delay", "1ms", NULL});
    trial->tbf =
        try_program("tc", (const char *const[]){"qdisc", "replace", "dev", "doctor1", "root", "tbf", "rate",
                                                "1mbit", "burst", "10kb", "latency", "50ms", NULL});
    trial->numgen = try_program(
        "nft", (const char *const[]){"add table netdev t; add chain netdev t c { type filter hook ingress "
                                     "device doctor1 priority 0; }; add rule netdev t c numgen inc mod 10 0 "
                                     "counter drop",
                                     NULL});
}

void doctor_try(struct doctor *doctor) {
    struct doctor_trial trial = {.netns = -ECANCELED,
                                 .veth = -ECANCELED,
                                 .netem = -ECANCELED,
                                 .tbf = -ECANCELED,
                                 .numgen = -ECANCELED};
    int ends[2];
    doctor->trial = trial;
    fflush(NULL);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        try_all(doctor->root, &trial);
        _exit(write(ends[1], &trial, sizeof trial) == (ssize_t)sizeof trial ? 0 : 1);
    }
    close(ends[1]);
    if (child > 0 && read(ends[0], &trial, sizeof trial) == (ssize_t)sizeof trial) {
        doctor->trial = trial;
    }
    close(ends[0]);
    if (child > 0) {
        waitpid(child, NULL, 0);
    }
}

void doctor_namespaces(struct doctor *doctor) {
    const struct doctor_trial *trial = &doctor->trial;
    if (trial->netns == 0 && doctor->root) {
        doctor_add(doctor, DOCTOR_OK, "network and mount namespaces can be made");
    } else if (trial->netns == 0) {
        struct doctor_finding *finding =
            doctor_add(doctor, DOCTOR_OK, "the kernel has them (tried in a user namespace)");
        doctor_root_only(finding, "whether root may make them here, outside a user namespace");
    } else if (!doctor->root) {
        bool there = access("/proc/self/ns/net", F_OK) == 0;
        struct doctor_finding *finding =
            doctor_add(doctor, there ? DOCTOR_OK : DOCTOR_FAILED, "the kernel %s network namespaces%s",
                       there ? "has" : "has no", there ? " (not tried: this user may make none)" : "");
        doctor_root_only(finding, "whether one can be made");
    } else {
        struct doctor_finding *finding = doctor_add(
            doctor, DOCTOR_FAILED, "can't be made: %s; there can be no lab%s", strerror(-trial->netns),
            trial->netns == -EPERM ? ": a container without privileges?" : "");
        doctor_fix(finding, "give the container its privileges: docker run --privileged, or run nsmon on the "
                            "machine itself");
    }
}

void doctor_veth(struct doctor *doctor) {
    const struct doctor_trial *trial = &doctor->trial;
    if (trial->netns != 0) {
        struct doctor_finding *finding = doctor_add(doctor, doctor->root ? DOCTOR_WARNING : DOCTOR_OK,
                                                    "not tried, for want of a namespace");
        if (!doctor->root) {
            doctor_root_only(finding, "whether pairs of virtual links can be made");
        }
    } else if (trial->veth == 0) {
        doctor_add(doctor, DOCTOR_OK, "pairs of virtual links can be made");
    } else {
        struct doctor_finding *finding =
            doctor_add(doctor, DOCTOR_FAILED, "pairs of virtual links can't be made: %s; there can be no lab",
                       strerror(-trial->veth));
        doctor_fix(finding, "sudo modprobe veth");
    }
}

/* Which capabilities the lab takes, and what for. */
static const struct need {
    int number;
    const char *name;
} needs[] = {
    {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},   /* namespaces */
    {CAP_NET_ADMIN, "CAP_NET_ADMIN"},   /* links, offloads */
    {CAP_NET_RAW, "CAP_NET_RAW"},       /* captures */
    {CAP_SETUID, "CAP_SETUID"},         /* dropping root */
    {CAP_SETGID, "CAP_SETGID"},         /* the same */
    {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"}, /* the switch's packet sockets, their buffers and drops */
    {CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE"},
    {CAP_KILL, "CAP_KILL"},
};

/* The set called 'name' ("CapEff") of this process, of /proc/self/status. */
static uint64_t capability_set(const char *name) {
    char line[256];
    uint64_t set = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') {
            set = strtoull(line + strlen(name) + 1, NULL, 16);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return set;
}

/* Names what 'set' lacks of what the lab takes.  Returns how many that are. */
static size_t name_missing(uint64_t set, char *text, size_t size) {
    size_t missing = 0;
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        if ((set >> needs[i].number & 1) == 0 && used < size) {
            int length = snprintf(text + used, size - used, "%s%s", missing++ > 0 ? ", " : "", needs[i].name);
            used += length > 0 ? (size_t)length : 0;
        }
    }
    return missing;
}

void doctor_capabilities(struct doctor *doctor) {
    char missing[160];
    bool lacking =
        name_missing(capability_set(doctor->root ? "CapEff" : "CapBnd"), missing, sizeof missing) > 0;
    struct doctor_finding *finding;
    if (doctor->root) {
        finding = doctor_add(doctor, lacking ? DOCTOR_FAILED : DOCTOR_OK,
                             lacking ? "root lacks %s here: the lab can't be built"
                                     : "root has all%s that the lab needs",
                             lacking ? missing : "");
    } else {
        finding =
            doctor_add(doctor, lacking ? DOCTOR_WARNING : DOCTOR_OK,
                       lacking ? "even root would lack %s here: the lab can't be built"
                               : "none, and none needed to read%s; start, traffic, run and stop take sudo",
                       lacking ? missing : "");
        doctor_root_only(finding, "what root really has here");
    }
    if (lacking) {
        doctor_fix(finding, "give the container its privileges: docker run --privileged, or run nsmon on the "
                            "machine itself");
    }
}

/* Says how 'what' went; 'instead' is what the lab does without it. */
static void add_trial(struct doctor *doctor, int code, const char *program, const char *good,
                      enum doctor_state bad_state, const char *instead, const char *fix) {
    char path[LAB_PATH_SIZE];
    struct doctor_finding *finding;
    if (code == 0) {
        doctor_add(doctor, DOCTOR_OK, "%s", good);
    } else if (ovs_find_program(program, path, NULL) != 0) {
        finding =
            doctor_add(doctor, bad_state, "not tried, for want of the program %s; %s", program, instead);
        doctor_fix(finding, "sudo apt install %s", strcmp(program, "tc") == 0 ? "iproute2" : "nftables");
    } else if (code == -ECANCELED || (code != 0 && doctor->trial.veth != 0)) {
        finding = doctor_add(doctor, DOCTOR_OK, "not tried, for want of a namespace");
        doctor_root_only(finding, "whether the kernel has it");
    } else {
        finding = doctor_add(doctor, bad_state, "%s", instead);
        if (fix[0] != '\0') {
            doctor_fix(finding, "%s", fix);
        }
        if (doctor->trial.user_namespace) {
            doctor_root_only(finding, "whether the kernel would load it for a lab");
        }
    }
}

void doctor_netem(struct doctor *doctor) {
    add_trial(doctor, doctor->trial.netem, "tc",
              "delay, jitter, loss, duplicates and reordering by the kernel", DOCTOR_OK,
              "not in this kernel: loss is done by nftables; delay, jitter, duplicates and reordering by a "
              "relay in user space",
              "");
}

void doctor_tbf(struct doctor *doctor) {
    add_trial(doctor, doctor->trial.tbf, "tc", "limits of rate by the kernel", DOCTOR_WARNING,
              "not in this kernel: links can't be limited in rate", "sudo modprobe sch_tbf");
}

void doctor_numgen(struct doctor *doctor) {
    add_trial(doctor, doctor->trial.numgen, "nft", "every n-th frame can be dropped by nftables",
              DOCTOR_WARNING,
              "nftables can't count frames at a link's ingress here: no loss can be made without netem",
              "sudo modprobe -a nf_tables nft_numgen");
}
