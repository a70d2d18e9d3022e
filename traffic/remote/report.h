/* A test's outcome as JSON: docs/send-json.schema.json. */
#pragma once

#include <jansson.h>

#include "traffic/remote/send.h"

/* Makes the object of 'outcome'; 'error' is what went wrong, or "".  To be released with json_decref(); NULL
 * without memory. */
json_t *remote_report_json(const struct remote_outcome *outcome, const char *error);
