/* 'nsmon collect': the collector without a lab, for the exporters of any network.
 *
 * Started by root it opens its sockets, leaves a keeper behind and becomes an unprivileged user for the rest;
 * by anybody else it is one process. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "collector/override.h"
#include "daemon/intake.h"

#define COLLECT_OVERRIDES_MAX 256
#define COLLECT_NAME_SIZE     6

struct collect_listen {
    struct ip_address address; /* family 0: every address, of IPv4 and IPv6 */
    uint16_t port;             /* 0: any free one */
};

struct collect_settings {
    struct collect_listen listen[INTAKE_LISTENERS_MAX];
    size_t listen_count;
    struct ip_prefix allow[INTAKE_ALLOW_MAX];
    size_t allow_count; /* 0: everybody */
    struct collector_override overrides[COLLECT_OVERRIDES_MAX];
    size_t override_count;
    int64_t sampling_rate; /* of exporters that say none; 0: unknown */
    /* What follows stays as it was at the start when settings are read again. */
    char name[COLLECT_NAME_SIZE]; /* "" or that of a second collector beside another */
    char label[65];               /* "" for none */
    char database[4096];          /* "": the default */
    bool keep_unknown;
    int64_t duration_ns; /* 0: until told to end */
};

/* What the program does when something happens; all but 'reload' may say it to people. */
struct collect_hooks {
    /* It runs. */
    void (*ready)(const struct intake *intake, const char *database, void *context);
    /* Once a second. */
    void (*progress)(const struct intake *intake, int64_t elapsed_ns, void *context);
    /* It has ended; all that was known stands in 'intake' still. */
    void (*summary)(const struct intake *intake, const char *database, void *context);
    /* SIGHUP: reads the settings again.  Returns 0 or a negative errno with 'error' filled. */
    int (*reload)(struct collect_settings *settings, void *context, struct error *error);
    void *context;
};

/* Collects until SIGINT, SIGTERM or the end of the duration; then reads what is under way, writes and closes.
 * 'description' is a JSON object for the session's row.  Returns an exit status of the program: EXIT_SUCCESS,
 * or EXIT_FAILURE, with 'error' filled if this process is the one to say it ("" if its child has). */
int collect_run(const struct collect_settings *settings, const char *description,
                const struct collect_hooks *hooks, struct error *error);

/* The state of the collectors called 'name' that run, for 'which' from 0, as a JSON text which the caller
 * frees; NULL when none answers there.  '*more' is false behind the last place. */
char *collect_status(const char *name, size_t which, bool *more);
