/* Reads capture files frame by frame: pcap, and pcapng with interfaces of any kind.
 *
 * Usage: capfile_open() -> capfile_next() until it is not 1 -> capfile_close().  A file of any size takes the
 * memory of one frame. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* A captured frame. */
struct capfile_frame {
    int link_type; /* a LINKTYPE_ value */
    int64_t at_ns; /* since the epoch; 0 where the file says no time */
    uint32_t size; /* captured */
    uint32_t wire; /* of the frame; at least 'size' */
    const uint8_t *bytes;
};

struct capfile;

/* Begins to read the file behind 'fd', which stays the caller's, from its beginning, or a pipe from where it
 * is; 'path' is its name for messages, kept by the caller.  Returns 0, or with 'error' filled -EINVAL when it
 * is no capture file, -EIO, -ENOMEM. */
int capfile_open(struct capfile **capfile, int fd, const char *path, struct error *error);

/* Closes 'capfile'.  Takes NULL. */
void capfile_close(struct capfile *capfile);

/* Reads the next frame; it holds until the next call.  Returns 1, 0 at the end, or -EIO with 'error' filled
 * when the file is cut off or damaged there. */
int capfile_next(struct capfile *capfile, struct capfile_frame *frame, struct error *error);

/* Finds what stands behind the link layer's header of a frame that is not Ethernet: raw IP, BSD loopback,
 * Linux cooked, PPP, Cisco HDLC.  'link_type' is a LINKTYPE_ value, of the frame are 'size' bytes at 'bytes'.
 *
 * '*ethertype' becomes the EtherType of what is there, and '*skip' where it begins.  Returns 0; -EBADMSG for
 * a header that is not whole or says nothing that has an EtherType; -EPROTONOSUPPORT for another link type.
 *
 * pcap-linktype(7). */
int capfile_network(int link_type, const uint8_t *bytes, size_t size, uint16_t *ethertype, size_t *skip);
