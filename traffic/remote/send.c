#include "traffic/remote/send.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic/remote/message.h"
#include "traffic/remote/session.h"

#define CONNECT_NS (8 * NS_PER_S)
/* How often the address is proved until that is believed. */
#define PROVE_NS (100 * NS_PER_MS)
#define PINGS    16

/* Connects to one address within what is left until 'deadline'.  Returns a descriptor or a negative errno. */
static int connect_one(const struct addrinfo *at, const volatile sig_atomic_t *stop, int64_t deadline) {
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int code = connect(fd, at->ai_addr, at->ai_addrlen) == 0 ? 0 : errno;
    while (code == EINPROGRESS) {
        struct pollfd end = {.fd = fd, .events = POLLOUT};
        socklen_t size = sizeof code;
        if (poll(&end, 1, 50) == 1) {
            code = getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0 ? errno : code;
            break;
        }
        if (clock_monotonic_ns() > deadline) {
            code = ETIMEDOUT;
        } else if (stop != NULL && *stop != 0) {
            code = EINTR;
        }
    }
    if (code != 0) {
        close(fd);
        return -code;
    }
    return fd;
}

/* Connects to the control port.  Returns a descriptor or a negative errno with 'error' filled. */
static int connect_to(const struct remote_send *send, struct error *error) {
    char port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    hints.ai_family = send->family == 4 ? AF_INET : send->family == 6 ? AF_INET6 : AF_UNSPEC;
    snprintf(port, sizeof port, "%u", send->port == 0 ? REMOTE_PORT : send->port);
    int code = getaddrinfo(send->host, port, &hints, &found);
    if (code != 0) {
        /* Where there is only a loopback link, as in a fresh namespace, its address counts, too. */
        hints.ai_flags = 0;
        code = getaddrinfo(send->host, port, &hints, &found);
    }
    if (code != 0) {
        return error_set(error, -EHOSTUNREACH, "could not find the host '%s': %s", send->host,
                         gai_strerror(code));
    }
    int64_t deadline = clock_monotonic_ns() + CONNECT_NS;
    int fd = -EHOSTUNREACH;
    for (const struct addrinfo *at = found; at != NULL && fd < 0 && fd != -EINTR; at = at->ai_next) {
        fd = connect_one(at, send->stop, deadline);
    }
    freeaddrinfo(found);
    if (fd < 0) {
        error_set(error, fd, "could not connect to %s, TCP port %s: %s; does 'nsmon recv' run there?",
                  send->host, port, strerror(-fd));
    }
    return fd;
}

