#include "topo/topo.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

int topo_resolve_datapath(enum topo_datapath wanted, struct topo_switch *found, struct error *error) {
    (void)wanted;
    memset(found, 0, sizeof *found);
    return error_set(error, -ENOSYS, "the lab is not there yet");
}

int topo_create(const struct topo_settings *settings, struct topo **topo, struct error *error) {
    (void)settings;
    *topo = NULL;
    return error_set(error, -ENOSYS, "the lab is not there yet");
}

int topo_links_up(struct topo *topo, struct error *error) {
    (void)topo;
    return error_set(error, -ENOSYS, "the lab is not there yet");
}

unsigned topo_hosts(const struct topo *topo) {
    (void)topo;
    return 0;
}

const struct topo_switch *topo_switch(const struct topo *topo) {
    (void)topo;
    return NULL;
}

const char *topo_bridge(const struct topo *topo) {
    (void)topo;
    return "";
}

const struct topo_port *topo_port(const struct topo *topo, unsigned host) {
    (void)topo;
    (void)host;
    return NULL;
}

int topo_namespace_fd(const struct topo *topo, unsigned host) {
    (void)topo;
    (void)host;
    return -1;
}

int topo_namespace_open(const char *prefix, unsigned host, struct error *error) {
    (void)prefix;
    (void)host;
    return error_set(error, -ENOSYS, "the lab is not there yet");
}

int topo_socket_in(int netns_fd, int domain, int type, int protocol, struct error *error) {
    (void)netns_fd;
    (void)domain;
    (void)type;
    (void)protocol;
    return error_set(error, -ENOSYS, "the lab is not there yet");
}

int topo_call_in(int netns_fd, int (*function)(void *context), void *context, struct error *error) {
    (void)netns_fd;
    (void)function;
    (void)context;
    return error_set(error, -ENOSYS, "the lab is not there yet");
}

int topo_export(struct topo *topo, const struct topo_export *export, struct error *error) {
    (void)topo;
    (void)export;
    return error_set(error, -ENOSYS, "the lab is not there yet");
}

int topo_quiesce(struct topo *topo, struct error *error) {
    (void)topo;
    return error_set(error, -ENOSYS, "the lab is not there yet");
}

int topo_flush(struct topo *topo, int64_t *wait_ns, struct error *error) {
    (void)topo;
    *wait_ns = 0;
    return error_set(error, -ENOSYS, "the lab is not there yet");
}

int topo_port_stats(struct topo *topo, unsigned host, struct topo_port_stats *stats, struct error *error) {
    (void)topo;
    (void)host;
    memset(stats, 0, sizeof *stats);
    return error_set(error, -ENOSYS, "the lab is not there yet");
}

int topo_destroy(struct topo *topo, struct error *error) {
    (void)topo;
    (void)error;
    return 0;
}

void topo_close(struct topo *topo) {
    (void)topo;
}

bool topo_recorded(const char *run_dir) {
    (void)run_dir;
    return false;
}

int topo_recover(const char *run_dir, topo_progress_fn *progress, void *progress_context,
                 struct error *error) {
    (void)run_dir;
    (void)progress;
    (void)progress_context;
    (void)error;
    return 0;
}
