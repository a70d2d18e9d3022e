/* What takes exports in, in a lab's worker and in 'nsmon collect': sockets, the collector, and the rows about
 * the collector itself.  One thread uses an intake, that of its event loop. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "collector/collector.h"
#include "collector/listen/listen.h"
#include "common/log.h"
#include "common/prefix.h"

#define INTAKE_LISTENERS_MAX 64
#define INTAKE_ALLOW_MAX     256

/* Room for half a minute of exports at sampling 1 while nobody reads them. */
#define INTAKE_BUFFER_BYTES (32 << 20)

struct intake {
    struct event_base *base; /* the caller's, as are the next three */
    struct store *store;
    struct store_appender *appender;
    struct collector *collector;
    struct listener *listeners[INTAKE_LISTENERS_MAX];
    size_t listener_count;
    struct listen_counts closed; /* sums of listeners that are no more */
    struct ip_prefix allow[INTAKE_ALLOW_MAX];
    size_t allow_count; /* 0: everybody may export */
    uint64_t refused;   /* datagrams from elsewhere: they are not looked into */
    struct log_limiter refused_log;
};

/* Reads the bound socket 'fd' (see listen_bind()), which is now the intake's.  Returns 0, or a negative errno
 * with 'error' filled: -ENOSPC when there are INTAKE_LISTENERS_MAX already. */
int intake_listen(struct intake *intake, int fd, struct error *error);

/* Reads what is still in the socket of listener 'which' and closes it; the last listener takes its place. */
void intake_unlisten(struct intake *intake, size_t which);

/* Counts of all sockets, those that were closed too; 'buffer_bytes' is the smallest buffer, 0 for no socket.
 */
struct listen_counts intake_counts(const struct intake *intake);

/* To be called once a second: writes what changed, and a row about the collector itself. */
void intake_tick(struct intake *intake, int64_t now_ns);

/* Reads what is still in the sockets and writes all that is known.  Takes an intake in any state. */
void intake_finish(struct intake *intake);

/* Closes the sockets and frees the collector, but not the store. */
void intake_close(struct intake *intake);