/* Says hello and finds out whether both ends have one clock. */
static int greet(struct remote_session *session) {
    uint64_t nonce = 0, identity = 0;
    json_t *answer = NULL;
    int64_t protocol;
    if (getrandom(&nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce) {
        nonce = (uint64_t)clock_real_ns();
    }
    json_t *hello = json_pack("{s:s, s:i, s:s, s:[s,s,s,s], s:o}", "type", "hello", "protocol",
                              REMOTE_PROTOCOL, "program", "nsmon " NSMON_VERSION, "capabilities", "udp",
                              "tcp", "reverse", "both", "nonce", remote_hex(nonce));
    if (remote_session_send(session, hello) != 0 ||
        remote_session_await(session, "hello", REMOTE_STEP_NS, &answer) != 0) {
        return session->failure;
    }
    struct error error = {""};
    int code = remote_take_integer(answer, "protocol", 0, INT32_MAX, &protocol, &error);
    code = code != 0 ? code : remote_take_hex(answer, "clock", &identity, &error);
    json_decref(answer);
    if (code != 0) {
        return remote_session_fail(session, code, "%s", error.text);
    }
    if (protocol != REMOTE_PROTOCOL) {
        return remote_session_fail(session, -EPROTO,
                                   "the other end speaks version %lld, this one %d: take the same nsmon",
                                   (long long)protocol, REMOTE_PROTOCOL);
    }
    session->clocks.same = identity != 0 && identity == remote_clock_identity(nonce);
    remote_session_read_clock(session, &session->clocks.before, PINGS);
    session->clock_offset_ns = remote_clocks_offset(&session->clocks, clock_real_ns());
    return session->failure;
}

/* Asks for the test and takes what the other end says to it. */
static int agree(struct remote_session *session, uint64_t *cookie, int64_t *proof_port) {
    json_t *accepted = NULL;
    json_t *test =
        json_pack("{s:s, s:o, s:I, s:o}", "type", "test", "streams", remote_streams_write(&session->streams),
                  "clock_offset_ns", (json_int_t)session->clock_offset_ns, "digest",
                  remote_hex(remote_streams_digest(&session->plan)));
    if (remote_session_send(session, test) != 0 ||
        remote_session_await(session, "accepted", REMOTE_STEP_NS * 2, &accepted) != 0) {
        return session->failure;
    }
    struct error error = {""};
    int64_t port = 0;
    int code = remote_take_hex(accepted, "run", &session->run, &error);
    code = code != 0 ? code : remote_take_hex(accepted, "cookie", cookie, &error);
    code = code != 0 ? code : remote_take_integer(accepted, "proof_port", 0, UINT16_MAX, proof_port, &error);
    code = code != 0 ? code : remote_take_integer(accepted, "port", 0, UINT16_MAX, &port, &error);
    json_decref(accepted);
    session->sides[0].port = (uint16_t)port;
    return code == 0 ? 0 : remote_session_fail(session, code, "%s", error.text);
}

/* Starts our receiver and shows the other end that what it will send there is wanted. */
static int prove(struct remote_session *session, uint64_t cookie, uint16_t proof_port) {
    json_t *proved = NULL;
    struct remote_side *side = &session->sides[1];
    if (remote_session_start(session, 1) != 0) {
        return session->failure;
    }
    remote_session_send(session, json_pack("{s:s, s:i}", "type", "ports", "port", side->port));
    int64_t deadline = clock_monotonic_ns() + REMOTE_STEP_NS;
    while (session->failure == 0 && session->mail_count == 0 && clock_monotonic_ns() < deadline) {
        traffic_endpoint_prove(&side->endpoint, cookie, proof_port);
        int64_t until = clock_monotonic_ns() + PROVE_NS;
        while (session->failure == 0 && session->mail_count == 0 && clock_monotonic_ns() < until) {
            remote_session_step(session, until - clock_monotonic_ns());
        }
    }
    remote_session_await(session, "proved", NS_PER_S, &proved);
    json_decref(proved);
    return session->failure;
}

static int begin(struct remote_session *session, struct remote_outcome *outcome) {
    uint64_t cookie = 0;
    int64_t proof_port = 0;
    json_t *ready = NULL;
    if (greet(session) != 0 || remote_session_prepare(session, &outcome->result) != 0 ||
        agree(session, &cookie, &proof_port) != 0) {
        return session->failure;
    }
    if (session->sides[1].used && prove(session, cookie, (uint16_t)proof_port) != 0) {
        return session->failure;
    }
    if (session->sides[0].used && remote_session_start(session, 0) != 0) {
        return session->failure;
    }
    if (remote_session_await(session, "ready", REMOTE_STEP_NS, &ready) != 0) {
        return session->failure;
    }
    json_decref(ready);
    return remote_session_send(session, json_pack("{s:s}", "type", "go"));
}

static void shift(int64_t *delay_ns, int64_t by_ns) {
    *delay_ns = *delay_ns == TRAFFIC_NONE ? TRAFFIC_NONE : (int64_t)((uint64_t)*delay_ns + (uint64_t)by_ns);
}

/* Delays were corrected, while they were counted, by the offset that was read before.  In the middle of the
 * run it was another one, if the clocks drift: what is left of that is put right. */
static void follow_drift(const struct remote_session *session, struct remote_outcome *outcome) {
    int64_t middle_ns = outcome->result.started_ns + (session->sent_end_ns - session->start_ns) / 2;
    int64_t offset_ns = remote_clocks_offset(&session->clocks, middle_ns);
    int64_t by_ns = session->clocks.after.count == 0 ? 0 : session->clock_offset_ns - offset_ns;
    for (size_t i = 0; i < outcome->result.flow_count && by_ns != 0; i++) {
        struct traffic_flow_result *flow = &outcome->result.flows[i];
        int64_t *const delays[] = {&flow->owd_min_ns, &flow->owd_p50_ns,  &flow->owd_p90_ns,
                                   &flow->owd_p99_ns, &flow->owd_p999_ns, &flow->owd_max_ns};
        for (size_t d = 0; d < sizeof delays / sizeof *delays; d++) {
            shift(delays[d], session->plan.flows[i].reverse == 0 ? by_ns : -by_ns);
        }
    }
    outcome->clock_offset_ns = session->clock_offset_ns - by_ns;
}

int remote_send(const struct remote_send *send, struct remote_outcome *outcome, struct error *error) {
    *outcome = (struct remote_outcome){.streams = send->streams};
    int fd = connect_to(send, error);
    if (fd < 0) {
        return fd;
    }
    struct remote_session session = {.keeper = send->keeper,
                                     .stop = send->stop,
                                     .on_interval = send->on_interval,
                                     .context = send->context,
                                     .streams = send->streams};
    if (remote_session_open(&session, fd, true) == 0) {
        session.streams.family = session.address[1].family;
        if (begin(&session, outcome) == 0) {
            remote_session_go(&session);
            outcome->ran = true;
            remote_session_run(&session);
        } else {
            remote_session_tell_failure(&session);
        }
    }
    outcome->streams = session.streams;
    outcome->clocks = session.clocks;
    outcome->clock_offset_ns = session.clock_offset_ns;
    if (outcome->ran) {
        follow_drift(&session, outcome);
    }
    outcome->seconds_ns = session.start_ns == 0 ? 0 : session.sent_end_ns - session.start_ns;
    snprintf(outcome->why, sizeof outcome->why, "%s", session.why);
    int code = session.failure;
    if (code != 0) {
        error_set(error, code, "testing with %s: %s", send->host, session.error.text);
    }
    remote_session_close(&session);
    return code;
}
