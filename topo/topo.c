/* The lab from nothing to links that are up. */
#include "topo/topo.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "topo/host.h"
#include "topo/impair.h"
#include "topo/lab.h"
#include "topo/link.h"
#include "topo/netns.h"
#include "topo/ofctl.h"
#include "topo/offload.h"
#include "topo/openflow.h"
#include "topo/ovs.h"
#include "topo/socket.h"
#include "topo/vswitch.h"

#define CARRIER_LIMIT_NS (5 * NS_PER_S)

static bool is_prefix(const char *text) {
    for (; *text != '\0'; text++) {
        if (!islower((unsigned char)*text) && !isdigit((unsigned char)*text)) {
            return false;
        }
    }
    return true;
}

/* Takes the rules over, if their ports are there. */
static int take_openflow(struct topo *topo, const struct topo_openflow *openflow, struct error *error) {
    size_t index = 0;
    unsigned beyond = openflow != NULL ? topo_openflow_beyond(openflow, topo->hosts, &index) : 0;
    if (beyond != 0) {
        return error_set(error, -EINVAL, "rule '%s': there is no ovs-tap%u in a lab of %u hosts",
                         openflow->rules[index], beyond, topo->hosts);
    }
    if (openflow != NULL) {
        topo->openflow = *openflow;
    }
    return 0;
}

int lab_take_settings(struct topo *topo, const struct topo_settings *settings, struct error *error) {
    size_t run_dir_length = strlen(settings->run_dir);
    if (memchr(settings->prefix, '\0', sizeof settings->prefix) == NULL || !is_prefix(settings->prefix)) {
        return error_set(error, -EINVAL, "a prefix is up to 5 of a-z and 0-9");
    }
    if (settings->run_dir[0] != '/' || run_dir_length >= sizeof topo->run_dir ||
        strpbrk(settings->run_dir, " \"\\") != NULL) {
        return error_set(error, -EINVAL, "not a usable run directory: %s", settings->run_dir);
    }
    if (!lab_is_tag(settings->tag)) {
        return error_set(error, -EINVAL, "not a usable tag of a session: '%s'", settings->tag);
    }
    if (settings->hosts > TOPO_HOSTS_MAX) {
        return error_set(error, -EINVAL, "a lab has up to %d hosts, not %u", TOPO_HOSTS_MAX, settings->hosts);
    }
    if (settings->addresses > TOPO_ADDRESSES_MAX) {
        return error_set(error, -EINVAL, "a host has up to %d addresses, not %u", TOPO_ADDRESSES_MAX,
                         settings->addresses);
    }
    if (settings->mtu != 0 && (settings->mtu < TOPO_MTU_MIN || settings->mtu > TOPO_MTU_MAX)) {
        return error_set(error, -EINVAL, "a lab's links have an MTU of %d to %d, not %u", TOPO_MTU_MIN,
                         TOPO_MTU_MAX, settings->mtu);
    }
    snprintf(topo->prefix, sizeof topo->prefix, "%s", settings->prefix);
    snprintf(topo->run_dir, sizeof topo->run_dir, "%s", settings->run_dir);
    snprintf(topo->tag, sizeof topo->tag, "%s", settings->tag);
    topo->hosts = settings->hosts != 0 ? settings->hosts : 2;
    topo->addresses = settings->addresses != 0 ? settings->addresses : 1;
    topo->mtu = settings->mtu != 0 ? settings->mtu : TOPO_MTU_DEFAULT;
    topo->progress = settings->progress;
    topo->progress_context = settings->progress_context;
    int code = take_openflow(topo, settings->openflow, error);
    return code == 0 ? impair_take(topo, settings, error) : code;
}

