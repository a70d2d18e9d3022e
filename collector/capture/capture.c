#include "collector/capture/capture.h"

#include <errno.h>
#include <linux/filter.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "collector/capture/meter.h"
#include "common/clock.h"
#include "common/log.h"

/* Two directions and the file. */
enum { HANDLE_OUT = TRUTH_OUT, HANDLE_IN = TRUTH_IN, HANDLE_FILE = 2, HANDLES = 3 };

/* Enough for the headers of any flow key: Ethernet, a few tags and labels, IPv6 with extension headers, TCP.
 */
enum { SNAPLEN = 256, BUFFER_BYTES = 16 << 20, READ_TIMEOUT_MS = 50, CAPTURES_MAX = 16 };

/* Seconds that ended so long ago are written; a frame of theirs that is read later becomes a row of its own.
 */
#define SETTLE_NS (NS_PER_S)
#define DRAIN_NS  (2 * NS_PER_S)

struct handle {
    pcap_t *pcap;
    struct meter *meter; /* NULL for the file */
    _Atomic uint64_t received, dropped, processed, bytes, malformed;
};

struct capture {
    char interface[STORE_NAME_SIZE];
    unsigned int station;
    bool port;
    uint8_t mac[6];
    int64_t id;
    pcap_dumper_t *dumper;
    atomic_bool file_failed;
    struct handle handles[HANDLES];
};

struct capture_thread {
    struct store *store;
    struct store_appender *appender;
    struct split *split;
    struct capture *captures[CAPTURES_MAX];
    size_t count;
    pthread_t thread;
    atomic_bool stop;
    int64_t next_tick_ns; /* monotonic */
};

static int fail(pcap_t *pcap, const char *interface, const char *what, struct error *error) {
    return error_set(error, -EIO, "could not capture on '%s': %s: %s", interface, what, pcap_geterr(pcap));
}

/* Gives the socket a kernel filter behind libpcap's back.
 *
 * pcap_setfilter() would run the filter in user space on the first block of the ring as well, where "inbound"
 * and "outbound" match nothing (libpcap 1.10, pcap-linux.c, blocks_to_filter_in_userland), and so lose the
 * frames that come first.  A frame that came before the filter is let in whatever its direction: open
 * captures before there are any. */
