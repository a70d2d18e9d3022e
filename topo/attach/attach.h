/* Measures on a bridge of the system's Open vSwitch that is there already, and puts back what it changed.
 *
 * All that is ever changed is the bridge's exporters: a target is added to the record that is there, or a
 * record is made where there is none, and the key "nsmon-attach" of the bridge's external_ids says which.  No
 * port, no flow, no link and no offload is touched.  The order that loses nothing: attach_open(), captures
 * and sockets, attach_export(); then traffic; then attach_flush(), wait, attach_detach().
 *
 * What is about to be done is written to RUN_DIR/attach first; the same words stand in the bridge's
 * external_ids from the same transaction on, so that it can be undone after a crash, and after a reboot,
 * which empties /run and leaves the switch's database as it was.
 *
 * The functions need root, and Open vSwitch's database where ovs-vsctl(8) looks for it (OVS_RUNDIR).  Unless
 * it says otherwise a function returns 0, or a negative errno with 'error' filled.  A struct attach is for
 * one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "topo/topo.h"

#define ATTACH_TRUTH_MAX   16
#define ATTACH_PORTS_MAX   256
#define ATTACH_NETNS_SIZE  64
#define ATTACH_TARGET_SIZE 32
#define ATTACH_UUID_SIZE   37

/* The kinds of exporters; each is a table, and a column of Bridge that names a row of it. */
enum attach_kind { ATTACH_SFLOW, ATTACH_NETFLOW, ATTACH_IPFIX, ATTACH_KINDS };

struct attach_names {
    const char *table;  /* "sFlow" */
    const char *column; /* "sflow" */
};

extern const struct attach_names attach_names[ATTACH_KINDS];

enum attach_role {
    ATTACH_ROLE_AUTO,    /* port for a port of the bridge, else station; an internal port is a station */
    ATTACH_ROLE_PORT,    /* what comes in at the interface goes to the switch */
    ATTACH_ROLE_STATION, /* what leaves the interface goes to the switch */
};

/* An interface to be captured. */
struct attach_truth {
    char netns[ATTACH_NETNS_SIZE]; /* as `ip netns` shows it; "" for that of the switch */
    char name[TOPO_NAME_SIZE];
    enum attach_role role;
};

struct attach_settings {
    const char *bridge;
    const char *run_dir; /* is there */
    const char *prefix;  /* of the session, "" for none */
    const char *tag;
    struct attach_truth truth[ATTACH_TRUTH_MAX];
    size_t truth_count;
    bool export[ATTACH_KINDS]; /* which exporters are wanted */
    topo_progress_fn *progress;
    void *progress_context;
};

struct attach;

/* Looks at the bridge and the interfaces, and changes nothing.  -EPERM without root, -ENOENT when there is no
 * such bridge or interface, -EALREADY when a session is attached to it, -EBUSY when a record is shared with
 * another bridge, whose exports would come as well. */
int attach_open(const struct attach_settings *settings, struct attach **attach, struct error *error);

/* A port of the bridge, counted or not. */
struct attach_port {
    char name[64];
    uint32_t ifindex; /* 0: it has no link in the switch's namespace, so nobody counts it */
    uint32_t of_port; /* 0: not known */
    bool internal;    /* the host's own end: what leaves the link goes to the switch */
    int point;        /* of attach_point(), where it is captured; -1: nowhere */
};

/* A place where frames are to be captured. */
struct attach_point {
    char name[TOPO_NAME_SIZE];
    char netns[ATTACH_NETNS_SIZE];
    int netns_fd; /* belongs to the attach */
    uint32_t ifindex;
    uint8_t mac[6];
    bool is_port;
    const struct attach_port *port; /* or NULL: it is not known where in the switch it ends */
};

/* How an exporter of the bridge stands. */
enum attach_mode {
    ATTACH_OFF,    /* not wanted */
    ATTACH_MADE,   /* there was none: ours */
    ATTACH_JOINED, /* it is the bridge's owner's, and our target is added */
    ATTACH_THERE,  /* it is the bridge's owner's, and has this very target already */
};

struct attach_exporter {
    enum attach_mode mode;
    char uuid[ATTACH_UUID_SIZE];     /* of the record, "" for one of ours */
    char target[ATTACH_TARGET_SIZE]; /* from attach_export() on */
    uint32_t sampling;               /* of the owner's record; sFlow and IPFIX */
    int64_t
        timeout_s; /* of the owner's record: NetFlow's active timeout, -1 for none; IPFIX's cache, 0: none */
};

const char *attach_bridge(const struct attach *attach);
const struct attach_exporter *attach_exporter(const struct attach *attach, enum attach_kind kind);
size_t attach_port_count(const struct attach *attach);
const struct attach_port *attach_port(const struct attach *attach, size_t index);
size_t attach_point_count(const struct attach *attach);
const struct attach_point *attach_point(const struct attach *attach, size_t index);

/* In words for people: whose exporters are used, and what stands in the way of exact numbers.  NULL behind
 * the last one. */
const char *attach_remark(const struct attach *attach, size_t index);

/* The network namespace of the switch's process.  Belongs to 'attach'. */
int attach_switch_fd(const struct attach *attach);
bool attach_kernel_datapath(const struct attach *attach);

/* Has the bridge export to 'export''s ports; what else it says holds for records that are made. */
int attach_export(struct attach *attach, const struct topo_export *export, struct error *error);

/* Has the exporters send what they hold, as far as they are ours, and sets '*wait_ns' to how long the last of
 * it takes; the rest has been waited for when it returns.  For an owner's record that is the time in which it
 * reports by itself what has ended, 15 s at most. */
int attach_flush(struct attach *attach, int64_t *wait_ns, struct error *error);

/* Hands out what the kernel counted at each port since attach_export(): switch_in and switch_out, and
 * switch_in_drop where the switch's packet socket lost some.  After the process of a userspace switch has
 * ended both are -1, not known, and -ESTALE is returned when all is handed out. */
int attach_each_count(struct attach *attach, topo_count_fn *emit, void *context, struct error *error);

typedef void attach_point_fn(size_t point, const struct topo_port_stats *stats, void *context);

/* Hands out the same of each point whose port is known, as a lab says it of a host. */
int attach_each_point(struct attach *attach, attach_point_fn *emit, void *context, struct error *error);

/* Puts the exporters back as they were.  What the bridge's owner changed meanwhile stays: other columns, and
 * targets of his own.  A second call does nothing. */
int attach_detach(struct attach *attach, struct error *error);

/* Frees 'attach'; what was changed stays.  Takes NULL. */
void attach_close(struct attach *attach);

/* True if an attached bridge is recorded in 'run_dir'. */
bool attach_recorded(const char *run_dir);

/* Detaches from what 'run_dir' records and, as it may have been lost, from each bridge that says that a
 * session of 'prefix' is attached to it.  '*found' tells whether there was any.  'progress' may be NULL. That
 * no Open vSwitch answers is no failure when nothing is recorded. */
int attach_recover(const char *run_dir, const char *prefix, bool *found, topo_progress_fn *progress,
                   void *progress_context, struct error *error);

typedef void attach_session_fn(const char *bridge, const char *prefix, const char *tag, void *context);

/* Hands 'emit' each bridge of the system's Open vSwitch that says that a session is attached to it, with that
 * session's prefix and tag.  None where no Open vSwitch answers. */
void attach_each_session(attach_session_fn *emit, void *context);
