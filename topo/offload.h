/* What the kernel leaves to a network card: wrong for a lab whose frames are counted one by one. */
#pragma once

#include "common/error.h"

/* Turns checksum and segmentation offloads and receive merging off at the link 'name' of the namespace
 * 'netns_fd', and reads them back.  To be called before the link is brought up.  Returns 0, -EIO if one stays
 * on, or another negative errno, with 'error' filled.
 *
 * With them on, veth hands on partial checksums and frames above the MTU: the userspace datapath drops TCP,
 * and captures and exporters count one frame where several cross a wire. */
int offload_disable(int netns_fd, const char *name, struct error *error);

/* Reads them.  Returns 0 if all are off, 1 if one is on, with its name in '*which', or a negative errno with
 * 'error' filled. */
int offload_check(int netns_fd, const char *name, const char **which, struct error *error);
