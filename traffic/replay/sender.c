/* Reads the file, makes frames of it, and sends each when it is due. */
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "traffic/board.h"
#include "traffic/replay/internal.h"

/* Frames read ahead, so that the disk's delays are not the sender's. */
#define SLOTS 256
/* Frames handed over by one call; of a paced replay fewer, since the call stamps them all. */
#define BATCH       64
#define BATCH_PACED 16
/* Before a moment: the last part of the wait is spun, and nothing is read from the file in a longer one. */
#define SPIN_NS  (50 * NS_PER_US)
#define QUIET_NS (200 * NS_PER_US)
/* How often the parent's word is looked for. */
#define LISTEN_NS (10 * NS_PER_MS)
/* No wait is longer: what a file says of its times is not believed. */
#define OFFSET_MAX_NS (INT64_C(3650) * 86400 * NS_PER_S)

struct sender {
    const struct traffic_job *job;
    const struct replay_settings *settings;
    struct replay_board *board;
    int socket;
    struct capfile *file;
    bool ended; /* the file, for the last time */
    bool stopped;
    /* A ring. */
    uint8_t (*frames)[REPLAY_FRAME_MAX];
    struct iovec parts[SLOTS];
    struct mmsghdr messages[SLOTS];
    int64_t due_ns[SLOTS]; /* monotonic */
    int64_t at_ns[SLOTS];  /* in the file's time, all passes together */
    size_t head, count;
    /* Of the present pass. */
    int64_t first_ns, last_ns; /* the file's stamps */
    int64_t pass_frames;
    int64_t base_ns;  /* file time that the passes before it took */
    int64_t start_ns; /* monotonic: when the first frame is due */
    int64_t listen_ns;
    struct histogram late;
};

int replay_look_at_tap(const char *tap, uint8_t address[6], uint32_t *mtu, struct error *error) {
    struct ifreq request = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", tap);
    int code = fd < 0 ? -errno : 0;
    if (code == 0 && address != NULL) {
        code = ioctl(fd, SIOCGIFHWADDR, &request) == 0 ? 0 : -errno;
        memcpy(address, request.ifr_hwaddr.sa_data, 6);
    }
    if (code == 0 && mtu != NULL) {
        code = ioctl(fd, SIOCGIFMTU, &request) == 0 ? 0 : -errno;
        *mtu = (uint32_t)request.ifr_mtu;
    }
    if (fd >= 0) {
        close(fd);
    }
    return code == 0 ? 0 : error_set(error, code, "could not look at the link %s: %s", tap, strerror(-code));
}

/* A packet socket that sends from 'tap' and receives nothing. */
static int open_socket(const char *tap, struct error *error) {
    struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(tap)};
    int fd = link.sll_ifindex == 0 ? -1 : socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&link, sizeof link) != 0) {
        int code = -errno;
        if (fd >= 0) {
            close(fd);
        }
        return error_set(error, code, "could not open a packet socket at %s: %s", tap, strerror(-code));
    }
    return fd;
}

/* True once the parent has said that it is enough, or is gone. */
static bool told_to_stop(struct sender *sender, int64_t now_ns) {
    struct traffic_message message;
    if (now_ns < sender->listen_ns) {
        return sender->stopped;
    }
    sender->listen_ns = now_ns + LISTEN_NS;
    int got = traffic_endpoint_receive(sender->job->channel, &message);
    sender->stopped = sender->stopped || got < 0 || (got > 0 && message.type == TRAFFIC_STOP);
    return sender->stopped;
}

/* Where a frame of the file's stamp 'at_ns' stands in the file's time, all passes together: never before the
 * one in front of it, though stamps may go back. */
static int64_t place(struct sender *sender, int64_t at_ns) {
    if (sender->pass_frames++ == 0) {
        sender->first_ns = sender->last_ns = at_ns;
    }
    int64_t most =
        sender->first_ns > INT64_MAX - OFFSET_MAX_NS ? INT64_MAX : sender->first_ns + OFFSET_MAX_NS;
    if (at_ns > sender->last_ns) {
        sender->last_ns = at_ns < most ? at_ns : most;
    }
    return sender->base_ns + sender->last_ns - sender->first_ns;
}

