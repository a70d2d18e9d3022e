/* What the files of this room share. */
#pragma once

#include <sys/types.h>

#include "topo/attach/attach.h"
#include "topo/attach/tables.h"
#include "topo/lab.h"
#include "topo/link.h"
#include "topo/ovs.h"

/* The key of a bridge's external_ids by which an attached session is known. */
#define ATTACH_KEY "nsmon-attach"

#define ATTACH_PAUSED_SIZE 160

/* What a target may be made of: "[fe80::1%eth0]:4739". */
#define ATTACH_TARGETS_ALLOWED "-,.:[]%_/0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

#define ATTACH_REMARKS_MAX 40

/* What was done to a bridge, and all that it takes to undo it. */
struct attach_record {
    char bridge[64];
    char tag[LAB_TAG_SIZE];
    char prefix[TOPO_PREFIX_SIZE];
    struct attach_exporter exporters[ATTACH_KINDS]; /* mode, uuid and target */
    /* Targets of the owner's IPFIX that are taken away for a moment, with commas between; "" for none. */
    char paused[ATTACH_PAUSED_SIZE];
};

#define ATTACH_RECORD_SIZE 512

/* What a port's link and the switch's packet socket there counted when the session began. */
struct attach_baseline {
    struct link_info link;
    uint64_t drops;
    bool drops_known;
};

struct attach {
    struct attach_record record;
    char run_dir[LAB_RUN_DIR_SIZE];
    bool exported; /* something may have been changed */
    struct attach_port ports[ATTACH_PORTS_MAX];
    struct attach_baseline baselines[ATTACH_PORTS_MAX];
    size_t port_count;
    size_t port_total; /* there are more than ports has room for */
    struct attach_point points[ATTACH_TRUTH_MAX];
    size_t point_count;
    pid_t switch_pid;     /* 0: not known */
    int switch_pidfd;     /* of that process, -1: none */
    bool switch_replaced; /* it has ended since attach_open() */
    int switch_fd;
    bool kernel_datapath;
    topo_progress_fn *progress;
    void *progress_context;
    char remarks[ATTACH_REMARKS_MAX][256];
    size_t remark_count;
};

/* record.c: the record as a line of words, and back.  Returns 0, or -EBADMSG for what is no such line. */
void attach_record_format(const struct attach_record *record, char text[ATTACH_RECORD_SIZE]);
int attach_record_parse(struct attach_record *record, const char *bridge, const char *text);

/* record.c: RUN_DIR/attach.  Reading returns -ENOENT if there is none. */
int attach_record_write(const struct attach_record *record, const char *run_dir, struct error *error);
int attach_record_read(struct attach_record *record, const char *run_dir, struct error *error);
int attach_record_remove(const char *run_dir, struct error *error);

/* change.c: the row of 'table' that 'record' made as its exporter 'kind', or tables_row_count(). */
size_t attach_made_row(const struct tables *tables, const struct attach_record *record,
                       enum attach_kind kind);

/* change.c: true if the made row 'row' has no target but ours, so that nobody else uses it. */
bool attach_row_is_ours(const struct tables *tables, const struct attach_record *record,
                        enum attach_kind kind, size_t row);

/* change.c: undoes what 'record' says in the database; or rather what the bridge says itself, if it speaks of
 * the same session. */
int attach_undo(const struct attach_record *record, struct error *error);

/* Frames that packet sockets had no room for, by the interface that they receive from. */
struct attach_drops {
    struct {
        uint32_t ifindex;
        uint64_t drops;
    } of[ATTACH_PORTS_MAX];
    size_t count;
};

/* drops.c: asks for those of process 'pid' in the namespace 'netns_fd'; none if they can't be known. */
void attach_read_drops(int netns_fd, pid_t pid, struct attach_drops *drops);

/* drops.c: sets '*lost' to those at 'ifindex'.  Returns false, and 0, if there is no such socket. */
bool attach_find_drops(const struct attach_drops *drops, uint32_t ifindex, uint64_t *lost);

/* flush.c: has the switch count all that its datapath has forwarded (ovs-vswitchd(8), revalidator/wait). */
int attach_settle(struct error *error);

/* counts.c: from here on counts begin at 0. */
int attach_take_baselines(struct attach *attach, struct error *error);

/* Tells of 'step'.  Returns what the listener says, with 'error' filled. */
int attach_step(const struct attach *attach, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void attach_remember(struct attach *attach, const char *format, ...) __attribute__((format(printf, 2, 3)));
