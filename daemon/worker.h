/* The unprivileged process of a lab: decodes, meters and writes.
 *
 * It is forked by the supervisor with everything open that needs privilege, becomes 'identity', and then
 * lives between its event loop (exports, control socket, the supervisor's messages), the capture thread and
 * the store's writer. */
#pragma once

#include <stddef.h>

#include "collector/capture/capture.h"
#include "common/privilege.h"
#include "daemon/lab.h"
#include "topo/topo.h"

/* As many places can be captured at once. */
#define SITE_POINTS_MAX 16

/* So many interfaces of the switch are known by both their keys. */
#define SITE_INTERFACES_MAX 256

struct site_interface;

enum worker_socket { SOCKET_SFLOW, SOCKET_NETFLOW, SOCKET_IPFIX, SOCKET_COUNT };

struct worker_settings {
    const struct lab_settings *lab;
    const char *database;
    bool brokered;        /* see database_check() */
    const char *pcap_dir; /* "" for none */
    const char *kind;     /* of the session: lab, attach */
    const char *truth_rule;
    const char *settings; /* JSON of the session */
    struct identity identity;
    int link_fd;                  /* to the supervisor */
    int control_fd;               /* listening */
    int export_fds[SOCKET_COUNT]; /* bound; -1 for an exporter that is off */
    struct capture *captures[SITE_POINTS_MAX];
    int capture_fds[SITE_POINTS_MAX]; /* of their files, or -1: the worker opens them in pcap_dir */
    size_t capture_count;
    struct topo_port ports[SITE_POINTS_MAX]; /* of host i + 1, where capture i is */
    const char *switch_text;                 /* for people */
    const char *bridge;
    char capture_names[SITE_POINTS_MAX][STORE_NAME_SIZE];
    const struct site_interface *interfaces; /* of the switch */
    size_t interface_count;
    uint32_t ipfix_sampling;
};

/* Runs the worker in the calling process, and returns its exit status. */
int worker_main(const struct worker_settings *settings);
