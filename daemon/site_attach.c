/* A bridge of the system's switch as a site: nothing is built, and the exporters are put back at the end. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lab_shape.h"
#include "daemon/site.h"
#include "topo/attach/attach.h"

struct attach_site {
    struct site site;
    const struct lab_settings *lab;
    struct attach *attach;
};

static struct attach_site *attach_of(struct site *site) {
    return (struct attach_site *)site;
}

static void fill_point(const struct attach_point *from, unsigned station, struct site_point *point) {
    *point = (struct site_point){.is_port = from->is_port, .station = station, .netns_fd = from->netns_fd};
    snprintf(point->name, sizeof point->name, "%.40s%s%.15s", from->netns, from->netns[0] != '\0' ? "/" : "",
             from->name);
    snprintf(point->port.tap, sizeof point->port.tap, "%s", from->name);
    snprintf(point->port.netns, sizeof point->port.netns, "%s", from->netns);
    memcpy(point->port.tap_mac, from->mac, sizeof point->port.tap_mac);
    point->port.tap_ifindex = from->ifindex;
    if (from->port != NULL) {
        snprintf(point->port.ovs_tap, sizeof point->port.ovs_tap, "%.15s", from->port->name);
        point->port.ifindex = from->port->ifindex;
        point->port.of_port = from->port->of_port;
    }
}

static void fill_view(struct attach_site *made) {
    struct site_view *view = &made->site.view;
    const struct attach *attach = made->attach;
    const struct attach_exporter *ipfix = attach_exporter(attach, ATTACH_IPFIX);
    snprintf(view->bridge, sizeof view->bridge, "%.15s", attach_bridge(attach));
    snprintf(view->switch_text, sizeof view->switch_text,
             "attached to %.64s of the running system Open vSwitch, %s datapath", attach_bridge(attach),
             attach_kernel_datapath(attach) ? "the kernel's" : "the userspace");
    view->switch_fd = attach_switch_fd(attach);
    view->ipfix_sampling = ipfix->mode == ATTACH_MADE ? made->lab->ipfix_sampling : ipfix->sampling;
    for (size_t i = 0; i < attach_point_count(attach); i++) {
        fill_point(attach_point(attach, i), (unsigned)i + 1, &view->points[view->point_count++]);
    }
    for (size_t i = 0; i < attach_port_count(attach) && i < SITE_INTERFACES_MAX; i++) {
        const struct attach_port *port = attach_port(attach, i);
        struct site_interface *interface = &view->interfaces[view->interface_count++];
        *interface = (struct site_interface){.ifindex = port->ifindex, .of_port = port->of_port};
        snprintf(interface->name, sizeof interface->name, "%s", port->name);
    }
}

static int build(const struct site_order *order, struct site **site, struct error *error) {
    const struct lab_settings *lab = order->lab;
    struct attach_settings settings = {
        .bridge = lab->attach_bridge,
        .run_dir = order->run_dir,
        .prefix = lab->prefix,
        .tag = order->tag,
        .truth_count = lab->truth_count,
        .export = {[ATTACH_SFLOW] = lab->sflow, [ATTACH_NETFLOW] = lab->netflow, [ATTACH_IPFIX] = lab->ipfix},
        .progress = order->progress,
        .progress_context = order->progress_context,
    };
    memcpy(settings.truth, lab->truth, lab->truth_count * sizeof *lab->truth);
    struct attach_site *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return error_set(error, -ENOMEM, "out of memory");
    }
    made->site.kind = &site_attach;
    made->lab = lab;
    int code = attach_open(&settings, &made->attach, error);
    if (code != 0) {
        free(made);
        return code;
    }
    fill_view(made);
    *site = &made->site;
    return 0;
}

static int export_to(struct site *site, const uint16_t ports[SOCKET_COUNT], struct error *error) {
    struct topo_export export = lab_shape_export(attach_of(site)->lab, ports);
    return attach_export(attach_of(site)->attach, &export, error);
}

/* Frames move already, and it is not ours to stop them. */
static int nothing_to_do(struct site *site, struct error *error) {
    (void)site;
    (void)error;
    return 0;
}

static int flush(struct site *site, int64_t *wait_ns, struct error *error) {
    return attach_flush(attach_of(site)->attach, wait_ns, error);
}

