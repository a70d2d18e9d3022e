/* ovs-vsctl, one transaction a call: the changes of a step are made together or not at all. */
#pragma once

#include <stddef.h>

#include "common/error.h"
#include "topo/lab.h"

/* The arguments of one transaction under construction. */
struct ovs_transaction {
    const char *argv[256];
    size_t count;
    char text[16384]; /* of the arguments, one behind the other */
    size_t used;
    bool full; /* something did not fit: ovs_commit() will fail */
};

/* Begins a transaction with the database of 'topo''s switch, or with that of the system's for NULL. */
void ovs_begin(struct ovs_transaction *transaction, const struct topo *topo);

/* Adds one argument. */
void ovs_add(struct ovs_transaction *transaction, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds words, each an argument of its own, NULL-terminated. */
void ovs_words(struct ovs_transaction *transaction, const char *const words[]);

/* Runs the transaction and waits until the switch has taken it over.  What it prints goes to 'output' (NULL
 * drops it). Returns 0 or a negative errno with 'error' filled. */
int ovs_commit(struct ovs_transaction *transaction, char *output, size_t output_size, struct error *error);

/* Where the program 'name' is, into 'path': the folders of system programs, then PATH, because root's may
 * lack sbin. Returns 0, or -ENOENT with 'error' filled. */
int ovs_find_program(const char *name, char path[LAB_PATH_SIZE], struct error *error);

/* Adds to a transaction what makes the lab's bridge with all its ports. */
void ovs_describe_bridge(struct ovs_transaction *transaction, const struct topo *topo);

/* Adds to a transaction what configures the exporters as 'export' says (topo_export()), or, for a transaction
 * of its own, what makes the exporter of the Flow_Sample_Collector_Set 'set'. */
void export_describe(struct ovs_transaction *transaction, const struct topo *topo,
                     const struct topo_export *export);
void export_describe_set(struct ovs_transaction *transaction, const struct topo *topo,
                         const struct topo_export *export, uint32_t set);

/* Makes the lab's bridge with all its ports, and reads their OpenFlow numbers. */
int ovs_make_bridge(struct topo *topo, struct error *error);

/* Removes the rows of Flow_Sample_Collector_Set that carry 'topo''s tag; their exporters send what they hold
 * at that.  Returns 0 or a negative errno with 'error' filled. */
int ovs_remove_sets(const struct topo *topo, struct error *error);

/* True if the running Open vSwitch has a bridge called 'name'. */
bool ovs_has_bridge(const struct topo *topo, const char *name);

/* Removes the bridge 'name' if it carries 'topo''s tag.  Returns 0, also if it is not there or is somebody
 * else's, or a negative errno with 'error' filled. */
int ovs_remove_bridge(const struct topo *topo, const char *name, struct error *error)
    __attribute__((nonnull(1)));
