/* Lines for people about a run of traffic. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "traffic/traffic.h"

/* Room for one line, its NUL included. */
#define TRAFFIC_LINE_SIZE 160

/* The heading above the lines of traffic_text_progress() of a run like 'progress': of UDP, of TCP, or of
 * both.
 */
const char *traffic_text_heading(const struct traffic_progress *progress);

/* Writes the second that has just ended as one line without a newline.  Returns 'line'. */
const char *traffic_text_progress(const struct traffic_progress *progress, char line[TRAFFIC_LINE_SIZE]);

/* True for a second after the last sender has ended in which nothing was sent and nothing came: there is no
 * line to show for it, only that the tail is waited for. */
bool traffic_text_is_tail(const struct traffic_progress *progress);

/* What follows the name of 'count' things: "s", or "" for one. */
const char *traffic_text_plural(int64_t count);

/* False if an end of a UDP flow of 'result' broke off, so that nobody knows what was lost. */
bool traffic_text_is_loss_known(const struct traffic_result *result);

/* Writes the summary of 'result', a few lines that end in newlines, into 'text' of 'size' bytes.  Returns
 * 'text'. */
const char *traffic_text_summary(const struct traffic_result *result, char *text, size_t size);

/* How departures were timed, bits of enum traffic_pacing, in a word: "sleep", "sleep-and-spin", "txtime", or
 * "mixed" for more than one; NULL for none. */
const char *traffic_text_pacing(int pacing);

/* Reads "auto", "on" or "off", given for --txtime.  Returns 0, or -EINVAL with 'error' filled. */
int traffic_text_read_txtime(const char *text, enum traffic_txtime *txtime, struct error *error);

/* The heading above the lines of traffic_text_flow() of 'result'. */
const char *traffic_text_flow_heading(const struct traffic_result *result);

/* Writes one flow of 'result' as one line without a newline, in columns of what its flows have: all of TCP,
 * or not; the counts that are too long for their column in thousands (k), millions (M) and so on.  Returns
 * 'line'. */
const char *traffic_text_flow(const struct traffic_result *result, const struct traffic_flow_result *flow,
                              char line[TRAFFIC_LINE_SIZE * 2]);