/* The next pass begins a mean gap after the last frame. */
static int next_pass(struct sender *sender, struct error *error) {
    struct replay_board *board = sender->board;
    int64_t length_ns = sender->last_ns - sender->first_ns;
    int64_t pass = traffic_board_get(&board->pass) + 1;
    if (pass >= (int64_t)sender->settings->loops || sender->pass_frames == 0) {
        sender->ended = true;
        return 0;
    }
    sender->base_ns += length_ns + (sender->pass_frames > 1 ? length_ns / (sender->pass_frames - 1) : 0);
    sender->pass_frames = 0;
    capfile_close(sender->file);
    sender->file = NULL;
    traffic_board_add(&board->pass, 1);
    atomic_store_explicit(&board->position, 0, memory_order_relaxed);
    return capfile_open(&sender->file, sender->settings->file_fd, sender->settings->path, error);
}

/* Reads one frame into the ring, which has room.  Returns 0, also at the end, or a negative errno. */
static int read_frame(struct sender *sender, struct error *error) {
    static const int64_t record_header = 16;
    struct replay_board *board = sender->board;
    struct capfile_frame captured;
    int result = capfile_next(sender->file, &captured, error);
    if (result <= 0) {
        sender->ended = result < 0;
        return result < 0 ? result : next_pass(sender, error);
    }
    size_t slot = (sender->head + sender->count) % SLOTS;
    size_t size = 0;
    enum replay_fate fate = replay_frame_make(&board->way, &captured, sender->frames[slot], &size);
    int64_t at_ns = place(sender, captured.at_ns);
    traffic_board_add(&board->position, record_header + captured.size);
    traffic_board_add(&board->fates[fate], 1);
    if (fate == REPLAY_LONG && captured.wire > traffic_board_get(&board->longest)) {
        atomic_store_explicit(&board->longest, captured.wire, memory_order_relaxed);
    }
    if (fate == REPLAY_SENT) {
        double speed = sender->settings->speed;
        sender->parts[slot].iov_len = size;
        sender->at_ns[slot] = at_ns;
        sender->due_ns[slot] = sender->start_ns + (speed > 0 ? (int64_t)((double)at_ns / speed) : 0);
        sender->count++;
        traffic_board_add(&board->padded, captured.size < captured.wire);
    }
    return 0;
}

/* Reads ahead as long as there is room, and time until the next frame is due. */
static int read_ahead(struct sender *sender, struct error *error) {
    int code = 0;
    bool paced = sender->settings->speed > 0;
    while (code == 0 && !sender->ended && sender->count < SLOTS) {
        int64_t now_ns = clock_monotonic_ns();
        if (told_to_stop(sender, now_ns) ||
            (paced && sender->count > 0 && sender->due_ns[sender->head] - now_ns < QUIET_NS)) {
            break;
        }
        code = read_frame(sender, error);
    }
    return code;
}

/* Until 'due_ns': asleep as long as it is far, then spinning; a word of the parent's ends it. */
static void wait_until(struct sender *sender, int64_t due_ns) {
    int64_t left;
    while ((left = due_ns - clock_monotonic_ns()) > SPIN_NS) {
        struct pollfd channel = {.fd = sender->job->channel, .events = POLLIN};
        struct timespec timeout = clock_to_timespec(left - SPIN_NS);
        if (ppoll(&channel, 1, &timeout, NULL) > 0) {
            sender->listen_ns = 0;
            return;
        }
    }
    while (clock_monotonic_ns() < due_ns) {
    }
}

/* How many frames from the head on are due and lie side by side. */
static size_t count_due(const struct sender *sender, int64_t now_ns) {
    bool paced = sender->settings->speed > 0;
    size_t most = paced ? BATCH_PACED : BATCH;
    size_t due = 0;
    most = most < sender->count ? most : sender->count;
    most = most < SLOTS - sender->head ? most : SLOTS - sender->head;
    while (due < most && (!paced || sender->due_ns[sender->head + due] <= now_ns)) {
        due++;
    }
    return due;
}

static void drop_head(struct sender *sender, size_t count) {
    sender->head = (sender->head + count) % SLOTS;
    sender->count -= count;
}

/* Sends the first 'count' frames, or as many of them as the kernel takes.  Returns 0, or a negative errno
 * when the link is gone. */
