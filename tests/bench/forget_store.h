/* A store that takes rows and forgets them. */
#pragma once

#include <stdint.h>

#include "collector/store/store.h"

/* How many rows it has taken. */
uint64_t forget_store_rows(void);

/* Frees what the last row has. */
void forget_store_end(void);
