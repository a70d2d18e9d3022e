#include "traffic/remote/session.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "traffic/remote/inside.h"
#include "traffic/remote/message.h"
#include "traffic/result.h"

/* How often the caller's 'stop' is looked at. */
#define LOOK_NS (50 * NS_PER_MS)
/* A sign of life, where nothing else is said. */
#define PING_NS NS_PER_S

int remote_session_fail(struct remote_session *session, int code, const char *format, ...) {
    if (session->failure == 0) {
        va_list arguments;
        va_start(arguments, format);
        /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it has been started */
        vsnprintf(session->error.text, sizeof session->error.text, format, arguments);
        va_end(arguments);
        session->failure = code;
    }
    return session->failure;
}

/* The address of one end of the control connection. */
static bool get_address(int fd, int (*get)(int, struct sockaddr *, socklen_t *), struct ip_address *address) {
    struct sockaddr_storage name = {0};
    socklen_t size = sizeof name;
    uint16_t port;
    if (get(fd, (struct sockaddr *)&name, &size) != 0) {
        return false;
    }
    ip_address_from_sockaddr(&name, address, &port);
    return address->family != 0;
}

int remote_session_open(struct remote_session *session, int fd, bool initiator) {
    session->initiator = initiator;
    for (size_t i = 0; i < TRAFFIC_SIDES; i++) {
        session->sides[i].endpoint.channel = -1;
    }
    for (size_t i = 0; i < 2; i++) {
        session->hosts[i] = (struct traffic_host){.netns_fd = -1, .address_count = 1};
    }
    struct error error = {""};
    int code = remote_link_open(&session->link, fd, &error);
    if (code != 0) {
        return remote_session_fail(session, code, "%s", error.text);
    }
    if (!get_address(fd, getsockname, &session->address[initiator ? 0 : 1]) ||
        !get_address(fd, getpeername, &session->address[initiator ? 1 : 0])) {
        return remote_session_fail(session, -ENOTCONN, "the control connection is gone already");
    }
    for (size_t i = 0; i < 2; i++) {
        session->hosts[i].addresses[session->address[i].family == 6] = &session->address[i];
    }
    return 0;
}

void remote_session_close(struct remote_session *session) {
    for (size_t i = 0; i < TRAFFIC_SIDES; i++) {
        traffic_endpoint_end(&session->sides[i].endpoint, 0);
        traffic_board_close(&session->sides[i].board);
    }
    while (session->mail_count > 0) {
        json_decref(session->mail[--session->mail_count]);
    }
    traffic_plan_free(&session->plan);
    remote_link_close(&session->link);
}

int remote_session_send(struct remote_session *session, json_t *message) {
    struct error error = {""};
    session->ping_ns = clock_monotonic_ns();
    int code = remote_link_send(&session->link, message, &error);
    if (code == 0 && (code = remote_link_pump(&session->link, &error)) != 0) {
        session->other_gone = true;
    }
    return code == 0 ? session->failure : remote_session_fail(session, code, "%s", error.text);
}

void remote_session_tell_failure(struct remote_session *session) {
    struct error error = {""};
    json_t *message = json_pack("{s:s, s:s}", "type", "error", "text", session->error.text);
    if (session->other_gone) {
        json_decref(message);
    } else if (remote_link_send(&session->link, message, &error) == 0) {
        (void)remote_link_pump(&session->link, &error);
    }
    session->other_gone = true;
}

/* Takes in all messages that are there. */
static void take_messages(struct remote_session *session) {
    struct error error = {""};
    json_t *message;
    int got = 0;
    while (session->failure == 0 && (got = remote_link_next(&session->link, &message, &error)) > 0) {
        remote_inside_take(session, message);
    }
    if (got < 0) {
        session->other_gone = got == -ECONNRESET;
        remote_session_fail(session, got, "%s", error.text);
    }
}

/* Looks whether the other end still lives, and shows that we do. */
static void keep_alive(struct remote_session *session) {
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns - session->link.heard_ns > REMOTE_CUT_NS) {
        session->other_gone = true;
        remote_session_fail(session, -ETIMEDOUT,
                            "the control connection is cut: the other end has said nothing for %d s",
                            (int)(REMOTE_CUT_NS / NS_PER_S));
    } else if (now_ns - session->ping_ns > PING_NS) {
        remote_session_send(session,
                            json_pack("{s:s, s:I}", "type", "ping", "asked_ns", (json_int_t)clock_real_ns()));
    }
}

int remote_session_step(struct remote_session *session, int64_t wait_ns) {
    struct pollfd ends[3];
    for (size_t i = 0; i < 2; i++) {
        const struct traffic_endpoint *endpoint = &session->sides[i].endpoint;
        ends[i] = (struct pollfd){.fd = endpoint->gone ? -1 : endpoint->channel, .events = POLLIN};
    }
    short events = POLLIN;
    events = remote_link_waits(&session->link) ? events | POLLOUT : events;
    ends[2] = (struct pollfd){.fd = session->failure == 0 ? session->link.fd : -1, .events = events};
    struct timespec timeout = clock_to_timespec(wait_ns < 0 ? 0 : wait_ns < LOOK_NS ? wait_ns : LOOK_NS);
    ppoll(ends, 3, &timeout, NULL);
    for (size_t i = 0; i < 2; i++) {
        traffic_endpoint_listen(&session->sides[i].endpoint);
    }
    if (session->failure == 0) {
        struct error error = {""};
        int code = remote_link_pump(&session->link, &error);
        /* What came before it broke is read first. */
        take_messages(session);
        if (code != 0) {
            session->other_gone = true;
            remote_session_fail(session, code, "%s", error.text);
        }
    }
    if (session->failure == 0) {
        keep_alive(session);
    }
    return session->failure;
}

