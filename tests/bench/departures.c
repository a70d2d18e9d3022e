/* How far the packets of a capture are from an even schedule: departures FILE FILTER PACKETS_A_SECOND
 *
 * The schedule's beginning is not known, so it is laid where the earliest packet, of all, is on time: nobody
 * sends before the time.  Prints how many there are, their mean rate, and quantiles of the distance, us. */
#include <math.h>
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct times {
    double *ns;
    size_t count, room;
};

static void add(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes) {
    (void)bytes;
    struct times *times = (struct times *)(void *)user;
    if (times->count == times->room) {
        times->room = times->room == 0 ? 65536 : times->room * 2;
        times->ns = realloc(times->ns, times->room * sizeof *times->ns);
        if (times->ns == NULL) {
            abort();
        }
    }
    /* With nanosecond precision tv_usec counts nanoseconds; a day is enough for a double to hold them. */
    times->ns[times->count++] = (double)(header->ts.tv_sec % 86400) * 1e9 + (double)header->ts.tv_usec;
}

static int compare(const void *a, const void *b) {
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

int main(int argc, char *argv[]) {
    char error[PCAP_ERRBUF_SIZE];
    if (argc != 4) {
        fprintf(stderr, "usage: see the head of departures.c\n");
        return 2;
    }
    pcap_t *file = pcap_open_offline_with_tstamp_precision(argv[1], PCAP_TSTAMP_PRECISION_NANO, error);
    struct bpf_program filter;
    struct times times = {0};
    if (file == NULL || pcap_compile(file, &filter, argv[2], 1, PCAP_NETMASK_UNKNOWN) != 0 ||
        pcap_setfilter(file, &filter) != 0) {
        fprintf(stderr, "%s\n", file == NULL ? error : pcap_geterr(file));
        return 1;
    }
    pcap_loop(file, -1, add, (u_char *)(void *)&times);
    pcap_freecode(&filter);
    pcap_close(file);
    if (times.count < 2) {
        fprintf(stderr, "%s: %zu packets are too few\n", argv[1], times.count);
        return 1;
    }
    double seconds = (times.ns[times.count - 1] - times.ns[0]) / 1e9;
    double earliest = INFINITY;
    for (size_t i = 0; i < times.count; i++) {
        times.ns[i] -= (double)i * 1e9 / atof(argv[3]);
        earliest = fmin(earliest, times.ns[i]);
    }
    qsort(times.ns, times.count, sizeof *times.ns, compare);
    printf("packets=%zu pps=%.2f", times.count, (double)(times.count - 1) / seconds);
    static const double quantiles[] = {0.5, 0.9, 0.99, 0.999};
    static const char *const names[] = {"p50", "p90", "p99", "p999"};
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        size_t rank = (size_t)ceil(quantiles[i] * (double)times.count) - 1;
        printf(" %s_us=%.1f", names[i], (times.ns[rank] - earliest) / 1e3);
    }
    printf("\n");
    free(times.ns);
    return 0;
}
