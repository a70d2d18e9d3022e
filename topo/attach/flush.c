/* The end of a session: what the exporters still hold. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/process.h"
#include "topo/attach/internal.h"

/* NetFlow looks at its flows once a second, and its shortest timeout is one more; sFlow sends a datagram each
 * second; a flow that has ended leaves the datapath after some 10 s (other_config:max-idle), and is exported
 * then.  An owner's cache is waited for no longer than that. */
#define NETFLOW_FLUSH_NS (2200 * NS_PER_MS)
#define SFLOW_FLUSH_NS   (1100 * NS_PER_MS)
#define NETFLOW_IDLE_NS  (12 * NS_PER_S)
#define OWNERS_LIMIT_NS  (15 * NS_PER_S)

int attach_settle(struct error *error) {
    char path[LAB_PATH_SIZE];
    const char *argv[] = {path, "--timeout=5", "-t", "ovs-vswitchd", "revalidator/wait", NULL};
    int code = ovs_find_program("ovs-appctl", path, error);
    return code == 0 ? process_run(argv, NULL, -1, 6 * NS_PER_S, NULL, 0, error) : code;
}

static int64_t owners_wait_ns(enum attach_kind kind, int64_t timeout_s) {
    int64_t limit_ns = kind == ATTACH_NETFLOW ? NETFLOW_IDLE_NS : OWNERS_LIMIT_NS;
    int64_t wait_ns = timeout_s < 0 || timeout_s > 3600 ? limit_ns : timeout_s * NS_PER_S + SFLOW_FLUSH_NS;
    return wait_ns < limit_ns ? wait_ns : limit_ns;
}

/* How long the owner's record takes; says so where something may be missing after that. */
static int64_t flush_owners(struct attach *attach, enum attach_kind kind, int64_t timeout_s) {
    if (kind == ATTACH_SFLOW || (kind == ATTACH_IPFIX && timeout_s == 0)) {
        return SFLOW_FLUSH_NS;
    }
    int64_t wait_ns = owners_wait_ns(kind, timeout_s);
    if (timeout_s < 0 || timeout_s * NS_PER_S > wait_ns) {
        (void)attach_step(attach, NULL,
                          "%s of %s reports after %lld s, which is not waited for: of flows that still run "
                          "the last packets are missing",
                          attach_names[kind].table, attach->record.bridge, (long long)timeout_s);
    }
    return wait_ns;
}

/* Adds to 'transaction' what makes our own record send at once. */
static int64_t flush_made(struct attach *attach, const struct tables *tables, enum attach_kind kind,
                          size_t row, struct ovs_transaction *transaction, bool *changed) {
    const json_t *table = tables->exporters[kind];
    const char *uuid = tables_text(tables_cell(table, row, "_uuid"));
    if (kind == ATTACH_SFLOW || !attach_row_is_ours(tables, &attach->record, kind, row)) {
        const char *column = kind == ATTACH_NETFLOW ? "active_timeout" : "cache_active_timeout";
        return flush_owners(attach, kind, tables_number(tables_cell(table, row, column), 0));
    }
    *changed = true;
    if (kind == ATTACH_NETFLOW) {
        ovs_words(transaction, (const char *const[]){"--", "--if-exists", "set", "NetFlow", uuid,
                                                     "active_timeout=1", NULL});
        return NETFLOW_FLUSH_NS;
    }
    /* An exporter that is taken away sends its cache first. */
    ovs_words(transaction, (const char *const[]){"--", "--if-exists", "remove", "Bridge",
                                                 attach->record.bridge, "ipfix", uuid, NULL});
    return SFLOW_FLUSH_NS;
}

int attach_flush(struct attach *attach, int64_t *wait_ns, struct error *error) {
    struct ovs_transaction transaction;
    struct tables tables;
    bool changed = false;
    *wait_ns = 0;
    (void)attach_step(attach, NULL, "flush the exporters of %s", attach->record.bridge);
    int code = tables_read(&tables, error);
    if (code != 0) {
        tables_free(&tables);
        return code;
    }
    if (tables_find(tables.bridges, "name", attach->record.bridge) == tables_row_count(tables.bridges)) {
        (void)attach_step(attach, NULL, "the bridge %s is not there any more", attach->record.bridge);
        tables_free(&tables);
        *wait_ns = SFLOW_FLUSH_NS;
        return 0;
    }
    struct error settle_error = {0};
    int settled = attach_settle(&settle_error);
    ovs_begin(&transaction, NULL);
    for (enum attach_kind kind = 0; kind < ATTACH_KINDS; kind++) {
        const struct attach_exporter *exporter = &attach->record.exporters[kind];
        size_t row = attach_made_row(&tables, &attach->record, kind);
        int64_t needed_ns = 0;
        if (exporter->mode == ATTACH_JOINED || exporter->mode == ATTACH_THERE) {
            needed_ns = flush_owners(attach, kind, exporter->timeout_s);
        } else if (exporter->mode == ATTACH_MADE && row < tables_row_count(tables.exporters[kind])) {
            needed_ns = flush_made(attach, &tables, kind, row, &transaction, &changed);
        }
        *wait_ns = needed_ns > *wait_ns ? needed_ns : *wait_ns;
    }
    code = changed ? ovs_commit(&transaction, NULL, 0, error) : 0;
    tables_free(&tables);
    if (code != 0) {
        return error_prefix(error, code, "could not flush the exporters of %s", attach->record.bridge);
    }
    return settled == 0 ? 0 : error_set(error, settled, "%s", settle_error.text);
}
