#include "topo/socket.h"

#include <dirent.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "topo/vswitch.h"

/* Returns the ifindex that the packet socket 'fd' receives from, or 0 if it is another kind of socket. */
static uint32_t receiving_ifindex(int fd) {
    int domain = 0;
    socklen_t length = sizeof domain;
    struct sockaddr_ll address = {0};
    socklen_t address_length = sizeof address;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0 || domain != AF_PACKET ||
        getsockname(fd, (struct sockaddr *)&address, &address_length) != 0 || address.sll_protocol == 0 ||
        address.sll_ifindex <= 0) {
        return 0;
    }
    return (uint32_t)address.sll_ifindex;
}

static unsigned host_of_ifindex(const struct topo *topo, uint32_t ifindex) {
    for (unsigned host = 1; ifindex != 0 && host <= topo->hosts; host++) {
        if (topo->ports[host].ifindex == ifindex) {
            return host;
        }
    }
    return 0;
}

static void enlarge(struct lab_socket *socket, const char *port) {
    int wanted = SOCKET_BUFFER_BYTES;
    int got = 0;
    socklen_t length = sizeof got;
    if (setsockopt(socket->fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0) {
        log_warning("could not enlarge the switch's receive buffer of %s: %s; bursts may be lost there", port,
                    strerror(errno));
    }
    if (getsockopt(socket->fd, SOL_SOCKET, SO_RCVBUF, &got, &length) == 0) {
        socket->buffer_bytes = (uint64_t)got;
    }
}

/* Keeps 'fd' as the socket of 'host', or closes it if it is the one that we have. */
static void keep(struct topo *topo, unsigned host, int fd) {
    struct lab_socket *socket = &topo->sockets[host];
    struct stat file = {0};
    fstat(fd, &file);
    if (socket->fd >= 0 && socket->inode == file.st_ino) {
        close(fd);
        return;
    }
    if (socket->fd >= 0) {
        socket_read_drops(topo, host);
        close(socket->fd);
    }
    socket->fd = fd;
    socket->inode = file.st_ino;
    enlarge(socket, topo->ports[host].ovs_tap);
}

static bool is_socket(DIR *folder, const char *name) {
    char target[32] = "";
    return readlinkat(dirfd(folder), name, target, sizeof target - 1) > 0 &&
           strncmp(target, "socket:", 7) == 0;
}

static void adopt_from(struct topo *topo, int pidfd, DIR *folder) {
    struct dirent *entry = NULL;
    while ((entry = readdir(folder)) != NULL) {
        if (!is_socket(folder, entry->d_name)) {
            continue;
        }
        int fd = pidfd_getfd(pidfd, (int)strtol(entry->d_name, NULL, 10), 0);
        if (fd < 0) {
            log_debug("could not borrow descriptor %s of the switch: %s", entry->d_name, strerror(errno));
            continue;
        }
        unsigned host = host_of_ifindex(topo, receiving_ifindex(fd));
        if (host != 0) {
            keep(topo, host, fd);
        } else {
            close(fd);
        }
    }
}

void socket_adopt(struct topo *topo) {
    if (!topo->sw.private_ovs) {
        return;
    }
    char path[64];
    pid_t pid = vswitch_pid(topo->run_dir, "ovs-vswitchd");
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
    DIR *folder = pidfd >= 0 ? opendir(path) : NULL;
    if (folder != NULL) {
        adopt_from(topo, pidfd, folder);
        closedir(folder);
    }
    if (pidfd >= 0) {
        close(pidfd);
    }
    for (unsigned host = 1; host <= topo->hosts; host++) {
        if (topo->sockets[host].fd < 0) {
            log_warning("can't reach the switch's packet socket of %s: its losses there are not known",
                        topo->ports[host].ovs_tap);
        }
    }
}

bool socket_read_drops(struct topo *topo, unsigned host) {
    struct lab_socket *socket = &topo->sockets[host];
    struct tpacket_stats stats = {0};
    socklen_t length = sizeof stats;
    if (socket->fd < 0 || getsockopt(socket->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length) != 0) {
        return false;
    }
    socket->drops += stats.tp_drops;
    return true;
}

bool socket_all_empty(const struct topo *topo) {
    for (unsigned host = 1; host <= topo->hosts; host++) {
        uint32_t memory[SK_MEMINFO_VARS] = {0};
        socklen_t length = sizeof memory;
        int fd = topo->sockets[host].fd;
        if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) == 0 &&
            memory[SK_MEMINFO_RMEM_ALLOC] != 0) {
            return false;
        }
    }
    return true;
}

void socket_release(struct topo *topo) {
    for (unsigned host = 0; host <= TOPO_HOSTS_MAX; host++) {
        if (topo->sockets[host].fd >= 0) {
            close(topo->sockets[host].fd);
            topo->sockets[host].fd = -1;
        }
    }
}
