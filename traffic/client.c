#include "traffic/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/crew.h"
#include "traffic/keeper.h"

/* Turns taken, and time, before the event loop looks at its sockets again. */
#define TURNS_A_ROUND 256
#define ROUND_NS      NS_PER_MS
/* What the ends of the flows may take beyond the plan, and after a stop; as long as something still arrives
 * on a way that is full, so much more each time, up to TRAFFIC_CLIENT_MORE_NS. */
#define GRACE_NS (3 * NS_PER_S)
#define STOP_NS  NS_PER_S
#define MORE_NS  NS_PER_S
/* How often what came as responses is put on the board. */
#define TICK_US 50000
/* The flow numbers of the turn that ends the run, and of that in which TCP flows are looked at. */
#define DEADLINE UINT32_MAX
#define WATCH    (UINT32_MAX - 1)

static struct traffic_sent *sent_of(const struct client_flow *flow) {
    return &flow->client->job->board->sent[flow->plan->number];
}

void client_end(struct client_flow *flow, enum traffic_flow_state state, enum traffic_problem problem,
                int code) {
    struct client *client = flow->client;
    struct traffic_sent *sent = sent_of(flow);
    if (flow->plan->protocol == PROTOCOL_TCP && flow->fd >= 0) {
        client_watch_look(flow);
    }
    if (sent->state == TRAFFIC_FLOW_ACTIVE) {
        traffic_board_add(&client->job->board->live->active, -1);
    }
    traffic_board_add(&client->job->board->live->finished, 1);
    sent->state = (int)state;
    sent->problem = (int)problem;
    sent->problem_errno = code;
    if (flow->event != NULL) {
        event_free(flow->event);
        flow->event = NULL;
    }
    if (flow->room != NULL) {
        event_free(flow->room);
        flow->room = NULL;
    }
    if (flow->asking != NULL && flow->asking->responses != NULL) {
        event_free(flow->asking->responses);
        flow->asking->responses = NULL;
    }
    client_close(flow);
    if (--client->left == 0) {
        event_base_loopbreak(client->base);
    }
}

int64_t client_moment(struct client_flow *flow, uint64_t piece) {
    while (flow->piece < piece) {
        flow->moment_ns += traffic_plan_gap(flow->client->job->plan, flow->plan, flow->piece++);
    }
    return flow->client->start_ns + flow->moment_ns;
}

uint64_t client_due(struct client_flow *flow, uint64_t done, uint64_t all, int64_t now_ns) {
    int64_t moment_ns = client_moment(flow, done);
    uint64_t batch = flow->gso > CLIENT_BATCH ? flow->gso : CLIENT_BATCH;
    uint64_t most = all - done < batch ? all - done : batch;
    uint64_t due = 1;
    while (due < most &&
           (moment_ns += traffic_plan_gap(flow->client->job->plan, flow->plan, done + due - 1)) <= now_ns) {
        due++;
    }
    return due;
}

static bool is_mine(const struct client *client, const struct traffic_flow *flow) {
    return traffic_job_has(client->job, flow, flow->sport);
}

/* A flow of another thread or direction is not ours to end. */
static bool has_ended(const struct client_flow *flow) {
    return !is_mine(flow->client, flow->plan) || sent_of(flow)->state > (int)TRAFFIC_FLOW_ACTIVE;
}

/* What is said of launch times where 'turn' is of a flow that has them, or NULL. */
static const struct client_launch *launch_of(const struct client *client, const struct traffic_turn *turn) {
    return turn->flow >= WATCH ? NULL : client->flows[turn->flow].launch;
}

/* Sets the timer to the next turn.  It is waited for by edges, and each setting is one, so it need not be
 * read. */
static void arm(struct client *client) {
    const struct traffic_turn *next = traffic_pacer_next(&client->pacer);
    if (next != NULL) {
        client->timer_ns =
            next->at_ns - (launch_of(client, next) != NULL ? 0 : client_pace_lead(&client->pace));
        struct itimerspec when = {.it_value = clock_to_timespec(client->timer_ns)};
        timerfd_settime(client->timer, TFD_TIMER_ABSTIME, &when, NULL);
        client->timer_ns = client->timer_ns > clock_monotonic_ns() ? client->timer_ns : 0;
    }
}

