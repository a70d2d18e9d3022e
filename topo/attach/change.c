/* The changes to the switch's database, and their undoing: one transaction each. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"

#include "topo/attach/internal.h"

/* --- to attach --- */

static const uint16_t standard_ports[ATTACH_KINDS] = {[ATTACH_SFLOW] = 6343, [ATTACH_IPFIX] = 4739};

/* Looks once more whether the exporter 'kind' is as it was, and whether it has our target by itself.  A
 * target without a port means the protocol's own (ovs-vswitchd.conf.db(5)). */
static int check_exporter(struct attach *attach, const struct tables *tables, enum attach_kind kind,
                          uint16_t port, struct error *error) {
    struct attach_exporter *exporter = &attach->record.exporters[kind];
    size_t bridge = tables_find(tables->bridges, "name", attach->record.bridge);
    const char *now = tables_text(tables_cell(tables->bridges, bridge, attach_names[kind].column));
    if (port == 0) {
        exporter->mode = ATTACH_OFF;
        return 0;
    }
    if (strcmp(now, exporter->uuid) != 0) {
        return error_set(error, -EAGAIN,
                         "%s of the bridge %s has just been changed by somebody else; try again",
                         attach_names[kind].table, attach->record.bridge);
    }
    snprintf(exporter->target, sizeof exporter->target, "127.0.0.1:%u", port);
    if (exporter->mode == ATTACH_JOINED) {
        const json_t *table = tables->exporters[kind];
        const json_t *targets = tables_cell(table, tables_find(table, "_uuid", exporter->uuid), "targets");
        if (tables_holds(targets, exporter->target) ||
            (port == standard_ports[kind] && tables_holds(targets, "127.0.0.1"))) {
            exporter->mode = ATTACH_THERE;
        }
    }
    return 0;
}

static void add_number(struct ovs_transaction *transaction, const char *column, uint32_t value) {
    ovs_add(transaction, "%s=%u", column, value);
}

/* The columns of a record of ours; as those of a lab's. */
static void add_columns(struct ovs_transaction *transaction, enum attach_kind kind,
                        const struct topo_export *export) {
    if (kind == ATTACH_SFLOW) {
        add_number(transaction, "sampling", export->sflow.sampling);
        add_number(transaction, "header", export->sflow.header_bytes);
        add_number(transaction, "polling", export->sflow.polling_s);
        ovs_add(transaction, "agent=lo");
    } else if (kind == ATTACH_NETFLOW) {
        add_number(transaction, "active_timeout", export->netflow.active_timeout_s);
    } else {
        uint32_t timeout_s = export->ipfix.cache_active_timeout_s;
        uint32_t flows = export->ipfix.cache_max_flows != 0 ? export->ipfix.cache_max_flows : 8192;
        add_number(transaction, "sampling", export->ipfix.sampling);
        add_number(transaction, "cache_active_timeout", timeout_s);
        add_number(transaction, "cache_max_flows", timeout_s == 0 ? 0 : flows);
        add_number(transaction, "obs_domain_id", export->ipfix.domain);
        add_number(transaction, "obs_point_id", export->ipfix.point);
    }
}

static void add_exporter(struct ovs_transaction *transaction, const struct attach_record *record,
                         enum attach_kind kind, const struct topo_export *export) {
    const struct attach_exporter *exporter = &record->exporters[kind];
    const struct attach_names *names = &attach_names[kind];
    if (exporter->mode == ATTACH_JOINED) {
        ovs_words(transaction,
                  (const char *const[]){"--", "add", names->table, exporter->uuid, "targets", NULL});
        ovs_add(transaction, "\"%s\"", exporter->target);
    } else if (exporter->mode == ATTACH_MADE) {
        ovs_add(transaction, "--");
        ovs_add(transaction, "--id=@%s", names->column);
        ovs_words(transaction, (const char *const[]){"create", names->table, NULL});
        ovs_add(transaction, "targets=\"%s\"", exporter->target);
        add_columns(transaction, kind, export);
        ovs_add(transaction, "external_ids:nsmon=%s", record->tag);
        /* "add", not "set": it fails if somebody else's is there by now. */
        ovs_words(transaction,
                  (const char *const[]){"--", "add", "Bridge", record->bridge, names->column, NULL});
        ovs_add(transaction, "@%s", names->column);
    }
}

