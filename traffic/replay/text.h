/* Lines for people about a replay. */
#pragma once

#include <stddef.h>

#include "traffic/replay/replay.h"

#define REPLAY_LINE_SIZE 160

/* The heading above the lines of replay_text_progress(). */
const char *replay_text_heading(void);

/* Writes the second that has just ended as one line without a newline.  Returns 'line'. */
const char *replay_text_progress(const struct replay_progress *progress, char line[REPLAY_LINE_SIZE]);

/* Writes the summary of 'result', a few lines that end in newlines, into 'text' of 'size' bytes.  Returns
 * 'text'. */
const char *replay_text_summary(const struct replay_result *result, char *text, size_t size);
