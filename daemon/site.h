/* Where a session measures, for the supervisor: a lab that nsmon builds, or a bridge that is there already.
 *
 * The order that loses no frame is that of topo/topo.h: build(), captures and sockets, export_to(),
 * links_up(); then traffic; then quiesce(), flush(), the last counts, take_down().  All functions need root
 * and belong to one thread.  They return 0 or a negative errno with 'error' filled. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/lab.h"
#include "daemon/worker.h"
#include "topo/topo.h"

/* A place where frames are captured. */
struct site_point {
    struct topo_port port; /* the capture is at 'tap'; a name of the bridge's end that is not known is "" */
    char name[STORE_NAME_SIZE]; /* of the capture */
    bool is_port;               /* 'tap' is the bridge's own port: what comes in there goes to the switch */
    unsigned station;           /* from 1, each its own */
    int netns_fd;               /* of 'tap'; the site's */
};

/* An interface of the switch by both its keys. */
struct site_interface {
    char name[STORE_NAME_SIZE];
    uint32_t ifindex, of_port; /* 0: none */
};

/* What a built site looks like. */
struct site_view {
    char bridge[TOPO_NAME_SIZE];
    char switch_text[160]; /* for people */
    int switch_fd;         /* the network namespace whence the exporters send; the site's */
    struct site_point points[SITE_POINTS_MAX];
    size_t point_count;
    struct site_interface interfaces[SITE_INTERFACES_MAX];
    size_t interface_count;
    uint32_t ipfix_sampling; /* its exporter does not say */
};

struct site_kind;

/* Begins each kind's own struct. */
struct site {
    const struct site_kind *kind;
    struct site_view view;
};

/* What to build. */
struct site_order {
    const struct lab_settings *lab;
    const char *run_dir;
    const char *tag; /* of the session */
    topo_progress_fn *progress;
    void *progress_context;
};

typedef void site_port_fn(unsigned host, const struct topo_port_stats *stats, void *context);

struct site_kind {
    const char *name; /* of the session: "lab", "attach" */
    const char *truth_rule;
    const char *building, *exporting, *leaving; /* the steps in words */

    /* Makes '*site'; a failure leaves nothing. */
    int (*build)(const struct site_order *order, struct site **site, struct error *error);

    /* What people should know of what was found there, one after the other; NULL behind the last one. */
    const char *(*remark)(const struct site *site, size_t index);

    /* Has the switch export to 'ports' of 127.0.0.1 in its namespace; 0 is an exporter that is off. */
    int (*export_to)(struct site *site, const uint16_t ports[SOCKET_COUNT], struct error *error);

    /* Lets frames move, where they don't yet. */
    int (*links_up)(struct site *site, struct error *error);

    /* Has no more frames enter, where that is ours to say. */
    int (*quiesce)(struct site *site, struct error *error);

    /* Has the exporters send what they hold, and sets '*wait_ns' to how long that takes. */
    int (*flush)(struct site *site, int64_t *wait_ns, struct error *error);

    /* Hands out the counts of the ports, and the rows of the ledger; for once a second. */
    void (*each_port)(struct site *site, site_port_fn *emit, void *context);
    int (*each_count)(struct site *site, topo_count_fn *emit, void *context, struct error *error);

    /* What the session was told to do, as the JSON text of session.settings (docs/database.md), to be freed
     * by the caller; NULL when memory is out. */
    char *(*describe)(const struct site *site, const uint16_t ports[SOCKET_COUNT]);

    /* Undoes all that build() and export_to() did. */
    int (*take_down)(struct site *site, struct error *error);

    /* Frees 'site' and closes its descriptors; what it made stays.  Takes NULL. */
    void (*release)(struct site *site);
};

extern const struct site_kind site_lab;
extern const struct site_kind site_attach;
