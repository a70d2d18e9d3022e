/* The exporters: configured together, and emptied at the end. */
#include "topo/topo.h"

#include <errno.h>

#include "common/clock.h"
#include "topo/impair.h"
#include "topo/host.h"
#include "topo/lab.h"
#include "topo/link.h"
#include "topo/ovs.h"
#include "topo/socket.h"
#include "topo/vswitch.h"

/* How long the exporters may take to send what they hold: NetFlow looks at its flows once a second, and its
 * shortest timeout is one more (measured, OVS.md); sFlow sends a datagram each second. */
#define NETFLOW_FLUSH_NS (2200 * NS_PER_MS)
#define SFLOW_FLUSH_NS   (1100 * NS_PER_MS)
/* From the socket through the switch and its handler threads to the exporters' caches. */
#define SETTLE_NS        (50 * NS_PER_MS)
#define QUIESCE_LIMIT_NS (5 * NS_PER_S)

static uint32_t or_default(uint32_t value, uint32_t standard) {
    return value != 0 ? value : standard;
}

static void target(struct ovs_transaction *transaction, uint16_t port) {
    ovs_add(transaction, "targets=\"127.0.0.1:%u\"", port);
}

/* Turns the exporter in the bridge's column 'column' off, or on by what stands in the row @'column'. */
static void attach(struct ovs_transaction *transaction, const struct topo *topo, const char *column,
                   bool on) {
    ovs_words(transaction, (const char *const[]){"--", on ? "set" : "clear", "Bridge", topo->bridge, NULL});
    if (on) {
        ovs_add(transaction, "%s=@%s", column, column);
    } else {
        ovs_add(transaction, "%s", column);
    }
}

static void add_sflow(struct ovs_transaction *transaction, const struct topo *topo,
                      const struct topo_export *export) {
    if (export->sflow.port != 0) {
        ovs_words(transaction,
                  (const char *const[]){"--", "--id=@sflow", "create", "sFlow", "agent=lo", NULL});
        ovs_add(transaction, "external_ids:nsmon=%s", topo->tag);
        target(transaction, export->sflow.port);
        ovs_add(transaction, "sampling=%u", or_default(export->sflow.sampling, 64));
        ovs_add(transaction, "header=%u", or_default(export->sflow.header_bytes, 128));
        ovs_add(transaction, "polling=%u", export->sflow.polling_s);
    }
}

static void add_netflow(struct ovs_transaction *transaction, const struct topo *topo,
                        const struct topo_export *export) {
    if (export->netflow.port != 0) {
        ovs_words(transaction, (const char *const[]){"--", "--id=@netflow", "create", "NetFlow", NULL});
        ovs_add(transaction, "external_ids:nsmon=%s", topo->tag);
        target(transaction, export->netflow.port);
        ovs_add(transaction, "active_timeout=%u", export->netflow.active_timeout_s);
    }
}

/* Where IPFIX goes, and its cache; of the bridge and of single rules alike. */
static void create_ipfix(struct ovs_transaction *transaction, const struct topo *topo,
                         const struct topo_export *export) {
    uint32_t timeout_s = export->ipfix.cache_active_timeout_s;
    ovs_words(transaction, (const char *const[]){"--", "--id=@ipfix", "create", "IPFIX", NULL});
    ovs_add(transaction, "external_ids:nsmon=%s", topo->tag);
    target(transaction, export->ipfix.port);
    ovs_add(transaction, "cache_active_timeout=%u", timeout_s);
    ovs_add(transaction, "cache_max_flows=%u",
            timeout_s == 0 ? 0 : or_default(export->ipfix.cache_max_flows, 8192));
}

static void add_ipfix(struct ovs_transaction *transaction, const struct topo *topo,
                      const struct topo_export *export) {
    if (export->ipfix.port != 0) {
        create_ipfix(transaction, topo, export);
        ovs_add(transaction, "sampling=%u", or_default(export->ipfix.sampling, 64));
        ovs_add(transaction, "obs_domain_id=%u", export->ipfix.domain);
        ovs_add(transaction, "obs_point_id=%u", export->ipfix.point);
    }
}

/* Commits what is to change the exporters.  A switch that is gone would only be waited for. */
static int commit(struct topo *topo, struct ovs_transaction *transaction, const char *what,
                  struct error *error) {
    if (topo->sw.private_ovs && vswitch_pid(topo->run_dir, "ovs-vswitchd") == 0) {
        return error_set(error, -ESRCH,
                         "could not %s the exporters of %s: the private switch does not run any more", what,
                         topo->bridge);
    }
    int code = ovs_commit(transaction, NULL, 0, error);
    return code == 0 ? 0 : error_prefix(error, code, "could not %s the exporters of %s", what, topo->bridge);
}

/* The exporter of the rules' sample actions that name 'set'.  What it says of domain and point, and how much
 * is sampled, stands in the actions. */
void export_describe_set(struct ovs_transaction *transaction, const struct topo *topo,
                         const struct topo_export *export, uint32_t set) {
    ovs_words(transaction, (const char *const[]){"--", "--id=@bridge", "get", "Bridge", topo->bridge, NULL});
    create_ipfix(transaction, topo, export);
    ovs_words(transaction, (const char *const[]){"--", "create", "Flow_Sample_Collector_Set",
                                                 "bridge=@bridge", "ipfix=@ipfix", NULL});
    ovs_add(transaction, "id=%u", set);
    ovs_add(transaction, "external_ids:nsmon=%s", topo->tag);
}