static int set_filter(pcap_t *pcap, const char *interface, const char *filter, struct error *error) {
    struct bpf_program program;
    if (pcap_compile(pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        return fail(pcap, interface, filter, error);
    }
    _Static_assert(sizeof(struct bpf_insn) == sizeof(struct sock_filter),
                   "libpcap's instructions are the kernel's");
    struct sock_fprog kernel = {.len = (unsigned short)program.bf_len,
                                .filter = (struct sock_filter *)(void *)program.bf_insns};
    int result = setsockopt(pcap_fileno(pcap), SOL_SOCKET, SO_ATTACH_FILTER, &kernel, sizeof kernel);
    int code = result == 0 ? 0 : -errno;
    pcap_freecode(&program);
    return code == 0 ? 0
                     : error_set(error, code, "could not tell directions apart on '%s': %s", interface,
                                 strerror(-code));
}

/* Opens one handle; 'filter' is the direction's, or NULL. */
static int open_handle(const struct capture_settings *settings, const char *filter, pcap_t **opened,
                       struct error *error) {
    char text[PCAP_ERRBUF_SIZE] = "";
    pcap_t *pcap = pcap_create(settings->interface, text);
    if (pcap == NULL) {
        return error_set(error, -EIO, "could not capture on '%s': %s", settings->interface, text);
    }
    uint32_t buffer = settings->buffer_bytes != 0 ? settings->buffer_bytes : BUFFER_BYTES;
    pcap_set_snaplen(pcap, SNAPLEN);
    pcap_set_promisc(pcap, 1);
    pcap_set_timeout(pcap, READ_TIMEOUT_MS);
    pcap_set_buffer_size(pcap, (int)buffer);
    pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
    int result = pcap_activate(pcap);
    int code = result < 0 ? fail(pcap, settings->interface, pcap_statustostr(result), error) : 0;
    if (code == 0 && pcap_datalink(pcap) != DLT_EN10MB) {
        code = error_set(error, -EPROTONOSUPPORT, "could not capture on '%s': it is not Ethernet",
                         settings->interface);
    }
    if (code == 0 && pcap_setnonblock(pcap, 1, text) != 0) {
        code = error_set(error, -EIO, "could not capture on '%s': %s", settings->interface, text);
    }
    if (code == 0 && filter != NULL) {
        code = set_filter(pcap, settings->interface, filter, error);
    }
    if (code != 0) {
        pcap_close(pcap);
        return code;
    }
    *opened = pcap;
    return 0;
}

int capture_open(const struct capture_settings *settings, struct capture **capture, struct error *error) {
    struct capture *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return error_set(error, -ENOMEM, "out of memory");
    }
    snprintf(made->interface, sizeof made->interface, "%s",
             settings->name != NULL ? settings->name : settings->interface);
    made->station = settings->station;
    made->port = settings->port;
    if (!settings->port) {
        memcpy(made->mac, settings->mac, sizeof made->mac);
    }
    /* What goes to the switch leaves a station's link, and comes in at a bridge's port. */
    const char *to_switch = settings->port ? "inbound" : "outbound";
    const char *from_switch = settings->port ? "outbound" : "inbound";
    int code = open_handle(settings, to_switch, &made->handles[HANDLE_OUT].pcap, error);
    code = code == 0 ? open_handle(settings, from_switch, &made->handles[HANDLE_IN].pcap, error) : code;
    if (code == 0 && settings->file) {
        code = open_handle(settings, NULL, &made->handles[HANDLE_FILE].pcap, error);
    }
    if (code != 0) {
        capture_close(made);
        return code;
    }
    *capture = made;
    return 0;
}

void capture_close(struct capture *capture) {
    if (capture == NULL) {
        return;
    }
    if (capture->dumper != NULL) {
        pcap_dump_close(capture->dumper);
    }
    for (size_t i = 0; i < HANDLES; i++) {
        if (capture->handles[i].pcap != NULL) {
            pcap_close(capture->handles[i].pcap);
        }
    }
    free(capture);
}

int capture_write_file(struct capture *capture, const char *path, int fd, struct error *error) {
    pcap_t *pcap = capture->handles[HANDLE_FILE].pcap;
    FILE *file = fd >= 0 ? fdopen(fd, "wb") : fopen(path, "wbe");
    if (file == NULL) {
        return error_set(error, -errno, "could not write the capture file '%s': %s", path, strerror(errno));
    }
    capture->dumper = pcap_dump_fopen(pcap, file);
    if (capture->dumper == NULL) {
        fclose(file);
        return error_set(error, -EIO, "could not write the capture file '%s': %s", path, pcap_geterr(pcap));
    }
    return 0;
}

static int64_t stamp_ns(const struct pcap_pkthdr *header) {
    /* With PCAP_TSTAMP_PRECISION_NANO tv_usec holds nanoseconds. */
    return (int64_t)header->ts.tv_sec * NS_PER_S + header->ts.tv_usec;
}

static void on_frame(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes) {
    struct meter *meter = (struct meter *)user;
    meter_frame(meter, PACKET_ETHERNET, bytes, header->caplen, header->len, stamp_ns(header));
}

/* Reads what the kernel has ready.  Returns how many frames that were, or -1 when the handle is broken. */
static int read_handle(struct capture *capture, struct handle *handle) {
    if (handle->meter != NULL) {
        int count = pcap_dispatch(handle->pcap, -1, on_frame, (u_char *)handle->meter);
        struct meter_counts counts = meter_counts(handle->meter);
        atomic_store_explicit(&handle->processed, counts.frames, memory_order_relaxed);
        atomic_store_explicit(&handle->bytes, counts.bytes, memory_order_relaxed);
        atomic_store_explicit(&handle->malformed, counts.malformed, memory_order_relaxed);
        return count;
    }
    int count = pcap_dispatch(handle->pcap, -1, pcap_dump, (u_char *)capture->dumper);
    atomic_fetch_add_explicit(&handle->processed, count > 0 ? (uint64_t)count : 0, memory_order_relaxed);
    return count;
}

