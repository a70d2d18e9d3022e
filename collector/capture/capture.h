/* Live captures at the stations' taps, metered as they come.
 *
 * A capture is opened with privilege and inside its namespace (capture_open()); all the rest needs none, and
 * may run in a child process that inherited it.  The two directions of a tap are two kernel-filtered libpcap
 * handles, so that libpcap's counts speak of that direction alone; a third, unfiltered one feeds the file of
 * --pcap-dir. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "collector/capture/split.h"
#include "collector/store/store.h"
#include "common/error.h"

struct capture;

struct capture_settings {
    const char *interface; /* in the network namespace of the calling thread; must be up */
    const char *name;      /* of the capture in the database; NULL: the interface's */
    unsigned int station;  /* 1 for tap1 ... */
    const uint8_t *mac;    /* six bytes, the station's; NULL for a port */
    bool port;             /* a port of the bridge: what comes in there goes to the switch */
    bool file;             /* also open the handle for a file */
    uint32_t buffer_bytes; /* of each handle; 0 is 16 MiB */
};

struct capture_counts {
    uint64_t received;  /* frames that the kernel handed to the filter's socket, lost ones included */
    uint64_t dropped;   /* lost for want of buffer */
    uint64_t processed; /* metered */
    uint64_t bytes;     /* of those, layer 2 without FCS */
    uint64_t malformed;
};

/* Opens the handles of a tap.  Returns 0, or a negative errno with 'error' filled. */
int capture_open(const struct capture_settings *settings, struct capture **capture, struct error *error);

/* Closes the handles and frees 'capture'.  Takes NULL. */
void capture_close(struct capture *capture);

/* Has everything that the tap sees written to the new file 'path' as well, cut as the capture is; or to 'fd',
 * which then is that file and belongs to the capture, unless it is -1.  To be called before capture_start();
 * needs settings.file. Returns 0, or a negative errno with 'error' filled. */
int capture_write_file(struct capture *capture, const char *path, int fd, struct error *error);

/* The thread that reads a set of captures and appends truth rows to 'store'. */
struct capture_thread;

/* Starts reading 'count' captures, which must stay until capture_stop(), as must 'split', unless NULL, which
 * is shown the datagrams of nsmon's endpoints.  Returns NULL with 'error' filled. */
struct capture_thread *capture_start(struct capture *const captures[], size_t count, struct store *store,
                                     struct split *split, struct error *error);

/* Drains what the kernel still holds (until as many frames were processed as were received and not dropped,
 * at most 2 s), writes all rows, and ends the thread.  Takes NULL. */
void capture_stop(struct capture_thread *thread);

/* True if the file of capture_write_file() could not be written to its end: the disk is full, say. */
bool capture_file_failed(const struct capture *capture);

/* The counts so far in one direction; a few hundred ms behind while the thread runs. */
struct capture_counts capture_counts(const struct capture *capture, enum truth_direction direction);
