/* Looks at a bridge and at the interfaces where frames are to be captured. */
#include "topo/attach/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "topo/attach/internal.h"
#include "topo/netns.h"
#include "topo/offload.h"

int attach_step(const struct attach *attach, struct error *error, const char *format, ...) {
    char step[LAB_PATH_SIZE];
    va_list arguments;
    if (attach->progress == NULL) {
        return 0;
    }
    va_start(arguments, format);
    vsnprintf(step, sizeof step, format, arguments);
    va_end(arguments);
    int code = attach->progress(step, attach->progress_context);
    return code == 0 ? 0 : error_set(error, code, "broken off before '%s'", step);
}

void attach_remember(struct attach *attach, const char *format, ...) {
    if (attach->remark_count < ATTACH_REMARKS_MAX) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(attach->remarks[attach->remark_count], sizeof attach->remarks[0], format, arguments);
        va_end(arguments);
        attach->remark_count++;
    }
}

/* --- the switch --- */

/* The process of the system's switch by its pid file, and its network namespace; where that can't be found,
 * the namespace is taken to be ours. */
static int find_switch(struct attach *attach, struct error *error) {
    char path[LAB_PATH_SIZE];
    const char *folder = getenv("OVS_RUNDIR");
    long pid = 0;
    snprintf(path, sizeof path, "%s/ovs-vswitchd.pid", folder != NULL ? folder : "/var/run/openvswitch");
    FILE *file = fopen(path, "re");
    char line[24] = "";
    if (file != NULL && fgets(line, sizeof line, file) != NULL) {
        pid = strtol(line, NULL, 10);
    }
    if (file != NULL) {
        fclose(file);
    }
    snprintf(path, sizeof path, "/proc/%ld/ns/net", pid);
    attach->switch_fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (attach->switch_fd >= 0) {
        attach->switch_pid = (pid_t)pid;
        attach->switch_pidfd = pidfd_open((pid_t)pid, 0);
        return 0;
    }
    attach->switch_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    return attach->switch_fd >= 0
               ? 0
               : error_set(error, -errno, "could not open the network namespace: %s", strerror(errno));
}

static int no_bridge(const struct tables *tables, const char *name, struct error *error) {
    char names[256] = "";
    for (size_t i = 0; i < tables_row_count(tables->bridges) && strlen(names) < 200; i++) {
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i > 0 ? ", " : "",
                 tables_text(tables_cell(tables->bridges, i, "name")));
    }
    return error_set(error, -ENOENT, "the system's Open vSwitch has no bridge '%s'; it has %s", name,
                     names[0] != '\0' ? names : "none");
}

/* Finds the bridge 'name', which must be nobody's. */
static int find_bridge(const struct tables *tables, const char *name, size_t *row, struct error *error) {
    *row = tables_find(tables->bridges, "name", name);
    if (*row == tables_row_count(tables->bridges)) {
        return no_bridge(tables, name, error);
    }
    const json_t *ids = tables_cell(tables->bridges, *row, "external_ids");
    const char *attached = tables_map_value(ids, ATTACH_KEY);
    struct attach_record record;
    if (tables_map_value(ids, "nsmon") != NULL) {
        return error_set(error, -EALREADY, "the bridge %s is that of a lab of nsmon's: it measures already",
                         name);
    }
    if (attached != NULL && attach_record_parse(&record, name, attached) == 0) {
        return error_set(error, -EALREADY,
                         "a session is attached to the bridge %s already: 'sudo nsmon detach%s%s' ends it",
                         name, record.prefix[0] != '\0' ? " --prefix " : "", record.prefix);
    }
    return 0;
}

static void add_port(struct attach *attach, const struct tables *tables, size_t row, struct nl_sock *sock) {
    attach->port_total++;
    if (attach->port_count == ATTACH_PORTS_MAX) {
        return;
    }
    struct attach_port *port = &attach->ports[attach->port_count++];
    struct link_info link;
    const char *type = tables_text(tables_cell(tables->interfaces, row, "type"));
    int64_t number = tables_number(tables_cell(tables->interfaces, row, "ofport"), 0);
    *port = (struct attach_port){.point = -1, .of_port = number > 0 ? (uint32_t)number : 0};
    snprintf(port->name, sizeof port->name, "%s", tables_text(tables_cell(tables->interfaces, row, "name")));
    port->internal = strcmp(type, "internal") == 0 || strcmp(type, "tap") == 0;
    if ((type[0] == '\0' || port->internal || strcmp(type, "system") == 0) &&
        link_get(sock, port->name, &link, NULL) == 0) {
        port->ifindex = link.ifindex;
    }
}

