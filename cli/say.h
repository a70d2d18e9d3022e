/* Words for people: to standard error, so that results on standard output stay clean. */
#pragma once

#include <stdbool.h>

#include "common/error.h"
#include "common/log.h"

/* True if standard error is a terminal that wants colours (NO_COLOR is heeded). */
bool say_in_colour(void);

/* Prints "nsmon: TEXT" and gives back the exit status EXIT_FAILED. */
int say_failed(const struct error *error);

/* Prints "nsmon COMMAND: TEXT" and where to read on, and gives back EXIT_USAGE. */
int say_usage(const char *command, const struct error *error);

/* Prints a step of something that takes time. */
void say_step(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A log_sink_fn that prints the message as a step. */
void say_warning(enum log_level level, const char *message, void *context);

/* A lab_progress_fn that prints steps; 'context' points to a bool that says whether details are wanted. */
void say_progress(const char *text, bool detail, void *context);

/* Says in 'error' what getopt_long() found wrong when it gave '?' or ':' (with a leading ':' in its short
 * options). Returns -EINVAL. */
int say_bad_option(char *argv[], int option, struct error *error);

/* Says in 'error' that nothing is known to do with 'argument'.  Returns -EINVAL. */
int say_extra_argument(const char *argument, struct error *error);
