/* A lab's life as a command sees it: start it, stop it, ask it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "topo/attach/attach.h"
#include "topo/recipe.h"
#include "topo/topo.h"

#define LAB_PATH_SIZE 512

/* What a lab is to be like.  Strings are kept by the caller. */
struct lab_settings {
    char prefix[TOPO_PREFIX_SIZE]; /* "" for the default names */
    enum topo_datapath datapath;
    const char *database; /* --db, or NULL for the default file */
    const char *label;    /* of the session, or NULL */
    const char *pcap_dir; /* where to keep captures, or NULL */
    bool sflow, netflow, ipfix;
    uint32_t sflow_sampling, ipfix_sampling;
    uint32_t sflow_header_bytes, sflow_polling_s;
    uint32_t netflow_timeout_s, ipfix_timeout_s;
    /* Where the collector listens; -1: the protocol's own port, or any free one if that is taken in the
     * system's namespace. */
    int sflow_port, netflow_port, ipfix_port;
    unsigned hosts, addresses;                              /* as topo_settings; 0: 2 and 1 */
    struct topo_impairment impairments[TOPO_HOSTS_MAX + 1]; /* by the host that the frames go to */
    struct topo_openflow openflow;
    unsigned mtu; /* as topo_settings; 0: 1500 */
    /* A bridge of the system's Open vSwitch to attach to, where no lab is to be built, and the places to
     * capture at; or NULL. */
    const char *attach_bridge;
    const struct attach_truth *truth;
    size_t truth_count;
    /* What 'nsmon run' was given to run, for the report; or NULL. */
    const char *scenario_name, *scenario_text;
};

/* The defaults of 'nsmon start'. */
struct lab_settings lab_settings_default(void);

/* Told what is being done, in words for people; 'detail' for steps that only -v shows. */
typedef void lab_progress_fn(const char *text, bool detail, void *context);

struct lab_info {
    int64_t session_id;
    char database[LAB_PATH_SIZE];
    char description[256]; /* of the switch, for people */
};

/* Builds the lab and starts supervisor and worker, and returns when all is up.  A lab of the same prefix that
 * a crash left behind is taken down first.
 *
 * Returns 0, or a negative errno with 'error' filled: -EPERM without root, -EALREADY when that lab runs. */
int lab_start(const struct lab_settings *settings, lab_progress_fn *progress, void *context,
              struct lab_info *info, struct error *error);

/* Hands 'emit' the commands by which the network of 'settings' and its exporters could be made by hand; see
 * topo_recipe(), whose error it returns.  Changes nothing and needs no root. */
int lab_recipe(const struct lab_settings *settings, topo_recipe_fn *emit, void *context, struct error *error);

/* Flushes the exporters' caches, ends the session and takes the lab of 'prefix' down; also what a crash left
 * of it.
 *
 * Returns 0, or a negative errno with 'error' filled: -EPERM without root, -ENOENT when there is no such lab.
 */
int lab_stop(const char *prefix, lab_progress_fn *progress, void *context, struct error *error);

struct lab_stopped {
    unsigned labs;       /* that ran, or whose record was there */
    unsigned remains;    /* things that had no record any more: bridges, links, processes, namespaces */
    bool bridges_unseen; /* the system's Open vSwitch did not answer, and may have bridges of nsmon's */
};

/* Stops every lab on this machine, as lab_stop() does, also one whose run directory somebody removed, and
 * then removes what crashed labs left, found by their tags (topo/sweep.h).  Goes on over failures.
 *
 * Returns 0, or the first failure with 'error' filled: -EPERM without root. */
int lab_stop_all(lab_progress_fn *progress, void *context, struct lab_stopped *stopped, struct error *error);

/* Ends the session that is attached to a bridge, or puts back what a crash left of it.  Returns as lab_stop()
 * does, and -EINVAL if it is a lab that runs under that prefix. */
int lab_detach(const char *prefix, lab_progress_fn *progress, void *context, struct error *error);

/* Ties a run of traffic to the lab of 'prefix': when the lab is stopped, or its supervisor dies, this process
 * gets SIGTERM, which its handler should take for "end well, and hand over what was counted".  Returns a
 * descriptor to close when that is done, or a negative errno with 'error' filled, -ENOENT when no such lab
 * runs. */
int lab_join(const char *prefix, struct error *error);

/* The state of the lab of 'prefix' as a JSON text, which the caller frees.  Needs no root.  Returns NULL with
 * 'error' filled when no lab runs, or when one is there (see lab_present()) whose worker does not answer. */
char *lab_status(const char *prefix, struct error *error);

/* True if a lab of 'prefix' is there: it runs, is being built or taken down, or has crashed. */
bool lab_present(const char *prefix);
