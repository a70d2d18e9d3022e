/* From "go" to the end of a test. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "traffic/remote/counts.h"
#include "traffic/remote/inside.h"
#include "traffic/result.h"

/* From the word to the first packet. */
#define LEAD_NS (20 * NS_PER_MS)
#define LOOK_NS (50 * NS_PER_MS)
/* So long after a second's end the other end's figures for it are waited for. */
#define TELL_NS (300 * NS_PER_MS)
/* How long nothing may come, beyond the longest delay, before what has not come is lost; and after a stop, or
 * when the other end is gone. */
#define QUIET_NS      (1500 * NS_PER_MS)
#define STOP_QUIET_NS (400 * NS_PER_MS)
/* What the ends of all flows, the wait for what is late and the exchange of counts may take after the time.
 */
#define END_NS (30 * NS_PER_S)
/* And so long responses are sent after it. */
#define RESPOND_NS (5 * NS_PER_S)
/* And our own endpoints after the other end is lost. */
#define LOST_NS (4 * NS_PER_S)
#define EXIT_NS (2 * NS_PER_S)
#define BYE_NS  (2 * NS_PER_S)
#define PINGS   16

void remote_inside_stop(struct remote_session *session, const char *why) {
    session->stopped = true;
    if (why[0] != '\0' && !session->other_gone) {
        snprintf(session->why, sizeof session->why, "%s", why);
        remote_session_send(session, json_pack("{s:s, s:s}", "type", "stop", "text", why));
    }
    for (size_t i = 0; i < TRAFFIC_SIDE_RESPONSES; i++) {
        if (session->sides[i].used && session->sides[i].sending) {
            traffic_endpoint_tell(&session->sides[i].endpoint, TRAFFIC_STOP, 0);
        }
    }
}

void remote_session_go(struct remote_session *session) {
    int64_t now_ns = clock_monotonic_ns();
    session->start_ns = now_ns + LEAD_NS;
    session->interval_end_ns = session->start_ns + NS_PER_S;
    session->result->started_ns = clock_real_ns() + LEAD_NS;
    session->progress.sum.start_ns = session->progress.last.end_ns = session->result->started_ns;
    session->progress.flows = session->plan.count - session->plan.response_count;
    session->progress.tcp_flows = session->result->tcp.flow_count;
    session->progress.duration_ns = session->plan.duration_ns;
    for (size_t i = 0; i < TRAFFIC_SIDE_RESPONSES; i++) {
        if (session->sides[i].used && session->sides[i].sending) {
            traffic_endpoint_tell(&session->sides[i].endpoint, TRAFFIC_GO, session->start_ns);
        }
    }
}

/* Tells the other end what ours count now. */
static void tell_second(struct remote_session *session) {
    for (size_t i = 0; i < TRAFFIC_SIDES; i++) {
        struct remote_side *side = &session->sides[i];
        struct error error = {""};
        int code = 0;
        if (!side->used || side->told) {
            continue;
        }
        code = remote_counts_send_live(&session->link, (uint8_t)i, &side->board, side->sending, &error);
        if (code == 0 && side->sending && session->result->tcp.flow_count > 0) {
            code = remote_counts_send_tcp(&session->link, &session->plan, (uint8_t)i, &side->board,
                                          &side->tcp_next, &error);
        }
        if (code == 0 && !side->sending && session->plan.count <= REMOTE_LIVE_FLOWS) {
            code = remote_counts_send_received(&session->link, &session->plan, (uint8_t)i, &side->board,
                                               false, &error);
        }
        if (code != 0) {
            remote_session_fail(session, code, "%s", error.text);
        }
    }
    remote_session_send(session, json_pack("{s:s}", "type", "second"));
}

/* What came in here, or went out from here as responses, whichever is more: the limit is of one direction. */
static void note_limited(struct remote_session *session) {
    int64_t in = 0, out = 0;
    for (size_t i = 0; i < TRAFFIC_SIDES; i++) {
        const struct remote_side *side = &session->sides[i];
        in += side->used && !side->sending ? traffic_board_get(&side->board.live->received_bytes) : 0;
    }
    if (session->sides[TRAFFIC_SIDE_RESPONSES].used && !session->initiator) {
        out = traffic_board_get(&session->sides[TRAFFIC_SIDE_RESPONSES].board.live->sent_bytes);
    }
    int64_t bytes = in > out ? in : out;
    session->limited_last_bytes = bytes - session->limited_bytes;
    session->limited_bytes = bytes;
}

static void close_interval(struct remote_session *session, int64_t now_ns) {
    const struct traffic_board *boards[TRAFFIC_SIDES];
    struct traffic_progress *progress = &session->progress;
    for (size_t i = 0; i < TRAFFIC_SIDES; i++) {
        boards[i] = &session->sides[i].board;
    }
    traffic_result_snapshot(boards, TRAFFIC_SIDES, progress, clock_real_ns());
    traffic_tcp_note(&session->result->tcp, boards, progress->last.start_ns, progress->last.end_ns,
                     &progress->last.tcp);
    progress->elapsed_ns = now_ns - session->start_ns;
    note_limited(session);
    traffic_result_add_interval(session->result, &progress->last);
    if (session->on_interval != NULL) {
        session->on_interval(progress, session->context);
    }
}