int remote_session_await(struct remote_session *session, const char *type, int64_t limit_ns,
                         json_t **message) {
    int64_t deadline = clock_monotonic_ns() + limit_ns;
    while (session->failure == 0 && session->mail_count == 0) {
        if (clock_monotonic_ns() > deadline) {
            return remote_session_fail(session, -ETIMEDOUT, "the other end did not say '%s' within %d s",
                                       type, (int)(limit_ns / NS_PER_S));
        }
        if (session->stop != NULL && *session->stop != 0) {
            return remote_session_fail(session, -EINTR, "stopped before the test began");
        }
        remote_session_step(session, LOOK_NS);
    }
    if (session->failure != 0) {
        return session->failure;
    }
    *message = session->mail[0];
    session->mail_count--;
    for (size_t i = 0; i < session->mail_count; i++) {
        session->mail[i] = session->mail[i + 1];
    }
    if (strcmp(remote_message_type(*message), type) != 0) {
        remote_session_fail(session, -EPROTO, "the other end said '%.32s', not '%s'",
                            remote_message_type(*message), type);
        json_decref(*message);
        *message = NULL;
        return session->failure;
    }
    return 0;
}

void remote_session_read_clock(struct remote_session *session, struct remote_reading *reading, int count) {
    for (int i = 0; i < count && session->failure == 0; i++) {
        size_t before = reading->count;
        int64_t until = clock_monotonic_ns() + NS_PER_S / 2;
        session->reading = reading;
        remote_session_send(session,
                            json_pack("{s:s, s:I}", "type", "ping", "asked_ns", (json_int_t)clock_real_ns()));
        while (session->failure == 0 && reading->count == before && clock_monotonic_ns() < until) {
            remote_session_step(session, until - clock_monotonic_ns());
        }
    }
    session->reading = NULL;
}

int remote_session_prepare(struct remote_session *session, struct traffic_result *result) {
    struct error error = {""};
    int code = remote_streams_plan(&session->streams, &session->plan, &error);
    session->result = result;
    code = code != 0 ? code : traffic_result_open(result, &session->plan, &error);
    for (size_t i = 0; i < TRAFFIC_SIDES; i++) {
        struct remote_side *side = &session->sides[i];
        side->used = i == TRAFFIC_SIDE_RESPONSES ? session->plan.response_count > 0
                                                 : ((unsigned)session->streams.direction >> i & 1U) != 0;
        side->sending = (i == TRAFFIC_SIDE_FORWARD) == session->initiator;
        code = code != 0 ? code : traffic_board_open(&side->board, session->plan.count, &error);
    }
    session->prepared = code == 0;
    return code == 0 ? 0 : remote_session_fail(session, code, "%s", error.text);
}

int remote_session_start(struct remote_session *session, uint8_t reverse) {
    struct remote_side *side = &session->sides[reverse];
    struct error error = {""};
    struct traffic_job job = {
        .plan = &session->plan,
        .run = session->run + reverse,
        .reverse = reverse,
        .board = &side->board,
        .responses = reverse == 0 ? &session->sides[TRAFFIC_SIDE_RESPONSES].board : NULL,
        .tuning = {.threads = (unsigned int)session->streams.threads,
                   .gso = (unsigned int)session->streams.gso,
                   .txtime = (enum traffic_txtime)session->streams.txtime},
        .sender = &session->hosts[reverse],
        .receiver = &session->hosts[reverse == 0],
        .first_port = side->port,
        .netns_fd = -1,
        .keeper = session->keeper,
        .clock_offset_ns = reverse == 0 ? session->clock_offset_ns : -session->clock_offset_ns};
    int code =
        traffic_endpoint_start(&side->endpoint, side->sending ? "client" : "server",
                               side->sending ? traffic_client_main : traffic_server_main, &job, &error);
    if (code != 0) {
        return remote_session_fail(session, code, "%s", error.text);
    }
    int64_t deadline = clock_monotonic_ns() + REMOTE_STEP_NS;
    while (session->failure == 0 && !side->endpoint.ready && !side->endpoint.gone &&
           clock_monotonic_ns() < deadline) {
        remote_session_step(session, LOOK_NS);
    }
    if (session->failure == 0 && side->endpoint.failure.type == TRAFFIC_FAILED) {
        return remote_session_fail(session,
                                   side->endpoint.failure.code < 0 ? side->endpoint.failure.code : -EIO, "%s",
                                   side->endpoint.failure.text);
    }
    if (session->failure == 0 && !side->endpoint.ready) {
        return remote_session_fail(session, -ECHILD, "the traffic %s did not come up", side->endpoint.name);
    }
    if (!side->sending) {
        side->port = side->endpoint.port;
    }
    return session->failure;
}
