/* nsmon recv: receives what 'nsmon send' sends, from many at once. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/parse.h"
#include "cli/remote_show.h"
#include "cli/say.h"
#include "common/clock.h"
#include "common/quantity.h"
#include "traffic/remote/message.h"
#include "traffic/remote/recv.h"

static const char help[] =
    "Usage: nsmon recv [OPTION...]\n\n"
    "Waits for 'nsmon send' of other hosts, takes what they send, or sends what they ask for,\n"
    "and counts it.  Many may come at once.  Needs no root; as root it gives that up at once.\n\n"
    "  nsmon recv --max-rate 100mbit --max-duration 60\n\n"
    "      --bind ADDRESS      listen on this address only\n"
    "      --port N            TCP port of control connections (default 7699); streams go to\n"
    "                          ports 7700 to 7955, UDP and TCP\n"
    "      --max-rate R        of payload of one test in one direction, such as 100mbit\n"
    "                          (default: no limit)\n"
    "      --max-duration TIME of a test, such as 60 or 10m (default 1h)\n"
    "      --max-clients N     tests at the same time, 1 to 64 (default 16)\n"
    "      --max-streams N     of a test in one direction, 1 to 5000 (default 1000)\n"
    "      --one               end after one test\n"
    "  -h, --help              this text\n";

enum {
    OPTION_BIND = 256,
    OPTION_PORT,
    OPTION_MAX_RATE,
    OPTION_MAX_DURATION,
    OPTION_MAX_CLIENTS,
    OPTION_MAX_STREAMS,
    OPTION_ONE,
};

static const struct option options[] = {{"bind", required_argument, NULL, OPTION_BIND},
                                        {"port", required_argument, NULL, OPTION_PORT},
                                        {"max-rate", required_argument, NULL, OPTION_MAX_RATE},
                                        {"max-duration", required_argument, NULL, OPTION_MAX_DURATION},
                                        {"max-clients", required_argument, NULL, OPTION_MAX_CLIENTS},
                                        {"max-streams", required_argument, NULL, OPTION_MAX_STREAMS},
                                        {"one", no_argument, NULL, OPTION_ONE},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};

static volatile sig_atomic_t stop_asked;

static void on_signal(int number) {
    (void)number;
    stop_asked = 1;
}

static int take(int option, const char *argument, struct remote_recv *recv, struct error *error) {
    int64_t number = 0;
    uint64_t rate = 0;
    int code = 0;
    switch (option) {
    case OPTION_BIND:
        return ip_address_parse(argument, &recv->bind, error);
    case OPTION_PORT:
        code = parse_number("--port", argument, 1, UINT16_MAX, &number, error);
        recv->port = (uint16_t)number;
        return code;
    case OPTION_MAX_RATE:
        if (quantity_rate(argument, &rate) != 0 || rate == 0) {
            return error_set(error, -EINVAL, "--max-rate takes a rate such as 100mbit, not '%s'", argument);
        }
        recv->limits.rate = (int64_t)rate;
        return 0;
    case OPTION_MAX_DURATION:
        return parse_duration("--max-duration", argument, &recv->limits.duration_ns, error);
    case OPTION_MAX_CLIENTS:
        return parse_number("--max-clients", argument, 1, REMOTE_CLIENTS_MAX, &recv->limits.clients, error);
    case OPTION_MAX_STREAMS:
        return parse_number("--max-streams", argument, 1, REMOTE_STREAMS_MAX, &recv->limits.streams, error);
    default:
        recv->one = true;
        return 0;
    }
}

static int parse(int argc, char *argv[], struct remote_recv *recv, struct error *error) {
    int option;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return 1;
        }
        if (option == '?' || option == ':') {
            return say_bad_option(argv, option, error);
        }
        int code = take(option, optarg, recv, error);
        if (code != 0) {
            return code;
        }
    }
    return optind < argc ? say_extra_argument(argv[optind], error) : 0;
}

/* Binds, gives up root, serves. */
static int serve(const struct remote_recv *recv, struct error *error) {
    struct remote_listener *listener = NULL;
    struct traffic_keeper keeper = {0};
    struct identity identity;
    int code = remote_recv_open(recv, &listener, error);
    if (code == 0 && geteuid() == 0) {
        code = privilege_find_user(&identity, error);
        code = code != 0 ? code : traffic_keeper_start(&keeper, &identity, error);
        code = code != 0 ? code : privilege_drop(&identity, error);
    }
    if (code == 0) {
        say_step("listening on TCP port %u; Ctrl-C ends it", recv->port == 0 ? REMOTE_PORT : recv->port);
        code = remote_recv_serve(listener, keeper.ask, error);
    }
    remote_recv_close(listener);
    traffic_keeper_end(&keeper);
    return code;
}

static int run(int argc, char *argv[]) {
    struct remote_show show = {0};
    struct remote_recv recv = {
        .limits = {.duration_ns = 3600 * NS_PER_S, .clients = REMOTE_CLIENTS_DEFAULT, .streams = 1000},
        .stop = &stop_asked,
        .watch = {.begins = remote_show_begin,
                  .on_interval = remote_show_second,
                  .ends = remote_show_end,
                  .refuses = remote_show_refusal,
                  .context = &show}};
    struct error error = {""};
    struct sigaction action = {.sa_handler = on_signal};
    int code = parse(argc, argv, &recv, &error);
    if (code != 0) {
        return code > 0 ? EXIT_DONE : say_usage("recv", &error);
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return serve(&recv, &error) == 0 ? EXIT_DONE : say_failed(&error);
}

const struct command command_recv = {"recv", "receive what 'send' sends from other hosts", run};
