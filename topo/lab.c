/* What the lab's parts are called, and the steps in which they come and go. */
#include "topo/lab.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>

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
        snprintf(port->ipv4, sizeof port->ipv4, "10.0.0.%u", host);
        snprintf(port->ipv6, sizeof port->ipv6, "fd00:6e73:6d6f:6e::%u", host);
        topo->netns_fd[host] = -1;
        topo->sockets[host].fd = -1;
    }
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
    return code == 0 ? lab_step_item(topo, kind == LAB_DAEMON ? "start" : "make", item, error) : code;
}
