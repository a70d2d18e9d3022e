/* The labs that run: do they answer, and are the offloads of their links off? */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/remains.h"
#include "daemon/run_dir.h"
#include "topo/attach/attach.h"
#include "topo/doctor/internal.h"
#include "topo/lab.h"
#include "topo/netns.h"
#include "topo/offload.h"

#define RUN_ROOT "/run/nsmon"
#define LABS_MAX 16

/* Looks at the link 'name' of the namespace of 'host', which people call 'netns' ("" for this one). Returns
 * false if there was no way in. */
static bool look_at_link(struct doctor *doctor, int fd, const char *netns, const char *name, bool *bad) {
    const char *which = NULL;
    struct error error = {0};
    int result = offload_check(fd, name, &which, &error);
    if (result == -EPERM) {
        return false;
    }
    struct doctor_finding *finding = NULL;
    if (result == 1) {
        finding = doctor_add(doctor, DOCTOR_FAILED,
                             "%s is on: captures see frames that never cross a wire, and TCP may not connect "
                             "through the userspace datapath",
                             which);
        bool here = netns[0] == '\0';
        doctor_fix(finding, "sudo %s%s%sethtool -K %s gro off gso off tso off sg off tx off rx off",
                   here ? "" : "ip netns exec ", netns, here ? "" : " ", name);
    } else if (result < 0) {
        finding = doctor_add(doctor, DOCTOR_FAILED, "%s", error.text);
    }
    if (finding != NULL) {
        doctor_subject(finding, "%s", name);
        *bad = true;
    }
    return true;
}

/* Looks at the links of the relay that may stand between 'host' and the switch. */
static bool look_at_relay(struct doctor *doctor, const struct lab_path *path, bool *bad) {
    if (!netns_exists(path->netns)) {
        return true;
    }
    int fd = netns_open(path->netns, NULL);
    bool seen = fd >= 0 && look_at_link(doctor, fd, path->netns, path->in, bad) &&
                look_at_link(doctor, fd, path->netns, path->out, bad);
    if (fd >= 0) {
        close(fd);
    }
    return seen;
}

/* Looks at both ends of each host's cable.  Returns false if there was no way into a namespace. */
static bool look_at_links(struct doctor *doctor, const struct topo *lab, bool *bad) {
    bool seen = true;
    struct error error = {0};
    int switch_fd = lab->sw.private_ovs ? topo_namespace_open(lab->prefix, TOPO_SWITCH, &error)
                                        : open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    for (unsigned host = 1; host <= lab->hosts; host++) {
        const struct topo_port *port = &lab->ports[host];
        int fd = topo_namespace_open(lab->prefix, host, &error);
        if (fd < 0 || switch_fd < 0) {
            seen = false;
        } else {
            seen = look_at_link(doctor, fd, port->netns, port->tap, bad) && seen;
            seen = look_at_link(doctor, switch_fd, lab->sw.private_ovs ? lab->switch_netns : "",
                                port->ovs_tap, bad) &&
                   seen;
        }
        seen = look_at_relay(doctor, &lab->paths[host], bad) && seen;
        if (fd >= 0) {
            close(fd);
        }
    }
    if (switch_fd >= 0) {
        close(switch_fd);
    }
    return seen;
}

/* Looks at the lab whose run directory is called 'name'. */
static void look_at_lab(struct doctor *doctor, const char *name) {
    struct topo lab = {.hosts = 0};
    struct error error = {0};
    snprintf(lab.run_dir, sizeof lab.run_dir, RUN_ROOT "/%.64s", name);
    int code = state_read(&lab, &error);
    struct doctor_finding *finding;
    if (code != 0) {
        finding = doctor_add(doctor, DOCTOR_WARNING, "%s",
                             code == -ENOENT ? "is being built or taken down" : error.text);
        doctor_subject(finding, "%s", name);
        return;
    }
    lab_name_all(&lab);
    bool bare = lab.prefix[0] == '\0';
    bool answers = doctor_lab_answers(lab.prefix);
    if (!answers) {
        finding = doctor_add(doctor, DOCTOR_FAILED,
                             "is there, but its worker does not answer: it crashed, or "
                             "is just starting or stopping");
        doctor_subject(finding, "%s", name);
        doctor_fix(finding, "sudo nsmon stop%s%s", bare ? "" : " --prefix ", lab.prefix);
    }
    bool bad = false;
    bool seen = look_at_links(doctor, &lab, &bad);
    if (!bad && (answers || !seen)) {
        finding = doctor_add(doctor, DOCTOR_OK,
                             seen ? "runs, %s with %u hosts; offloads of all links are off"
                                  : "runs, %s with %u hosts",
                             lab.bridge, lab.hosts);
        doctor_subject(finding, "%s", name);
        if (!seen) {
            doctor_root_only(finding, "whether the offloads of its links are off");
        }
    }
}

/* The prefix whose run directory is called 'name'. */
static const char *prefix_of(const char *name) {
    return strcmp(name, "default") == 0 ? "" : name;
}

/* Looks at a run directory without a record, called 'name'.  Returns true if a session ended there early. */
static bool look_at_log(struct doctor *doctor, const char *name) {
    char words[256];
    const char *prefix = prefix_of(name);
    struct run_dir dir = run_dir_of(prefix);
    if (!remains_last_words(&dir, words, sizeof words)) {
        return false;
    }
    struct doctor_finding *finding =
        doctor_add(doctor, DOCTOR_WARNING, "the last session ended early: %s", words);
    doctor_subject(finding, "%s", name);
    doctor_fix(finding, "sudo nsmon stop%s%s", prefix[0] != '\0' ? " --prefix " : "", prefix);
    return true;
}

/* Looks at a session that is attached to a bridge, whose run directory is called 'name'. */
static void look_at_attached(struct doctor *doctor, const char *name) {
    const char *prefix = prefix_of(name);
    struct doctor_finding *finding;
    if (doctor_lab_answers(prefix)) {
        finding = doctor_add(doctor, DOCTOR_OK, "a session is attached to a bridge");
    } else {
        finding =
            doctor_add(doctor, DOCTOR_FAILED,
                       "a session is attached to a bridge, but its worker does not answer: it crashed, or "
                       "is just starting or stopping");
        doctor_fix(finding, "sudo nsmon detach%s%s", prefix[0] != '\0' ? " --prefix " : "", prefix);
    }
    doctor_subject(finding, "%s", name);
}

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

void doctor_lab(struct doctor *doctor) {
    char names[LABS_MAX][64];
    size_t count = 0;
    size_t none = 0; /* of them have neither a session nor had one */
    DIR *folder = opendir(RUN_ROOT);
    struct dirent *entry = NULL;
    while (folder != NULL && count < LABS_MAX && (entry = readdir(folder)) != NULL) {
        char path[LAB_PATH_SIZE];
        snprintf(path, sizeof path, RUN_ROOT "/%.128s", entry->d_name);
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < sizeof names[0] &&
            strchr(entry->d_name, '.') == NULL) {
            snprintf(names[count++], sizeof names[0], "%s", entry->d_name);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    qsort(names, count, sizeof names[0], by_name);
    for (size_t i = 0; i < count; i++) {
        char path[LAB_PATH_SIZE];
        snprintf(path, sizeof path, RUN_ROOT "/%s", names[i]);
        if (topo_recorded(path)) {
            look_at_lab(doctor, names[i]);
        } else if (attach_recorded(path)) {
            look_at_attached(doctor, names[i]);
        } else if (!look_at_log(doctor, names[i])) {
            none++;
        }
    }
    if (none == count) {
        doctor_add(doctor, DOCTOR_OK, "none runs");
    }
}
