/* Tells the service manager how a service is, by the protocol of sd_notify(3): datagrams to the socket that
 * NOTIFY_SOCKET names.  Without one all of this does nothing. */
#pragma once

#include <stdint.h>

struct notify {
    int fd;              /* -1: nobody wants to know */
    int64_t watchdog_ns; /* how often the manager wants a sign of life; 0: not at all */
};

/* Connects to the manager's socket, before privileges are dropped and namespaces left.  Never fails: a
 * manager that can't be told is none. */
struct notify notify_open(void);

/* Sends a formatted message such as "READY=1". */
void notify_send(const struct notify *notify, const char *format, ...) __attribute__((format(printf, 2, 3)));

void notify_close(struct notify *notify);