static int add_set(struct topo *topo, const struct topo_export *export, uint32_t set, struct error *error) {
    struct ovs_transaction transaction;
    ovs_begin(&transaction, topo);
    export_describe_set(&transaction, topo, export, set);
    return commit(topo, &transaction, "configure", error);
}

static int add_sets(struct topo *topo, const struct topo_export *export, struct error *error) {
    const struct topo_openflow *openflow = &topo->openflow;
    if (openflow->set_count == 0) {
        return 0;
    }
    int code = ovs_remove_sets(topo, error);
    for (size_t i = 0; code == 0 && export->ipfix.port != 0 && i < openflow->set_count; i++) {
        code = add_set(topo, export, openflow->sets[i], error);
    }
    return code;
}

void export_describe(struct ovs_transaction *transaction, const struct topo *topo,
                     const struct topo_export *export) {
    add_sflow(transaction, topo, export);
    add_netflow(transaction, topo, export);
    add_ipfix(transaction, topo, export);
    attach(transaction, topo, "sflow", export->sflow.port != 0);
    attach(transaction, topo, "netflow", export->netflow.port != 0);
    attach(transaction, topo, "ipfix", export->ipfix.port != 0);
}

int topo_export(struct topo *topo, const struct topo_export *export, struct error *error) {
    struct ovs_transaction transaction;
    int code = lab_step(topo, error, "exporters of %s", topo->bridge);
    if (code != 0) {
        return code;
    }
    ovs_begin(&transaction, topo);
    export_describe(&transaction, topo, export);
    code = commit(topo, &transaction, "configure", error);
    code = code == 0 ? add_sets(topo, export, error) : code;
    if (code != 0) {
        return code;
    }
    topo->export = *export;
    socket_adopt(topo);
    return 0;
}

/* Stops what 'host' sends: a black hole at its tap, or else the switch's end of the link taken down. */
static int silence(struct topo *topo, unsigned host, struct error *error) {
    struct nl_sock *sock = NULL;
    int code = host_hold(topo, host, true, error);
    if (code == 0) {
        return 0;
    }
    code = link_socket(topo->netns_fd[TOPO_SWITCH], &sock, error);
    code = code == 0 ? link_set_up(sock, topo->ports[host].ovs_tap, false, error) : code;
    link_socket_close(sock);
    return code;
}

int topo_quiesce(struct topo *topo, struct error *error) {
    int code = lab_step(topo, error, "silence the stations");
    for (unsigned host = 1; code == 0 && host <= topo->hosts; host++) {
        code = silence(topo, host, error);
    }
    if (code != 0) {
        return code;
    }
    int64_t deadline_ns = clock_monotonic_ns() + QUIESCE_LIMIT_NS;
    while (!socket_all_empty(topo) && clock_monotonic_ns() < deadline_ns) {
        clock_sleep_ns(NS_PER_MS);
    }
    clock_sleep_ns(SETTLE_NS);
    topo->quiet = true;
    impair_drain(topo);
    return 0;
}

int topo_flush(struct topo *topo, int64_t *wait_ns, struct error *error) {
    struct ovs_transaction transaction;
    struct topo_export last = topo->export;
    bool changed = false;
    *wait_ns = 0;
    int code = lab_step(topo, error, "flush the exporters");
    if (code != 0) {
        return code;
    }
    /* NetFlow exports what it was told, and it is told by the revalidators; on a busy machine they are late,
     * and the last packets would miss both looks that the flush waits for.  The counts of OpenFlow rules have
     * the same source. */
    struct error settle_error = {0};
    bool needs_settling = last.netflow.port != 0 || topo->openflow.rule_count > 0;
    int settled = needs_settling ? vswitch_settle(topo, &settle_error) : 0;
    ovs_begin(&transaction, topo);
    if (last.netflow.port != 0) {
        last.netflow.active_timeout_s = 1;
        add_netflow(&transaction, topo, &last);
        attach(&transaction, topo, "netflow", true);
        *wait_ns = NETFLOW_FLUSH_NS;
        changed = true;
    } else if (last.sflow.port != 0) {
        *wait_ns = SFLOW_FLUSH_NS;
    }
    if (last.ipfix.port != 0 && last.ipfix.cache_active_timeout_s != 0) {
        /* An exporter that is taken away sends its cache first, over the session that it has. */
        attach(&transaction, topo, "ipfix", false);
        last.ipfix.port = 0;
        changed = true;
    }
    if (!changed) {
        return settled == 0 ? 0 : error_set(error, settled, "%s", settle_error.text);
    }
    code = commit(topo, &transaction, "flush", error);
    /* And so do those of rules. */
    code = code == 0 && topo->openflow.set_count > 0 ? ovs_remove_sets(topo, error) : code;
    if (code != 0) {
        return code; /* a switch that has died says so better here */
    }
    topo->export = last;
    return settled == 0 ? 0 : error_set(error, settled, "%s", settle_error.text);
}
