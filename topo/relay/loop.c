#include "topo/relay/loop.h"

#include <errno.h>
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "topo/relay/queue.h"

/* Frames that one call takes in or gives away. */
enum { BATCH = 64, TAG_BYTES = 4, MACS_BYTES = 12 };
/* How long to wait when the kernel has no room for a frame just now. */
#define RETRY_NS (200 * NS_PER_US)
/* A stamp that is further away than this was made on another clock, or the clock was set. */
#define STAMP_LIMIT_NS NS_PER_S

struct frame {
    uint8_t *bytes; /* 'length' of them, behind room for a tag */
    size_t length;
    int64_t at_ns; /* of its arrival, monotonic */
};

/* Memory for one recvmmsg(). */
struct batch {
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    union {
        struct cmsghdr alignment;
        uint8_t bytes[CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    } controls[BATCH];
    uint8_t *memory;
    size_t room; /* of a frame and a tag */
};

struct loop {
    int in, out;
    struct relay_counts *counts;
    struct relay_queue *queue;
    struct batch batch;
    size_t at_once;           /* frames that go out by one call */
    int64_t blocked_until_ns; /* nothing goes out before */
};

static void add(_Atomic uint64_t *count, uint64_t value) {
    atomic_fetch_add_explicit(count, value, memory_order_relaxed);
}

static int set_option(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

int relay_open_port(const char *name, struct error *error) {
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(name)};
    /* Of no protocol until it is bound, or it would receive from every link in between. */
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int code = fd < 0 ? -errno : 0;
    code = code == 0 ? set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RELAY_SOCKET_BYTES) : code;
    code = code == 0 ? set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, RELAY_SOCKET_BYTES) : code;
    code = code == 0 ? set_option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) : code;
    code = code == 0 ? set_option(fd, SOL_PACKET, PACKET_AUXDATA, 1) : code;
    /* What this namespace's own stack sends is no frame of the path. */
    code = code == 0 ? set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) : code;
    if (code == 0 && bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        code = -errno;
    }
    if (code != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return error_set(error, code, "could not open a packet socket at %s: %s", name, strerror(-code));
    }
    return fd;
}

/* --- in --- */

/* Puts the VLAN tag that the kernel has taken off in front of the EtherType again. */
static void restore_tag(struct frame *frame, const struct tpacket_auxdata *auxdata) {
    uint16_t tpid = (auxdata->tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? auxdata->tp_vlan_tpid : 0x8100;
    if (frame->length < MACS_BYTES) {
        return;
    }
    frame->bytes -= TAG_BYTES;
    frame->length += TAG_BYTES;
    memmove(frame->bytes, frame->bytes + TAG_BYTES, MACS_BYTES);
    frame->bytes[MACS_BYTES] = (uint8_t)(tpid >> 8);
    frame->bytes[MACS_BYTES + 1] = (uint8_t)tpid;
    frame->bytes[MACS_BYTES + 2] = (uint8_t)(auxdata->tp_vlan_tci >> 8);
    frame->bytes[MACS_BYTES + 3] = (uint8_t)auxdata->tp_vlan_tci;
}

/* Reads what came along with the frame.  'real_ns' and 'now_ns' are one moment on two clocks. */
static void read_control(struct msghdr *header, struct frame *frame, int64_t real_ns, int64_t now_ns) {
    frame->at_ns = now_ns;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
            int64_t age_ns = real_ns - clock_from_timespec(stamp);
            frame->at_ns = now_ns - (age_ns > 0 && age_ns < STAMP_LIMIT_NS ? age_ns : 0);
        } else if (part->cmsg_level == SOL_PACKET && part->cmsg_type == PACKET_AUXDATA) {
            struct tpacket_auxdata auxdata;
            memcpy(&auxdata, CMSG_DATA(part), sizeof auxdata);
            if ((auxdata.tp_status & TP_STATUS_VLAN_VALID) != 0) {
                restore_tag(frame, &auxdata);
            }
        }
    }
}

