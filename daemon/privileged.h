/* What only root can open, and the worker then uses. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/capture/capture.h"
#include "daemon/site.h"
#include "daemon/worker.h"
#include "topo/topo.h"

struct privileged {
    int export_fds[SOCKET_COUNT];              /* bound in the switch's namespace; -1: that exporter is off */
    uint16_t ports[SOCKET_COUNT];              /* 0: off */
    struct capture *captures[SITE_POINTS_MAX]; /* of the points, each inside its namespace */
    int capture_fds[SITE_POINTS_MAX]; /* of capture files in a folder that only root may write; else -1 */
    int control_fd;                   /* listening; the commands' way to the worker */
};

/* Nothing opened. */
struct privileged privileged_none(void);

/* Opens all that 'lab' wants in the built site, the control socket at 'control', and what it takes to write
 * capture files to 'pcap_dir' ("": none).  Returns 0, or a negative errno with 'error' filled; what was
 * opened until then is for privileged_close(). */
int privileged_open(struct privileged *opened, const struct site_view *view, const struct lab_settings *lab,
                    const char *control, const char *pcap_dir, struct error *error);

#define PRIVILEGED_PATH_SIZE (LAB_PATH_SIZE + 96)

/* Where in 'folder' the frames of the capture 'name' are kept, "h1/eth0" in h1-eth0.pcap. */
void privileged_capture_path(const char *folder, const char *name, char path[PRIVILEGED_PATH_SIZE]);

/* Closes all in this process; a worker that inherited it keeps its own. */
void privileged_close(struct privileged *opened);

/* Makes a listening socket at 'path' that those may use whom 'mode' lets.  Returns 0, or a negative errno
 * with 'error' filled. */
int privileged_listen(const char *path, mode_t mode, int *fd, struct error *error);