/* Lets 'flow' send and gives it its next turn. */
static void take_turn(struct client_flow *flow, int64_t now_ns) {
    struct client *client = flow->client;
    if (has_ended(flow) || (client->stopping && (flow->asking == NULL || !flow->asking->last))) {
        return;
    }
    if (sent_of(flow)->state == TRAFFIC_FLOW_WAITING) {
        sent_of(flow)->state = TRAFFIC_FLOW_ACTIVE;
        traffic_board_add(&client->job->board->live->active, 1);
    }
    bool tcp = flow->plan->protocol == PROTOCOL_TCP;
    int64_t next = tcp ? client_tcp_turn(flow, now_ns) : client_udp_turn(flow, now_ns);
    if (next != 0) {
        traffic_pacer_push(&client->pacer, next, flow->plan->number);
    }
}

void client_take_turn(struct client_flow *flow) {
    take_turn(flow, clock_monotonic_ns());
    arm(flow->client);
}

void client_turn_at(struct client_flow *flow, int64_t at_ns) {
    traffic_pacer_push(&flow->client->pacer, at_ns, flow->plan->number);
    arm(flow->client);
}

/* Ends every flow that has not ended: the time is over. */
static void end_all(struct client *client) {
    for (size_t i = 0; i < client->job->plan->count; i++) {
        struct client_flow *flow = &client->flows[i];
        if (has_ended(flow)) {
            continue;
        }
        bool waits = flow->asking != NULL && flow->asking->last;
        bool all_sent = flow->plan->protocol == PROTOCOL_TCP && flow->done == flow->plan->bytes;
        if (client->stopping || waits) {
            client_end(flow, client->stopping ? TRAFFIC_FLOW_STOPPED : TRAFFIC_FLOW_DONE,
                       TRAFFIC_PROBLEM_NONE, 0);
        } else {
            client_end(flow, TRAFFIC_FLOW_FAILED, all_sent ? TRAFFIC_PROBLEM_CLOSE : TRAFFIC_PROBLEM_TIME,
                       flow->last_errno);
        }
    }
}

/* True if the flows are to have more time: the server has received something since the last look. */
static bool is_moving(struct client *client) {
    int64_t received = traffic_board_get(&client->whole->live->received_bytes);
    bool moving =
        !client->stopping && received != client->received && client->more_ns < TRAFFIC_CLIENT_MORE_NS;
    client->received = received;
    client->more_ns += MORE_NS;
    return moving;
}

/* Waits for 'turn' if that is a short wait.  Returns false if it is not yet to be taken.  Where launch times
 * say when datagrams leave, nothing depends on the turn's own moment, so it is taken ahead of that with
 * others. */
static bool wait_for(struct client *client, const struct traffic_turn *turn, int64_t now_ns) {
    const struct client_launch *launch = launch_of(client, turn);
    if (launch != NULL) {
        return turn->at_ns - launch->early_ns <= now_ns;
    }
    return turn->at_ns <= now_ns || client_pace_wait(&client->pace, turn->at_ns, now_ns);
}

static void on_timer(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct client *client = context;
    int64_t now_ns = clock_monotonic_ns();
    int64_t round_end_ns = now_ns + ROUND_NS;
    if (client->timer_ns != 0) {
        client_pace_woke(&client->pace, client->timer_ns, now_ns);
    }
    for (int i = 0; i < TURNS_A_ROUND && now_ns < round_end_ns; i++, now_ns = clock_monotonic_ns()) {
        const struct traffic_turn *next = traffic_pacer_next(&client->pacer);
        if (next == NULL || !wait_for(client, next, now_ns)) {
            break;
        }
        now_ns = clock_monotonic_ns();
        uint32_t number = traffic_pacer_pop(&client->pacer).flow;
        if (number == WATCH) {
            traffic_pacer_push(&client->pacer, client_watch_turn(client), WATCH);
            continue;
        }
        if (number == DEADLINE && is_moving(client)) {
            traffic_pacer_push(&client->pacer, now_ns + MORE_NS, DEADLINE);
            continue;
        }
        if (number == DEADLINE) {
            end_all(client);
            return;
        }
        take_turn(&client->flows[number], now_ns);
    }
    arm(client);
}

static void go(struct client *client, int64_t start_ns) {
    const struct traffic_plan *plan = client->job->plan;
    client->start_ns = start_ns;
    if (client->left == 0) {
        event_base_loopbreak(client->base);
    }
    for (size_t i = 0; i < plan->count; i++) {
        if (!has_ended(&client->flows[i])) {
            int64_t ahead_ns = client->flows[i].launch == NULL ? 0 : CLIENT_LAUNCH_LEAST_NS;
            traffic_pacer_push(&client->pacer, client_moment(&client->flows[i], 0) - ahead_ns, (uint32_t)i);
        }
    }
    if (client->watch.count > 0) {
        traffic_pacer_push(&client->pacer, client_watch_moment(client), WATCH);
    }
    int64_t way_ns = TRAFFIC_CLIENT_ROUND_TRIPS * traffic_board_get(&client->whole->live->round_trip_ns);
    traffic_pacer_push(&client->pacer, start_ns + plan->duration_ns + GRACE_NS + way_ns, DEADLINE);
    arm(client);
}

