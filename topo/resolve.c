/* Whose switch: the system's, or one of our own. */
#include "topo/topo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/process.h"
#include "topo/lab.h"
#include "topo/ovs.h"

/* True if a system Open vSwitch, database and switch, answers. */
static bool system_ovs_runs(void) {
    char path[LAB_PATH_SIZE];
    const char *folder = getenv("OVS_RUNDIR");
    snprintf(path, sizeof path, "%s/db.sock", folder != NULL ? folder : "/var/run/openvswitch");
    if (access(path, F_OK) != 0) {
        return false;
    }
    const char *ask_database[] = {path, "--timeout=3", "--no-wait", "show", NULL};
    const char *ask_switch[] = {path, "--timeout=3", "-t", "ovs-vswitchd", "version", NULL};
    return ovs_find_program("ovs-vsctl", path, NULL) == 0 &&
           process_run(ask_database, NULL, -1, 4 * NS_PER_S, NULL, 0, NULL) == 0 &&
           ovs_find_program("ovs-appctl", path, NULL) == 0 &&
           process_run(ask_switch, NULL, -1, 4 * NS_PER_S, NULL, 0, NULL) == 0;
}

int topo_resolve_datapath(enum topo_datapath wanted, struct topo_switch *found, struct error *error) {
    char path[LAB_PATH_SIZE];
    memset(found, 0, sizeof *found);
    static const char *const programs[] = {"ovs-vsctl", "ovs-vswitchd", "ovsdb-server", "ovs-appctl"};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        int code = ovs_find_program(programs[i], path, error);
        if (code != 0) {
            return code;
        }
    }
    bool runs = system_ovs_runs();
    bool module = access("/sys/module/openvswitch", F_OK) == 0;
    if (wanted == TOPO_DATAPATH_SYSTEM && !runs) {
        return error_set(
            error, -ENOTCONN,
            "the kernel's datapath needs a running system Open vSwitch, and none answers: systemctl "
            "start openvswitch-switch, or use --datapath netdev");
    }
    if (wanted == TOPO_DATAPATH_SYSTEM && !module) {
        return error_set(
            error, -ENOTSUP,
            "this kernel's openvswitch module is not loaded: modprobe openvswitch, or use --datapath "
            "netdev");
    }
    found->private_ovs = !runs;
    found->kernel_datapath = runs && module && wanted != TOPO_DATAPATH_NETDEV;
    snprintf(found->why, sizeof found->why, "%s, %s",
             runs ? "the running system Open vSwitch" : "a private Open vSwitch, as no system one runs",
             found->kernel_datapath           ? "the kernel's datapath"
             : wanted == TOPO_DATAPATH_NETDEV ? "the userspace datapath, as asked for"
                                              : "the userspace datapath");
    return 0;
}
