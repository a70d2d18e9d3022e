#include "topo/offload.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "topo/topo.h"

/* In the order in which to turn them off: segmentation needs scatter-gather, that needs checksums. */
static const struct offload {
    const char *name; /* as ethtool(8) says it */
    uint32_t get;
    uint32_t set;
} offloads[] = {
    {"generic-receive-offload", ETHTOOL_GGRO, ETHTOOL_SGRO},
    {"generic-segmentation-offload", ETHTOOL_GGSO, ETHTOOL_SGSO},
    {"tcp-segmentation-offload", ETHTOOL_GTSO, ETHTOOL_STSO},
    {"udp-fragmentation-offload", ETHTOOL_GUFO, ETHTOOL_SUFO},
    {"scatter-gather", ETHTOOL_GSG, ETHTOOL_SSG},
    {"tx-checksumming", ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM},
    {"rx-checksumming", ETHTOOL_GRXCSUM, ETHTOOL_SRXCSUM},
};

/* Returns 0 or a negative errno. */
static int ethtool_value(int fd, const char *name, uint32_t command, uint32_t *data) {
    struct ethtool_value value = {.cmd = command, .data = *data};
    struct ifreq request = {.ifr_data = (void *)&value};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl(fd, SIOCETHTOOL, &request) != 0) {
        return -errno;
    }
    *data = value.data;
    return 0;
}

static int check(int fd, const char *name, const char **which, struct error *error) {
    for (size_t i = 0; i < sizeof offloads / sizeof *offloads; i++) {
        uint32_t on = 0;
        int code = ethtool_value(fd, name, offloads[i].get, &on);
        if (code != 0 && code != -EOPNOTSUPP) {
            return error_set(error, code, "could not read %s of %s: %s", offloads[i].name, name,
                             strerror(-code));
        }
        if (on != 0) {
            *which = offloads[i].name;
            return 1;
        }
    }
    return 0;
}

int offload_check(int netns_fd, const char *name, const char **which, struct error *error) {
    int fd = topo_socket_in(netns_fd, AF_INET, SOCK_DGRAM, 0, error);
    if (fd < 0) {
        return fd;
    }
    int result = check(fd, name, which, error);
    close(fd);
    return result;
}

int offload_disable(int netns_fd, const char *name, struct error *error) {
    const char *which = NULL;
    int fd = topo_socket_in(netns_fd, AF_INET, SOCK_DGRAM, 0, error);
    if (fd < 0) {
        return fd;
    }
    for (size_t i = 0; i < sizeof offloads / sizeof *offloads; i++) {
        /* A kernel may not know one of them, or not let it be changed: what counts is how they stand then. */
        uint32_t off = 0;
        (void)ethtool_value(fd, name, offloads[i].set, &off);
    }
    int result = check(fd, name, &which, error);
    close(fd);
    if (result == 1) {
        return error_set(
            error, -EIO,
            "%s of %s can't be turned off; captures would see frames that never cross a wire, so "
            "nothing could be compared",
            which, name);
    }
    return result;
}
