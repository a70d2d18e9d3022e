#include "reports/compare.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <gsl/gsl_errno.h>

#include "reports/internal.h"

/* The steps that have names; see internal.h for the order in which they depend on each other. */
static int build(struct report *report, struct reader *reader, const char *const names[], size_t name_count,
                 struct error *error) {
    int rc = report_choose_sources(report, reader, names, name_count, error);
    if (rc != 0) {
        return rc;
    }
    report_read_setup(report, reader);
    rc = report_read_stages(report, reader, error);
    rc = rc == 0 ? report_find_entries(report, reader, error) : rc;
    if (rc != 0) {
        return rc;
    }
    report_flows_init(&report->flows, report->source_count, report->entry_count);
    rc = report_read_truth(report, reader, error);
    rc = rc == 0 ? report_gather(report, reader, error) : rc;
    rc = rc == 0 ? report_make_ledger(report, reader, error) : rc;
    rc = rc == 0 ? report_add_runs(report, reader, error) : rc;
    if (rc != 0) {
        return rc;
    }
    report_flows_sort(&report->flows);
    rc = report_assess(report, error);
    if (rc != 0) {
        return rc;
    }
    rc = reader_collector_health(reader, report->session.id, &report->collector, error);
    report->has_collector = rc == 0;
    if (rc != 0 && rc != -ENOENT) {
        return rc;
    }
    report_make_verdict(report);
    return 0;
}

int report_compare(struct reader *reader, const struct read_session *session, const char *const names[],
                   size_t name_count, struct report *report, struct error *error) {
    memset(report, 0, sizeof *report);
    snprintf(report->database, sizeof report->database, "%s", reader_path(reader));
    report->session = *session;
    /* GSL's own handler ends the program; a figure that it can't give is NAN and shown as unknown. */
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    int rc = build(report, reader, names, name_count, error);
    gsl_set_error_handler(handler);
    if (rc == -ENOMEM && error != NULL && error->text[0] == '\0') {
        error_set(error, rc, "comparing session %lld: out of memory", (long long)session->id);
    }
    return rc;
}
