/* The control connection's messages: whatever a line says is refused, or is a message of which each reader
 * takes what has its range. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "fuzz.h"
#include "traffic/remote/counts.h"
#include "traffic/remote/message.h"
#include "traffic/remote/streams.h"

static void read_streams(const json_t *message) {
    struct remote_streams streams;
    struct traffic_plan plan;
    const json_t *object = json_object_get(message, "streams");
    if (remote_streams_read(object == NULL ? message : object, &streams, NULL) != 0) {
        remote_streams_free(&streams);
        return;
    }
    if (remote_streams_rate(&streams) < 0 || remote_streams_plan(&streams, &plan, NULL) != 0 ||
        plan.count > 2 * REMOTE_STREAMS_MAX) {
        abort();
    }
    /* Whatever was agreed, gaps and lengths can be drawn. */
    for (uint64_t i = 0; i < 4; i++) {
        const struct traffic_flow *flow = &plan.flows[0];
        uint16_t length = flow->protocol == 17 ? traffic_plan_payload(&plan, flow, i) : flow->payload_min;
        if (traffic_plan_gap(&plan, flow, i) < 0 || length < flow->payload_min ||
            length > flow->payload_max) {
            abort();
        }
    }
    remote_streams_digest(&plan);
    traffic_plan_free(&plan);
    remote_streams_free(&streams);
}

/* What the other end says of a test of UDP or TCP, and what seconds are made of that. */
static void read_counts(const json_t *message, int64_t protocol) {
    static struct traffic_board all_boards[2], *boards[2];
    static struct traffic_plan plans[2];
    static struct traffic_tcp_log log;
    struct traffic_board *board = &all_boards[protocol == PROTOCOL_TCP];
    struct traffic_plan *plan = &plans[protocol == PROTOCOL_TCP];
    if (board->flow_count == 0) {
        const struct remote_streams streams = {.protocol = protocol,
                                               .family = 4,
                                               .direction = REMOTE_BOTH,
                                               .count = 4,
                                               .length = 64,
                                               .gap_ns = 1000,
                                               .duration_ns = 1000000000,
                                               .source_port = TRAFFIC_SOURCE_FIRST};
        if (remote_streams_plan(&streams, plan, NULL) != 0 ||
            traffic_board_open(board, plan->count, NULL) != 0 ||
            (protocol == PROTOCOL_TCP && traffic_tcp_open(&log, plan) != 0)) {
            abort();
        }
    }
    for (uint8_t side = 0; side < TRAFFIC_SIDES; side++) {
        remote_counts_take_sent(message, plan, side, board, NULL);
        remote_counts_take_tcp(message, plan, side, board, NULL);
        remote_counts_take_received(message, plan, side, board, NULL);
        remote_counts_take_live(message, side != 0, board, NULL);
    }
    remote_counts_take_delays(message, board, NULL);
    if (protocol == PROTOCOL_TCP) {
        struct traffic_tcp_second second;
        static int64_t now_ns = NS_PER_S;
        boards[0] = boards[1] = board;
        traffic_tcp_note(&log, (const struct traffic_board *const *)boards, now_ns, now_ns + NS_PER_S,
                         &second);
        now_ns += NS_PER_S;
        if (second.retransmitted < 0 || second.flows < 0 || log.row_count >= TRAFFIC_TCP_ROWS) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error error = {""};
    /* A copy that ends where its memory ends. */
    char *line = malloc(size == 0 ? 1 : size);
    if (line == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(line, data, size);
    }
    json_t *message = remote_message_parse(line, size, &error);
    free(line);
    if ((message == NULL) != (error.text[0] != '\0')) {
        abort();
    }
    if (message != NULL) {
        char text[32];
        uint64_t number;
        remote_take_text(message, "text", text, sizeof text);
        remote_take_hex(message, "run", &number, NULL);
        read_streams(message);
        read_counts(message, PROTOCOL_UDP);
        read_counts(message, PROTOCOL_TCP);
    }
    json_decref(message);
    return 0;
}
