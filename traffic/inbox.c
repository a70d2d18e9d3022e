#include "traffic/inbox.h"

#include <errno.h>
#include <stdlib.h>

int traffic_inbox_init(struct traffic_inbox *inbox) {
    inbox->datagrams = calloc(INBOX_BATCH, sizeof *inbox->datagrams);
    if (inbox->datagrams == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < INBOX_BATCH; i++) {
        inbox->vectors[i] = (struct iovec){.iov_base = inbox->datagrams[i], .iov_len = INBOX_ROOM};
        inbox->messages[i].msg_hdr = (struct msghdr){.msg_iov = &inbox->vectors[i],
                                                     .msg_iovlen = 1,
                                                     .msg_name = &inbox->names[i],
                                                     .msg_control = inbox->controls[i]};
    }
    return 0;
}

void traffic_inbox_free(struct traffic_inbox *inbox) {
    free(inbox->datagrams);
    inbox->datagrams = NULL;
}

int traffic_inbox_prepare(int fd) {
    int one = 1;
    /* Without it, before Linux 5.0, the kernel cuts what it got as one into datagrams. */
    (void)setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof one);
    return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one) != 0 ? -errno : 0;
}

struct traffic_arrival_time traffic_inbox_control(struct msghdr *header, int64_t now_ns, size_t size) {
    struct traffic_arrival_time arrival = {.received_ns = now_ns, .size = size};
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
            arrival.received_ns = clock_from_timespec(stamp);
        } else if (part->cmsg_level == SOL_UDP && part->cmsg_type == UDP_GRO) {
            int each;
            memcpy(&each, CMSG_DATA(part), sizeof each);
            arrival.size = each > 0 ? (size_t)each : size;
        }
    }
    return arrival;
}