/* Says that there is a namespace 'name' already, and how to be rid of one that nsmon made. */
static int netns_taken(const char *name, struct error *error) {
    char tag[LAB_TAG_SIZE];
    int fd = netns_open(name, NULL);
    bool nsmons = fd >= 0 && netns_read_tag(fd, tag);
    if (fd >= 0) {
        close(fd);
    }
    return nsmons
               ? error_set(
                     error, -EEXIST,
                     "there is already a network namespace %s, of a lab whose record is lost: 'sudo "
                     "nsmon stop --all' removes what labs left behind; or choose other names with --prefix",
                     name)
               : lab_taken(error, "network namespace", name);
}

/* Looks whether all names are free, before anything is made. */
static int check_names(const struct topo *topo, struct error *error) {
    struct nl_sock *sock = NULL;
    struct link_info info;
    if (topo->sw.private_ovs && netns_exists(topo->switch_netns)) {
        return netns_taken(topo->switch_netns, error);
    }
    for (unsigned host = 1; host <= topo->hosts; host++) {
        if (netns_exists(topo->ports[host].netns)) {
            return netns_taken(topo->ports[host].netns, error);
        }
    }
    if (topo->sw.private_ovs) {
        return 0; /* its links and bridge live where nobody else does */
    }
    int code = ovs_has_bridge(topo, topo->bridge) ? lab_taken(error, "bridge", topo->bridge) : 0;
    code = code == 0 ? link_socket(-1, &sock, error) : code;
    if (code == 0 && link_get(sock, topo->bridge, &info, NULL) == 0) {
        code = lab_taken(error, "link", topo->bridge);
    }
    for (unsigned host = 1; code == 0 && host <= topo->hosts; host++) {
        if (link_get(sock, topo->ports[host].ovs_tap, &info, NULL) == 0) {
            code = lab_taken(error, "link", topo->ports[host].ovs_tap);
        }
    }
    link_socket_close(sock);
    return code;
}

/* Makes the run directory, its parents included, and remembers which of them were not there. */
static int make_run_dir(struct topo *topo, struct error *error) {
    char path[LAB_RUN_DIR_SIZE];
    snprintf(path, sizeof path, "%s", topo->run_dir);
    for (char *at = path + 1;; at++) {
        if (*at != '/' && *at != '\0') {
            continue;
        }
        char end = *at;
        *at = '\0';
        if (mkdir(path, 0755) == 0) {
            struct lab_item *item = &topo->items[topo->item_count++];
            item->kind = LAB_FOLDER;
            snprintf(item->name, sizeof item->name, "%s", path);
        } else if (errno != EEXIST) {
            return error_set(error, -errno, "could not make the run directory %s: %s", path, strerror(errno));
        }
        if (end == '\0' || topo->item_count == LAB_ITEMS_MAX / 2) {
            return 0;
        }
        *at = end;
    }
}

/* Makes the namespace that the switch runs in, or opens the one that it does run in, and starts it if it is
 * ours. */
static int make_switch(struct topo *topo, struct error *error) {
    int code = 0;
    if (netns_dir_missing()) {
        code = lab_begin(topo, LAB_NETNS_DIR, NETNS_DIR, error);
        code = code == 0 ? netns_dir_make(error) : code;
    }
    if (code == 0 && !topo->sw.private_ovs) {
        topo->netns_fd[TOPO_SWITCH] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        return topo->netns_fd[TOPO_SWITCH] >= 0
                   ? 0
                   : error_set(error, -errno, "could not open the own network namespace: %s",
                               strerror(errno));
    }
    code = code == 0 ? lab_make_netns(topo, topo->switch_netns, &topo->netns_fd[TOPO_SWITCH], error) : code;
    return code == 0 ? vswitch_start(topo, error) : code;
}

/* The bridge, and its own link, which stays down and silent. */
static int make_bridge(struct topo *topo, struct error *error) {
    char alias[LINK_ALIAS_SIZE];
    struct nl_sock *sock = NULL;
    snprintf(alias, sizeof alias, "nsmon:%s", topo->tag);
    int code = lab_begin(topo, LAB_BRIDGE, topo->bridge, error);
    code = code == 0 ? ovs_make_bridge(topo, error) : code;
    code = code == 0 ? link_socket(topo->netns_fd[TOPO_SWITCH], &sock, error) : code;
    code = code == 0 ? link_set_alias(sock, topo->bridge, alias, error) : code;
    code = code == 0 ? link_no_own_addresses(sock, topo->bridge, error) : code;
    link_socket_close(sock);
    if (code == 0) {
        socket_adopt(topo);
    }
    return code;
}

