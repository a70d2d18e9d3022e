/* What the files of this room share: the lab as one struct, and the steps in which it is made. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "topo/relay/relay.h"
#include "topo/topo.h"

#define LAB_TAG_SIZE     64
#define LAB_NETNS_SIZE   64
#define LAB_RUN_DIR_SIZE 160
#define LAB_PATH_SIZE    256
#define LAB_ITEMS_MAX    64

/* What can be made and undone, and what the state file calls it. */
#define LAB_KINDS                                                                                            \
    LAB_KIND(LAB_FOLDER, "folder")       /* name: path; removed if empty */                                  \
    LAB_KIND(LAB_NETNS_DIR, "netns-dir") /* the mount at /run/netns */                                       \
    LAB_KIND(LAB_NETNS, "netns")         /* name: as `ip netns` shows it */                                  \
    LAB_KIND(LAB_OVS_DIR, "ovs-dir")     /* RUN_DIR/ovs and the files in it */                               \
    LAB_KIND(LAB_DAEMON, "daemon")       /* name: of the program */                                          \
    LAB_KIND(LAB_RELAY, "relay")         /* name: of its namespace */                                        \
    LAB_KIND(LAB_LINK, "link")           /* name: number of the host */                                      \
    LAB_KIND(LAB_BRIDGE, "bridge")       /* name: of the bridge */

enum lab_kind {
#define LAB_KIND(KIND, NAME) KIND,
    LAB_KINDS
#undef LAB_KIND
        LAB_KIND_COUNT
};

struct lab_item {
    enum lab_kind kind;
    char name[LAB_RUN_DIR_SIZE];
};

/* A packet socket of the private switch, by which it takes a port's frames in; 'fd' is our copy, -1 for none.
 */
struct lab_socket {
    int fd;
    ino_t inode;
    uint64_t drops; /* so far: the kernel's count starts anew at each reading */
    uint64_t buffer_bytes;
};

/* What may stand between a host and the switch: impair.h. */
struct lab_path {
    bool netem;                 /* a queue at the switch's end */
    char netns[LAB_NETNS_SIZE]; /* the relay's, and its two links */
    char in[TOPO_NAME_SIZE], out[TOPO_NAME_SIZE];
    int netns_fd;
    struct relay relay;
    bool gone_told; /* that the relay has ended was logged */
};

struct topo {
    char prefix[TOPO_PREFIX_SIZE];
    char tag[LAB_TAG_SIZE];
    char run_dir[LAB_RUN_DIR_SIZE];
    unsigned hosts;
    unsigned addresses;
    unsigned mtu;
    struct topo_switch sw;
    topo_progress_fn *progress;
    void *progress_context;

    char bridge[TOPO_NAME_SIZE];
    char switch_netns[LAB_NETNS_SIZE]; /* of a private switch */
    struct topo_port ports[TOPO_HOSTS_MAX + 1];
    int netns_fd[TOPO_HOSTS_MAX + 1]; /* TOPO_SWITCH: the switch's */
    struct lab_socket sockets[TOPO_HOSTS_MAX + 1];
    struct topo_impairment impairments[TOPO_HOSTS_MAX + 1]; /* by the host that the frames go to */
    struct lab_path paths[TOPO_HOSTS_MAX + 1];
    uint64_t tap_tx_dropped[TOPO_HOSTS_MAX + 1]; /* before the links were up: no capture saw those */
    struct topo_export export;                   /* what is configured now */
    struct topo_openflow openflow;
    int64_t openflow_read_ns; /* when its counts were read last */
    bool quiet;               /* topo_quiesce() was called */

    /* What has been begun, in order: the state file. */
    struct lab_item items[LAB_ITEMS_MAX];
    unsigned item_count;
};

/* Fills the names that follow from 'topo''s prefix and hosts, and marks every descriptor as none. */
void lab_name_all(struct topo *topo);

/* Takes 'settings' over into the zeroed 'topo'.  Returns 0, or -EINVAL with 'error' filled when they make no
 * sense. */
int lab_take_settings(struct topo *topo, const struct topo_settings *settings, struct error *error);

/* Says 'step' to whom it concerns.  Returns 0, or what the listener returned, with 'error' filled. */
int lab_step(struct topo *topo, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Says that 'verb' ("make") is about to be done to 'item'.  Returns as lab_step() does. */
int lab_step_item(struct topo *topo, const char *verb, const struct lab_item *item, struct error *error);

/* As lab_step(), and first writes down that 'name' of 'kind' is about to be made.  Returns 0, or a negative
 * errno with 'error' filled. */
int lab_begin(struct topo *topo, enum lab_kind kind, const char *name, struct error *error);

/* True if 'text' can be the tag of a session. */
bool lab_is_tag(const char *text);

/* Takes the tag out of a link's alias, "nsmon:TAG", into 'tag'.  Returns false if it is none of ours. */
bool lab_tag_of(const char *alias, char tag[LAB_TAG_SIZE]);

/* Says that there is already a 'what' called 'name'.  Returns -EEXIST with 'error' filled. */
int lab_taken(struct error *error, const char *what, const char *name);

/* Makes the namespace 'name' under the record and puts its descriptor into '*netns_fd'.  Returns 0, or a
 * negative errno with 'error' filled and '*netns_fd' -1: -EEXIST, and no record, if the name is taken. */
int lab_make_netns(struct topo *topo, const char *name, int *netns_fd, struct error *error);

/* Locks the folder 'run_dir' for as long as the descriptor that it returns is open, and makes sure that
 * nobody else can have written a record there.  Returns a negative errno with 'error' filled: -ENOENT if
 * there is no such folder, -EBUSY if another is at work there, -EPERM if it belongs to another user or anyone
 * may write to it. */
int lab_lock(const char *run_dir, struct error *error);

/* Writes RUN_DIR/state.json anew, or removes it when nothing is recorded.  Returns 0 or a negative errno with
 * 'error' filled. */
int state_write(const struct topo *topo, struct error *error);

/* Reads RUN_DIR/state.json of 'topo->run_dir' into 'topo'.  Returns 0, -ENOENT if there is none ('error'
 * untouched), or -EBADMSG with 'error' filled. */
int state_read(struct topo *topo, struct error *error);

/* Takes down all that 'topo' records, newest first, and forgets what is gone.  Returns 0, or the first
 * failure with 'error' filled. */
int undo_all(struct topo *topo, struct error *error);

/* openflow_counts.c: the bridge's part of topo_each_count(); read at the first call, every ten seconds, and
 * at each call after topo_quiesce(). */
int openflow_each_count(struct topo *topo, topo_count_fn *emit, void *context, struct error *error);
