/* What a process does that outlives the command that started it. */
#pragma once

/* Closes all descriptors but the standard ones, 'keep' and 'keep_too' (both above 2): the caller's files and
 * locks are not to live as long as this process.  Output goes to the file 'log' from here on.  Adopts orphans
 * of its children, so that there is somebody to bury them.
 *
 * Returns a signalfd for SIGTERM, SIGINT and SIGHUP, or -1. */
int background_begin(const char *log, int keep, int keep_too);
