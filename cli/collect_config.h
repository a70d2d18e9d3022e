/* The file of 'nsmon collect --config': YAML, a mapping of the fields of collect_options.h. */
#pragma once

#include "daemon/collect.h"

/* Reads the file 'path' into 'settings', onto what is there.  Returns 0, or a negative errno with 'error'
 * filled: for what is wrong in it, FILE:LINE:COLUMN, what was found and what was expected. */
int collect_config_read(const char *path, struct collect_settings *settings, struct error *error);
