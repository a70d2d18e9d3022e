/* Scenarios: whatever is read is taken, or refused with a reason in one line; rules are not asked of
 * ovs-ofctl. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "scenario/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct scenario *scenario = NULL;
    struct error error = {""};
    /* Each rule would start a program, and a histogram's name may be that of any file. */
    if (memmem(data, size, "openflow", 8) != NULL || memmem(data, size, "-histogram", 10) != NULL) {
        return 0;
    }
    int code = scenario_parse("x.yaml", data, size, &scenario, &error);
    if (code == 0 && (scenario->run_count == 0 || scenario->run_count > SCENARIO_RUNS_MAX ||
                      scenario->group_count > SCENARIO_GROUPS_MAX || scenario->lab.hosts > TOPO_HOSTS_MAX ||
                      scenario->repetitions == 0)) {
        abort();
    }
    if (code != 0 &&
        (scenario != NULL || strncmp(error.text, "x.yaml:", 7) != 0 || strchr(error.text, '\n') != NULL)) {
        abort();
    }
    scenario_free(scenario);
    return 0;
}