struct port_relay {
    site_port_fn *emit;
    void *context;
};

static void relay_port(size_t point, const struct topo_port_stats *stats, void *context) {
    const struct port_relay *relay = context;
    relay->emit((unsigned)point + 1, stats, relay->context);
}

static void each_port(struct site *site, site_port_fn *emit, void *context) {
    struct port_relay relay = {.emit = emit, .context = context};
    (void)attach_each_point(attach_of(site)->attach, relay_port, &relay, NULL);
}

static int each_count(struct site *site, topo_count_fn *emit, void *context, struct error *error) {
    return attach_each_count(attach_of(site)->attach, emit, context, error);
}

/* The exporter 'kind' as session.settings has it: 'sampling' and 'timeout_s' are ours, or the owner's. */
static void describe_exporter(const struct attach_site *made, enum attach_kind kind, int64_t sampling,
                              int64_t timeout_s, uint16_t port, json_t *json) {
    const struct attach_exporter *exporter = attach_exporter(made->attach, kind);
    if (exporter->mode == ATTACH_OFF || port == 0) {
        return;
    }
    bool owned = exporter->mode != ATTACH_MADE;
    json_t *object = json_pack("{s:i, s:b}", "port", (int)port, "owned", owned);
    if (kind != ATTACH_NETFLOW) {
        json_object_set_new(object, "sampling", json_integer(owned ? exporter->sampling : sampling));
    }
    if (kind != ATTACH_SFLOW) {
        json_object_set_new(object, "active_timeout_s",
                            json_integer(owned ? exporter->timeout_s : timeout_s));
    }
    json_object_set_new(json, attach_names[kind].column, object);
}

static json_t *describe_ports(const struct attach_site *made) {
    json_t *ports = json_array();
    for (size_t i = 0; i < attach_port_count(made->attach); i++) {
        const struct attach_port *port = attach_port(made->attach, i);
        json_t *object = json_object();
        json_object_set_new(object, "name", json_string(port->name));
        json_object_set_new(object, "ifindex",
                            port->ifindex != 0 ? json_integer(port->ifindex) : json_null());
        json_object_set_new(object, "of_port",
                            port->of_port != 0 ? json_integer(port->of_port) : json_null());
        json_object_set_new(object, "capture",
                            port->point >= 0 ? json_string(made->site.view.points[port->point].name)
                                             : json_null());
        json_array_append_new(ports, object);
    }
    return ports;
}

static char *describe(const struct site *site, const uint16_t ports[SOCKET_COUNT]) {
    const struct attach_site *made = (const struct attach_site *)site;
    const struct lab_settings *lab = made->lab;
    json_t *json = json_pack("{s:s, s:s, s:s, s:b}", "prefix", lab->prefix, "bridge",
                             attach_bridge(made->attach), "switch", site->view.switch_text, "kernel_datapath",
                             (int)attach_kernel_datapath(made->attach));
    describe_exporter(made, ATTACH_SFLOW, lab->sflow_sampling, 0, ports[SOCKET_SFLOW], json);
    describe_exporter(made, ATTACH_NETFLOW, 0, lab->netflow_timeout_s, ports[SOCKET_NETFLOW], json);
    describe_exporter(made, ATTACH_IPFIX, lab->ipfix_sampling, lab->ipfix_timeout_s, ports[SOCKET_IPFIX],
                      json);
    json_object_set_new(json, "ports", describe_ports(made));
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

static const char *remark(const struct site *site, size_t index) {
    return attach_remark(((const struct attach_site *)site)->attach, index);
}

static int take_down(struct site *site, struct error *error) {
    return attach_detach(attach_of(site)->attach, error);
}

static void release(struct site *site) {
    if (site != NULL) {
        attach_close(attach_of(site)->attach);
        free(site);
    }
}

const struct site_kind site_attach = {
    .name = "attach",
    .truth_rule = "offered",
    .building = "looking at the bridge",
    .exporting = "adding the collector to the bridge's exporters",
    .leaving = "putting the exporters back as they were",
    .build = build,
    .remark = remark,
    .export_to = export_to,
    .links_up = nothing_to_do,
    .quiesce = nothing_to_do,
    .flush = flush,
    .each_port = each_port,
    .each_count = each_count,
    .describe = describe,
    .take_down = take_down,
    .release = release,
};
