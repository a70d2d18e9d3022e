#include "traffic/remote/respond.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic/remote/message.h"
#include "traffic/remote/session.h"
#include "traffic/wire.h"

/* Whoever connects says what he wants within this, or is gone: a place is not to be had by waiting. */
#define HELLO_NS (3 * NS_PER_S)
#define TEST_NS  (12 * NS_PER_S)
#define PROOF_NS (4 * NS_PER_S)
#define LOOK_NS  (20 * NS_PER_MS)

/* Where proofs arrive. */
struct proofs {
    int fd;
    uint16_t port;
    uint64_t cookie;
};

/* Random numbers that nobody can guess.  Returns false when there are none. */
static bool random_number(uint64_t *number) {
    return getrandom(number, sizeof *number, 0) == (ssize_t)sizeof *number;
}

static int greet(struct remote_session *session, const struct remote_limits *limits) {
    json_t *hello = NULL;
    uint64_t nonce = 0;
    int64_t protocol = 0;
    struct error error = {""};
    if (remote_session_await(session, "hello", HELLO_NS, &hello) != 0) {
        return session->failure;
    }
    int code = remote_take_integer(hello, "protocol", 0, INT32_MAX, &protocol, &error);
    code = code != 0 ? code : remote_take_hex(hello, "nonce", &nonce, &error);
    json_decref(hello);
    if (code != 0) {
        return remote_session_fail(session, code, "%s", error.text);
    }
    /* Whoever speaks another version is told ours, and knows better than we what to say then. */
    return remote_session_send(
        session, json_pack("{s:s, s:i, s:s, s:[s,s,s,s], s:o, s:{s:I, s:I, s:I}}", "type", "hello",
                           "protocol", REMOTE_PROTOCOL, "program", "nsmon " NSMON_VERSION, "capabilities",
                           "udp", "tcp", "reverse", "both", "clock", remote_hex(remote_clock_identity(nonce)),
                           "limits", "rate_bps", (json_int_t)limits->rate, "duration_ns",
                           (json_int_t)limits->duration_ns, "streams", (json_int_t)limits->streams));
}

/* Holds 'streams' against the limits.  Returns 0 or the session's failure. */
static int check_limits(struct remote_session *session, const struct remote_limits *limits) {
    const struct remote_streams *streams = &session->streams;
    if (streams->family != session->address[0].family) {
        return remote_session_fail(session, -EPROTO, "the streams are not of the connection's IP version");
    }
    if (streams->count > limits->streams) {
        return remote_session_fail(session, -EPERM,
                                   "%" PRId64 " streams are wanted, %" PRId64 " allowed here", streams->count,
                                   limits->streams);
    }
    if (streams->duration_ns > limits->duration_ns) {
        return remote_session_fail(session, -EPERM, "%.1f s are wanted, %.1f s allowed here: give --duration",
                                   (double)streams->duration_ns / 1e9, (double)limits->duration_ns / 1e9);
    }
    if (limits->rate > 0 && remote_streams_rate(streams) > limits->rate) {
        return remote_session_fail(session, -EPERM,
                                   "no more than %.3f Mbit/s of payload in all are allowed here: give --rate",
                                   (double)limits->rate / 1e6);
    }
    return 0;
}

/* Takes a place among the tests.  Two that come at once may both be refused, but never both taken in. */
static bool take_place(struct remote_slot *slots, size_t count, size_t own, int64_t most) {
    int64_t testing = 0;
    atomic_store(&slots[own].state, REMOTE_SLOT_TESTING);
    for (size_t i = 0; i < count; i++) {
        testing += atomic_load(&slots[i].state) == REMOTE_SLOT_TESTING;
    }
    if (testing > most) {
        atomic_store(&slots[own].state, REMOTE_SLOT_KNOCKING);
    }
    return testing <= most;
}

/* Takes the client's wish. */
static int read_test(struct remote_session *session, const struct remote_limits *limits,
                     struct traffic_result *result) {
    json_t *test = NULL;
    uint64_t digest = 0;
    struct error error = {""};
    if (remote_session_await(session, "test", TEST_NS, &test) != 0) {
        return session->failure;
    }
    int code = remote_streams_read(json_object_get(test, "streams"), &session->streams, &error);
    code = code != 0 ? code
                     : remote_take_integer(test, "clock_offset_ns", INT64_MIN, INT64_MAX,
                                           &session->clock_offset_ns, &error);
    code = code != 0 ? code : remote_take_hex(test, "digest", &digest, &error);
    json_decref(test);
    if (code != 0) {
        return remote_session_fail(session, code, "%s", error.text);
    }
    if (check_limits(session, limits) != 0 || remote_session_prepare(session, result) != 0) {
        return session->failure;
    }
    if (digest != remote_streams_digest(&session->plan)) {
        return remote_session_fail(session, -EPROTO,
                                   "both ends make another plan of this: take the same nsmon");
    }
    return 0;
}

