/* What is done on purpose to the frames on their way to a host: who does it and where it stands.
 *
 *   switch ── ovs-tap2 ═══ in2 [relay] out2 ═══ tap2 ── nftables ── the host's stack
 *          netem        delay, jitter,     rate       │   loss
 *          (delay,      reorder,         (tbf)    the capture
 *           rate)       duplicate
 *
 * Loss is nftables' at the ingress of the tap, always.  A delay and a rate are netem's at the egress of the
 * switch's end where the kernel has it.  Where it has not, and for what netem does not count, copies and
 * reordering, or does not do in order, jitter, a relay stands between the two ends, in a network namespace of
 * its own, with a token bucket behind it for the rate. */
#pragma once

#include <stdbool.h>

#include "common/error.h"
#include "topo/lab.h"

struct nl_sock;

/* Takes over 'settings->impairments' and looks whether they make sense.  Returns 0, or -EINVAL with 'error'
 * filled. */
int impair_take(struct topo *topo, const struct topo_settings *settings, struct error *error);

/* Names the parts that the path to each host may have. */
void impair_name_all(struct topo *topo);

/* True if 'impairment' needs more than nftables. */
bool impair_needs_path(const struct topo_impairment *impairment);

/* Looks whether the names of the parts that will be made are free.  Returns 0, or -EEXIST with 'error'
 * filled.
 */
int impair_check_names(const struct topo *topo, struct error *error);

/* Makes the cable from 'host' to the switch, a veth pair or what stands in for it, under the record: both
 * ends are in the host's namespace afterwards, where 'inside' acts, and down.  Returns 0, or a negative errno
 * with 'error' filled. */
int impair_make_cable(struct topo *topo, unsigned host, struct nl_sock *inside, struct error *error);

/* Sets up what needs the bridge and the taps: loss, and netem.  Returns 0 or a negative errno with 'error'
 * filled. */
int impair_finish(struct topo *topo, struct error *error);

/* Brings up the relays' links: until then the taps have no carrier, and the stations nothing to say.  Returns
 * 0 or a negative errno with 'error' filled. */
int impair_links_up(struct topo *topo, struct error *error);

/* True if frames pass between 'host' and the switch as far as the relay's links are concerned. */
bool impair_has_carrier(const struct topo *topo, unsigned host);

/* True if the relay of 'host' has ended, so that no frame gets there or comes from there; the first time that
 * it is so is logged. */
bool impair_relay_gone(struct topo *topo, unsigned host);

/* Waits until nothing is under way on the paths any more, as long as the delays may take; and says once more
 * which relays have ended, to whoever ends the lab. */
void impair_drain(struct topo *topo);

/* Hands 'emit' what was done, as topo_each_count(). */
int impair_each_count(struct topo *topo, topo_count_fn *emit, void *context, struct error *error);

/* Ends the relay in the namespace 'name', also one that another process of nsmon's started.  Returns 0, also
 * if there is none, or a negative errno with 'error' filled. */
int impair_stop_relay(struct topo *topo, const char *name, struct error *error);

/* Closes what 'topo' holds of the paths. */
void impair_release(struct topo *topo);

/* --- impair_loss.c --- */

/* Room for the rules of impair_loss_rules(), the NUL included. */
#define IMPAIR_RULES_SIZE 2048

/* Writes what nft(8) has to be told for 'impairment' at 'tap'.  Returns 'text'. */
const char *impair_loss_rules(const struct topo_impairment *impairment, const char *tap,
                              char text[IMPAIR_RULES_SIZE]);

/* Drops frames at the ingress of the tap of 'host'.  Returns 0 or a negative errno with 'error' filled. */
int impair_loss_make(const struct topo *topo, unsigned host, struct error *error);

struct impair_loss {
    int64_t packets, bytes; /* layer 2 */
};

/* Reads how many of each class.  Returns 0 or a negative errno with 'error' filled. */
int impair_loss_read(const struct topo *topo, unsigned host, struct impair_loss lost[RELAY_CLASS_COUNT],
                     struct error *error);

/* --- impair_queue.c --- */

struct impair_queue_stats {
    uint64_t packets, bytes; /* that went through */
    uint64_t dropped;
    uint64_t waiting; /* packets now */
};

/* Limits what leaves by 'name' to 'rate_bps' with a token bucket, tc-tbf(8), of 'mtu' and a queue of 50 ms.
 * Returns 0 or a negative errno with 'error' filled. */
int impair_tbf_make(struct nl_sock *sock, const char *name, uint64_t rate_bps, unsigned mtu,
                    struct error *error);

/* Reads the root queue of 'name', which is of 'kind', "tbf", in the namespace 'netns_fd'.  Returns 0, or a
 * negative errno with 'error' filled: -ENOENT if there is another. */
int impair_queue_read(int netns_fd, const char *name, const char *kind, struct impair_queue_stats *stats,
                      struct error *error);

/* True if netem can do all that 'impairment' wants done before the tap. */
bool impair_netem_fits(const struct topo_impairment *impairment);

/* True if this kernel has netem and there is a tc(8) for it: tried at lo of the namespace 'netns_fd'. */
bool impair_netem_works(int netns_fd);

/* Makes netem the root queue of the switch's end of 'host'.  Returns 0 or a negative errno with 'error'
 * filled. */
int impair_netem_make(const struct topo *topo, unsigned host, struct error *error);
