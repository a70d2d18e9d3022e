/* What the packet sockets of somebody else's process have lost, by sock_diag(7): reading PACKET_STATISTICS of
 * a borrowed socket would set the owner's count back, and this does not touch it. */
#include <dirent.h>
#include <errno.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "topo/attach/internal.h"

/* A switch has a socket or two a port, and some more. */
enum { INODES_MAX = 4096 };

struct asking {
    uint32_t inodes[INODES_MAX]; /* of the process's sockets, in order */
    size_t inode_count;
    struct attach_drops *drops;
};

static int by_number(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static void read_inodes(struct asking *asking, pid_t pid) {
    char path[64];
    char target[32];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    struct dirent *entry = NULL;
    while (folder != NULL && asking->inode_count < INODES_MAX && (entry = readdir(folder)) != NULL) {
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        if (strncmp(target, "socket:[", 8) == 0) {
            asking->inodes[asking->inode_count++] = (uint32_t)strtoul(target + 8, NULL, 10);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    qsort(asking->inodes, asking->inode_count, sizeof *asking->inodes, by_number);
}

/* Adds what the socket that receives from 'ifindex' has lost. */
static void add_drops(struct attach_drops *drops, uint32_t ifindex, uint32_t lost) {
    size_t i = 0;
    while (i < drops->count && drops->of[i].ifindex != ifindex) {
        i++;
    }
    if (i < ATTACH_PORTS_MAX) {
        drops->count = i == drops->count ? i + 1 : drops->count;
        drops->of[i].ifindex = ifindex;
        drops->of[i].drops += lost;
    }
}

static int take_socket(struct nl_msg *message, void *context) {
    struct asking *asking = context;
    struct nlmsghdr *header = nlmsg_hdr(message);
    struct nlattr *attributes[PACKET_DIAG_MAX + 1];
    struct packet_diag_msg socket;
    struct packet_diag_info info;
    uint32_t memory[SK_MEMINFO_VARS];
    if (nlmsg_parse(header, sizeof socket, attributes, PACKET_DIAG_MAX, NULL) < 0 ||
        attributes[PACKET_DIAG_INFO] == NULL || attributes[PACKET_DIAG_MEMINFO] == NULL ||
        nla_len(attributes[PACKET_DIAG_INFO]) < (int)sizeof info ||
        nla_len(attributes[PACKET_DIAG_MEMINFO]) < (int)sizeof memory) {
        return NL_OK;
    }
    memcpy(&socket, nlmsg_data(header), sizeof socket);
    memcpy(&info, nla_data(attributes[PACKET_DIAG_INFO]), sizeof info);
    memcpy(memory, nla_data(attributes[PACKET_DIAG_MEMINFO]), sizeof memory);
    if (info.pdi_index != 0 && bsearch(&socket.pdiag_ino, asking->inodes, asking->inode_count,
                                       sizeof *asking->inodes, by_number) != NULL) {
        add_drops(asking->drops, info.pdi_index, memory[SK_MEMINFO_DROPS]);
    }
    return NL_OK;
}

static int ask(void *context) {
    struct packet_diag_req request = {.sdiag_family = AF_PACKET,
                                      .pdiag_show = PACKET_SHOW_INFO | PACKET_SHOW_MEMINFO};
    struct nl_sock *sock = nl_socket_alloc();
    if (sock == NULL) {
        return -ENOMEM;
    }
    nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, take_socket, context);
    int code = nl_connect(sock, NETLINK_SOCK_DIAG);
    code = code >= 0 ? nl_send_simple(sock, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof request) : code;
    code = code >= 0 ? nl_recvmsgs_default(sock) : code;
    nl_socket_free(sock);
    return code >= 0 ? 0 : -EIO;
}

void attach_read_drops(int netns_fd, pid_t pid, struct attach_drops *drops) {
    memset(drops, 0, sizeof *drops);
    struct asking *asking = calloc(1, sizeof *asking);
    if (asking == NULL) {
        return;
    }
    asking->drops = drops;
    read_inodes(asking, pid);
    if (topo_call_in(netns_fd, ask, asking, NULL) != 0) {
        drops->count = 0;
    }
    free(asking);
}

bool attach_find_drops(const struct attach_drops *drops, uint32_t ifindex, uint64_t *lost) {
    *lost = 0;
    for (size_t i = 0; i < drops->count; i++) {
        if (drops->of[i].ifindex == ifindex) {
            *lost = drops->of[i].drops;
            return true;
        }
    }
    return false;
}
