/* The kernel, its clocks and its buffers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "topo/doctor/internal.h"

/* pidfd_getfd(2) came with 5.6 and close_range(2) with 5.9. */
enum { KERNEL_MAJOR = 5, KERNEL_MINOR = 9 };

/* What nsmon asks for: daemon/intake.h, INTAKE_BUFFER_BYTES; the kernel's own default of two sysctls. */
#define COLLECTOR_BUFFER (INT64_C(32) << 20)
#define RMEM_DEFAULT     INT64_C(212992)
#define BACKLOG          1000

void doctor_kernel(struct doctor *doctor) {
    struct utsname name;
    if (uname(&name) != 0) {
        doctor_add(doctor, DOCTOR_WARNING, "uname: %s", strerror(errno));
        return;
    }
    char *end = name.release;
    long major = strtol(name.release, &end, 10);
    long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
    bool old = major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR);
    struct doctor_finding *finding =
        doctor_add(doctor, old ? DOCTOR_FAILED : DOCTOR_OK, "%s %s, %s%s", name.sysname, name.release,
                   name.machine, old ? "; the lab needs 5.9 or newer" : "");
    if (old) {
        doctor_fix(finding, "sudo apt full-upgrade, and boot the new kernel");
    }
}

static void add_sysctl(struct doctor *doctor, const char *name, int64_t value, int64_t wanted,
                       const char *meaning, const char *harm) {
    char text[24];
    bool bytes = wanted > 65536;
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)value);
    const char *amount = bytes ? doctor_bytes(value, text) : number;
    if (value < 0) {
        /* Some of them are shown in the first network namespace only. */
        doctor_add(doctor, DOCTOR_OK, "net.core.%s is not to be seen from this network namespace", name);
    } else if (value >= wanted) {
        doctor_add(doctor, DOCTOR_OK, "%s: %s", amount, meaning);
    } else {
        struct doctor_finding *finding = doctor_add(doctor, DOCTOR_WARNING, "%s: %s", amount, harm);
        doctor_fix(finding, "sudo sysctl -w net.core.%s=%lld", name, (long long)wanted);
    }
}

void doctor_rmem_max(struct doctor *doctor) {
    add_sysctl(doctor, "rmem_max", doctor_read_number("/proc/sys/net/core/rmem_max"), COLLECTOR_BUFFER,
               "enough for a collector without root",
               "'nsmon collect' without root can't have the 32 MiB that it wants for a burst of exports; "
               "root and a lab can");
}

void doctor_rmem_default(struct doctor *doctor) {
    add_sysctl(doctor, "rmem_default", doctor_read_number("/proc/sys/net/core/rmem_default"), RMEM_DEFAULT,
               "what a system switch's packet sockets have (a private one's get more)",
               "less than usual: a system Open vSwitch with the userspace datapath loses frames in bursts");
}

void doctor_backlog(struct doctor *doctor) {
    add_sysctl(doctor, "netdev_max_backlog", doctor_read_number("/proc/sys/net/core/netdev_max_backlog"),
               BACKLOG, "frames that may wait between the two ends of a link",
               "less than usual: bursts are lost between the two ends of a link");
}

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/"

void doctor_clocksource(struct doctor *doctor) {
    /* Read by a system call, through a slow bus: a microsecond and more for each stamp. */
    static const char *const slow[] = {"hpet", "acpi_pm", "pit", "jiffies", "refined-jiffies"};
    char current[64];
    char available[256] = "";
    if (doctor_read_line(CLOCKSOURCE "current_clocksource", current, sizeof current) != 0) {
        doctor_add(doctor, DOCTOR_WARNING, "the kernel does not say which clock it uses");
        return;
    }
    current[strcspn(current, " ")] = '\0';
    (void)doctor_read_line(CLOCKSOURCE "available_clocksource", available, sizeof available);
    for (size_t i = 0; i < sizeof slow / sizeof *slow; i++) {
        if (strcmp(current, slow[i]) == 0) {
            const char *better = strstr(available, "tsc") != NULL         ? "tsc"
                                 : strstr(available, "kvm-clock") != NULL ? "kvm-clock"
                                                                          : NULL;
            struct doctor_finding *finding =
                doctor_add(doctor, DOCTOR_WARNING,
                           "%s, a slow one: stamps of frames and one-way delays are coarser", current);
            if (better != NULL) {
                doctor_fix(finding, "echo %s | sudo tee " CLOCKSOURCE "current_clocksource", better);
            }
            return;
        }
    }
    doctor_add(doctor, DOCTOR_OK, "%s", current);
}

void doctor_clock(struct doctor *doctor) {
    struct timex state = {.modes = 0};
    int result = adjtimex(&state);
    if (result == -1) {
        doctor_add(doctor, DOCTOR_WARNING, "could not ask whether the clock is synchronised: %s",
                   strerror(errno));
    } else if (result == TIME_ERROR || (state.status & STA_UNSYNC) != 0) {
        struct doctor_finding *finding =
            doctor_add(doctor, DOCTOR_WARNING,
                       "not synchronised: no harm to a lab, which has one clock; times of exporters on "
                       "other machines can't be held against it");
        doctor_fix(finding, "sudo apt install chrony");
    } else {
        doctor_add(doctor, DOCTOR_OK, "synchronised, off by %.1f ms at most", (double)state.maxerror / 1e3);
    }
}
