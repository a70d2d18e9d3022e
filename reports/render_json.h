/* The report as a JSON value, for the renderers that carry it. */
#pragma once

#include <jansson.h>

#include "reports/model.h"

/* The whole of 'report' with at most 'flow_limit' of its flows, the largest first.  To be released with
 * json_decref(); NULL when memory is out. */
json_t *report_json(const struct report *report, size_t flow_limit);
