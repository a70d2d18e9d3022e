#include "collector/store/templates.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collector/store/bind.h"

static void copy_text(char *to, size_t size, sqlite3_stmt *statement, int column) {
    const unsigned char *text = sqlite3_column_text(statement, column);
    snprintf(to, size, "%s", text != NULL ? (const char *)text : "");
}

/* The row that 'statement' stands at; false for one that no collector wrote. */
static bool read_row(sqlite3_stmt *statement, struct template_row *row) {
    *row = (struct template_row){0};
    copy_text(row->protocol, sizeof row->protocol, statement, 0);
    const void *agent = sqlite3_column_blob(statement, 1);
    int agent_size = sqlite3_column_bytes(statement, 1);
    row->domain = sqlite3_column_int64(statement, 2);
    copy_text(row->transport, sizeof row->transport, statement, 3);
    row->template_id = sqlite3_column_int64(statement, 4);
    row->recv_ns = sqlite3_column_int64(statement, 5);
    const void *body = sqlite3_column_blob(statement, 6);
    int body_size = sqlite3_column_bytes(statement, 6);
    row->options = sqlite3_column_int(statement, 7) != 0;
    if (agent == NULL || (agent_size != 4 && agent_size != 16) || body == NULL || body_size <= 0 ||
        body_size > STORE_TEMPLATE_MAX) {
        return false;
    }
    row->agent = ip_address_make(agent_size == 16 ? 6 : 4, agent);
    row->size = (uint16_t)body_size;
    memcpy(row->body, body, row->size);
    return true;
}

/* Copies the templates of the session before 'session' that are good still. */
static int carry_over(sqlite3 *database, int64_t session, const char *prefix, int64_t since_ns) {
    static const char sql[] =
        "WITH old AS (SELECT max(id) AS id FROM session WHERE kind = 'collect' AND id < ?1 "
        "AND coalesce(prefix, '') = coalesce(?2, '')), "
        "spoke AS (SELECT protocol, agent, domain, transport, max(last_ns) AS last_ns FROM exporter "
        "WHERE session_id = (SELECT id FROM old) GROUP BY 1, 2, 3, 4) "
        "INSERT OR IGNORE INTO template (session_id, protocol, agent, domain, transport, template_id, "
        "recv_ns, "
        "body, options) SELECT ?1, t.protocol, t.agent, t.domain, t.transport, t.template_id, "
        "max(t.recv_ns, coalesce(s.last_ns, 0)), t.body, t.options FROM template t "
        "LEFT JOIN spoke s ON s.protocol = t.protocol AND s.agent = t.agent AND s.domain = t.domain "
        "AND s.transport = t.transport WHERE t.session_id = (SELECT id FROM old) AND length(t.body) > 0 "
        "AND max(t.recv_ns, coalesce(s.last_ns, 0)) >= ?3";
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);
    if (result == SQLITE_OK) {
        struct binder b = bind_begin(statement);
        bind_int(&b, session);
        bind_text(&b, prefix);
        bind_int(&b, since_ns);
        result = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE ? 0 : -EIO;
}

int64_t templates_carry(sqlite3 *database, int64_t session, const char *prefix, int64_t since_ns,
                        store_template_fn *each, void *context, struct error *error) {
    static const char sql[] =
        "SELECT protocol, agent, domain, transport, template_id, recv_ns, body, options FROM template "
        "WHERE session_id = ?1 ORDER BY recv_ns, template_id";
    sqlite3_stmt *statement = NULL;
    int64_t count = carry_over(database, session, prefix, since_ns);
    int result = count == 0 ? sqlite3_prepare_v2(database, sql, -1, &statement, NULL) : SQLITE_ERROR;
    if (result == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, session);
        while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
            struct template_row row;
            if (read_row(statement, &row)) {
                each(&row, context);
                count++;
            }
        }
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE
               ? count
               : error_set(error, -EIO, "could not read the templates of earlier sessions: %s",
                           sqlite3_errmsg(database));
}