/* All interfaces of all ports of the bridge in row 'bridge'. */
static void read_ports(struct attach *attach, const struct tables *tables, size_t bridge,
                       struct nl_sock *sock) {
    const json_t *ports = tables_cell(tables->bridges, bridge, "ports");
    for (size_t i = 0; i < tables_row_count(tables->ports); i++) {
        if (!tables_holds(ports, tables_text(tables_cell(tables->ports, i, "_uuid")))) {
            continue;
        }
        const json_t *interfaces = tables_cell(tables->ports, i, "interfaces");
        for (size_t j = 0; j < tables_row_count(tables->interfaces); j++) {
            if (tables_holds(interfaces, tables_text(tables_cell(tables->interfaces, j, "_uuid")))) {
                add_port(attach, tables, j, sock);
            }
        }
    }
    if (attach->port_total > attach->port_count) {
        attach_remember(attach, "%s has %zu ports; %zu of them are neither counted nor named",
                        attach->record.bridge, attach->port_total, attach->port_total - attach->port_count);
    }
}

/* --- its exporters --- */

/* Who else would export to us through the record 'uuid', or NULL. */
static const char *who_shares(const struct tables *tables, enum attach_kind kind, const char *uuid,
                              size_t bridge) {
    for (size_t i = 0; i < tables_row_count(tables->bridges); i++) {
        if (i != bridge && tables_holds(tables_cell(tables->bridges, i, attach_names[kind].column), uuid)) {
            return tables_text(tables_cell(tables->bridges, i, "name"));
        }
    }
    size_t set = tables_find(tables->collector_sets, "ipfix", uuid);
    return kind == ATTACH_IPFIX && set < tables_row_count(tables->collector_sets)
               ? "a Flow_Sample_Collector_Set"
               : NULL;
}

static void read_owners(struct attach *attach, const struct tables *tables, enum attach_kind kind,
                        size_t row) {
    /* What Open vSwitch takes where nothing is set: ovs-vswitchd.conf.db(5). */
    static const int64_t samplings[ATTACH_KINDS] = {400, 1, 400};
    struct attach_exporter *exporter = &attach->record.exporters[kind];
    const json_t *table = tables->exporters[kind];
    const char *table_name = attach_names[kind].table;
    const json_t *other = tables_cell(table, row, "other_config");
    exporter->mode = ATTACH_JOINED;
    exporter->sampling = (uint32_t)tables_number(tables_cell(table, row, "sampling"), samplings[kind]);
    if (kind == ATTACH_NETFLOW) {
        int64_t timeout_s = tables_number(tables_cell(table, row, "active_timeout"), 0);
        exporter->timeout_s = timeout_s == 0 ? 600 : timeout_s;
        attach_remember(attach, "NetFlow of %s has an owner: its active timeout is used, %lld s",
                        attach->record.bridge, (long long)exporter->timeout_s);
        return;
    }
    if (kind == ATTACH_IPFIX) {
        exporter->timeout_s = tables_number(tables_cell(table, row, "cache_active_timeout"), 0);
        const char *in = tables_map_value(other, "enable-input-sampling");
        const char *out = tables_map_value(other, "enable-output-sampling");
        if ((in != NULL && strcmp(in, "false") == 0) || (out != NULL && strcmp(out, "false") == 0)) {
            attach_remember(
                attach,
                "IPFIX of %s samples in one direction only (before Open vSwitch 3.2 its two options "
                "are swapped): without ingress there is nothing to compare",
                attach->record.bridge);
        }
    }
    attach_remember(attach, "%s of %s has an owner: its rate is used, 1 in %u", table_name,
                    attach->record.bridge, exporter->sampling);
}

static int read_exporter(struct attach *attach, const struct tables *tables, enum attach_kind kind,
                         size_t bridge, struct error *error) {
    struct attach_exporter *exporter = &attach->record.exporters[kind];
    const char *column = attach_names[kind].column;
    const char *uuid = tables_text(tables_cell(tables->bridges, bridge, column));
    size_t row = tables_find(tables->exporters[kind], "_uuid", uuid);
    exporter->mode = ATTACH_MADE;
    if (uuid[0] == '\0' || row == tables_row_count(tables->exporters[kind])) {
        return 0;
    }
    const char *sharer = who_shares(tables, kind, uuid, bridge);
    if (sharer != NULL) {
        return error_set(error, -EBUSY,
                         "the bridges %s and %s share one %s record, so that the other's exports would come "
                         "too: give %s one of its own, or leave it out with --no-%s",
                         attach->record.bridge, sharer, attach_names[kind].table, attach->record.bridge,
                         column);
    }
    snprintf(exporter->uuid, sizeof exporter->uuid, "%s", uuid);
    read_owners(attach, tables, kind, row);
    return 0;
}

