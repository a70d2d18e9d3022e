/* A database in a folder that only root may write, for a writer that is not root.
 *
 * SQLite makes and removes a journal beside the file, so that the writer has to be allowed into the folder.
 * A broker, a root process that does nothing else, opens and removes just the four files of that one database
 * for it: FILE, FILE-wal, FILE-shm, FILE-journal.  It parses nothing; a request is a number of two digits. */
#pragma once

#include "common/error.h"

/* Makes the two ends of a broker's connection.  Returns 0 or a negative errno. */
int store_broker_open(int ends[2]);

/* Serves the writer at 'fd' until it closes its end.  'path' is the database, absolute; its folder has to be
 * root's and closed to others' writing, so that nobody can put another file under one of the names.  Returns
 * 0, or a negative errno with 'error' filled. */
int store_broker_serve(int fd, const char *path, struct error *error);

/* Makes this process open the files of the database 'path' through the broker at 'fd', for its whole life. To
 * be called before store_open(), once.  Returns 0 or a negative errno. */
int store_broker_use(int fd, const char *path);