/* The rules stand before the first frame comes; with the bridge they go. */
static int set_openflow(struct topo *topo, struct error *error) {
    if (topo->openflow.rule_count + topo->openflow.meter_count == 0) {
        return 0;
    }
    int code = lab_step(topo, error, "OpenFlow rules of %s", topo->bridge);
    return code == 0 ? ofctl_apply(topo, &topo->openflow, error) : code;
}

/* Makes everything, in a run directory that nobody else is working in. */
static int build(struct topo *topo, struct error *error) {
    int code = make_run_dir(topo, error);
    int lock = code == 0 ? lab_lock(topo->run_dir, error) : code;
    code = lock < 0 ? lock : 0;
    if (code == 0 && topo_recorded(topo->run_dir)) {
        code = error_set(error, -EEXIST,
                         "a lab is recorded in %s: it is up, or was left behind; nsmon stop ends it",
                         topo->run_dir);
    }
    bool nothing_made = code != 0;
    code = code == 0 ? make_switch(topo, error) : code;
    for (unsigned host = 1; code == 0 && host <= topo->hosts; host++) {
        code = host_make(topo, host, error);
    }
    code = code == 0 ? make_bridge(topo, error) : code;
    code = code == 0 ? set_openflow(topo, error) : code;
    code = code == 0 ? impair_finish(topo, error) : code;
    if (code != 0 && nothing_made) {
        while (topo->item_count > 0) {
            rmdir(topo->items[--topo->item_count].name);
        }
    } else if (code != 0) {
        struct error why = {.text = ""};
        if (undo_all(topo, &why) != 0) {
            error_prefix(error, code, "%s; before that", why.text);
        }
    }
    if (lock >= 0) {
        close(lock);
    }
    return code;
}

int topo_create(const struct topo_settings *settings, struct topo **result, struct error *error) {
    *result = NULL;
    struct topo *topo = calloc(1, sizeof *topo);
    if (topo == NULL) {
        return error_set(error, -ENOMEM, "no memory for a lab");
    }
    int code = lab_take_settings(topo, settings, error);
    lab_name_all(topo);
    if (code == 0 && geteuid() != 0) {
        code = error_set(error, -EPERM, "building the lab needs root: sudo nsmon start");
    }
    code = code == 0 ? topo_resolve_datapath(settings->datapath, &topo->sw, error) : code;
    if (code == 0 && topo_recorded(topo->run_dir)) {
        code = error_set(error, -EEXIST,
                         "a lab is recorded in %s: it is up, or was left behind; nsmon stop ends it",
                         topo->run_dir);
    }
    code = code == 0 ? check_names(topo, error) : code;
    code = code == 0 ? impair_check_names(topo, error) : code;
    code = code == 0 ? build(topo, error) : code;
    if (code != 0) {
        topo_close(topo);
        return code;
    }
    *result = topo;
    return 0;
}

static bool all_have_carrier(struct topo *topo, struct nl_sock *sock) {
    struct link_info info;
    for (unsigned host = 1; host <= topo->hosts; host++) {
        struct nl_sock *inside = NULL;
        bool carrier = link_get(sock, topo->ports[host].ovs_tap, &info, NULL) == 0 && info.carrier &&
                       link_socket(topo->netns_fd[host], &inside, NULL) == 0 &&
                       link_get(inside, topo->ports[host].tap, &info, NULL) == 0 && info.carrier &&
                       impair_has_carrier(topo, host);
        link_socket_close(inside);
        if (!carrier) {
            return false;
        }
        topo->tap_tx_dropped[host] = info.tx_dropped;
    }
    return true;
}

