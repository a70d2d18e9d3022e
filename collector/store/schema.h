/* The file: opening it for writing, its version, its migrations. */
#pragma once

#include <sqlite3.h>

#include "common/error.h"

/* The value of PRAGMA user_version that this program writes, and the "NSMO" of PRAGMA application_id. */
#define SCHEMA_VERSION        3
#define SCHEMA_APPLICATION_ID 0x4e534d4f

/* Opens 'path' for writing in WAL mode, with the newest schema.  Returns 0, or a negative errno with 'error'
 * filled and *database NULL. */
int schema_open(const char *path, sqlite3 **database, struct error *error);

/* Leaves the file without a WAL (readers that can't write its folder need that) and closes it.  While others
 * have it open it stays in WAL mode; the last one to close ends that. */
void schema_close(sqlite3 *database);