/* --- where frames are captured --- */

static int no_role(const struct attach_truth *truth, struct error *error) {
    return error_set(error, -EINVAL,
                     "%s is the host's own end of the bridge, so what leaves it goes into the switch: it is "
                     "a station, not a port",
                     truth->name);
}

/* The port of the bridge that the link 'link' is ('in_switch'), or whose other end it is; NULL for none. */
static struct attach_port *port_of(struct attach *attach, const struct link_info *link, bool in_switch,
                                   struct nl_sock *sock) {
    for (size_t i = 0; i < attach->port_count; i++) {
        struct attach_port *port = &attach->ports[i];
        struct link_info other;
        if (in_switch && port->ifindex == link->ifindex) {
            return port;
        }
        if (port->ifindex != 0 && port->ifindex == link->peer_ifindex &&
            link_get(sock, port->name, &other, NULL) == 0 && other.peer_ifindex == link->ifindex) {
            return port;
        }
    }
    return NULL;
}

static void warn_of_offloads(struct attach *attach, const struct attach_point *point) {
    const char *which = NULL;
    /* In the order in which they are looked at, those that merge or cut frames come first. */
    if (offload_check(point->netns_fd, point->name, &which, NULL) == 1 && strstr(which, "-offload") != NULL) {
        attach_remember(attach,
                        "%s has %s on: captures there may see one frame where several cross the wire, and "
                        "nothing is changed about that",
                        point->name, which);
    }
}

static int take_point(struct attach *attach, struct attach_point *point, const struct attach_truth *truth,
                      const struct link_info *link, struct nl_sock *switch_sock, struct error *error) {
    bool in_switch = truth->netns[0] == '\0';
    struct attach_port *port = port_of(attach, link, in_switch, switch_sock);
    bool is_bridges = in_switch && port != NULL && port->ifindex == link->ifindex;
    if (is_bridges && port->internal && truth->role == ATTACH_ROLE_PORT) {
        return no_role(truth, error);
    }
    if (!link->up) {
        return error_set(error, -ENETDOWN, "the interface %s is down, so nothing can be captured there",
                         truth->name);
    }
    for (size_t i = 0; i < attach->point_count; i++) {
        bool same_port = port != NULL && attach->points[i].port == port;
        if (same_port || (strcmp(attach->points[i].name, truth->name) == 0 &&
                          strcmp(attach->points[i].netns, truth->netns) == 0)) {
            return error_set(error, -EINVAL,
                             "%s and %s are two names of one place: every frame would be "
                             "counted twice",
                             attach->points[i].name, truth->name);
        }
    }
    point->is_port =
        truth->role == ATTACH_ROLE_PORT || (truth->role == ATTACH_ROLE_AUTO && is_bridges && !port->internal);
    point->ifindex = link->ifindex;
    memcpy(point->mac, link->mac, sizeof point->mac);
    point->port = port;
    if (port != NULL) {
        port->point = (int)attach->point_count;
    }
    attach->point_count++;
    warn_of_offloads(attach, point);
    return 0;
}

static int read_point(struct attach *attach, const struct attach_truth *truth, struct nl_sock *switch_sock,
                      struct error *error) {
    struct attach_point *point = &attach->points[attach->point_count];
    struct nl_sock *sock = NULL;
    struct link_info link;
    memcpy(point->name, truth->name, sizeof point->name);
    memcpy(point->netns, truth->netns, sizeof point->netns);
    if (truth->netns[0] != '\0') {
        if (!netns_exists(truth->netns)) {
            return error_set(error, -ENOENT, "there is no network namespace '%s' (see 'ip netns')",
                             truth->netns);
        }
        point->netns_fd = netns_open(truth->netns, error);
    } else {
        point->netns_fd = fcntl(attach->switch_fd, F_DUPFD_CLOEXEC, 0);
    }
    if (point->netns_fd < 0) {
        return point->netns_fd;
    }
    int code = link_socket(point->netns_fd, &sock, error);
    if (code == 0 && link_get(sock, truth->name, &link, NULL) != 0) {
        code = error_set(error, -ENOENT, "there is no interface '%s'%s%s", truth->name,
                         truth->netns[0] != '\0' ? " in the namespace " : "", truth->netns);
    }
    code = code == 0 ? take_point(attach, point, truth, &link, switch_sock, error) : code;
    link_socket_close(sock);
    if (code != 0) {
        close(point->netns_fd);
    }
    return code;
}

