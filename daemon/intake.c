#include "daemon/intake.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "common/clock.h"

#define REFUSED_LOG_NS (60 * NS_PER_S)

static bool is_allowed(const struct intake *intake, const struct ip_address *address) {
    for (size_t i = 0; i < intake->allow_count; i++) {
        if (ip_prefix_contains(&intake->allow[i], address)) {
            return true;
        }
    }
    return intake->allow_count == 0;
}

static void refuse(struct intake *intake, const struct listen_datagram *datagram) {
    intake->refused++;
    uint64_t count = log_limiter_allow(&intake->refused_log, REFUSED_LOG_NS);
    if (count != 0) {
        char text[IP_TEXT_SIZE];
        log_warning("dropped a datagram from %s, which --allow does not hold (%" PRIu64
                    " since the last such message)",
                    ip_address_format(&datagram->src, text), count);
    }
}

static void on_datagram(const struct listen_datagram *datagram, void *context) {
    struct intake *intake = context;
    if (!is_allowed(intake, &datagram->src)) {
        refuse(intake, datagram);
        return;
    }
    struct datagram wire = {
        .bytes = datagram->bytes,
        .size = datagram->size,
        .recv_ns = datagram->recv_ns,
        .src = datagram->src,
        .dst = datagram->dst,
        .src_port = datagram->src_port,
        .dst_port = datagram->dst_port,
    };
    collector_datagram(intake->collector, &wire);
}

int intake_listen(struct intake *intake, int fd, struct error *error) {
    if (intake->listener_count == INTAKE_LISTENERS_MAX) {
        close(fd);
        return error_set(error, -ENOSPC, "could not listen: %d sockets are the most", INTAKE_LISTENERS_MAX);
    }
    struct listener *listener = listener_create(intake->base, fd, on_datagram, intake, error);
    if (listener == NULL) {
        return -ENOMEM;
    }
    intake->listeners[intake->listener_count++] = listener;
    return 0;
}

/* Adds the counts of a listener to 'sum'. */
static void add_counts(struct listen_counts *sum, const struct listen_counts *counts) {
    sum->datagrams += counts->datagrams;
    sum->bytes += counts->bytes;
    sum->kernel_drops += counts->kernel_drops;
    sum->truncated += counts->truncated;
}

void intake_unlisten(struct intake *intake, size_t which) {
    struct listener *listener = intake->listeners[which];
    listener_drain(listener);
    struct listen_counts counts = listener_counts(listener);
    add_counts(&intake->closed, &counts);
    listener_destroy(listener);
    intake->listeners[which] = intake->listeners[--intake->listener_count];
    intake->listeners[intake->listener_count] = NULL;
}

struct listen_counts intake_counts(const struct intake *intake) {
    struct listen_counts sum = intake->closed;
    sum.buffer_bytes = 0;
    for (size_t i = 0; i < intake->listener_count; i++) {
        struct listen_counts counts = listener_counts(intake->listeners[i]);
        add_counts(&sum, &counts);
        if (sum.buffer_bytes == 0 || counts.buffer_bytes < sum.buffer_bytes) {
            sum.buffer_bytes = counts.buffer_bytes;
        }
    }
    return sum;
}

static void write_health(struct intake *intake, int64_t now_ns) {
    struct listen_counts counts = intake_counts(intake);
    struct collector_health_row *row =
        &store_append(intake->appender, ROW_COLLECTOR_HEALTH)->collector_health;
    *row = (struct collector_health_row){
        .at_ns = now_ns,
        .datagrams = store_count(counts.datagrams),
        .kernel_drops = store_count(counts.kernel_drops),
        .queue_drops = store_count(store_dropped_rows(intake->store)),
        .unrecognised = store_count(collector_totals(intake->collector).unrecognised),
        .buffer_bytes = store_count(counts.buffer_bytes),
    };
}

void intake_tick(struct intake *intake, int64_t now_ns) {
    collector_tick(intake->collector, now_ns);
    write_health(intake, now_ns);
    store_flush(intake->appender);
}

void intake_finish(struct intake *intake) {
    for (size_t i = 0; i < intake->listener_count; i++) {
        listener_drain(intake->listeners[i]);
    }
    if (intake->collector != NULL) {
        int64_t now_ns = clock_real_ns();
        collector_finish(intake->collector, now_ns);
        intake_tick(intake, now_ns);
    }
}

void intake_close(struct intake *intake) {
    for (size_t i = 0; i < intake->listener_count; i++) {
        listener_destroy(intake->listeners[i]);
    }
    intake->listener_count = 0;
    collector_destroy(intake->collector);
    intake->collector = NULL;
}
