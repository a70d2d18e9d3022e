#include "traffic/client.h"

#include <poll.h>
#include <unistd.h>

#include "common/clock.h"
#include "traffic/wire.h"

#define ROUNDS        30
#define ROUND_TIME_NS (100 * NS_PER_MS)

/* Opens a socket to the server's address number 'which'.  Returns -1 while that can't be done. */
static int open_greeting(const struct traffic_job *job, size_t which) {
    struct sockaddr_storage own, peer;
    socklen_t size = ip_address_to_sockaddr(job->sender->addresses[which], 0, &own);
    ip_address_to_sockaddr(job->receiver->addresses[which], job->first_port, &peer);
    int fd = socket(which == 1 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (bind(fd, (const struct sockaddr *)&own, size) != 0 ||
                    connect(fd, (const struct sockaddr *)&peer, size) != 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Sends a greeting on each socket that is open and has no answer yet. */
static void greet(const struct traffic_job *job, const int fds[2]) {
    struct traffic_datagram greeting = {
        .run = job->run, .flow = TRAFFIC_GREETING, .sent_ns = clock_real_ns()};
    uint8_t bytes[TRAFFIC_DATAGRAM_SIZE];
    traffic_datagram_write(&greeting, bytes);
    for (size_t i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            job->board->live->greetings_sent += send(fds[i], bytes, sizeof bytes, MSG_NOSIGNAL) > 0;
        }
    }
}

/* True if an answer has come on 'fd'; how long it took from the greeting that it answers goes to the board.
 */
static bool is_answered(const struct traffic_job *job, int fd) {
    uint8_t bytes[TRAFFIC_DATAGRAM_SIZE];
    struct traffic_datagram answer;
    ssize_t size = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size <= 0 || !traffic_datagram_read(bytes, (size_t)size, &answer) || answer.run != job->run ||
        answer.flow != TRAFFIC_GREETING) {
        return false;
    }
    int64_t took_ns = clock_real_ns() - answer.sent_ns;
    _Atomic int64_t *longest = &job->board->live->round_trip_ns;
    if (took_ns > traffic_board_get(longest) && took_ns < ROUNDS * ROUND_TIME_NS) {
        traffic_board_add(longest, took_ns - traffic_board_get(longest));
    }
    return true;
}

void client_greet_server(const struct traffic_job *job) {
    int fds[2] = {-1, -1};
    bool wanted[2];
    for (size_t i = 0; i < 2; i++) {
        wanted[i] = job->sender->addresses[i] != NULL && job->receiver->addresses[i] != NULL;
    }
    for (int round = 0; round < ROUNDS && (wanted[0] || wanted[1]); round++) {
        for (size_t i = 0; i < 2; i++) {
            fds[i] = wanted[i] && fds[i] < 0 ? open_greeting(job, i) : fds[i];
        }
        greet(job, fds);
        int64_t until = clock_monotonic_ns() + ROUND_TIME_NS;
        int64_t left;
        while ((wanted[0] || wanted[1]) && (left = until - clock_monotonic_ns()) > 0) {
            struct pollfd ends[2] = {{.fd = fds[0], .events = POLLIN}, {.fd = fds[1], .events = POLLIN}};
            struct timespec timeout = clock_to_timespec(left);
            ppoll(ends, 2, &timeout, NULL);
            for (size_t i = 0; i < 2; i++) {
                if (fds[i] >= 0 && is_answered(job, fds[i])) {
                    wanted[i] = false;
                    close(fds[i]);
                    fds[i] = -1;
                }
            }
        }
    }
    for (size_t i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}
