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

struct asking {
    pid_t pid;
    uint32_t ifindex;
    uint64_t drops;
    bool found;
};

/* True if a descriptor of 'pid' is the socket 'inode'. */
static bool has_socket(pid_t pid, uint32_t inode) {
    char path[64];
    char wanted[32];
    char target[32];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    snprintf(wanted, sizeof wanted, "socket:[%u]", inode);
    DIR *folder = opendir(path);
    struct dirent *entry = NULL;
    while (folder != NULL && !found && (entry = readdir(folder)) != NULL) {
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        found = strcmp(target, wanted) == 0;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return found;
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
    if (info.pdi_index == asking->ifindex && has_socket(asking->pid, socket.pdiag_ino)) {
        asking->found = true;
        asking->drops += memory[SK_MEMINFO_DROPS];
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

bool attach_socket_drops(int netns_fd, pid_t pid, uint32_t ifindex, uint64_t *drops) {
    struct asking asking = {.pid = pid, .ifindex = ifindex};
    int code = topo_call_in(netns_fd, ask, &asking, NULL);
    *drops = asking.drops;
    return code == 0 && asking.found;
}
