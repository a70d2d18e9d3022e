/* Builds, configures, watches and takes down the lab: namespaces, links, an Open vSwitch bridge, its
 * exporters.
 *
 *     ns1                         nsmon-br0 (in nsmon-sw when the switch is private)                 ns2
 *   tap1 10.0.0.1 == veth == ovs-tap1 --------------+-------------- ovs-tap2 == veth == tap2 10.0.0.2
 *
 * The order that loses no frame: topo_create(), open captures and collector sockets, topo_export(),
 * topo_links_up(); then traffic; then topo_quiesce(), topo_flush(), wait, topo_destroy().
 *
 * What is about to be made is written to RUN_DIR/state.json before it is made, and all that is made carries
 * the session's tag, so that topo_destroy() and, after a crash, topo_recover() remove that and nothing else.
 *
 * The functions need root.  A struct topo is for one thread; its calls may enter another network namespace
 * and come back.  Every descriptor is close-on-exec; a child that doesn't need the lab calls topo_close(). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/address.h"
#include "common/error.h"

#define TOPO_NAME_SIZE   16 /* of the name of a link, its NUL included */
#define TOPO_PREFIX_SIZE 6
#define TOPO_HOSTS_MAX   8
#define TOPO_MTU_MIN     1280 /* of IPv6: RFC 8200, 5 */
#define TOPO_MTU_MAX     9000
#define TOPO_MTU_DEFAULT 1500
/* Of a host and IP version: as many as the host's IPv4 prefix has. */
#define TOPO_ADDRESSES_MAX  65536
#define TOPO_PREFIX_BITS_V4 16
#define TOPO_PREFIX_BITS_V6 64
/* In a host's place: the network namespace that the switch runs in, whence the exporters send. */
#define TOPO_SWITCH 0

enum topo_datapath {
    TOPO_DATAPATH_AUTO,   /* the running Open vSwitch, in the kernel if it can, else a private one */
    TOPO_DATAPATH_SYSTEM, /* the kernel's datapath of the running Open vSwitch, or an error */
    TOPO_DATAPATH_NETDEV, /* the userspace datapath, of the running Open vSwitch or of a private one */
};

/* What is done on purpose to the frames on their way to one host, between the switch and that host's
 * application.  Chances are of 0 to 1; of "every n-th", 0 is never and 1 is each; both kinds add up. */
struct topo_impairment {
    double loss;
    uint32_t loss_every;
    double duplicate;
    uint32_t duplicate_every;
    double reorder; /* such a frame is held back until 'reorder_gap' later ones have passed it */
    uint32_t reorder_every;
    uint32_t reorder_gap; /* 0 is 1 */
    int64_t delay_ns;
    int64_t
        jitter_ns; /* the delay is even over delay_ns - jitter_ns to delay_ns + jitter_ns; order is kept */
    uint64_t rate_bps; /* of frames, layer 2 without FCS; 0: no limit */
    uint64_t seed;     /* of what is random, where it can be set; 0: any */
};

#define TOPO_RULES_MAX 64
#define TOPO_SETS_MAX  8

/* OpenFlow of the bridge.  The strings are kept by the caller; none may hold a newline. */
struct topo_openflow {
    const char *rules[TOPO_RULES_MAX]; /* flows as ovs-ofctl(8) writes them, "priority=10,udp,actions=drop" */
    size_t rule_count;                 /* 0: what a bridge does by itself, NORMAL; it stays below the rules */
    const char *meters[TOPO_RULES_MAX]; /* "meter=1,kbps,band=type=drop,rate=1000" */
    size_t meter_count;
    uint32_t sets[TOPO_SETS_MAX]; /* ids of Flow_Sample_Collector_Set that the rules' sample actions name;
                                   * each exports IPFIX to the collector's IPFIX port.  topo_openflow_check()
                                   * fills them in. */
    size_t set_count;
    char *text; /* where the strings lie, to be freed; or NULL (topo/openflow.h) */
};

/* Told of each step before it is taken, "link tap1".  Returns 0 to go on, or a negative errno: then the call
 * undoes itself and returns that.  What it returns while something is being undone is not heeded. */
typedef int topo_progress_fn(const char *step, void *context);

struct topo_settings {
    char prefix[TOPO_PREFIX_SIZE]; /* "" or up to 5 of a-z 0-9: "x" makes all names "x-..." */
    enum topo_datapath datapath;
    const char *run_dir; /* absolute, "/run/nsmon/default"; made if it is not there; root's alone */
    const char *tag;     /* of the session: letters, digits and "-", up to 63 */
    unsigned hosts;      /* 1 to TOPO_HOSTS_MAX; 0 is 2 */
    unsigned addresses;  /* of each host and IP version, up to TOPO_ADDRESSES_MAX; 0 is 1 */
    unsigned mtu;        /* of every link, TOPO_MTU_MIN to TOPO_MTU_MAX; 0 is 1500 */
    /* By the host that the frames go to, [1] to [hosts]; or NULL for none. */
    const struct topo_impairment *impairments;
    const struct topo_openflow *openflow; /* or NULL */
    topo_progress_fn *progress;           /* or NULL */
    void *progress_context;
};

