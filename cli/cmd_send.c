/* nsmon send: traffic to a host where 'nsmon recv' runs, counted at both ends. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/parse.h"
#include "cli/remote_show.h"
#include "cli/say.h"
#include "cli/send_options.h"
#include "common/clock.h"
#include "common/flow_key.h"
#include "traffic/keeper.h"
#include "traffic/remote/message.h"
#include "traffic/remote/report.h"
#include "traffic/remote/send.h"

static volatile sig_atomic_t stop_asked;

static void on_signal(int number) {
    (void)number;
    stop_asked = 1;
}

/* Gives up root: what comes off the network is not for it. */
static int drop_root(struct traffic_keeper *keeper, struct error *error) {
    struct identity identity;
    if (geteuid() != 0) {
        return 0;
    }
    int code = privilege_find_user(&identity, error);
    code = code != 0 ? code : traffic_keeper_start(keeper, &identity, error);
    return code != 0 ? code : privilege_drop(&identity, error);
}

static int write_out(const struct send_settings *settings, const struct remote_outcome *outcome,
                     const char *problem, FILE *out, struct error *error) {
    int code = 0;
    if (settings->json) {
        json_t *json = remote_report_json(outcome, problem);
        code =
            json == NULL || json_dumpf(json, out, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) != 0 ? -EIO : 0;
        fputc('\n', out);
        json_decref(json);
    } else if (outcome->ran) {
        remote_show_outcome(outcome, problem, out);
    }
    if (fflush(out) != 0 || ferror(out) || code != 0) {
        return error_set(error, -EIO, "writing '%s': %s",
                         settings->output == NULL ? "standard output" : settings->output, strerror(errno));
    }
    return 0;
}

/* What streams could not do is no success of the whole.  Returns 0, or -EIO with 'error' filled. */
static int check_streams(const struct remote_outcome *outcome, struct error *error) {
    const struct traffic_result *result = &outcome->result;
    for (size_t i = 0; i < result->flow_count && result->failed_flows > 0; i++) {
        if (result->flows[i].failed[0] != '\0') {
            return error_set(error, -EIO, "%zu of %zu streams failed, one because: %s", result->failed_flows,
                             result->flow_count, result->flows[i].failed);
        }
    }
    return 0;
}

static int test(const struct send_settings *settings, FILE *out) {
    struct remote_outcome outcome = {.streams = settings->send.streams};
    struct traffic_keeper keeper = {0};
    struct remote_show show = {0};
    struct error error = {""}, unwritten = {""};
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int code = drop_root(&keeper, &error);
    struct remote_send send = settings->send;
    send.keeper = keeper.ask;
    send.stop = &stop_asked;
    send.on_interval = remote_show_second;
    send.context = &show;
    code = code != 0 ? code : remote_send(&send, &outcome, &error);
    bool ran = code == 0;
    code = code != 0 ? code : check_streams(&outcome, &error);
    int written = write_out(settings, &outcome, ran ? "" : error.text, out, &unwritten);
    traffic_result_free(&outcome.result);
    traffic_keeper_end(&keeper);
    if (code != 0) {
        return say_failed(&error);
    }
    return written == 0 ? EXIT_DONE : say_failed(&unwritten);
}

/* Whoever reads JSON gets some when the command line makes no sense, too, whatever of it was understood. */
static void refuse_in_json(int argc, char *argv[], struct send_settings *settings,
                           const struct error *error) {
    struct remote_outcome outcome = {.streams = settings->send.streams};
    bool json = false;
    for (int i = 1; i < argc; i++) {
        json = json || strcmp(argv[i], "--format=json") == 0 ||
               (strcmp(argv[i], "json") == 0 && strcmp(argv[i - 1], "--format") == 0);
    }
    if (json && settings->output == NULL) {
        settings->json = true;
        write_out(settings, &outcome, error->text, stdout, NULL);
    }
}

static int send_out(const struct send_settings *settings) {
    struct error error = {""};
    FILE *out = settings->output == NULL || strcmp(settings->output, "-") == 0
                    ? stdout
                    : fopen(settings->output, "we");
    if (out == NULL) {
        error_set(&error, -errno, "writing '%s': %s: give another file with -o", settings->output,
                  strerror(errno));
        return say_failed(&error);
    }
    int code = test(settings, out);
    if (out != stdout && fclose(out) != 0 && code == EXIT_DONE) {
        error_set(&error, -errno, "writing '%s': %s: is the disk full?", settings->output, strerror(errno));
        code = say_failed(&error);
    }
    return code;
}

static int run(int argc, char *argv[]) {
    struct send_settings settings = send_options_default();
    struct error error = {""};
    int code = send_options_parse(argc, argv, &settings, &error);
    if (code < 0) {
        refuse_in_json(argc, argv, &settings, &error);
    }
    int status = code > 0 ? EXIT_DONE : code < 0 ? say_usage("send", &error) : send_out(&settings);
    remote_streams_free(&settings.send.streams);
    return status;
}

const struct command command_send = {"send", "send traffic to a host where 'recv' runs", run};