/* --- all of it --- */

static int read_all(struct attach *attach, const struct attach_settings *settings, struct tables *tables,
                    struct error *error) {
    size_t bridge = 0;
    struct nl_sock *sock = NULL;
    int code = tables_read(tables, error);
    code = code == 0 ? find_bridge(tables, settings->bridge, &bridge, error) : code;
    if (code != 0) {
        return code;
    }
    code = find_switch(attach, error);
    attach->kernel_datapath =
        strcmp(tables_text(tables_cell(tables->bridges, bridge, "datapath_type")), "netdev") != 0;
    for (enum attach_kind kind = 0; code == 0 && kind < ATTACH_KINDS; kind++) {
        code = settings->export[kind] ? read_exporter(attach, tables, kind, bridge, error) : 0;
    }
    code = code == 0 ? link_socket(attach->switch_fd, &sock, error) : code;
    if (code == 0) {
        read_ports(attach, tables, bridge, sock);
    }
    for (size_t i = 0; code == 0 && i < settings->truth_count; i++) {
        code = read_point(attach, &settings->truth[i], sock, error);
    }
    link_socket_close(sock);
    return code;
}

int attach_open(const struct attach_settings *settings, struct attach **result, struct error *error) {
    *result = NULL;
    if (geteuid() != 0) {
        return error_set(error, -EPERM, "attaching to a bridge needs root: sudo nsmon attach");
    }
    if (strlen(settings->bridge) >= sizeof((struct attach_record *)0)->bridge ||
        settings->truth_count > ATTACH_TRUTH_MAX || strpbrk(settings->bridge, " \"\\\n") != NULL) {
        return error_set(error, -EINVAL, "there can't be a bridge '%.64s'", settings->bridge);
    }
    struct attach *attach = calloc(1, sizeof *attach);
    if (attach == NULL) {
        return error_set(error, -ENOMEM, "out of memory");
    }
    struct tables tables = {0};
    attach->switch_fd = -1;
    attach->switch_pidfd = -1;
    attach->progress = settings->progress;
    attach->progress_context = settings->progress_context;
    snprintf(attach->run_dir, sizeof attach->run_dir, "%s", settings->run_dir);
    snprintf(attach->record.bridge, sizeof attach->record.bridge, "%s", settings->bridge);
    snprintf(attach->record.tag, sizeof attach->record.tag, "%s", settings->tag);
    snprintf(attach->record.prefix, sizeof attach->record.prefix, "%s", settings->prefix);
    int code = attach_step(attach, error, "look at the bridge %s", settings->bridge);
    code = code == 0 ? read_all(attach, settings, &tables, error) : code;
    tables_free(&tables);
    if (code != 0) {
        attach_close(attach);
        return code;
    }
    *result = attach;
    return 0;
}

void attach_close(struct attach *attach) {
    if (attach == NULL) {
        return;
    }
    for (size_t i = 0; i < attach->point_count; i++) {
        close(attach->points[i].netns_fd);
    }
    if (attach->switch_fd >= 0) {
        close(attach->switch_fd);
    }
    if (attach->switch_pidfd >= 0) {
        close(attach->switch_pidfd);
    }
    free(attach);
}

const char *attach_bridge(const struct attach *attach) {
    return attach->record.bridge;
}

const struct attach_exporter *attach_exporter(const struct attach *attach, enum attach_kind kind) {
    return &attach->record.exporters[kind];
}

size_t attach_port_count(const struct attach *attach) {
    return attach->port_count;
}

const struct attach_port *attach_port(const struct attach *attach, size_t index) {
    return &attach->ports[index];
}

size_t attach_point_count(const struct attach *attach) {
    return attach->point_count;
}

const struct attach_point *attach_point(const struct attach *attach, size_t index) {
    return &attach->points[index];
}

const char *attach_remark(const struct attach *attach, size_t index) {
    return index < attach->remark_count ? attach->remarks[index] : NULL;
}

int attach_switch_fd(const struct attach *attach) {
    return attach->switch_fd;
}

bool attach_kernel_datapath(const struct attach *attach) {
    return attach->kernel_datapath;
}