/* Which switch the lab uses. */
struct topo_switch {
    bool private_ovs;     /* our own, in a namespace of its own */
    bool kernel_datapath; /* else the userspace one */
    char why[160];        /* for people */
};

/* Finds out which switch 'wanted' means on this machine.  Changes nothing.  Returns 0, or with 'error' filled
 * -ENOENT if Open vSwitch is not installed, -ENOTCONN if the kernel's datapath is wanted and no Open vSwitch
 * runs to drive it, or -ENOTSUP if the kernel has no such datapath. */
int topo_resolve_datapath(enum topo_datapath wanted, struct topo_switch *found, struct error *error);

struct topo;

/* Builds the lab that 'settings' describe and puts it into '*topo'.  At the end everything is there and tapN
 * is up, but ovs-tapN is down, so that no frame moves yet.
 *
 * Returns 0, or a negative errno with 'error' filled: -EEXIST if one of the names is taken or a lab is
 * recorded in the run directory (see topo_recover()), -EINVAL for settings that make no sense, -EPERM without
 * root.  A failure leaves nothing behind, and nothing of others' is touched. */
int topo_create(const struct topo_settings *settings, struct topo **topo, struct error *error);

/* Brings every ovs-tapN up and returns when every tap has its carrier.  Returns 0, or -ETIMEDOUT or another
 * negative errno with 'error' filled. */
int topo_links_up(struct topo *topo, struct error *error);

/* What a host's two ends are called and how the exporters name them. */
struct topo_port {
    char tap[TOPO_NAME_SIZE];     /* in the host's namespace */
    char ovs_tap[TOPO_NAME_SIZE]; /* in the switch's namespace */
    uint32_t tap_ifindex;
    uint32_t ifindex;   /* of ovs_tap: sFlow's and IPFIX's interface */
    uint32_t of_port;   /* of ovs_tap: NetFlow's interface */
    uint8_t tap_mac[6]; /* of tap: the station's address */
    char ipv4[16];      /* of tap, "10.0.0.1" */
    char ipv6[46];      /* of tap, "fd00:6e73:6d6f:6e::1"; "" on a kernel without IPv6 */
    char netns[64];     /* as `ip netns` shows it, "x-ns1" */
};

unsigned topo_hosts(const struct topo *topo);
unsigned topo_addresses(const struct topo *topo); /* of each host and IP version */
const struct topo_switch *topo_switch(const struct topo *topo);
const char *topo_bridge(const struct topo *topo);

/* The ports of 'host', 1 to topo_hosts(); valid as long as 'topo'.  NULL for another number. */
const struct topo_port *topo_port(const struct topo *topo, unsigned host);

/* The network namespace of 'host', or of the switch for TOPO_SWITCH (this process's own when the system's
 * Open vSwitch is used).  The descriptor belongs to 'topo'.  Returns -1 if there is none. */
int topo_namespace_fd(const struct topo *topo, unsigned host);

/* Opens the namespace of 'host' in the lab of 'prefix', from any process that may.  The caller closes it.
 * Returns a descriptor, or a negative errno with 'error' filled: -ENOENT if no such lab is up. */
int topo_namespace_open(const char *prefix, unsigned host, struct error *error);

/* The 'index'-th address of 'host' in each IP version, the same in every lab.  0 is the tap's
 * own: 10.0.0.HOST and fd00:6e73:6d6f:6e::HOST.  The further ones, 1 to TOPO_ADDRESSES_MAX - 1, are of the
 * host's prefix: 10.HOST.0.0 + index and fd00:6e73:6d6f:HOST:: + index.  In a lab of more than one address a
 * socket of the host may bind any of them, and the others reach it there. */
void topo_host_address(unsigned host, unsigned index, struct ip_address *ipv4, struct ip_address *ipv6);

/* The prefix that the further addresses of 'host' are of: TOPO_PREFIX_BITS_V4 and _V6 long. */
void topo_host_prefix(unsigned host, struct ip_address *ipv4, struct ip_address *ipv6);

/* Makes a socket, as socket(2) does and close-on-exec, in the network namespace 'netns_fd'.  Returns a
 * descriptor, or a negative errno with 'error' filled. */
int topo_socket_in(int netns_fd, int domain, int type, int protocol, struct error *error);

/* Calls 'function' with 'context' inside the network namespace 'netns_fd' and returns what it returns, or a
 * negative errno with 'error' filled if there is no way in.  The calling thread alone is moved there and
 * back. */
int topo_call_in(int netns_fd, int (*function)(void *context), void *context, struct error *error);

