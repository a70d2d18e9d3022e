/* What somebody may have meant who wrote a name that there is not. */
#pragma once

#include <stddef.h>

/* The one of the 'count' 'names' that 'word' is a slip away from: at most two letters wrong, missing, too
 * many or swapped, and fewer than half of them.  NULL if there is none. */
const char *nearest_name(const char *word, const char *const names[], size_t count);