/* Lets nothing more be sent; TCP flows close and wait a little for the server to do so too. */
static void stop(struct client *client) {
    client->stopping = true;
    client->pacer.count = 0;
    for (size_t i = 0; i < client->job->plan->count; i++) {
        struct client_flow *flow = &client->flows[i];
        if (has_ended(flow)) {
            continue;
        }
        if (flow->plan->protocol == PROTOCOL_TCP && flow->fd >= 0) {
            client_tcp_stop(flow);
        } else if (flow->asking != NULL && flow->fd >= 0) {
            int64_t until_ns = client_ask_last(flow, clock_monotonic_ns());
            traffic_pacer_push(&client->pacer, until_ns, flow->plan->number);
        } else {
            client_end(flow, TRAFFIC_FLOW_STOPPED, TRAFFIC_PROBLEM_NONE, 0);
        }
    }
    int64_t way_ns = TRAFFIC_CLIENT_ROUND_TRIPS * traffic_board_get(&client->whole->live->round_trip_ns);
    traffic_pacer_push(&client->pacer, clock_monotonic_ns() + STOP_NS + way_ns, DEADLINE);
    arm(client);
}

static void on_channel(evutil_socket_t fd, short what, void *context) {
    (void)what;
    struct client *client = context;
    struct traffic_message message;
    int got = traffic_endpoint_receive(fd, &message);
    if (got < 0) {
        event_base_loopbreak(client->base);
    } else if (got > 0 && message.type == TRAFFIC_GO && client->start_ns == 0) {
        go(client, message.start_ns);
    } else if (got > 0 && message.type == TRAFFIC_STOP && !client->stopping) {
        stop(client);
    }
}

/* Finds out which flows of the plan have a source port in common. */
static int make_ports(struct client *client) {
    const struct traffic_plan *plan = client->job->plan;
    for (size_t which = 0; which < 2; which++) {
        client->ports[which] = calloc(TRAFFIC_SOURCE_PORTS, sizeof **client->ports);
        if (client->ports[which] == NULL) {
            return -ENOMEM;
        }
        for (size_t i = 0; i < TRAFFIC_SOURCE_PORTS; i++) {
            client->ports[which][i].fd = -1;
        }
    }
    for (size_t i = 0; i < plan->count; i++) {
        const struct traffic_flow *flow = &plan->flows[i];
        if (flow->protocol == PROTOCOL_UDP && traffic_flow_side(flow) == client->job->reverse) {
            struct client_port *port = &client->ports[flow->family == 6][flow->sport - TRAFFIC_SOURCE_FIRST];
            port->users++;
            port->flows += is_mine(client, flow);
        }
    }
    return 0;
}

static int make_flows(struct client *client, struct error *error) {
    const struct traffic_plan *plan = client->job->plan;
    client->flows = calloc(plan->count, sizeof *client->flows);
    client->frame = calloc(1, CLIENT_FRAME);
    if (client->flows == NULL || client->frame == NULL || make_ports(client) != 0 ||
        traffic_pacer_init(&client->pacer, plan->count + 2) != 0 || client_watch_init(client) != 0 ||
        traffic_delay_init(&client->late, UINT64_MAX) != 0) {
        return error_set(error, -ENOMEM, "no memory to send %zu flows", plan->count);
    }
    for (size_t i = 0; i < plan->count; i++) {
        client->flows[i] = (struct client_flow){
            .client = client, .plan = &plan->flows[i], .fd = -1, .moment_ns = plan->flows[i].start_ns};
        client->left += is_mine(client, &plan->flows[i]);
    }
    return 0;
}

/* Puts what has come on the board, now and then. */
static void on_tick(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    client_responses_publish(context, false);
}