/* Takes away, or gives back, the owner's targets of IPFIX that 'record' has as paused. */
static void change_paused(struct ovs_transaction *transaction, bool give_back,
                          const struct attach_record *record) {
    char targets[ATTACH_PAUSED_SIZE];
    char *rest = NULL;
    memcpy(targets, record->paused, sizeof targets);
    ovs_words(transaction, (const char *const[]){"--", give_back ? "add" : "remove", "IPFIX",
                                                 record->exporters[ATTACH_IPFIX].uuid, "targets", NULL});
    for (char *target = strtok_r(targets, ",", &rest); target != NULL; target = strtok_r(NULL, ",", &rest)) {
        ovs_add(transaction, "\"%s\"", target);
    }
}

static int commit(struct attach *attach, struct ovs_transaction *transaction, struct error *error) {
    int code = ovs_commit(transaction, NULL, 0, error);
    return code == 0 ? 0
                     : error_prefix(error, code, "could not have %s export to the collector",
                                    attach->record.bridge);
}

static int begin_change(struct attach *attach, struct ovs_transaction *transaction, struct error *error) {
    char text[ATTACH_RECORD_SIZE];
    int code = attach_record_write(&attach->record, attach->run_dir, error);
    attach_record_format(&attach->record, text);
    ovs_begin(transaction, NULL);
    ovs_words(transaction, (const char *const[]){"--", "set", "Bridge", attach->record.bridge, NULL});
    ovs_add(transaction, "external_ids:" ATTACH_KEY "=\"%s\"", text);
    return code;
}

/* Takes the targets of the owner's IPFIX away, for as long as change() takes.
 *
 * Open vSwitch sends its templates with the first data and then every ten minutes, and a target that is added
 * does not hear them before that; nor would, since all sockets are made anew, a collector of the owner's that
 * knows templates by their transport session (RFC 7011, section 8).  An exporter without targets sends what
 * it has and is forgotten, and the next one begins with templates (OVS 3.1, ofproto/ofproto-dpif-ipfix.c,
 * dpif_ipfix_bridge_exporter_clear()). */
static int pause_ipfix(struct attach *attach, struct error *error) {
    struct ovs_transaction transaction;
    int code = begin_change(attach, &transaction, error);
    if (code != 0) {
        return code;
    }
    attach->exported = true;
    change_paused(&transaction, false, &attach->record);
    return commit(attach, &transaction, error);
}

static int change(struct attach *attach, const struct topo_export *export, struct error *error) {
    struct ovs_transaction transaction;
    struct attach_record paused = attach->record;
    int code = attach_step(attach, error, "exporters of %s", attach->record.bridge);
    if (code == 0 && paused.paused[0] != '\0') {
        code = pause_ipfix(attach, error);
        attach->record.paused[0] = '\0';
        code = code == 0 ? attach_step(attach, error, "targets of %s", attach->record.bridge) : code;
    }
    if (code != 0) {
        attach->record = paused;
        return code;
    }
    code = begin_change(attach, &transaction, error);
    attach->exported = true;
    for (enum attach_kind kind = 0; kind < ATTACH_KINDS; kind++) {
        add_exporter(&transaction, &attach->record, kind, export);
    }
    if (paused.paused[0] != '\0') {
        change_paused(&transaction, true, &paused);
    }
    return code == 0 ? commit(attach, &transaction, error) : code;
}

