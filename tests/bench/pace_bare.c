/* The simplest paced sender that there can be, to compare with: sleeps until a little before each moment,
 * spins until it, sends.  pace_bare ADDRESS PORT PACKETS_A_SECOND LENGTH SECONDS LEAD_US */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "common/clock.h"

int main(int argc, char *argv[]) {
    static uint8_t payload[65507];
    if (argc != 7) {
        fprintf(stderr, "usage: see the head of pace_bare.c\n");
        return 2;
    }
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || inet_pton(AF_INET, argv[1], &name.sin_addr) != 1) {
        fprintf(stderr, "%s: no address, or no socket\n", argv[1]);
        return 1;
    }
    prctl(PR_SET_TIMERSLACK, 1);
    double gap = 1e9 / atof(argv[3]);
    size_t length = strtoul(argv[4], NULL, 10);
    int64_t count = (int64_t)(atof(argv[3]) * atof(argv[5]));
    int64_t lead = (int64_t)(atof(argv[6]) * 1e3);
    int64_t start = clock_monotonic_ns() + 10 * NS_PER_MS;
    for (int64_t i = 0; i < count; i++) {
        int64_t at = start + (int64_t)((double)i * gap);
        if (at - lead > clock_monotonic_ns()) {
            struct timespec until = clock_to_timespec(at - lead);
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        }
        while (clock_monotonic_ns() < at) {
        }
        /* Not connected, so that nobody's refusal takes the place of a datagram. */
        (void)sendto(fd, payload, length, 0, (const struct sockaddr *)&name, sizeof name);
    }
    return 0;
}