static int send_frames(struct sender *sender, size_t count, int64_t now_ns, struct error *error) {
    struct replay_board *board = sender->board;
    int sent = sendmmsg(sender->socket, sender->messages + sender->head, (unsigned)count, 0);
    if (sent < 0 && errno == EINTR) {
        return 0;
    }
    if (sent < 0 && (errno == ENETDOWN || errno == ENODEV || errno == ENXIO)) {
        sender->ended = true;
        sender->count = 0;
        return error_set(error, -ENETDOWN, "could not send from %s: the link is down; was the lab stopped?",
                         sender->settings->sender.tap);
    }
    if (sent < 0) {
        traffic_board_add(&board->refused, 1);
        drop_head(sender, 1);
        return 0;
    }
    for (size_t i = 0; i < (size_t)sent; i++) {
        size_t slot = sender->head + i;
        traffic_board_add(&board->sent_bytes, (int64_t)sender->parts[slot].iov_len);
        if (sender->settings->speed > 0) {
            histogram_add(&sender->late, now_ns - sender->due_ns[slot]);
        }
    }
    traffic_board_add(&board->sent_frames, sent);
    if (sent > 0) {
        int64_t at_ns = sender->at_ns[sender->head + (size_t)sent - 1];
        atomic_store_explicit(&board->position_ns, at_ns, memory_order_relaxed);
    }
    drop_head(sender, (size_t)sent);
    return 0;
}

/* A file that is broken is played as far as it goes; then its error is what is returned. */
static int play(struct sender *sender, struct error *error) {
    int code = read_ahead(sender, error);
    while (!sender->stopped && (sender->count > 0 || !sender->ended)) {
        int64_t now_ns = clock_monotonic_ns();
        size_t due = count_due(sender, now_ns);
        int sent = 0;
        if (told_to_stop(sender, now_ns)) {
            break;
        }
        if (due > 0) {
            sent = send_frames(sender, due, now_ns, code == 0 ? error : NULL);
        } else if (sender->count > 0) {
            wait_until(sender, sender->due_ns[sender->head]);
        }
        code = code == 0 ? sent : code;
        int read = code == 0 ? read_ahead(sender, error) : 0;
        code = code == 0 ? read : code;
    }
    return code;
}

/* Waits for the word to begin.  Returns false if it is not to. */
static bool wait_for_go(struct sender *sender) {
    struct traffic_message message = {0};
    struct pollfd channel = {.fd = sender->job->channel, .events = POLLIN};
    int got = 0;
    while (got == 0) {
        poll(&channel, 1, -1);
        got = traffic_endpoint_receive(sender->job->channel, &message);
    }
    sender->start_ns = message.start_ns;
    return got > 0 && message.type == TRAFFIC_GO;
}

static int prepare(struct sender *sender, struct error *error) {
    const struct replay_settings *settings = sender->settings;
    struct replay_board *board = sender->board;
    int code = replay_look_at_tap(settings->sender.tap, board->way.source, &board->way.mtu, error);
    code = code == 0 ? sender->socket = open_socket(settings->sender.tap, error) : code;
    code = code < 0 ? code : traffic_endpoint_settle(sender->job, error);
    prctl(PR_SET_TIMERSLACK, 1UL);
    if (code < 0) {
        return code;
    }
    sender->frames = calloc(SLOTS, sizeof *sender->frames);
    if (sender->frames == NULL || histogram_init(&sender->late) != 0) {
        return error_set(error, -ENOMEM, "no memory for frames");
    }
    for (size_t i = 0; i < SLOTS; i++) {
        sender->parts[i].iov_base = sender->frames[i];
        sender->messages[i].msg_hdr = (struct msghdr){.msg_iov = &sender->parts[i], .msg_iovlen = 1};
    }
    return capfile_open(&sender->file, settings->file_fd, settings->path, error);
}

/* The process ends with this: what else is open goes with it. */
int replay_sender_main(const struct traffic_job *job, struct error *error) {
    const struct replay_part *part = job->context;
    struct replay_board *board = part->board;
    struct sender *sender = calloc(1, sizeof *sender);
    struct error why = {.text = ""};
    if (sender == NULL) {
        return error_set(error, -ENOMEM, "no memory for frames");
    }
    *sender = (struct sender){.job = job, .settings = part->settings, .board = board, .socket = -1};
    int code = prepare(sender, error);
    if (code != 0) {
        free(sender);
        return code;
    }
    traffic_endpoint_report(job, TRAFFIC_READY, 0);
    if (wait_for_go(sender)) {
        wait_until(sender, sender->start_ns);
        board->code = play(sender, &why);
        memcpy(board->text, why.text, sizeof board->text);
    }
    if (sender->late.count > 0) {
        board->late_p50 = histogram_quantile(&sender->late, 0.5);
        board->late_p99 = histogram_quantile(&sender->late, 0.99);
        board->late_max = sender->late.max;
    }
    traffic_endpoint_report(job, TRAFFIC_DONE, 0);
    free(sender);
    return 0;
}
