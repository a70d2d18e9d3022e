#include "daemon/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"

/* Fills 'address' with the socket 'name', "/path" or "@abstract".  Returns its length, 0 for anything else.
 */
static socklen_t address_of(const char *name, struct sockaddr_un *address) {
    size_t length = strlen(name);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof address->sun_path) {
        return 0;
    }
    memcpy(address->sun_path, name, length);
    if (name[0] == '@') {
        address->sun_path[0] = '\0'; /* an abstract name is as long as it is said to be */
    }
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '/'));
}

/* How often the manager of this process wants a sign of life; sd_watchdog_enabled(3). */
static int64_t watchdog_ns(void) {
    const char *interval = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    if (interval == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid())) {
        return 0;
    }
    long long us = strtoll(interval, NULL, 10);
    return us > 0 && us < INT64_MAX / NS_PER_US ? us * NS_PER_US : 0;
}

struct notify notify_open(void) {
    struct notify notify = {.fd = -1};
    struct sockaddr_un address;
    const char *name = getenv("NOTIFY_SOCKET");
    socklen_t length = name != NULL ? address_of(name, &address) : 0;
    if (length == 0) {
        return notify;
    }
    notify.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify.fd >= 0 && connect(notify.fd, (struct sockaddr *)&address, length) != 0) {
        notify_close(&notify);
    }
    if (notify.fd >= 0) {
        notify.watchdog_ns = watchdog_ns();
    }
    return notify;
}

void notify_send(const struct notify *notify, const char *format, ...) {
    if (notify->fd < 0) {
        return;
    }
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length < sizeof text) {
        send(notify->fd, text, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

void notify_close(struct notify *notify) {
    if (notify->fd >= 0) {
        close(notify->fd);
        notify->fd = -1;
    }
}
