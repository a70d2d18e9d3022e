/* What the lab's parts are called, and the steps in which they come and go. */
#include "topo/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "topo/impair.h"
#include "topo/link.h"
#include "topo/netns.h"

void lab_name_all(struct topo *topo) {
    const char *prefix = topo->prefix;
    const char *dash = prefix[0] != '\0' ? "-" : "";
    snprintf(topo->bridge, sizeof topo->bridge, "%s%snsmon-br0", prefix, dash);
    snprintf(topo->switch_netns, sizeof topo->switch_netns, "%s%snsmon-sw", prefix, dash);
    for (unsigned host = 0; host <= TOPO_HOSTS_MAX; host++) {
        struct topo_port *port = &topo->ports[host];
        snprintf(port->netns, sizeof port->netns, "%s%sns%u", prefix, dash, host);
        snprintf(port->tap, sizeof port->tap, "%s%stap%u", prefix, dash, host);
        snprintf(port->ovs_tap, sizeof port->ovs_tap, "%s%sovs-tap%u", prefix, dash, host);
        struct ip_address ipv4;
        struct ip_address ipv6;
        char text[IP_TEXT_SIZE];
        topo_host_address(host, 0, &ipv4, &ipv6);
        snprintf(port->ipv4, sizeof port->ipv4, "%s", ip_address_format(&ipv4, text));
        snprintf(port->ipv6, sizeof port->ipv6, "%s", ip_address_format(&ipv6, text));
        topo->netns_fd[host] = -1;
        topo->sockets[host].fd = -1;
    }
    impair_name_all(topo);
}

int lab_step(struct topo *topo, struct error *error, const char *format, ...) {
    char step[LAB_PATH_SIZE];
    va_list arguments;
    if (topo->progress == NULL) {
        return 0;
    }
    va_start(arguments, format);
    vsnprintf(step, sizeof step, format, arguments);
    va_end(arguments);
    int code = topo->progress(step, topo->progress_context);
    return code == 0 ? 0 : error_set(error, code, "broken off before '%s'", step);
}

int lab_step_item(struct topo *topo, const char *verb, const struct lab_item *item, struct error *error) {
    unsigned long host = item->kind == LAB_LINK ? strtoul(item->name, NULL, 10) : 0;
    const struct topo_port *port = &topo->ports[host <= TOPO_HOSTS_MAX ? host : 0];
    switch (item->kind) {
    case LAB_NETNS:
        return lab_step(topo, error, "%s namespace %s", verb, item->name);
    case LAB_OVS_DIR:
        return lab_step(topo, error, "%s %s/ovs", verb, topo->run_dir);
    case LAB_LINK:
        return lab_step(topo, error, "%s links %s and %s", verb, port->tap, port->ovs_tap);
    case LAB_RELAY:
        return lab_step(topo, error, "%s the relay in %s", verb, item->name);
    case LAB_BRIDGE:
        return lab_step(topo, error, "%s bridge %s", verb, item->name);
    default:
        return lab_step(topo, error, "%s %s", verb, item->name);
    }
}

int lab_begin(struct topo *topo, enum lab_kind kind, const char *name, struct error *error) {
    if (topo->item_count == LAB_ITEMS_MAX) {
        return error_set(error, -E2BIG, "the lab has too many parts");
    }
    struct lab_item *item = &topo->items[topo->item_count++];
    item->kind = kind;
    snprintf(item->name, sizeof item->name, "%s", name);
    int code = state_write(topo, error);
    return code == 0
               ? lab_step_item(topo, kind == LAB_DAEMON || kind == LAB_RELAY ? "start" : "make", item, error)
               : code;
}

bool lab_is_tag(const char *text) {
    static const char letters[] = "-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t length = strlen(text);
    return length > 0 && length < LAB_TAG_SIZE && strspn(text, letters) == length;
}

bool lab_tag_of(const char *alias, char tag[LAB_TAG_SIZE]) {
    static const char mark[] = "nsmon:";
    if (strncmp(alias, mark, sizeof mark - 1) != 0 || !lab_is_tag(alias + sizeof mark - 1)) {
        return false;
    }
    snprintf(tag, LAB_TAG_SIZE, "%s", alias + sizeof mark - 1);
    return true;
}

int lab_taken(struct error *error, const char *what, const char *name) {
    return error_set(
        error, -EEXIST,
        "there is already a %s %s, and it is not this lab's; remove it, or choose other names with "
        "--prefix",
        what, name);
}

int lab_make_netns(struct topo *topo, const char *name, int *netns_fd, struct error *error) {
    char alias[LINK_ALIAS_SIZE];
    snprintf(alias, sizeof alias, "nsmon:%s", topo->tag);
    int code = lab_begin(topo, LAB_NETNS, name, error);
    int fd = code == 0 ? netns_make(name, alias, error) : code;
    if (fd == -EEXIST) {
        topo->item_count--; /* what it names is somebody else's */
        *netns_fd = -1;
        return lab_taken(error, "network namespace", name);
    }
    *netns_fd = fd >= 0 ? fd : -1;
    return fd >= 0 ? 0 : fd;
}

int lab_lock(const char *run_dir, struct error *error) {
    struct stat folder;
    int fd = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &folder) != 0) {
        int code =
            error_set(error, -errno, "could not open the run directory %s: %s", run_dir, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return code;
    }
    int code = 0;
    if (folder.st_uid != geteuid() || (folder.st_mode & S_IWOTH) != 0) {
        code = error_set(
            error, -EPERM,
            "the run directory %s is not safe: it must belong to the user who runs the lab, and not be "
            "writable by all",
            run_dir);
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        code = error_set(error, -EBUSY, "the lab of %s is being built or taken down right now; try again",
                         run_dir);
    }
    if (code != 0) {
        close(fd);
    }
    return code == 0 ? fd : code;
}