/* Notes the targets of the owner's IPFIX as to be paused, if they can be written down. */
static void plan_pause(struct attach *attach, const struct tables *tables) {
    const struct attach_exporter *exporter = &attach->record.exporters[ATTACH_IPFIX];
    const json_t *table = tables->exporters[ATTACH_IPFIX];
    char *paused = attach->record.paused;
    paused[0] = '\0';
    if (exporter->mode != ATTACH_JOINED && exporter->mode != ATTACH_THERE) {
        return;
    }
    const json_t *targets = tables_cell(table, tables_find(table, "_uuid", exporter->uuid), "targets");
    for (size_t i = 0; i < tables_value_count(targets); i++) {
        const char *target = tables_text(tables_value(targets, i));
        size_t used = strlen(paused);
        size_t length = strlen(target);
        if (strspn(target, ATTACH_TARGETS_ALLOWED) < length || strchr(target, ',') != NULL || length == 0 ||
            used + 1 + length >= ATTACH_PAUSED_SIZE) {
            paused[0] = '\0';
            log_warning(
                "too many targets of IPFIX: it is understood when it next sends its templates, in ten "
                "minutes at most");
            return;
        }
        snprintf(paused + used, ATTACH_PAUSED_SIZE - used, "%s%s", used > 0 ? "," : "", target);
    }
}

int attach_export(struct attach *attach, const struct topo_export *export, struct error *error) {
    const uint16_t ports[ATTACH_KINDS] = {export->sflow.port, export->netflow.port, export->ipfix.port};
    struct tables tables;
    int code = tables_read(&tables, error);
    for (enum attach_kind kind = 0; code == 0 && kind < ATTACH_KINDS; kind++) {
        code = check_exporter(attach, &tables, kind, ports[kind], error);
    }
    if (code == 0) {
        plan_pause(attach, &tables);
    }
    tables_free(&tables);
    /* NetFlow would count as its own what the datapath has forwarded and the revalidators have not yet told.
     */
    code = code == 0 ? attach_settle(error) : code;
    code = code == 0 ? attach_take_baselines(attach, error) : code;
    code = code == 0 ? change(attach, export, error) : code;
    /* Flows that the datapath has already are sampled only when its revalidators have seen them again. */
    return code == 0 ? attach_settle(error) : code;
}

/* --- and back --- */

size_t attach_made_row(const struct tables *tables, const struct attach_record *record,
                       enum attach_kind kind) {
    const json_t *table = tables->exporters[kind];
    size_t row = 0;
    while (row < tables_row_count(table)) {
        const char *tag = tables_map_value(tables_cell(table, row, "external_ids"), "nsmon");
        if (tag != NULL && strcmp(tag, record->tag) == 0) {
            break;
        }
        row++;
    }
    return row;
}

bool attach_row_is_ours(const struct tables *tables, const struct attach_record *record,
                        enum attach_kind kind, size_t row) {
    const json_t *targets = tables_cell(tables->exporters[kind], row, "targets");
    size_t count = tables_value_count(targets);
    return count == 0 || (count == 1 && tables_holds(targets, record->exporters[kind].target));
}

/* Takes row 'row' away from every bridge that names it; a record that nobody names goes by itself. */
static void drop_row(struct ovs_transaction *transaction, const struct tables *tables, enum attach_kind kind,
                     size_t row) {
    const char *uuid = tables_text(tables_cell(tables->exporters[kind], row, "_uuid"));
    const char *column = attach_names[kind].column;
    for (size_t i = 0; i < tables_row_count(tables->bridges); i++) {
        if (tables_holds(tables_cell(tables->bridges, i, column), uuid)) {
            ovs_words(transaction, (const char *const[]){"--", "--if-exists", "remove", "Bridge",
                                                         tables_text(tables_cell(tables->bridges, i, "name")),
                                                         column, uuid, NULL});
        }
    }
}

static void drop_target(struct ovs_transaction *transaction, const char *table, const char *uuid,
                        const char *target) {
    ovs_words(transaction,
              (const char *const[]){"--", "--if-exists", "remove", table, uuid, "targets", NULL});
    ovs_add(transaction, "\"%s\"", target);
}

