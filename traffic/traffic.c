#include "traffic/traffic.h"

#include <errno.h>
#include <stdlib.h>

int traffic_run(const struct traffic_settings *settings, struct traffic_result *result, struct error *error) {
    (void)settings;
    *result = (struct traffic_result){0};
    return error_set(error, -ENOSYS, "traffic is not there yet");
}

void traffic_result_free(struct traffic_result *result) {
    free(result->flows);
    free(result->intervals);
    histogram_free(&result->owd);
    *result = (struct traffic_result){0};
}
