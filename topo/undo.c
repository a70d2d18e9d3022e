/* Takes the lab down from its record: newest first, each kind in its own way, ours only. */
#include "topo/lab.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "topo/inside.h"
#include "topo/impair.h"
#include "topo/link.h"
#include "topo/netns.h"
#include "topo/ovs.h"
#include "topo/socket.h"
#include "topo/vswitch.h"

typedef int undo_fn(struct topo *topo, const char *name, struct error *error);

static int undo_folder(struct topo *topo, const char *name, struct error *error) {
    (void)topo;
    (void)error;
    if (rmdir(name) != 0 && errno != ENOENT) {
        log_debug("%s stays: %s", name, strerror(errno));
    }
    return 0;
}

static int undo_netns_dir(struct topo *topo, const char *name, struct error *error) {
    (void)topo;
    (void)name;
    (void)error;
    netns_dir_remove();
    return 0;
}

static int undo_netns(struct topo *topo, const char *name, struct error *error) {
    char alias[LINK_ALIAS_SIZE];
    snprintf(alias, sizeof alias, "nsmon:%s", topo->tag);
    int fd = netns_open(name, NULL);
    if (fd >= 0) {
        char tag[LAB_TAG_SIZE];
        if (netns_read_tag(fd, tag) && strcmp(tag, topo->tag) == 0) {
            inside_warn_of_foreign(fd, name);
        }
        close(fd);
    }
    return netns_remove(name, alias, error);
}

static int undo_ovs_dir(struct topo *topo, const char *name, struct error *error) {
    (void)name;
    return vswitch_remove_files(topo->run_dir, error);
}

static int undo_daemon(struct topo *topo, const char *name, struct error *error) {
    socket_release(topo);
    return vswitch_stop(topo->run_dir, name, error);
}

/* Deletes the link 'name' of the namespace 'netns_fd' (-1: this one) if it carries our alias; the other end
 * goes with it.  At once, where waiting for the kernel to clear the namespaces away would leave it visible
 * for a while. */
static int delete_ours(const struct topo *topo, int netns_fd, const char *name, struct error *error) {
    struct nl_sock *sock = NULL;
    struct link_info info;
    char alias[LINK_ALIAS_SIZE];
    snprintf(alias, sizeof alias, "nsmon:%s", topo->tag);
    int code = link_socket(netns_fd, &sock, error);
    if (code == 0 && link_get(sock, name, &info, NULL) == 0 && strcmp(info.alias, alias) == 0) {
        code = link_delete(sock, name, error);
        code = code == -ENODEV ? 0 : code;
    }
    link_socket_close(sock);
    return code;
}

static int undo_link(struct topo *topo, const char *name, struct error *error) {
    unsigned long host = strtoul(name, NULL, 10);
    if (host < 1 || host > topo->hosts) {
        return 0;
    }
    const struct topo_port *port = &topo->ports[host];
    int code = 0;
    int netns_fd = netns_open(port->netns, NULL);
    if (netns_fd >= 0) {
        code = delete_ours(topo, netns_fd, port->tap, error);
        close(netns_fd);
    }
    /* In the root namespace the switch's end may have lost the other. */
    if (code == 0 && !topo->sw.private_ovs) {
        code = delete_ours(topo, -1, port->ovs_tap, error);
    }
    return code;
}

static int undo_bridge(struct topo *topo, const char *name, struct error *error) {
    if (topo->sw.private_ovs) {
        return 0; /* it takes its bridge along */
    }
    /* A set holds on to the bridge's row, and outlives it. */
    int code = ovs_remove_sets(topo, error);
    int removed = ovs_remove_bridge(topo, name, code == 0 ? error : NULL);
    return code == 0 ? removed : code;
}

static undo_fn *const undo_functions[LAB_KIND_COUNT] = {
    [LAB_FOLDER] = undo_folder,   [LAB_NETNS_DIR] = undo_netns_dir, [LAB_NETNS] = undo_netns,
    [LAB_OVS_DIR] = undo_ovs_dir, [LAB_DAEMON] = undo_daemon,       [LAB_LINK] = undo_link,
    [LAB_BRIDGE] = undo_bridge,   [LAB_RELAY] = impair_stop_relay,
};

/* Undoes the items that are not folders, newest first, and keeps those that failed. */
static int undo_items(struct topo *topo, struct error *error) {
    struct lab_item kept[LAB_ITEMS_MAX];
    unsigned kept_count = 0;
    int first = 0;
    for (unsigned i = topo->item_count; i-- > 0;) {
        const struct lab_item *item = &topo->items[i];
        struct error why = {.text = ""};
        int code = 0;
        if (item->kind != LAB_FOLDER) {
            (void)lab_step_item(topo, item->kind == LAB_DAEMON || item->kind == LAB_RELAY ? "stop" : "remove",
                                item, NULL);
            code = undo_functions[item->kind](topo, item->name, &why);
        }
        if (code != 0) {
            if (first == 0) {
                first = error_set(error, code, "%s", why.text);
            } else {
                log_warning("%s", why.text);
            }
        }
        if (code != 0 || item->kind == LAB_FOLDER) {
            kept[kept_count++] = *item;
        }
    }
    topo->item_count = 0;
    while (kept_count > 0) {
        topo->items[topo->item_count++] = kept[--kept_count];
    }
    return first;
}

int undo_all(struct topo *topo, struct error *error) {
    int code = undo_items(topo, error);
    if (code != 0) {
        (void)state_write(topo, NULL);
        return error_prefix(error, code, "not all of the lab could be taken down");
    }
    /* The record goes last of the files, then the folders that held it. */
    unsigned count = topo->item_count;
    topo->item_count = 0;
    code = state_write(topo, error);
    while (code == 0 && count-- > 0) {
        (void)undo_functions[LAB_FOLDER](topo, topo->items[count].name, error);
    }
    return code;
}

int topo_destroy(struct topo *topo, struct error *error) {
    return topo->item_count == 0 ? 0 : undo_all(topo, error);
}

int topo_recover(const char *run_dir, topo_progress_fn *progress, void *progress_context,
                 struct error *error) {
    struct topo topo = {.progress = progress, .progress_context = progress_context};
    int length = snprintf(topo.run_dir, sizeof topo.run_dir, "%s", run_dir);
    if (length < 0 || (size_t)length >= sizeof topo.run_dir) {
        return error_set(error, -ENAMETOOLONG, "the run directory's path is too long: %s", run_dir);
    }
    int lock = lab_lock(run_dir, error);
    if (lock < 0) {
        return lock == -ENOENT ? 0 : lock;
    }
    int code = state_read(&topo, error);
    lab_name_all(&topo);
    code = code == 0 ? undo_all(&topo, error) : code;
    close(lock);
    return code == -ENOENT ? 0 : code;
}