/* True if more comes in than may: measured over the second that is over, with a tenth for what is uneven. */
static bool is_too_fast(const struct remote_session *session) {
    const struct traffic_interval *last = &session->progress.last;
    double ns = (double)(last->end_ns - last->start_ns);
    return session->rate_max > 0 && ns > 0 &&
           (double)session->limited_last_bytes * 8e9 / ns > (double)session->rate_max * 1.1;
}

/* Has our server send no more responses, whatever else comes. */
static void mute(struct remote_session *session) {
    struct remote_side *side = &session->sides[TRAFFIC_SIDE_FORWARD];
    if (session->sides[TRAFFIC_SIDE_RESPONSES].used && !side->sending && !session->muted) {
        session->muted = true;
        traffic_endpoint_tell(&side->endpoint, TRAFFIC_STOP, 0);
    }
}

static void keep_seconds(struct remote_session *session) {
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns >= session->interval_end_ns) {
        while (session->interval_end_ns <= now_ns) {
            session->interval_end_ns += NS_PER_S;
        }
        session->seconds++;
        session->close_at_ns = now_ns + TELL_NS;
        tell_second(session);
    }
    if (session->close_at_ns != 0 &&
        (now_ns >= session->close_at_ns || session->other_seconds >= session->seconds)) {
        session->close_at_ns = 0;
        close_interval(session, now_ns);
        if (is_too_fast(session) && !session->stopped) {
            mute(session);
            remote_inside_stop(session, "more came than this server allows, or was asked for");
        }
    }
}

/* The endpoint of ours that counts what 'side' is about. */
static struct traffic_endpoint *endpoint_of(struct remote_session *session, size_t side) {
    return &session->sides[side == TRAFFIC_SIDE_RESPONSES ? TRAFFIC_SIDE_FORWARD : side].endpoint;
}

/* Sends what our endpoint counted of the side 'number', once it has ended. */
static int send_counts(struct remote_session *session, uint8_t number, struct error *error) {
    struct remote_side *side = &session->sides[number];
    int code = remote_counts_send_live(&session->link, number, &side->board, side->sending, error);
    if (code != 0) {
        return code;
    }
    return side->sending
               ? remote_counts_send_sent(&session->link, &session->plan, number, &side->board, error)
               : remote_counts_send_received(&session->link, &session->plan, number, &side->board, true,
                                             error);
}

/* Tells what our endpoint counted of the side 'number', once it has ended. */
static void tell_end(struct remote_session *session, uint8_t number) {
    struct remote_side *side = &session->sides[number];
    struct traffic_endpoint *endpoint = endpoint_of(session, number);
    struct error error = {""};
    traffic_endpoint_end(endpoint, EXIT_NS);
    if (side->sending && number != TRAFFIC_SIDE_RESPONSES) {
        session->sent_end_ns = clock_monotonic_ns();
        session->progress.draining = true;
    }
    int code = send_counts(session, number, &error);
    if (code != 0) {
        remote_session_fail(session, code, "%s", error.text);
        return;
    }
    /* Nobody's time is counted twice. */
    int64_t cpu_ns = number == TRAFFIC_SIDE_RESPONSES ? 0 : endpoint->cpu_ns;
    json_t *message = json_pack("{s:s, s:i, s:I}", "type", side->sending ? "finish" : "counted", "side",
                                number, "cpu_ns", (json_int_t)cpu_ns);
    if (side->sending) {
        json_object_set_new(message, "quiet_ns", json_integer(session->stopped ? STOP_QUIET_NS : QUIET_NS));
    }
    side->told = true;
    remote_session_send(session, message);
}

/* Looks after our endpoints.  Returns true when both directions have come to their end. */
static bool look_after(struct remote_session *session) {
    bool complete = true;
    for (size_t i = 0; i < TRAFFIC_SIDES; i++) {
        struct remote_side *side = &session->sides[i];
        const struct traffic_endpoint *endpoint = endpoint_of(session, i);
        if (!side->used) {
            continue;
        }
        if (endpoint->done && !side->told && (side->sending || side->heard)) {
            tell_end(session, (uint8_t)i);
        } else if (endpoint->gone && !endpoint->done) {
            remote_session_fail(session, -ECHILD, "the traffic %s ended before its time", endpoint->name);
        }
        complete = complete && side->told && side->heard;
    }
    return complete && !remote_link_waits(&session->link);
}

/* Ends what only time or somebody's wish ends. */
static void look_at_time(struct remote_session *session, int64_t now_ns) {
    if (session->stop != NULL && *session->stop != 0 && !session->stopped) {
        remote_inside_stop(session, session->initiator ? "interrupted at the sending host"
                                                       : "interrupted at the receiving host");
    }
    if (now_ns > session->start_ns + session->plan.duration_ns + RESPOND_NS) {
        mute(session);
    }
    if (now_ns > session->start_ns + session->plan.duration_ns + END_NS) {
        remote_session_fail(session, -ETIMEDOUT, "the test did not come to its end");
    }
}

