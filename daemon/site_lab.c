/* The lab as a site: two or more stations around a bridge of our own. */
#include "daemon/site.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/describe.h"
#include "daemon/lab_shape.h"

struct lab_site {
    struct site site;
    const struct lab_settings *lab;
    struct topo *topo;
};

static struct lab_site *lab_of(struct site *site) {
    return (struct lab_site *)site;
}

static void fill_view(struct lab_site *made) {
    struct site_view *view = &made->site.view;
    snprintf(view->bridge, sizeof view->bridge, "%s", topo_bridge(made->topo));
    snprintf(view->switch_text, sizeof view->switch_text, "%s", topo_switch(made->topo)->why);
    view->ipfix_sampling = made->lab->ipfix_sampling;
    view->switch_fd = topo_namespace_fd(made->topo, TOPO_SWITCH);
    for (unsigned host = 1; host <= topo_hosts(made->topo); host++) {
        const struct topo_port *port = topo_port(made->topo, host);
        struct site_point *point = &view->points[view->point_count++];
        struct site_interface *interface = &view->interfaces[view->interface_count++];
        *point = (struct site_point){
            .port = *port, .station = host, .netns_fd = topo_namespace_fd(made->topo, host)};
        snprintf(point->name, sizeof point->name, "%s", port->tap);
        *interface = (struct site_interface){.ifindex = port->ifindex, .of_port = port->of_port};
        snprintf(interface->name, sizeof interface->name, "%s", port->ovs_tap);
    }
}

static int build(const struct site_order *order, struct site **site, struct error *error) {
    const struct lab_settings *lab = order->lab;
    struct topo_settings topo = lab_shape(lab);
    topo.run_dir = order->run_dir;
    topo.tag = order->tag;
    topo.progress = order->progress;
    topo.progress_context = order->progress_context;
    struct lab_site *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return error_set(error, -ENOMEM, "no memory for a lab");
    }
    made->site.kind = &site_lab;
    made->lab = lab;
    int code = topo_create(&topo, &made->topo, error);
    if (code != 0) {
        free(made);
        return code;
    }
    fill_view(made);
    *site = &made->site;
    return 0;
}

static const char *remark(const struct site *site, size_t index) {
    (void)site;
    (void)index;
    return NULL;
}

static int export_to(struct site *site, const uint16_t ports[SOCKET_COUNT], struct error *error) {
    const struct topo_export export = lab_shape_export(lab_of(site)->lab, ports);
    return topo_export(lab_of(site)->topo, &export, error);
}

static int links_up(struct site *site, struct error *error) {
    return topo_links_up(lab_of(site)->topo, error);
}

static int quiesce(struct site *site, struct error *error) {
    return topo_quiesce(lab_of(site)->topo, error);
}

static int flush(struct site *site, int64_t *wait_ns, struct error *error) {
    return topo_flush(lab_of(site)->topo, wait_ns, error);
}

static void each_port(struct site *site, site_port_fn *emit, void *context) {
    struct topo *topo = lab_of(site)->topo;
    for (unsigned host = 1; host <= topo_hosts(topo); host++) {
        struct topo_port_stats stats;
        if (topo_port_stats(topo, host, &stats, NULL) == 0) {
            emit(host, &stats, context);
        }
    }
}

static int each_count(struct site *site, topo_count_fn *emit, void *context, struct error *error) {
    return topo_each_count(lab_of(site)->topo, emit, context, error);
}

static char *describe(const struct site *site, const uint16_t ports[SOCKET_COUNT]) {
    const struct lab_site *made = (const struct lab_site *)site;
    const struct describe_switch on = {.bridge = site->view.bridge,
                                       .why = site->view.switch_text,
                                       .kernel_datapath = topo_switch(made->topo)->kernel_datapath,
                                       .ports = ports};
    return describe_lab(made->lab, &on);
}

static int take_down(struct site *site, struct error *error) {
    return topo_destroy(lab_of(site)->topo, error);
}

static void release(struct site *site) {
    if (site != NULL) {
        topo_close(lab_of(site)->topo);
        free(site);
    }
}

const struct site_kind site_lab = {
    .name = "lab",
    .truth_rule = "delivered",
    .building = "building the network",
    .exporting = "pointing the exporters at the collector",
    .leaving = "taking the network down",
    .build = build,
    .remark = remark,
    .export_to = export_to,
    .links_up = links_up,
    .quiesce = quiesce,
    .flush = flush,
    .each_port = each_port,
    .each_count = each_count,
    .describe = describe,
    .take_down = take_down,
    .release = release,
};
