/* nsmon doctor: what this machine has and lacks for a lab and a collector, and what mends it.
 *
 * Nothing is changed and nothing left behind.  What takes making something (a namespace, a queueing
 * discipline) is made in namespaces of a child process, which vanish with it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

enum doctor_state { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_FAILED, DOCTOR_STATES };

/* What one look found.  The texts are for people, and one line each. */
struct doctor_finding {
    const char *check; /* its name, the same in every version: "kernel" */
    char subject[128]; /* which one, where there are several: a tap, a file; "" otherwise */
    enum doctor_state state;
    char text[320];
    char fix[1024];      /* a command that mends it, or changes it for the better; "" for none */
    char root_only[192]; /* what only root could have seen; "" when all was seen */
};

#define DOCTOR_FINDINGS_MAX   64
#define DOCTOR_INTERFACES_MAX 16

struct doctor_settings {
    const char *database;                          /* to look at; NULL: the default files */
    const char *interfaces[DOCTOR_INTERFACES_MAX]; /* of this namespace, that are to be captured on */
    size_t interface_count;
};

struct doctor_report {
    bool root; /* the process was root's */
    struct doctor_finding findings[DOCTOR_FINDINGS_MAX];
    size_t count;
    size_t lost; /* findings for which there was no room */
};

/* Makes every check, one after the other, and fills 'report'.  Takes a few seconds at most.  Forks; the
 * process must have no other threads. */
void doctor_examine(const struct doctor_settings *settings, struct doctor_report *report);

/* "ok", "warning" or "failed". */
const char *doctor_state_name(enum doctor_state state);

/* How many findings of 'report' have 'state'. */
size_t doctor_count(const struct doctor_report *report, enum doctor_state state);