static int make_events(struct client *client, struct error *error) {
    client->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (client->timer < 0) {
        return error_set(error, -errno, "could not make a timer for the traffic client: %s", strerror(errno));
    }
    client->base = event_base_new();
    if (client->base != NULL) {
        client->timer_event =
            event_new(client->base, client->timer, EV_READ | EV_PERSIST | EV_ET, on_timer, client);
        client->channel_event =
            event_new(client->base, client->job->channel, EV_READ | EV_PERSIST, on_channel, client);
    }
    if (client->base != NULL && client->askings != NULL) {
        const struct timeval tick = {.tv_usec = TICK_US};
        client->tick_event = event_new(client->base, -1, EV_PERSIST, on_tick, client);
        if (client->tick_event == NULL || event_add(client->tick_event, &tick) != 0) {
            return error_set(error, -ENOMEM, "no memory for the event loop of the traffic client");
        }
    }
    if (client->timer_event == NULL || client->channel_event == NULL ||
        event_add(client->timer_event, NULL) != 0 || event_add(client->channel_event, NULL) != 0) {
        return error_set(error, -ENOMEM, "no memory for the event loop of the traffic client");
    }
    return 0;
}

static void free_client(struct client *client) {
    if (client->timer_event != NULL) {
        event_free(client->timer_event);
    }
    if (client->channel_event != NULL) {
        event_free(client->channel_event);
    }
    if (client->base != NULL) {
        event_base_free(client->base);
    }
    if (client->tick_event != NULL) {
        event_free(client->tick_event);
    }
    if (client->timer >= 0) {
        close(client->timer);
    }
    client_responses_free(client);
    traffic_pacer_free(&client->pacer);
    client_watch_free(client);
    traffic_delay_free(&client->late);
    free(client->flows);
    free(client->frame);
    free(client->ports[0]);
    free(client->ports[1]);
    client_launch_free(client);
}

/* Who sends as fast as it goes is not to keep others, such as the server, from running; who waits for
 * responses does not. */
static bool has_fast_flow(const struct traffic_job *job) {
    for (size_t i = 0; i < job->plan->count; i++) {
        const struct traffic_flow *flow = &job->plan->flows[i];
        if (flow->fast && flow->response == 0 && traffic_flow_side(flow) == job->reverse) {
            return true;
        }
    }
    return false;
}

/* What the threads of a client share. */
struct house {
    struct traffic_board board; /* of all of them */
    struct traffic_meter_flow *responses;
};

/* One thread of the client; 'context' is the house. */
static int work(const struct traffic_job *job, void *context, struct error *error) {
    struct house *house = context;
    struct client client = {.job = job, .whole = &house->board, .timer = -1};
    int failure = make_flows(&client, error);
    if (failure == 0 && client_responses_init(&client, house->responses) != 0) {
        failure =
            error_set(error, -ENOMEM, "no memory for responses to %zu flows", job->plan->response_count);
    }
    failure = failure != 0 ? failure : make_events(&client, error);
    client_pace_init(&client.pace, job->tuning.spin);
    failure = failure != 0 ? failure : client_launch_find(&client, error);
    if (failure == 0) {
        traffic_endpoint_report(job, TRAFFIC_READY, 0);
        event_base_dispatch(client.base);
        job->board->live->late_p50 = traffic_delay_quantile(&client.late, 0.5);
        job->board->live->late_p99 = traffic_delay_quantile(&client.late, 0.99);
        job->board->live->late_max = client.late.max;
        client_responses_publish(&client, true);
        traffic_endpoint_report(job, TRAFFIC_DONE, 0);
    }
    free_client(&client);
    return failure;
}

/* Runs the threads, which share what is known of responses. */
static int run_crew(const struct traffic_job *job, struct error *error) {
    struct house house = {.board = *job->board};
    if (job->responses != NULL && job->plan->response_count > 0) {
        house.responses = traffic_meter_make_flows(job->plan, TRAFFIC_SIDE_RESPONSES);
        if (house.responses == NULL) {
            return error_set(error, -ENOMEM, "no memory for responses to %zu flows",
                             job->plan->response_count);
        }
    }
    int failure = traffic_crew_run(job, false, work, &house, error);
    traffic_meter_free_flows(house.responses, job->plan);
    return failure;
}

int traffic_client_main(const struct traffic_job *job, struct error *error) {
    if (!has_fast_flow(job)) {
        client_pace_prefer();
    }
    struct traffic_job own = *job;
    struct traffic_keeper keeper = {0};
    int failure = client_launch_keep(job, &keeper, error);
    failure = failure != 0 ? failure : traffic_endpoint_settle(job, error);
    own.keeper = keeper.ask > 0 ? keeper.ask : job->keeper;
    if (failure == 0) {
        client_greet_server(job);
        failure = run_crew(&own, error);
    }
    traffic_keeper_end(&keeper);
    return failure;
}
