/* Open vSwitch: its programs, its version and known faults, whether the system's runs, whose datapath. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/process.h"
#include "topo/doctor/internal.h"
#include "topo/ovs.h"

#define VERSION_LIMIT_NS (5 * NS_PER_S)

/* What the lab runs, and the package of Debian that has it. */
static const struct program {
    const char *name;
    const char *package;
    enum doctor_state without;
    const char *use;
} programs[] = {
    {"ovs-vsctl", "openvswitch-switch", DOCTOR_FAILED, "there can be no lab"},
    {"ovs-appctl", "openvswitch-switch", DOCTOR_FAILED, "there can be no lab"},
    {"ovs-vswitchd", "openvswitch-switch", DOCTOR_FAILED, "there can be no lab"},
    {"ovsdb-server", "openvswitch-switch", DOCTOR_FAILED, "there can be no lab"},
    {"ovsdb-tool", "openvswitch-switch", DOCTOR_FAILED, "there can be no lab"},
    {"ovs-ofctl", "openvswitch-switch", DOCTOR_WARNING, "a lab can't have OpenFlow rules"},
    {"tc", "iproute2", DOCTOR_WARNING, "links can't be impaired by the kernel"},
    {"nft", "nftables", DOCTOR_WARNING, "no loss can be made on a kernel without netem"},
};

void doctor_programs(struct doctor *doctor) {
    char path[LAB_PATH_SIZE];
    char found[256] = "";
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        const struct program *program = &programs[i];
        if (ovs_find_program(program->name, path, NULL) == 0) {
            size_t used = strlen(found);
            snprintf(found + used, sizeof found - used, "%s%s", used > 0 ? ", " : "", program->name);
            continue;
        }
        struct doctor_finding *finding =
            doctor_add(doctor, program->without, "there is no program %s; %s", program->name, program->use);
        doctor_subject(finding, "%s", program->name);
        doctor_fix(finding, "sudo apt install %s", program->package);
    }
    if (found[0] != '\0') {
        doctor_add(doctor, DOCTOR_OK, "%s", found);
    }
}

#define VERSION(MAJOR, MINOR) ((MAJOR)*1000 + (MINOR))

/* Faults of versions, which are no reason not to run a lab; 'mended' is the first version without it. */
static const struct fault {
    long since, mended;
    const char *text;
    const char *fix;
} faults[] = {
    {VERSION(2, 4), VERSION(3, 2),
     "IPFIX's enable-input-sampling and enable-output-sampling mean the opposite; nsmon sets neither and "
     "tells "
     "directions apart itself",
     "leave both unset on your bridges, or upgrade Open vSwitch to 3.2 or newer"},
};

void doctor_openvswitch(struct doctor *doctor) {
    char path[LAB_PATH_SIZE];
    char output[512];
    const char *argv[] = {path, "--version", NULL};
    struct error error = {0};
    int code = ovs_find_program("ovs-vswitchd", path, &error);
    code = code == 0 ? process_run(argv, NULL, -1, VERSION_LIMIT_NS, output, sizeof output, &error) : code;
    if (code != 0) {
        doctor_fix(doctor_add(doctor, DOCTOR_FAILED, "%s", code == -ENOENT ? "not installed" : error.text),
                   "sudo apt install openvswitch-switch");
        return;
    }
    char *text = strstr(output, ") ");
    char *number = text != NULL ? text + 2 : output;
    number[strcspn(number, " \n")] = '\0';
    char *end = number;
    long version = strtol(number, &end, 10) * VERSION(1, 0);
    version += *end == '.' ? strtol(end + 1, NULL, 10) : 0;
    size_t known = 0;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (version >= faults[i].since && version < faults[i].mended) {
            struct doctor_finding *finding =
                doctor_add(doctor, DOCTOR_WARNING, "%s: %s", number, faults[i].text);
            doctor_fix(finding, "%s", faults[i].fix);
            known++;
        }
    }
    if (known == 0) {
        doctor_add(doctor, DOCTOR_OK, "%s", number);
    }
}

/* Where the system's database listens. */
static void socket_path(char path[LAB_PATH_SIZE]) {
    const char *folder = getenv("OVS_RUNDIR");
    snprintf(path, LAB_PATH_SIZE, "%s/db.sock", folder != NULL ? folder : "/var/run/openvswitch");
}

void doctor_switch(struct doctor *doctor) {
    char path[LAB_PATH_SIZE];
    struct topo_switch found;
    socket_path(path);
    struct doctor_finding *finding;
    if (access(path, F_OK) != 0 && errno != EACCES) {
        doctor_add(doctor, DOCTOR_OK, "no system Open vSwitch runs; a lab starts a private one");
    } else if (access(path, R_OK | W_OK) != 0) {
        finding = doctor_add(doctor, DOCTOR_OK, "a system Open vSwitch has its socket at %s", path);
        doctor_root_only(finding, "whether it answers");
    } else if (topo_resolve_datapath(TOPO_DATAPATH_AUTO, &found, NULL) == 0 && !found.private_ovs) {
        doctor_add(doctor, DOCTOR_OK, "the system's Open vSwitch runs and answers; a lab uses it");
    } else {
        finding = doctor_add(doctor, DOCTOR_WARNING,
                             "the system's Open vSwitch has its socket at %s, but database or switch do not "
                             "answer; a lab starts a private one",
                             path);
        doctor_fix(finding, "sudo systemctl restart openvswitch-switch");
    }
}

/* True if the module 'name' lies among the running kernel's, loaded or not. */
static bool module_there(const char *name) {
    struct utsname kernel;
    char path[160];
    char line[1024];
    bool found = false;
    if (uname(&kernel) != 0) {
        return false;
    }
    snprintf(path, sizeof path, "/lib/modules/%.64s/modules.dep", kernel.release);
    FILE *file = fopen(path, "re");
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, ":")] = '\0';
        found = strstr(line, name) != NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

void doctor_datapath(struct doctor *doctor) {
    struct doctor_finding *finding;
    bool tun = access("/dev/net/tun", F_OK) == 0;
    if (access("/sys/module/openvswitch", F_OK) == 0) {
        doctor_add(doctor, DOCTOR_OK,
                   "the kernel's, for a lab on the system's Open vSwitch; the userspace one "
                   "otherwise");
    } else if (module_there("/openvswitch.ko")) {
        finding = doctor_add(doctor, DOCTOR_OK,
                             "the userspace one; the kernel's openvswitch module is there, "
                             "not loaded");
        doctor_fix(finding, "sudo modprobe openvswitch");
    } else {
        doctor_add(doctor, DOCTOR_OK,
                   "the userspace one, about 100,000 frames/s; this kernel has no "
                   "openvswitch module");
    }
    if (!tun) {
        finding = doctor_add(doctor, DOCTOR_WARNING,
                             "there is no /dev/net/tun; the userspace datapath can't make a bridge");
        doctor_fix(finding, "sudo modprobe tun");
    }
}