/* A record of ours goes, unless its bridge's owner has added targets: then it is his. */
static void undo_made(struct ovs_transaction *transaction, const struct tables *tables,
                      const struct attach_record *record, enum attach_kind kind) {
    size_t row = attach_made_row(tables, record, kind);
    if (row == tables_row_count(tables->exporters[kind])) {
        return;
    }
    if (attach_row_is_ours(tables, record, kind, row)) {
        drop_row(transaction, tables, kind, row);
        return;
    }
    const char *uuid = tables_text(tables_cell(tables->exporters[kind], row, "_uuid"));
    drop_target(transaction, attach_names[kind].table, uuid, record->exporters[kind].target);
    ovs_words(transaction, (const char *const[]){"--", "--if-exists", "remove", attach_names[kind].table,
                                                 uuid, "external_ids", "nsmon", NULL});
}

/* A record whose targets were just taken away gets them back. */
static void undo_paused(struct ovs_transaction *transaction, const struct tables *tables,
                        const struct attach_record *record) {
    const json_t *table = tables->exporters[ATTACH_IPFIX];
    if (record->paused[0] != '\0' &&
        tables_find(table, "_uuid", record->exporters[ATTACH_IPFIX].uuid) < tables_row_count(table)) {
        change_paused(transaction, true, record);
    }
}

/* Our target leaves the owner's record.  Where he has taken away all of his own, the record has none left,
 * which Open vSwitch does not allow: then the bridge exports no more, as it would without us. */
static void undo_joined(struct ovs_transaction *transaction, const struct tables *tables,
                        const struct attach_record *record, enum attach_kind kind) {
    const struct attach_exporter *exporter = &record->exporters[kind];
    size_t row = tables_find(tables->exporters[kind], "_uuid", exporter->uuid);
    if (row == tables_row_count(tables->exporters[kind]) ||
        !tables_holds(tables_cell(tables->exporters[kind], row, "targets"), exporter->target)) {
        return;
    }
    if (attach_row_is_ours(tables, record, kind, row)) {
        drop_row(transaction, tables, kind, row);
    } else {
        drop_target(transaction, attach_names[kind].table, exporter->uuid, exporter->target);
    }
}

/* What is to be undone: the bridge's own words, if it has some of the same session, are newer than 'record'.
 */
static struct attach_record newest_record(const struct attach_record *record, const struct tables *tables) {
    struct attach_record own;
    size_t row = tables_find(tables->bridges, "name", record->bridge);
    const char *text = tables_map_value(tables_cell(tables->bridges, row, "external_ids"), ATTACH_KEY);
    bool same = text != NULL && attach_record_parse(&own, record->bridge, text) == 0 &&
                strcmp(own.tag, record->tag) == 0;
    return same ? own : *record;
}

int attach_undo(const struct attach_record *written, struct error *error) {
    struct ovs_transaction transaction;
    struct tables tables;
    int code = tables_read(&tables, error);
    if (code != 0) {
        tables_free(&tables);
        return error_prefix(error, code, "could not put back the exporters of %s", written->bridge);
    }
    const struct attach_record newest = newest_record(written, &tables);
    const struct attach_record *record = &newest;
    ovs_begin(&transaction, NULL);
    ovs_add(&transaction, "--no-wait");
    undo_paused(&transaction, &tables, record);
    for (enum attach_kind kind = 0; kind < ATTACH_KINDS; kind++) {
        if (record->exporters[kind].mode == ATTACH_MADE) {
            undo_made(&transaction, &tables, record, kind);
        } else if (record->exporters[kind].mode == ATTACH_JOINED) {
            undo_joined(&transaction, &tables, record, kind);
        }
    }
    ovs_words(&transaction, (const char *const[]){"--", "--if-exists", "remove", "Bridge", record->bridge,
                                                  "external_ids", ATTACH_KEY, NULL});
    code = ovs_commit(&transaction, NULL, 0, error);
    tables_free(&tables);
    return code == 0 ? 0
                     : error_prefix(error, code, "could not put back the exporters of %s", record->bridge);
}

int attach_detach(struct attach *attach, struct error *error) {
    if (!attach->exported) {
        return 0;
    }
    (void)attach_step(attach, NULL, "put back the exporters of %s", attach->record.bridge);
    int code = attach_undo(&attach->record, error);
    code = code == 0 ? attach_record_remove(attach->run_dir, error) : code;
    attach->exported = code != 0;
    return code;
}
