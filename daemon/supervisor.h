/* The root process of a lab: builds it, opens what needs privilege, starts the worker, and takes it all down
 * again.
 *
 * It parses nothing that comes off a network.  Its life: started by lab_start() as a child that leads a
 * session of its own, it reports each step to the command, then serves until it is told to stop through its
 * socket (or by SIGTERM). */
#pragma once

#include "daemon/lab.h"
#include "daemon/run_dir.h"

/* What goes through the pipe to the command, and later through the socket: lines of one letter and a text.
 *   s TEXT  a step that people want to see     d TEXT  a detail     i ID PATH  session and database
 *   r TEXT  ready (the switch, for people); a byte comes back, or the lab is taken down again
 *       f TEXT  failed       e       ended, all is down */

/* The first word of a connection to the supervisor's socket, its NUL included: whoever wants the lab stopped,
 * and then follows how that goes; or a run of traffic, which is told to stop by the same word, or by the
 * connection's end. */
#define SUPERVISOR_STOP    "stop"
#define SUPERVISOR_TRAFFIC "traffic"

struct supervisor_settings {
    struct lab_settings lab;
    char database[LAB_PATH_SIZE];
    bool brokered;                /* see database_check() */
    char pcap_dir[LAB_PATH_SIZE]; /* absolute, or "" */
    struct run_dir dir;
    int lock_fd;
    int report_fd; /* to whoever starts the lab */
};

/* Runs the supervisor in the calling process, and returns its exit status. */
int supervisor_main(const struct supervisor_settings *settings);