static void read_stats(struct handle *handle) {
    struct pcap_stat stat;
    if (handle->pcap != NULL && pcap_stats(handle->pcap, &stat) == 0) {
        /* 32 bits on the way here: carry the wraps. */
        uint64_t received = atomic_load(&handle->received);
        uint64_t dropped = atomic_load(&handle->dropped);
        atomic_store(&handle->received, received + (uint32_t)(stat.ps_recv - (uint32_t)received));
        atomic_store(&handle->dropped, dropped + (uint32_t)(stat.ps_drop - (uint32_t)dropped));
    }
}

static void write_capture_row(struct capture_thread *thread, struct capture *capture) {
    struct capture_row *row = &store_append(thread->appender, ROW_CAPTURE)->capture;
    row->id = capture->id;
    memcpy(row->name, capture->interface, sizeof row->name);
    snprintf(row->role, sizeof row->role, "%s", capture->port ? "port" : "station");
    row->has_mac = !capture->port;
    memcpy(row->mac, capture->mac, sizeof row->mac);
    row->station = capture->station;
    for (size_t i = HANDLE_OUT; i <= HANDLE_IN; i++) {
        struct capture_counts counts = capture_counts(capture, (enum truth_direction)i);
        row->received += store_count(counts.received);
        row->dropped += store_count(counts.dropped);
        row->processed += store_count(counts.processed);
        row->malformed += store_count(counts.malformed);
    }
}

/* A file that can't be written any more is given up, in words; the truth goes on. */
static void check_file(struct capture *capture) {
    if (capture->dumper != NULL &&
        (pcap_dump_flush(capture->dumper) != 0 || ferror(pcap_dump_file(capture->dumper)) != 0)) {
        log_error("could not write the capture file of %s any more: %s", capture->interface, strerror(errno));
        capture->file_failed = true;
        pcap_dump_close(capture->dumper);
        capture->dumper = NULL;
    }
}

/* Once a second: rows of the seconds that are over, counts, and what is in the batch. */
static void tick(struct capture_thread *thread, int64_t flush_before_ns, int64_t ended_before_ns) {
    for (size_t i = 0; i < thread->count; i++) {
        struct capture *capture = thread->captures[i];
        for (size_t j = 0; j < HANDLES; j++) {
            read_stats(&capture->handles[j]);
            if (capture->handles[j].meter != NULL) {
                meter_flush(capture->handles[j].meter, flush_before_ns);
            }
        }
        check_file(capture);
        write_capture_row(thread, capture);
    }
    if (thread->split != NULL) {
        split_write(thread->split, thread->appender, ended_before_ns);
    }
    store_flush(thread->appender);
}

static bool is_used(const struct capture *capture, size_t handle) {
    return capture->handles[handle].meter != NULL || (handle == HANDLE_FILE && capture->dumper != NULL);
}

