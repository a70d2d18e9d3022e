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
#define IPFIX_FLUSH_NS   (200 * NS_PER_MS)
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

/* What makes our own record send, which is in row 'row'.  Frames may still move, so IPFIX, which has to be
 * taken away for it, is left for the last moment: '*last' is then its UUID. */
static int64_t flush_made(struct attach *attach, const struct tables *tables, enum attach_kind kind,
                          size_t row, struct ovs_transaction *transaction, char last[ATTACH_UUID_SIZE]) {
    const json_t *table = tables->exporters[kind];
    const char *uuid = tables_text(tables_cell(table, row, "_uuid"));
    if (kind == ATTACH_SFLOW || !attach_row_is_ours(tables, &attach->record, kind, row)) {
        const char *column = kind == ATTACH_NETFLOW ? "active_timeout" : "cache_active_timeout";
        return flush_owners(attach, kind, tables_number(tables_cell(table, row, column), 0));
    }
    if (kind == ATTACH_NETFLOW) {
        ovs_words(transaction, (const char *const[]){"--", "--if-exists", "set", "NetFlow", uuid,
                                                     "active_timeout=1", NULL});
        return NETFLOW_FLUSH_NS;
    }
    snprintf(last, ATTACH_UUID_SIZE, "%s", uuid);
    return 0;
}

/* Begins what takes time, and says how long that is.  'last' is the UUID of our own IPFIX, or "". */
static int begin_flush(struct attach *attach, const struct tables *tables, int64_t *wait_ns,
                       char last[ATTACH_UUID_SIZE], struct error *error) {
    struct ovs_transaction transaction;
    ovs_begin(&transaction, NULL);
    size_t empty = transaction.count;
    for (enum attach_kind kind = 0; kind < ATTACH_KINDS; kind++) {
        const struct attach_exporter *exporter = &attach->record.exporters[kind];
        size_t row = attach_made_row(tables, &attach->record, kind);
        int64_t needed_ns = 0;
        if (exporter->mode == ATTACH_JOINED || exporter->mode == ATTACH_THERE) {
            needed_ns = flush_owners(attach, kind, exporter->timeout_s);
        } else if (exporter->mode == ATTACH_MADE && row < tables_row_count(tables->exporters[kind])) {
            needed_ns = flush_made(attach, tables, kind, row, &transaction, last);
        }
        *wait_ns = needed_ns > *wait_ns ? needed_ns : *wait_ns;
    }
    return transaction.count > empty ? ovs_commit(&transaction, NULL, 0, error) : 0;
}

/* An exporter of IPFIX that is taken away sends its cache first. */
static int end_ipfix(const struct attach *attach, const char *uuid, struct error *error) {
    struct ovs_transaction transaction;
    ovs_begin(&transaction, NULL);
    ovs_words(&transaction, (const char *const[]){"--", "--if-exists", "remove", "Bridge",
                                                  attach->record.bridge, "ipfix", uuid, NULL});
    return ovs_commit(&transaction, NULL, 0, error);
}

static bool is_gone(const struct attach *attach, const struct tables *tables) {
    return tables_find(tables->bridges, "name", attach->record.bridge) == tables_row_count(tables->bridges);
}

int attach_flush(struct attach *attach, int64_t *wait_ns, struct error *error) {
    struct tables tables;
    char ipfix[ATTACH_UUID_SIZE] = "";
    *wait_ns = 0;
    (void)attach_step(attach, NULL, "flush the exporters of %s", attach->record.bridge);
    int code = tables_read(&tables, error);
    if (code != 0 || is_gone(attach, &tables)) {
        (void)attach_step(attach, NULL, "the bridge %s can't be asked any more", attach->record.bridge);
        *wait_ns = SFLOW_FLUSH_NS;
        tables_free(&tables);
        return code;
    }
    struct error settle_error = {0};
    int settled = attach_settle(&settle_error);
    int64_t begun_ns = 0;
    code = begin_flush(attach, &tables, &begun_ns, ipfix, error);
    tables_free(&tables);
    if (code == 0 && ipfix[0] != '\0') {
        clock_sleep_ns(begun_ns);
        code = end_ipfix(attach, ipfix, error);
        *wait_ns = IPFIX_FLUSH_NS;
    } else {
        *wait_ns = begun_ns;
    }
    if (code != 0) {
        return error_prefix(error, code, "could not flush the exporters of %s", attach->record.bridge);
    }
    return settled == 0 ? 0 : error_set(error, settled, "%s", settle_error.text);
}
