#include "common/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "common/clock.h"

static struct {
    enum log_level level;
    log_sink_fn *sink;
    void *context;
} output;

void log_set_sink(enum log_level level, log_sink_fn *sink, void *context) {
    output.level = level;
    output.sink = sink;
    output.context = context;
}

int log_enabled(enum log_level level) {
    return output.sink != NULL && level <= output.level;
}

void log_message(enum log_level level, const char *format, ...) {
    if (!log_enabled(level)) {
        return;
    }
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    output.sink(level, message, output.context);
}

uint64_t log_limiter_allow(struct log_limiter *limiter, int64_t interval_ns) {
    int64_t now_ns = clock_monotonic_ns();
    int64_t next_ns = atomic_load_explicit(&limiter->next_ns, memory_order_relaxed);
    if (now_ns >= next_ns &&
        atomic_compare_exchange_strong(&limiter->next_ns, &next_ns, now_ns + interval_ns)) {
        return 1 + atomic_exchange(&limiter->suppressed, 0);
    }
    atomic_fetch_add_explicit(&limiter->suppressed, 1, memory_order_relaxed);
    return 0;
}
