#include "traffic/egress.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

/* The kernel's parts of an answer are not larger (net/netlink/af_netlink.c, netlink_dump()). */
#define ANSWER_SIZE 65536
/* It answers at once, or something is wrong. */
#define ANSWER_NS NS_PER_S
/* An answer of QDISC_MAX qdiscs has fewer parts. */
#define PARTS_MAX 10000
/* How often the qdiscs are asked for when they change while they are told. */
#define TRIES 3

/* What is asked: a header, a message of its type, and attributes. */
struct request {
    struct nlmsghdr head; /* its length grows with what is put behind it */
    uint8_t rest[160];
};

/* The monotonic clock's offset of a time namespace stands in a line of its own, "monotonic SECONDS
 * NANOSECONDS". */
static bool is_shifted(void) {
    char line[128];
    long long seconds = 0, nanoseconds = 0;
    FILE *file = fopen("/proc/self/timens_offsets", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "monotonic %lld %lld", &seconds, &nanoseconds) == 2) {
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return seconds != 0 || nanoseconds != 0;
}

/* Puts 'size' bytes behind what 'request' has. */
static void put(struct request *request, const void *data, size_t size) {
    memcpy(request->rest + (request->head.nlmsg_len - NLMSG_HDRLEN), data, size);
    request->head.nlmsg_len += (uint32_t)NLMSG_ALIGN(size);
}

static void put_attribute(struct request *request, uint16_t type, const void *data, size_t size) {
    const struct rtattr head = {.rta_len = (uint16_t)RTA_LENGTH(size), .rta_type = type};
    put(request, &head, sizeof head);
    put(request, data, size);
}

/* Sends 'request'.  Returns 0 or a negative errno. */
static int ask(struct egress *egress, struct request *request) {
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    request->head.nlmsg_seq = ++egress->sequence;
    ssize_t sent = sendto(egress->fd, request, request->head.nlmsg_len, MSG_NOSIGNAL,
                          (const struct sockaddr *)&kernel, sizeof kernel);
    return sent == (ssize_t)request->head.nlmsg_len ? 0 : sent < 0 ? -errno : -EIO;
}

/* Takes a part of an answer.  Returns its size or a negative errno. */
static ssize_t take_part(const struct egress *egress) {
    struct sockaddr_nl from = {0};
    struct iovec vector = {.iov_base = egress->answer, .iov_len = ANSWER_SIZE};
    struct msghdr message = {
        .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &vector, .msg_iovlen = 1};
    ssize_t size;
    do {
        size = recvmsg(egress->fd, &message, 0);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        return -errno;
    }
    return size == 0 || from.nl_pid != 0 || (message.msg_flags & MSG_TRUNC) != 0 ? -EBADMSG : size;
}

/* Reads the qdiscs of all links.  Returns 0 or a negative errno. */
static int read_qdiscs(struct egress *egress) {
    const struct tcmsg message = {.tcm_family = AF_UNSPEC};
    struct request request = {.head = {.nlmsg_len = NLMSG_HDRLEN,
                                       .nlmsg_type = RTM_GETQDISC,
                                       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
    put(&request, &message, sizeof message);
    qdisc_table_free(&egress->qdiscs);
    int code = ask(egress, &request);
    for (int i = 0; i < PARTS_MAX && code == 0; i++) {
        ssize_t size = take_part(egress);
        code = size < 0 ? (int)size
                        : qdisc_table_read(&egress->qdiscs, egress->answer, (size_t)size, egress->sequence);
    }
    return code == 1 ? 0 : code < 0 ? code : -E2BIG;
}

/* Opens the socket to the kernel anew: what is left of an answer that was given up goes with the old one.
 * Returns 0 or a negative errno. */
static int open_socket(struct egress *egress) {
    struct timeval limit = {.tv_sec = ANSWER_NS / NS_PER_S};
    if (egress->fd >= 0) {
        close(egress->fd);
    }
    egress->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (egress->fd < 0 || setsockopt(egress->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0) {
        return -errno;
    }
    return 0;
}

int egress_open(struct egress *egress) {
    *egress = (struct egress){.fd = -1, .shifted = is_shifted(), .answer = malloc(ANSWER_SIZE)};
    if (egress->answer == NULL) {
        return -ENOMEM;
    }
    int code = -EINTR;
    for (int i = 0; i < TRIES && code == -EINTR; i++) {
        code = open_socket(egress);
        code = code != 0 ? code : read_qdiscs(egress);
    }
    if (code != 0) {
        qdisc_table_free(&egress->qdiscs);
    }
    for (size_t i = 0; i < egress->qdiscs.count; i++) {
        egress->possible = egress->possible || egress->qdiscs.items[i].keeps;
    }
    return code == -ENOMEM ? code : 0;
}

void egress_close(struct egress *egress) {
    if (egress->fd >= 0) {
        close(egress->fd);
    }
    qdisc_table_free(&egress->qdiscs);
    free(egress->answer);
    *egress = (struct egress){.fd = -1};
}

/* Finds the link by which datagrams go 'way'.  Returns 0 or a negative errno. */
static int find_link(struct egress *egress, const struct egress_way *way, uint32_t *link) {
    bool six = way->destination->family == 6;
    size_t size = six ? 16 : 4;
    const uint8_t protocol = IPPROTO_UDP;
    const uint16_t ports[2] = {htons(way->source_port), htons(way->destination_port)};
    const struct rtmsg message = {.rtm_family = six ? AF_INET6 : AF_INET,
                                  .rtm_dst_len = (unsigned char)(size * 8),
                                  .rtm_src_len = (unsigned char)(size * 8),
                                  .rtm_tos = (unsigned char)(way->dscp << 2)};
    struct request request = {
        .head = {.nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST}};
    put(&request, &message, sizeof message);
    put_attribute(&request, RTA_DST, way->destination->bytes, size);
    put_attribute(&request, RTA_SRC, way->source->bytes, size);
    put_attribute(&request, RTA_IP_PROTO, &protocol, sizeof protocol);
    put_attribute(&request, RTA_SPORT, &ports[0], sizeof ports[0]);
    put_attribute(&request, RTA_DPORT, &ports[1], sizeof ports[1]);
    int code = ask(egress, &request);
    if (code != 0) {
        return code;
    }
    ssize_t answered = take_part(egress);
    return answered < 0 ? (int)answered
                        : qdisc_route_read(egress->answer, (size_t)answered, egress->sequence, link);
}

bool egress_keeps(struct egress *egress, const struct egress_way *way, struct qdisc_launch *launch,
                  uint32_t *link) {
    *launch = (struct qdisc_launch){0};
    if (egress->fd < 0 || find_link(egress, way, link) != 0) {
        *link = 0;
        return false;
    }
    return qdisc_keeps(&egress->qdiscs, *link, qdisc_priority(way->destination->family, way->dscp), launch) &&
           !(egress->shifted && launch->clock == CLOCK_MONOTONIC);
}

const char *egress_describe(const struct egress *egress, uint32_t link, char text[EGRESS_TEXT_SIZE]) {
    char name[IF_NAMESIZE];
    const struct qdisc *root = qdisc_root(&egress->qdiscs, link);
    if (if_indextoname(link, name) == NULL) {
        snprintf(text, EGRESS_TEXT_SIZE, "no link");
    } else {
        snprintf(text, EGRESS_TEXT_SIZE, "%s, whose qdisc is %s", name,
                 root == NULL ? "unknown" : root->kind);
    }
    return text;
}
