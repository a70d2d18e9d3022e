/* Which way datagrams leave the namespace, and whether they may be given launch times there: asked of the
 * kernel by rtnetlink(7), which answers anybody. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/error.h"
#include "traffic/qdisc.h"

/* Room for what egress_describe() writes. */
#define EGRESS_TEXT_SIZE 64

struct egress {
    int fd; /* -1: none */
    uint32_t sequence;
    struct qdisc_table qdiscs;
    bool shifted;  /* this process's CLOCK_MONOTONIC is not the kernel's (time_namespaces(7)) */
    bool possible; /* some link may keep launch times: no other need be looked for */
    uint8_t *answer;
};

/* What the kernel chooses a route by. */
struct egress_way {
    const struct ip_address *source, *destination;
    uint16_t source_port, destination_port;
    uint8_t dscp;
};

/* Reads the qdiscs of all links of this process's network namespace.  Returns 0, also when what was read
 * makes no sense or can't be had: nothing keeps launch times then; or -ENOMEM.  'egress' is to be closed in
 * every case. */
int egress_open(struct egress *egress);

/* Closes 'egress'. */
void egress_close(struct egress *egress);

/* True if UDP datagrams that go 'way' leave by a link that keeps launch times, which 'launch' then describes.
 * 'link' becomes the number of the link, 0 if there is none. */
bool egress_keeps(struct egress *egress, const struct egress_way *way, struct qdisc_launch *launch,
                  uint32_t *link);

/* The link 'link' and its qdisc in words, "v1, whose qdisc is pfifo".  Returns 'text'. */
const char *egress_describe(const struct egress *egress, uint32_t link, char text[EGRESS_TEXT_SIZE]);
