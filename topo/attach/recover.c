/* After a crash or a reboot: what was changed is found by the record in /run, or by what the bridges say. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "topo/attach/internal.h"

static int undo_and_say(const struct attach_record *record, topo_progress_fn *progress, void *context,
                        struct error *error) {
    char step[128];
    snprintf(step, sizeof step, "put back the exporters of %s", record->bridge);
    if (progress != NULL) {
        (void)progress(step, context);
    }
    return attach_undo(record, error);
}

/* Detaches from every bridge that says that a session of 'prefix' is attached to it. */
static int recover_marked(const char *prefix, bool *found, topo_progress_fn *progress, void *context,
                          struct error *error) {
    struct tables tables;
    struct attach_record record;
    int code = tables_read(&tables, error);
    for (size_t i = 0; code == 0 && i < tables_row_count(tables.bridges); i++) {
        const char *name = tables_text(tables_cell(tables.bridges, i, "name"));
        const char *text = tables_map_value(tables_cell(tables.bridges, i, "external_ids"), ATTACH_KEY);
        if (text != NULL && attach_record_parse(&record, name, text) == 0 &&
            strcmp(record.prefix, prefix) == 0) {
            *found = true;
            code = undo_and_say(&record, progress, context, error);
        }
    }
    tables_free(&tables);
    return code;
}

int attach_recover(const char *run_dir, const char *prefix, bool *found, topo_progress_fn *progress,
                   void *progress_context, struct error *error) {
    struct attach_record record;
    *found = false;
    int code = attach_record_read(&record, run_dir, error);
    if (code == 0) {
        *found = true;
        code = undo_and_say(&record, progress, progress_context, error);
        code = code == 0 ? attach_record_remove(run_dir, error) : code;
    }
    if (code == 0 || code == -ENOENT) {
        struct error why;
        int marked = recover_marked(prefix, found, progress, progress_context, &why);
        code = marked != 0 && *found ? error_set(error, marked, "%s", why.text) : 0;
    }
    return code;
}

void attach_each_session(attach_session_fn *emit, void *context) {
    struct tables tables;
    int code = tables_read(&tables, NULL);
    for (size_t i = 0; code == 0 && i < tables_row_count(tables.bridges); i++) {
        const char *bridge = tables_text(tables_cell(tables.bridges, i, "name"));
        const char *text = tables_map_value(tables_cell(tables.bridges, i, "external_ids"), ATTACH_KEY);
        struct attach_record record;
        if (text != NULL && attach_record_parse(&record, bridge, text) == 0) {
            emit(bridge, record.prefix, record.tag, context);
        }
    }
    tables_free(&tables);
}
