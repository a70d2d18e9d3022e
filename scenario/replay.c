/* Runs that play a capture file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scenario/field.h"

int scenario_check_replay(const struct scenario *scenario, const struct config_node *node,
                          struct error *error) {
    static const char *const of_flows[] = {"profile", "groups", "duration", "flows", "scale"};
    static const char *const of_replays[] = {"speed", "loop"};
    const struct config *file = &scenario->file;
    const bool replay = config_get(node, "replay") != NULL;
    const char *const *others = replay ? of_flows : of_replays;
    size_t count = replay ? sizeof of_flows / sizeof *of_flows : sizeof of_replays / sizeof *of_replays;
    for (size_t i = 0; i < count; i++) {
        const struct config_node *other = config_get(node, others[i]);
        if (other != NULL) {
            return config_error(file, other->key, error,
                                replay ? "found '%s' beside 'replay', expected one without the other"
                                       : "found '%s' without 'replay', expected it beside a capture file",
                                others[i]);
        }
    }
    return 0;
}

static int find_file(struct scenario *scenario, struct scenario_run *run, const struct config_node *node,
                     struct error *error) {
    run->replay_path = scenario_path(scenario, run->replay);
    if (run->replay_path == NULL) {
        return error_set(error, -ENOMEM, "no memory for the name of a file");
    }
    return access(run->replay_path, R_OK) == 0
               ? 0
               : config_error(&scenario->file, node, error, "found '%s', expected a capture file: %s",
                              run->replay_path, strerror(errno));
}

/* The others do not hear a host that plays a file, so it can't take part in anything else. */
static int check_hosts(const struct scenario *scenario, const struct scenario_run *run,
                       const struct config_node *node, struct error *error) {
    for (size_t i = 0; i < scenario->run_count; i++) {
        const struct scenario_run *other = &scenario->runs[i];
        if (other->replay == NULL && (other->from == run->from || other->to == run->from)) {
            return config_error(&scenario->file, node, error,
                                "found a replay from ns%u, of which there is other traffic, too: expected a "
                                "host of its own, since nothing else of a replaying host gets through",
                                run->from);
        }
    }
    return 0;
}

int scenario_settle_replays(struct scenario *scenario, struct error *error) {
    int code = 0;
    const struct config_node *list = config_get(scenario->file.root, "traffic");
    const struct config_node *item = list != NULL ? list->first : NULL;
    for (size_t i = 0; code == 0 && item != NULL; i++, item = item->next) {
        struct scenario_run *run = &scenario->runs[i];
        const struct config_node *node = config_get(item, "replay");
        if (node != NULL) {
            code = find_file(scenario, run, node, error);
            code = code == 0 ? check_hosts(scenario, run, node, error) : code;
        }
    }
    return code;
}

void scenario_free_replays(struct scenario *scenario) {
    for (size_t i = 0; i < scenario->run_count; i++) {
        free(scenario->runs[i].replay_path);
    }
}
