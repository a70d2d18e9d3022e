/* What the checks share.  A check looks at one thing and adds what it found. */
#pragma once

#include <stdint.h>

#include "topo/doctor/doctor.h"

/* What a child process could make in namespaces of its own. */
struct doctor_trial {
    int netns; /* 0, or the negative errno of the attempt; likewise the others */
    int veth;
    int netem, tbf, numgen;
    bool user_namespace; /* the attempt was made in one, for want of root */
};

struct doctor {
    const struct doctor_settings *settings;
    struct doctor_report *report;
    const char *check; /* the one under way */
    bool root;
    struct doctor_trial trial;
};

/* Adds what the check under way found.  Returns it, for more to be said of it; never NULL. */
struct doctor_finding *doctor_add(struct doctor *doctor, enum doctor_state state, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void doctor_subject(struct doctor_finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void doctor_fix(struct doctor_finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void doctor_root_only(struct doctor_finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Reads the first line of the file 'path' into 'text', without its newline.  Returns 0 or a negative errno.
 */
int doctor_read_line(const char *path, char *text, size_t size);

/* Reads the number in the file 'path'.  Returns -1 if there is none. */
int64_t doctor_read_number(const char *path);

/* 'bytes' as "208 KiB", "4 MiB". */
const char *doctor_bytes(int64_t bytes, char text[24]);

/* True if the worker of the lab of 'prefix' tells its state. */
bool doctor_lab_answers(const char *prefix);

/* Tries what needs namespaces. */
void doctor_try(struct doctor *doctor);

/* The checks, in the order in which they are made. */
void doctor_kernel(struct doctor *doctor);
void doctor_namespaces(struct doctor *doctor);
void doctor_veth(struct doctor *doctor);
void doctor_capabilities(struct doctor *doctor);
void doctor_programs(struct doctor *doctor);
void doctor_openvswitch(struct doctor *doctor);
void doctor_switch(struct doctor *doctor);
void doctor_datapath(struct doctor *doctor);
void doctor_netem(struct doctor *doctor);
void doctor_tbf(struct doctor *doctor);
void doctor_numgen(struct doctor *doctor);
void doctor_libpcap(struct doctor *doctor);
void doctor_ring(struct doctor *doctor);
void doctor_rmem_max(struct doctor *doctor);
void doctor_rmem_default(struct doctor *doctor);
void doctor_backlog(struct doctor *doctor);
void doctor_clocksource(struct doctor *doctor);
void doctor_clock(struct doctor *doctor);
void doctor_interfaces(struct doctor *doctor);
void doctor_lab(struct doctor *doctor);
void doctor_database(struct doctor *doctor);