/* Keeps the stations silent, or lets them speak.  What can't be done is left: then a frame that a station
 * sends while not all links are up may go nowhere, which the ledger shows. */
static void hold_stations(struct topo *topo, bool hold) {
    for (unsigned host = 1; host <= topo->hosts; host++) {
        (void)host_hold(topo, host, hold, NULL);
    }
}

int topo_links_up(struct topo *topo, struct error *error) {
    struct nl_sock *sock = NULL;
    int code = link_socket(topo->netns_fd[TOPO_SWITCH], &sock, error);
    hold_stations(topo, true);
    code = code == 0 ? impair_links_up(topo, error) : code;
    for (unsigned host = 1; code == 0 && host <= topo->hosts; host++) {
        code = lab_step(topo, error, "bring up %s", topo->ports[host].ovs_tap);
        code = code == 0 ? link_set_up(sock, topo->ports[host].ovs_tap, true, error) : code;
    }
    int64_t deadline_ns = clock_monotonic_ns() + CARRIER_LIMIT_NS;
    while (code == 0 && !all_have_carrier(topo, sock)) {
        if (clock_monotonic_ns() > deadline_ns) {
            code = error_set(error, -ETIMEDOUT, "the links of %s have no carrier, though both ends are up",
                             topo->bridge);
        }
        clock_sleep_ns(NS_PER_MS);
    }
    link_socket_close(sock);
    socket_adopt(topo);
    hold_stations(topo, false);
    return code;
}

unsigned topo_hosts(const struct topo *topo) {
    return topo->hosts;
}

unsigned topo_addresses(const struct topo *topo) {
    return topo->addresses;
}

const struct topo_switch *topo_switch(const struct topo *topo) {
    return &topo->sw;
}

const char *topo_bridge(const struct topo *topo) {
    return topo->bridge;
}

const struct topo_port *topo_port(const struct topo *topo, unsigned host) {
    return host >= 1 && host <= topo->hosts ? &topo->ports[host] : NULL;
}

int topo_namespace_fd(const struct topo *topo, unsigned host) {
    return host <= topo->hosts ? topo->netns_fd[host] : -1;
}

int topo_port_stats(struct topo *topo, unsigned host, struct topo_port_stats *stats, struct error *error) {
    struct nl_sock *sock = NULL;
    struct link_info info;
    memset(stats, 0, sizeof *stats);
    if (topo_port(topo, host) == NULL) {
        return error_set(error, -EINVAL, "there is no host %u in this lab", host);
    }
    int code = link_socket(topo->netns_fd[TOPO_SWITCH], &sock, error);
    code = code == 0 ? link_get(sock, topo->ports[host].ovs_tap, &info, error) : code;
    link_socket_close(sock);
    if (code != 0) {
        return code;
    }
    stats->rx_packets = info.rx_packets;
    stats->rx_bytes = info.rx_bytes;
    stats->rx_dropped = info.rx_dropped;
    stats->tx_packets = info.tx_packets;
    stats->tx_bytes = info.tx_bytes;
    stats->tx_dropped = info.tx_dropped;
    code = link_socket(topo->netns_fd[host], &sock, error);
    code = code == 0 ? link_get(sock, topo->ports[host].tap, &info, error) : code;
    link_socket_close(sock);
    stats->tap_tx_dropped = info.tx_dropped - topo->tap_tx_dropped[host];
    stats->socket_drops_known = socket_read_drops(topo, host);
    stats->socket_drops = topo->sockets[host].drops;
    stats->socket_buffer_bytes = topo->sockets[host].buffer_bytes;
    stats->relay_gone = impair_relay_gone(topo, host);
    return code;
}

void topo_close(struct topo *topo) {
    if (topo == NULL) {
        return;
    }
    socket_release(topo);
    impair_release(topo);
    for (unsigned host = 0; host <= TOPO_HOSTS_MAX; host++) {
        if (topo->netns_fd[host] >= 0) {
            close(topo->netns_fd[host]);
        }
    }
    free(topo);
}
