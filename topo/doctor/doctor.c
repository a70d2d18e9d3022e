#include "topo/doctor/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "topo/doctor/internal.h"

/* The names are a public interface: docs/doctor-json.md. */
static const struct check {
    const char *name;
    void (*look)(struct doctor *doctor);
} checks[] = {
    {"kernel", doctor_kernel},
    {"namespaces", doctor_namespaces},
    {"veth", doctor_veth},
    {"capabilities", doctor_capabilities},
    {"programs", doctor_programs},
    {"openvswitch", doctor_openvswitch},
    {"switch", doctor_switch},
    {"datapath", doctor_datapath},
    {"netem", doctor_netem},
    {"tbf", doctor_tbf},
    {"numgen", doctor_numgen},
    {"libpcap", doctor_libpcap},
    {"ring", doctor_ring},
    {"rmem_max", doctor_rmem_max},
    {"rmem_default", doctor_rmem_default},
    {"backlog", doctor_backlog},
    {"clocksource", doctor_clocksource},
    {"clock", doctor_clock},
    {"interface", doctor_interfaces},
    {"lab", doctor_lab},
    {"database", doctor_database},
};

/* Some of what is said comes out of files: nothing that a terminal would obey. */
static int write_text(char *text, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

static int write_text(char *text, size_t size, const char *format, va_list arguments) {
    int length = vsnprintf(text, size, format, arguments);
    for (char *at = text; *at != '\0'; at++) {
        *at = (unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at;
    }
    return length;
}

struct doctor_finding *doctor_add(struct doctor *doctor, enum doctor_state state, const char *format, ...) {
    struct doctor_report *report = doctor->report;
    va_list arguments;
    /* The last place is shared by what there is no room for; it is counted, and stays a failure if one was.
     */
    if (report->count == DOCTOR_FINDINGS_MAX) {
        report->lost++;
        report->count--;
        state = state > report->findings[report->count].state ? state : report->findings[report->count].state;
    }
    struct doctor_finding *finding = &report->findings[report->count++];
    *finding = (struct doctor_finding){.check = doctor->check, .state = state};
    va_start(arguments, format);
    write_text(finding->text, sizeof finding->text, format, arguments);
    va_end(arguments);
    return finding;
}

void doctor_subject(struct doctor_finding *finding, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_text(finding->subject, sizeof finding->subject, format, arguments);
    va_end(arguments);
}

void doctor_fix(struct doctor_finding *finding, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = write_text(finding->fix, sizeof finding->fix, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof finding->fix) {
        finding->fix[0] = '\0'; /* half a command is none */
    }
}

void doctor_root_only(struct doctor_finding *finding, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_text(finding->root_only, sizeof finding->root_only, format, arguments);
    va_end(arguments);
}

int doctor_read_line(const char *path, char *text, size_t size) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return -errno;
    }
    bool good = fgets(text, (int)size, file) != NULL;
    fclose(file);
    if (!good) {
        return -ENODATA;
    }
    text[strcspn(text, "\n")] = '\0';
    return 0;
}

int64_t doctor_read_number(const char *path) {
    char text[64];
    char *end = text;
    int64_t number = doctor_read_line(path, text, sizeof text) == 0 ? strtoll(text, &end, 10) : -1;
    return end == text ? -1 : number;
}

const char *doctor_bytes(int64_t bytes, char text[24]) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024;
        unit++;
    }
    bool whole = value >= 10 || value - (double)(int64_t)value < 0.05;
    snprintf(text, 24, "%.*f %s", whole ? 0 : 1, value, units[unit]);
    return text;
}

void doctor_examine(const struct doctor_settings *settings, struct doctor_report *report) {
    memset(report, 0, sizeof *report);
    report->root = geteuid() == 0;
    struct doctor doctor = {.settings = settings, .report = report, .root = report->root};
    doctor_try(&doctor);
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        doctor.check = checks[i].name;
        checks[i].look(&doctor);
    }
}

const char *doctor_state_name(enum doctor_state state) {
    static const char *const names[DOCTOR_STATES] = {"ok", "warning", "failed"};
    return names[state];
}

size_t doctor_count(const struct doctor_report *report, enum doctor_state state) {
    size_t count = 0;
    for (size_t i = 0; i < report->count; i++) {
        count += report->findings[i].state == state ? 1 : 0;
    }
    return count;
}