/* Receives what waits at 'fd', at most a batch, and hands it to 'take'.  Returns how many there were. */
static size_t receive(struct loop *loop, int fd, _Atomic uint64_t *too_long,
                      void (*take)(struct loop *loop, const struct frame frames[], size_t count)) {
    struct batch *batch = &loop->batch;
    struct frame frames[BATCH];
    size_t good = 0;
    for (size_t i = 0; i < BATCH; i++) {
        batch->messages[i].msg_hdr.msg_controllen = sizeof batch->controls[i];
    }
    int count = recvmmsg(fd, batch->messages, BATCH, MSG_DONTWAIT, NULL);
    int64_t real_ns = clock_real_ns();
    int64_t now_ns = clock_monotonic_ns();
    for (int i = 0; i < count; i++) {
        struct msghdr *header = &batch->messages[i].msg_hdr;
        if ((header->msg_flags & MSG_TRUNC) != 0 || batch->messages[i].msg_len == 0) {
            add(too_long, 1);
            continue;
        }
        frames[good] =
            (struct frame){.bytes = batch->vectors[i].iov_base, .length = batch->messages[i].msg_len};
        read_control(header, &frames[good], real_ns, now_ns);
        good++;
    }
    take(loop, frames, good);
    return count > 0 ? (size_t)count : 0;
}

static void take_forward(struct loop *loop, const struct frame frames[], size_t count) {
    for (size_t i = 0; i < count; i++) {
        relay_queue_put(loop->queue, frames[i].bytes, frames[i].length, frames[i].at_ns);
    }
}

/* --- out --- */

/* True for a refusal that concerns only this moment. */
static bool is_busy(int code) {
    return code == EAGAIN || code == EINTR;
}

/* Sends the 'count' 'frames' as far as the kernel takes them.  Returns how many it took; '*refusal' is why
 * not the next one, or 0. */
static size_t send_frames(int fd, struct iovec frames[], size_t count, int *refusal) {
    struct mmsghdr messages[BATCH];
    memset(messages, 0, count * sizeof messages[0]);
    for (size_t i = 0; i < count; i++) {
        messages[i].msg_hdr.msg_iov = &frames[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    int sent = sendmmsg(fd, messages, (unsigned int)count, MSG_DONTWAIT);
    *refusal = sent < 0 ? errno : 0;
    return sent < 0 ? 0 : (size_t)sent;
}

static void take_back(struct loop *loop, const struct frame frames[], size_t count) {
    struct iovec vectors[BATCH];
    size_t done = 0;
    int tries = 0;
    for (size_t i = 0; i < count; i++) {
        vectors[i] = (struct iovec){.iov_base = frames[i].bytes, .iov_len = frames[i].length};
    }
    add(&loop->counts->back_in, count);
    while (done < count) {
        int refusal = 0;
        size_t sent = send_frames(loop->in, vectors + done, count - done, &refusal);
        done += sent;
        add(&loop->counts->back_out, sent);
        if (sent == 0 && is_busy(refusal) && ++tries < 100) {
            clock_sleep_ns(RETRY_NS / 4);
        } else if (sent == 0) {
            add(&loop->counts->back_failed, 1);
            done++;
        }
    }
}

static void count_out(struct loop *loop, const struct iovec frames[], size_t count) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += frames[i].iov_len;
    }
    add(&loop->counts->out.packets, count);
    add(&loop->counts->out.bytes, bytes);
}

/* A queue behind the link that is full drops the frame and says ENOBUFS (net/packet/af_packet.c,
 * packet_snd()): that is the rate limit's loss, and counted as such. */
static void count_refused(struct loop *loop, const struct iovec *frame, int refusal) {
    uint64_t flow = 0;
    if (refusal == ENOBUFS) {
        enum relay_class class = relay_classify(frame->iov_base, frame->iov_len, &flow);
        add(&loop->counts->rate_dropped[class].packets, 1);
        add(&loop->counts->rate_dropped[class].bytes, frame->iov_len);
    } else {
        add(&loop->counts->failed, 1);
    }
}