/* Opens the socket for proofs at our address of the control connection.  It never sends. */
static int open_proofs(struct remote_session *session, struct proofs *proofs) {
    struct sockaddr_storage name;
    struct ip_address own;
    socklen_t size = ip_address_to_sockaddr(&session->address[1], 0, &name);
    proofs->fd = socket(session->address[1].family == 6 ? AF_INET6 : AF_INET,
                        SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (proofs->fd < 0 || bind(proofs->fd, (const struct sockaddr *)&name, size) != 0 ||
        getsockname(proofs->fd, (struct sockaddr *)&name, &size) != 0 || !random_number(&proofs->cookie)) {
        return remote_session_fail(session, -errno, "no socket for the proof of the address: %s",
                                   strerror(errno));
    }
    ip_address_from_sockaddr(&name, &own, &proofs->port);
    return 0;
}

/* Takes proofs that are there.  Each is worth something only with the cookie that went over TCP, from the
 * address that TCP came from, and for the port that it came from.  Returns which ports from 'port' on. */
static unsigned int take_proofs(const struct remote_session *session, const struct proofs *proofs,
                                uint16_t port) {
    unsigned int proved = 0;
    for (int i = 0; i < 64; i++) {
        uint8_t bytes[TRAFFIC_DATAGRAM_SIZE + 1];
        struct traffic_datagram datagram;
        struct sockaddr_storage name = {0};
        socklen_t size = sizeof name;
        struct ip_address from;
        uint16_t from_port;
        ssize_t length =
            recvfrom(proofs->fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&name, &size);
        if (length < 0) {
            break;
        }
        ip_address_from_sockaddr(&name, &from, &from_port);
        if (length == TRAFFIC_DATAGRAM_SIZE && traffic_datagram_read(bytes, (size_t)length, &datagram) &&
            datagram.run == session->run + 1 && datagram.flow == TRAFFIC_PROOF &&
            datagram.sequence == proofs->cookie && ip_address_equal(&from, &session->address[0]) &&
            from_port >= port && from_port < port + TRAFFIC_SERVER_PORTS) {
            proved |= 1U << (from_port - port);
        }
    }
    return proved;
}

/* Waits until the client has shown that it wants what we shall send, at each port that we shall send to. */
static int await_proofs(struct remote_session *session, const struct proofs *proofs) {
    json_t *ports = NULL;
    int64_t port = 0;
    struct error error = {""};
    if (remote_session_await(session, "ports", REMOTE_STEP_NS, &ports) != 0) {
        return session->failure;
    }
    int code = remote_take_integer(ports, "port", 1024, UINT16_MAX - TRAFFIC_SERVER_PORTS, &port, &error);
    json_decref(ports);
    if (code != 0) {
        return remote_session_fail(session, code, "%s", error.text);
    }
    unsigned int proved = 0;
    const unsigned int all = (1U << TRAFFIC_SERVER_PORTS) - 1;
    int64_t deadline = clock_monotonic_ns() + PROOF_NS;
    while (session->failure == 0 && proved != all && clock_monotonic_ns() < deadline) {
        remote_session_step(session, LOOK_NS);
        proved |= take_proofs(session, proofs, (uint16_t)port);
    }
    if (session->failure == 0 && proved != all) {
        return remote_session_fail(
            session, -ETIMEDOUT,
            "no proof came over UDP from the address that is to be sent to: a firewall, or "
            "a translated address, is between");
    }
    session->sides[1].port = (uint16_t)port;
    return remote_session_send(session, json_pack("{s:s}", "type", "proved"));
}

/* From the agreement to "go". */
static int prepare(struct remote_session *session) {
    struct proofs proofs = {.fd = -1};
    json_t *go = NULL;
    if (!random_number(&session->run)) {
        return remote_session_fail(session, -EIO, "no random numbers");
    }
    session->run &= ~UINT64_C(3); /* so that the next ones are there */
    if (session->sides[0].used && remote_session_start(session, 0) != 0) {
        return session->failure;
    }
    if (session->sides[1].used && open_proofs(session, &proofs) != 0) {
        return session->failure;
    }
    remote_session_send(session, json_pack("{s:s, s:o, s:o, s:i, s:i}", "type", "accepted", "run",
                                           remote_hex(session->run), "cookie", remote_hex(proofs.cookie),
                                           "proof_port", proofs.port, "port", session->sides[0].port));
    if (session->sides[1].used && await_proofs(session, &proofs) == 0) {
        remote_session_start(session, 1);
    }
    if (proofs.fd >= 0) {
        close(proofs.fd);
    }
    remote_session_send(session, json_pack("{s:s}", "type", "ready"));
    remote_session_await(session, "go", REMOTE_STEP_NS * 2, &go);
    json_decref(go);
    return session->failure;
}

int remote_respond(const struct remote_recv *recv, int fd, int keeper, struct remote_slot *slots,
                   size_t count, size_t own) {
    const struct remote_watch *watch = &recv->watch;
    struct traffic_result result = {0};
    struct remote_session session = {.keeper = keeper,
                                     .stop = recv->stop,
                                     .on_interval = watch->on_interval,
                                     .context = watch->context,
                                     .rate_max = recv->limits.rate};
    remote_session_open(&session, fd, false);
    const struct ip_address client = session.address[0];
    int code = session.failure;
    code = code != 0 ? code : greet(&session, &recv->limits);
    code = code != 0 ? code : read_test(&session, &recv->limits, &result);
    if (code == 0 && !take_place(slots, count, own, recv->limits.clients)) {
        code =
            remote_session_fail(&session, -EBUSY, "%" PRId64 " tests run already, as many as may: try later",
                                recv->limits.clients);
    }
    code = code != 0 ? code : prepare(&session);
    if (code != 0) {
        remote_session_tell_failure(&session);
        watch->refuses(&client, session.error.text, watch->context);
    } else {
        watch->begins(&client, &session.streams, watch->context);
        remote_session_go(&session);
        code = remote_session_run(&session);
        watch->ends(&client, &result, session.why, session.error.text, watch->context);
    }
    remote_session_close(&session);
    remote_streams_free(&session.streams);
    traffic_result_free(&result);
    return code;
}
