/* Whether the queueing discipline of a link keeps launch times, that is, holds a datagram back until the
 * moment that its sender gave it (socket(7), SO_TXTIME): what the kernel says of qdiscs and routes
 * (rtnetlink(7)), read and judged.  Nothing here asks; traffic/egress.h does.
 *
 * fq keeps them, in CLOCK_MONOTONIC (net/sched/sch_fq.c), and so does etf, in CLOCK_TAI (sch_etf.c), at a
 * link itself or below the queues of mq and mqprio.  Of every other one the answer is no: noqueue, which veth
 * has unless told otherwise, pfifo_fast and fq_codel send at once, and what tbf or htb have below them gets
 * its turn when they want. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Qdiscs of all links of a namespace; where there are more, nothing is known of any. */
#define QDISC_MAX       16384
#define QDISC_KIND_SIZE 16
#define QDISC_QUEUES    16

/* How a launch time is to be given so that the datagram leaves at a moment. */
struct qdisc_launch {
    clockid_t clock;  /* CLOCK_MONOTONIC or CLOCK_TAI */
    int64_t shift_ns; /* to be added to the moment: etf lets go so much before the time that it is told */
    int64_t guard_ns; /* the moment must be so far ahead, or etf drops the datagram; 0: none is dropped */
};

struct qdisc {
    uint32_t link;           /* the number of its link */
    uint32_t handle, parent; /* parent TC_H_ROOT: it is the link's own */
    char kind[QDISC_KIND_SIZE];
    bool keeps; /* launch times, as 'launch' says */
    struct qdisc_launch launch;
    /* Of mqprio: the class of each priority, of how many there are, and each one's queues. */
    uint8_t class_count, classes[QDISC_QUEUES];
    uint16_t first[QDISC_QUEUES], count[QDISC_QUEUES];
};

struct qdisc_table {
    struct qdisc *items;
    size_t count, room;
};

/* Reads the 'size' bytes at 'bytes', a part of the answer to the dump RTM_GETQDISC that was asked for by
 * 'sequence', into 'table'.  Returns 1 at the answer's end, 0 if more is to come, -EBADMSG for what makes no
 * sense, -EINTR when something has changed meanwhile, -E2BIG for more than QDISC_MAX, -ENOMEM, or the
 * kernel's own negative errno. */
int qdisc_table_read(struct qdisc_table *table, const void *bytes, size_t size, uint32_t sequence);

/* Frees what 'table' holds.  Takes a zeroed one. */
void qdisc_table_free(struct qdisc_table *table);

/* The qdisc of the link 'link' itself, or NULL. */
const struct qdisc *qdisc_root(const struct qdisc_table *table, uint32_t link);

/* True if launch times are kept of datagrams of 'priority' (socket(7), SO_PRIORITY), whichever queue of the
 * link they come into; 'launch' then says how to give them. */
bool qdisc_keeps(const struct qdisc_table *table, uint32_t link, unsigned int priority,
                 struct qdisc_launch *launch);

/* The priority that the kernel gives datagrams of 'family', 4 or 6, with the code point 'dscp'
 * (net/ipv4/route.c, ip_tos2prio; IPv6 has none). */
unsigned int qdisc_priority(uint8_t family, uint8_t dscp);

/* Reads the answer to the RTM_GETROUTE that was asked for by 'sequence': the number of the link by which
 * datagrams leave, in 'link'.  Returns 0, -EBADMSG, -ENETUNREACH for a route that leads nowhere, or the
 * kernel's negative errno. */
int qdisc_route_read(const void *bytes, size_t size, uint32_t sequence, uint32_t *link);