/* What the switch exports to 127.0.0.1 of its namespace.  A port of 0 turns that exporter off. */
struct topo_export {
    struct {
        uint16_t port;
        uint32_t sampling;     /* 1 in this many; 0 is 64 */
        uint32_t header_bytes; /* 0 is 128 */
        uint32_t polling_s;    /* of the counters; 0 never */
    } sflow;
    struct {
        uint16_t port;
        uint32_t active_timeout_s; /* 0 is Open vSwitch's own, 600 */
    } netflow;
    struct {
        uint16_t port;
        uint32_t sampling;               /* 1 in this many; 0 is 64 */
        uint32_t cache_active_timeout_s; /* 0: no cache, a record a sampled packet */
        uint32_t cache_max_flows;        /* 0 with a timeout: 8192 */
        uint32_t domain;                 /* observation domain */
        uint32_t point;                  /* observation point */
    } ipfix;
};

/* Configures the exporters, all in one transaction; what is not in 'export' is turned off.  The collector
 * must be listening.  Returns 0 or a negative errno with 'error' filled. */
int topo_export(struct topo *topo, const struct topo_export *export, struct error *error);

/* Makes the stations send no more: frames are dropped before a capture at the tap sees them, and those that
 * it saw are still delivered.  Returns 0 or a negative errno with 'error' filled. */
int topo_quiesce(struct topo *topo, struct error *error);

/* Makes the switch send all that its exporters hold back, and sets '*wait_ns' to how long that takes at most;
 * the collector must read for so long.  For the end of a session: NetFlow's timeout is 1 s from here on, and
 * IPFIX is off when its cache has been emptied.  NetFlow comes from a new source port then, its sequence
 * going on; IPFIX does not.  Returns 0 or a negative errno with 'error' filled. */
int topo_flush(struct topo *topo, int64_t *wait_ns, struct error *error);

/* Counts of one host's ports since topo_create(), so that what was dropped before the links were up is in
 * them: for a stretch of time take the difference of two readings.  Bytes are layer 2 without FCS. */
struct topo_port_stats {
    uint64_t rx_packets; /* out of the tap and to the switch's door, as the kernel's ovs-tapN counts */
    uint64_t rx_bytes;
    uint64_t tx_packets; /* out of the switch to the tap */
    uint64_t tx_bytes;
    uint64_t rx_dropped;     /* at ovs-tapN, before the switch */
    uint64_t tx_dropped;     /* at ovs-tapN, on the way to the tap */
    uint64_t tap_tx_dropped; /* at tapN since topo_links_up(), after a capture there saw them */
    /* Frames of rx_packets that the switch's own packet socket had no room for: in no exporter's sight. */
    uint64_t socket_drops;
    bool socket_drops_known;      /* only a private switch's sockets can be asked */
    uint64_t socket_buffer_bytes; /* the size of its receive buffer, 0 if not known */
    bool relay_gone;              /* the relay before this host has ended: no frame passes, either way */
};

/* Reads the counts of 'host'.  Cheap enough for once a second.  Returns 0 or a negative errno with 'error'
 * filled. */
int topo_port_stats(struct topo *topo, unsigned host, struct topo_port_stats *stats, struct error *error);

/* A count of the ledger, from the lab's beginning: frames and their bytes (layer 2 without FCS; -1 for what
 * is not known) at 'stage' of the way.
 *
 * Stages, in the order in which a frame meets them: sent, tap_out, switch_in, switch_out, tap_in, received;
 * "switch_in_drop" is what got lost behind switch_in, and "tap_in_impaired_loss", "..._impaired_duplicate",
 * "..._impaired_reorder" and "..._impaired_delay" are what was done on purpose behind that stage. 'direction'
 * is "ns1>ns2" in a lab of two hosts, else "ns1>switch", "switch>ns2", or "switch" for what has no direction.
 * 'source' says in words who counted; where datagrams of UDP are counted apart, the row of
 * the rest says "other IP packets" there. */
struct topo_count {
    char stage[32];
    char direction[24];
    int64_t packets, bytes;
    char source[96];
};

typedef void topo_count_fn(const struct topo_count *count, void *context);

/* Hands 'emit' the counts of impairments, of OpenFlow ports and of OpenFlow rules.  Cheap enough for once a
 * second; the last ones are to be asked for before topo_destroy().  Returns 0 or the first failure, with
 * 'error' filled, after which the others were still tried. */
int topo_each_count(struct topo *topo, topo_count_fn *emit, void *context, struct error *error);

/* Takes down all that topo_create() made, and nothing else, and stops the private switch.  It goes on over
 * failures and then returns the first, with 'error' filled; what could not be removed stays in the state
 * file.  A second call does nothing and returns 0. */
int topo_destroy(struct topo *topo, struct error *error);

/* Closes descriptors and frees 'topo'; the lab stays as it is.  Takes NULL. */
void topo_close(struct topo *topo);

/* True if a lab is recorded in 'run_dir': one that is up, or one that a crash left behind. */
bool topo_recorded(const char *run_dir);

/* Takes down the lab recorded in 'run_dir', as topo_destroy() does.  'progress' may be NULL.  Returns 0, also
 * if nothing is recorded there, or a negative errno with 'error' filled. */
int topo_recover(const char *run_dir, topo_progress_fn *progress, void *progress_context,
                 struct error *error);
