/* What was done to frames on purpose, as rows of the ledger; and the end of the relay. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "topo/impair.h"
#include "topo/impairment.h"
#include "topo/inside.h"
#include "topo/link.h"
#include "topo/netns.h"

/* --- rows --- */

struct rows {
    const struct topo *topo;
    unsigned host; /* that the frames go to */
    topo_count_fn *emit;
    void *context;
};

static void row(const struct rows *rows, const char *stage, bool back, uint64_t packets, int64_t bytes,
                const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Emits a count of the way to the host, or of the way 'back'. */
static void row(const struct rows *rows, const char *stage, bool back, uint64_t packets, int64_t bytes,
                const char *format, ...) {
    struct topo_count count = {.packets = (int64_t)packets, .bytes = bytes};
    snprintf(count.stage, sizeof count.stage, "%s", stage);
    char here[16];
    char there[16] = "switch";
    snprintf(here, sizeof here, "ns%u", rows->host);
    if (rows->topo->hosts == 2) {
        snprintf(there, sizeof there, "ns%u", 3 - rows->host);
    }
    snprintf(count.direction, sizeof count.direction, "%.10s>%.10s", back ? here : there,
             back ? there : here);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(count.source, sizeof count.source, format, arguments);
    va_end(arguments);
    rows->emit(&count, rows->context);
}

static uint64_t get(const _Atomic uint64_t *count) {
    return atomic_load_explicit(count, memory_order_relaxed);
}

static const char *delay_text(const struct topo_impairment *impairment, char text[64]) {
    char delay[24];
    char jitter[24];
    topo_impairment_time(impairment->delay_ns, delay);
    if (impairment->jitter_ns > 0) {
        snprintf(text, 64, "%s \302\261 %s", delay, topo_impairment_time(impairment->jitter_ns, jitter));
    } else {
        snprintf(text, 64, "%s", delay);
    }
    return text;
}

/* What each class is called. */
static const char *const class_names[RELAY_CLASS_COUNT + 1] = {
    [RELAY_UDP] = "UDP datagrams", [RELAY_OTHER] = "other IP packets", [RELAY_PASSES] = "ARP and the like"};

/* A row for each class, "every 10th of the UDP datagrams, relay between ovs-tap2 and tap2". */
static void class_rows(const struct rows *rows, const char *stage, uint32_t every, double chance,
                       const char *where, const struct relay_sum sums[RELAY_CLASS_COUNT]) {
    char share[48];
    for (size_t i = 0; (every != 0 || chance > 0.0) && i < RELAY_CLASS_COUNT; i++) {
        row(rows, stage, false, get(&sums[i].packets), (int64_t)get(&sums[i].bytes), "%s of the %s, %s",
            topo_impairment_share(every, chance, share), class_names[i], where);
    }
}

/* Frames that the links brought to a relay that has ended and took them along, or was not there any more: by
 * the links' own counts, less those that it had handled. */
static void gone_rows(const struct rows *rows, const struct relay_counts *counts, const char *where) {
    const struct lab_path *path = &rows->topo->paths[rows->host];
    struct nl_sock *sock = NULL;
    struct link_info in;
    struct link_info out;
    bool known = link_socket(path->netns_fd, &sock, NULL) == 0 && link_get(sock, path->in, &in, NULL) == 0 &&
                 link_get(sock, path->out, &out, NULL) == 0;
    link_socket_close(sock);
    if (known) {
        uint64_t handled = get(&counts->in.packets) + get(&counts->in_socket_drops) - get(&counts->queued);
        uint64_t back = get(&counts->back_in) + get(&counts->back_socket_drops);
        row(rows, "switch_out_drop", false, in.rx_packets > handled ? in.rx_packets - handled : 0, -1,
            "%s, which ended", where);
        row(rows, "tap_out_drop", true, out.rx_packets > back ? out.rx_packets - back : 0, -1,
            "%s, which ended", where);
    } else {
        row(rows, "switch_out_drop", false, (uint64_t)-1, -1, "%s, which ended", where);
    }
}

static void relay_rows(const struct rows *rows, const struct relay_counts *counts) {
    const struct topo_impairment *impairment = &rows->topo->impairments[rows->host];
    const struct topo_port *port = &rows->topo->ports[rows->host];
    char text[64];
    char rate[24];
    char where[64];
    snprintf(where, sizeof where, "relay between %s and %s", port->ovs_tap, port->tap);
    if (impairment->delay_ns > 0) {
        row(rows, "switch_out_impaired_delay", false, get(&counts->delayed.packets),
            (int64_t)get(&counts->delayed.bytes), "%s, %s", delay_text(impairment, text), where);
    }
    class_rows(rows, "switch_out_impaired_duplicate", impairment->duplicate_every, impairment->duplicate,
               where, counts->duplicated);
    class_rows(rows, "switch_out_impaired_reorder", impairment->reorder_every, impairment->reorder, where,
               counts->reordered);
    for (size_t i = 0; impairment->rate_bps > 0 && i <= RELAY_CLASS_COUNT; i++) {
        const struct relay_sum *sum = &counts->rate_dropped[i];
        if (i < RELAY_CLASS_COUNT || get(&sum->packets) > 0) {
            row(rows, "switch_out_impaired_loss", false, get(&sum->packets), (int64_t)get(&sum->bytes),
                "%s beyond %s, tbf behind the %s", class_names[i],
                topo_impairment_rate(impairment->rate_bps, rate), where);
        }
    }
    uint64_t lost = get(&counts->no_room) + get(&counts->failed) + get(&counts->in_socket_drops);
    if (lost > 0) {
        row(rows, "switch_out_drop", false, lost, -1, "%s, no room", where);
    }
    lost = get(&counts->back_failed) + get(&counts->back_socket_drops);
    if (lost > 0) {
        row(rows, "tap_out_drop", true, lost, -1, "%s, no room", where);
    }
    if (relay_gone(&rows->topo->paths[rows->host].relay)) {
        gone_rows(rows, counts, where);
    }
}

/* netem stands in front of where the port counts what left the switch. */
static int netem_rows(const struct rows *rows, struct error *error) {
    const struct topo_impairment *impairment = &rows->topo->impairments[rows->host];
    const char *port = rows->topo->ports[rows->host].ovs_tap;
    int netns_fd = rows->topo->netns_fd[TOPO_SWITCH];
    struct impair_queue_stats stats;
    char text[64];
    char rate[24];
    int code = impair_queue_read(netns_fd, port, "netem", &stats, error);
    if (code == 0 && impairment->delay_ns > 0) {
        row(rows, "switch_in_impaired_delay", false, stats.packets, (int64_t)stats.bytes,
            "%s, netem at %s's egress", delay_text(impairment, text), port);
    }
    if (code == 0 && impairment->rate_bps > 0) {
        row(rows, "switch_in_impaired_loss", false, stats.dropped, -1,
            "frames beyond %s, netem at %s's egress", topo_impairment_rate(impairment->rate_bps, rate), port);
    }
    return code;
}

static int loss_rows(const struct rows *rows, struct error *error) {
    const struct topo_impairment *impairment = &rows->topo->impairments[rows->host];
    struct impair_loss lost[RELAY_CLASS_COUNT];
    char share[48];
    int code = impair_loss_read(rows->topo, rows->host, lost, error);
    for (size_t i = 0; code == 0 && i < RELAY_CLASS_COUNT; i++) {
        row(rows, "tap_in_impaired_loss", false, (uint64_t)lost[i].packets, lost[i].bytes,
            "%s of the %s, nftables at %s's ingress",
            topo_impairment_share(impairment->loss_every, impairment->loss, share), class_names[i],
            rows->topo->ports[rows->host].tap);
    }
    return code;
}

static int host_rows(const struct rows *rows, struct error *error) {
    const struct topo_impairment *impairment = &rows->topo->impairments[rows->host];
    const struct lab_path *path = &rows->topo->paths[rows->host];
    int code = path->netem ? netem_rows(rows, error) : 0;
    if (path->relay.counts != NULL) {
        relay_rows(rows, path->relay.counts);
    }
    if (impairment->loss > 0.0 || impairment->loss_every != 0) {
        int read = loss_rows(rows, code == 0 ? error : NULL);
        code = code == 0 ? read : code;
    }
    return code;
}

int impair_each_count(struct topo *topo, topo_count_fn *emit, void *context, struct error *error) {
    int first = 0;
    for (unsigned host = 1; host <= topo->hosts; host++) {
        struct rows rows = {.topo = topo, .host = host, .emit = emit, .context = context};
        int code = host_rows(&rows, first == 0 ? error : NULL);
        first = first == 0 ? code : first;
    }
    return first;
}

/* --- the relay's end --- */

struct ending {
    int code;
    struct error *error;
};

static void end_relay(const struct inside_process *process, void *context) {
    struct ending *ending = context;
    if (ending->code == 0 && process->kind == INSIDE_HELPER &&
        strcmp(process->name, RELAY_PROCESS_NAME) == 0) {
        ending->code = inside_end(process, ending->error);
    }
}

int impair_stop_relay(struct topo *topo, const char *name, struct error *error) {
    for (unsigned host = 1; host <= TOPO_HOSTS_MAX; host++) {
        if (strcmp(topo->paths[host].netns, name) == 0) {
            relay_stop(&topo->paths[host].relay);
        }
    }
    /* One that another process started has ended with it, or is just about to. */
    struct ending ending = {.error = error};
    struct stat netns;
    int fd = netns_open(name, NULL);
    if (fd >= 0 && fstat(fd, &netns) == 0) {
        inside_each(&netns, end_relay, &ending);
    }
    if (fd >= 0) {
        close(fd);
    }
    return ending.code;
}
