/* Runs of one scenario after each other, and what they say together. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"

/* Compares the 'count' sessions 'ids' of the database that 'options' name, each by itself and then all
 * beside each other, and writes it where and how they say.  Returns an exit status. */
int run_repeats_report(const struct read_options *options, const int64_t ids[], size_t count);

/* The least number N from which on 'count' labels "BASE-N", "BASE-N+1" ... are free in the database 'path'; 1
 * if there is no database yet. */
unsigned run_repeats_first(const char *path, const char *base);
