#include "scenario/scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario/field.h"
#include "topo/openflow.h"

/* The name of the file 'path', without folder and ending. */
static void name_after(const char *path, char *name, size_t size) {
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    size_t length = strcspn(base, ".");
    snprintf(name, size, "%.*s", (int)(length < 40 ? length : 40), base);
    for (char *at = name; *at != '\0'; at++) {
        *at = strchr(" /\\'\"\n", *at) != NULL ? '_' : *at;
    }
}

/* Takes what 'scenario''s file says. */
static int take(struct scenario *scenario, struct error *error) {
    struct scenario_reading reading = {.scenario = scenario};
    const struct config *file = &scenario->file;
    const struct config_node nothing = {.kind = CONFIG_VALUE, .line = 1, .column = 1, .text = ""};
    scenario->lab = lab_settings_default();
    scenario->lab.sflow_sampling = 0; /* not said yet */
    scenario->lab.ipfix_sampling = 0;
    scenario->seed = UINT64_MAX;
    scenario->repetitions = 1;
    scenario->summary = "";
    scenario->description = "";
    name_after(file->name, scenario->own_name, sizeof scenario->own_name);
    scenario->name = scenario->own_name;
    int code = scenario_take(&reading, &scenario_section_file, file->root != NULL ? file->root : &nothing,
                             scenario, error);
    scenario->has_seed = scenario->seed != UINT64_MAX;
    return code == 0 ? scenario_settle(&reading, error) : code;
}

/* Takes what has been read with 'code', or frees it. */
static int conclude(struct scenario *scenario, int code, struct scenario **result, struct error *error) {
    code = code == 0 ? take(scenario, error) : code;
    if (code != 0) {
        scenario_free(scenario);
        scenario = NULL;
    }
    *result = scenario;
    return code;
}

int scenario_read(const char *path, struct scenario **scenario, struct error *error) {
    struct scenario *made = calloc(1, sizeof *made);
    *scenario = NULL;
    return made == NULL
               ? error_set(error, -ENOMEM, "no memory for the scenario '%s'", path)
               : conclude(made, config_read(&made->file, path, SCENARIO_SIZE_MAX, error), scenario, error);
}

int scenario_parse(const char *path, const void *bytes, size_t size, struct scenario **scenario,
                   struct error *error) {
    struct scenario *made = calloc(1, sizeof *made);
    *scenario = NULL;
    return made == NULL
               ? error_set(error, -ENOMEM, "no memory for the scenario '%s'", path)
               : conclude(made, config_parse(&made->file, path, bytes, size, SCENARIO_SIZE_MAX, error),
                          scenario, error);
}

void scenario_free(struct scenario *scenario) {
    if (scenario != NULL) {
        scenario_free_replays(scenario);
        for (size_t i = 0; i < scenario->histogram_count; i++) {
            free(scenario->histograms[i]);
        }
        topo_openflow_free(&scenario->lab.openflow);
        config_free(&scenario->file);
        free(scenario);
    }
}

const char *scenario_text(const struct scenario *scenario) {
    return scenario->file.text;
}

char *scenario_path(const struct scenario *scenario, const char *name) {
    const char *slash = name[0] == '/' ? NULL : strrchr(scenario->file.name, '/');
    int folder = slash == NULL ? 0 : (int)(slash - scenario->file.name) + 1;
    size_t size = (size_t)folder + strlen(name) + 1;
    char *path = malloc(size);
    if (path != NULL) {
        snprintf(path, size, "%.*s%s", folder, scenario->file.name, name);
    }
    return path;
}
