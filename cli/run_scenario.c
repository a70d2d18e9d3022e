#include "cli/run_scenario.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/nearest.h"
#include "common/quantity.h"

enum { NAMES_MAX = 64 };

static bool ends_in(const char *text, const char *ending) {
    size_t length = strlen(text);
    return length > strlen(ending) && strcmp(text + length - strlen(ending), ending) == 0;
}

static bool is_file(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

static int no_such(const char *name, struct error *error) {
    const char *names[NAMES_MAX];
    size_t shipped_count = 0;
    size_t profile_count = 0;
    size_t count = 0;
    const struct scenario_shipped *shipped = scenario_shipped(&shipped_count);
    const struct traffic_profile *profiles = traffic_profiles(&profile_count);
    for (size_t i = 0; i < shipped_count && count < NAMES_MAX; i++) {
        names[count++] = shipped[i].name;
    }
    for (size_t i = 0; i < profile_count && count < NAMES_MAX; i++) {
        names[count++] = profiles[i].name;
    }
    const char *near = nearest_name(name, names, count);
    return error_set(
        error, -EINVAL,
        "there is no scenario, profile or file '%s'%s%s%s; 'nsmon run --list' shows the scenarios", name,
        near == NULL ? "" : " (did you mean '", near == NULL ? "" : near, near == NULL ? "" : "'?)");
}

/* A scenario of the profile 'name' and nothing else. */
static int of_profile(const char *name, struct scenario **scenario, struct error *error) {
    char text[128];
    snprintf(text, sizeof text, "name: %s\ntraffic: [{profile: %s}]\n", name, name);
    return scenario_parse("(profile)", text, strlen(text), scenario, error);
}

int run_scenario_of_replay(const char *path, struct scenario **scenario, struct error *error) {
    char quoted[1024];
    char text[1200];
    size_t used = 0;
    *scenario = NULL;
    for (const char *at = path; *at != '\0' && used + 2 < sizeof quoted; at++) {
        quoted[used++] = *at;
        if (*at == '\'') { /* doubled within quotes: YAML 1.2, 7.3.2 */
            quoted[used++] = '\'';
        }
    }
    quoted[used] = '\0';
    snprintf(text, sizeof text, "name: replay\ntraffic: [{replay: '%s'}]\n", quoted);
    return scenario_parse("(replay)", text, strlen(text), scenario, error);
}

int run_scenario_find(const char *name, struct scenario **scenario, struct error *error) {
    *scenario = NULL;
    if (strchr(name, '/') != NULL || ends_in(name, ".yaml") || ends_in(name, ".yml")) {
        return scenario_read(name, scenario, error);
    }
    const struct scenario_shipped *shipped = scenario_shipped_find(name);
    if (shipped != NULL) {
        return scenario_parse(shipped->name, shipped->text, strlen(shipped->text), scenario, error);
    }
    if (traffic_profile_find(name) != NULL) {
        return of_profile(name, scenario, error);
    }
    return is_file(name) ? scenario_read(name, scenario, error) : no_such(name, error);
}

void run_scenario_list(void) {
    size_t count = 0;
    const struct scenario_shipped *shipped = scenario_shipped(&count);
    for (size_t i = 0; i < count; i++) {
        struct scenario *scenario = NULL;
        if (scenario_parse(shipped[i].name, shipped[i].text, strlen(shipped[i].text), &scenario, NULL) == 0) {
            printf("%-20s %s\n", shipped[i].name, scenario->summary);
        }
        scenario_free(scenario);
    }
}

int run_scenario_print(const char *name, struct error *error) {
    const struct scenario_shipped *shipped = scenario_shipped_find(name);
    if (shipped == NULL) {
        return no_such(name, error);
    }
    fputs(shipped->text, stdout);
    return 0;
}

void run_scenario_describe(const char *name, const struct scenario *scenario) {
    char duration[QUANTITY_TEXT_SIZE];
    const struct lab_settings *lab = &scenario->lab;
    printf("%s: ok: %s, %u hosts, %zu %s of traffic", name, scenario->name, lab->hosts != 0 ? lab->hosts : 2,
           scenario->run_count, scenario->run_count == 1 ? "run" : "runs");
    if (scenario->duration_ns != 0) {
        printf(", %s", quantity_time_format(scenario->duration_ns, duration));
    }
    if (scenario->repetitions > 1) {
        printf(", %u repetitions", scenario->repetitions);
    }
    putchar('\n');
}
