/* What becomes of the other end's messages. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "traffic/remote/counts.h"
#include "traffic/remote/inside.h"
#include "traffic/remote/message.h"

/* The longest that a receiver is told to wait for what is late. */
#define QUIET_MAX_NS (10 * NS_PER_S)
#define CPU_MAX_NS   (INT64_C(1000) * 86400 * NS_PER_S)

static void take_ping(struct remote_session *session, const json_t *message, int64_t now_ns) {
    int64_t asked_ns;
    if (remote_take_integer(message, "asked_ns", INT64_MIN, INT64_MAX, &asked_ns, &session->error) != 0) {
        session->failure = -EPROTO;
        return;
    }
    remote_session_send(session, json_pack("{s:s, s:I, s:I, s:I}", "type", "pong", "asked_ns",
                                           (json_int_t)asked_ns, "heard_ns", (json_int_t)now_ns,
                                           "answered_ns", (json_int_t)clock_real_ns()));
}

static void take_pong(struct remote_session *session, const json_t *message, int64_t now_ns) {
    struct remote_exchange exchange = {.back_ns = now_ns};
    struct error *error = &session->error;
    if (remote_take_integer(message, "asked_ns", INT64_MIN, INT64_MAX, &exchange.asked_ns, error) != 0 ||
        remote_take_integer(message, "heard_ns", INT64_MIN, INT64_MAX, &exchange.heard_ns, error) != 0 ||
        remote_take_integer(message, "answered_ns", INT64_MIN, INT64_MAX, &exchange.answered_ns, error) !=
            0) {
        session->failure = -EPROTO;
    } else if (session->reading != NULL) {
        remote_reading_add(session->reading, &exchange);
    }
}

/* The side that 'message' is about, in which the other end must be the sender or not; NULL if there is none.
 */
static struct remote_side *side_of(struct remote_session *session, const json_t *message, bool other_sends) {
    int64_t number;
    if (!session->prepared ||
        remote_take_integer(message, "side", 0, TRAFFIC_SIDES - 1, &number, &session->error) != 0 ||
        !session->sides[number].used || session->sides[number].sending == other_sends ||
        session->sides[number].heard) {
        return NULL;
    }
    return &session->sides[number];
}

/* Takes what the other end counted, one of the "sending", ... below.  Returns 0 or -EPROTO. */
static int take_counts(struct remote_session *session, const json_t *message, const char *type) {
    bool sender = strcmp(type, "sending") == 0 || strcmp(type, "sent") == 0 || strcmp(type, "tcp") == 0 ||
                  strcmp(type, "finish") == 0;
    struct remote_side *side = side_of(session, message, sender);
    struct error *error = &session->error;
    if (side == NULL) {
        return error_set(error, -EPROTO, "the other end's message '%.32s' does not fit what was agreed",
                         type);
    }
    uint8_t number = (uint8_t)(side - session->sides);
    int64_t quiet_ns = 0;
    if (strcmp(type, "sending") == 0 || strcmp(type, "receiving") == 0) {
        return remote_counts_take_live(message, sender, &side->board, error);
    }
    if (strcmp(type, "sent") == 0) {
        return remote_counts_take_sent(message, &session->plan, number, &side->board, error);
    }
    if (strcmp(type, "tcp") == 0) {
        return remote_counts_take_tcp(message, &session->plan, number, &side->board, error);
    }
    if (strcmp(type, "received") == 0) {
        return remote_counts_take_received(message, &session->plan, number, &side->board, error);
    }
    if (strcmp(type, "delays") == 0) {
        return remote_counts_take_delays(message, &side->board, error);
    }
    if (remote_take_integer(message, "cpu_ns", 0, CPU_MAX_NS, &side->other_cpu_ns, error) != 0) {
        return -EPROTO;
    }
    if (sender) {
        if (remote_take_integer(message, "quiet_ns", 0, QUIET_MAX_NS, &quiet_ns, error) != 0) {
            return -EPROTO;
        }
        if (number != TRAFFIC_SIDE_RESPONSES) {
            session->sent_end_ns = clock_monotonic_ns();
            traffic_endpoint_tell(&side->endpoint, TRAFFIC_FINISH, quiet_ns);
        }
    }
    side->heard = true;
    return 0;
}

static void take_stop(struct remote_session *session, const json_t *message) {
    char text[sizeof session->why];
    remote_take_text(message, "text", text, sizeof text);
    if (session->why[0] == '\0') {
        snprintf(session->why, sizeof session->why, "%.150s", text);
    }
    remote_inside_stop(session, "");
}

static void take_error(struct remote_session *session, const json_t *message) {
    char text[512];
    remote_take_text(message, "text", text, sizeof text);
    session->other_gone = true;
    remote_session_fail(session, -EREMOTEIO, "the other end says: %s", text);
}

void remote_inside_take(struct remote_session *session, json_t *message) {
    static const char *const counts[] = {"sending",  "receiving", "sent",   "tcp",
                                         "received", "delays",    "finish", "counted"};
    int64_t now_ns = clock_real_ns();
    const char *type = remote_message_type(message);
    bool is_counts = false;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        is_counts = is_counts || strcmp(type, counts[i]) == 0;
    }
    if (is_counts) {
        session->failure = take_counts(session, message, type);
    } else if (strcmp(type, "ping") == 0) {
        take_ping(session, message, now_ns);
    } else if (strcmp(type, "pong") == 0) {
        take_pong(session, message, now_ns);
    } else if (strcmp(type, "second") == 0) {
        session->other_seconds++;
    } else if (strcmp(type, "stop") == 0 && session->prepared) {
        take_stop(session, message);
    } else if (strcmp(type, "error") == 0) {
        take_error(session, message);
    } else if (strcmp(type, "bye") == 0) {
        session->bye = true;
    } else if (session->mail_count < REMOTE_MAIL) {
        session->mail[session->mail_count++] = json_incref(message);
    } else {
        remote_session_fail(session, -EPROTO, "the other end says more than it is asked");
    }
    json_decref(message);
}
