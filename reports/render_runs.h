/* How the runs of nsmon's own endpoints are shown, in each format. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "reports/model.h"

/* Writes one line about the delay of 'run' to 'text': where its datagrams spent their time, or only how much
 * it was; "" when it sent none.  Returns 'text'. */
#define RENDER_RUN_LINE 400
const char *render_run_line(const struct report_run *run, char text[RENDER_RUN_LINE]);

/* Likewise about the TCP of 'run': what was sent again, and how long round trips took; "" when it had none.
 */
const char *render_run_tcp_line(const struct report_run *run, char text[RENDER_RUN_LINE]);

/* Likewise about how many datagrams of 'run' were lost in a row; and about what its endpoints took: processor
 * time, how late they sent, and what a time stamp of theirs stands for. */
const char *render_run_loss_line(const struct report_run *run, char text[RENDER_RUN_LINE]);
const char *render_run_host_line(const struct report_run *run, char text[RENDER_RUN_LINE]);

/* True if a run of 'report' had TCP flows of which the sender's kernel said something. */
bool render_runs_have_tcp(const struct report *report);

/* The runs as the "runs" of the JSON report. */
json_t *render_runs_json(const struct report *report);

/* The rows of the page's tables of seconds, of delays and of TCP's seconds. */
void render_runs_html_rate(const struct report *report, FILE *out);
void render_runs_html_delay(const struct report *report, FILE *out);
void render_runs_html_tcp(const struct report *report, FILE *out);

/* The lines about losses and endpoints of all runs, as a list. */
void render_runs_html_notes(const struct report *report, FILE *out);
