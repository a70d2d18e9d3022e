/* Messages for people about what a running part does.  A library never prints: it logs, and the program says
 * where to. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Takes one message, without a newline. */
typedef void log_sink_fn(enum log_level level, const char *message, void *context);

/* Hands every later message of 'level' or graver to 'sink'.  To be called before threads start; with no sink
 * messages are dropped. */
void log_set_sink(enum log_level level, log_sink_fn *sink, void *context);

/* True if a message of 'level' would be handed on. */
int log_enabled(enum log_level level);

void log_message(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_message(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_message(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_message(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Lets one message through each 'interval_ns' and counts the others.  Zero-initialise. */
struct log_limiter {
    _Atomic int64_t next_ns;
    _Atomic uint64_t suppressed;
};

/* Returns a positive number if a message may be written now: 1 plus the count of messages held back since the
 * last one; 0 if this one is to be held back.  Safe from several threads. */
uint64_t log_limiter_allow(struct log_limiter *limiter, int64_t interval_ns);
