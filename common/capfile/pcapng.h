/* The pcapng format: sections, interfaces, and packets with an interface each.
 *
 * libpcap reads it, too, but not when interfaces differ in link type or snapshot length, as they do in
 * captures of several interfaces and in merged ones.
 *
 * PCAP Next Generation Capture File Format (draft-ietf-opsawg-pcapng). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/capfile/capfile.h"
#include "common/error.h"

struct pcapng;

/* True if the first four bytes of a file say that it is pcapng. */
bool pcapng_is(const uint8_t magic[4]);

/* A reader of 'stream', of which those four bytes have been read.  It is the caller's still.  NULL when
 * memory is out. */
struct pcapng *pcapng_open(FILE *stream);

/* Takes NULL. */
void pcapng_close(struct pcapng *pcapng);

/* Reads the next frame; it holds until the next call.  Returns 1, 0 at the end, or -EIO with 'error' filled
 * when the file is broken. */
int pcapng_next(struct pcapng *pcapng, struct capfile_frame *frame, struct error *error);