/* Waits for frames at any handle, 'timeout_ms' at most, and reads them.  Returns how many were read. */
static int read_all(struct capture_thread *thread, int timeout_ms) {
    struct pollfd polls[CAPTURES_MAX * HANDLES];
    nfds_t count = 0;
    for (size_t i = 0; i < thread->count; i++) {
        for (size_t j = 0; j < HANDLES; j++) {
            if (is_used(thread->captures[i], j)) {
                int fd = pcap_get_selectable_fd(thread->captures[i]->handles[j].pcap);
                polls[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
            }
        }
    }
    poll(polls, count, timeout_ms);
    int frames = 0;
    for (size_t i = 0; i < thread->count; i++) {
        for (size_t j = 0; j < HANDLES; j++) {
            if (is_used(thread->captures[i], j)) {
                int got = read_handle(thread->captures[i], &thread->captures[i]->handles[j]);
                frames += got > 0 ? got : 0;
            }
        }
    }
    return frames;
}

/* True when every frame that the kernel took and did not drop was read. */
static bool all_read(struct capture_thread *thread) {
    for (size_t i = 0; i < thread->count; i++) {
        for (size_t j = 0; j < HANDLES; j++) {
            struct handle *handle = &thread->captures[i]->handles[j];
            read_stats(handle);
            if (is_used(thread->captures[i], j) &&
                atomic_load(&handle->processed) + atomic_load(&handle->dropped) <
                    atomic_load(&handle->received)) {
                return false;
            }
        }
    }
    return true;
}

static void *thread_main(void *argument) {
    struct capture_thread *thread = argument;
    while (!atomic_load_explicit(&thread->stop, memory_order_relaxed)) {
        read_all(thread, 100);
        if (clock_monotonic_ns() >= thread->next_tick_ns) {
            thread->next_tick_ns = clock_monotonic_ns() + NS_PER_S;
            tick(thread, clock_real_ns() - SETTLE_NS, clock_monotonic_ns() - SETTLE_NS);
        }
    }
    int64_t deadline_ns = clock_monotonic_ns() + DRAIN_NS;
    while (!all_read(thread) && clock_monotonic_ns() < deadline_ns) {
        read_all(thread, 10);
    }
    tick(thread, INT64_MAX, INT64_MAX);
    return NULL;
}

static void free_thread(struct capture_thread *thread) {
    for (size_t i = 0; i < thread->count; i++) {
        for (size_t j = 0; j < HANDLES; j++) {
            meter_destroy(thread->captures[i]->handles[j].meter);
            thread->captures[i]->handles[j].meter = NULL;
        }
    }
    store_appender_destroy(thread->appender);
    free(thread);
}

static int make_meters(struct capture_thread *thread, struct capture *capture) {
    capture->id = store_next_id(thread->store);
    for (size_t i = HANDLE_OUT; i <= HANDLE_IN; i++) {
        struct meter_point point = {.capture_id = capture->id, .direction = (enum truth_direction)i};
        capture->handles[i].meter = meter_create(&point, thread->appender);
        if (capture->handles[i].meter == NULL) {
            return -ENOMEM;
        }
        meter_split(capture->handles[i].meter, thread->split, capture->port ? NULL : capture->mac);
    }
    return 0;
}

struct capture_thread *capture_start(struct capture *const captures[], size_t count, struct store *store,
                                     struct split *split, struct error *error) {
    struct capture_thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL || count > CAPTURES_MAX) {
        error_set(error, -ENOMEM, "could not start %zu captures", count);
        free(thread);
        return NULL;
    }
    thread->store = store;
    thread->split = split;
    thread->appender = store_appender_create_waiting(store);
    int code = thread->appender == NULL ? -ENOMEM : 0;
    for (size_t i = 0; code == 0 && i < count; i++) {
        thread->captures[thread->count++] = captures[i];
        code = make_meters(thread, captures[i]);
    }
    if (code == 0) {
        sigset_t all;
        sigset_t old;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        code = -pthread_create(&thread->thread, NULL, thread_main, thread);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    if (code != 0) {
        error_set(error, code, "could not start the captures: %s", strerror(-code));
        free_thread(thread);
        return NULL;
    }
    return thread;
}

void capture_stop(struct capture_thread *thread) {
    if (thread != NULL) {
        atomic_store(&thread->stop, true);
        pthread_join(thread->thread, NULL);
        free_thread(thread);
    }
}

bool capture_file_failed(const struct capture *capture) {
    return capture->file_failed;
}

struct capture_counts capture_counts(const struct capture *capture, enum truth_direction direction) {
    const struct handle *handle = &capture->handles[direction];
    return (struct capture_counts){
        .received = atomic_load(&handle->received),
        .dropped = atomic_load(&handle->dropped),
        .processed = atomic_load(&handle->processed),
        .bytes = atomic_load(&handle->bytes),
        .malformed = atomic_load(&handle->malformed),
    };
}