/* Sends what is due. */
static void send_due(struct loop *loop, int64_t now_ns) {
    struct iovec frames[BATCH];
    size_t count;
    while (now_ns >= loop->blocked_until_ns &&
           (count = relay_queue_due(loop->queue, now_ns, frames, loop->at_once)) > 0) {
        int refusal = 0;
        size_t sent = send_frames(loop->out, frames, count, &refusal);
        count_out(loop, frames, sent);
        if (sent == 0 && is_busy(refusal)) {
            loop->blocked_until_ns = now_ns + RETRY_NS;
            return;
        }
        if (sent == 0) {
            count_refused(loop, &frames[0], refusal);
        }
        relay_queue_drop(loop->queue, sent > 0 ? sent : 1);
    }
}

/* --- the loop --- */

static void read_drops(int fd, _Atomic uint64_t *drops) {
    struct tpacket_stats stats = {0};
    socklen_t size = sizeof stats;
    if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) {
        add(drops, stats.tp_drops);
    }
}

/* Waits until there is something to do.  Returns false when the caller has gone. */
static bool await(struct loop *loop, int channel) {
    int64_t next_ns = relay_queue_next(loop->queue);
    int64_t now_ns = clock_monotonic_ns();
    next_ns = next_ns < loop->blocked_until_ns ? loop->blocked_until_ns : next_ns;
    /* Once a second, to read the sockets' losses. */
    int64_t wait_ns = next_ns - now_ns < NS_PER_S ? next_ns - now_ns : NS_PER_S;
    struct timespec timeout = clock_to_timespec(wait_ns > 0 ? wait_ns : 0);
    struct pollfd polls[3] = {{.fd = loop->in, .events = POLLIN},
                              {.fd = loop->out, .events = POLLIN},
                              {.fd = channel, .events = POLLIN}};
    if (ppoll(polls, 3, &timeout, NULL) < 0) {
        return true;
    }
    /* A link that goes down or comes up leaves an error, which the next look at the socket takes away. */
    for (size_t i = 0; i < 2; i++) {
        if ((polls[i].revents & POLLERR) != 0) {
            int ignored = 0;
            socklen_t size = sizeof ignored;
            (void)getsockopt(polls[i].fd, SOL_SOCKET, SO_ERROR, &ignored, &size);
        }
    }
    return polls[2].revents == 0;
}

static int make_batch(struct batch *batch, size_t frame_bytes) {
    batch->room = frame_bytes + TAG_BYTES;
    batch->memory = calloc(BATCH, batch->room);
    for (size_t i = 0; batch->memory != NULL && i < BATCH; i++) {
        batch->vectors[i] = (struct iovec){.iov_base = batch->memory + i * batch->room + TAG_BYTES,
                                           .iov_len = frame_bytes - TAG_BYTES};
        batch->messages[i].msg_hdr = (struct msghdr){
            .msg_iov = &batch->vectors[i], .msg_iovlen = 1, .msg_control = &batch->controls[i]};
    }
    return batch->memory != NULL ? 0 : -ENOMEM;
}

int relay_loop(const struct relay_settings *settings, int in, int out, int channel,
               struct relay_counts *counts) {
    struct loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        return -ENOMEM;
    }
    /* sendmmsg() does not tell of a refusal behind a success, and the frame that the queue has dropped would
     * be sent again: where refusals are counted, one at a time. */
    *loop = (struct loop){.in = in, .out = out, .counts = counts, .at_once = settings->limited ? 1 : BATCH};
    loop->queue = relay_queue_make(settings, counts);
    int code = loop->queue == NULL ? -ENOMEM : make_batch(&loop->batch, settings->frame_bytes);
    if (code == 0 && send(channel, "", 1, MSG_NOSIGNAL) != 1) {
        code = -EPIPE;
    }
    int64_t look_ns = 0;
    while (code == 0 && await(loop, channel)) {
        receive(loop, in, &counts->no_room, take_forward);
        int64_t now_ns = clock_monotonic_ns();
        send_due(loop, now_ns);
        receive(loop, out, &counts->back_failed, take_back);
        if (now_ns >= look_ns) {
            read_drops(in, &counts->in_socket_drops);
            read_drops(out, &counts->back_socket_drops);
            look_ns = now_ns + NS_PER_S / 4;
        }
    }
    relay_queue_free(loop->queue);
    free(loop->batch.memory);
    free(loop);
    return code;
}