/* The wait until the next thing is due. */
static int64_t next_ns(const struct remote_session *session, int64_t now_ns) {
    int64_t wait_ns = session->interval_end_ns - now_ns;
    return wait_ns < LOOK_NS ? wait_ns < NS_PER_MS ? NS_PER_MS : wait_ns : LOOK_NS;
}

/* The initiator reads the clocks again and says good-bye; the responder answers.  Nothing of this matters any
 * more for what was counted. */
static void part(struct remote_session *session) {
    int64_t deadline = clock_monotonic_ns() + BYE_NS;
    if (session->initiator) {
        remote_session_read_clock(session, &session->clocks.after, PINGS);
        remote_session_send(session, json_pack("{s:s}", "type", "bye"));
    }
    while (session->failure == 0 && !session->bye && clock_monotonic_ns() < deadline) {
        remote_session_step(session, LOOK_NS);
    }
    if (!session->initiator) {
        remote_session_send(session, json_pack("{s:s}", "type", "bye"));
    }
    session->failure = 0;
}

/* Brings our endpoints to their end without the other end. */
static void wind_up(struct remote_session *session) {
    remote_session_tell_failure(session);
    remote_inside_stop(session, "");
    int64_t deadline = clock_monotonic_ns() + LOST_NS;
    bool waiting = true, told = false;
    while (waiting && clock_monotonic_ns() < deadline) {
        bool sending = false;
        waiting = false;
        for (size_t i = 0; i < 2; i++) {
            const struct remote_side *side = &session->sides[i];
            bool lives = side->endpoint.pid > 0 && !side->endpoint.gone && !side->endpoint.done;
            waiting = waiting || lives;
            sending = sending || (lives && side->sending);
        }
        for (size_t i = 0; i < 2 && !sending && !told; i++) {
            if (!session->sides[i].sending) {
                traffic_endpoint_tell(&session->sides[i].endpoint, TRAFFIC_FINISH, STOP_QUIET_NS);
            }
        }
        told = !sending;
        remote_session_step(session, LOOK_NS);
    }
}

/* Takes back the counts of flows of which the other end told nothing before it broke off: zero is a figure,
 * too.  What it told of a flow, as of the last second, is kept. */
static void forget_untold(const struct remote_session *session) {
    for (size_t i = 0; i < session->result->flow_count; i++) {
        const struct remote_side *side = &session->sides[traffic_flow_side(&session->plan.flows[i])];
        struct traffic_flow_result *flow = &session->result->flows[i];
        if (side->heard) {
            continue;
        }
        if (side->sending && flow->received_bytes == 0) {
            flow->received_packets = flow->received_bytes = TRAFFIC_NONE;
            flow->duplicated = flow->reordered = flow->reorder_extent = TRAFFIC_NONE;
            flow->loss_bursts = flow->loss_longest = TRAFFIC_NONE;
        } else if (!side->sending && flow->sent_bytes == 0) {
            flow->sent_packets = flow->sent_bytes = TRAFFIC_NONE;
        }
    }
}

/* Writes down all that is known. */
static void conclude(struct remote_session *session) {
    struct traffic_result *result = session->result;
    const struct traffic_board *boards[TRAFFIC_SIDES];
    uint16_t ports[TRAFFIC_SIDES];
    bool tails_seen[TRAFFIC_SIDES];
    for (size_t i = 0; i < TRAFFIC_SIDES; i++) {
        struct remote_side *side = &session->sides[i];
        traffic_endpoint_end(&side->endpoint, side->endpoint.done ? EXIT_NS : 0);
        boards[i] = &side->board;
        ports[i] = session->sides[i == TRAFFIC_SIDE_RESPONSES ? TRAFFIC_SIDE_FORWARD : i].port;
        tails_seen[i] = side->told && side->heard;
        int64_t *ours = session->initiator ? &result->client_cpu_ns : &result->server_cpu_ns;
        int64_t *theirs = session->initiator ? &result->server_cpu_ns : &result->client_cpu_ns;
        *ours += side->endpoint.cpu_ns;
        *theirs += side->other_cpu_ns;
    }
    int64_t now_ns = clock_monotonic_ns();
    session->sent_end_ns = session->sent_end_ns == 0 ? now_ns : session->sent_end_ns;
    close_interval(session, now_ns);
    result->ended_ns = session->progress.sum.end_ns;
    result->sum = session->progress.sum;
    result->stopped = session->stopped;
    struct traffic_settings settings = {
        .plan = &session->plan, .client = session->hosts[0], .server = session->hosts[1]};
    traffic_result_fill(result, &settings, boards, ports, tails_seen);
    forget_untold(session);
}

int remote_session_run(struct remote_session *session) {
    bool complete = false;
    while (session->failure == 0 && !complete) {
        remote_session_step(session, next_ns(session, clock_monotonic_ns()));
        if (session->failure == 0) {
            keep_seconds(session);
            look_at_time(session, clock_monotonic_ns());
            complete = look_after(session);
        }
    }
    if (complete) {
        part(session);
    } else {
        wind_up(session);
    }
    conclude(session);
    return session->failure;
}
